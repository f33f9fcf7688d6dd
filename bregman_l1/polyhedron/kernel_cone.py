"""The kernel cone of a support S, N = {n in ker A : n_j >= 0 off S}, and linear optimisation over its base.

With B = pinv(A_S) A_R, where R is what lies off S, and C the part of A_R orthogonal to the range of A_S, a
kernel vector n of the cone with ||n_R||_1 = 1 is n_R = p, n_S = -B p (plus an element of ker A_S, if that is
not trivial) with p in the base

    P = {p >= 0 : sum p = 1, C p = 0}.

Everything the theory says is a statement about functions on P.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import scipy.linalg as sla
from numpy.typing import ArrayLike

from bregman_l1 import exact
from bregman_l1._types import EPS, Index, Mask, Matrix, Vector
from bregman_l1.budget import Budget
from bregman_l1.caching import cached_property
from bregman_l1.errors import BackendError, InvalidProblemError, UndefinedConstantError
from bregman_l1.foreign import UNREADABLE
from bregman_l1.frozen import FrozenArrays, frozen, read_only
from bregman_l1.outcome import Outcome
from bregman_l1.polyhedron.face import exact_face
from bregman_l1.polyhedron.linear_program import LinearProgram, solve_verified_later
from bregman_l1.polyhedron.maximum_entropy import maximise_entropy
from bregman_l1.polyhedron.proximal import proximal_minimiser
from bregman_l1.polyhedron.units import power_of_two, row_units
from bregman_l1.system import LinearSystem

# Entries of B and C below ROUNDING times the error bound of their own computation are zero: a float matrix is never
# exactly in a given span. What least squares over columns of C cannot resolve is left out of corrections.
ROUNDING = 32 * EPS
_UNRESOLVED = 1e-10
_WELL_SCALED = 1e6
_VERTEX_SUPPORT = 1e-9
_STEPS_TO_INTERIOR = 12
_SAFELY = 1e-4
_VERTEX_RESIDUAL = 1e-11
_FEASIBLE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BasePoint(FrozenArrays):
    """A point p of P where a linear function g'p is largest, and the multiplier b that proves it.

    Attributes
    ----------
    p : ndarray of shape (|R|,)
        The point.
    b : ndarray of shape (rank C,)
        Any b bounds the maximum by max_j (g_j + C_j'b).
    value, bound : float
        g'p and max_j (g_j + C_j'b); equal up to rounding.
    """

    p: Vector
    b: Vector
    value: float
    bound: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExactPoint:
    """A minimum over kernel vectors n with ||n_R||_1 = 1, the nearest floats to exact rationals.

    Attributes
    ----------
    n_S, p : ndarray of shape (|S|,) and (|R|,)
        The minimiser, p = n_R.
    mu : ndarray of shape (N,)
        The dual vector that proves it.
    value : float
        The minimum.
    ties : ndarray of bool, shape (|R|,)
        Columns whose reduced cost at mu is exactly the minimum.
    """

    n_S: Vector
    p: Vector
    mu: Vector
    value: float
    ties: Mask


class KernelCone(FrozenArrays):
    """The kernel cone of a support, in the coordinates B and C; immutable, its parts computed on demand.

    Parameters
    ----------
    system : LinearSystem
    support : array_like
        Indices in 0..d-1 without repeats, or a boolean mask of length d; not empty.
    outside : ndarray of indices, optional
        R; the complement of the support if omitted.

    Attributes
    ----------
    A_S, A_R, y : ndarray
        Columns and target with every row in a unit of its own, in which its largest entry is near one. Only
        `dual_vector` and `multiplier` speak of the rows of the system itself.

    Raises
    ------
    InvalidProblemError
        If the support is empty, repeats an index or leaves the range.

    Examples
    --------
    >>> from bregman_l1 import LinearSystem
    >>> cone = KernelCone(LinearSystem([[1.0, 0.0, 5.0], [0.0, 1.0, -4.5]], [1.0, 1.0]), [0, 1])
    >>> cone.B.round(12).tolist(), cone.is_orthant
    ([[5.0], [-4.5]], True)
    """

    _shown = ("system", "support", "rank")

    def __init__(self, system: LinearSystem, support: ArrayLike, outside: Index | None = None) -> None:
        self.system = system
        self.support = read_only(checked_support(support, system.shape[1]))
        everything = np.arange(system.shape[1])
        self.outside: Index = frozen(np.setdiff1d(everything, self.support) if outside is None else outside)
        # Powers of two: dividing by them is exact, and no row outweighs the others.
        self._units = system.remember("row units", lambda: row_units(system.columns(everything)))
        self.A_S = read_only(system.columns(self.support) / self._units[:, None])
        self.A_R = read_only(system.columns(self.outside) / self._units[:, None])
        self.y: Vector = read_only(system.y / self._units)
        self._sizes = power_of_two(np.abs(self.A_S).max(axis=0))
        self._U, spectrum, self._Vt = np.linalg.svd(self.A_S / self._sizes, full_matrices=True)
        self.rank = numerical_rank(self.A_S / self._sizes, spectrum, EPS * max(self.A_S.shape))
        self._spectrum = spectrum[: self.rank]
        self._extremes: dict[tuple[int, float], float] = {}

    @property
    def is_injective(self) -> bool:
        """Whether A_S has full column rank."""
        return self.rank == self.support.size

    @property
    def condition(self) -> float:
        """Ratio of the extreme singular values of A_S, its columns of equal size; zeros left out, 1 if that is all."""
        return float(self._spectrum[0] / self._spectrum[-1]) if self.rank else 1.0

    @property
    def _scaled_V(self) -> Matrix:
        return np.asarray(self._Vt[: self.rank].T / self._spectrum / self._sizes[:, None])

    @property
    def row_space(self) -> Matrix:
        """A basis of the row space of A_S as columns, shape (|S|, rank A_S)."""
        return np.asarray(self._Vt[: self.rank].T * self._sizes[:, None])

    @cached_property
    def left_inverse(self) -> Matrix:
        """pinv(A_S), shape (|S|, N)."""
        return np.asarray(self._scaled_V @ self._U[:, : self.rank].T)

    @cached_property
    def B(self) -> Matrix:
        """pinv(A_S) A_R, shape (|S|, |R|), entries that are rounding set to zero."""
        V = self._scaled_V
        B = V @ (self._U[:, : self.rank].T @ self.A_R)
        noise = ROUNDING * np.multiply.outer(np.linalg.norm(V, axis=1), np.linalg.norm(self.A_R, axis=0))
        return np.where(np.abs(B) <= noise, 0.0, B)

    @cached_property
    def _complement(self) -> tuple[Matrix, Matrix]:
        """(Q, C): an orthonormal basis of the part of range(A_R) orthogonal to range(A_S), and C ~ Q'A_R."""
        Q = self._U[:, self.rank :]
        C = Q.T @ self.A_R
        norms = np.linalg.norm(self.A_R, axis=0)
        C[np.abs(C) <= ROUNDING * norms] = 0.0
        if C.shape[0] and exact.inverse_bound((C / np.where(norms > 0, norms, 1.0)).T) < np.inf:
            return Q, C
        directions, R, _ = sla.qr(C / np.where(norms > 0, norms, 1.0), mode="economic", pivoting=True)
        everything = np.hstack([self.A_S / self._sizes, self.A_R / np.where(norms > 0, norms, 1.0)])
        found = np.concatenate([np.full(self.rank, np.inf), np.abs(np.diag(R))])
        rank = numerical_rank(everything, found, ROUNDING * self.condition) - self.rank
        if rank < Q.shape[1]:
            C = directions[:, :rank].T @ C
            C[np.abs(C) <= ROUNDING * norms] = 0.0
            Q = Q @ directions[:, :rank]
        return Q, C

    @property
    def C(self) -> Matrix:
        """The part of A_R orthogonal to range(A_S), shape (rank A - rank A_S, |R|), of full row rank."""
        return self._complement[1]

    @property
    def is_orthant(self) -> bool:
        """Whether C has no rows: P is the whole simplex and its vertices are the unit vectors."""
        return bool(self.C.shape[0] == 0)

    def total(self, weights: Vector) -> Vector:
        """B' weights, shape (|R|,): the linear function p -> sum_i weights_i (B p)_i."""
        return np.asarray(self.B.T @ weights, dtype=np.float64)

    def spanned(self, weights: Vector) -> bool:
        """Whether weights lies in the row space of A_S, so that weights'n_S depends on n_R alone."""
        scaled = weights / self._sizes
        rest = scaled - self._Vt[: self.rank].T @ (self._Vt[: self.rank] @ scaled)
        return bool(np.abs(rest).max() <= 1e-8 * np.abs(scaled).max())

    def dual_vector(self, weights: Vector, b: Vector) -> Vector:
        """Return the mu of shape (N,) with A_S'mu = weights and a_j'mu = (B'weights + C'b)_j off S."""
        particular = self._U[:, : self.rank] @ ((self._Vt[: self.rank] @ (weights / self._sizes)) / self._spectrum)
        return np.asarray((particular + self._complement[0] @ b) / self._units, dtype=np.float64)

    def multiplier(self, mu: Vector) -> Vector:
        """Return the b of `dual_vector` that belongs to mu."""
        return np.asarray(self._complement[0].T @ (mu * self._units), dtype=np.float64)

    @property
    def given(self) -> LinearSystem:
        """The system whose kernel vectors these are."""
        return self.system

    def on_support(self, n: Vector) -> Vector:
        """The part n_S of a kernel vector, shape (|S|,)."""
        return n[self.support]

    def off_support(self, n: Vector) -> Vector:
        """The part n_R of a kernel vector, shape (|R|,)."""
        return n[self.outside]

    def embedded(self, n_S: Vector, p: Vector) -> Vector:
        """The kernel vector of these parts, p = n_R, shape (d,)."""
        n = np.zeros(self.system.shape[1])
        n[self.support], n[self.outside] = n_S, p
        return n

    def kernel_vector(self, p: Vector) -> Vector:
        """Return the kernel vector n of shape (d,) with n_R = p and n_S = -B p."""
        return self.embedded(-self.B @ p, p)

    def program(self, objective: Vector) -> LinearProgram:
        """State the linear program max objective'p over P as a minimum with rows (C, 1), in units of its own.

        Every column of C has unit length then, so that one tolerance suits columns of any size.
        """
        price = objective * self.program_units
        right = np.append(np.zeros(self.C.shape[0]), 1.0)
        rows = np.vstack([self.C * self.program_units / self._least_size, self.program_units])
        cost = -price / self._price(objective)
        return LinearProgram(cost=cost, rows=rows, row_lower=right, row_upper=right, lower=0.0)

    @cached_property
    def program_units(self) -> Vector:
        """Units of p, at most one: p is units times the variables of `program`, shape (|R|,)."""
        return np.asarray(self._least_size / self._column_sizes)

    def program_multiplier(self, objective: Vector, row_duals: Vector) -> Vector:
        """Read the multiplier b of C p = 0 off the row multipliers of `program`."""
        return np.asarray(row_duals[:-1] * self._price(objective) / self._least_size, dtype=np.float64)

    def _price(self, objective: Vector) -> float:
        return float(np.abs(objective * self.program_units).max()) or 1.0

    @property
    def _least_size(self) -> float:
        return float(self._column_sizes.min(initial=np.inf))

    @cached_property
    def _size(self) -> float:
        return float(np.abs(self.C).max(initial=0.0)) or 1.0

    @cached_property
    def _column_sizes(self) -> Vector:
        """Norms of the columns of C, the smallest of them where a column is zero."""
        sizes = np.linalg.norm(self.C, axis=0)
        least = float(sizes[sizes > 0].min(initial=np.inf))
        return np.where(sizes > 0, sizes, least if np.isfinite(least) else 1.0)

    def maximise(self, objective: Vector, budget: Budget | None = None) -> BasePoint:
        """Maximise a linear function over P.

        Raises
        ------
        UndefinedConstantError
            If P is empty.
        BackendError
            If no maximum was found, in the seconds of the budget.
        """
        if not self.outside.size:
            raise UndefinedConstantError(EMPTY_BASE)
        if self.is_orthant:
            j = int(objective.argmax())
            p = np.zeros(objective.size)
            p[j] = 1.0
            return BasePoint(p=p, b=np.zeros(0), value=float(objective[j]), bound=float(objective[j]))
        found = proximal_minimiser(self._base, -objective, budget)
        if found is not None:
            b = found.dual[:-1]
            bound = float((objective + self.C.T @ b).max())
            return BasePoint(p=found.x, b=b, value=float(objective @ found.x), bound=bound)
        if budget is not None and budget.spent_out is not None:
            raise BackendError("a linear program over the base of the kernel cone was not solved in time")
        answer = solve_verified_later(self.program(objective), budget)
        if answer.outcome is Outcome.INFEASIBLE:
            raise UndefinedConstantError(EMPTY_BASE)
        if answer.x is None or answer.dual is None or answer.outcome is Outcome.TIME_LIMIT:
            raise BackendError("a linear program over the base of the kernel cone was not solved", answer.raw_status)
        multiplier = self.program_multiplier(objective, answer.dual)
        best = self.refined(objective, answer.x * self.program_units, multiplier)
        if (np.abs(self.C @ best.p) > _FEASIBLE * (np.abs(self.C) @ best.p).max()).any():
            raise BackendError("a linear program over the base of the kernel cone was not solved", answer.raw_status)
        return best

    def maximise_within(self, objective: Vector, budget: Budget) -> BasePoint | None:
        """Maximise a linear function over P; None where the seconds of the budget are spent first."""
        try:
            return self.maximise(objective, budget)
        except BackendError:
            if budget.spent_out is None:
                raise
            return None

    @cached_property
    def _bordered(self) -> LinearSystem:
        """The kernel vectors n = (n_S, n_R) with ||n_R||_1 = 1 as a system: A n = 0, sum n_R = 1."""
        columns = np.concatenate([self.support, self.outside])
        border = np.concatenate([np.zeros(self.support.size), np.ones(self.outside.size)])
        rows = np.vstack([self.system.columns(columns), border])
        return LinearSystem(rows, np.append(np.zeros(self.system.shape[0]), 1.0))

    def exactly(
        self, weights: Vector, prices: Vector, p: Vector, mu: Vector, value: float, budget: Budget | None = None
    ) -> ExactPoint | None:
        """Minimise weights'n_S + prices'n_R over the kernel vectors with ||n_R||_1 = 1 in rationals.

        Parameters
        ----------
        weights, prices : ndarray of shape (|S|,) and (|R|,)
        p, mu, value
            Estimates of the minimiser n_R, of a dual vector of A n = 0 and of the minimum.

        Returns
        -------
        ExactPoint or None
            None where the system is too large for rationals, or no optimal vertex was found in time.
        """
        size = self.support.size
        if (self.system.shape[0] + 1) * (size + self.outside.size) > exact.LARGEST_MATRIX:
            return None
        system, cost = self._bordered, np.concatenate([weights, prices])
        free = np.arange(cost.size) < size
        n = np.concatenate([-self.B @ p, p])
        face = exact_face(system, cost, n, np.append(mu, value), np.ones_like(free), free, budget)
        if face is None or face.basis is None:
            return None
        J, rows = face.basis
        columns = system.columns(J)
        solution = exact.solve(columns[rows], system.y[rows])
        if solution is None or any(entry != 0 for entry in exact.residual(system.y, columns, solution)):
            return None
        if any(solution[i, 0] < 0 and not free[j] for i, j in enumerate(J)):
            return None
        n = np.zeros(cost.size)
        n[J] = exact.nearest(solution)
        ties = np.isin(np.arange(size, cost.size), face.columns)
        return ExactPoint(n_S=n[:size], p=n[size:], mu=face.dual[:-1], value=float(face.dual[-1]), ties=ties)

    def upper_bound(self, objective: Vector, b: Vector) -> float:
        """max_j (g_j + C_j'b), moved outward by the rounding of its terms: no g'p on P is larger, whatever b."""
        terms = np.abs(objective) + np.abs(self.C).T @ np.abs(b)
        return float((objective + self.C.T @ b + (b.size + 2) * EPS * terms).max())

    @cached_property
    def is_well_scaled(self) -> bool:
        """Whether one absolute tolerance suits all columns of C."""
        return bool(self._column_sizes.max(initial=0.0) <= _WELL_SCALED * self._least_size)

    @cached_property
    def _base(self) -> LinearSystem:
        """P as a system: C p = 0, sum p = 1."""
        right = np.append(np.zeros(self.C.shape[0]), 1.0)
        return LinearSystem(np.vstack([self.C, np.ones(self.outside.size)]), right)

    def refined(self, objective: Vector, p: Vector, b: Vector) -> BasePoint:
        """Solve for the vertex p and its multiplier b anew on the support of p; keep what is better."""
        p = self.refined_vertex(p)
        value = float(objective @ p)
        active = p > 0
        rows = np.vstack([self.C[:, active], np.ones(np.count_nonzero(active))]).T
        reduced = objective + self.C.T @ b
        top = float(reduced.max())
        correction = np.linalg.lstsq(rows, (top - reduced)[active], rcond=_UNRESOLVED)[0][:-1]
        candidates = (b, b + correction, np.zeros_like(b))
        bounds = [float((objective + self.C.T @ candidate).max()) for candidate in candidates]
        best = int(np.argmin(bounds))
        return BasePoint(p=p, b=candidates[best], value=value, bound=bounds[best])

    def refined_vertex(self, p: Vector) -> Vector:
        """Solve C_J p_J = 0, sum p_J = 1 on the support J of a near-vertex; keep p where that fails."""
        p = np.maximum(p, 0.0)
        p = p / p.sum()
        unit = self.program_units
        active = p / unit > _VERTEX_SUPPORT * (p / unit).max()
        rows = np.vstack([self.C[:, active] / self._size, np.ones(np.count_nonzero(active))]) * unit[active]
        scales = np.abs(rows).max(axis=1)
        scales = np.where(scales > 0, scales, 1.0)
        rows, right = rows / scales[:, None], np.append(np.zeros(rows.shape[0] - 1), 1.0 / scales[-1])
        solved, _, rank, _ = np.linalg.lstsq(rows, right, rcond=_UNRESOLVED)
        if rank < rows.shape[1]:
            return p
        for _ in range(2):
            solved = solved + np.linalg.lstsq(rows, right - rows @ solved, rcond=_UNRESOLVED)[0]
        if (solved < 0).any() or np.abs(rows @ solved - right).max() > _VERTEX_RESIDUAL * max(1.0, np.abs(right).max()):
            return p
        vertex = np.zeros_like(p)
        vertex[active] = solved * unit[active]
        return vertex

    @cached_property
    def ranges(self) -> tuple[Vector, Vector]:
        """(low, high) of each (B p)_i over P, from 2|S| linear programs, rounded outward by duality.

        Raises
        ------
        UndefinedConstantError
            If P is empty.
        """
        if not self.outside.size:
            raise UndefinedConstantError(EMPTY_BASE)
        if self.is_orthant:
            return self.B.min(axis=1), self.B.max(axis=1)
        self.has_ranges(Budget())
        low, high = (np.array([sign * self._extremes[i, sign] for i in range(len(self.B))]) for sign in (-1.0, 1.0))
        return low, high

    def has_ranges(self, budget: Budget) -> bool:
        """Whether the linear programs of `ranges` are solved within a budget; those that were are kept."""
        for i, sign in () if self.is_orthant else product(range(len(self.B)), (1.0, -1.0)):
            if (i, sign) not in self._extremes:
                found = self.maximise_within(sign * self.B[i], budget)
                if found is None:
                    return False
                self._extremes[i, sign] = found.bound
        return True

    @cached_property
    def reachable(self) -> Mask:
        """The columns of R that some p in P uses, shape (|R|,); the others are zero in every solution."""
        everything = np.ones(self.outside.size, dtype=np.bool_)
        if self.is_orthant or self._interior is not None:
            return everything
        return self.exposed(everything)[0]

    @cached_property
    def _interior(self) -> Vector | None:
        """A p in P that is positive everywhere, far beyond its rounding; None where a few Newton steps find none."""
        q = maximise_entropy(np.zeros(self.outside.size), self.C, iterations=_STEPS_TO_INTERIOR).q
        needed = np.linalg.lstsq(self.C, self.C @ q, rcond=_UNRESOLVED)[0]
        if not (np.abs(needed) < _SAFELY * q).all():
            return None
        inside = q - needed
        return np.asarray(inside / inside.sum())

    @cached_property
    def some_point(self) -> Vector:
        """Some p in P, shape (|R|,): from its interior if it has one, else a vertex, by a linear program.

        Raises
        ------
        UndefinedConstantError
            If P is empty.
        """
        if not self.is_orthant and self._interior is not None:
            return self._interior
        return self.maximise(self.total(np.ones(self.support.size))).p

    def exposed(self, face: Mask) -> tuple[Mask, Vector]:
        """Find the columns used by points of P that live on ``face``.

        Returns
        -------
        used : ndarray of bool, shape (|R|,)
        b : ndarray of shape (rank C,)
            With C_j'b = 0 on the columns used and C_j'b < 0 on the rest of the face: it shows why they are not.
        """
        columns = np.flatnonzero(face)
        sizes = np.linalg.norm(self.C[:, columns], axis=0)
        rows = self.C[:, columns] / np.where(sizes > 0, sizes, 1.0)
        n = columns.size
        answer = solve_verified_later(
            LinearProgram(
                cost=np.concatenate([-np.ones(n), np.zeros(n)]),
                rows=np.hstack([rows, rows]),
                row_lower=0.0,
                row_upper=0.0,
                lower=0.0,
                upper=np.concatenate([np.ones(n), np.full(n, np.inf)]),
            )
        )
        if answer.x is None or answer.dual is None:
            raise BackendError("the linear program for the support of a face was not solved", answer.raw_status)
        used = np.zeros(face.size, dtype=np.bool_)
        used[columns] = answer.x[:n] > 0.5
        b = answer.dual
        if used.any():
            b = b - np.linalg.lstsq(self.C[:, used].T, self.C[:, used].T @ b, rcond=_UNRESOLVED)[0]
        return used, b

    @property
    def is_trivial(self) -> bool:
        """Whether P is empty: no kernel vector is nonnegative and nonzero off S."""
        return not self.reachable.any()


