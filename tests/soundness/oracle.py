"""Is a claimed projection right? Decided in rationals and balls, without the package under test.

The claim "log_x is the entropy projection of prior * exp(log_alpha * cost) onto {x >= 0 : A x = y}, to ``tol``" is true
here if it is true for this A and some y' with |y' - y|_i <= 64 eps (|A| x + |y|)_i. Every projection for some y'
has log x = b + A'lam on its support P, P is exposed (some z has A_P'z = 0 and A'z < 0 elsewhere), and conversely
such an x is the projection for y' = A x. So the claim is right exactly if P, where it is positive, is exposed and
some lam has

    |b + A_P'lam - log_x| <= tol    and    |A_P exp(b + A_P'lam) - y| <= margin.

RIGHT is proved by such a lam, evaluated in balls. WRONG is proved by weights w of the rows and k in the kernel of
A_P (equation numbers do not exist for this: see `_Claim.refuted`), or by showing that P is not exposed. The
floating-point linear program between the two only proposes lam, w and k.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from flint import arb, arb_mat, ctx
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog

from .rational import equilibration, exposing_vector, heavy_basis, pivot_columns, rank

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]

EPS = 2.0**-52
# The definition of CERTIFIED: y' differs from y by so many roundings of the terms of A x, row by row.
ROUNDINGS = 64
# Logarithms beyond this (or beyond |log alpha|) are judged relative to their size: doubles are spaced so.
LARGE = 1000.0
# An answer is called wrong only if it misses by more than this many tolerances, whatever y'.
SLACK = 10.0
# Binary digits of the balls: the next where a comparison cannot be decided.
PRECISIONS = (320, 1300)
# Corrections of a proposed lam towards y before the linear program's word is taken.
CORRECTIONS = 4
# A least-squares correction within this share of what is allowed needs no linear program.
ENOUGH = 0.5
# Beyond this a response is as good as infinite for the floating-point programs.
STEEPEST = 1e100


class Ruling(enum.Enum):
    """What the oracle says."""

    RIGHT = "right"
    WRONG = "wrong"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The ruling, its reason, and the error in log x.

    ``error``, in the unit of ``tol``, is that of the best y' found (an upper bound) where the ruling is RIGHT, a
    proved lower bound over all y' where it is WRONG, an estimate of that or NaN where it is UNDECIDED.
    """

    ruling: Ruling
    error: float
    reason: str


def undecided(reason: str) -> Verdict:
    """What cannot be decided, and why."""
    return Verdict(ruling=Ruling.UNDECIDED, error=math.nan, reason=reason)


def spread(log_alpha: float, log_x: Vector) -> Vector:
    """How many tolerances an entry is allowed: one up to 1000 in size, in proportion beyond."""
    size = np.where(np.isfinite(log_x), np.abs(log_x), 0.0)
    return np.maximum(size, max(LARGE, abs(log_alpha))) / LARGE


def judge(
    A: Matrix,
    y: Vector,
    log_alpha: float,
    log_x: Vector,
    *,
    cost: Vector | None = None,
    prior: Vector | None = None,
    tol: float = 1e-9,
) -> Verdict:
    """Rule on a claimed log x (-inf where the claim is zero), the projection of prior * exp(log_alpha * cost)."""
    A, y, log_x = (np.asarray(part, dtype=float) for part in (A, y, log_x))
    if log_x.shape != (A.shape[1],) or np.isnan(log_x).any() or (log_x == np.inf).any():
        return Verdict(ruling=Ruling.WRONG, error=math.inf, reason="not a vector of logarithms")
    cost, prior = (np.ones(A.shape[1]) if part is None else np.asarray(part, dtype=float) for part in (cost, prior))
    counts = prior > 0
    if not counts.all():
        if np.isfinite(log_x[~counts]).any():
            return Verdict(ruling=Ruling.WRONG, error=math.inf, reason="not zero where the prior is")
        return judge(A[:, counts], y, log_alpha, log_x[counts], cost=cost[counts], prior=prior[counts], tol=tol)
    positive = np.isfinite(log_x)
    if not positive.any():
        empty = not y.any() and exposing_vector(A, positive) is not None
        return Verdict(ruling=Ruling.RIGHT if empty else Ruling.WRONG, error=0.0 if empty else math.inf, reason="x = 0")
    prior_of = Prior(log_alpha=log_alpha, cost=cost[positive], factor=prior[positive])
    verdict = _judged_at_rising_precision(A[:, positive], y, log_x[positive], prior_of, tol)
    if verdict.ruling is not Ruling.WRONG and not positive.all() and exposing_vector(A, positive) is None:
        zeros = int(np.count_nonzero(~positive))
        return Verdict(ruling=Ruling.WRONG, error=math.inf, reason=f"not all of the {zeros} zeros can be zeros")
    return verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """The vector factor * exp(log_alpha * cost)."""

    log_alpha: float
    cost: Vector
    factor: Vector

    def logarithms(self) -> list[arb]:
        """In balls at the working precision."""
        exponents = (arb(self.log_alpha) * arb(value) for value in self.cost.tolist())
        return [
            b if beta == 1.0 else b + arb(beta).log() for b, beta in zip(exponents, self.factor.tolist(), strict=True)
        ]


