"""Dependent rows, dropped once: rank deficiency exists nowhere else in the native method.

A row is dropped if it is a combination of the rows kept up to the rounding of that combination's own terms, entry
by entry. It then says nothing that the others do not say; whether y agrees is seen in its residual at the solution.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.linalg.lapack import dpotrf, dpstrf

from bregman_l1._types import EPS, Index, Matrix, Vector
from bregman_l1.newton.settings import ENOUGH_COLUMNS, EVEN, ROUNDINGS, SPREAD, SUSPECT, WELL_CONDITIONED
from bregman_l1.system import LinearSystem


def independent_rows(system: LinearSystem) -> Index:
    """Return the rows that the others do not say, sorted.

    Examples
    --------
    >>> from bregman_l1 import LinearSystem
    >>> independent_rows(LinearSystem([[1.0, 2.0], [2.0, 4.0], [1.0, 0.0]], [3.0, 6.0, 1.0])).size
    2
    """
    n_rows, n_columns = system.shape
    everything = np.arange(n_rows)
    if n_columns >= ENOUGH_COLUMNS * n_rows and not system.is_sparse:
        starts = np.linspace(0, n_columns - n_rows, ENOUGH_COLUMNS).astype(np.intp)
        some = np.hstack([system.column_block(start, start + n_rows) for start in starts]).astype(np.float32)
        if _is_well_conditioned(np.asarray(some @ some.T, dtype=np.float64)):
            return everything
    with np.errstate(all="ignore"):
        gram = system.gram()
    if not (np.isfinite(gram).all() and (gram.diagonal() > 0).any()):
        rows, columns = system.equilibration()
        return independent_rows(LinearSystem(system.scaled(1 / rows, 1 / columns), system.y / rows))
    if _is_well_conditioned(gram):
        return everything
    matrix = _even_columns(system)
    return _independent(matrix, gram if matrix is system.matrix else _dense(matrix @ matrix.T))


def independent_part(system: LinearSystem) -> tuple[LinearSystem, Index]:
    """The system of its independent rows, and which these are; ``system`` itself where all are.

    What y contradicts itself by in the others is spread over all its entries, in proportion to their size: that moves
    each by a few roundings where rounding is all there is.
    """
    rows = independent_rows(system)
    if rows.size == system.shape[0]:
        return system, rows
    others = np.setdiff1d(np.arange(system.shape[0]), rows)
    matrix = _even_columns(system)
    weights = _combinations(matrix[rows], matrix[others])
    y, size = system.y[rows], np.abs(system.y)
    wrong = system.y[others] - weights @ y
    terms = size[others] + abs(weights) @ size[rows]
    if wrong.any() and (np.abs(wrong) <= SPREAD * terms).all():
        spread = weights.multiply(size[rows] ** 2).tocsr()
        share = (spread @ weights.T).toarray() + np.diag(size[others] ** 2)
        y = y + spread.T @ np.linalg.lstsq(share, wrong)[0]
    return system.of_rows(rows, y), rows


def implied(system: LinearSystem, kept: Index, y: Vector) -> tuple[Vector, Vector]:
    """The right-hand side of all rows that goes with one of the rows kept, and the sizes of the terms it sums."""
    others = np.setdiff1d(np.arange(system.shape[0]), kept)
    whole, terms, matrix = np.empty(system.shape[0]), np.zeros(system.shape[0]), _even_columns(system)
    weights = _combinations(matrix[kept], matrix[others])
    whole[kept], whole[others] = y, weights @ y
    terms[others] = abs(weights) @ np.abs(y)
    return whole, terms


def contradiction(system: LinearSystem, kept: Index, x: Vector, unit: float = 1.0) -> Vector | None:
    """Return z with A'z = 0 up to rounding and y'z > 0, from a dropped row whose y_i contradicts the rows kept.

    None where some y within the margin of all rows, ROUNDINGS of their terms |A|x + |y| unit, does not.
    """
    missed = system.backward_errors(x, unit)
    missed[kept] = 0.0
    rows = np.flatnonzero(missed > ROUNDINGS)
    if not rows.size:
        return None
    matrix = _even_columns(system)
    weights = _combinations(matrix[kept], matrix[rows])
    excess = system.y[rows] - weights @ system.y[kept]
    size = system.abs_matvec(x) / unit + np.abs(system.y)
    terms = size[rows] + abs(weights) @ size[kept]
    worst = int(np.argmax(np.abs(excess) / terms))
    if not abs(excess[worst]) > ROUNDINGS * terms[worst]:
        return None
    z = np.zeros(system.shape[0])
    z[kept] = -weights.toarray()[worst]
    z[rows[worst]] = 1.0
    return z if excess[worst] > 0 else -z


def _is_well_conditioned(gram: Matrix) -> bool:
    """Whether the pivots of the rows are far above the rounding even of single precision."""
    size = np.sqrt(gram.diagonal())
    if not (size > 0).all():
        return False
    factor, info = dpotrf((gram / size / size[:, None]).T, lower=1, overwrite_a=1)
    return bool(info == 0 and factor.diagonal().min() > WELL_CONDITIONED)


def _even_columns(system: LinearSystem) -> Any:
    """A with its columns in units, where they differ much: combinations of rows do not depend on that."""
    sizes = system.column_sizes
    if sizes.max() <= EVEN * sizes.min():
        return system.matrix
    return system.scaled(np.ones(system.shape[0]), np.ldexp(1.0, -np.frexp(np.where(sizes > 0, sizes, 1.0))[1]))


def _dense(matrix: Any) -> Matrix:
    return np.asarray(sp.csr_array(matrix).toarray() if sp.issparse(matrix) else matrix)


def _independent(matrix: Any, gram: Matrix) -> Index:
    """Sort the rows by pivoted elimination; look at those that nearly vanish in A itself, not in its Gram matrix."""
    size = np.sqrt(gram.diagonal())
    scale = 1.0 / np.where(size > 0, size, 1.0)
    _, pivots, rank, _ = dpstrf(gram * scale * scale[:, None], tol=SUSPECT, lower=1)
    order = pivots.astype(np.intp) - 1
    kept, suspects = order[:rank], order[rank:]
    if not suspects.size:
        return np.sort(kept)
    basis, rest = matrix[kept], matrix[suspects]
    weights = _combinations(basis, rest)
    left = rest - weights @ basis
    noise = ROUNDINGS * (abs(rest) + abs(weights) @ abs(basis))
    above = np.ravel(sp.coo_array(abs(left) - noise).max(axis=1).toarray()) > 0
    if not above.any():
        return np.sort(kept)
    chosen = _independent_remainders(*(sp.csr_array(part)[above].toarray() for part in (left, noise)))
    return np.sort(np.concatenate([kept, suspects[above][chosen]]))


def _combinations(basis: Any, rest: Any) -> sp.csr_array:
    """Weights W with rest = W basis as nearly as can be; weights that are rounding are zero."""
    units, others = (1.0 / np.where(peaks > 0, peaks, 1.0) for peaks in (_peaks(basis), _peaks(rest)))
    basis, rest = sp.diags_array(units) @ basis, sp.diags_array(others) @ rest
    gram = _dense(basis @ basis.T)
    inverse = np.linalg.pinv(gram, rcond=EPS, hermitian=True)
    weights = sp.csr_array((rest.shape[0], basis.shape[0]))
    for _ in range(3):
        left = rest - weights @ basis
        if not abs(left).max():
            break
        found = weights.toarray() + (inverse @ _dense(basis @ left.T)).T
        found[np.abs(found) <= ROUNDINGS * np.abs(found).max(axis=1, keepdims=True)] = 0.0
        weights = sp.csr_array(found)
    return sp.csr_array(sp.diags_array(1.0 / others) @ weights @ sp.diags_array(units))


def _peaks(rows: Any) -> Vector:
    return np.asarray(_dense(abs(rows).max(axis=1)), dtype=np.float64).ravel()


def _independent_remainders(left: Matrix, noise: Matrix) -> Index:
    """Which of the rows stay above their noise when the largest are eliminated one by one."""
    chosen: list[int] = []
    while True:
        above = (np.abs(left) / np.where(noise > 0, noise, np.finfo(np.float64).tiny)).max(axis=1, initial=0.0)
        above[chosen] = 0.0
        if not above.max(initial=0.0) > 1.0:
            return np.array(chosen, dtype=np.intp)
        i = int(above.argmax())
        chosen.append(i)
        share = left @ left[i] / (left[i] @ left[i])
        share[chosen] = 0.0
        left = left - share[:, None] * left[i]
        noise = noise + np.abs(share)[:, None] * noise[i]
