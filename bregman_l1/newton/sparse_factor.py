"""The normal equations (A W A') lam = right of a sparse A whose A A' is narrow, by a sparse factor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import reverse_cuthill_mckee
from scipy.sparse.linalg import SuperLU, splu

from bregman_l1 import settings
from bregman_l1._types import EPS, WIDE_EPS, Index, Matrix, Vector
from bregman_l1.newton.equations import NormalEquations

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem


def bandwidth(system: LinearSystem) -> int:
    """The bandwidth of A A' with its rows in order (Cuthill & McKee 1969); N where A A' is not sparse enough to look.

    A factor takes at most so many entries a row. What happens in one row is felt in all others after N / bandwidth
    products at the earliest: conjugate gradients take some multiple of that.

    Examples
    --------
    >>> from bregman_l1 import LinearSystem
    >>> chain = sp.diags_array([np.ones(9), np.ones(9)], offsets=[0, 1], shape=(9, 10))
    >>> bandwidth(LinearSystem(sp.csc_array(chain), np.ones(9)))
    2
    """
    return system.remember("bandwidth of the normal matrix", lambda: _bandwidth(system))


class SparselyFactored(NormalEquations):
    """The factor of A W A' on rows that the others do not say, in double precision.

    Attributes
    ----------
    left : float
        The relative residual that the last solution left in all rows.
    """

    accuracy, nearby = settings.SETTLED, settings.TAKE_CARE

    def __init__(self, system: LinearSystem) -> None:
        self._system = system
        self._kept, self._relations = system.remember("rows of a sparse factor", lambda: _independent(system))
        self.left = np.nan

    def at(self, log_x: Vector, log_weights: Vector, *, near: bool = True) -> Vector | None:
        """Take x = exp(log_x) and its weights, and return y - A x; None where A W A' is singular to rounding.

        ``near`` the solution y - A x is taken with care.
        """
        x = np.exp(log_x)
        weights = x if log_weights is log_x else np.exp(log_weights)
        self._normal = _normal_matrix(self._system, weights)
        few = min(self._system.shape[0] // 2, x.size - 1) if near else 0
        self._apart = np.argpartition(weights, x.size - few - 1)[x.size - few :]
        self._x, self._weights = x, weights
        with_pivots = _factor(self._normal[self._kept][:, self._kept])
        if with_pivots is None or not (with_pivots[2] > EPS).all():
            return None
        self._factor, self._scale, _ = with_pivots
        return self._system.remainder(x, self._apart)

    def solve(self, right: Vector, residual: float) -> Vector:  # noqa: ARG002 - never less than exact
        """Return lam with (A W A') lam = right, zero in the rows that the others say; see `left`.

        What contradicts these is spread over all rows, in proportion to their size.
        """
        lam, spread = np.zeros(right.size), self._relations * self._normal.diagonal()
        given, right = right, right - spread.T @ np.linalg.solve(spread @ self._relations.T, self._relations @ right)
        rest = right
        for _ in range(2):
            lam[self._kept] += self._scale * self._factor.solve(self._scale * rest[self._kept])
            rest = right - self._normal @ lam
        self.left = float(np.linalg.norm(given - self._normal @ lam) / (np.linalg.norm(given) or 1.0))
        return lam

    def rounding(self) -> Vector:
        """How much the rounding of y - A x may amount to in each row."""
        light, dominant = self._weights.copy(), np.zeros(self._x.size)
        light[self._apart], dominant[self._apart] = 0.0, self._x[self._apart] ** 2
        rest = np.sqrt(self._system.gram_diagonal(light) * float(light @ (self._x / self._weights) ** 2))
        return np.asarray(4 * EPS * rest + WIDE_EPS * np.sqrt(self._system.gram_diagonal(dominant)))


def _normal_matrix(system: LinearSystem, weights: Vector) -> sp.csc_array:
    """A diag(weights) A'."""
    columns = sp.csc_array(system.distinct.matrix)
    return sp.csc_array(columns @ sp.diags_array(system.merged(weights)) @ columns.T)


def _factor(normal: sp.csc_array) -> tuple[SuperLU, Vector, Vector] | None:
    """The factor of a symmetric matrix scaled to a unit diagonal, the scale, and the pivot of each row."""
    diagonal = normal.diagonal()
    if not (diagonal > 0.0).all():
        return None
    scale = 1.0 / np.sqrt(diagonal)
    scaled = sp.csc_array(sp.diags_array(scale) @ normal @ sp.diags_array(scale))
    raised = sp.csc_array(scaled + settings.LEAST_RIDGE * sp.eye_array(diagonal.size))
    factor = splu(raised, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    return factor, scale, np.abs(factor.U.diagonal()[factor.perm_r])


def _independent(system: LinearSystem) -> tuple[Index, Matrix]:
    """Rows that are not combinations of others as far as pivots of A A' tell, and Z with Z A = 0, one row for each.

    Rows of zeros are in neither.
    """
    rows, normal = np.flatnonzero(system.row_peaks > 0.0), _normal_matrix(system, np.ones(system.shape[1]))
    factored = _factor(normal[rows][:, rows])
    assert factored is not None  # no row is zero
    is_kept = factored[2] > settings.SUSPECT
    kept, dropped = rows[is_kept], rows[~is_kept]
    relations = np.zeros((dropped.size, system.shape[0]))
    if dropped.size:
        of_kept = _factor(normal[kept][:, kept])
        assert of_kept is not None
        factor, scale, _ = of_kept
        relations[:, kept] = -(scale[:, None] * factor.solve(scale[:, None] * normal[kept][:, dropped].toarray())).T
        relations[np.arange(dropped.size), dropped] = 1.0
    return kept, relations


def _bandwidth(system: LinearSystem) -> int:
    n_rows = system.shape[0]
    if system.work[1] > settings.MOST_PAIRS * n_rows:
        return n_rows
    pattern = sp.csr_array(_normal_matrix(system, np.ones(system.shape[1])))
    place = np.empty(n_rows, dtype=np.intp)
    place[reverse_cuthill_mckee(pattern, symmetric_mode=True)] = np.arange(n_rows)
    entries = pattern.tocoo()
    return 1 + int(np.abs(place[entries.row] - place[entries.col]).max(initial=0))
