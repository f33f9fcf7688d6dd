"""The null-space constants with their witnesses: exact, or bracketed, up to rounding."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, nan
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from bregman_l1._types import Vector
from bregman_l1.budget import Budget
from bregman_l1.claim import Claim
from bregman_l1.errors import InvalidProblemError
from bregman_l1.frozen import FrozenArrays
from bregman_l1.polyhedron.kernel_cone import BasePoint, KernelCone
from bregman_l1.problems.left_inverse import left_inverse_bound
from bregman_l1.problems.nullspace import Kind, NullSpaceConstant
from bregman_l1.scale import as_float

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem


# Size |S| (rank C) |R| beyond which branch and bound does not get beyond its root.
_LARGEST_MIXED = 2_000_000
# A constant of at most so many entries on S, and |S| (rank C) |R| of at most that, takes 76 linear programs of
# milliseconds at most.
_QUICK_ENTRIES, _QUICK_SIZE = 6, 20_000
# What the points of linear programs may miss their constraints by.
_FEASIBLE = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Constant(FrozenArrays):
    """A null-space constant and what proves it.

    Attributes
    ----------
    value : float
        Its value at the witness: the constant itself where exact, else its lower end; NaN where there is none.
    lower, upper : float
        A bracket: the witness attains the lower end, a dual bound is the upper. Both are true up to rounding, of
        which bounds over left inverses have a margin, (rank C + 2) 2^-52 of their terms. NaN where there is none.
    exact : bool
        Whether the two ends agree up to rounding.
    witness : ndarray of shape (d,), optional
        A vector n in ker A, n >= 0 off S, ||n off S||_1 = 1, at which ``lower`` is attained.
    dual : ndarray of shape (N,), optional
        mu with A_S'mu = w and max_j a_j'mu = ``upper`` off S (see `NullSpaceConstant`), where there is one.
    reason : str
        Why the numbers are NaN: the constant does not exist, or was not computed. Empty where they are numbers.

    Examples
    --------
    >>> from bregman_l1 import LinearSystem
    >>> system = LinearSystem([[1.0, 0.0, 5.0], [0.0, 1.0, -4.5]], [1.0, 1.0])
    >>> str(null_space_constant(system, [0, 1], "rho"))
    '0.5'
    """

    value: float
    lower: float
    upper: float
    exact: bool
    witness: Vector | None
    dual: Vector | None = None
    reason: str = ""

    @classmethod
    def missing(cls, reason: str) -> Constant:
        """No number, and why."""
        return cls(value=nan, lower=nan, upper=nan, exact=False, witness=None, reason=reason)

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        if self.reason:
            return "nan"
        return f"{self.value:.12g}" if self.exact else f"[{self.lower:.6g}, {self.upper:.6g}]"

    def to_dict(self) -> dict[str, Any]:
        """Return the constant as plain numbers and lists, ready for JSON; None where there is none."""
        numbers = {"value": self.value, "lower": self.lower, "upper": self.upper}
        return {
            **(dict.fromkeys(numbers) if self.reason else numbers),
            "exact": self.exact,
            "witness": None if self.witness is None else self.witness.tolist(),
            "dual": None if self.dual is None else self.dual.tolist(),
            "reason": self.reason or None,
        }


def null_space_constant(
    system: LinearSystem, support: ArrayLike, kind: Kind, *, time_limit: float | None = 60.0
) -> Constant:
    """Compute a null-space constant of a support (Matt & Stoeger 2025, eqs. II.1 and II.2).

    rho is a linear program. rho_tilde and rho_minus are read off the columns of B where the kernel cone is an
    orthant; otherwise they are mixed-integer, and what branch and bound leaves open is closed as far as possible by
    a bound over left inverses of A_S (see `left_inverse_bound`).

    Parameters
    ----------
    system : LinearSystem
    support : array_like
        Indices or boolean mask.
    kind : {"rho", "rho_tilde", "rho_minus"}
    time_limit : float, default 60
        Seconds for everything beyond one vector of the kernel cone, which is found whatever it takes; None for no
        limit. What runs when they are spent, such as a factorisation, is finished.

    Returns
    -------
    Constant
        A bracket where the time did not suffice.

    Raises
    ------
    InvalidProblemError
        If the support, the kind or the time limit is wrong.
    UndefinedConstantError
        If the constant does not exist.

    Examples
    --------
    >>> from bregman_l1 import LinearSystem
    >>> system = LinearSystem([[1.0, 0.0, 5.0], [0.0, 1.0, -4.5]], [1.0, 1.0])
    >>> null_space_constant(system, [0, 1], "rho_tilde").value
    9.5
    """
    budget = Budget(seconds=checked_time_limit(time_limit))
    problem = NullSpaceConstant(system, support, kind)
    return bracketed(problem, problem.cone.some_point, budget)


def bracketed(problem: NullSpaceConstant, start: Vector, budget: Budget) -> Constant:
    """Bracket a constant as closely as the seconds of a budget allow.

    Parameters
    ----------
    problem : NullSpaceConstant
    start : ndarray of shape (|R|,)
        A point of the base of its kernel cone: the bracket has a witness when there is no time at all.
    budget : Budget
    """
    claim, upper = _searched(problem, start, budget)
    if not problem.agree(claim, upper):
        upper = min(upper, left_inverse_bound(problem, budget))
    return _constant(problem, claim, upper)


def _searched(problem: NullSpaceConstant, start: Vector, budget: Budget) -> tuple[Claim, float]:
    """A kernel vector, and what linear programs prove: all of them, branch and bound over them, or those of the ascent.

    Every part is given half of what is left, so that the bound that follows is not left without.
    """
    cone, is_linear = problem.cone, problem.kind == "rho" or problem.cone.is_orthant
    has_ranges = is_linear or cone.has_ranges(_half(budget))
    if has_ranges and not problem.is_large:
        claim, upper = problem.maximum(_half(budget))
        return claim or problem.ascended(start, _half(budget)), upper
    if not has_ranges or budget.spent_out is not None:
        return problem.ascended(start, _half(budget)), inf
    if cone.support.size * cone.C.size > _LARGEST_MIXED:
        return problem.ascended(start, _half(budget)), problem.range_bound()
    branched = problem.branched(_half(budget).seconds_left)
    upper = problem.upper_bound(branched)
    n = cone.kernel_vector(start) if branched.x is None else branched.x
    n = n if _in_kernel_cone(cone, n) else cone.kernel_vector(start)
    return problem.polish(replace(branched, x=n, time_left=_half(budget).seconds_left)), upper


def _half(budget: Budget) -> Budget:
    return Budget(seconds=budget.seconds_left / 2)


def is_quick(cone: KernelCone) -> bool:
    """Whether rho_tilde and rho_minus take no time worth mentioning: read off columns, or of few entries on S."""
    size = cone.support.size * cone.C.size
    return cone.is_orthant or (cone.support.size <= _QUICK_ENTRIES and size <= _QUICK_SIZE)


def rho_at_vertex(cone: KernelCone, vertex: BasePoint) -> Constant:
    """Return rho from the vertex of the base, with its multiplier, where sum_i (B p)_i is known to be largest."""
    ones, problem = np.ones(cone.support.size), NullSpaceConstant.over(cone, "rho")
    claim = Claim(x=cone.kernel_vector(vertex.p), dual=cone.dual_vector(ones, vertex.b))
    return _constant(problem, claim, cone.upper_bound(cone.total(ones), vertex.b))


def checked_time_limit(time_limit: float | None) -> float:
    """Return the time limit in seconds, infinite if there is none.

    Raises
    ------
    InvalidProblemError
        If it is neither None nor a nonnegative number.
    """
    if time_limit is None:
        return inf
    seconds = as_float(time_limit)
    if not seconds >= 0:
        raise InvalidProblemError(f"time_limit must be a nonnegative number of seconds, got {time_limit!r}")
    return seconds


def _in_kernel_cone(cone: KernelCone, n: Vector) -> bool:
    """Whether n is a witness: a program stopped early may leave a point that satisfies nothing."""
    p = n[cone.outside]
    gap = np.abs(cone.C @ p).max(initial=0.0) / (np.abs(cone.C).max(initial=0.0) or 1.0)
    return bool(np.isfinite(n).all() and max(gap, -p.min(), abs(p.sum() - 1.0)) <= _FEASIBLE)


def _constant(problem: NullSpaceConstant, claim: Claim, upper: float) -> Constant:
    lower = problem.objective(claim)
    return Constant(
        value=lower,
        lower=lower,
        upper=max(upper, lower),
        exact=problem.agree(claim, upper),
        witness=claim.point,
        dual=claim.dual,
    )
