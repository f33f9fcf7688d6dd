"""Dependent rows, dropped once: rank deficiency exists nowhere else in the native method.

A row is dropped if it is a combination of the rows kept up to the rounding of that combination's own terms, entry
by entry. It then says nothing that the others do not say, and whether y agrees is decided to rounding as well: a y
that differs by more has no solution, and the combination is the proof.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.linalg as sla
from scipy.linalg.lapack import dpstrf, spotrf

from bregman_l1._types import Index, Matrix, Single
from bregman_l1.newton.settings import ENOUGH_COLUMNS, ROUNDINGS, SUSPECT, WELL_CONDITIONED

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem


def independent_rows(system: LinearSystem) -> Index:
    """Return the rows that the others do not say, sorted.

    Examples
    --------
    >>> from bregman_l1 import LinearSystem
    >>> independent_rows(LinearSystem([[1.0, 2.0], [2.0, 4.0], [1.0, 0.0]], [3.0, 6.0, 1.0])).tolist()
    [1, 2]
    """
    n_rows, n_columns = system.shape
    everything = np.arange(n_rows)
    if n_columns >= ENOUGH_COLUMNS * n_rows and not system.is_sparse:
        starts = np.linspace(0, n_columns - n_rows, ENOUGH_COLUMNS).astype(np.intp)
        some = np.hstack([system.column_block(start, start + n_rows) for start in starts]).astype(np.float32)
        if _is_well_conditioned(some @ some.T):
            return everything
    gram = system.gram()
    if _is_well_conditioned(gram):
        return everything
    return _independent(system, gram)


def _is_well_conditioned(gram: Matrix | Single) -> bool:
    """Whether single precision suffices to see that the rows are independent."""
    size = np.sqrt(gram.diagonal())
    if not (size > 0).all() or not np.isfinite(gram).all():
        return False
    factor, info = spotrf(np.asarray(gram / size / size[:, None], dtype=np.float32), lower=1)
    return bool(info == 0 and factor.diagonal().min() > WELL_CONDITIONED)


def _independent(system: LinearSystem, gram: Matrix) -> Index:
    """Sort the rows by pivoted elimination; look at those that nearly vanish in A itself, not in its Gram matrix."""
    size = np.sqrt(gram.diagonal())
    scale = 1.0 / np.where(size > 0, size, 1.0)
    factor, pivots, rank, _ = dpstrf(gram * scale * scale[:, None], tol=SUSPECT, lower=1)
    order = pivots.astype(np.intp) - 1
    kept, suspects = order[:rank], order[rank:]
    if not suspects.size:
        return np.sort(kept)
    lower = np.tril(factor)[:rank, :rank]
    A = system.rows(np.concatenate([kept, suspects])) * scale[order][:, None]
    basis, rest = A[:rank], A[rank:]
    combination = np.zeros((suspects.size, rank))
    left = rest
    for _ in range(3):
        combination += sla.cho_solve((lower, True), basis @ left.T).T
        left = rest - combination @ basis
    uncertain = np.abs(combination) + np.abs(combination).max(axis=1, keepdims=True, initial=0.0)
    noise = ROUNDINGS * (np.abs(rest) + uncertain @ np.abs(basis))
    return np.sort(np.concatenate([kept, suspects[_independent_remainders(left, noise)]]))


def _independent_remainders(left: Matrix, noise: Matrix) -> Index:
    """Which of the rows stay above their noise when the largest are eliminated one by one."""
    chosen: list[int] = []
    while True:
        above = (np.abs(left) / np.where(noise > 0, noise, np.inf)).max(axis=1, initial=0.0)
        above[chosen] = 0.0
        if not above.max(initial=0.0) > 1.0:
            return np.array(chosen, dtype=np.intp)
        i = int(above.argmax())
        chosen.append(i)
        share = left @ left[i] / (left[i] @ left[i])
        share[chosen] = 0.0
        left = left - share[:, None] * left[i]
        noise = noise + np.abs(share)[:, None] * noise[i]