def numerical_rank(A: Matrix, sizes: Vector, noise: float) -> int:
    """How many of some sizes that vanish beyond the rank of A (singular values, pivots) are not zero.

    Below the rounding of the entries of A, relative to the largest, they are; above ``noise``, a bound of the errors
    of their computation, they are not; in between the rank itself decides, in rationals.
    """
    finite = sizes[np.isfinite(sizes)]
    largest = 1.0 if finite.size < sizes.size else float(finite.max(initial=0.0))
    least, most = (int(np.count_nonzero(sizes > share * largest)) for share in (max(noise, 4 * EPS), 4 * EPS))
    if least == most or min(A.shape) > exact.LARGEST or A.size > exact.LARGEST_MATRIX:
        return least
    return min(max(exact.rank(A), least), most)


EMPTY_BASE = (
    "no kernel vector of A is nonnegative and nonzero off the support (Assumption II.1(b) fails where the "
    "support is that of a solution): the null-space constants do not exist"
)


def checked_support(support: ArrayLike, n_columns: int) -> Index:
    """Return the support as sorted indices.

    Raises
    ------
    InvalidProblemError
        If it is empty, not integers, repeats an index or leaves 0..n_columns-1.
    """
    try:
        given = np.asarray(support)
    except UNREADABLE as error:
        raise InvalidProblemError(f"support cannot be read as an array of indices: {error}") from error
    if given.ndim != 1:
        raise InvalidProblemError(f"support must be one-dimensional, got shape {given.shape}")
    if given.dtype == np.bool_:
        if given.size != n_columns:
            raise InvalidProblemError(f"a boolean support must have {n_columns} entries, got {given.size}")
        given = np.flatnonzero(given)
    if not given.size:
        raise InvalidProblemError("support is empty: the l1 minimiser of y != 0 has at least one positive entry")
    if given.dtype.kind not in "iu":
        raise InvalidProblemError(f"support must hold integer indices or booleans, got dtype {given.dtype}")
    wrong = given[(given < 0) | (given >= n_columns)]
    if wrong.size:
        raise InvalidProblemError(f"support index {wrong[0]} is out of range 0..{n_columns - 1}")
    index = np.sort(given.astype(np.intp))
    repeated = index[1:][index[1:] == index[:-1]]
    if repeated.size:
        raise InvalidProblemError(f"support index {repeated[0]} is repeated")
    return index


def kernel_cone(system: LinearSystem, support: ArrayLike, outside: Index | None = None) -> KernelCone:
    """Return the kernel cone of a support, the same as the last where the support, and what is off it, are."""
    index = checked_support(support, system.shape[1])
    rest = np.setdiff1d(np.arange(system.shape[1]), index) if outside is None else outside
    key = index.tobytes() + b"|" + rest.tobytes()
    return system.remember_last("kernel cone", key, lambda: KernelCone(system, index, rest))
