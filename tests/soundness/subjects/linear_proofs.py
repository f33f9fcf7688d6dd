"""`prove` for l1 minimisers, null-space constants and infeasibility, against all vertices counted in fractions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from time import perf_counter

import numpy as np
from flint import fmpq

from bregman_l1 import InfeasibleError, L1Minimization, LinearSystem, NullSpaceConstant, Problem, Proof, prove
from bregman_l1.problems.nullspace import Kind

from ..cases import Case
from ..confirmation import dot
from ..enumeration import Minimisers, TooManyError, constants, kernel_vertices, minimisers
from ..guard import answer_of, judged_error
from ..judging import right, wrong
from ..records import Record


def proved_linear(case: Case) -> Iterator[Record]:
    """The minimiser for y itself, and the constants of its support where it is the only one; or that there is none."""
    cost = case.cost if case.cost is not None and (case.cost > 0).all() else np.ones(case.A.shape[1])
    try:
        found = minimisers(case.A, case.y, cost)
        kernel = kernel_vertices(case.A, found.support) if found and found.unique else []
    except TooManyError:
        return

    def minimisation() -> Problem:
        return L1Minimization(LinearSystem(case.A, case.y), cost=cost)

    yield _examined(case, "x*", minimisation, lambda proof: _about_minimiser(case, cost, found, proof))
    for kind, exact in constants(kernel).items() if kernel else ():

        def constant(kind: Kind = kind) -> Problem:
            return NullSpaceConstant(LinearSystem(case.A, case.y), found.support, kind)

        yield _examined(case, kind, constant, lambda proof, exact=exact: _about_constant(case, _fraction(exact), proof))


def _examined(case: Case, name: str, problem: Callable[[], Problem], falsehood: Callable[[Proof], str]) -> Record:
    start = perf_counter()
    proof = answer_of(lambda: prove(problem(), for_="y"))
    seconds = perf_counter() - start
    if isinstance(proof, InfeasibleError) and proof.proof is not None:
        proof, falsehood = proof.proof, lambda _: _about_infeasibility(case)
    if isinstance(proof, Exception):
        return replace(judged_error(replace(case, prior=None), proof), seconds=seconds)
    if not proof.ok:
        return Record(case=case, outcome="not proved", detail=f"{name}: {', '.join(proof.failed)}", seconds=seconds)
    false = falsehood(proof)
    verdict = wrong(false) if false else right("as enumerated")
    return Record(case=case, outcome="proved", verdict=verdict, detail=name, seconds=seconds)


def _about_infeasibility(case: Case) -> str:
    return "" if minimisers(case.A, case.y, np.ones(case.A.shape[1])) is None else "there is a feasible x"


def _about_minimiser(case: Case, cost: np.ndarray, exact: Minimisers | None, proof: Proof) -> str:
    """What a proof of the minimiser says falsely; empty if nothing."""
    if exact is None:
        return "nothing is feasible"
    least, rows = _fraction(exact.value), [[Fraction(value) for value in row] for row in case.A.tolist()]
    if proof.value != (least, least):
        return f"the least cost is {least}, not {proof.value}"
    if min(proof.x) < 0 or [dot(row, proof.x) for row in rows] != [Fraction(value) for value in case.y.tolist()]:
        return "x* is not feasible"
    if dot([Fraction(value) for value in cost.tolist()], proof.x) != least:
        return "x* is not optimal"
    said = {step.name: step.passed for step in proof.steps}["uniqueness"]
    return "" if said is exact.unique else f"uniqueness is {said}"


def _about_constant(case: Case, exact: Fraction, proof: Proof) -> str:
    low, high = proof.value
    if not low <= exact <= high:
        return f"{exact} is not in [{low}, {high}]"
    if any(dot([Fraction(value) for value in row], proof.x) for row in case.A.tolist()):
        return "n is not in the kernel"
    return ""


def _fraction(value: fmpq) -> Fraction:
    return Fraction(int(value.p), int(value.q))
