"""Proofs of l1 minimisers: an exact x >= 0 with A x = y, exact multipliers, and whether x is the only minimiser."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from time import perf_counter

import numpy as np
from flint import arb, fmpq

from bregman_l1._types import EPS, Vector
from bregman_l1.claim import Claim
from bregman_l1.exact import at_precision, rational, rounded
from bregman_l1.polyhedron.minimiser import optimum
from bregman_l1.problems.l1 import L1Minimization
from bregman_l1.proof.arithmetic import dyadic, fraction, outward, upward
from bregman_l1.proof.exact_matrix import ExactMatrix, Rationals, exact_matrix, exact_vector, inner
from bregman_l1.proof.exact_simplex import (
    ExactProgram,
    Optimum,
    is_optimal,
    minimise,
    multipliers_near,
    solution_near,
)
from bregman_l1.proof.record import MOST_ROUNDINGS, Y_ITSELF, Proof, RightHandSide, Step, Target, Unproved
from bregman_l1.system import LinearSystem

# What an answer may differ by from the minimiser for y itself, in every entry, for this to be what is proved.
_SAME = 1e-9
# Beyond this a logarithm may be off in proportion to its size.
_LARGE_LOG = 1000.0
_SPARE_BITS = 64
_SMALLEST = float(np.finfo(np.float64).smallest_subnormal)


def prove_l1(
    problem: L1Minimization,
    claimed: Claim | None = None,
    *,
    digits: int = 15,
    for_: Target | None = None,
    tol: float | None = None,
) -> Proof:
    """Prove that an answer minimises cost'x over {x >= 0 : A x = y'}, in rationals.

    Parameters
    ----------
    problem : L1Minimization
    claimed : Claim, optional
        x, and the dual vector if there is one; a minimiser is computed if omitted.
    digits : int, default 15
        Digits of log x.
    for_ : {"y", "rounded y"}, optional
        What y' is: y itself, or A x with the floats x of the answer. By default y itself where the minimiser for it has
        the zeros of the answer and differs by at most 1e-9 relative to each entry, else A x.
    tol : float, optional
        How far off the answer may be where it is proved for y itself, relative to its largest entry in units of the
        columns, and its dual vector, relative to the terms of A'mu. If omitted both are no more than a start.

    Returns
    -------
    Proof
        With the minimiser in ``x``, its multipliers in ``dual`` and its cost in ``value``. Whether it is the only one
        is a step that decides nothing.

    Raises
    ------
    InfeasibleError, InvalidProblemError
        If nothing was claimed and there is no minimiser.

    Examples
    --------
    >>> from bregman_l1 import LinearSystem
    >>> proof = prove_l1(L1Minimization(LinearSystem([[1.0, 1.0 - 2.0**-50]], [1.0])))
    >>> proof.ok, [str(entry) for entry in proof.x], proof.steps[-1].outcome
    (True, ['1', '0'], 'proved')
    """
    started = perf_counter()
    claim = _completed(problem, claimed)
    steps: list[Step] = []
    try:
        with np.errstate(all="ignore"):
            found = _proved(problem, claim, for_, tol, steps)
    except Unproved as failure:
        seconds = perf_counter() - started
        return Proof(subject=problem.title, steps=(*steps, failure.step), seconds=seconds)
    x, bits = found.optimum.x, int(digits * np.log2(10)) + _SPARE_BITS
    value = fraction(inner(exact_vector(problem.weights), x))
    with at_precision(bits):
        logs = [arb(entry).log() if entry else arb("-inf") for entry in x]
        error, log_x = _error(claim.point, x, logs), outward(logs)
    return Proof(
        subject=problem.title,
        steps=tuple(steps),
        digits=digits,
        bits=bits,
        seconds=perf_counter() - started,
        log_x=log_x,
        right_hand_side=found.target,
        error=error,
        x=tuple(map(fraction, x)),
        value=(value, value),
        dual=tuple(map(fraction, found.optimum.mu)),
        balls=tuple(dyadic(log) if entry else None for entry, log in zip(x, logs, strict=True)),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Proved:
    """An exact minimiser, and for which equations."""

    optimum: Optimum
    target: RightHandSide


def _completed(problem: L1Minimization, claimed: Claim | None) -> Claim:
    """The claim with an answer and multipliers."""
    if claimed is None or (claimed.dual is None and np.isfinite(claimed.point).all()):
        x, dual = optimum(problem.unsigned, problem.weights)
        return Claim(x=x if claimed is None else claimed.point, dual=dual)
    return claimed


def _proved(
    problem: L1Minimization, claim: Claim, for_: Target | None, tol: float | None, steps: list[Step]
) -> _Proved:
    x, mu = claim.point, claim.dual
    if mu is None or not (np.isfinite(x).all() and x.min() >= 0 and np.isfinite(mu).all()):
        raise Unproved("answer", "x is not finite and nonnegative, or its multipliers are not finite")
    program = ExactProgram(
        matrix=exact_matrix(problem.unsigned.matrix),
        right=exact_vector(problem.unsigned.y),
        cost=exact_vector(problem.weights),
        free=np.zeros(x.size, dtype=np.bool_),
    )
    found = _found(program, problem.unsigned, x, mu, for_, tol)
    on = sum(map(bool, found.optimum.x))
    meaning = f"x >= 0 with {on} positive entries solves A x = y' in rationals, y' being {found.target}"
    steps.append(Step(name="primal feasibility", passed=True, meaning=meaning))
    meaning = "mu in rationals has c - A'mu >= 0, and zero where x is positive: x minimises c'x"
    steps.append(Step(name="dual feasibility", passed=True, meaning=meaning))
    steps += [] if tol is None else [_multipliers_claimed(program, x, mu, tol)]
    steps += _about_others(program, found.optimum)
    return found


def _found(
    program: ExactProgram, system: LinearSystem, x: Vector, mu: Vector, for_: Target | None, tol: float | None
) -> _Proved:
    """The first of what may be proved that can be; what is wrong with the last where none can."""
    answer_for_y = partial(_answer_for_y, program, x, mu)
    answer_for_rounded_y = partial(_answer_for_rounded_y, program, system, x, mu)
    minimiser_for_y = partial(_minimiser_for_y, program, x, mu, tol)
    attempts = {
        "y": [answer_for_y, minimiser_for_y],
        "rounded y": [answer_for_rounded_y],
        None: [answer_for_y, answer_for_rounded_y, *([minimiser_for_y] if tol is None else [])],
    }[for_]
    for attempt in attempts[:-1]:
        with suppress(Unproved):
            return attempt()
    return attempts[-1]()


def _answer_for_y(program: ExactProgram, x: Vector, mu: Vector) -> _Proved:
    """The answer but for rounding, for y itself."""
    near = solution_near(program, x)
    if near is None or not _agree(x, near):
        raise Unproved("primal feasibility", "no x >= 0 with A x = y is as near to the answer as rounding")
    return _Proved(optimum=_optimal(program, x, near, mu), target=Y_ITSELF)


def _answer_for_rounded_y(program: ExactProgram, system: LinearSystem, x: Vector, mu: Vector) -> _Proved:
    """The answer itself, for what A x is."""
    exactly = exact_vector(x)
    missing = program.missing(exactly)
    target = right_hand_side_of(system, x, missing)
    if not target.roundings <= MOST_ROUNDINGS:
        off = f"{target.roundings:.3g} roundings"
        raise Unproved("primal feasibility", f"A x is {off} from y, more than {MOST_ROUNDINGS:g}")
    image = [b - gap for b, gap in zip(program.right, missing, strict=True)]
    return _Proved(optimum=_optimal(replace(program, right=image), x, exactly, mu), target=target)


def _minimiser_for_y(program: ExactProgram, x: Vector, mu: Vector, tol: float | None) -> _Proved:
    """A minimiser for y itself, whatever the answer, but not farther from it than the tolerance."""
    best = minimise(program, x, mu)
    if tol is not None:
        sizes = [fmpq(2) ** int(e) for e in program.matrix.column_exponents]
        off = max(abs(a - b) * size for a, b, size in zip(exact_vector(x), best.x, sizes, strict=True))
        share = rounded(off / max(value * size for value, size in zip(best.x, sizes, strict=True)))
        if share > tol:
            positive = sum(map(bool, best.x))
            raise Unproved("answer", f"the minimiser for y itself, of {positive} positive entries, is {share:.2g} away")
    return _Proved(optimum=best, target=Y_ITSELF)


def right_hand_side_of(system: LinearSystem, x: Vector, missing: Sequence[fmpq]) -> RightHandSide:
    """The y' = A x of floats x, given what it leaves of y exactly."""
    if not any(missing):
        return Y_ITSELF
    on, off = np.flatnonzero(x), _roundings(system, x, missing)
    return RightHandSide(which="rounded y", roundings=off, columns=on, values=tuple(map(Fraction, x[on].tolist())))


