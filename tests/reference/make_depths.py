"""Write depths.json: projections for networks of every depth and either sign, to 30 digits.

Run by hand, `cd tests && python -m reference.make_depths`, with mpmath and nothing else; it takes a minute. It imports
nothing of the package, and its method is another one: Newton's method on the dual

    max  y'lam - sum_i phi*(theta_i(p) + a_i'lam),      x_i = phi*'(theta_i(p) + a_i'lam),

in as many digits as the conditioning costs (70 + 3 log10 1/alpha), along the tangents of lam from alpha = 1 down. With
q = (D - 2) / D and a prior p = beta alpha^cost, theta = log x at D = 2 and theta = -x^-q above (-1/x at D = inf).
A signed problem is solved as the positive one of the doubled system [A, -A].

What keeps a system from having a dual is taken out in exact arithmetic: columns where the prior is zero, dependent
rows, and coordinates that are zero in every solution, each on the strength of a z with A'z >= 0 and y'z = 0.

An answer is written only if Newton's method in 1.4 times the digits, started from it, moves no log x by 1e-32, A x = y
holds to 1e-40 and, where there is one row of positive entries, the root of a scalar equation is the same answer. A
limit as alpha falls to zero is the answer at an alpha so small that a smaller one makes no difference; where the
minimiser is unique it is that rational vector, solved for exactly.

One entry of the file is one system with its prior, sign and depth:

- ``A``, ``y``, ``prior``, ``cost``, ``depth``: rationals as text, or "inf".
- ``independent``: whether lam is unique: the rows are independent where the prior is positive, and no zero is forced.
- ``limit``: lim x; ``unique``: whether it is the only minimiser of sum x (D = 2) or sum beta^-q x (above);
  ``log_kappa``: lim log(x_j / p_j) off its support, for D > 2. Those of signed problems are of (x_plus, x_minus). Where
  the cost varies there is none of them.
- ``projections``: ``log_alpha``, the shortest text of a float, and the answer at that float: ``log_x``, of |x| where
  signed, with its ``signs``, ``log_x_plus`` and ``log_x_minus``; ``value``, the Bregman divergence from the prior, null
  where it is infinite, at a zero that is forced on a barrier; ``dual``, the lam above, null unless ``independent``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from mpmath import mp, mpf
from reference.depth_systems import SYSTEMS, Case, Row, independent_rows, solution_of

DEPTHS = ("2", "21/10", "5/2", "3", "4", "6", "inf")
ALPHAS = (1.0, 1e-2, 1e-6, 1e-12, 1e-60, 1e-150, 1e-300)
FILE = Path(__file__).with_name("depths.json")
Dual = list[mpf]


class LostError(Exception):
    """Newton's method does not arrive from this start."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """Min divergence of x > 0 from its prior over A x = y, of independent rows: the dual is smooth and is attained."""

    depth: str
    rows: tuple[Row, ...]
    y: Row
    beta: Row
    cost: Row
    live: tuple[int, ...]
    independent: bool
    forced: tuple[tuple[Fraction, Fraction], ...]

    @property
    def inverse(self) -> Fraction | None:
        """1/q = D / (D - 2); none for D = 2."""
        if self.depth == "2":
            return None
        return Fraction(1) if self.depth == "inf" else Fraction(self.depth) / (Fraction(self.depth) - 2)

    @property
    def has_unique_dual(self) -> bool:
        return self.independent and not self.forced

    def log_prior(self, log_alpha: mpf) -> list[mpf]:
        return logs(zip(self.beta, self.cost, strict=True), log_alpha)

    def gradient(self, log_x: Sequence[mpf]) -> list[mpf]:
        """Theta at exp(log_x)."""
        return list(log_x) if self.inverse is None else [-mp.exp(-z / exact(self.inverse)) for z in log_x]

    def primal(self, theta: Sequence[mpf]) -> tuple[list[mpf], list[mpf]]:
        """X and dx / dtheta."""
        if self.inverse is None:
            x = [mp.exp(value) for value in theta]
            return x, x
        if max(theta) >= 0:
            raise LostError
        power = int(self.inverse) if self.inverse.denominator == 1 else exact(self.inverse)
        x = [(-value) ** -power for value in theta]
        return x, [exact(self.inverse) * xi / -value for xi, value in zip(x, theta, strict=True)]

    def divergence(self, log_x: Sequence[mpf], log_alpha: mpf) -> mpf:
        """Of x from the prior, the zeros that are forced included."""
        terms = zip(log_x, self.log_prior(log_alpha), strict=True)
        inside = mp.fsum(self.entry(value, prior) for value, prior in terms)
        return inside + mp.fsum(self.entry(mp.ninf, prior) for prior in logs(self.forced, log_alpha))

    def entry(self, log_x: mpf, log_prior: mpf) -> mpf:
        ratio = log_x - log_prior
        if self.inverse is None:
            return (mp.exp(log_x) * (ratio - 1) if mp.isfinite(ratio) else 0) + mp.exp(log_prior)
        rest = 1 - 1 / exact(self.inverse)
        relative = mp.expm1(ratio) - (ratio if self.inverse == 1 else mp.expm1(rest * ratio) / rest)
        return mp.exp(rest * log_prior) * relative

    def digits(self, log_alpha: float) -> int:
        return 70 + math.ceil(3 * float(max(self.cost)) * -log_alpha / math.log(10))


