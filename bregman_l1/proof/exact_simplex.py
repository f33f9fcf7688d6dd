"""Linear programs in rationals: what floating point found is verified, and pivots mend what it left.

An answer is optimal by two witnesses, x >= 0 with A x = b and mu with r = c - A'mu >= 0, r = 0 where x is positive.
Both are first sought next to the estimates, on the columns where x is not zero. Where that fails, linear programs in
floating point, stated around the last point with what it leaves magnified, give a basis, and the simplex method in
rationals goes on from there: dual pivots with the cost raised where r < 0, until x >= 0, then primal pivots with the
cost as it is. The basis holds a column for every row; where those of A do not suffice, a unit vector, whose variable
must be zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from flint import fmpq

from bregman_l1._types import Index, Mask, Vector
from bregman_l1.budget import Budget
from bregman_l1.exact import rounded
from bregman_l1.polyhedron.linear_program import LinearProgram, solve_verified_later
from bregman_l1.proof.exact_matrix import ExactMatrix, Rationals, exact_vector, shifted
from bregman_l1.proof.record import Unproved

# Columns of this many times the reduced cost that is being decided need not be told apart.
_LARGEST_RATIO = fmpq(10**12)
# Pivots by Bland's rule, which ends; each solves three systems of equations in rationals.
_PIVOTS = 200
# What the search for an optimal basis may take, what runs when they are spent not counted.
_SECONDS = 60.0
# Linear programs in floating point, each around what the one before found.
_ROUNDS = 3
_ZERO = fmpq(0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExactProgram:
    """Minimise cost'x over A x = right, x_j >= 0 but for the free ones."""

    matrix: ExactMatrix
    right: Rationals
    cost: Rationals
    free: Mask

    def missing(self, x: Sequence[fmpq]) -> Rationals:
        """What A x leaves of the right-hand side."""
        return [b - value for b, value in zip(self.right, self.matrix.image(x), strict=True)]

    def reduced(self, mu: Sequence[fmpq]) -> Rationals:
        """The reduced costs c - A'mu."""
        return [c - value for c, value in zip(self.cost, self.matrix.coefficients(mu), strict=True)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Optimum:
    """A minimiser with the multipliers that prove it, and the reduced costs, which are zero where x is not."""

    x: Rationals
    mu: Rationals
    reduced: Rationals


def minimise(program: ExactProgram, x: Vector, mu: Vector) -> Optimum:
    """Find a minimiser and its multipliers from estimates of both.

    Raises
    ------
    Unproved
        If there is none, or more pivots than 200 or more seconds than 60 would be needed to find it.

    Examples
    --------
    >>> matrix = ExactMatrix(np.array([[1.0, 1.0 - 2.0**-50]]))
    >>> program = ExactProgram(matrix=matrix, right=[fmpq(1)], cost=[fmpq(1)] * 2, free=np.zeros(2, dtype=bool))
    >>> minimise(program, np.array([0.0, 1.0]), np.array([1.0])).x
    [1, 0]
    """
    solution = solution_near(program, x)
    if solution is not None:
        multipliers = multipliers_near(program, np.flatnonzero(x), mu)
        if multipliers is not None and is_optimal(program, solution, multipliers[1]):
            return Optimum(x=solution, mu=multipliers[0], reduced=multipliers[1])
    return _Simplex(program).optimum(exact_vector(x), exact_vector(mu))


def solution_near(program: ExactProgram, x: Vector) -> Rationals | None:
    """The x' with A x' = right that differs from x on independent columns among those where x is not zero.

    None where there is none, or an entry that must not be is negative.
    """
    I, J = program.matrix.independent(_by_weight(program, x))  # noqa: E741 - rows of A_IJ
    found = exact_vector(x)
    missing = program.missing(found)
    for j, change in zip(J, program.matrix.solve(I, J, [missing[i] for i in I]), strict=True):
        found[j] += change
    if any(program.missing(found)) or any(value < 0 for value in _restricted(program, found)):
        return None
    return found


def multipliers_near(program: ExactProgram, on: Index, mu: Vector) -> tuple[Rationals, Rationals] | None:
    """The mu' nearby with c_j - a_j'mu' = 0 on these columns and the free ones, and its reduced costs.

    None where there is none.
    """
    support = np.union1d(on, np.flatnonzero(program.free)).tolist()
    I, J = program.matrix.independent(support)  # noqa: E741 - rows of A_IJ
    found = exact_vector(mu)
    reduced = program.reduced(found)
    for i, change in zip(I, program.matrix.solve_transposed(I, J, [reduced[j] for j in J]), strict=True):
        found[i] += change
    reduced = program.reduced(found)
    return None if any(reduced[j] for j in support) else (found, reduced)


def is_optimal(program: ExactProgram, x: Rationals, reduced: Rationals) -> bool:
    """Whether reduced costs prove that a solution is a minimiser."""
    slack = _restricted(program, reduced)
    return not (any(value < 0 for value in slack) or any(a and b for a, b in zip(x, reduced, strict=True)))


def _restricted(program: ExactProgram, values: Rationals) -> Rationals:
    """Those that must not be negative."""
    return [value for value, is_free in zip(values, program.free.tolist(), strict=True) if not is_free]


def _by_weight(program: ExactProgram, x: Vector) -> list[int]:
    """The columns where x is not zero and the free ones, first the free, then by their size in A x."""
    weight = np.log2(np.abs(x), where=x != 0, out=np.full(x.size, -np.inf)) + program.matrix.column_exponents
    weight[program.free] = np.inf
    order = np.argsort(-weight, kind="stable")
    return [int(j) for j in order if weight[j] > -np.inf]


def _basis_in_floating_point(program: ExactProgram, x: Sequence[fmpq], mu: Sequence[fmpq], budget: Budget) -> list[int]:
    """The basis of the linear program around x and mu, what is left there magnified; see `_Simplex` for its numbers.

    Its variables are the change of x, in units of what A x leaves of the right-hand side, and its costs the reduced
    costs, in units of what is wrong with them.
    """
    matrix, free = program.matrix, program.free.tolist()
    costs = shifted(program.reduced(mu), -matrix.column_exponents)
    violated = [abs(v) for v, is_free in zip(costs, free, strict=True) if v < 0 or (is_free and v != 0)]
    missing = shifted(program.missing(x), -matrix.row_exponents)
    size = max(map(abs, missing)) or fmpq(1)
    target = _capped(missing, size)
    lower = -_capped(shifted(x, matrix.column_exponents), size)
    answer = solve_verified_later(
        LinearProgram(
            cost=_capped(costs, max(violated or map(abs, costs)) or fmpq(1)),
            rows=matrix.scaled,
            row_lower=target,
            row_upper=target,
            lower=np.where(program.free | (lower <= -float(_LARGEST_RATIO)), -np.inf, lower),
        ),
        budget,
    )
    columns, rows = ([], None) if answer.basis is None else (part.tolist() for part in answer.basis)
    order = None if rows is None else rows + np.setdiff1d(np.arange(matrix.shape[0]), rows).tolist()
    I, J = matrix.independent(columns, order)  # noqa: E741 - rows of A_IJ
    return J + [-1 - i for i in range(matrix.shape[0]) if i not in set(I)]


def _capped(values: Sequence[fmpq], unit: fmpq) -> Vector:
    """The values in a unit, as floats of moderate size."""
    return np.array([rounded(max(min(value / unit, _LARGEST_RATIO), -_LARGEST_RATIO)) for value in values])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Vertex:
    """A basic solution: numbers, values, multipliers and reduced costs."""

    basic: list[int]
    values: Rationals
    x: Rationals
    mu: Rationals
    reduced: Rationals


class _Simplex:
    """The simplex method in rationals. Basic columns of A go by their numbers, the unit vector of row i by -1 - i."""

    def __init__(self, program: ExactProgram) -> None:
        self._program, self._matrix = program, program.matrix
        self._free: list[bool] = program.free.tolist()
        self._budget = Budget(seconds=_SECONDS)
        self._pivots = 0

    def optimum(self, x: Rationals, mu: Rationals) -> Optimum:
        """Find the optimum from estimates."""
        for _ in range(_ROUNDS):
            x = [value if value > 0 or is_free else _ZERO for value, is_free in zip(x, self._free, strict=True)]
            basis = _basis_in_floating_point(self._program, x, mu, self._budget)
            vertex = self._vertex(basis, self._program.cost)
            x, mu = vertex.x, vertex.mu
            if self._infeasible_place(vertex) is None and is_optimal(self._program, x, vertex.reduced):
                break
        vertex = self._improved(self._made_feasible(vertex))
        return Optimum(x=vertex.x, mu=vertex.mu, reduced=vertex.reduced)

    def _made_feasible(self, vertex: _Vertex) -> _Vertex:
        """A vertex with x >= 0, by dual pivots with the cost raised where a reduced cost is negative."""
        if self._infeasible_place(vertex) is None:
            return vertex
        rest = [_ZERO if self._has_wrong_sign(j, vertex) else value for j, value in enumerate(vertex.reduced)]
        raised = [c - old + new for c, old, new in zip(self._program.cost, vertex.reduced, rest, strict=True)]
        vertex = replace(vertex, reduced=rest)
        while (leaving := self._infeasible_place(vertex)) is not None:
            vertex = self._vertex(self._exchanged(vertex, self._entering(vertex, leaving), leaving), raised)
        return self._vertex(vertex.basic, self._program.cost)

    def _improved(self, vertex: _Vertex) -> _Vertex:
        """The optimal vertex, by primal pivots."""
        while True:
            wrong = [j for j in range(len(vertex.reduced)) if self._has_wrong_sign(j, vertex)]
            if not wrong:
                return vertex
            basic = self._exchanged(vertex, wrong[0], self._leaving(vertex, wrong[0]))
            vertex = self._vertex(basic, self._program.cost)

    def _infeasible_place(self, vertex: _Vertex) -> int | None:
        """Where the first basic variable is that has a value which it must not have."""
        wrong = [
            (j, k)
            for k, (j, value) in enumerate(zip(vertex.basic, vertex.values, strict=True))
            if (value != 0 if j < 0 else not self._free[j] and value < 0)
        ]
        return min(wrong)[1] if wrong else None

    def _has_wrong_sign(self, j: int, vertex: _Vertex) -> bool:
        """Whether a move of x_j would lower the cost."""
        return bool(vertex.reduced[j] != 0 if self._free[j] else vertex.reduced[j] < 0)

    def _entering(self, vertex: _Vertex, leaving: int) -> int:
        """The column that a dual pivot brings in: the first of those with the least ratio."""
        row = self._row(vertex, leaving)
        direction = 1 if vertex.values[leaving] > 0 else -1
        basic = set(vertex.basic)
        ratios = [
            (vertex.reduced[j] / abs(value), j)
            for j, value in enumerate(row)
            if j not in basic and (value * direction > 0 or (self._free[j] and value != 0))
        ]
        if not ratios:
            raise Unproved("feasibility", "no x >= 0 solves A x = y in rationals")
        return min(ratios)[1]

    def _leaving(self, vertex: _Vertex, entering: int) -> int:
        """The place of the variable that a primal pivot takes out: the first of those that reach zero first."""
        change = self._column(vertex, entering)
        direction = -1 if vertex.reduced[entering] > 0 else 1
        ratios = [
            (value / abs(w), j, k)
            for k, (j, value, w) in enumerate(zip(vertex.basic, vertex.values, change, strict=True))
            if (w != 0 if j < 0 else not self._free[j] and w * direction > 0)
        ]
        if not ratios:
            raise Unproved("boundedness", "the cost falls without end along a direction, in rationals")
        return min(ratios)[2]

    def _exchanged(self, vertex: _Vertex, entering: int, leaving: int) -> list[int]:
        self._pivots += 1
        if self._pivots > _PIVOTS or self._budget.spent_out is not None:
            raise Unproved("optimal basis", f"none was found in time: {self._pivots} pivots in rationals")
        return [entering if k == leaving else j for k, j in enumerate(vertex.basic)]

    def _split(self, basic: list[int]) -> tuple[list[int], list[int]]:
        """Rows I and columns J of the part of the basis that is A_IJ."""
        taken = {-1 - j for j in basic if j < 0}
        return [i for i in range(self._matrix.shape[0]) if i not in taken], [j for j in basic if j >= 0]

    def _vertex(self, basic: list[int], cost: Rationals) -> _Vertex:
        I, J = self._split(basic)  # noqa: E741 - rows of A_IJ
        x = _spread(self._matrix.solve(I, J, [self._program.right[i] for i in I]), J, self._matrix.shape[1])
        missing = self._program.missing(x)
        mu = _spread(self._matrix.solve_transposed(I, J, [cost[j] for j in J]), I, self._matrix.shape[0])
        return _Vertex(
            basic=basic,
            values=[x[j] if j >= 0 else missing[-1 - j] for j in basic],
            x=x,
            mu=mu,
            reduced=replace(self._program, cost=cost).reduced(mu),
        )

    def _column(self, vertex: _Vertex, j: int) -> Rationals:
        """How the basic variables fall as x_j grows."""
        I, J = self._split(vertex.basic)  # noqa: E741 - rows of A_IJ
        unit = _spread([fmpq(1)], [j], self._matrix.shape[1])
        column = self._matrix.image(unit)
        inside = _spread(self._matrix.solve(I, J, [column[i] for i in I]), J, self._matrix.shape[1])
        rest = [a - b for a, b in zip(column, self._matrix.image(inside), strict=True)]
        return [inside[k] if k >= 0 else rest[-1 - k] for k in vertex.basic]

    def _row(self, vertex: _Vertex, place: int) -> Rationals:
        """How the basic variable at this place falls as each x_j grows."""
        I, J = self._split(vertex.basic)  # noqa: E741 - rows of A_IJ
        leaving = vertex.basic[place]
        v = _spread([fmpq(1)], [-1 - leaving], self._matrix.shape[0]) if leaving < 0 else [_ZERO] * len(vertex.basic)
        row = self._matrix.coefficients(v)
        target = [fmpq(int(j == leaving)) - row[j] for j in J]
        for i, value in zip(I, self._matrix.solve_transposed(I, J, target), strict=True):
            v[i] = value
        return self._matrix.coefficients(v)


def _spread(values: Sequence[fmpq], places: Sequence[int], size: int) -> Rationals:
    vector = [_ZERO] * size
    for place, value in zip(places, values, strict=True):
        vector[place] = value
    return vector