def _roundings(system: LinearSystem, x: Vector, missing: Sequence[fmpq]) -> float:
    """The largest |A x - y|_i / (|A||x| + |y|)_i in units of 2^-52, rounded up, from the exact y - A x."""
    terms = system.abs_matvec(np.abs(x)) + np.abs(system.y)
    least = terms * (1 - (x.size + 4) * EPS) - x.size * _SMALLEST
    if not np.isfinite(least).all():
        return float(np.inf)
    units = [rational(size) * rational(EPS) for size in least.tolist()]
    if any(gap and unit <= 0 for gap, unit in zip(missing, units, strict=True)):
        return float(np.inf)
    worst = max((abs(gap) / unit for gap, unit in zip(missing, units, strict=True) if gap), default=fmpq(0))
    return float(np.nextafter(rounded(worst), np.inf)) if worst else 0.0


def _agree(x: Vector, exactly: Rationals) -> bool:
    """Whether an answer has the zeros of exact numbers and is right to _SAME in each."""
    return all(
        (given == 0) == (entry == 0) and abs(given - entry) <= rational(_SAME) * entry
        for given, entry in zip(exact_vector(x), exactly, strict=True)
    )


def _optimal(program: ExactProgram, x: Vector, exactly: Rationals, mu: Vector) -> Optimum:
    """A solution with multipliers that prove it a minimiser: those nearby, or those of an optimal basis."""
    near = multipliers_near(program, np.flatnonzero(x), mu)
    if near is not None and is_optimal(program, exactly, near[1]):
        return Optimum(x=exactly, mu=near[0], reduced=near[1])
    best = minimise(program, x, mu)
    if is_optimal(program, exactly, best.reduced):
        return Optimum(x=exactly, mu=best.mu, reduced=best.reduced)
    gap = inner(program.cost, exactly) - inner(program.cost, best.x)
    size = inner([abs(c) for c in program.cost], exactly)
    raise Unproved("dual feasibility", f"x is no minimiser: its cost is {rounded(gap / size):.2g} above the least")


