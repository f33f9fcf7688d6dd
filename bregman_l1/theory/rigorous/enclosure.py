"""The enclosures of x(alpha) - x* as proofs: evaluated in balls, with outward rounding.

They are statements about A and x*_S as the rationals that their floats are, and about y' = A_S x*_S, which differs
from y by rounding. Write p for the prior, R for what lies off S, r = ||x(alpha)_R||_1, G for a left inverse of A_S.
`bregman_l1.theory.rigorous.limit` corrects the vectors below until they satisfy their equations exactly.

    Upper end   eta with A_S'eta = log(x*_S / p_S): log r <= log U = log sum_R exp(log p_j + a_j'eta), because
                sum_R x_j log(x_j / p_j) = -sum_S n_i log(x_i / p_i) <= -n_S'A_S'eta = sum_R x_j a_j'eta.
    Lower end   (-z, q) in ker A with q >= 0, sum q = 1: log r >= F(q, v) for the worst v in a box that r <= U and
                n_S = -G A_R x_R prove to hold x(alpha)_S, with
                F(q, v) = sum_R q_j log p_j + H(q) + z'(log v - log p_S).
    Shares      F(., x*_S) is 1-strongly concave in the l1 norm, and at most log U: its maximiser is within
                sqrt(2 (log U - F(q, x*_S))) of q. The tilt of F(., x(alpha)_S), of which x(alpha)_R / r is the
                maximiser, differs by at most e = max_j sum_i |(G a_j)_i| |log v_i - log x*_i|, which moves it by at
                most e. So ||G A_R x(alpha)_R||_1 / r is close to ||z||_1, and ||n||_1 = r + ||G A_R x(alpha)_R||_1.

Where this leaves the two ends apart, alpha is not small, and x(alpha) itself is enclosed
(`bregman_l1.theory.rigorous.neighbourhood`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import NamedTuple, ParamSpec, TypeVar

import numpy as np
from flint import arb

from bregman_l1._types import Vector
from bregman_l1.errors import NotAdmissibleError
from bregman_l1.newton import project
from bregman_l1.proof.arithmetic import maximum, product
from bregman_l1.proof.record import Unproved
from bregman_l1.scale import natural_log_alpha
from bregman_l1.theory.enclosure import POINT, Encloser, Enclosure, Witnesses
from bregman_l1.theory.rigorous.limit import BallLimit, Precisions, above, below
from bregman_l1.theory.rigorous.neighbourhood import BallNeighbourhood, ball_neighbourhood

_P = ParamSpec("_P")
_T = TypeVar("_T")

# Ends further apart than this are worth the search for x(alpha) itself.
_WIDE = 1e-9
# How far a scale that is not proved is lowered, as a share of log alpha beyond one, and how often that is doubled.
_LOWERED, _LOWERINGS = 1e-14, 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The scale of initialisation: alpha itself where that was given, else its logarithm.

    Attributes
    ----------
    log_alpha : float
        The logarithm, rounded where alpha is given.
    alpha : float, optional
        The float that it is the logarithm of.
    """

    log_alpha: float
    alpha: float | None = None

    @classmethod
    def of(cls, alpha: float | None, log_alpha: float | None) -> Scale:
        """Check what a caller gave: exactly one of the two (see `natural_log_alpha`)."""
        return cls(log_alpha=natural_log_alpha(alpha, log_alpha), alpha=None if alpha is None else float(alpha))

    @property
    def ball(self) -> arb:
        """The logarithm at the working precision."""
        return arb(self.log_alpha) if self.alpha is None else arb(self.alpha).log()


class Ends(NamedTuple):
    """What is proved of x(alpha) - x* off S, and of all of it, in the l1 norm."""

    off_support: Enclosure
    deviation: Enclosure


class _Upper(NamedTuple):
    """log U, and log p_j + a_j'eta for the columns off S."""

    log: arb
    weights: list[arb]


