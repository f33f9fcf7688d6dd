"""How a training run ended."""

from __future__ import annotations

from bregman_l1.documented import DocumentedEnum


class FlowStatus(DocumentedEnum):
    """Where a flow or a descent stopped. A vanishing loss and a vanishing error of x are different ends."""

    CONVERGED = (
        "converged",
        "x is at the projection and the loss is small, both to the tolerance asked for. Nothing to do.",
    )

    FITTED = (
        "fitted",
        "The loss is below its tolerance, x is not at the projection. A flow ran out of time on the slow "
        "phase, whose length grows like alpha^-(1 - rho), alpha^-(2 - 2/D) above depth 2, or on entries that vanish "
        "like a power of time: raise ``max_time``. A descent stopped where it was "
        "told to; what remains is its own bias, proportional to ``step_size``, or the same slow phase: lower "
        "``loss_tol`` to tell them apart.",
    )

    OUT_OF_TIME = (
        "out of time",
        "The loss did not arrive; entries that every solution has zero die out like a power of time, and the loss "
        "with them. Raise ``max_time`` or ``max_iterations``; a descent can go on from "
        "its ``state``.",
    )

    STALLED = (
        "stalled",
        "The integrator could not take a step small enough, or took a hundred thousand. Try "
        '``method="Radau"``, or a larger ``rtol``.',
    )