def program_of(case: Case) -> Program:
    """What is left to compute, in nonnegative unknowns and independent rows."""
    rows = tuple((*row, *(-a for a in row)) for row in case.A) if case.signed else case.A
    width, copies = case.columns, 2 if case.signed else 1
    beta = (case.prior or (Fraction(1),) * width) * copies
    cost = (case.cost or (Fraction(1),) * width) * copies
    zero = {j for j, b in enumerate(beta) if b == 0}
    for z in case.separators:
        products = [sum(zi * row[j] for zi, row in zip(z, rows, strict=True)) for j in range(len(beta))]
        assert sum(zi * yi for zi, yi in zip(z, case.y, strict=True)) == 0
        assert all(value >= 0 for j, value in enumerate(products) if j not in zero)
        zero |= {j for j, value in enumerate(products) if value > 0}
    live = [j for j in range(len(beta)) if j not in zero]
    reduced = [tuple(row[j] for j in live) for row in rows]
    kept, pivots = independent_rows([(*row, yi) for row, yi in zip(reduced, case.y, strict=True)])
    assert len(live) not in pivots, "the system is inconsistent"
    return Program(
        depth=case.depth,
        rows=tuple(reduced[i] for i in kept),
        y=tuple(case.y[i] for i in kept),
        beta=tuple(beta[j] for j in live),
        cost=tuple(cost[j] for j in live),
        live=tuple(live),
        independent=len(kept) == len(rows),
        forced=tuple((beta[j], cost[j]) for j in sorted(zero) if beta[j] > 0),
    )


@dataclass(frozen=True, kw_only=True)
class Point:
    """The program at one alpha, in the precision set."""

    program: Program
    rows: list[list[mpf]]
    y: list[mpf]
    log_prior: list[mpf]
    theta: list[mpf]

    @classmethod
    def of(cls, program: Program, log_alpha: float) -> Point:
        log_prior = program.log_prior(mpf(log_alpha))
        rows = [[exact(a) for a in row] for row in program.rows]
        return cls(
            program=program,
            rows=rows,
            y=[exact(b) for b in program.y],
            log_prior=log_prior,
            theta=program.gradient(log_prior),
        )

    def moved(self, lam: Dual) -> list[mpf]:
        """A'lam."""
        return [mp.fdot(zip(lam, column, strict=True)) for column in zip(*self.rows, strict=True)]

    def at(self, lam: Dual) -> tuple[list[mpf], list[mpf], list[mpf]]:
        """X, dx / dtheta and y - A x."""
        x, weights = self.program.primal([a + b for a, b in zip(self.theta, self.moved(lam), strict=True)])
        return x, weights, [b - mp.fdot(zip(row, x, strict=True)) for b, row in zip(self.y, self.rows, strict=True)]

    def solved(self, weights: list[mpf], right: list[mpf]) -> Dual:
        """(A diag(weights) A')^-1 right."""
        weighted = [[a * w for a, w in zip(row, weights, strict=True)] for row in self.rows]
        gram = mp.matrix([[mp.fdot(zip(one, two, strict=True)) for two in self.rows] for one in weighted])
        return list(mp.lu_solve(gram, mp.matrix(right)))

    def newton(self, lam: Dual, tolerance: float, steps: int) -> Dual:
        """Lam after a step that changes no log x by more than the tolerance, of which about the square is left."""
        for _ in range(steps):
            x, weights, misfit = self.at(lam)
            step = self.solved(weights, misfit)
            change = max(abs(m * w / xi) for m, w, xi in zip(self.moved(step), weights, x, strict=True))
            if change <= tolerance:
                return [a + b for a, b in zip(lam, step, strict=True)]
            lam = self.searched(lam, step, misfit)
        raise LostError

    def searched(self, lam: Dual, step: Dual, misfit: list[mpf]) -> Dual:
        """The first of lam + step, lam + step / 2, ... where the dual falls at most half as steeply as it rose."""
        slope, length = mp.fdot(zip(step, misfit, strict=True)), mpf(1)
        while True:
            trial = [a + length * b for a, b in zip(lam, step, strict=True)]
            try:
                if mp.fdot(zip(step, self.at(trial)[2], strict=True)) >= -slope / 2:
                    return trial
            except LostError:
                pass
            length /= 2


