"""How many threads the linear algebra may use: one where the matrices are too small to share."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any

from threadpoolctl import ThreadpoolController

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem

_SHARED_FROM = 500
# Multiplications up to which BLAS itself keeps to one thread.
_NEVER_SHARED = 2**16


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


def threads_for(system: LinearSystem) -> AbstractContextManager[Any]:
    """A context in which BLAS uses one thread if the system has few rows; leaves no trace."""
    n_rows, n_columns = system.shape
    if n_rows >= _SHARED_FROM or n_rows * n_rows * n_columns <= _NEVER_SHARED:
        return nullcontext()
    libraries = _libraries()
    if all(library.num_threads == 1 for library in libraries.lib_controllers):
        return nullcontext()
    limit: AbstractContextManager[Any] = libraries.limit(limits=1)
    return limit
