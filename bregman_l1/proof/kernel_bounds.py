"""Kernel vectors of a support in rationals, and bounds of convex functions of them from above.

Over the base P of the kernel cone multipliers mu with A_S'mu = w prove w'(B p) <= max_j a_j'mu, and a left inverse G of
A_S proves f(B p) <= max_j f(G a_j) for a convex f. Floating point finds both; a change in as many rows as S has entries
makes A_S'mu = w and G A_S = I hold exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
from flint import arb, arb_mat, fmpq

from bregman_l1._types import Index, Matrix, Vector
from bregman_l1.budget import Budget
from bregman_l1.exact import balls, rounded
from bregman_l1.problems.left_inverse import best_left_inverse
from bregman_l1.problems.nullspace import Kind, NullSpaceConstant
from bregman_l1.proof.exact_matrix import Rationals, exact_matrix, exact_vector, inner
from bregman_l1.proof.exact_simplex import ExactProgram, minimise, multipliers_near, solution_near
from bregman_l1.proof.precision import first_proved
from bregman_l1.proof.record import Unproved

# Columns whose values are compared exactly.
_COLUMNS = 64
_BITS = (192, 512, 2048)
# A range that leaves zero by less than this share of the largest entry may be one-sided: rationals decide.
_ONE_SIDED = 1e-9
_NO_ROWS: Index = np.zeros(0, dtype=np.intp)
_ZERO = fmpq(0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Upper:
    """A bound from above, what proves it, the kernel vectors met on the way, and the bits of the balls it took."""

    bound: fmpq
    meaning: str
    met: tuple[Rationals, ...] = ()
    bits: int = 0


class KernelBounds:
    """The kernel vectors n = (n_S, n_R) with n_R >= 0 and sum n_R = 1 of a null-space constant.

    Rationals of kernel vectors are in this order: those on S, then those off S.
    """

    def __init__(self, problem: NullSpaceConstant) -> None:
        cone = problem.cone
        self._kind, self._cone, self._problem = problem.kind, cone, problem
        self.size = cone.support.size
        self.columns: list[int] = np.concatenate([cone.support, cone.outside]).tolist()
        border = np.append(np.zeros(self.size), np.ones(cone.outside.size))
        self._matrix = exact_matrix(np.vstack([cone.system.columns(self.columns), border]))
        self._right = exact_vector(np.append(np.zeros(cone.system.shape[0]), 1.0))
        self._free = np.arange(border.size) < self.size
        self._rows, independent = self._matrix.independent(range(self.size))
        self.is_injective = len(independent) == self.size

    def value(self, n: Rationals) -> fmpq:
        """The function whose largest value the constant is."""
        return sum(map(_TERMS[self._kind], n[: self.size]), _ZERO)

    def near(self, n: Vector) -> Rationals | None:
        """The exact kernel vector near an estimate."""
        return solution_near(self._program(np.zeros(self.size)), self._ordered(n))

    def largest(self, weights: Vector, n: Vector, mu: Vector | None) -> Upper:
        """The largest w'(B p), exactly, from estimates of where it is and of the multipliers that prove it."""
        mu = np.zeros(self._cone.system.shape[0]) if mu is None else mu
        program = self._program(weights)
        best = minimise(program, self._ordered(n), np.append(mu, weights @ self._cone.on_support(n)))
        meaning = "mu in rationals with A_S'mu = w bounds w'(B p) by max_j a_j'mu"
        return Upper(bound=-inner(program.cost, best.x), meaning=meaning, met=(best.x,))

    def branched(self, given: Vector, budget: Budget) -> Upper | None:
        """The constant, or a bound where the budget does not last, by branch and bound over the signs of n_S.

        Where the sign of (B p)_i is not fixed its term is bounded by the chord over the range of (B p)_i. None where
        there is no time for the ranges.
        """
        ranges = self._ranges(budget)
        if ranges is None:
            return None
        tree = _Tree(self, _Chords(self._kind, *ranges), given)
        meaning = tree.searched(budget)
        return Upper(bound=tree.bound, meaning=meaning, met=tuple(tree.met))

    def bound(self, weights: Vector) -> tuple[fmpq, Vector, Vector]:
        """A bound of w'(B p) by multipliers of floating point, made exact on S; where it is attained, and they."""
        found = self._cone.maximise(self._cone.total(weights))
        mu = self._cone.dual_vector(weights, found.b)
        near = multipliers_near(self._program(weights), _NO_ROWS, np.append(mu, 0.0))
        assert near is not None  # A_S is injective
        return max(-value for value in near[1][self.size :]), self._cone.kernel_vector(found.p), mu

    def on_support(self, n: Vector) -> Vector:
        """The (B p)_i of a kernel vector in floating point."""
        return -self._cone.on_support(n)

    def over_left_inverses(self, budget: Budget) -> Upper:
        """A bound by the columns of G A_R, G A_S = I, in balls."""
        values, bits = self._values_at_columns(budget)
        bound = max(value.upper().fmpq() for value in values)
        return Upper(bound=bound, meaning="max_j f(G a_j) in balls, G a left inverse of A_S", bits=bits)

    def over_columns(self, budget: Budget) -> Upper:
        """The constant of an orthant: the largest value at a column of G A_R, that of the best columns exactly."""
        values, bits = self._values_at_columns(budget)
        lower = max(value.lower() for value in values)
        best = [j for j, value in enumerate(values) if value.upper() >= lower]
        near = [self.near(self._cone.kernel_vector(np.eye(1, len(values), j)[0])) for j in best[:_COLUMNS]]
        met = tuple(n for n in near if n is not None)
        is_decided = len(met) == len(best)
        bound = max(map(self.value, met) if is_decided else (value.upper().fmpq() for value in values))
        meaning = "max_j f(G a_j) over the columns off S, G the left inverse of A_S"
        return Upper(bound=bound, meaning=meaning, met=met, bits=bits)

    def _ordered(self, n: Vector) -> Vector:
        """The entries of a kernel vector in the order of the equations, those off S not negative."""
        found = np.concatenate([self._cone.on_support(n), self._cone.off_support(n)])
        return np.where(self._free, found, np.maximum(found, 0.0))

    def _program(self, weights: Vector) -> ExactProgram:
        """Minimise w'n_S: minus the largest w'(B p)."""
        cost = exact_vector(np.append(weights, np.zeros(self._cone.outside.size)))
        return ExactProgram(matrix=self._matrix, right=self._right, cost=cost, free=self._free)

    def _ranges(self, budget: Budget) -> tuple[Rationals, Rationals] | None:
        """Bounds of every (B p)_i and -(B p)_i from above, at least zero; exactly zero where one sign is not taken."""
        sides: tuple[Rationals, Rationals] = ([], [])
        for unit, row in zip(np.eye(self.size), self._cone.B, strict=True):
            for side, sign in zip(sides, (1.0, -1.0), strict=True):
                if budget.spent_out is not None:
                    return None
                bound, n, mu = self.bound(sign * unit)
                if 0 < rounded(bound) <= _ONE_SIDED * float(np.abs(row).max()):
                    bound = self.largest(sign * unit, n, mu).bound
                side.append(max(bound, _ZERO))
        return sides

    def _values_at_columns(self, budget: Budget) -> tuple[list[arb], int]:
        """The function at every column of G A_R in balls, and their precision."""
        W = best_left_inverse(self._problem, budget)
        G = np.array([self._cone.dual_vector(unit, -w) for unit, w in zip(np.eye(self.size), W, strict=True)])
        A = self._matrix.floats[:-1]

        def values(bits: int) -> tuple[list[arb], int]:
            columns = _columns_of_left_inverse(G, A[:, : self.size], A[:, self.size :], self._rows)
            if columns is None:
                raise Unproved("upper bound", f"A_S is not seen to be injective with {bits} bits")
            return [sum(map(_TERMS_OF_BALLS[self._kind], column), arb(0)) for column in columns], bits

        return first_proved(values, _BITS)


