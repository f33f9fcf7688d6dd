"""Proofs of null-space constants: an exact kernel vector, an upper bound, and whether they meet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
from flint import fmpq

from bregman_l1._types import ROUNDINGS, Vector
from bregman_l1.budget import Budget
from bregman_l1.claim import Claim
from bregman_l1.errors import BackendError
from bregman_l1.exact import rational, rounded
from bregman_l1.problems.nullspace import NullSpaceConstant
from bregman_l1.proof.arithmetic import fraction
from bregman_l1.proof.exact_matrix import Rationals
from bregman_l1.proof.kernel_bounds import KernelBounds, Upper
from bregman_l1.proof.record import Proof, Step, Unproved

# Seconds of branch and bound and of the search for a left inverse.
_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Bracket:
    """A kernel vector, the value that it attains, and a bound of all values; the bits of the balls it took."""

    n: Rationals
    lower: fmpq
    upper: fmpq
    bits: int


def prove_constant(
    problem: NullSpaceConstant,
    claimed: Claim | None = None,
    *,
    tol: float | None = None,
    time_limit: float = _SECONDS,
) -> Proof:
    """Prove a null-space constant of a support, exactly or between two fractions.

    Parameters
    ----------
    problem : NullSpaceConstant
    claimed : Claim, optional
        The kernel vector x, its ``dual`` and ``value``, and a ``bound`` from above, as far as they are there. A kernel
        vector is computed if the claim is omitted.
    tol : float, optional
        How far off the claim may be. If omitted it is no more than a start.
    time_limit : float, default 10
        Seconds of the search for an upper bound of rho_tilde and rho_minus. Not counted is what runs when they are
        spent.

    Returns
    -------
    Proof
        With the kernel vector in ``x`` and the two ends in ``value``: the kernel vector attains the lower, and the
        upper bounds the constant. They are proved where ``ok``. Whether they are equal is a step that decides nothing;
        where a value was claimed and a tolerance is given, both must agree with it.

    Examples
    --------
    >>> from bregman_l1 import LinearSystem
    >>> system = LinearSystem([[1, 0, 2, -1, -1.5], [0, 1, -1, 1, 0.5], [0, 0, 1, -1, -2]], [1, 1, 0])
    >>> [str(end) for end in prove_constant(NullSpaceConstant(system, [0, 1], "rho_tilde")).value]
    ['4/3', '4/3']
    """
    started = perf_counter()
    cone = problem.cone
    claim = claimed or problem.polish(Claim(x=cone.kernel_vector(cone.some_point)))
    steps: list[Step] = []
    try:
        with np.errstate(all="ignore"):
            found = _proved(problem, claim, Budget(seconds=time_limit), steps)
    except (Unproved, BackendError) as failure:
        last = failure.step if isinstance(failure, Unproved) else Unproved("upper bound", str(failure)).step
        seconds = perf_counter() - started
        return Proof(subject=problem.title, steps=(*steps, last), seconds=seconds)
    with np.errstate(all="ignore"):
        steps += [] if tol is None else _answer(problem, claim, found, tol)
    is_exact = found.lower == found.upper
    gap = "the two ends are equal" if is_exact else f"the two ends are {rounded(found.upper - found.lower):.2g} apart"
    steps.append(Step(name="exact", passed=is_exact, meaning=gap, decisive=False))
    return Proof(
        subject=problem.title,
        steps=tuple(steps),
        bits=found.bits,
        seconds=perf_counter() - started,
        x=tuple(fraction(entry) for entry in found.n),
        value=(fraction(found.lower), fraction(found.upper)),
    )


def _proved(problem: NullSpaceConstant, claim: Claim, budget: Budget, steps: list[Step]) -> _Bracket:
    """The best kernel vector known, and the best bound."""
    vectors = [claim.point] if claim.dual is None else [claim.point, claim.dual]
    if not np.isfinite(np.concatenate(vectors)).all() or np.isinf([claim.value, claim.bound]).any():
        raise Unproved("answer", "the kernel vector, its dual, its value or its bound is not finite")
    base = KernelBounds(problem)
    upper = _upper(problem, base, claim, budget)
    near = None if upper.met else base.near(claim.point)
    known = upper.met if near is None else (near,)
    if not known:
        raise Unproved("kernel vector", "no n with A n = 0 and n >= 0 off S was found in rationals")
    best = max(known, key=base.value)
    lower = base.value(best)
    signs = "" if problem.signed else "n >= 0 off S, "
    meaning = f"n in rationals, A n = 0, {signs}||n off S||_1 = 1: the constant is at least {rounded(lower):.12g}"
    steps.append(Step(name="kernel vector", passed=True, meaning=meaning))
    meaning = f"{upper.meaning}: the constant is at most {rounded(upper.bound):.12g}"
    steps.append(Step(name="upper bound", passed=True, meaning=meaning))
    return _Bracket(n=_embedded(problem, base, best), lower=lower, upper=upper.bound, bits=upper.bits)


def _embedded(problem: NullSpaceConstant, base: KernelBounds, ordered: Rationals) -> Rationals:
    """The kernel vector of all columns: where x may have either sign, the first part of each entry less the second."""
    n, size = [fmpq(0)] * problem.system.shape[1], problem.system.shape[1]
    for j, entry in zip(base.columns, ordered, strict=True):
        n[j % size] += entry if j < size else -entry
    off_support = sum((abs(n[j % size]) for j in set(base.columns[base.size :]) if j < size), fmpq(0))
    if off_support == 0:
        raise Unproved("kernel vector", "the parts of the kernel vector of the bound cancel each other")
    return [entry / off_support for entry in n]


def _upper(problem: NullSpaceConstant, base: KernelBounds, claim: Claim, budget: Budget) -> Upper:
    """The best bound from above."""
    if problem.kind == "rho":
        return base.largest(np.ones(base.size), claim.point, claim.dual)
    if not base.is_injective:
        raise Unproved("upper bound", "A_S is not injective in rationals: n_S is not bounded by n off S")
    if problem.cone.is_orthant:
        return base.over_columns(budget)
    upper = base.branched(claim.point, Budget(seconds=budget.seconds_left / 2))
    if upper is not None and any(base.value(n) == upper.bound for n in upper.met):
        return upper
    other = base.over_left_inverses(budget)
    if upper is None:
        return other
    return replace(other, met=upper.met) if other.bound < upper.bound else upper


def _answer(problem: NullSpaceConstant, claim: Claim, found: _Bracket, tol: float) -> Iterator[Step]:
    """Whether what was claimed is right to a tolerance."""
    lower, n = rounded(found.lower), claim.point
    errors = {
        "answer": (_error_of_vector(problem, claim, lower), "A n = 0, the signs and sum of n, and the lower bound at n")
    }
    if not np.isnan(claim.value):
        far = max(abs(rounded(end - rational(claim.value))) for end in (found.lower, found.upper))
        errors["value"] = _relative(far, claim.value, n), "its value, beside both bounds"
    if not np.isnan(claim.bound):
        below = rounded(found.upper - rational(claim.bound))
        errors["bound"] = _relative(below, claim.bound, n), "its upper bound, beside ours"
    if claim.dual is not None:
        error = _error_of_multipliers(problem, claim.dual, found)
        errors["multipliers"] = error, "its multipliers, in terms of A'mu"
    for name, (error, what) in errors.items():
        meaning = f"the answer is right to {error:.2g} in {what}"
        yield Step(name=name, passed=bool(error <= tol), meaning=meaning)


def _relative(error: float, value: float, n: Vector) -> float:
    """An error of the sum of n_S beyond the rounding of its terms, relative to the sum."""
    return max(error - ROUNDINGS * float(np.abs(n).sum()), 0.0) / (abs(value) or 1.0)


def _error_of_vector(problem: NullSpaceConstant, claim: Claim, lower: float) -> float:
    n, system = claim.point, problem.system
    off_support, terms = problem.cone.off_support(n), system.abs_matvec(np.abs(n))
    gaps = np.abs(system.extended_matvec(n)) - ROUNDINGS * system.row_peaks * np.abs(n).max()
    gaps = np.maximum(gaps, 0.0) / np.where(terms > 0, terms, 1.0)
    difference = _relative(problem.objective(claim) - lower, lower, n)
    return float(max(gaps.max(), -off_support.min(), abs(off_support.sum() - 1.0), difference))


def _error_of_multipliers(problem: NullSpaceConstant, mu: Vector, found: _Bracket) -> float:
    """By how much w = A_S'mu is no gradient of the function at n_S, or a_j'mu exceeds the constant, in their terms."""
    cone, signs_of_n = problem.cone, np.array([float(entry > 0) - float(entry < 0) for entry in found.n])
    S, R, signs = cone.support, cone.outside, -cone.on_support(signs_of_n)
    least = {"rho": 1.0, "rho_tilde": -1.0, "rho_minus": 0.0}[problem.kind]
    low, high = np.where(signs > 0, 1.0, least), np.where(signs < 0, least, 1.0)
    values, sizes = cone.system.rmatvec(mu), cone.system.abs_rmatvec(np.abs(mu)) + 1.0
    w = np.maximum(low - values[S], values[S] - high) / sizes[S]
    return float(max(w.max(), ((values[R] - rounded(found.lower)) / sizes[R]).max(), 0.0))
