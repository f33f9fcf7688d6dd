"""How x(alpha) approaches its limit at depth D > 2, where every coordinate off the support falls like alpha itself.

Let w be the weights of the l1 norm that the limit minimises, x* that limit, S its support and R what lies off it. With
a = alpha^c, the scale of the prior, x_j = a (w_j - a_j'z)^(-D/(D-2)) for one z (see `Potential`), and (a / x_i)^q on S
vanishes, q = (D-2)/D. So z tends to the z* with A_S'z* = w_S that minimises

    sum over R of (w_j - a_j'z)^(-2/(D-2)),    of -log(w_j - a_j'z) at infinite depth,

since A_R x_R stays in the range of A_S, and

    x(alpha)_R / a -> (w_R - A_R'z*)^(-D/(D-2)),    x(alpha)_S = x*_S - B x(alpha)_R + O(a^2),

with relative corrections O(a^q). B is the response of `Limit.B`: pinv(A_S) A_R for one minimiser; for several, small
changes of x_S keep theta(x_S) in the row space of A_S, which is the same with the weights dx / dtheta. In the
coordinates of the kernel cone w_R - A_R'z = gamma - C'b, and z* belongs to a `BarrierCentre`.
"""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

from bregman_l1.polyhedron.barrier_centre import barrier_centre
from bregman_l1.theory.asymptotics import Layer, PowerLaws, checked_rate
from bregman_l1.theory.limit import Limit


def barrier_layer(limit: Limit) -> Layer | None:
    """All coordinates off the support that are not zero everywhere; None where x(alpha) is the same for every alpha."""
    if not limit.moves:
        return None
    used, vertex = limit.cone.reachable, checked_rate(limit.steepest)
    centre = barrier_centre(limit.gamma[used], limit.cone.C[:, used], vertex.b, limit.potential)
    log_constant, q = float(logsumexp(centre.log_n)), np.zeros(used.size)
    q[used] = np.exp(centre.log_n - log_constant)
    return Layer(rate=limit.rate, log_constant=log_constant, q=q, active=used, b=centre.b, vertex=vertex)


def barrier_power_laws(limit: Limit, layer: Layer | None) -> PowerLaws:
    """One exponent for all; the dual is z*."""
    exponents = np.full(limit.cost.size, np.inf)
    log_coefficients = np.full(limit.cost.size, -np.inf)
    exponents[limit.support], log_coefficients[limit.support] = 0.0, np.log(limit.x_S)
    b = np.zeros(limit.cone.C.shape[0])
    if layer is not None:
        first, b = limit.cone.outside[layer.active], layer.b
        exponents[first] = layer.rate
        log_coefficients[first] = layer.log_constant + np.log(layer.q[layer.active])
    dual = limit.cone.dual_vector(limit.weights[limit.support], b)
    return PowerLaws(exponents=exponents, log_coefficients=log_coefficients, dual=dual)
