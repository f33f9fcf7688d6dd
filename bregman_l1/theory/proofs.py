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


def prove_limit(limit: Limit) -> Proof:
    """Prove that the limit minimises the cost, and whether it is the only minimiser; warns where that fails.

    Where it is not, what is proved is that it is a minimiser, and which entries are zero at all of them. That it is the
    one of largest entropy is not.
    """
    problem = L1Minimization(limit.system, cost=limit.cost)
    proof = prove_l1(problem, Claim(x=limit.x, dual=_multipliers(limit)), tol=_TOLERANCE)
    unique = any(step.name == "uniqueness" and step.passed for step in proof.steps)
    if proof.ok:
        how = "the only minimiser" if limit.unique else "one of several minimisers"
        step = Step(name="reading", passed=unique == limit.unique, meaning=f"the analysis takes x* for {how}")
        proof = replace(proof, steps=(*proof.steps, step))
    if not proof.ok:
        warn_caller(f"the limit: {proof.verdict}; {proof.steps[-1].meaning}", NotProvedWarning)
    return proof


def _multipliers(limit: Limit) -> Vector:
    """Multipliers with the largest least reduced cost off S, where something is off it."""
    try:
        return limit.cone.dual_vector(limit.cost[limit.support], limit.steepest.b)
    except UndefinedConstantError:
        return minimisers(limit.system, limit.cost).dual


def prove_known_constant(limit: Limit, kind: Kind, constant: Constant, time_limit: float) -> Proof:
    """Prove a null-space constant that was computed, or its bracket."""
    claim = Claim(x=constant.witness, dual=constant.dual, value=constant.value if constant.exact else np.nan)
    problem = NullSpaceConstant.over(limit.cone, kind)
    return prove_constant(problem, claim, tol=_TOLERANCE, time_limit=min(time_limit, _LONGEST))
