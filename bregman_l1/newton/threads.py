"""How many threads the linear algebra may use: one where the matrices are too small to share."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any

from threadpoolctl import ThreadpoolController

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem

_SHARED_FROM = 500


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def threads_for(system: LinearSystem) -> AbstractContextManager[Any]:
    """A context in which BLAS uses one thread if the system has few rows; leaves no trace."""
    if system.shape[0] >= _SHARED_FROM:
        return nullcontext()
    limit: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return limit
