"""`Operator`: a matrix known by its products alone."""

# ruff: noqa: D102 - overrides do not repeat the text of the abstract method

from __future__ import annotations

from contextlib import suppress
from operator import index
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bregman_l1._types import EPS, Vector, in_double
from bregman_l1.errors import InvalidSystemError
from bregman_l1.foreign import UNREADABLE, Labels
from bregman_l1.probes import probes
from bregman_l1.system.reading import refuse_empty
from bregman_l1.system.storage import Products
from bregman_l1.validation import refuse_other_than_real

# So many roundings of its terms the two products of one pair of vectors may differ by: fast transforms stay far below.
_ROUNDINGS = 1e4
# Products of vectors below this that are not finite are no matter of their size.
_MODERATE = 1e100


def is_operator(A: Any) -> bool:
    """Whether A is no array but has products, as a `scipy.sparse.linalg.LinearOperator` has."""
    return hasattr(A, "matvec") and not hasattr(A, "__array__")


class Operator(Products):
    """A `scipy.sparse.linalg.LinearOperator`, or anything else with ``shape``, ``matvec`` and ``rmatvec``.

    It is given copies and what it returns is copied, so that it may work in its argument and return the same buffer
    every time. Exceptions of its own pass through.
    """

    kind = "operator"

    def __init__(self, operator: Any) -> None:
        self._operator, self.shape = operator, _shape(operator)
        for name in ("matvec", "rmatvec"):
            if not callable(getattr(operator, name, None)):
                raise _without(name)
        with suppress(TypeError):  # at types of other libraries: the products show what they are
            _refuse_type("A", np.dtype(getattr(operator, "dtype", None)))

    def __reduce__(self) -> tuple[Any, ...]:
        return Operator, (self._operator,)

    def matvec(self, x: NDArray[Any]) -> NDArray[Any]:
        return self._product("matvec", x, self.shape[0])

    def rmatvec(self, lam: NDArray[Any]) -> NDArray[Any]:
        return self._product("rmatvec", lam, self.shape[1])

    def check(self, row_names: Labels | None, column_names: Labels | None) -> None:  # noqa: ARG002 - there are no entries
        """Compare lam'(A x) with (A'lam)'x for random x and lam: what is not linear fails as well."""
        x, lam = probes(1, self.shape[1])[0], probes(1, self.shape[0])[0]
        image, transposed = self.matvec(x), self.rmatvec(lam)
        left, right = float(lam @ image), float(x @ transposed)
        terms = float(np.abs(lam) @ np.abs(image) + np.abs(x) @ np.abs(transposed))
        if abs(left - right) > _ROUNDINGS * EPS * terms:
            raise InvalidSystemError(
                f"A.rmatvec is not the transpose of A.matvec: for random x and lam, lam'(A x) = {left:.9g} but "
                f"(A'lam)'x = {right:.9g}, which differ by {abs(left - right) / terms:.1e} of their terms; both must "
                "be linear, and rmatvec the exact transpose of matvec, not an approximate one or an inverse"
            )

    def _product(self, name: str, vector: NDArray[Any], length: int) -> Vector:
        try:
            returned = getattr(self._operator, name)(np.array(vector, dtype=np.float64))
        except NotImplementedError as error:
            raise _without(name) from error
        product = _as_vector(name, returned, length)
        if not np.isfinite(product).all() and (size := float(np.abs(vector).max())) < _MODERATE:
            i = int(np.isfinite(product).argmin())
            raise InvalidSystemError(
                f"A.{name} returned {product[i]} in entry {i} for a finite vector of largest entry {size:.3g}; every "
                "product must be finite"
            )
        return product


def _shape(operator: Any) -> tuple[int, int]:
    given: Any = getattr(operator, "shape", None)
    try:
        n_rows, n_columns = map(index, given)
    except UNREADABLE as error:
        raise InvalidSystemError(f"A.shape must be two integers (N, d), got {given!r}") from error
    if min(n_rows, n_columns) < 0:
        raise InvalidSystemError(f"A.shape must be two positive integers (N, d), got {given!r}")
    refuse_empty((n_rows, n_columns))
    return n_rows, n_columns


def _without(name: str) -> InvalidSystemError:
    return InvalidSystemError(
        f"A has no {name}: an operator needs matvec, for A @ x, and rmatvec, for A.T @ lam, both functions, as in "
        "scipy.sparse.linalg.LinearOperator(shape, matvec=..., rmatvec=...)"
    )


def _refuse_type(of_what: str, kind: np.dtype[Any]) -> None:
    """Refuse products that are complex, no numbers, or of too few digits."""
    if kind.kind == "c":
        raise InvalidSystemError(
            f"{of_what} is complex, of dtype {kind}, and the unknowns are real: make an operator that returns the real "
            "parts, then the imaginary parts"
        )
    refuse_other_than_real(of_what, kind, InvalidSystemError)
    if kind.kind == "f" and kind.itemsize < 8:
        raise InvalidSystemError(
            f"{of_what} has dtype {kind}, which holds {np.finfo(kind).precision} digits, and answers are certified to "
            "more: compute products in double precision, from A.astype(numpy.float64), say"
        )


def _as_vector(name: str, returned: Any, length: int) -> Vector:
    """What a product returned as a vector of its own; a single column is one, too."""
    try:
        product = np.asarray(returned)
    except UNREADABLE as error:
        raise InvalidSystemError(f"A.{name} returned what is no array: {error}") from error
    if product.shape not in ((length,), (length, 1)):
        raise InvalidSystemError(f"A.{name} returned shape {product.shape}, not ({length},)")
    _refuse_type(f"what A.{name} returned", product.dtype)
    return in_double(product).reshape(length).copy()