def follow(program: Program, log_alphas: Sequence[float]) -> Iterator[tuple[float, Dual]]:
    """Lam at each of the falling alphas, by predictions along the tangent of lam in theta(p) and Newton's method."""
    with mp.workdps(program.digits(0.0)):
        here, point = 0.0, Point.of(program, 0.0)
        lam, length = point.newton([mpf(0)] * len(program.y), 1e-3, 500), 1.0
    for target in log_alphas:
        while here > target:
            reached = max(target, here - length)
            with mp.workdps(program.digits(reached)):
                try:
                    following = Point.of(program, reached)
                    lam = following.newton(predicted(Point.of(program, here), following, lam), 1e-3, 12)
                    here, length = reached, length * 3
                except LostError:
                    length /= 4
        with mp.workdps(program.digits(target)):
            lam = Point.of(program, target).newton(lam, 1e-30, 12)
        yield target, lam


def predicted(point: Point, following: Point, lam: Dual) -> Dual:
    _, weights, _ = point.at(lam)
    moves = [w * (b - a) for w, a, b in zip(weights, point.theta, following.theta, strict=True)]
    change = point.solved(weights, [-mp.fdot(zip(row, moves, strict=True)) for row in point.rows])
    return [a + b for a, b in zip(lam, change, strict=True)]


def checked_log_x(program: Program, log_alpha: float, lam: Dual) -> list[mpf]:
    """Log x, having been confirmed by what the module's docstring says."""
    log_x, misfits = [], []
    for factor in (1.0, 1.4):
        with mp.workdps(math.ceil(factor * program.digits(log_alpha))):
            point = Point.of(program, log_alpha)
            x, _, misfit = point.at(lam if factor == 1.0 else point.newton(lam, 1e-30, 3))
            log_x.append([mp.log(value) for value in x])
            scales = [mp.fdot((abs(a), b) for a, b in zip(row, x, strict=True)) for row in point.rows]
            misfits += [abs(r) / scale for r, scale in zip(misfit, scales, strict=True)]
    assert max(abs(a - b) for a, b in zip(*log_x, strict=True)) < 1e-32, (program, log_alpha)
    assert max(misfits) < 1e-40, (program, log_alpha)
    if len(program.rows) == 1 and min(program.rows[0]) > 0:
        difference = abs(scalar_log_x(program, log_alpha, log_x[1][0]) - log_x[1][0])
        assert difference < 1e-32, (program, log_alpha, mp.nstr(difference))
    return log_x[1]


def scalar_log_x(program: Program, log_alpha: float, near: mpf) -> mpf:
    """Log x_0 by the root of a_0 x_0 + sum a_j x_j(x_0) = y, x_j a function of x_0 by what their thetas share."""
    with mp.workdps(program.digits(log_alpha)):
        point = Point.of(program, log_alpha)
        row = point.rows[0]

        def excess(log_x: mpf) -> mpf:
            lam = (program.gradient([log_x])[0] - point.theta[0]) / row[0]
            x, _ = program.primal([theta + a * lam for theta, a in zip(point.theta[1:], row[1:], strict=True)])
            return row[0] * mp.exp(log_x) + mp.fdot(zip(row[1:], x, strict=True)) - point.y[0]

        width = mpf("1e-3")
        while excess(near + width) < 0 or excess(near - width) > 0:
            width /= 10
        return mp.findroot(excess, (near - width, near + width), solver="illinois", tol=mpf(10) ** -90, maxsteps=200)


@mp.workdps(60)
def projection(case: Case, log_alpha: float) -> list[mpf]:
    """Log x of a case without forced zeros or zeros in its prior, of (x_plus, x_minus) where signed."""
    program = program_of(case)
    assert len(program.live) == len(program.rows[0])
    ((_, lam),) = follow(program, [log_alpha])
    return checked_log_x(program, log_alpha, lam)


