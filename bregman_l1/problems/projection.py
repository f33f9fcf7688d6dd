"""The entropy Bregman projection of a prior onto {x >= 0 : A x = y}."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from bregman_l1._types import Vector
from bregman_l1.claim import Claim
from bregman_l1.errors import InvalidProblemError
from bregman_l1.frozen import read_only
from bregman_l1.newton import NewtonSteps, project
from bregman_l1.outcome import Outcome
from bregman_l1.problems.base import Problem
from bregman_l1.problems.projection_residuals import ProjectionResiduals
from bregman_l1.scale import LARGEST_LOG, natural_log_alpha
from bregman_l1.system import LinearSystem, checked_system, largest
from bregman_l1.validation import checked_cost

if TYPE_CHECKING:
    import cvxpy as cp

    from bregman_l1.certificate import Certificate


_LARGEST_EXPONENT = 709.0


class BregmanProjection(Problem):
    """The entropy Bregman projection x(alpha) of alpha*1, or of a prior alpha**cost, onto {x >= 0 : A x = y}.

    Minimises sum_i x_i log(x_i / p_i) - x_i + p_i over x >= 0 with A x = y, where p_i = alpha**cost_i
    (Matt & Stoeger 2025, Section I; cost = 1 there). The answer is where the gradient flow of
    ||A(u*u) - y||^2 from u_0 = sqrt(p) ends. Its dual is lam with x = p * exp(A'lam).

    Parameters
    ----------
    system : LinearSystem
        The constraints.
    alpha : float, optional
        The scale of initialisation, positive.
    log_alpha : float, optional
        Its natural logarithm, for alpha below the range of floating point. Give exactly one of the two.
    cost : array_like of shape (d,), optional
        Exponents of the prior; ones if omitted.

    Raises
    ------
    InvalidProblemError
        If alpha, log_alpha or cost is wrong.

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
    """

    __slots__ = ("_cost", "_log_alpha", "_log_prior", "_system")

    def __init__(
        self,
        system: LinearSystem,
        alpha: float | None = None,
        *,
        log_alpha: float | None = None,
        cost: ArrayLike | None = None,
    ) -> None:
        self._system = checked_system(system)
        self._log_alpha = natural_log_alpha(alpha, log_alpha)
        self._cost = checked_cost(cost, system.shape[1])
        with np.errstate(over="ignore"):
            one = self._cost[:1] * self._log_alpha
            prior = np.broadcast_to(one, self._cost.shape) if cost is None else self._cost * self._log_alpha
        self._log_prior = read_only(prior)
        self._refuse_extreme_prior()

    @property
    def system(self) -> LinearSystem:
        return self._system

    @property
    def log_alpha(self) -> float:
        """The natural logarithm of alpha."""
        return self._log_alpha

    @property
    def alpha(self) -> float:
        """The scale of initialisation; 0 where it is below the range of floating point."""
        return math.exp(self._log_alpha) if self._log_alpha < _LARGEST_EXPONENT else math.inf

    @property
    def cost(self) -> Vector:
        """Exponents of the prior, shape (d,)."""
        return self._cost

    @property
    def log_prior(self) -> Vector:
        """Logarithm of the vector that is projected, cost * log_alpha, shape (d,)."""
        return self._log_prior

    @property
    def title(self) -> str:
        return f"Bregman projection at log(alpha) = {self._log_alpha:.6g}"

    @property
    def cones(self) -> frozenset[str]:
        return frozenset({"linear", "exponential"})

    def dcp(self) -> cp.Problem:
        program = self._system.remember_in_thread(
            ("projection program", self._cost.tobytes()), lambda: _program(self._system, self._cost)
        )
        weight, offset, slope = _normalisation(self._system, self._log_alpha)
        values = {"weight": weight, "offset": offset, "slope": slope}
        for parameter in program.parameters():
            parameter.value = values[parameter.name()]
        return program

    def recover(self, program: cp.Problem) -> Claim:
        x, dual = program.variables()[0].value, program.constraints[0].dual_value
        weight, _, _ = _normalisation(self._system, self._log_alpha)
        size = np.abs(self._system.y).max()
        return Claim(
            x=None if x is None else np.asarray(x) * size,
            dual=None if dual is None else -np.asarray(dual) / weight,
        )

    def polish(self, claim: Claim, tol: float = 1e-9) -> Claim:
        if claim.log_x is not None:
            return claim
        limit = claim.time_left if np.isfinite(claim.time_left) else None
        answer = project(self._system, self.log_prior, start_dual=_finite(claim.dual), tol=tol, time_limit=limit)
        polished = claim.improved(log_x=answer.log_x, dual=answer.dual, iterations=answer.iterations)
        return replace(polished, outcome=Outcome.TIME_LIMIT) if answer.outcome is Outcome.TIME_LIMIT else polished

    def objective(self, claim: Claim) -> float:
        log_point, value = claim.log_point, 0.0
        with np.errstate(under="ignore", over="ignore", invalid="ignore"):
            for part, _ in self._system.pieces():
                log_x, log_prior = log_point[part], self.log_prior[part]
                x = np.exp(log_x) if claim.x is None else claim.x[part]
                terms = log_x - log_prior
                if not x.min() > 0:
                    terms[~(x > 0)] = 0.0
                value += float(x @ terms - x.sum() + np.exp(log_prior).sum())
        return value

    def certify(self, claim: Claim, tol: float = 1e-9, steps: NewtonSteps | None = None) -> Certificate:
        """As `Problem.certify`; ``steps`` may be shared by projections on one system."""
        return ProjectionResiduals(self, claim, steps).certificate(tol)

    def _refuse_extreme_prior(self) -> None:
        if largest(self._log_prior) > LARGEST_LOG:
            i = int(np.argmax(np.abs(self._log_prior) > LARGEST_LOG))
            size = self._log_prior[i]
            raise InvalidProblemError(f"cost[{i}] * log_alpha is {size:g}; it must be between -1e15 and 1e15")


def _normalisation(system: LinearSystem, log_alpha: float) -> tuple[float, float, float]:
    """Weight w = 1/(1 + |log alpha'|) of the objective and the scalars w (1 - log size), w log alpha.

    The program is stated for x / size with size = max |y|, whose prior is p / size.
    """
    log_size = float(np.log(np.abs(system.y).max()))
    weight = 1.0 / (1.0 + abs(log_alpha - log_size))
    return weight, weight * (1.0 - log_size), weight * log_alpha


def _program(system: LinearSystem, cost: Vector) -> cp.Problem:
    import cvxpy as cp

    x = cp.Variable(system.shape[1], name="x")
    weight = cp.Parameter(nonneg=True, name="weight")
    offset, slope = cp.Parameter(name="offset"), cp.Parameter(name="slope")
    objective = -weight * cp.sum(cp.entr(x)) - offset * cp.sum(x) - slope * (cost @ x)
    return cp.Problem(cp.Minimize(objective), [system.matrix @ x == system.y / np.abs(system.y).max()])


def _finite(dual: Vector | None) -> Vector | None:
    return dual if dual is not None and np.isfinite(dual).all() else None
