"""The network itself: gradient flow and gradient descent of ||A (u*u) - y||^2, held against the projection.

``status`` says how a run can end, ``start`` reads the scale it starts from, ``equation`` states the flow
where it is well behaved, ``flow`` integrates it, ``descent`` trains in discrete steps, and ``comparison``
puts both beside the projection.
"""

from bregman_l1.flow.comparison import FlowComparison, compare_flow
from bregman_l1.flow.descent import Descent, DescentState, gradient_descent
from bregman_l1.flow.flow import Flow, gradient_flow
from bregman_l1.flow.status import FlowStatus

__all__ = [
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
