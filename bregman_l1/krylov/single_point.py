"""A feasible set of a single point: what no projection moves, and no Newton step reaches, since its zeros are forced.

Where the rows of A add up to ones, A'w = 1, the entries of every solution have the same sum. If then one solution x is
the only l1 minimiser, by a mu with A_S'mu = 1 on its support S and A'mu < 1 elsewhere, it is the only solution:
z = mu - w has A'z = 0 on S, A'z < 0 elsewhere and y'z = 0, an exposing vector.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import Vector
from bregman_l1.claim import Claim, ExposingVector
from bregman_l1.frozen import read_only
from bregman_l1.krylov.chosen import Chosen
from bregman_l1.krylov.pursuit import pursued
from bregman_l1.krylov.supporting_dual import Dual, supporting_dual
from bregman_l1.newton.conjugate_gradients import conjugate_gradients
from bregman_l1.outcome import Outcome

if TYPE_CHECKING:
    from bregman_l1.krylov.products import CountedProducts


def single_point(products: CountedProducts, log_prior: Vector) -> Claim | None:
    """The projection of any prior where it is the only solution; None where that is not seen.

    Its zeros are proved by an exposing vector; the dual is that of least norm for its positive entries.
    """
    w = _adding_up_to_ones(products)
    if w is None:
        return None
    none = np.zeros(products.shape[1])
    x = pursued(products, none)
    if x is None:
        return None
    support = np.flatnonzero(x)
    proved = supporting_dual(products, np.ones(x.size), support, Dual(np.zeros_like(products.y), none))
    if proved is None:
        return None
    z = proved.mu - w
    slack = products.rmatvec(z)
    slack[support] = -np.inf
    if not float(slack.max()) < -settings.EXPOSED:
        return None
    log_x = np.full(x.size, -np.inf)
    log_x[support] = np.log(x[support])
    chosen = Chosen(products, support)
    lam = chosen.times(chosen.normal_solution(log_x[support] - log_prior[support], settings.FITTED))
    return Claim(
        log_x=read_only(log_x),
        dual=read_only(lam / products.row_norms),
        proof=ExposingVector(read_only(z / products.row_norms)),
        raw_status=Outcome.OPTIMAL.value,
        error=settings.HIDDEN,
    )


def _adding_up_to_ones(products: CountedProducts) -> Vector | None:
    """The w with A'w = 1, None where there is none; a few iterations tell in most cases."""
    n_columns = products.shape[1]
    sums = products.matvec(np.ones(n_columns))
    for most in (settings.FEW_GRADIENTS, settings.MOST_NORMAL):
        found = conjugate_gradients(
            lambda lam: products.matvec(products.rmatvec(lam)), sums, residual=settings.FITTED, most=most
        )
        missing = np.abs(products.rmatvec(found.solution) - 1.0)
        if float(missing.max()) <= settings.ADDED_UP:
            return np.asarray(found.solution)
        if float(missing @ missing) > settings.HARDLY * n_columns:
            return None
    return None