def _multipliers_claimed(program: ExactProgram, x: Vector, mu: Vector, tol: float) -> Step:
    """Whether an answer's own multipliers have c - A'mu >= 0, and zero where x is not, to a tolerance."""
    sizes = program.matrix.sizes(mu) + np.abs([rounded(c) for c in program.cost])
    shares = np.array([rounded(value) for value in program.reduced(exact_vector(mu))])
    shares = np.divide(shares, sizes, where=sizes > 0, out=shares)
    wrong = float(np.where(x != 0, np.abs(shares), np.maximum(-shares, 0.0)).max())
    meaning = f"the answer's own multipliers are right to {wrong:.2g} of the terms of c - A'mu"
    return Step(name="multipliers", passed=wrong <= tol, meaning=meaning)


def _about_others(program: ExactProgram, best: Optimum) -> Iterator[Step]:
    """Whether a minimiser is the only one, and else where all are zero, in rationals; it decides nothing else."""
    support = [j for j, value in enumerate(best.x) if value]
    tied = [j for j, value in enumerate(best.reduced) if not value and not best.x[j]]
    try:
        unique, meaning = _is_unique(program.matrix, support, tied)
    except Unproved as failure:
        unique, meaning = False, f"undecided: {failure.step.meaning}"
    yield Step(name="uniqueness", passed=unique, meaning=meaning, decisive=False)
    if not unique:
        where = f"{len(best.x) - len(support) - len(tied)} entries"
        meaning = f"{where} are zero at every minimiser, their reduced costs being positive; {len(tied)} more are at x"
        yield Step(name="zeros of all minimisers", passed=not tied, meaning=meaning, decisive=False)