# The term of n_i in the function, and that of (B p)_i = -n_i.
_TERMS: dict[Kind, Callable[[fmpq], fmpq]] = {
    "rho": lambda n: -n,
    "rho_tilde": abs,
    "rho_minus": lambda n: max(-n, _ZERO),
}
_TERMS_OF_BALLS: dict[Kind, Callable[[arb], arb]] = {
    "rho": lambda v: v,
    "rho_tilde": abs,
    "rho_minus": lambda v: v.max(arb(0)),
}


class _Chords:
    """Linear functions of v = B p that bound f(v) from above, where the signs of some v_i are fixed."""

    def __init__(self, kind: Kind, high: Rationals, low: Rationals) -> None:
        ranges = [*zip(high, low, low if kind == "rho_tilde" else [_ZERO] * len(low), strict=True)]
        self.mixed = np.array([up > 0 and down > 0 for up, down, _ in ranges])
        self._slopes = np.array(
            [rounded((up - value) / (up + down)) if up + down else 0.0 for up, down, value in ranges]
        )
        self._offsets = [
            max(value + slope * down, up - slope * up)
            for (up, down, value), slope in zip(ranges, exact_vector(self._slopes), strict=True)
        ]
        self._negative = -1.0 if kind == "rho_tilde" else 0.0

    def relaxed(self, signs: Vector) -> tuple[Vector, fmpq]:
        """Weights w and a constant c with f(v) <= w'v + c where v_i has the sign given; zero gives none."""
        weights = np.where(signs == 0, self._slopes, np.where(signs > 0, 1.0, self._negative))
        return weights, sum((c for c, sign in zip(self._offsets, signs.tolist(), strict=True) if not sign), _ZERO)

    def farthest(self, signs: Vector, v: Vector) -> int:
        """Where the bound is farthest from the function at v, of the v_i without a sign."""
        values = np.where(v >= 0, v, self._negative * v)
        gaps = self._slopes * v + [rounded(c) for c in self._offsets] - values
        return int(np.where((signs == 0) & self.mixed, gaps, -np.inf).argmax())


