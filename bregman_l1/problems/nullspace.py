"""The null-space constants rho, rho_tilde and rho_minus of a support, as optimization problems."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from bregman_l1._types import EPS, ROUNDINGS, Index, Matrix, Vector
from bregman_l1.budget import Budget
from bregman_l1.certificate import Certificate, Check, not_finite
from bregman_l1.claim import Claim
from bregman_l1.errors import BackendError, InvalidProblemError, UndefinedConstantError
from bregman_l1.polyhedron.kernel_cone import EMPTY_BASE, BasePoint, KernelCone, kernel_cone
from bregman_l1.polyhedron.linear_program import (
    LinearProgram,
    LinearProgramAnswer,
    LinearProgramSettings,
    solve_linear_program,
)
from bregman_l1.polyhedron.signed_cone import SignedKernelCone, signed_kernel_cone
from bregman_l1.problems.base import Problem
from bregman_l1.system import checked_system
from bregman_l1.validation import checked_flag

if TYPE_CHECKING:
    from collections.abc import Iterator

    import cvxpy as cp

    from bregman_l1.system import LinearSystem

Kind = Literal["rho", "rho_tilde", "rho_minus"]

_FORMULAS = {
    "rho": "-sum n_S",
    "rho_tilde": "||n_S||_1",
    "rho_minus": "sum max(-n_S, 0)",
}
# A range of (B p)_i that leaves zero on one side by less than this share of the other is one-sided.
_ONE_SIDED = 1e-12
# A constant whose two ends agree to this share of its size is exact.
AGREEMENT = 1e-9
_TRIVIAL = (
    "no kernel vector of A is nonzero off the support: A x = y has no other solution, and the constants do not exist"
)
_ENUMERATED_ROWS = 6
_ASCENT_STEPS = 20
_PROOF_SECONDS = 60.0


def checked_kind(kind: Kind) -> Kind:
    """Return the kind of a null-space constant.

    Raises
    ------
    InvalidProblemError
        If there is none of this name.
    """
    if not isinstance(kind, str) or kind not in get_args(Kind):
        raise InvalidProblemError(f"kind must be one of {', '.join(get_args(Kind))}; got {kind!r}")
    return kind


class NullSpaceConstant(Problem):
    """A null-space constant: the largest value of a function of n_S over the kernel cone of a support S.

    Over n in ker A with n_j >= 0 off S and ||n off S||_1 = 1 it is the maximum of (Matt & Stoeger 2025,
    eqs. II.1 and II.2)

        rho         -sum_i n_i over S                a linear program
        rho_tilde   sum_i |n_i| over S               the maximum of a convex function
        rho_minus   sum_i max(-n_i, 0) over S        the maximum of a convex function

    The last two are linear where the kernel cone is a full orthant (rank A_S = rank A: the maximum sits at
    a unit vector) or where no n_i changes its sign over the cone; otherwise they are mixed-integer linear,
    one binary variable for each i that does, with the exact ranges of n_i as its constants.

    With ``signed`` they are those of x of either sign: over n in ker A with ||n off S||_1 = 1 the maximum of

        rho         -sum_i sign(x_i) n_i over S      = min { max_j |a_j'mu| off S : A_S'mu = sign(x_S) }
        rho_tilde   sum_i |n_i| over S
        rho_minus   sum_i max(-sign(x_i) n_i, 0) over S

    which are not negative. Those of the doubled system [A, -A] are max(0, rho), max(1, rho_tilde), max(0, rho_minus).

    The answer's ``x`` is the attaining kernel vector n and its ``value`` the constant. Where the problem is
    linear its ``dual`` is a vector mu that proves the maximum: A_S'mu = w and max_j a_j'mu off S equals the
    value, with w = 1 for rho and the sign pattern of -n_S otherwise; if signed, a_i times sign(x_i) on S, and
    a_j and -a_j off S. It is not a derivative with respect to y, on which the constants do not depend.

    Parameters
    ----------
    system : LinearSystem
    support : array_like
        S as indices without repeats or as a boolean mask.
    kind : {"rho", "rho_tilde", "rho_minus"}
    signed : bool, default False
        Whether x may have either sign.
    signs : array_like of shape (d,), optional
        If signed, a vector with the signs of x on the support, such as x; those of the x on S with A x = y if omitted.

    Raises
    ------
    InvalidProblemError
        If the support, the kind or the signs are wrong, or no signs are given where A_S is not injective, y is not in
        its span, or x_S has a zero.
    UndefinedConstantError
        If the constant does not exist: no kernel vector is nonnegative and nonzero off S, or n_S is not
        bounded by n off S because A_S is not injective.

    Examples
    --------
    >>> from bregman_l1 import LinearSystem
    >>> system = LinearSystem([[1.0, 0.0, 5.0], [0.0, 1.0, -4.5]], [1.0, 1.0])
    >>> problem = NullSpaceConstant(system, [0, 1], "rho_tilde")
    >>> certificate = problem.certify(Claim(x=np.array([-5.0, 4.5, 1.0])))
    >>> certificate.ok, problem.objective(Claim(x=np.array([-5.0, 4.5, 1.0])))
    (True, 9.5)
    >>> from bregman_l1 import solve
    >>> system = LinearSystem([[1.0, 0.0, 0.5], [0.0, 1.0, 0.25]], [1.0, -1.0])
    >>> solution = solve(NullSpaceConstant(system, [0, 1], "rho", signed=True))
    >>> abs(round(solution.value, 12)), abs(solution.x.round(12)).tolist()
    (0.25, [0.5, 0.25, 1.0])
    """

    __slots__ = ("_cone", "_kind")
    _cone: KernelCone
    _kind: Kind

    def __init__(
        self,
        system: LinearSystem,
        support: ArrayLike,
        kind: Kind,
        *,
        signed: bool = False,
        signs: ArrayLike | None = None,
    ) -> None:
        checked_kind(kind)
        is_signed = checked_flag("signed", signed)
        if signs is not None and not is_signed:
            raise InvalidProblemError("signs are those of an x of either sign: give signed=True with them")
        cone = (
            signed_kernel_cone(checked_system(system), support, signs)
            if is_signed
            else kernel_cone(checked_system(system), support)
        )
        if not cone.outside.size or cone.is_trivial:
            raise UndefinedConstantError(_TRIVIAL if is_signed else EMPTY_BASE)
        self._over(cone, kind)

    @classmethod
    def over(cls, cone: KernelCone, kind: Kind) -> NullSpaceConstant:
        """State the problem for a kernel cone that is known to be more than {0}: a linear program less."""
        problem = cls.__new__(cls)
        problem._over(cone, kind)
        return problem

    def _over(self, cone: KernelCone, kind: Kind) -> None:
        self._cone, self._kind = cone, kind
        if not cone.is_injective and (kind != "rho" or not cone.spanned(np.ones(cone.support.size))):
            raise UndefinedConstantError(
                f"{kind} does not exist: A_S has rank {cone.rank} for {cone.support.size} columns, and n_S is not "
                "bounded by n off S (the l1 minimiser is not unique)"
            )

    @property
    def system(self) -> LinearSystem:
        return self._cone.given

    @property
    def signed(self) -> bool:
        """Whether x may have either sign."""
        return isinstance(self._cone, SignedKernelCone)

    @property
    def cone(self) -> KernelCone:
        """The kernel cone of the support."""
        return self._cone

    @property
    def kind(self) -> Kind:
        """Which of the constants."""
        return self._kind

    @property
    def title(self) -> str:
        sign = "signed " if self.signed else ""
        return f"{sign}null-space constant {self._kind} of a support of {self._cone.support.size}"

    @property
    def cones(self) -> frozenset[str]:
        return frozenset({"linear"} if self._linear() is not None else {"linear", "integer"})

    def dcp(self) -> cp.Problem:
        cone = self._cone
        key = ("null-space program", self._kind, cone.support.tobytes(), cone.outside.tobytes())
        return cone.system.remember_in_thread(key, self._program)

    def recover(self, program: cp.Problem) -> Claim:
        values = {variable.name(): variable.value for variable in program.variables()}
        if values["p"] is None:
            return Claim()
        multiplier = None if "z" in values or self._cone.is_orthant else program.constraints[1].dual_value
        b = None if multiplier is None else -np.asarray(multiplier, dtype=np.float64)
        return self._claim(np.asarray(values["p"], dtype=np.float64), b)

    def linear_program(self) -> LinearProgram:
        linear = self._linear()
        return self._cone.program(linear) if linear is not None else self._mixed_integer_program()

    def interpret(self, answer: LinearProgramAnswer) -> Claim:
        if answer.x is None:
            return Claim(bound=-answer.bound * self._program_unit)
        linear = self._linear()
        b = None if answer.dual is None or linear is None else self._cone.program_multiplier(linear, answer.dual)
        p = answer.x[: self._cone.outside.size] * self._cone.program_units
        if not p.any():  # the time was up at once
            return Claim(bound=-answer.bound * self._program_unit)
        return replace(self._claim(p, b), bound=-answer.bound * self._program_unit)

    def polish(self, claim: Claim, tol: float = 1e-9) -> Claim:
        if not np.isfinite(claim.point).all():
            return claim
        p = self._base_point(claim.point)
        linear = self._linear()
        if linear is not None:
            b = np.zeros(self._cone.C.shape[0]) if claim.dual is None else self._cone.multiplier(claim.dual)
            best = self._cone.refined(linear, p, b)
            better = self._claim(best.p, best.b)
            is_best = self.agree(better, best.bound) and self._kernel_residual(better.point) <= tol
            if not is_best and claim.time_left > 0:
                better = self._maximised(linear, Budget(seconds=claim.time_left)) or better
        else:
            better = self.ascended(self._cone.refined_vertex(p), Budget(seconds=claim.time_left))
        return replace(claim, x=better.x, dual=better.dual, value=better.value)

    def _maximised(self, linear: Vector, budget: Budget) -> Claim | None:
        """The answer by a linear program of our own, None where the time for it is up."""
        try:
            best = self._cone.maximise(linear, budget)
        except BackendError:
            if budget.spent_out is None:
                raise
            return None
        return self._claim(best.p, best.b)

    def objective(self, claim: Claim) -> float:
        off_support = np.abs(self._cone.off_support(claim.point)).sum()
        return self._function(-self._cone.on_support(claim.point)) / float(off_support or np.nan)

    def certify(self, claim: Claim, tol: float = 1e-9) -> Certificate:
        n = claim.point
        if not np.isfinite(n).all():
            return not_finite(self.title)
        value = self.objective(claim) if np.isnan(claim.value) else claim.value
        bound, proof = self._upper_bound(claim, value, tol)
        off_support = self._cone.off_support(n)
        sign = Check(value=float(-off_support.min()), tolerance=tol, meaning="-min n off the support")
        checks = {
            "kernel": Check(value=self._kernel_residual(n), tolerance=tol, meaning="max_i |A n|_i / (|A| |n|)_i"),
            **({} if self.signed else {"sign": sign}),
            "normalisation": Check(
                value=float(abs(off_support.sum() - 1.0)), tolerance=tol, meaning="| ||n off the support||_1 - 1 |"
            ),
            "attained": Check(
                value=self._difference(self.objective(claim), value, n),
                tolerance=tol,
                meaning=f"|value - {_FORMULAS[self._kind]}| / |value|",
            ),
            "upper bound": Check(
                value=self._difference(bound, value, n),
                tolerance=tol,
                meaning=f"|bound - value| / |value|, {proof}",
            ),
        }
        return Certificate(subject=self.title, checks=checks)

    def _difference(self, one: float, other: float, n: Vector) -> float:
        """How far two values are apart beyond the rounding of the terms of n_S, relative to the second."""
        beyond = abs(one - other) - ROUNDINGS * float(np.abs(n).sum())
        return 0.0 if beyond <= 0 else float(beyond / abs(other)) if other else np.inf

    def _kernel_residual(self, n: Vector) -> float:
        """The largest |A n|_i relative to (|A| |n|)_i."""
        terms = self.system.abs_matvec(np.abs(n))
        return float((np.abs(self.system.matvec(n)) / np.where(terms > 0, terms, 1.0)).max())

    def _function(self, Bp: Vector) -> float:
        return float(self._values(Bp[:, None])[0])

    def _values(self, columns: Matrix) -> Vector:
        """The function at every column."""
        terms = {"rho": columns, "rho_tilde": np.abs(columns), "rho_minus": np.maximum(columns, 0.0)}[self._kind]
        return np.asarray(terms.sum(axis=0))

    def _weights(self, pattern: Vector) -> Vector:
        """Return the gradient of the function at a point whose (B p)_i have the signs of the pattern."""
        if self._kind == "rho":
            return np.ones(pattern.size)
        return np.where(pattern >= 0, 1.0, -1.0 if self._kind == "rho_tilde" else 0.0)

    def _limits(self) -> tuple[Vector, Vector]:
        """(M+, M-): the largest (B p)_i and -(B p)_i over P, zero where that sign is not taken but by rounding."""
        (low, high), largest = self._cone.ranges, np.abs(self._cone.B).max(axis=1)
        rounding = np.where(largest > 0, ROUNDINGS * largest, np.inf)
        plus, minus = high > np.maximum(-_ONE_SIDED * low, rounding), -low > np.maximum(_ONE_SIDED * high, rounding)
        return np.where(plus, high, 0.0), np.where(minus, -low, 0.0)

    @property
    def _neglected(self) -> float:
        """What the sides of ranges that count as rounding could add to the constant."""
        (low, high), (most, least), (plus, minus) = self._cone.ranges, self._limits(), self._counts()
        return float(plus * np.maximum(high - most, 0.0).sum() + minus * np.maximum(-low - least, 0.0).sum())

    def _mixed(self) -> Index:
        most, least = self._limits()
        return np.flatnonzero((most > 0) & (least > 0))

    def _one_pattern(self) -> Vector | None:
        """Return w such that the function is w'(B p) on all of P, None where signs change."""
        if self._kind == "rho":
            return np.ones(self._cone.support.size)
        if self._cone.is_orthant or self._mixed().size:
            return None
        most, least = self._limits()
        return self._weights(np.where(least > 0, -1.0, np.where(most > 0, 1.0, 0.0)))

    def _linear(self) -> Vector | None:
        """Return g such that the constant is max g'p over P, None where it is not linear."""
        pattern = self._one_pattern()
        if pattern is not None:
            return self._cone.total(pattern)
        if self._cone.is_orthant:
            return self._values(self._cone.B)
        return None

    def _claim(self, p: Vector, b: Vector | None) -> Claim:
        n = self._cone.kernel_vector(p)
        pattern = self._one_pattern()
        dual = None
        if pattern is not None and (b is not None or self._cone.is_orthant):
            dual = self._cone.dual_vector(pattern, np.zeros(0) if b is None else b)
        return Claim(x=n, dual=dual, value=self.objective(Claim(x=n)))

    def _base_point(self, n: Vector) -> Vector:
        p = np.maximum(self._cone.off_support(n), 0.0)
        if not p.any():
            raise InvalidProblemError("the kernel vector is zero off the support")
        return np.asarray(p / p.sum(), dtype=np.float64)

    def ascended(self, p: Vector, budget: Budget) -> Claim:
        """Maximise the function's linearisation at p, and again from there: it is convex, so it only grows."""
        value = self._function(self._cone.B @ p)
        for _ in range(_ASCENT_STEPS):
            following = self._cone.maximise_within(self._cone.total(self._weights(self._cone.B @ p)), budget)
            improved = -np.inf if following is None else self._function(self._cone.B @ following.p)
            if following is None or improved <= value:
                break
            p, value = following.p, improved
        n = self._cone.kernel_vector(p)
        return Claim(x=n, value=self.objective(Claim(x=n)))

    def _upper_bound(self, claim: Claim, value: float, tol: float) -> tuple[float, str]:
        """Return the least proven upper bound at hand, and what proves it."""
        pattern = self._one_pattern()
        if pattern is not None:
            return self._dual_bound(claim, pattern, tol), "mu with A_S'mu = w bounds by max_j a_j'mu"
        linear = self._linear()
        if linear is not None:
            return float(linear.max()), "the maximum over a simplex sits at a unit vector"
        mixed = self._mixed()
        if mixed.size <= _ENUMERATED_ROWS:
            _, bound = self.maximum(Budget(seconds=claim.time_left))
            return bound, f"all {2**mixed.size} sign patterns enumerated by duality"
        bound = claim.bound if self._cone.is_well_scaled else np.nan
        if not bound - value <= tol * abs(value):
            bound = float(np.fmin(bound, self.branched(min(_PROOF_SECONDS, claim.time_left)).bound))
        ranges = self.range_bound()
        if ranges <= bound:
            return ranges, "the sum of the ranges of the n_i"
        return bound, "as proved by branch and bound"

    def _dual_bound(self, claim: Claim, pattern: Vector, tol: float) -> float:
        objective = self._cone.total(pattern)
        if claim.dual is None:
            return self._cone.maximise(objective).bound
        if not self._attains(claim.dual, pattern, tol):
            return np.inf
        return float((objective + self._cone.C.T @ self._cone.multiplier(claim.dual)).max())

    def _attains(self, dual: Vector, pattern: Vector, tol: float) -> bool:
        """Whether A_S'mu is the pattern, as every dual vector that bounds the constant must have it."""
        if not np.isfinite(dual).all():
            return False
        A_S = self._cone.system.columns(self._cone.support)
        size = np.abs(A_S).T @ np.abs(dual) + np.abs(pattern)
        return bool((np.abs(A_S.T @ dual - pattern) <= tol * np.where(size > 0, size, 1.0)).all())

    @property
    def is_large(self) -> bool:
        """Whether the sign patterns of n_S are too many for a linear program each."""
        return self._linear() is None and self._mixed().size > _ENUMERATED_ROWS

    def branched(self, seconds: float) -> Claim:
        """What branch and bound claims: a kernel vector, if it found one, and a bound."""
        # The presolve takes a second where it was given less, and gains nothing.
        settings = LinearProgramSettings(time_limit=seconds, native={"presolve": "off"})
        return self.interpret(solve_linear_program(self.linear_program(), settings))

    def maximum(self, budget: Budget) -> tuple[Claim | None, float]:
        """The attaining kernel vector and a proven upper bound, by a linear program for every sign pattern of n_S.

        In rationals where the two ends do not meet and the system is small. When the seconds of the budget are spent
        the kernel vector is the best so far, if there is one, and the bound infinite.
        """
        if self._cone.is_orthant:
            linear = self._linear()
            assert linear is not None
            best = self._cone.maximise(linear)
            return self._claim(best.p, best.b), self._cone.upper_bound(linear, best.b)
        found: list[tuple[Vector, BasePoint]] = []
        for weights in self._patterns():
            point = self._cone.maximise_within(self._cone.total(weights), budget)
            if point is None:
                return (self._best(found) if found else None), np.inf
            found.append((weights, point))
        claims = [self._best(found)]
        bounds = [self._cone.upper_bound(self._cone.total(weights), point.b) for weights, point in found]
        if not self.agree(claims[0], max(bounds)):
            for i, (weights, point) in enumerate(found):
                better = self._exactly(weights, point, budget)
                if better is not None:
                    claims.append(better[0])
                    bounds[i] = better[1]
        claim = max(claims, key=self.objective)
        return claim, max(bounds) + (0.0 if self._one_pattern() is not None else self._neglected)

    def _best(self, found: list[tuple[Vector, BasePoint]]) -> Claim:
        best = max((point for _, point in found), key=lambda point: self._function(self._cone.B @ point.p))
        return self._claim(best.p, best.b)

    def _exactly(self, weights: Vector, point: BasePoint, budget: Budget) -> tuple[Claim, float] | None:
        """The kernel vector that maximises weights'(B p), and the maximum, in rationals; None where out of reach."""
        mu = self._cone.dual_vector(weights, point.b)
        best = self._cone.exactly(weights, np.zeros(point.p.size), point.p, mu, -point.value, budget)
        if best is None:
            return None
        n = self._cone.embedded(best.n_S, best.p)
        dual = best.mu if self._one_pattern() is not None else None
        return Claim(x=n, dual=dual, value=self.objective(Claim(x=n))), -best.value

    def agree(self, claim: Claim, bound: float) -> bool:
        """Whether a bound is the claim's value, up to a share of its size and the rounding of its terms."""
        value, terms = self.objective(claim), float(np.abs(claim.point).sum())
        return bool(bound - value <= AGREEMENT * abs(value) + ROUNDINGS * terms)

    def _patterns(self) -> Iterator[Vector]:
        """Weights w such that the constant is the largest of the maxima of w'(B p); all there are where these are few.

        Which n_i change their signs is decided by linear programs, that a badly scaled matrix leads astray.
        """
        one = self._one_pattern()
        if one is not None and self._kind == "rho":
            yield one
            return
        size = self._cone.support.size
        mixed = np.arange(size) if size <= _ENUMERATED_ROWS and not self._cone.is_well_scaled else self._mixed()
        pattern = np.where(self._limits()[1] > 0, -1.0, 1.0)
        for signs in product((1.0, -1.0), repeat=mixed.size):
            pattern[mixed] = signs
            yield self._weights(pattern)

    def column_bound(self, W: Matrix | None = None) -> float:
        """Bound the constant by the largest value at a column of B - W C, which acts on P as B does; rounded up."""
        B, C = self._cone.B, self._cone.C
        columns, sizes = (B, np.abs(B)) if W is None else (B - W @ C, np.abs(B) + np.abs(W) @ np.abs(C))
        return float((self._values(columns) + (len(C) + 2) * EPS * sizes.sum(axis=0)).max())

    def upper_bound(self, claim: Claim) -> float:
        """Return the least upper bound that the claim and the ranges of the n_i prove."""
        linear = self._linear()
        if linear is None:
            bound = claim.bound + self._neglected if self._cone.is_well_scaled else np.nan
            return float(np.fmin(bound, self.range_bound()))
        b = np.zeros(self._cone.C.shape[0]) if claim.dual is None else self._cone.multiplier(claim.dual)
        return self._cone.upper_bound(linear, b)

    def range_bound(self) -> float:
        """Bound the constant crudely with every (B p)_i at its own extreme."""
        low, high = self._cone.ranges
        extremes = {"rho": high, "rho_tilde": np.maximum(high, -low), "rho_minus": np.maximum(high, 0.0)}
        return float(extremes[self._kind].sum())

    def _counts(self) -> tuple[float, float]:
        """How v+ and v- enter the objective."""
        return 1.0, 1.0 if self._kind == "rho_tilde" else 0.0

    @property
    def _program_unit(self) -> float:
        """The unit of the value of `linear_program`."""
        linear = self._linear()
        if linear is not None:
            return float(np.abs(linear * self._cone.program_units).max()) or 1.0
        return float(np.maximum(*self._limits()).max())

    def _mixed_integer_program(self) -> LinearProgram:
        """Maximise over (p, v+, v-, z): B p = v+ - v-, 0 <= v+ <= M+ z, 0 <= v- <= M- (1 - z).

        p and every pair of v are in units of their own, the value in that of the largest v.
        """
        cone = self._cone
        base = cone.program(np.zeros(cone.outside.size))
        units = np.maximum(*self._limits())
        units = np.where(units > 0, units, 1.0)
        most, least = (limit / units for limit in self._limits())
        mixed = self._mixed()
        k, m = mixed.size, most.size
        pick = sp.csr_array(np.eye(m)[mixed])
        blocks: list[list[Any]] = [
            [sp.csr_array(np.asarray(base.rows)), None, None, None],
            [sp.csr_array(cone.B * cone.program_units / units[:, None]), -sp.eye_array(m), sp.eye_array(m), None],
            [None, pick, None, -sp.diags_array(most[mixed])],
            [None, None, pick, sp.diags_array(least[mixed])],
        ]
        rows = sp.block_array(blocks, format="csc")
        exact = np.append(np.zeros(cone.C.shape[0]), 1.0)
        plus, minus = self._counts()
        n = cone.outside.size
        return LinearProgram(
            cost=np.concatenate([np.zeros(n), -plus * units, -minus * units, np.zeros(k)]) / self._program_unit,
            rows=rows,
            row_lower=np.concatenate([exact, np.zeros(m), np.full(2 * k, -np.inf)]),
            row_upper=np.concatenate([exact, np.zeros(m), np.zeros(k), least[mixed]]),
            lower=0.0,
            upper=np.concatenate([np.full(n, np.inf), most, least, np.ones(k)]),
            integer=np.concatenate([np.zeros(n + 2 * m, dtype=np.bool_), np.ones(k, dtype=np.bool_)]),
        )

    def _program(self) -> cp.Problem:
        import cvxpy as cp

        cone = self._cone
        p = cp.Variable(cone.outside.size, nonneg=True, name="p")
        constraints = [cp.sum(p) == 1]
        if not cone.is_orthant:
            constraints.append(cone.C @ p == 0)
        linear = self._linear()
        if linear is not None:
            return cp.Problem(cp.Minimize(-linear @ p), constraints)
        most, least = self._limits()
        mixed = self._mixed()
        up = cp.Variable(most.size, nonneg=True, name="v_plus")
        down = cp.Variable(most.size, nonneg=True, name="v_minus")
        z = cp.Variable(mixed.size, boolean=True, name="z")
        constraints += [
            cone.B @ p == up - down,
            up <= most,
            down <= least,
            up[mixed] <= cp.multiply(most[mixed], z),
            down[mixed] <= cp.multiply(least[mixed], 1 - z),
        ]
        plus, minus = self._counts()
        return cp.Problem(cp.Minimize(-plus * cp.sum(up) - minus * cp.sum(down)), constraints)