def _is_unique(matrix: ExactMatrix, support: list[int], tied: list[int]) -> tuple[bool, str]:
    rows, independent = matrix.independent(support)
    if len(independent) < len(support):
        j = min(set(support) - set(independent))
        _require_dependent(matrix, rows, independent, j)
        return False, f"another minimiser is near: a kernel vector moves x_{j} and others that are positive"
    if not tied:
        return True, "reduced costs are positive where x is zero, and A is injective where it is not"
    if len(matrix.independent(support + tied)[1]) == len(support) + len(tied):
        return True, f"A is injective where reduced costs are zero, {len(tied)} columns where x is zero among them"
    moved = _moved_at_no_cost(matrix, support, tied)
    if moved is None:
        return True, "other multipliers have positive reduced costs wherever x is zero, and A is injective where not"
    return False, f"another minimiser is near: a kernel vector makes x_{moved} positive at no cost"


def _require_dependent(matrix: ExactMatrix, rows: list[int], columns: list[int], j: int) -> None:
    """Raise unless column j is a combination of some columns, exactly."""
    n = [fmpq(0)] * matrix.shape[1]
    n[j] = fmpq(1)
    image = matrix.image(n)
    for k, value in zip(columns, matrix.solve(rows, columns, [image[i] for i in rows]), strict=True):
        n[k] = -value
    if any(matrix.image(n)):
        raise Unproved("uniqueness", "the rank modulo a prime is not the rank")


def _moved_at_no_cost(matrix: ExactMatrix, support: list[int], tied: list[int]) -> int | None:
    """One of the tied columns that some n in ker A uses, n >= 0 on them and zero off both; None where there is none.

    The largest sum of n over the tied columns with sum n <= 1 is one or zero.
    """
    columns, border = matrix.floats[:, support + tied], [0.0] * len(support) + [1.0] * (len(tied) + 1)
    rows = np.vstack([np.column_stack([columns, np.zeros(matrix.shape[0])]), border])
    program = ExactProgram(
        matrix=ExactMatrix(rows),
        right=exact_vector(np.append(np.zeros(matrix.shape[0]), 1.0)),
        cost=exact_vector(np.array([0.0] * len(support) + [-1.0] * len(tied) + [0.0])),
        free=np.arange(rows.shape[1]) < len(support),
    )
    slack = np.append(np.zeros(rows.shape[1] - 1), 1.0)
    n = minimise(program, slack, np.zeros(rows.shape[0])).x[len(support) : -1]
    return next((j for j, value in zip(tied, n, strict=True) if value), None)


def _error(x: Vector, exactly: Rationals, logs: list[arb]) -> float:
    """The largest error of a logarithm of x, those beyond 1000 in proportion; rounded up."""
    worst = 0.0
    for value, given, entry, log in zip(x.tolist(), exact_vector(x), exactly, logs, strict=True):
        if not value or not entry:
            worst = worst if given == entry else np.inf
        elif given != entry:
            worst = max(worst, upward(abs(arb(value).log() - log) / max(1.0, abs(float(log.mid())) / _LARGE_LOG)))
    return worst
