"""Sharp two-sided bounds on the deviation x(alpha) - x*, tight as alpha -> 0.

Write t = -log alpha, r = ||x(alpha)_R||_1 and p = x(alpha)_R / r, with R what lies off the support S of the
limit x*. For every q in the base P of the kernel cone the KKT identity (Matt & Stoeger 2025, Lemma III.3) and
Gibbs' inequality give

    log r >= F(q, x(alpha)_S),   F(q, v) = -t gamma'q + H(q) + (B q)' log v,   with equality at q = p,

and even log r = F(q, x(alpha)_S) + KL(q, p). Factors beta of the prior add q'log beta_R - (B q)'log beta_S to F.
Two consequences:

    upper   log r <= log U = max over P of F(q, x*_S), because (B p)'(log x(alpha)_S - log x*_S) <= 0;
    lower   log r >= F(q, v) for any q, with v the worst point of a box that U proves to hold x(alpha)_S.

The maximum is bounded by its dual, so that any multiplier gives a valid U, and any feasible q a valid lower
bound. Both are moved outward by an estimate of what floating point may have cost: they are true up to rounding.
`bregman_l1.theory.rigorous` evaluates them in balls.

The same box says how far p can be from the maximiser q of F(., x*_S): entropy is 1-strongly concave in the
l1 norm (Pinsker), so that a tilt changed by at most e in each coordinate moves the maximiser by at most e.
That bounds ||x(alpha) - x*||_1 = r (1 + ||B p||_1).

Where this leaves more than ten percent, alpha is far from the asymptotic regime. The deviation is then no tiny
number, and what a dual point of the projection proves of x(alpha) itself narrows the interval further (see
`bregman_l1.theory.neighbourhood`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1._types import EPS, Matrix, Vector
from bregman_l1.caching import cached_property
from bregman_l1.errors import UndefinedConstantError
from bregman_l1.frozen import FrozenArrays
from bregman_l1.newton import project
from bregman_l1.polyhedron.maximum_entropy import EntropyMaximum, maximise_entropy
from bregman_l1.theory.logarithms import exponential, exponential_above, exponential_below, log_plus
from bregman_l1.theory.neighbourhood import Neighbourhood, neighbourhood

if TYPE_CHECKING:
    import cvxpy as cp

    from bregman_l1.theory.asymptotics import Layer
    from bregman_l1.theory.limit import Limit


_ROUNDING = 4.0
_NARROWINGS = 20
_WIDE = 0.1
_LARGEST_EXPONENT = 600.0
# What weighs less than exp(-_NEGLIGIBLE) beside the rest has no say.
_NEGLIGIBLE = 80.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosure:
    """A number between exp(log_lower) and exp(log_upper): proved where it was asked for so, up to rounding otherwise.

    Attributes
    ----------
    log_lower, log_upper : float
        Natural logarithms of the two ends; ``log_lower`` is -inf where none is known to be positive.

    Examples
    --------
    >>> Enclosure(log_lower=-2302.0, log_upper=-2301.0).log_width
    1.0
    """

    log_lower: float
    log_upper: float

    @property
    def lower(self) -> float:
        """The lower end, rounded down: 0 where it underflows."""
        return exponential_below(self.log_lower)

    @property
    def upper(self) -> float:
        """The upper end, rounded up: the smallest positive float where it underflows."""
        return exponential_above(self.log_upper)

    @property
    def log_width(self) -> float:
        """log(upper / lower)."""
        return 0.0 if self.log_upper == -np.inf else self.log_upper - self.log_lower

    def met_with(self, bounds: tuple[float, float]) -> Enclosure:
        """Return the intersection with an interval (low, high)."""
        with np.errstate(divide="ignore"):
            low, high = np.log(bounds)
        return Enclosure(log_lower=max(self.log_lower, float(low)), log_upper=min(self.log_upper, float(high)))

    def contains(self, *, log_value: float) -> bool:
        """Whether exp(log_value) lies inside."""
        return self.log_lower <= log_value <= self.log_upper


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Witnesses(FrozenArrays):
    """Dual vectors that bound ||x(alpha)_R||_1 from above as soon as they satisfy their equations exactly.

    Attributes
    ----------
    mu, eta : ndarray of shape (N,)
        A_S'mu = c_S and A_S'eta = log(x*_S / beta_S), up to rounding, for the prior beta alpha^c; the bound is U where
        the logarithms of the columns off S, log beta_j + log_alpha c_j + a_j'(eta - log_alpha mu), are those of the
        best shares.
    """

    mu: Vector
    eta: Vector


POINT = Enclosure(log_lower=-np.inf, log_upper=-np.inf)
"""The enclosure of zero."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Box:
    """What is known of the change z = log x(alpha)_S - log x*_S.

    ``loss`` bounds -(B q)'z at the maximiser q; ``moved`` bounds ||p - q||_1; ``bend`` bounds
    ||n_S + r B p||_1, which is zero for an injective A_S.
    """

    loss: float
    moved: float
    bend: float


