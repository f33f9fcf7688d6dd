"""The linear system A x = y: validated once, then the only one to know how A is stored."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from threading import local
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from bregman_l1._types import Index, Matrix, Single, Vector
from bregman_l1.caching import computed_last, computed_once
from bregman_l1.entry import entry_point
from bregman_l1.errors import InfeasibleError, InvalidProblemError, InvalidSystemError
from bregman_l1.foreign import Labels, labels_of
from bregman_l1.frozen import read_only
from bregman_l1.names import chosen, given_names, place, rows_called
from bregman_l1.system.reading import checked_names, in_order, read_matrix, read_target, refuse_non_finite

if TYPE_CHECKING:
    from bregman_l1.polyhedron.assumptions import AssumptionReport

_T = TypeVar("_T")

# Entries beyond it overflow in products, rows below its inverse underflow.
_LARGEST = 1e250
_CACHED_BYTES = 2**20
_FEW_ROWS = 32
_SHORT = 2**12
_NONE: Index = np.zeros(0, dtype=np.intp)
_TRANSPOSED = 64
_EQUILIBRATION_ROUNDS = 10


class Moments(NamedTuple):
    """What one pass over A says of a point x.

    Attributes
    ----------
    residual : ndarray of shape (N,)
        y - A x.
    gram : ndarray of shape (N, N)
        A diag(w) A', w the weights.
    total : float
        The sum of x^2 / w: |A| x is at most the root of it times the diagonal of the Gram matrix (Cauchy).
    dominant, large : ndarray
        The entries taken in extended precision, and their values.
    """

    residual: Vector
    gram: Matrix
    total: float
    dominant: Index
    large: Vector


class LinearSystem:
    """The system A x = y of N equations in d nonnegative unknowns.

    A and y are copied to float64, checked once, and read-only from then on. Everyone else asks the
    system for products with A, so that a new kind of storage concerns this package alone.

    Parameters
    ----------
    A : array_like, DataFrame or scipy sparse matrix of shape (N, d)
        The design matrix; its columns are the features. Tensors that live on the CPU are arrays too.
    y : array_like or Series of shape (N,)
        The target vector, not identically zero (Assumption II.1(a) of Matt & Stoeger 2025). Where A and y both have
        an index, y is put in the order of the rows of A by it; an index that only counts from zero is none, unless
        the other is its permutation.
    row_names, column_names : sequence of hashable, optional
        What the equations and the unknowns are called; by default the index and the columns of a data frame.

    Raises
    ------
    InvalidSystemError
        If A or y is not numeric, complex, not finite, empty, of the wrong dimension or length, or if
        y = 0; also if a row, or the size of x, lies beyond 1e-250 ... 1e250. The message names the entry at fault.
        If the labels of A and y differ.
    InfeasibleError
        If a row of A is zero where y is not.

    Examples
    --------
    >>> from bregman_l1 import LinearSystem
    >>> system = LinearSystem([[1.0, 0.5]], [1.0])
    >>> system
    LinearSystem(N=1, d=2, dense)
    >>> system.matvec([1.0, 2.0])
    array([2.])

    The names of a data frame are kept, and the labels of a series put its entries in order:

    >>> import pandas as pd
    >>> table = pd.DataFrame({"bread": [1, 3], "milk": [2, 0]}, index=["energy", "fibre"])
    >>> system = LinearSystem(table, pd.Series({"fibre": 6.0, "energy": 4.0}))
    >>> system.y, system.row_names, system.column_names
    (array([4., 6.]), ('energy', 'fibre'), ('bread', 'milk'))
    """

    @entry_point
    def __init__(
        self,
        A: ArrayLike | sp.sparray | sp.spmatrix,
        y: ArrayLike,
        *,
        row_names: Iterable[Hashable] | None = None,
        column_names: Iterable[Hashable] | None = None,
    ) -> None:
        self._A, (row_labels, column_labels) = read_matrix(A), labels_of(A)
        y, of_rows = in_order(y, row_labels)
        self._y = read_target(y, self._A.shape[0])
        self.row_names = checked_names("row_names", row_names, self._A.shape[0]) or of_rows
        self.column_names = checked_names("column_names", column_names, self._A.shape[1]) or given_names(column_labels)
        refuse_non_finite("A", self._A, self.row_names, self.column_names)
        refuse_non_finite("y", self._y, self.row_names)
        # Columns of A, as many at a time as stay in the cache; all of them where A is sparse.
        n_rows, n_columns = self.shape = (int(self._A.shape[0]), int(self._A.shape[1]))
        width = n_columns if self.is_sparse else max(1, _CACHED_BYTES // (8 * n_rows))
        self._parts = [slice(start, min(start + width, n_columns)) for start in range(0, n_columns, width)]
        self._memory: dict[Hashable, Any] = {}
        self._memory_of_thread = local()
        self.row_peaks = read_only(peaks(self._A, axis=1))
        self._refuse_impossible_row()
        self._refuse_extreme_row()
        self.row_units = read_only(np.ldexp(1.0, np.frexp(one_for_zero(self.row_peaks))[1]))

    @property
    def matrix(self) -> Matrix | sp.csc_array:
        """A as stored: a read-only (N, d) array, or a ``scipy.sparse.csc_array``."""
        return self._A

    @property
    def A(self) -> Matrix | sp.csc_array:
        """The matrix under the name it was given by; the same as `matrix`."""
        return self._A

    @property
    def y(self) -> Vector:
        """The target vector, shape (N,), read-only."""
        return self._y

    @property
    def is_sparse(self) -> bool:
        """Whether A is stored sparse."""
        return not isinstance(self._A, np.ndarray)

    shape: tuple[int, int]
    """(N, d)."""

    row_names: Labels | None
    """What the equations are called, None where they have no names."""

    column_names: Labels | None
    """What the unknowns are called, None where they have no names."""

    row_peaks: Vector
    """The largest |A_ij| of each row, shape (N,)."""

    row_units: Vector
    """Powers of two near the largest entries of the rows, shape (N,); one for zero rows."""

    @property
    def column_sizes(self) -> Vector:
        """The largest |A_ij| of each column in units of the rows, shape (d,)."""
        return self.remember("column sizes", self._column_sizes)

    def _column_sizes(self) -> Vector:
        units, columns = 1.0 / self.row_units, np.ones(self.shape[1])
        if self.is_sparse:
            return peaks(self.scaled(units, columns), axis=0)
        return np.concatenate([peaks(self._block(part) * units[:, None], axis=0) for part in self._parts])

    def matvec(self, x: ArrayLike) -> Vector:
        """A @ x, shape (N,)."""
        return np.asarray(self._A @ np.asarray(x), dtype=np.float64)

    def largest_of_rmatvec(self, lam: Vector) -> float:
        """The largest magnitude of an entry of A.T @ lam, for one lam or a row of each; NaN if there is one."""
        found = 0.0
        for part in self._parts:
            found = np.maximum(found, largest(lam @ self._block(part)))
        return float(found)

    def rmatvec(self, lam: ArrayLike) -> Vector:
        """A.T @ lam, shape (d,)."""
        return np.asarray(self._A.T @ np.asarray(lam), dtype=np.float64)

    def gram(self, weights: Vector | None = None) -> Matrix:
        """A diag(weights) A.T, shape (N, N); weights >= 0 of shape (d,), ones if omitted.

        Works in blocks of columns, so that no second matrix of the size of A is made.
        """
        weights = np.ones(self.shape[1]) if weights is None else weights
        gram = np.zeros((self.shape[0], self.shape[0]))
        for part in self._parts:
            gram += self._gram_of(part, weights[part])
        return gram

    def _gram_of(self, part: slice, weights: Vector) -> Matrix:
        """A_part diag(weights) A_part'; few rows are multiplied faster as two different matrices."""
        if self.shape[0] <= _FEW_ROWS:
            return dense(self._weighted(part, weights) @ self._block(part).T)
        block = self._weighted(part, np.sqrt(weights))
        return dense(block @ block.T)

    def remainder(self, x: Vector, dominant: Index) -> Vector:
        """Y - A x, shape (N,), the ``dominant`` entries of x taken in extended precision.

        Where a few entries are far above all others, the rounding of their terms is what drowns the others.
        """
        rest = x.copy()
        rest[dominant] = 0.0
        return self._extended(x[dominant], dominant, self.matvec(rest))

    def moments(self, log_x: Vector, log_weights: Vector, cut: float) -> Moments:
        """Residual of x = exp(log_x) and Gram matrix of the weights, in one pass over A; x itself is never stored.

        Parameters
        ----------
        log_x, log_weights : ndarray of shape (d,)
            The same array, as a rule.
        cut : float
            Entries of x above it are taken in extended precision, as in `remainder`.
        """
        image, gram, total = np.zeros(self.shape[0]), np.zeros((self.shape[0], self.shape[0])), 0.0
        large: list[Index] = []
        for part in self._parts:
            x = np.exp(log_x[part])
            weights = x if log_weights is log_x else np.exp(log_weights[part])
            gram += self._gram_of(part, weights)
            total += float(x.sum() if weights is x else x @ (x / weights))
            if cut < np.inf:
                large.append(np.flatnonzero(x > cut))
                x[large[-1]] = 0.0
                large[-1] += part.start
            image += self._block(part) @ x
        dominant = np.concatenate(large) if large else _NONE
        x = np.exp(log_x[dominant])
        return Moments(residual=self._extended(x, dominant, image), gram=gram, total=total, dominant=dominant, large=x)

    @property
    def fits_single_precision(self) -> bool:
        """Whether every entry of A is zero or between 1e-12 and 1e12: squares and sums then fit single precision."""
        return self.remember("fits single precision", self._fits_single_precision)

    def _fits_single_precision(self) -> bool:
        for part in self._parts:
            block = self._block(part)
            sizes = abs(block if isinstance(block, np.ndarray) else block.data)
            if sizes.max(initial=0.0) > 1e12 or ((sizes > 0.0) & (sizes < 1e-12)).any():
                return False
        return True

    def columns_in_single_precision(self) -> Single:
        """A' in single precision, shape (d, N): the columns of a dense A, each contiguous."""
        single = np.empty((self.shape[1], self.shape[0]), dtype=np.float32)
        for rows_start in range(0, self.shape[0], _TRANSPOSED):
            rows = slice(rows_start, rows_start + _TRANSPOSED)
            single[:, rows] = self._A[rows].T
        return single

    def pieces(self) -> Iterator[tuple[slice, Any]]:
        """The columns in pieces that fit the cache, each with its A[:, piece], stored as A is."""
        return ((part, self._block(part)) for part in self._parts)

    def columns(self, index: ArrayLike) -> Matrix:
        """The columns A[:, index] as a dense array of shape (N, len(index))."""
        chosen = self._A[:, np.asarray(index)]
        return np.asarray(chosen if isinstance(chosen, np.ndarray) else chosen.toarray(), dtype=np.float64)

    def rows(self, index: ArrayLike) -> Matrix:
        """The rows A[index] as a dense array of shape (len(index), d)."""
        chosen = self._A[np.asarray(index)]
        return np.asarray(chosen if isinstance(chosen, np.ndarray) else chosen.toarray(), dtype=np.float64)

    def of_rows(self, index: ArrayLike, y: Vector | None = None) -> LinearSystem:
        """The system of the equations ``index`` alone, with other right-hand sides if they are given."""
        index = np.asarray(index)
        return LinearSystem(
            self._A[index],
            self._y[index] if y is None else y,
            row_names=chosen(self.row_names, index, self.shape[0]),
            column_names=self.column_names,
        )

    def scaled(self, row_factors: Vector, column_factors: Vector) -> Matrix | sp.csc_array:
        """diag(row_factors) A diag(column_factors), stored as A is."""
        if not isinstance(self._A, np.ndarray):
            scaled = self._weighted(self._parts[0], column_factors)
            scaled.data *= row_factors[scaled.indices]
            return scaled
        return np.asarray(self._A * column_factors * row_factors[:, None])

    def equilibration(self) -> tuple[Vector, Vector]:
        """Row scales r (N,) and column scales c (d,) such that diag(1/r) [A diag(1/c), y] has entries of order one.

        Rows and columns of [A, y] are divided by the square root of their largest entry, in turns (Ruiz 2001);
        at the end every nonzero column of A has largest entry 1. Zero rows and columns keep 1.
        """
        return self.remember("equilibration", self._equilibrate)

    def _equilibrate(self) -> tuple[Vector, Vector]:
        n_rows, n_columns = self.shape
        rows, columns, target = np.ones(n_rows), np.ones(n_columns), np.abs(self._y)
        size = float((target / one_for_zero(self.row_peaks)).max())
        for _ in range(_EQUILIBRATION_ROUNDS):
            scaled = self.scaled(1 / rows, 1 / columns)
            row_peaks = np.maximum(peaks(scaled, axis=1), target / rows / size)
            column_peaks, size = peaks(scaled, axis=0), size * float(np.sqrt((target / rows / size).max()))
            rows, columns = rows * np.sqrt(one_for_zero(row_peaks)), columns * np.sqrt(one_for_zero(column_peaks))
        return rows, columns * one_for_zero(peaks(self.scaled(1 / rows, 1 / columns), axis=0))

    def extended_matvec(self, x: Vector) -> NDArray[np.longdouble]:
        """A @ x, shape (N,), in extended precision."""
        image = np.zeros(self.shape[0], dtype=np.longdouble)
        for part, block in self.pieces():
            image += block.astype(np.longdouble) @ x[part]
        return image

    def extended_rmatvec(self, lam: Vector) -> NDArray[np.longdouble]:
        """A.T @ lam, shape (d,), in extended precision."""
        wide = lam.astype(np.longdouble)
        parts = [self._block(part).T.astype(np.longdouble) @ wide for part in self._parts]
        return np.concatenate(parts)

    def abs_matvec(self, x: Vector) -> Vector:
        """|A| @ x, shape (N,): the size of the terms that cancel in A @ x, for x >= 0."""
        return np.asarray(sum(abs(self._block(part)) @ x[part] for part in self._parts))

    def abs_rmatvec(self, lam: Vector) -> Vector:
        """|A|.T @ lam, shape (d,): the size of the terms that cancel in A.T @ lam, for lam >= 0."""
        return np.concatenate([abs(self._block(part)).T @ lam for part in self._parts])

    def log_terms(self, log_weights: Vector) -> Vector:
        """Log max_i |A_ij| exp(log_weights_i) of each column of a sparse A, shape (d,); -inf for zero columns."""
        matrix, peaks = sp.csc_array(self._A), np.full(self.shape[1], -np.inf)
        filled = np.flatnonzero(np.diff(matrix.indptr))
        terms = np.log(np.abs(matrix.data)) + log_weights[matrix.indices]
        peaks[filled] = np.maximum.reduceat(terms, matrix.indptr[filled])
        return peaks

    def first_in_rows(self, order: Index, count: int) -> Index:
        """Places in an order of columns: the first ``count`` columns that a row has an entry in, of all rows.

        Where A is dense these are the first of the order.
        """
        if isinstance(self._A, np.ndarray):
            return np.arange(min(count, order.size))
        rows = sp.csr_array(self._A[:, order])
        rows.sort_indices()
        places = rows.indptr[:-1, None] + np.arange(count)
        return np.unique(rows.indices[places[places < rows.indptr[1:, None]]])

    def residual(self, x: Vector) -> float:
        """The largest |A x - y|_i relative to (|A| |x| + |y|)_i: the componentwise backward error of A x = y.

        It does not change when rows or columns of the system are scaled; inf where it cannot be computed.
        """
        return float(self.backward_errors(x).max())

    def backward_errors(self, x: Vector, unit: float = 1.0) -> Vector:
        """|A x - y|_i relative to (|A| |x| + |y|)_i for every row, shape (N,), with unit * y for y; see `residual`."""
        with np.errstate(all="ignore"):
            y = self._y * unit
            error = np.abs(self.matvec(x) - y)
            relative = np.where(error == 0, 0.0, error / (self.abs_matvec(np.abs(x)) + np.abs(y)))
        return np.nan_to_num(relative, nan=np.inf, posinf=np.inf)

    def restrict(self, index: ArrayLike) -> LinearSystem:
        """The system of the columns A[:, index] with the same y."""
        index = np.asarray(index)
        return LinearSystem(
            self._A[:, index],
            self._y,
            row_names=self.row_names,
            column_names=chosen(self.column_names, index, self.shape[1]),
        )

    @property
    def doubled(self) -> LinearSystem:
        """The system [A, -A] (x_plus, x_minus) = y of 2d nonnegative unknowns, for x of either sign."""
        stack = sp.hstack if self.is_sparse else np.hstack
        return self.remember("doubled", lambda: LinearSystem(stack([self._A, -self._A]), self._y))

    def remember(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """Return what ``make()`` gave the first time ``key`` was asked for on this system.

        For what depends on A and y alone and is costly, such as its maximal support. Arrays in
        it become read-only: everyone shares them. What ``make`` gives must not depend on who asks, or when.
        """
        return computed_once(self._memory, key, lambda: read_only(make()))

    def remember_last(self, name: Hashable, key: Hashable, make: Callable[[], _T]) -> _T:
        """Return what ``make()`` gave for the key of this name if it was the last asked for; no older one is kept.

        For what is large and of which there may be thousands: the part of A where a prior is positive, the kernel
        cone of a support. Who needs one for longer holds on to it.
        """
        return computed_last(self._memory, name, key, lambda: read_only(make()))

    def remember_in_thread(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """Return what ``make()`` gave the first time this thread asked for ``key``, for what its user changes."""
        return computed_once(vars(self._memory_of_thread), key, make)

    @entry_point
    def check_assumptions(self) -> AssumptionReport:
        """Check Assumption II.1 of Matt & Stoeger 2025, each part with its evidence.

        Returns
        -------
        AssumptionReport
            (a) y != 0; (b) more than one nonnegative solution, with two of them; (c) a unique l1
            minimiser, with the dual certificate that proves it or a second minimiser.

        Raises
        ------
        InfeasibleError
            If no x >= 0 solves A x = y.

        Examples
        --------
        >>> from bregman_l1 import LinearSystem
        >>> report = LinearSystem([[1.0, 0.5]], [1.0]).check_assumptions()
        >>> report.ok
        True
        """
        from bregman_l1.polyhedron.assumptions import check_assumptions

        return self.remember("assumptions", lambda: check_assumptions(self))

    def __repr__(self) -> str:
        n_rows, n_columns = self.shape
        return f"LinearSystem(N={n_rows}, d={n_columns}, {'sparse' if self.is_sparse else 'dense'})"

    def __getstate__(self) -> dict[str, Any]:
        return {"A": self._A, "y": self._y, "row_names": self.row_names, "column_names": self.column_names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def _block(self, part: slice) -> Any:
        """A[:, part], without a copy."""
        return self._A if len(self._parts) == 1 else self._A[:, part]

    def _weighted(self, part: slice, weights: Vector) -> Any:
        """A[:, part] diag(weights), stored as A is."""
        block = self._block(part)
        if isinstance(block, np.ndarray):
            return block * weights
        return sp.csc_array(
            (block.data * np.repeat(weights, np.diff(block.indptr)), block.indices, block.indptr), block.shape
        )

    def _extended(self, x: Vector, columns: Index, image: Vector) -> Vector:
        """Y - A_columns x - image, the product in extended precision."""
        if not columns.size:
            return self._y - image
        large: Any = self._A[:, columns].astype(np.longdouble)
        return np.asarray(self._y - large @ x.astype(np.longdouble) - image, dtype=np.float64)

    def _refuse_impossible_row(self) -> None:
        impossible = np.flatnonzero((self.row_peaks == 0) & (self._y != 0))
        if impossible.size:
            i = int(impossible[0])
            farkas = np.zeros(self.shape[0])
            farkas[i] = np.sign(self._y[i])
            row = rows_called([i], self.row_names)
            raise InfeasibleError(
                f"{row} of A is zero while y[{i}] = {self._y[i]:g}: no x solves it",
                farkas,
                chosen(self.row_names, impossible[:1], self.shape[0]),
            )

    def _refuse_extreme_row(self) -> None:
        """Refuse what leaves no range of exponents to compute in."""
        sizes, y = self.row_peaks, np.abs(self._y)
        extreme = (np.maximum(sizes, y) > _LARGEST) | ((sizes > 0) & (sizes < 1 / _LARGEST))
        size_of_x = np.full(y.size, -np.inf)
        size_of_x[y > 0] = np.log10(y[y > 0]) - np.log10(sizes[y > 0])
        i = int(extreme.argmax() if extreme.any() else size_of_x.argmax())
        if not extreme[i] and abs(size_of_x[i]) <= np.log10(_LARGEST):
            return
        j = int(np.abs(self.rows([i])[0]).argmax())
        limits = f"beyond {1 / _LARGEST:.0e} ... {_LARGEST:.0e}"
        entry = f"A{place((i, j), self.row_names, self.column_names)}"
        found = f"{entry}, the largest of its row, is {sizes[i]:.3g} and y[{i}] is {self._y[i]:.3g}"
        if extreme[i]:
            raise InvalidSystemError(
                f"{found}, {limits}, where products overflow or underflow: "
                f"divide row {i} of A and y[{i}] by one power of two, which changes no solution"
            )
        raise InvalidSystemError(
            f"{found}: entries of x are of the size 1e{size_of_x[i]:+.0f}, {limits}: "
            "divide y by a power of two, which divides x and alpha by it"
        )


def largest(values: Vector) -> float:
    """The largest magnitude, NaN if there is one; long vectors are not copied."""
    return float(np.abs(values).max() if values.size <= _SHORT else max(values.max(), -values.min()))


def dense(matrix: Any) -> Matrix:
    """A matrix or vector as an array, however it is stored."""
    return np.asarray(matrix if isinstance(matrix, np.ndarray) else matrix.toarray())


def checked_system(system: Any) -> LinearSystem:
    """Return the system, or raise InvalidProblemError if it is something else."""
    if not isinstance(system, LinearSystem):
        raise InvalidProblemError(f"the system must be a LinearSystem(A, y), got {type(system).__name__}")
    return system


def _diagonal(entries: Vector) -> sp.dia_array:
    return sp.dia_array((entries[None], 0), shape=(entries.size, entries.size))


def peaks(matrix: Matrix | sp.csc_array, axis: int) -> Vector:
    """Largest magnitude along an axis."""
    if not isinstance(matrix, np.ndarray):
        found = np.zeros(matrix.shape[1 - axis])
        np.maximum.at(found, matrix.tocoo().coords[1 - axis], np.abs(matrix.data))
        return found
    return np.asarray(np.maximum(matrix.max(axis=axis), -matrix.min(axis=axis)), dtype=np.float64)


def one_for_zero(scale: Vector) -> Vector:
    """Scales to divide by: one where there is none."""
    return np.where(scale > 0, scale, 1.0)
