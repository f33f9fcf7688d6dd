"""`Operator`: a matrix known by its products alone."""

# ruff: noqa: D102 - overrides do not repeat the text of the abstract method

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bregman_l1._types import EPS, Vector
from bregman_l1.errors import InvalidSystemError
from bregman_l1.foreign import Labels
from bregman_l1.probes import probes
from bregman_l1.system.storage import Products

# So many roundings of its terms the two products of one pair of vectors may differ by: fast transforms stay far below.
_ROUNDINGS = 1e4


def is_operator(A: Any) -> bool:
    """Whether A is no array but has products, as a `scipy.sparse.linalg.LinearOperator` has."""
    return all(hasattr(A, name) for name in ("shape", "matvec", "rmatvec")) and not hasattr(A, "__array__")


class Operator(Products):
    """A `scipy.sparse.linalg.LinearOperator`, or anything else with ``shape``, ``matvec`` and ``rmatvec``."""

    kind = "operator"

    def __init__(self, operator: Any) -> None:
        self._operator = operator
        n_rows, n_columns = operator.shape
        self.shape = (int(n_rows), int(n_columns))

    def __reduce__(self) -> tuple[Any, ...]:
        return Operator, (self._operator,)

    def matvec(self, x: NDArray[Any]) -> NDArray[Any]:
        return self._product("matvec", x, self.shape[0])

    def rmatvec(self, lam: NDArray[Any]) -> NDArray[Any]:
        return self._product("rmatvec", lam, self.shape[1])

    def check(self, row_names: Labels | None, column_names: Labels | None) -> None:  # noqa: ARG002 - there are no entries
        x, lam = probes(1, self.shape[1])[0], probes(1, self.shape[0])[0]
        image, transposed = self.matvec(x), self.rmatvec(lam)
        for name, product in (("matvec", image), ("rmatvec", transposed)):
            if not np.isfinite(product).all():
                raise InvalidSystemError(f"A.{name} returned {product[~np.isfinite(product)][0]} for a vector of +-1")
        left, right = float(lam @ image), float(x @ transposed)
        if abs(left - right) > _ROUNDINGS * EPS * float(np.abs(lam) @ np.abs(image) + np.abs(x) @ np.abs(transposed)):
            raise InvalidSystemError(
                f"A.rmatvec is not the transpose of A.matvec: for random x and lam, lam'(A x) = {left:.9g} "
                f"but (A'lam)'x = {right:.9g}"
            )

    def _product(self, name: str, vector: NDArray[Any], length: int) -> Vector:
        product = np.asarray(getattr(self._operator, name)(vector))
        if product.size != length:
            raise InvalidSystemError(f"A.{name} returned shape {product.shape}, not ({length},)")
        return product.reshape(length)
