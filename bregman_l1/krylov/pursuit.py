"""The sparsest x >= 0 with A x = y, guessed: hard thresholding and least squares in turns.

With r = y - A x the entries x_j + a_j'r / |a_j|^2 are those of a solution plus noise of the size of r, if the columns
are far from parallel: entries above the noise are kept, and fitted to y by a few conjugate gradients (hard thresholding
pursuit, Foucart 2011). Nothing is promised; what it finds is worth what a dual says of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import Index, Vector
from bregman_l1.krylov.chosen import Chosen

if TYPE_CHECKING:
    from bregman_l1.krylov.products import CountedProducts


def pursued(products: CountedProducts, x: Vector) -> Vector | None:
    """An x with few positive entries that solves A x = y to rounding; None where the residual does not fall.

    Parameters
    ----------
    products : CountedProducts
    x : ndarray of shape (d,)
        Where to start.
    """
    y, squares = products.y, products.squares
    norm_y, last = float(np.linalg.norm(y)), np.inf
    residual = y - products.matvec(x) if x.any() else y
    for _ in range(settings.MOST_PURSUITS):
        left = float(np.linalg.norm(residual)) / norm_y
        if not left < settings.PURSUED * last:
            return x if left <= settings.NEARLY_EXACT else None
        last, noise = left, settings.ABOVE_NOISE * float(np.linalg.norm(residual)) / np.sqrt(y.size * squares)
        estimate = products.of_one_sign(x + products.rmatvec(residual) / squares)
        kept = np.flatnonzero(estimate > noise)
        most = int(settings.MOST_CHOSEN * y.size)
        if kept.size > most:
            kept = np.sort(kept[np.argpartition(-estimate[kept], most)[:most]])
        if not kept.size:
            return None
        x, residual = _refitted(products, x, kept, left)
        if float(np.linalg.norm(residual)) <= settings.EXACT * norm_y:
            return x
    return None


def _refitted(products: CountedProducts, x: Vector, kept: Index, left: float) -> tuple[Vector, Vector]:
    """The x >= 0 on kept entries that fits y better, and y - A x; to rounding, once the residual shows the support."""
    chosen, shows = Chosen(products, kept), left < settings.SUPPORT_SHOWS
    missing = chosen.transposed(products.y - chosen.times(x[kept]))
    values = x[kept] + chosen.normal_solution(missing, settings.FITTED_WELL if shows else settings.FITTED_ROUGHLY)
    least = settings.HIDDEN * float(values.max()) if shows else 0.0
    x = np.zeros_like(x)
    x[kept] = np.where(values > least, values, 0.0)
    return x, products.y - products.matvec(x)


def fitted(products: CountedProducts, x: Vector, share: float) -> Vector | None:
    """The solution of A x = y on the entries above a share of the largest; None where there is none above zero."""
    kept = np.flatnonzero(x > share * float(x.max()))
    if kept.size > products.y.size:
        return None
    norm_y, left = float(np.linalg.norm(products.y)), np.inf
    for _ in range(settings.MOST_REFITS):
        x, residual = _refitted(products, x, kept, 0.0)
        left = float(np.linalg.norm(residual)) / norm_y
        if left <= settings.EXACT:
            break
        kept = np.flatnonzero(x)
    return x if left <= settings.NEARLY_EXACT else None