def _judged_at_rising_precision(A: Matrix, y: Vector, log_x: Vector, prior: Prior, tol: float) -> Verdict:
    before = ctx.prec
    try:
        for ctx.prec in PRECISIONS:
            for heavy in (True, False):
                verdict = _Claim(A, y, log_x, prior, tol, heavy=heavy).verdict()
                if verdict.ruling is not Ruling.UNDECIDED or math.isfinite(verdict.error):
                    return verdict
        return verdict
    finally:
        ctx.prec = before


def _balls(matrix: Matrix) -> arb_mat:
    n_rows, n_columns = matrix.shape
    return arb_mat(n_rows, n_columns, [arb(value) for value in matrix.ravel().tolist()])


def _column(values: list[arb]) -> arb_mat:
    return arb_mat(len(values), 1, values)


def _clipped(values: ArrayLike) -> NDArray[np.float64]:
    """The values as floats that programs can bear."""
    finite: NDArray[np.float64] = np.nan_to_num(np.asarray(values, dtype=float), nan=STEEPEST)
    return finite.clip(-STEEPEST, STEEPEST)


def _at_most(values: list[arb], bounds: list[arb]) -> bool:
    """Whether |value| <= bound is certain, entry by entry."""
    return all(abs(value) <= bound for value, bound in zip(values, bounds, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """A change v of log x_J in tolerances, by how much it exceeds what is allowed, and the multipliers of that."""

    v: Vector
    excess: float
    weights: Vector = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Point:
    """One lam, with the misfits of its x = exp(b + A'lam)."""

    basic: list[arb]
    misfit: list[arb]
    x: list[arb]
    residual: list[arb]


class _Claim:
    """The positive part of a claim, in balls at the working precision."""

    def __init__(self, A: Matrix, y: Vector, log_x: Vector, prior: Prior, tol: float, *, heavy: bool) -> None:
        self.A, self.log_x, self.tol, self.heavy = A, log_x, tol, heavy
        self.tau_float = tol * spread(prior.log_alpha, self.log_x)
        self.tau = [arb(value) for value in self.tau_float.tolist()]
        self.z = [arb(value) for value in self.log_x.tolist()]
        self.b = prior.logarithms()
        self.y = [arb(value) for value in y.tolist()]
        self.balls, self.transposed = _balls(self.A), _balls(self.A.T)
        sums = _balls(np.abs(self.A)) * _column([value.exp() for value in self.z])
        self.margin = [arb(ROUNDINGS * EPS) * (s + abs(v)) for s, v in zip(sums.entries(), self.y, strict=True)]

    @cached_property
    def J(self) -> list[int]:
        """Independent columns: those of large x first, which most claims fit to rounding, or only the longest first.

        The latter keep T small, and with it what the rounding of log x_J does elsewhere, for columns of any length.
        """
        scaled, _, columns = equilibration(self.A)
        length = np.asarray(columns * math.log(2.0), dtype=np.float64)
        return heavy_basis(scaled, length + self.log_x if self.heavy else length)

    @cached_property
    def rest(self) -> list[int]:
        return [j for j in range(self.A.shape[1]) if j not in set(self.J)]

    @cached_property
    def rows(self) -> list[int]:
        """As many independent rows of A_J."""
        return pivot_columns(self.A[:, self.J].T, list(range(self.A.shape[0])))

    @cached_property
    def square(self) -> Matrix:
        return self.A[np.ix_(self.rows, self.J)]

    def at(self, basic: list[arb]) -> _Point:
        """The lam with b + A'lam = ``basic`` on J."""
        right = [value - self.b[j] for value, j in zip(basic, self.J, strict=True)]
        lam = [arb(0)] * self.A.shape[0]
        for row, value in zip(self.rows, _balls(self.square.T).solve(_column(right)).entries(), strict=True):
            lam[row] = value
        log_x = [b + v for b, v in zip(self.b, (self.transposed * _column(lam)).entries(), strict=True)]
        misfit = [a - z for a, z in zip(log_x, self.z, strict=True)]
        x = [value.exp() for value in log_x]
        residual = [v - s for v, s in zip((self.balls * _column(x)).entries(), self.y, strict=True)]
        return _Point(basic=basic, misfit=misfit, x=x, residual=residual)

    def accepts(self, point: _Point) -> bool:
        """Whether the point proves the claim."""
        return _at_most(point.misfit, self.tau) and _at_most(point.residual, self.margin)

    def error(self, point: _Point) -> float:
        """The largest misfit, in the unit of tol."""
        return max(float((abs(m) / t).abs_upper()) for m, t in zip(point.misfit, self.tau, strict=True)) * self.tol

    def verdict(self) -> Verdict:
        try:
            return self._verdict()
        except ZeroDivisionError:
            return undecided("singular at this precision")

    def _verdict(self) -> Verdict:
        point = self.at([self.z[j] for j in self.J])
        if not _at_most(point.misfit, [SLACK * tau for tau in self.tau]):
            fit = self._fitted(point, 1.0, with_residual=False)
            if math.isnan(fit.excess):
                return undecided("the linear program failed")
            if fit.excess > SLACK:
                return self._refutation(point, fit, max(SLACK, fit.excess / 2), "log(x / p) is no A'lam")
            point = self._moved(point, fit)
        for _ in range(CORRECTIONS):
            if self.accepts(point):
                return Verdict(ruling=Ruling.RIGHT, error=self.error(point), reason="a multiplier proves it")
            fit = self._corrected(point)
            if not fit.excess <= 1.0:
                break
            point = self._moved(point, fit)
        least, fit = fit.excess, self._fitted(point, SLACK)
        if fit.excess > 1.0:
            return self._refutation(point, fit, SLACK, "no y' within the margin has such an x")
        if least > 1.0 and fit.excess <= 1.0:
            return Verdict(ruling=Ruling.UNDECIDED, error=least * self.tol, reason="beyond tol, by less than tenfold")
        return undecided("the linear program failed")

    def _moved(self, point: _Point, fit: _Fit) -> _Point:
        change = (fit.v * self.tau_float[self.J]).tolist()
        return self.at([(value + arb(d)).mid() for value, d in zip(point.basic, change, strict=True)])

    @cached_property
    def tableau(self) -> list[list[arb]]:
        """T = A_J^{-1} A_R."""
        if not self.rest:
            return [[] for _ in self.J]
        return list(_balls(self.square).solve(_balls(self.A[np.ix_(self.rows, self.rest)])).tolist())

    @cached_property
    def response(self) -> Matrix:
        """Change of log x in tolerances for changes of log x_J in tolerances."""
        G = np.zeros((len(self.z), len(self.J)))
        for k, i in enumerate(self.J):
            G[i, k] = 1.0
            for entry, j in zip(self.tableau[k], self.rest, strict=True):
                G[j, k] = float((entry * self.tau[i] / self.tau[j]).mid())
        return _clipped(G)

    def _sensitivity(self, point: _Point) -> Matrix:
        """Change of the residual in margins for changes of log x in tolerances."""
        weight = [x * tau for x, tau in zip(point.x, self.tau, strict=True)]
        rows = self.balls.tolist()
        return _clipped(
            [
                [float((a * w / m).mid()) if a != 0 else 0.0 for a, w in zip(row, weight, strict=True)]
                for row, m in zip(rows, self._positive_margin, strict=True)
            ]
        )

    @cached_property
    def _positive_margin(self) -> list[arb]:
        """The margin, one where it is zero: such a row is zero throughout."""
        return [m if m > 0 else arb(1) for m in self.margin]

    def _scaled(self, point: _Point) -> tuple[Vector, Vector]:
        """Misfits in tolerances, residuals in margins."""
        misfit = _clipped([float((m / t).mid()) for m, t in zip(point.misfit, self.tau, strict=True)])
        return misfit, _clipped(
            [float((r / m).mid()) for r, m in zip(point.residual, self._positive_margin, strict=True)]
        )

    def _corrected(self, point: _Point) -> _Fit:
        """A change that mends misfit and residual: by least squares if that is enough, else by linear program."""
        c, r = self._scaled(point)
        B = self._sensitivity(point) @ self.response
        v = np.linalg.lstsq(np.vstack([self.response, 4.0 * B]), -np.r_[c, 4.0 * r], rcond=None)[0]
        excess = max(np.abs(c + self.response @ v).max(), np.abs(r + B @ v).max())
        return _Fit(v=v, excess=float(excess)) if excess <= ENOUGH else self._fitted(point, 1.0)

    def _fitted(self, point: _Point, slack: float, *, with_residual: bool = True) -> _Fit:
        """Minimise the excess over: slack tolerances of the misfit, and the margin of the residual."""
        c, r = self._scaled(point)
        G, limits = self.response, np.full(c.size, slack)
        B = self._sensitivity(point) @ G
        if with_residual:
            G, c, limits = np.vstack([G, B]), np.r_[c, r], np.r_[limits, np.ones(r.size)]
        n = G.shape[1]
        answer = linprog(
            np.r_[np.zeros(n), 1.0],
            A_ub=np.vstack([np.c_[G, -limits], np.c_[-G, -limits]]),
            b_ub=np.r_[-c, c],
            bounds=[(None, None)] * n + [(0.0, None)],
            method="highs",
        )
        if answer.x is None:
            return _Fit(v=np.zeros(n), excess=math.nan)
        lower, upper = np.split(-answer.ineqlin.marginals, 2)
        return _Fit(v=answer.x[:-1], excess=float(answer.x[-1]), weights=lower - upper)

    def _refutation(self, point: _Point, fit: _Fit, slack: float, reason: str) -> Verdict:
        """WRONG if the multipliers of the linear program are a proof, else UNDECIDED."""
        if self.refuted(point, fit.weights, slack):
            return Verdict(ruling=Ruling.WRONG, error=slack * self.tol, reason=reason)
        return undecided(f"not proved: {reason}")

    def refuted(self, point: _Point, weights: Vector, slack: float) -> bool:
        """Whether no lam has a misfit of at most ``slack`` tolerances and a residual within the margin.

        Let x, c, r belong to the point and x'' = x e^delta, delta = A_P'dlam, to any other lam; k in ker A_P.
        With g = X A_P'w + k and d = delta + c its misfit,

            w'(A x'' - y) = w'r - g'c + g'd + sum_j (A_P'w)_j x_j (e^delta_j - 1 - delta_j),

        where |d| <= slack tau, |delta| <= |c| + slack tau, and e^s - 1 - s <= s^2 for s <= 1. The left-hand side
        is at most |w|'margin in size: a contradiction if |w'r - g'c| exceeds all that.
        """
        n = len(self.z)
        if len(self.J) != rank(self.A):
            return False
        p = [arb(value) for value in weights.tolist()]
        q = p[n:] or [arb(0)] * self.A.shape[0]
        w = [(value / m).mid() for value, m in zip(q, self._positive_margin, strict=True)]
        Aw = (self.transposed * _column(w)).entries()
        flow = [x * a for x, a in zip(point.x, Aw, strict=True)]
        k = self._kernel_vector([(-p[j] / self.tau[j] - flow[j]).mid() for j in self.rest])
        g = [f + v for f, v in zip(flow, k, strict=True)]
        reach = [slack * tau for tau in self.tau]
        delta = [abs(c) + t for c, t in zip(point.misfit, reach, strict=True)]
        gap = sum((a * b for a, b in zip(w, point.residual, strict=True)), arb(0))
        gap -= sum((a * b for a, b in zip(g, point.misfit, strict=True)), arb(0))
        allowed = sum((abs(a) * b for a, b in zip(w, self.margin, strict=True)), arb(0))
        allowed += sum((abs(a) * b for a, b in zip(g, reach, strict=True)), arb(0))
        if any(value != 0 for value in w):
            if not all(value <= 1 for value in delta):
                return False
            allowed += sum((abs(f) * d * d for f, d in zip(flow, delta, strict=True)), arb(0))
        return bool(abs(gap) > allowed)

    def _kernel_vector(self, at_rest: list[arb]) -> list[arb]:
        """The k with A_P k = 0 and these entries off J."""
        k = [arb(0)] * len(self.z)
        for j, value in zip(self.rest, at_rest, strict=True):
            k[j] = value
        for i, row in zip(self.J, self.tableau, strict=True):
            k[i] = -sum((t * value for t, value in zip(row, at_rest, strict=True)), arb(0))
        return k