def or_not_admissible(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Say what could not be proved, as the error of a bound that is not claimed."""

    @wraps(function)
    def proved(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return function(*args, **kwargs)
        except Unproved as failure:
            message = f"rigorous=True: {failure.step.name} could not be proved: {failure}"
            raise NotAdmissibleError(message) from None

    return proved


class RigorousEncloser:
    """Encloses the deviation from the limit where that is a unique minimiser, at any alpha, in balls.

    Parameters
    ----------
    precisions : Precisions
        The limit in balls.
    encloser : Encloser, optional
        What provides the vectors that prove the ends; None where x(alpha) seems to be the same for every alpha.
    """

    def __init__(self, precisions: Precisions, encloser: Encloser | None) -> None:
        self._precisions, self._encloser = precisions, encloser
        self._limit = precisions.limit

    @or_not_admissible
    def off_support(self, scale: Scale) -> Enclosure:
        """Enclose ||x(alpha) off S||_1."""
        enclosure = self._ends(scale).off_support
        return self._narrowed(scale, enclosure, lambda near: near.off_support)

    @or_not_admissible
    def deviation(self, scale: Scale) -> Enclosure:
        """Enclose ||x(alpha) - limit||_1."""
        enclosure = self._ends(scale).deviation
        return self._narrowed(scale, enclosure, lambda near: near.deviation)

    @or_not_admissible
    def guaranteed(self, error: float, growth: float, guess: float) -> float:
        """A log(alpha) near a guess at which (1 + growth) U(alpha) <= error, and so at every smaller one.

        log U is the largest log_alpha gamma'q + H(q) + z'log x*_S over the kernel vectors (-z, q), which increases
        with log_alpha where the reduced costs gamma'q are positive: mu proves that they are.
        """
        for doubling in range(_LOWERINGS):
            if self._keeps_below(guess, error, growth):
                return guess
            guess -= _LOWERED * 2.0**doubling * max(1.0, abs(guess))
        raise Unproved("(1 + rho_tilde) U(alpha) <= error", f"not even at log alpha = {guess:.6g}")

    def _ends(self, scale: Scale) -> Ends:
        """Both ends; the upper ones alone where no kernel vector was proved to be one."""
        if self._encloser is None:
            return self._precisions.first_proved(_still)
        witnesses = self._encloser.witnesses(scale.log_alpha)
        try:
            return self._precisions.first_proved(lambda limit: _both(limit, scale.ball, witnesses), scale.log_alpha)
        except Unproved:
            return self._precisions.first_proved(lambda limit: _above(limit, scale.ball, witnesses), scale.log_alpha)

    def _narrowed(self, scale: Scale, known: Enclosure, read: Callable[[BallNeighbourhood], Enclosure]) -> Enclosure:
        """What is known, met with what a neighbourhood of x(alpha) says, if that can make a difference."""
        dual = None
        if known.log_width > _WIDE:
            columns = self._limit.part.columns
            log_prior = scale.log_alpha * self._limit.cost + self._limit.log_prior
            dual = project(self._limit.part.system, log_prior[columns]).dual
        if dual is None:
            return known

        def around(limit: BallLimit) -> Enclosure:
            return read(ball_neighbourhood(limit, scale.ball, dual))

        try:
            near = self._precisions.first_proved(around, scale.log_alpha)
        except Unproved:
            return known
        return Enclosure(log_lower=max(known.log_lower, near.log_lower), log_upper=min(known.log_upper, near.log_upper))

    def _keeps_below(self, log_alpha: float, error: float, growth: float) -> bool:
        assert self._encloser is not None
        witnesses = self._encloser.witnesses(log_alpha)

        def keeps_below(limit: BallLimit) -> bool:
            if not all(slack > 0 for slack in slacks(limit, witnesses.mu)):
                raise Unproved("uniqueness", "no dual vector was proved to be strictly feasible off the support")
            log_upper = _upper(limit, arb(log_alpha), witnesses).log
            return bool(log_upper + arb(growth).log1p() <= arb(error).log())

        return self._precisions.first_proved(keeps_below, log_alpha)


def slacks(limit: BallLimit, mu: Vector) -> list[arb]:
    """The c_j - a_j'mu off S for the dual vector near an estimate with A_S'mu = c_S."""
    products = limit.off_support(limit.dual_vector(mu, limit.cost_S))
    return [cost - value for cost, value in zip(limit.cost_R, products, strict=True)]


def _upper(limit: BallLimit, log_alpha: arb, witnesses: Witnesses) -> _Upper:
    tilt = limit.off_support(limit.dual_vector(witnesses.eta, limit.log_ratio))
    terms = zip(slacks(limit, witnesses.mu), limit.log_prior_R, tilt, strict=True)
    weights = [log_alpha * slack + prior + b for slack, prior, b in terms]
    top = maximum([weight.mid() for weight in weights])
    return _Upper(log=top + sum(((weight - top).exp() for weight in weights), arb(0)).log(), weights=weights)


def _still(limit: BallLimit) -> Ends:
    """x(alpha) = x*: nothing off S is positive anywhere, and A_S is injective."""
    if limit.positive.size > len(limit.x):
        raise Unproved("x(alpha) = x*", "some coordinate off the support may be positive")
    return Ends(off_support=POINT, deviation=POINT)


def _above(limit: BallLimit, log_alpha: arb, witnesses: Witnesses) -> Ends:
    log_upper = _upper(limit, log_alpha, witnesses).log
    return Ends(
        off_support=Enclosure(log_lower=-np.inf, log_upper=above(log_upper)),
        deviation=Enclosure(log_lower=-np.inf, log_upper=above(log_upper + limit.largest_response.log1p())),
    )


def _both(limit: BallLimit, log_alpha: arb, witnesses: Witnesses) -> Ends:
    upper = _upper(limit, log_alpha, witnesses)
    kernel = limit.kernel_vector([(weight - upper.log).exp() for weight in upper.weights])
    box = _relative_box(limit, upper.log)
    if box is None:
        return _above(limit, log_alpha, witnesses)
    value = _entropy(kernel.q) + sum((q * weight for q, weight in zip(kernel.q, upper.weights, strict=True)), arb(0))
    log_lower = value + sum(
        (arb.min(z * fall, z * rise) for z, (fall, rise) in zip(kernel.z, box, strict=True)), arb(0)
    )
    # |log v - log x*| by the box, and what it and the distance of q from the best can change of the shares.
    reach = [arb.max(-fall, rise) for fall, rise in box]
    moved = maximum(product(limit.sizes, reach)) + (2 * (upper.log - value).abs_upper()).sqrt()
    here, change = sum((abs(z) for z in kernel.z), arb(0)), limit.largest_response * moved
    smallest, most = arb.max(here - change, arb(0)), arb.min(here + change, limit.largest_response)
    return Ends(
        off_support=Enclosure(log_lower=below(log_lower), log_upper=above(upper.log)),
        deviation=Enclosure(log_lower=below(log_lower + smallest.log1p()), log_upper=above(upper.log + most.log1p())),
    )


def _relative_box(limit: BallLimit, log_upper: arb) -> list[tuple[arb, arb]] | None:
    """Bounds of log x(alpha)_i - log x*_i on S; None where x(alpha)_i may be zero."""
    U, box = log_upper.exp(), []
    for x, (low, high) in zip(limit.x, limit.ranges, strict=True):
        fall, rise = U * high / x, -U * low / x
        if not fall < 1:
            return None
        box.append(((-fall).log1p(), rise.log1p()))
    return box


def _entropy(q: list[arb]) -> arb:
    """H(q), entries that are exactly zero left out."""
    return -sum((share * share.log() for share in q if not share.is_zero()), arb(0))