_UNKNOWN = _Box(loss=np.inf, moved=2.0, bend=0.0)


class Encloser:
    """Encloses the deviation from one limit at any alpha.

    Parameters
    ----------
    limit : Limit
    layer : Layer
        The leading layer of its kernel cone: its multiplier removes the part of F that grows with t.
    """

    def __init__(self, limit: Limit, layer: Layer) -> None:
        used = limit.cone.reachable
        if not used.any():
            raise UndefinedConstantError("x(alpha) does not move: there is nothing to enclose")
        self._limit = limit
        self._used = used
        self._B = limit.B[:, used]
        self._C = limit.cone.C[:, used]
        self._layer = layer
        self._slack = limit.gamma[used] - layer.rate - self._C.T @ layer.b
        self._tilt = limit.tilt(layer.b)[used]

    def __repr__(self) -> str:
        return f"Encloser({self._limit.system!r}, |S|={self._limit.support.size})"

    def off_support(self, log_alpha: float) -> Enclosure:
        """Enclose ||x(alpha) off S||_1."""
        _, _, enclosure = self._asymptotic(log_alpha)
        if enclosure.log_width <= _WIDE:
            return enclosure
        return enclosure.met_with(self._around(log_alpha).sum_over(self._limit.cone.outside))

    def deviation(self, log_alpha: float) -> Enclosure:
        """Enclose ||x(alpha) - limit||_1."""
        peak, box, off_support = self._asymptotic(log_alpha)
        here = float(np.abs(self._B @ peak.q).sum())
        moved = self.largest_response * min(2.0, box.moved)
        smallest, largest = max(0.0, here - moved), min(self.largest_response, here + moved)
        enclosure = Enclosure(
            log_lower=log_plus(off_support.log_lower + float(np.log1p(smallest)), -box.bend),
            log_upper=log_plus(off_support.log_upper + float(np.log1p(largest)), box.bend),
        )
        if enclosure.log_width <= _WIDE:
            return enclosure
        error = EPS * (_ROUNDING + self._limit.cone.condition) * float(self._limit.x_S.sum())
        return enclosure.met_with(self._around(log_alpha).distance_to(self._limit.x, error))

    def log_upper(self, log_alpha: float) -> float:
        """Return log U(alpha), increasing in alpha."""
        return self._log_upper(self._peak(log_alpha), log_alpha)

    @cached_property
    def largest_response(self) -> float:
        """max_j ||B_j||_1, which bounds ||B p||_1 on P."""
        return float(np.abs(self._B).sum(axis=0).max(initial=0.0))

    def guarantee(self, log_alpha: float, growth: float) -> float:
        """Log of an upper bound on ||x(alpha) - limit||_1 that increases with alpha; inf where none is known.

        ``growth`` bounds ||B p||_1 on P.
        """
        _, box, off_support = self._asymptotic(log_alpha)
        return log_plus(off_support.log_upper + float(np.log1p(growth)), box.bend)

    def witnesses(self, log_alpha: float) -> Witnesses:
        """The dual vectors of U at one alpha, as far as floating point takes them."""
        limit, cone, peak = self._limit, self._limit.cone, self._peak(log_alpha)
        mu = cone.dual_vector(limit.cost[limit.support], self._layer.b)
        eta = cone.dual_vector(limit.log_ratio, limit.tilt_multiplier(self._layer.b) + peak.b)
        if not self._used.all():
            eta = eta + self._sunk(log_alpha, eta - log_alpha * mu)
        return Witnesses(mu=mu, eta=eta)

    def _sunk(self, log_alpha: float, dual: Vector) -> Vector:
        """What to add to a dual vector for columns that vanish everywhere to weigh nothing beside the others."""
        cone = self._limit.cone
        _, b = cone.exposed(np.ones_like(self._used))
        exposing = cone.dual_vector(np.zeros(cone.support.size), b)
        A_R = self._limit.system.columns(cone.outside)
        weight, fall = self._log_prior(log_alpha)[cone.outside] + A_R.T @ dual, -(A_R.T @ exposing)[~self._used]
        excess = weight[~self._used] - weight[self._used].max() + _NEGLIGIBLE
        far = np.divide(excess, fall, out=np.zeros_like(fall), where=fall > 0).max()
        return np.asarray(max(0.0, float(far)) * exposing)

    def dcp(self, log_alpha: float, log_upper: float | None = None) -> cp.Problem:
        """State a bound as a disciplined convex program, for any conic solver to confirm.

        Without ``log_upper`` its optimal value is log U(alpha) - rate * log(alpha); with it, the best lower
        bound that the box of that U allows, log L(alpha) - rate * log(alpha).
        """
        import cvxpy as cp

        q = cp.Variable(self._slack.size, nonneg=True, name="q")
        constraints = [cp.sum(q) == 1]
        if self._C.shape[0]:
            constraints.append(self._C @ q == 0)
        objective = (log_alpha * self._slack + self._tilt) @ q + cp.sum(cp.entr(q))
        if log_upper is not None:
            fall, rise = self._relative_box(log_upper, self._B.min(axis=1), self._B.max(axis=1))
            response = self._B @ q
            objective += cp.sum(cp.minimum(cp.multiply(fall, response), cp.multiply(rise, response)))
        return cp.Problem(cp.Maximize(objective), constraints)

    def _asymptotic(self, log_alpha: float) -> tuple[EntropyMaximum, _Box, Enclosure]:
        """The maximiser of F, the box around x(alpha)_S, and the enclosure [L, U] of ||x(alpha) off S||_1."""
        peak = self._peak(log_alpha)
        upper = self._log_upper(peak, log_alpha)
        box = self._box(upper, peak)
        lower = self._layer.rate * log_alpha + peak.value - box.loss - self._margin(log_alpha)
        return peak, box, Enclosure(log_lower=lower, log_upper=upper)

    def _peak(self, log_alpha: float) -> EntropyMaximum:
        return maximise_entropy(log_alpha * self._slack + self._tilt, self._C)

    def _log_upper(self, peak: EntropyMaximum, log_alpha: float) -> float:
        return self._layer.rate * log_alpha + peak.upper + self._margin(log_alpha)

    def _margin(self, log_alpha: float) -> float:
        """Estimate what rounding in B, C, x* and the exponentials can change in a value of F, generously."""
        relative = EPS * (_ROUNDING + self._limit.cone.condition)
        return relative * (abs(log_alpha) * self._cost_size + self._tilt_size) + self._limit_error

    @cached_property
    def _cost_size(self) -> float:
        """The largest sum of absolute terms in a reduced cost."""
        limit, b = self._limit, self._layer.b
        off, on = np.abs(limit.cost[limit.cone.outside[self._used]]), np.abs(limit.cost[limit.support])
        return float((off + np.abs(self._B).T @ on + np.abs(self._C).T @ np.abs(b)).max())

    @cached_property
    def _limit_error(self) -> float:
        """What the error of log x*_S can change in the tilt, twice for second order."""
        return 2 * float((np.abs(self._B).T @ self._limit.relative_error).max())

    @cached_property
    def _tilt_size(self) -> float:
        limit = self._limit
        off, on = (np.abs(limit.log_prior[each]) for each in (limit.cone.outside[self._used], limit.support))
        return float(1.0 + (off + np.abs(self._B).T @ (1.0 + on + np.abs(np.log(limit.x_S)))).max())

    def _log_prior(self, log_alpha: float) -> Vector:
        return log_alpha * self._limit.cost + self._limit.log_prior

    def _around(self, log_alpha: float) -> Neighbourhood:
        """A neighbourhood of x(alpha) from a dual point of the projection itself."""
        limit = self._limit
        log_prior, columns = self._log_prior(log_alpha), limit.part.columns
        positive = np.zeros(limit.cost.size, dtype=np.bool_)
        positive[limit.support] = positive[limit.cone.outside[self._used]] = True
        dual = project(limit.part.system, log_prior[columns]).dual
        assert dual is not None
        return neighbourhood(limit.system, log_prior, dual, positive)

    def _box(self, log_upper: float, peak: EntropyMaximum) -> _Box:
        if log_upper > _LARGEST_EXPONENT:
            return replace(_UNKNOWN, bend=0.0 if self._limit.cone.is_injective else np.inf)
        if self._limit.cone.is_injective:
            return self._box_around_unique(log_upper, peak)
        return self._box_around_several(log_upper, peak)

    def _relative_box(self, log_upper: float, low: Vector, high: Vector) -> tuple[Vector, Vector]:
        """Bounds on log x(alpha)_i - log x*_i on S, from n_S = -r B p, r <= U and low <= B p <= high."""
        U = np.exp(np.minimum(log_upper - np.log(self._limit.x_S), _LARGEST_EXPONENT))
        with np.errstate(divide="ignore"):
            fall = np.log1p(-np.minimum(U * np.maximum(high, 0.0), 1.0))
        return fall, np.log1p(U * np.maximum(-low, 0.0))

    def _box_around_unique(self, log_upper: float, peak: EntropyMaximum) -> _Box:
        """Start from all of P; what the box says of p then narrows the box, as long as it does."""
        least, most = self._B.min(axis=1), self._B.max(axis=1)
        response = self._B @ peak.q
        moved = 2.0
        for _ in range(_NARROWINGS):
            reach = (most - least) / 2 * moved
            fall, rise = self._relative_box(
                log_upper, np.maximum(least, response - reach), np.minimum(most, response + reach)
            )
            if not np.isfinite(fall).all():
                return _UNKNOWN
            closer = _spread(self._B, fall, rise) + peak.spread
            if closer >= 0.9 * moved:
                break
            moved = closer
        loss = -float(np.minimum(response * fall, response * rise).sum())
        return _Box(loss=loss, moved=moved, bend=0.0)

    def _box_around_several(self, log_upper: float, peak: EntropyMaximum) -> _Box:
        """Bound by a fixed point argument z = log x(alpha)_S - log x0_S in the row space of A_S.

        With the D-weighted projection W onto that space, D = diag(x0_S), and dz = -r D^{-1} B p,
        z = dz - W (e^z - 1 - z). Where ||dz|| <= h in the maximum norm and 2 h ||W|| e^{2h} <= 1 this maps the
        ball of radius 2h into itself, so that ||z|| <= 2h and what exceeds dz is of second order.
        """
        x = self._limit.x_S
        h = exponential(log_upper) * float((np.abs(self._B) / x[:, None]).max())
        if 2 * h * self._projection_norm > 1 or 2 * h * self._projection_norm * np.exp(2 * h) > 1:
            return replace(_UNKNOWN, bend=np.inf)
        radius = 2 * h
        second = radius**2 / 2 * np.exp(radius)
        response = float(np.abs(self._B @ peak.q).sum())
        return _Box(
            loss=response * radius,
            moved=self.largest_response * radius + peak.spread,
            bend=float(x.sum()) * (1 + self._projection_norm) * second,
        )

    @cached_property
    def _projection_norm(self) -> float:
        """||W|| in the maximum norm, W = A_S'(A_S D A_S')^+ A_S D."""
        root = np.sqrt(self._limit.x_S)
        scaled = self._limit.cone.A_S * root
        projection = self._limit.weighted_inverse @ scaled
        return float(np.abs(projection / root[:, None] * root).sum(axis=1).max())


def _spread(B: Matrix, low: Vector, high: Vector) -> float:
    """How much B'z can differ between columns, up to a constant, for low <= z <= high: half of the range."""
    positive, negative = np.maximum(B, 0.0), np.minimum(B, 0.0)
    largest = positive.T @ high + negative.T @ low
    smallest = positive.T @ low + negative.T @ high
    return float(largest.max() - smallest.min()) / 2
