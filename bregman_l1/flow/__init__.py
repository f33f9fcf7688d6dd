"""The network itself: gradient flow and gradient descent of ||A u^D - y||^2, held against the projection.

``status`` says how a run can end, ``start`` reads what it starts from, ``network`` knows its units, ``goal`` where it
ends. ``frame`` and ``equation`` state the flow where it is well behaved, ``course`` cuts it into such equations,
``integration`` integrates them and ``training`` makes the ``flow`` of it, whose ``activation`` tells what jumps.
``descent`` trains ``layers`` in discrete steps, and ``comparison`` puts both beside the projection.
"""

from bregman_l1.flow.activation import Activation, Activations
from bregman_l1.flow.comparison import FlowComparison, compare_flow
from bregman_l1.flow.descent import Descent, DescentState, gradient_descent
from bregman_l1.flow.flow import Flow
from bregman_l1.flow.status import FlowStatus
from bregman_l1.flow.training import gradient_flow

__all__ = [
    "Activation",
    "Activations",
    "Descent",
    "DescentState",
    "Flow",
    "FlowComparison",
    "FlowStatus",
    "compare_flow",
    "gradient_descent",
    "gradient_flow",
]


def __dir__() -> list[str]:
    return __all__
