"""Where unique recovery sets in: the curve beside which the study of recovery is drawn."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import ndtr


def recovery_threshold(sparsity: float) -> float:
    """Return the share N/d of Gaussian rows above which an s-sparse x0 >= 0 is recovered, for large d.

    The statistical dimension of the descent cone of sum x over x >= 0 at x0, divided by d (Amelunxen, Lotz,
    McCoy & Tropp 2014, Section 4; it is Donoho and Tanner's weak threshold of the simplex):
    min over tau >= 0 of p (1 + tau^2) + (1 - p) E max(g - tau, 0)^2, with p = s/d and g standard normal.

    Parameters
    ----------
    sparsity : float
        The share s/d of nonzero entries.

    Returns
    -------
    float
        N/d at the transition.

    Examples
    --------
    >>> round(recovery_threshold(0.1), 3)
    0.265
    """

    def dimension(tau: float) -> float:
        density = np.exp(-(tau**2) / 2) / np.sqrt(2 * np.pi)
        tail = (1.0 + tau**2) * ndtr(-tau) - tau * density
        return float(sparsity * (1.0 + tau**2) + (1.0 - sparsity) * tail)

    return float(minimize_scalar(dimension, bounds=(0.0, 10.0), method="bounded").fun)
