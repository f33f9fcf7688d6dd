"""The storage for whatever A is."""

from __future__ import annotations

from typing import Any

from bregman_l1.foreign import is_lazy
from bregman_l1.system.distributed import distributed
from bregman_l1.system.matrices import storage_of
from bregman_l1.system.operators import Operator, is_operator
from bregman_l1.system.reading import read_matrix
from bregman_l1.system.storage import Products


def stored(A: Any) -> Products:
    """A as it is stored: a copy of a matrix; an operator, or what is distributed, itself."""
    if is_lazy(A):
        return distributed(A)
    return Operator(A) if is_operator(A) else storage_of(read_matrix(A))