def limit_of(program: Program, case: Case, along: Iterator[tuple[float, Dual]]) -> dict[str, Any]:
    """Lim x and lim log(x_j / p_j) off its support, from two alphas between which they do not change."""
    seen: list[tuple[list[mpf], list[mpf]]] = []
    for log_alpha, lam in along:
        log_x = checked_log_x(program, log_alpha, lam)
        with mp.workdps(40):
            seen.append((log_x, [z - p for z, p in zip(log_x, program.log_prior(mpf(log_alpha)), strict=True)]))
    (first, first_ratio), (last, last_ratio) = seen
    support = [j for j, (a, b) in enumerate(zip(first, last, strict=True)) if abs(a - b) < 1e-31]
    off = [j for j in range(len(last)) if j not in support]
    width = case.columns * (2 if case.signed else 1)
    limit, kappa = ["0"] * width, [None] * width
    if program.inverse is not None:
        assert all(abs(first_ratio[j] - last_ratio[j]) < 1e-31 for j in off), (case.name, program.depth)
        for j in off:
            kappa[program.live[j]] = text(last_ratio[j])
    columns = [tuple(row[j] for j in support) for row in program.rows]
    unique = len(independent_rows(list(zip(*columns, strict=True)))[0]) == len(support)
    values: Sequence[Any] = [mp.exp(last[j]) for j in support]
    if unique:
        rational = solution_of(columns, program.y)
        assert all(abs(mp.log(exact(r)) - mp.log(v)) < 1e-30 for r, v in zip(rational, values, strict=True))
        values = rational
    for j, value in zip(support, values, strict=True):
        limit[program.live[j]] = str(value) if unique else text(value)
    return {"limit": limit, "unique": unique} | ({} if program.inverse is None else {"log_kappa": kappa})


def limit_alphas(program: Program) -> list[float]:
    """Two alphas so small that the correction, alpha^q in relative size above depth 2, is below 1e-34."""
    if program.inverse is None:
        return [-1500 * math.log(10), -1600 * math.log(10)]
    digits = 36 * float(program.inverse)
    return [-digits * math.log(10), -1.1 * digits * math.log(10)]


def answered(case: Case, log_alpha: float, lam: Dual) -> dict[str, Any]:
    program = program_of(case)
    log_live = checked_log_x(program, log_alpha, lam)
    width = case.columns * (2 if case.signed else 1)
    log_x = [mp.ninf] * width
    for j, value in zip(program.live, log_live, strict=True):
        log_x[j] = value
    with mp.workdps(program.digits(log_alpha)):
        answer = {"log_alpha": repr(log_alpha), **signed_parts(case, log_x), "value": None, "dual": None}
        value = program.divergence(log_live, mpf(log_alpha))
        if mp.isfinite(value):
            answer["value"] = text(value)
        if program.has_unique_dual:
            answer["dual"] = [text(value) for value in lam]
    return answer


def signed_parts(case: Case, log_x: list[mpf]) -> dict[str, list[Any]]:
    if not case.signed:
        return {"log_x": [text(value) for value in log_x]}
    plus, minus = log_x[: case.columns], log_x[case.columns :]
    x = [mp.exp(a) - mp.exp(b) for a, b in zip(plus, minus, strict=True)]
    return {
        "log_x": [text(mp.log(abs(value)) if value else mp.ninf) for value in x],
        "signs": [int(mp.sign(value)) for value in x],
        "log_x_plus": [text(value) for value in plus],
        "log_x_minus": [text(value) for value in minus],
    }


@mp.workdps(60)  # wherever nothing else is said
def entry_of(case: Case, alphas: Sequence[float]) -> dict[str, Any]:
    program = program_of(case)
    log_alphas = [math.log(alpha) for alpha in alphas if case.cost is None or alpha < 1]
    limits = limit_alphas(program) if case.cost is None else []
    stops = sorted({*log_alphas, *limits}, reverse=True)
    lams = dict(follow(program, stops))
    entry = {
        "name": f"{case.name}, depth {case.depth}",
        "note": case.note,
        "A": [[str(a) for a in row] for row in case.A],
        "y": [str(b) for b in case.y],
        "prior": None if case.prior is None else [str(b) for b in case.prior],
        "cost": None if case.cost is None else [str(c) for c in case.cost],
        "signed": case.signed,
        "depth": case.depth,
        "independent": program.has_unique_dual,
    }
    if limits:
        entry |= limit_of(program, case, ((t, lams[t]) for t in limits))
    return entry | {"projections": [answered(case, t, lams[t]) for t in log_alphas]}


def logs(priors: Iterable[tuple[Fraction, Fraction]], log_alpha: mpf) -> list[mpf]:
    return [mp.log(exact(beta)) + exact(cost) * log_alpha for beta, cost in priors]


def exact(value: Fraction) -> mpf:
    return mpf(value.numerator) / value.denominator


def text(value: mpf) -> str:
    return str(mp.nstr(value, 30))


def main() -> None:
    jobs = [
        (replace(case, depth=depth), [ALPHAS[(i + shift + k) % len(ALPHAS)] for k in (0, 2, 5)])
        for shift, case in enumerate(SYSTEMS)
        for i, depth in enumerate(DEPTHS)
    ]
    with ProcessPoolExecutor() as pool:
        entries = list(pool.map(entry_of, *zip(*jobs, strict=True)))
    FILE.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