class _Tree:
    """Branch and bound, the node of the largest bound first."""

    def __init__(self, base: KernelBounds, chords: _Chords, given: Vector) -> None:
        self._base, self._chords = base, chords
        self._heap: list[tuple[fmpq, int, Vector, Vector]] = []
        self._nodes = 0
        near = base.near(given)
        self.met: list[Rationals] = [] if near is None else [near]
        self._best = max(map(base.value, self.met), default=_ZERO)
        self._examine(np.zeros(base.size))

    @property
    def bound(self) -> fmpq:
        """What no value is above."""
        return max(self._best, -self._heap[0][0]) if self._heap else self._best

    def searched(self, budget: Budget) -> str:
        """Search until the bound is attained or the budget spent; say how far it went."""
        while self.bound > self._best and budget.spent_out is None:
            _, _, signs, n = heappop(self._heap)
            for sign in (1.0, -1.0):
                child = signs.copy()
                child[self._chords.farthest(signs, self._base.on_support(n))] = sign
                self._examine(child)
        return f"mu in rationals with A_S'mu = w for each of {self._nodes} nodes of branch and bound over signs of n_S"

    def _examine(self, signs: Vector) -> None:
        """Bound the function where n_S has these signs, exactly where all are fixed, and keep what may be above."""
        self._nodes += 1
        weights, constant = self._chords.relaxed(signs)
        bound, n, mu = self._base.bound(weights)
        is_leaf = not (self._chords.mixed & (signs == 0)).any()
        if bound + constant > self._best:
            found = self._base.largest(weights, n, mu) if is_leaf else None
            self._meet(self._base.near(n) if found is None else found.met[0])
            bound = bound if found is None else found.bound
        if bound + constant > self._best:
            heappush(self._heap, (-(bound + constant), self._nodes, signs, n))

    def _meet(self, n: Rationals | None) -> None:
        if n is not None and self._base.value(n) > self._best:
            self.met.append(n)
            self._best = self._base.value(n)


def _columns_of_left_inverse(G: Matrix, A_S: Matrix, A_R: Matrix, rows: list[int]) -> list[Sequence[arb]] | None:
    """The columns of G' A_R, G' A_S = I, for the G' that differs from G in some columns; None where precision fails."""
    size = len(G)
    missing = arb_mat(size, size, [arb(int(i == j)) for i in range(size) for j in range(size)]) - balls(G) * balls(A_S)
    try:
        change = balls(A_S[rows].T).solve(missing.transpose()).transpose()
    except ZeroDivisionError:
        return None
    table = (balls(G) * balls(A_R) + change * balls(A_R[rows])).transpose().tolist()
    return table if all(entry.is_finite() for column in table for entry in column) else None
