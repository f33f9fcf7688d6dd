"""The Bregman projection of a prior onto {x >= 0 : A x = y}, or onto {x : A x = y} for signed x."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike

from bregman_l1._types import Real, Vector, Wide
from bregman_l1.claim import Claim, Farkas
from bregman_l1.errors import (
    InvalidProblemError,
    UnsupportedProblemError,
)
from bregman_l1.foreign import is_lazy
from bregman_l1.frozen import read_only
from bregman_l1.newton import NewtonSteps
from bregman_l1.outcome import Outcome
from bregman_l1.parts import both
from bregman_l1.potential import Potential, potential_of
from bregman_l1.problems.access import Access, Limits, access_to
from bregman_l1.problems.base import Problem
from bregman_l1.problems.positive_part import PositivePart
from bregman_l1.scale import LARGEST_LOG, natural_log_alpha
from bregman_l1.system import LinearSystem, checked_system, largest
from bregman_l1.validation import checked_cost, checked_flag, checked_prior

if TYPE_CHECKING:
    import cvxpy as cp

    from bregman_l1.certificate import Certificate


_LARGEST_EXPONENT = 709.0


class BregmanProjection(Problem):
    """The Bregman projection of a prior p onto {x >= 0 : A x = y}: of alpha*1, beta*alpha**cost, or any beta.

    Minimises sum_i x_i log(x_i / p_i) - x_i + p_i over x >= 0 with A x = y, where p_i = beta_i alpha**cost_i
    (Matt & Stoeger 2025, Section I; beta = cost = 1 there). The answer x(alpha) is where the gradient flow of
    ||A(u*u) - y||^2 from u_0 = sqrt(p) ends. Its dual is lam with x = p * exp(A'lam).

    A network of depth D > 2, x = u**D, has the potential phi(x) = -(D/2) x**(2/D) in place of the entropy: with
    w = p**-((D-2)/D) minimises sum_i w_i (x_i - p_i) - (D/2) (x_i**(2/D) - p_i**(2/D)), and
    x = (w - A'lam)**(-D/(D-2)). For infinite depth phi(x) = -log x, x = 1 / (w - A'lam): the logarithmic barrier and
    the central path of the linear program min sum x / alpha.

    Signed, x = u**D - v**D with u_0 = v_0, is the same for (x_plus, x_minus) and the matrix [A, -A].

    Parameters
    ----------
    system : LinearSystem
        The constraints.
    alpha : float, optional
        The scale of initialisation, positive.
    log_alpha : float, optional
        Its natural logarithm, for alpha below the range of floating point. Give exactly one of the two, or neither
        with a prior: that is alpha = 1.
    cost : array_like of shape (d,), optional
        Exponents of alpha; ones if omitted.
    prior : array_like of shape (d,), optional
        The factor beta of the prior, finite and nonnegative; ones if omitted. Where it is zero, x is zero.
        ``prior=q`` alone projects q itself, in relative entropy.
    depth : float, default 2
        The depth D of the network, any real number from 2 on, or infinity.
    signed : bool, default False
        Whether x may have either sign: x_plus and x_minus begin at the prior, and the answer has both.

    Raises
    ------
    InvalidProblemError
        If alpha, log_alpha, cost, prior, depth or signed is wrong, or if the cost would go unused: because there is
        no alpha, or because alpha = 1, of which every power is 1, unless the cost is the same for all.

    Notes
    -----
    The answer is that for y up to its rounding: parts of y below the rounding of A x count as zero, so that a y
    computed as A x lies in the span of the support of x (the policy is stated in ``bregman_l1.basis.tableau``).

    Examples
    --------
    >>> from bregman_l1 import BregmanProjection, LinearSystem, solve
    >>> problem = BregmanProjection(LinearSystem([[1.0, 0.5]], [1.0]), alpha=0.01)
    >>> solve(problem).x.round(6).tolist()
    [0.951234, 0.097531]
    >>> total = LinearSystem([[1.0, 1.0, 1.0]], [12.0])
    >>> solve(BregmanProjection(total, prior=[1.0, 2.0, 0.0])).x.round(6).tolist()  # q in proportion
    [4.0, 8.0, 0.0]
    >>> deep = BregmanProjection(LinearSystem([[1.0, 0.5]], [1.0]), alpha=1e-8, depth=3)
    >>> round(float(solve(deep).x[1] / 1e-8), 6)
    7.948516
    """

    __slots__ = ("_cost", "_log_alpha", "_log_prior", "_potential", "_prior", "_signed", "_system", "_title")

    def __init__(
        self,
        system: LinearSystem,
        alpha: float | None = None,
        *,
        log_alpha: float | None = None,
        cost: ArrayLike | None = None,
        prior: ArrayLike | None = None,
        depth: float = 2,
        signed: bool = False,
    ) -> None:
        self._system = checked_system(system)
        self._potential, self._signed = potential_of(depth), checked_flag("signed", signed)
        access_to(self._system).refuse(signed=self._signed, depth=self._potential.depth)
        prior, cost = map(system.within_reach, (prior, cost))
        self._prior = checked_prior(prior, system.shape[1], system.column_names)
        has_alpha = alpha is not None or log_alpha is not None
        if prior is None and not has_alpha:
            raise InvalidProblemError(
                "give exactly one of alpha and log_alpha (the natural logarithm of alpha), or a prior alone"
            )
        self._log_alpha = natural_log_alpha(alpha, log_alpha) if has_alpha else 0.0
        self._cost = checked_cost(cost, system.shape[1], system.column_names)
        if self._log_alpha == 0.0 and cost is not None:
            self._refuse_unused_cost(has_alpha)
        # One number stands for all entries of an even prior: columns may be many.
        some = slice(1) if cost is None and prior is None else slice(None)
        log_prior: Vector = self._log_prior_of(self._prior[some], self._cost[some])
        self._log_prior = read_only(both(log_prior) if self._signed else log_prior)
        sign, of_what = "signed " if self._signed else "", "" if prior is None else " of a prior"
        scale = f" at log(alpha) = {self._log_alpha:.6g}" if has_alpha else ""
        self._title = f"{sign}Bregman projection{self._potential.of_depth}{of_what}{scale}"

    @property
    def system(self) -> LinearSystem:
        return self._system

    @property
    def unsigned(self) -> LinearSystem:
        return self._system.doubled if self._signed else self._system

    @property
    def signed(self) -> bool:
        """Whether x may have either sign."""
        return self._signed

    @property
    def depth(self) -> float:
        """The depth D of the network x = u**D."""
        return self._potential.depth

    @property
    def potential(self) -> Potential:
        """The potential whose Bregman divergence is minimised."""
        return self._potential

    @property
    def log_alpha(self) -> float:
        """The natural logarithm of alpha; 0 where none was given."""
        return self._log_alpha

    @property
    def alpha(self) -> float:
        """The scale of initialisation; 0 where it is below the range of floating point."""
        return math.exp(self._log_alpha) if self._log_alpha < _LARGEST_EXPONENT else math.inf

    @property
    def cost(self) -> Vector:
        """Exponents of alpha in the prior, shape (d,)."""
        return self._cost

    @property
    def prior(self) -> Vector:
        """The factor beta of the prior beta * alpha**cost, shape (d,); ones where none was given."""
        return self._prior

    @property
    def log_prior(self) -> Vector:
        """Logarithm of the vector that is projected, log(prior) + cost * log_alpha; -inf for zeros.

        Of shape (d,), or (2d,), for x_plus and x_minus, if signed.
        """
        return self._log_prior

    @property
    def wide_log_prior(self) -> Wide:
        """The same in extended precision, where its rounding would show: in powers of priors that differ."""
        if self._potential.is_logarithmic or (self._is_even(self._prior) and self._is_even(self._cost)):
            return self._log_prior
        prior, cost = self._prior.astype(np.longdouble), self._cost.astype(np.longdouble)
        log_prior = _log_prior(prior, cost, self._log_alpha)
        return both(log_prior) if self._signed else log_prior

    def _log_prior_of(self, prior: Any, cost: Any) -> Any:
        """Log p, shape (d,), of entries of prior and cost, or of the one of each that stands for all."""
        if is_lazy(prior) or is_lazy(cost):
            return self._system.entrywise(partial(_log_prior, log_alpha=self._log_alpha), prior, cost)
        return np.broadcast_to(_log_prior(prior, cost, self._log_alpha), self._cost.shape)

    @staticmethod
    def _is_even(values: Vector) -> bool:
        return bool((values == values[0]).all())

    @property
    def part(self) -> PositivePart:
        """The columns where the prior is positive: what is left to compute.

        Raises
        ------
        InfeasibleError
            If a row is zero there while y is not.
        """
        return self._access.part(self)

    @property
    def unsigned_prior(self) -> Vector:
        """The factor beta for each column of `unsigned`."""
        return both(self._prior) if self._signed else self._prior

    @property
    def _access(self) -> Access:
        return access_to(self.unsigned)

    @property
    def title(self) -> str:
        return self._title

    @property
    def cones(self) -> frozenset[str]:
        return self._potential.cones

    def unfolded(self, x: Vector) -> Vector:
        return self._potential.split(x, self._log_prior[: x.size])

    def dcp(self) -> cp.Problem:
        """Return the projection for CVXPY, its parameters set to this prior.

        The program has one variable ``x'`` = x / s of d' entries, s = max |y|, and minimises
        w (phi(x') - phi'(p / s)'x') subject to A x' = y / s, over the d' columns where the prior is positive; for
        signed x these are the entries of x_plus, then those of x_minus. It holds two parameters, in which it is DPP:
        the ``weight`` w = 1 / (1 + max |phi'(p / s)|), which keeps the coefficients of the objective at most 1, and
        the ``tilt`` w phi'(p / s), a vector of d' entries, or one number where they are all the same. Its multiplier,
        in CVXPY's sign, is -w lam for the depth 2. `recover` undoes the scaling.

        One program serves all priors with the same zeros on a system, and another those that are even, so that CVXPY
        canonicalises each once: ask for it before each solve. Where columns are many thousands and the prior is not
        even, that takes much time and memory: solve it with ``ignore_dpp=True`` then, as the backends here do.

        Raises
        ------
        InfeasibleError
            If a row is zero on those columns while y is not.
        UnsupportedProblemError
            If the weight or the tilt leaves the range of floating point.
        """
        system, (weight, tilt) = self.part.system, self._scaled()
        if not (weight > 0.0 and np.isfinite(tilt).all()):
            raise UnsupportedProblemError(f"{self._title}: its coefficients leave floating point; solve it by 'newton'")
        tilt = tilt if np.ptp(tilt) > 0 else tilt[0]
        shape, potential = np.shape(tilt), self._potential
        key = ("projection program", potential, shape)
        program = system.remember_in_thread(key, lambda: _program(system, potential, shape))
        values = {"weight": weight, "tilt": tilt}
        for parameter in program.parameters():
            parameter.value = values[parameter.name()]
        return program

    def recover(self, program: cp.Problem) -> Claim:
        x, dual = program.variables()[0].value, program.constraints[0].dual_value
        size = float(np.abs(self._system.y).max())
        unit = np.exp(self._potential.in_unit_of(np.log([size])).log_dual_unit)  # of theta(x) over that of theta(x')
        claim = Claim(
            x=None if x is None else np.asarray(x) * size,
            dual=None if dual is None else -np.asarray(dual) * (unit / self._scaled()[0]),
        )
        return self.part.embedded(claim)

    def solved_natively(self, start_dual: Vector | None, limits: Limits) -> Claim:
        """The claim of the native method."""
        return self._access.project(self, start_dual, limits)

    def polish(self, claim: Claim, tol: float = 1e-9) -> Claim:
        if claim.log_x is not None:
            return claim
        limit = claim.time_left if np.isfinite(claim.time_left) else None
        answer = self.solved_natively(_finite(claim.dual), {"tol": tol, "max_iter": None, "time_limit": limit})
        polished = claim.improved(log_x=answer.log_x, dual=answer.dual, iterations=answer.iterations)
        return replace(polished, outcome=Outcome.TIME_LIMIT) if answer.outcome is Outcome.TIME_LIMIT else polished

    def objective(self, claim: Claim) -> float:
        return self._access.divergence(self, claim)

    def refuse(self, claim: Claim) -> None:
        """Raise `InfeasibleError` where the zeros of the prior leave no solution."""
        farkas = claim.proof.z if isinstance(claim.proof, Farkas) else None
        self._access.refuse_outside_zeros(self, farkas, claim.setup_time + claim.solve_time)

    def certify(self, claim: Claim, tol: float = 1e-9, steps: NewtonSteps | None = None) -> Certificate:
        """As `Problem.certify`; ``steps`` may be shared by projections on one system, priors of the same zeros."""
        return self._access.certify_projection(self, claim, tol, steps)

    def _scaled(self) -> tuple[float, Vector]:
        """The weight of the objective, and its tilt where the prior is positive; see `dcp`."""
        log_ratio = self._log_prior[self.part.columns] - float(np.log(np.abs(self._system.y).max()))
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            tilt = self._potential.tilt(log_ratio)
            weight = 1.0 / (1.0 + largest(tilt))
            return weight, weight * tilt

    def _refuse_unused_cost(self, has_alpha: bool) -> None:
        if not has_alpha:
            raise InvalidProblemError("a cost is the exponent of alpha: give alpha or log_alpha with it")
        if np.ptp(self._cost) > 0:
            raise InvalidProblemError(
                "alpha = 1 has the same power 1 for every cost, so that the cost would go unused: "
                "for a prior of its own in each entry give prior="
            )


def projection_at(
    system: LinearSystem,
    log_alpha: float,
    cost: ArrayLike | None = None,
    prior: ArrayLike | None = None,
    *,
    depth: float = 2,
    signed: bool = False,
) -> BregmanProjection:
    """The projection at one of many alphas for one cost; alpha = 1, where the cost goes unused, may be among them.

    Examples
    --------
    >>> projection_at(LinearSystem([[1.0, 0.5]], [1.0]), 0.0, [1.0, 2.0]).log_prior.tolist()
    [0.0, 0.0]
    """
    used = cost if log_alpha else None
    return BregmanProjection(system, log_alpha=log_alpha, cost=used, prior=prior, depth=depth, signed=signed)


def _log_prior(prior: Real, cost: Real, log_alpha: float) -> Real:
    with np.errstate(over="ignore", divide="ignore"):
        log_power, log_factor = cost * log_alpha, np.log(prior)
    if largest(log_power) > LARGEST_LOG:
        i = int(np.argmax(np.abs(log_power) > LARGEST_LOG))
        raise InvalidProblemError(f"cost[{i}] * log_alpha is {log_power[i]:g}; it must be between -1e15 and 1e15")
    return cast("Real", log_power + log_factor)


def _program(system: LinearSystem, potential: Potential, shape: tuple[int, ...]) -> cp.Problem:
    import cvxpy as cp

    x = cp.Variable(system.shape[1], name="x")
    weight, tilt = cp.Parameter(nonneg=True, name="weight"), cp.Parameter(shape, name="tilt")
    objective = weight * potential.expression(x) - cp.sum(cp.multiply(tilt, x))
    return cp.Problem(cp.Minimize(objective), [system.matrix @ x == system.y / np.abs(system.y).max()])


def _finite(dual: Vector | None) -> Vector | None:
    return dual if dual is not None and np.isfinite(dual).all() else None
