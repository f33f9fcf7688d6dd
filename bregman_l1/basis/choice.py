"""The choice of a column basis J for a positive x, given by its logarithm: near-maximal volume weighted by sqrt(x)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import lu

from bregman_l1 import exact, settings
from bregman_l1._types import Index, Matrix, Vector
from bregman_l1.basis.sparsity import inverted

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem


class SingularBasisError(ArithmeticError):
    """The columns offered do not span the rows: those of ``system`` are dependent on the coordinates left."""


def choose_basis(system: LinearSystem, log_x: Vector) -> Index:
    """Columns J of near-maximal volume weighted by sqrt(x).

    From the heaviest columns, of A and of each row, where these span the rows by far; else from all of them.

    Raises
    ------
    SingularBasisError
        If the columns with log_x > -inf do not span the rows.
    """
    n_rows, units, sizes = system.shape[0], system.row_units, system.column_sizes
    with np.errstate(divide="ignore"):  # a column of zeros weighs nothing
        weight = 0.5 * log_x + np.log(sizes)
    order = np.argsort(-weight, kind="stable")[: int(np.count_nonzero(weight > -np.inf))]
    heavy = np.union1d(np.arange(min(order.size, int(1.3 * n_rows) + 20)), system.first_in_rows(order, settings.FIRST))
    fitting = order[: settings.LARGEST_TABLEAU // n_rows]
    for some, least in ((order[heavy], settings.POOR), (fitting, settings.DEPENDENT)):
        columns = system.columns(some).T / units / sizes[some][:, None]
        below = weight[some] - weight[order[:1]]
        scale = np.exp(below * min(1.0, settings.WIDEST_ELIMINATION / max(1.0, -float(below.min(initial=0.0)))))
        found = _heaviest(columns * scale[:, None], scale, least)
        if found is not None:
            return some[found]
    if order.size * n_rows**2 <= settings.EXACT_ELIMINATION:
        found = exact.heavy_columns(system.columns(order) / units[:, None], 0.5 * log_x[order])
        if found is not None:
            return order[found]
    raise SingularBasisError


def exchange(T: Matrix, K: Matrix, J: Index, R: Index, half: Vector) -> Index:
    """A basis in which K = log |T_ij| sqrt(x_j / x_i) is smaller.

    In the rows and columns where it is large an elimination of [I, T] lets each row take the heaviest of the columns
    that the rows before it left over.
    """
    wanted = K.max(axis=0) > settings.BALANCED
    wanted &= half[R] >= half[R].max(where=wanted, initial=-np.inf) - settings.WIDEST_ELIMINATION
    rows = np.flatnonzero((K[:, wanted] > settings.BALANCED).any(axis=1))
    names = np.append(J[rows], R[wanted])
    weight = np.exp(np.maximum(half[names] - half[names].max(initial=-np.inf), -settings.WIDEST_ELIMINATION))
    found = _heaviest(np.vstack([np.eye(rows.size), T[rows][:, wanted].T]) * weight[:, None], np.zeros(names.size), 0.0)
    chosen = J.copy()
    if found is not None:
        chosen[rows] = names[found]
    return chosen


def _heaviest(rest: Matrix, sizes: Vector, least: float) -> Index | None:
    """As many independent rows of a matrix as it has columns, the heaviest; None if there are none.

    Gaussian elimination scales with its rows, so that rows of any weight are pivoted in one factorisation. Where a
    pivot is below its ``least`` share of the size of its row, or may be rounding, what may be rounding is zero, and it
    goes on without.
    """
    chosen, names = [], np.arange(rest.shape[0])
    while names.size >= rest.shape[1]:
        places, lower, upper = lu(rest, p_indices=True, check_finite=False)
        order, rank = np.argsort(places), upper.shape[1]
        names, sizes = names[order], sizes[order]
        terms = np.einsum("kl,lk->k", np.abs(lower[:rank]), np.abs(upper))
        poor = np.abs(upper.diagonal()) <= np.maximum(least * sizes[:rank], settings.SOUND * terms)
        k = int(poor.argmax()) if poor.any() else rank
        chosen.append(names[:k])
        if k in (0, rank):
            return np.concatenate(chosen) if k else None
        # Not from the factors: beyond a pivot that is rounding they hold its inverse.
        names, sizes, rest = names[k:], sizes[k:], rest[order[k:], k:] - lower[k:, :k] @ upper[:k, k:]
        noise = settings.SOUND * (np.abs(lower[k:, :k]) @ np.abs(upper[:k, k:]))
        rest[np.abs(rest) <= np.maximum(settings.DEPENDENT * sizes[:, None], noise)] = 0.0
    return None


def is_large_and_sparse(system: LinearSystem) -> bool:
    """Whether its tableaus had better leave out columns that do not matter."""
    return system.is_sparse and system.shape[0] * system.shape[1] >= settings.WARM_FROM


def log_shares(system: LinearSystem, J: Index, log_x: Vector) -> Vector:
    """Log max_i |T_ij| x_j / x_i of each column in the tableau of J, or more, without the tableau; zero on J.

    Measured beside the lightest of the basis unless A is large and sparse, where the scales of rows may lie far apart:
    there, up to the number of terms,

        max_i |T_ij| x_j / x_i <= max_k |A_kj| x_j max_i |(A_J^{-1})_ik| / x_i.
    """
    if is_large_and_sparse(system):
        inverse = inverted(system.columns(J) / system.row_units[:, None])
        if not np.isfinite(inverse).all():
            raise SingularBasisError
        beside = (np.log(np.abs(inverse)) - log_x[J][:, None]).max(axis=0) - np.log(system.row_units)
        shares = log_x + system.log_terms(beside)
    else:
        shares = log_x + np.log(system.column_sizes)
        shares -= shares[J].min()
    shares[J] = 0.0
    return shares
