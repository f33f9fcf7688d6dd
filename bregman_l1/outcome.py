"""What a solver says of its own run. Nothing here is believed: it only decides what to do next."""

from __future__ import annotations

from bregman_l1.documented import DocumentedEnum


class Outcome(DocumentedEnum):
    """The native statuses of all solvers, mapped to the few that matter."""

    OPTIMAL = (
        "optimal",
        "The solver met its own tolerances.",
    )

    INACCURATE = (
        "inaccurate",
        "The solver stopped with an answer it does not vouch for.",
    )

    ITERATION_LIMIT = (
        "iteration limit",
        "The solver ran out of iterations; its last iterate may be returned.",
    )

    TIME_LIMIT = (
        "time limit",
        "The solver ran out of time; its last iterate may be returned.",
    )

    INFEASIBLE = (
        "infeasible",
        "The solver believes that no feasible point exists.",
    )

    UNBOUNDED = (
        "unbounded",
        "The solver believes that the objective is unbounded.",
    )

    FAILED = (
        "failed",
        "The solver ended without an answer.",
    )
