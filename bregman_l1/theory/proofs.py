"""What an `Analysis` proves: its limit and its null-space constants, in rationals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bregman_l1._types import Vector
from bregman_l1.claim import Claim
from bregman_l1.entry import warn_caller
from bregman_l1.errors import NotProvedWarning, UndefinedConstantError
from bregman_l1.polyhedron.minimiser import minimisers
from bregman_l1.problems.l1 import L1Minimization
from bregman_l1.problems.nullspace import Kind, NullSpaceConstant
from bregman_l1.proof.linear import prove_l1
from bregman_l1.proof.nullspace import prove_constant
from bregman_l1.proof.record import Proof, Step
from bregman_l1.theory.constants import Constant
from bregman_l1.theory.limit import Limit

_TOLERANCE = 1e-9
# What branch and bound may take where an analysis has no time limit.
_LONGEST = 3600.0


def proved_limit(limit: Limit) -> tuple[Limit, Proof]:
    """Prove that the limit minimises the cost, and whether it is the only minimiser; warns where that fails.

    Where rounding read a tie that is none, the minimiser is the one that rationals find. Where there are several, what
    is proved is that the limit is one of them, and which entries are zero at all. That it is the one of largest entropy
    is not.

    Returns
    -------
    limit : Limit
        What was proved, as a rule the one given.
    proof : Proof
    """
    proof = _read_so(limit, _prove(limit, _TOLERANCE))
    if not proof.ok:
        decided = _decided(limit)
        again = proof if decided is None else _read_so(decided, _prove(decided, _TOLERANCE))
        if decided is not None and again.ok:
            return decided, again
        warn_caller(f"the limit: {proof.verdict}; {proof.reason}", NotProvedWarning)
    return limit, proof


def _prove(limit: Limit, tol: float | None) -> Proof:
    columns = limit.part.columns
    problem = L1Minimization(limit.part.system, cost=limit.weights[columns])
    return prove_l1(problem, Claim(x=limit.x[columns], dual=_multipliers(limit)), tol=tol)


def _is_unique(proof: Proof) -> bool:
    return any(step.name == "uniqueness" and step.passed for step in proof.steps)


def _read_so(limit: Limit, proof: Proof) -> Proof:
    """The proof, held against what the limit says of uniqueness."""
    if not proof.ok:
        return proof
    how = "the only minimiser" if limit.unique else "one of several minimisers"
    passed = _is_unique(proof) == limit.unique
    step = Step(name="reading", passed=passed, meaning=f"the analysis takes x* for {how}")
    return replace(proof, steps=(*proof.steps, step))


def _decided(limit: Limit) -> Limit | None:
    """The limit that rationals find, where it is the only minimiser; None where it is not, or not found."""
    proof = _prove(limit, None)
    if not (proof.ok and proof.x is not None and _is_unique(proof)):
        return None
    x = np.zeros(limit.x.size)
    x[limit.part.columns] = [float(value) for value in proof.x]
    given = {name: getattr(limit, name) for name in ("system", "cost", "prior", "depth")}
    return Limit.around(**given, support=np.flatnonzero(x), x=x, unique=True)


def _multipliers(limit: Limit) -> Vector:
    """Multipliers with the largest least reduced cost off S, where something is off it."""
    try:
        return limit.cone.dual_vector(limit.weights[limit.support], limit.steepest.b)
    except UndefinedConstantError:
        return minimisers(limit.part.system, limit.weights[limit.part.columns]).dual


def prove_known_constant(limit: Limit, kind: Kind, constant: Constant, time_limit: float) -> Proof:
    """Prove a null-space constant that was computed, or its bracket."""
    claim = Claim(x=constant.witness, dual=constant.dual, value=constant.value if constant.exact else np.nan)
    problem = NullSpaceConstant.over(limit.cone, kind)
    return prove_constant(problem, claim, tol=_TOLERANCE, time_limit=min(time_limit, _LONGEST))
