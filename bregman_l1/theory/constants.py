"""The null-space constants with their witnesses: exact, or rigorously bracketed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from bregman_l1._types import Vector
from bregman_l1.budget import Budget
from bregman_l1.claim import Claim
from bregman_l1.errors import BackendError, InvalidProblemError
from bregman_l1.frozen import FrozenArrays
from bregman_l1.polyhedron.kernel_cone import BasePoint, KernelCone, kernel_cone
from bregman_l1.polyhedron.linear_program import LinearProgramSettings, solve_linear_program
from bregman_l1.problems.nullspace import Kind, NullSpaceConstant
from bregman_l1.theory.left_inverse import left_inverse_bound

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem


# Size |S| (rank C) |R| beyond which branch and bound does not get beyond its root, nor stop in time there.
_LARGEST_MIXED = 2_000_000
# What the points of linear programs may miss their constraints by.
_FEASIBLE = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Constant(FrozenArrays):
    """A null-space constant and what proves it.

    Attributes
    ----------
    value : float
        Its value at the witness: the constant itself where exact, else its lower end.
    lower, upper : float
        A rigorous bracket: the witness attains the lower end, a dual bound proves the upper.
    exact : bool
        Whether the two ends agree up to rounding.
    witness : ndarray of shape (d,)
        A vector n in ker A, n >= 0 off S, ||n off S||_1 = 1, at which ``lower`` is attained.
    dual : ndarray of shape (N,), optional
        mu with A_S'mu = w and max_j a_j'mu = ``upper`` off S (see `NullSpaceConstant`), where there is one.

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
    witness: Vector
    dual: Vector | None = None

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        return f"{self.value:.12g}" if self.exact else f"[{self.lower:.6g}, {self.upper:.6g}]"

    def to_dict(self) -> dict[str, Any]:
        """Return the constant as plain numbers and lists, ready for JSON."""
        return {
            "value": self.value,
            "lower": self.lower,
            "upper": self.upper,
            "exact": self.exact,
            "witness": self.witness.tolist(),
            "dual": None if self.dual is None else self.dual.tolist(),
        }


def null_space_constant(system: LinearSystem, support: ArrayLike, kind: Kind, *, time_limit: float = 60.0) -> Constant:
    """Compute a null-space constant of a support (Matt & Stoeger 2025, eqs. II.1 and II.2).

    rho is a linear program. rho_tilde and rho_minus are read off the columns of B where the kernel cone is an
    orthant; otherwise they are mixed-integer, and what branch and bound leaves open after ``time_limit`` is
    closed as far as possible by a bound over all left inverses of A_S (see `left_inverse_bound`).

    Parameters
    ----------
    system : LinearSystem
    support : array_like
        Indices or boolean mask.
    kind : {"rho", "rho_tilde", "rho_minus"}
    time_limit : float, default 60
        Seconds that branch and bound and the left-inverse bound may take, half of them each.

    Returns
    -------
    Constant

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
    problem = NullSpaceConstant(system, support, kind)
    time_limit = checked_time_limit(time_limit)
    budget = Budget(seconds=time_limit)
    if not (kind == "rho" or problem.cone.is_orthant or _has_ranges(problem, budget)):
        return _crude_bracket(problem, budget)
    if not problem.is_large:
        claim, upper = problem.maximum(budget)
        return _constant(problem, claim, upper)
    if problem.cone.support.size * problem.cone.C.size > _LARGEST_MIXED:
        crude = _crude_bracket(problem, budget)
        return replace(crude, upper=min(crude.upper, problem.range_bound()))
    settings = LinearProgramSettings(time_limit=budget.seconds_left / 2)
    answer = solve_linear_program(problem.linear_program(), settings)
    start = problem.interpret(answer)
    if not _in_kernel_cone(problem, start):
        start = Claim(x=_some_vector(problem), bound=-answer.bound)
    claim = problem.polish(replace(start, time_left=budget.seconds_left))
    upper = problem.upper_bound(claim)
    if not problem.agree(claim, upper):
        upper = min(upper, left_inverse_bound(problem, time_limit=budget.seconds_left))
    return _constant(problem, claim, upper)


def rho_at_vertex(cone: KernelCone, vertex: BasePoint) -> Constant:
    """Return rho from the vertex of the base, with its multiplier, where sum_i (B p)_i is known to be largest."""
    ones = np.ones(cone.support.size)
    problem = NullSpaceConstant(cone.system, cone.support, "rho")
    claim = Claim(x=cone.kernel_vector(vertex.p), dual=cone.dual_vector(ones, vertex.b))
    return _constant(problem, claim, cone.upper_bound(cone.total(ones), vertex.b))


def checked_time_limit(time_limit: float) -> float:
    """Return the time limit in seconds.

    Raises
    ------
    InvalidProblemError
        If it is not a nonnegative number.
    """
    if not (isinstance(time_limit, Real) and time_limit >= 0):
        raise InvalidProblemError(f"time_limit must be a nonnegative number of seconds, got {time_limit!r}")
    return float(time_limit)


def _has_ranges(problem: NullSpaceConstant, budget: Budget) -> bool:
    """Whether the ranges of the n_i, two linear programs for each, are found within the budget."""
    try:
        problem.cone.find_ranges(budget)
    except BackendError:
        if budget.spent_out is None:
            raise
        return False
    return True


def _crude_bracket(problem: NullSpaceConstant, budget: Budget) -> Constant:
    """Bracket by a witness from ascent and the column maximum of the pseudo-inverse from above."""
    claim = problem.ascended(_some_vector(problem)[problem.cone.outside], budget)
    return _constant(problem, claim, problem.column_bound())


def _in_kernel_cone(problem: NullSpaceConstant, claim: Claim) -> bool:
    """Whether the claim is a witness: a program stopped early may leave a point that satisfies nothing."""
    if claim.x is None or not np.isfinite(claim.x).all():
        return False
    cone = problem.cone
    p = claim.x[cone.outside]
    gap = np.abs(cone.C @ p).max(initial=0.0) / (np.abs(cone.C).max(initial=0.0) or 1.0)
    return bool(max(gap, -p.min(), abs(p.sum() - 1.0)) <= _FEASIBLE)


def _some_vector(problem: NullSpaceConstant) -> Vector:
    cone = kernel_cone(problem.system, problem.cone.support)
    return cone.kernel_vector(cone.maximise(cone.total(np.ones(cone.support.size))).p)


def _constant(problem: NullSpaceConstant, claim: Claim, upper: float) -> Constant:
    if claim.x is None:
        raise BackendError("no kernel vector was found")
    lower = problem.objective(claim)
    return Constant(
        value=lower,
        lower=lower,
        upper=max(upper, lower),
        exact=problem.agree(claim, upper),
        witness=claim.x,
        dual=claim.dual,
    )
