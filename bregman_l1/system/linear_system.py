"""The linear system A x = y: validated once, then the only one to know how A is stored."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from threading import local
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from bregman_l1._types import Index, Matrix, Single, Vector, Wide
from bregman_l1.caching import computed_last, computed_once
from bregman_l1.entry import entry_point
from bregman_l1.errors import InvalidProblemError, UnsupportedStorageError
from bregman_l1.foreign import Labels, is_lazy, labels_of
from bregman_l1.frozen import read_only
from bregman_l1.names import chosen, given_names
from bregman_l1.system.making import refuse_beyond_budget
from bregman_l1.system.margins import read_margins
from bregman_l1.system.matrices import dense, one_for_zero
from bregman_l1.system.reading import checked_names, in_order, read_target, refuse_empty, refuse_non_finite
from bregman_l1.system.restricted import restricted
from bregman_l1.system.signed import doubled
from bregman_l1.system.sizes import refuse_extreme_row, refuse_impossible_row
from bregman_l1.system.storage import Knows, Products, Storage
from bregman_l1.system.storages import stored

if TYPE_CHECKING:
    from bregman_l1.polyhedron.assumptions import AssumptionReport

_T = TypeVar("_T")


class Moments(NamedTuple):
    """What one pass over A says of a point x and of weights.

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
    A : array_like, DataFrame, scipy sparse matrix, LinearOperator or dask array of shape (N, d)
        The design matrix; its columns are the features. Tensors that live on the CPU are arrays too. A
        `scipy.sparse.linalg.LinearOperator`, or anything else with ``shape``, ``matvec`` (A @ x) and ``rmatvec``
        (A.T @ lam), is kept as it is and known by its products alone, which must be those of a real matrix in double
        precision. A `dask.array.Array` is kept in blocks of whole columns, and vectors of shape (d,) are arrays of dask
        then.
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
        If the labels of A and y differ. If products of an operator are complex, of single precision, not finite or of
        the wrong shape, at once or when it is used later, or if its ``rmatvec`` is not the transpose of its ``matvec``.
    InfeasibleError
        If a row of A is zero where y is not.

    Warns
    -----
    RechunkWarning
        If the blocks of a dask array are not whole columns, or are of a size that costs too much.

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
        storage, (row_labels, column_labels) = stored(A), labels_of(A)
        y = y.compute() if is_lazy(y) else y  # type: ignore[union-attr]
        y, of_rows = in_order(y, row_labels)
        target = read_target(y, storage.shape[0])
        rows = checked_names("row_names", row_names, storage.shape[0]) or of_rows
        columns = checked_names("column_names", column_names, storage.shape[1]) or given_names(column_labels)
        storage.check(rows, columns)
        refuse_non_finite("y", target, rows)
        self._hold(storage, target, rows, columns)

    def _hold(self, storage: Products, y: Vector, row_names: Labels | None, column_names: Labels | None) -> None:
        """Keep what is read and finite, unless no x of a size that floats have can solve it."""
        self._storage, self._y = storage, y
        self.row_names, self.column_names, self.shape = row_names, column_names, storage.shape
        self._memory: dict[Hashable, Any] = {}
        self._memory_of_thread = local()
        if storage.knows >= Knows.GRAM:
            refuse_impossible_row(storage, y, row_names)
            refuse_extreme_row(storage, y, row_names, column_names)

    @classmethod
    def _of(
        cls, storage: Products, y: Vector, row_names: Labels | None = None, column_names: Labels | None = None
    ) -> LinearSystem:
        """The system of a matrix that is stored."""
        refuse_empty(storage.shape)
        system = cls.__new__(cls)
        system._hold(storage, y, row_names, column_names)
        return system

    @classmethod
    @entry_point
    def margins(
        cls,
        shape: Sequence[int],
        margins: Sequence[int | Sequence[int]],
        targets: Sequence[ArrayLike],
        *,
        row_names: Iterable[Hashable] | None = None,
        column_names: Iterable[Hashable] | None = None,
    ) -> LinearSystem:
        """The system of a table x >= 0 with given margins; its matrix of zeros and ones is never formed.

        Row i of A sums the cells of the table that belong to entry i of a margin: with the axes M that a margin keeps,
        sum over all other axes of x = target_M. Projections are those of transport (two one-way margins of a matrix,
        prior exp(-cost / epsilon)) and of raking (the prior is the table that is fitted to new margins).

        Parameters
        ----------
        shape : sequence of int
            The lengths of the axes of the table. The unknowns are its cells in C order, d = prod(shape).
        margins : sequence of int or of sequences of int
            The axes that each margin keeps: ``[0, 1]`` are the sums of the rows and of the columns of a matrix,
            ``[(0, 1), (0, 2)]`` two of the two-way margins of a table with three axes. The empty tuple is the total.
        targets : sequence of array_like
            The margins themselves, each with one axis of its own for each that it keeps, in the same order. The rows of
            A are the entries of each, in C order with its axes ascending, one margin after the other. Where an entry
            is zero, so is every cell of it.
        row_names, column_names : sequence of hashable, optional
            What the equations and the cells are called.

        Raises
        ------
        InvalidSystemError
            If the axes are not those of the table, two margins keep the same, or a target is not of the shape, not
            numeric or not finite, or all are zero.
        InfeasibleError
            If an entry is negative, or two margins have not the same sums over the axes that both keep, the total
            being one, to 1e-12 of these.

        Examples
        --------
        >>> from bregman_l1 import BregmanProjection, LinearSystem, solve
        >>> system = LinearSystem.margins((2, 3), [0, 1], [[6.0, 4.0], [5.0, 3.0, 2.0]])
        >>> system
        LinearSystem(N=5, d=6, margins of a 2 x 3 table)
        >>> solve(BregmanProjection(system, alpha=1.0)).x.reshape(2, 3).round(6).tolist()
        [[3.0, 1.8, 1.2], [2.0, 1.2, 0.8]]
        """
        storage, y = read_margins(shape, margins, targets)
        rows = checked_names("row_names", row_names, storage.shape[0])
        columns = checked_names("column_names", column_names, storage.shape[1])
        return cls._of(storage, read_target(y, storage.shape[0]), rows, columns)

    @property
    def knows(self) -> Knows:
        """What A can tell as it is stored: its products, its Gram matrices too, or all of its columns.

        Examples
        --------
        >>> LinearSystem([[1.0, 0.5]], [1.0]).knows.name
        'COLUMNS'
        >>> LinearSystem.margins((2, 3), [0, 1], [[6.0, 4.0], [5.0, 3.0, 2.0]]).knows.name
        'GRAM'
        """
        return self._storage.knows

    @property
    def _columns(self) -> Storage:
        """The storage, if it has columns."""
        if self._storage.knows is Knows.COLUMNS:
            return cast("Storage", self._storage)
        n_rows, n_columns = self.shape
        raise UnsupportedStorageError(
            f"this needs the columns of A, and A is stored as {self._storage.kind}, of which only products are known: "
            "solve() and certify() take it for BregmanProjection and L1Minimization; for all else system.explicit() "
            f"stores its columns: {n_rows} x {n_columns} entries, {8e-9 * n_rows * n_columns:.2g} GB where A is dense"
        )

    @property
    def _with_gram(self) -> Products:
        """The storage, if it knows Gram matrices and the sizes of rows."""
        return self._storage if self.knows >= Knows.GRAM else self._columns

    @property
    def matrix(self) -> Matrix | sp.csc_array:
        """A as stored: a read-only (N, d) array, or a ``scipy.sparse.csc_array``; made where it is not stored so."""
        return self._columns.explicit()

    @property
    def A(self) -> Matrix | sp.csc_array:
        """The matrix under the name it was given by; the same as `matrix`."""
        return self._columns.explicit()

    @property
    def y(self) -> Vector:
        """The target vector, shape (N,), read-only."""
        return self._y

    @property
    def is_sparse(self) -> bool:
        """Whether A is stored sparse."""
        return self._columns.is_sparse

    @property
    def is_distributed(self) -> bool:
        """Whether A is an array of dask: vectors of shape (d,) may be ones too, and those computed from A are."""
        return self._storage.is_distributed

    @property
    def doubled(self) -> LinearSystem:
        """The system of the unknowns of either sign: [A, -A] (x_plus, x_minus) = y with 2d nonnegative ones.

        [A, -A] is not stored: products, Gram matrices and columns follow from A. Only `matrix` and `scaled` make it,
        for solvers that need the entries.

        Examples
        --------
        >>> system = LinearSystem([[1.0, 0.5]], [1.0]).doubled
        >>> system
        LinearSystem(N=1, d=4, dense, either sign)
        >>> system.rmatvec([2.0])
        array([ 2.,  1., -2., -1.])
        """
        return self.remember("doubled", self._doubled)

    @entry_point
    def explicit(self) -> LinearSystem:
        """The same system with the columns of A in memory: itself, where they are.

        What is known by products is multiplied by unit vectors, and stored dense; the matrix of `margins` is sparse.

        Raises
        ------
        UnsupportedStorageError
            If that would take more than 4 GiB as a dense array.

        Examples
        --------
        >>> LinearSystem.margins((2, 3), [0, 1], [[6.0, 4.0], [5.0, 3.0, 2.0]]).explicit()
        LinearSystem(N=5, d=6, sparse)
        """
        if self.knows is Knows.COLUMNS:
            return self
        return self.remember("explicit", lambda: LinearSystem._of(*self._in_memory()))

    def _in_memory(self) -> tuple[Products, Vector, Labels | None, Labels | None]:
        return stored(self._storage.explicit()), self._y, self.row_names, self.column_names

    @property
    def is_doubled(self) -> bool:
        """Whether this is the `doubled` system of another: its solutions are those of either sign."""
        return self._storage.is_doubled

    def _doubled(self) -> LinearSystem:
        names = self.column_names
        both = None if names is None else tuple((name, sign) for sign in "+-" for name in names)
        return LinearSystem._of(doubled(self._storage), self._y, self.row_names, both)

    @property
    def distinct(self) -> LinearSystem:
        """The system of the columns that are not multiples by one or minus one of others by the way they are stored.

        The same rows depend on each other in it. It is the system itself, unless that comes from a `doubled` one.
        """
        storage = self._columns.distinct()
        return self if storage is self._storage else LinearSystem._of(storage, self._y, self.row_names)

    shape: tuple[int, int]
    """(N, d)."""

    row_names: Labels | None
    """What the equations are called, None where they have no names."""

    column_names: Labels | None
    """What the unknowns are called, None where they have no names."""

    @property
    def row_peaks(self) -> Vector:
        """The largest |A_ij| of each row, shape (N,)."""
        return self._with_gram.row_peaks

    @property
    def row_units(self) -> Vector:
        """Powers of two near the largest entries of the rows, shape (N,); one for zero rows."""
        return self.remember("units of rows", lambda: np.ldexp(1.0, np.frexp(one_for_zero(self.row_peaks))[1]))

    @property
    def column_sizes(self) -> Vector:
        """The largest |A_ij| of each column in units of the rows, shape (d,)."""
        return self.remember("column sizes", lambda: self._columns.column_sizes(self.row_units))

    def matvec(self, x: ArrayLike) -> Vector:
        """A @ x, shape (N,)."""
        vector: Any = x if self.is_distributed else np.asarray(x)
        return np.asarray(self._storage.matvec(vector), dtype=np.float64)

    def rmatvec(self, lam: ArrayLike) -> Vector:
        """A.T @ lam, shape (d,); an array of dask, not computed yet, where A is distributed."""
        product = self._storage.rmatvec(np.asarray(lam))
        return product if self.is_distributed else np.asarray(product, dtype=np.float64)

    def over_columns(self, work: Callable[..., _T], *vectors: Vector) -> _T:
        """The sum of ``work(A[:, piece], *vectors[piece])`` over pieces of the columns, in one pass over A.

        Parameters
        ----------
        work : callable
            Given a piece of A, which has products with ``@`` and ``.T`` and is a matrix in memory where A has columns
            or is distributed, and the same piece of each vector. What it returns has a ``+``.
        *vectors : ndarray of shape (d,)
            Arrays of dask too, where A is distributed.
        """
        return self._storage.total(work, *vectors)

    def each_column(self, work: Callable[..., Vector], *vectors: Any) -> Any:
        """The vector, shape (d,), of ``work(A[:, piece], *vectors[piece])`` over pieces of the columns.

        Where A is distributed it is an array of dask, not computed yet.
        """
        return self._storage.each(work, *vectors)

    def entrywise(self, function: Callable[..., NDArray[Any]], *vectors: Any) -> Any:
        """``function(*vectors)``, entry by entry, without warnings; not computed yet where one is an array of dask."""
        return self._storage.entrywise(function, *vectors)

    def within_reach(self, vector: Any) -> Any:
        """A vector of shape (d,) where it can be used: an array of dask is computed, unless A is distributed."""
        return vector.compute() if is_lazy(vector) and not self.is_distributed else vector

    @property
    def positions(self) -> Any:
        """The numbers 0 ... d - 1 of the columns, as a vector for `over_columns` and `each_column`."""
        return self._storage.positions

    def gram(self, weights: Vector | None = None) -> Matrix:
        """A diag(weights) A.T, shape (N, N); weights >= 0 of shape (d,), ones if omitted.

        Works in blocks of columns, so that no second matrix of the size of A is made.
        """
        refuse_beyond_budget("A diag(weights) A'", *self.shape[:1] * 2)
        return self._with_gram.gram(np.ones(self.shape[1]) if weights is None else weights)

    def gram_diagonal(self, weights: Vector) -> Vector:
        """What is known of the diagonal of A diag(weights) A.T, shape (N,): ones where A is known by products alone."""
        return self._storage.gram_diagonal(weights)

    def gram_product(self, weights: Vector) -> Callable[[Vector], Vector]:
        """The function that multiplies A diag(weights) A.T, which is not made, by a vector of shape (N,)."""
        return self._storage.gram_product(weights)

    @property
    def is_table(self) -> bool:
        """Whether A x are margins of a table with the cells x, as of `margins`: entries of A are zero or one."""
        return self._storage.is_table

    def balanced(self, log_x: Vector, sweeps: int) -> Vector:
        """The lam, shape (N,), by which the margins of exp(log_x + A'lam) fit y one after the other, so many times.

        That is iterative proportional fitting, which is known of margins of tables (see `is_table`).
        """
        return self._storage.balanced(log_x, self._y, sweeps)

    def terms(self, x: Vector) -> Vector:
        """|A| x + |y|, shape (N,): the size of the terms of the equations at x >= 0, by which residuals are measured.

        Where A is known by products alone it is the largest |y| in every row.
        """
        return self._storage.terms(x, self._y)

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
        image, gram, total, dominant = self._columns.moments(log_x, log_weights, cut)
        large = np.exp(log_x[dominant])
        residual = self._extended(large, dominant, image)
        return Moments(residual=residual, gram=gram, total=total, dominant=dominant, large=large)

    @property
    def fits_single_precision(self) -> bool:
        """Whether every entry of A is zero or between 1e-12 and 1e12: squares and sums then fit single precision."""
        return self.remember("fits single precision", self._columns.fits_single_precision)

    def merged(self, weights: Vector) -> Vector:
        """The weights w with A diag(weights) A' = B diag(w) B', where B are the columns of `distinct`."""
        return self._columns.merged(weights)

    def columns_in_single_precision(self) -> Single | sp.csr_array:
        """B' in single precision: the columns of A, each contiguous, as many as `merged` has weights for."""
        return self._columns.single_precision()

    @property
    def work(self) -> tuple[int, int]:
        """How many multiplications A x and A diag(w) A' take, without those of zeros that are not stored."""
        return self.remember("work", self._columns.work)

    def stored_columns(self, index: ArrayLike) -> Matrix | sp.csc_array:
        """The columns A[:, index], sparse where A is."""
        return self._columns.picked(np.asarray(index))

    def stored_rows(self, index: ArrayLike) -> Matrix | sp.csc_array:
        """The rows A[index], sparse where A is."""
        return self._columns.rows(np.asarray(index))

    def pieces(self) -> Iterator[tuple[slice, Any]]:
        """The columns in pieces that fit the cache, each with its A[:, piece], sparse where A is."""
        return self._storage.pieces()

    def columns(self, index: ArrayLike) -> Matrix:
        """The columns A[:, index] as a dense array of shape (N, len(index))."""
        picked = self._columns.picked(np.asarray(index))
        if self.is_sparse:
            refuse_beyond_budget("columns of a sparse A", *picked.shape)
        return np.asarray(dense(picked), dtype=np.float64)

    def rows(self, index: ArrayLike) -> Matrix:
        """The rows A[index] as a dense array of shape (len(index), d)."""
        rows = self._columns.rows(np.asarray(index))
        if self.is_sparse:
            refuse_beyond_budget("rows of a sparse A", *rows.shape)
        return np.asarray(dense(rows), dtype=np.float64)

    def of_rows(self, index: ArrayLike, y: Vector | None = None) -> LinearSystem:
        """The system of the equations ``index`` alone, with other right-hand sides if they are given."""
        index = np.asarray(index)
        storage, names = self._columns.of_rows(index), chosen(self.row_names, index, self.shape[0])
        target = read_target(self._y[index] if y is None else y, storage.shape[0])
        return LinearSystem._of(storage, target, names, self.column_names)

    def scaled(self, row_factors: Vector, column_factors: Vector) -> Matrix | sp.csc_array:
        """diag(row_factors) A diag(column_factors), sparse where A is."""
        return self._columns.scaled(row_factors, column_factors)

    def equilibration(self) -> tuple[Vector, Vector]:
        """Row scales r (N,) and column scales c (d,) such that diag(1/r) [A diag(1/c), y] has entries of order one.

        Rows and columns of [A, y] are divided by the square root of their largest entry, in turns (Ruiz 2001);
        at the end every nonzero column of A has largest entry 1. Zero rows and columns keep 1.
        """
        return self.remember("equilibration", lambda: self._columns.equilibration(np.abs(self._y)))

    def extended_matvec(self, x: Vector) -> NDArray[np.longdouble]:
        """A @ x, shape (N,), in extended precision."""
        return self._columns.extended_matvec(x)

    def extended_rmatvec(self, lam: Wide) -> NDArray[np.longdouble]:
        """A.T @ lam, shape (d,), in extended precision."""
        return self._columns.extended_rmatvec(lam)

    def abs_matvec(self, x: Vector) -> Vector:
        """|A| @ x, shape (N,): the size of the terms that cancel in A @ x, for x >= 0."""
        return self._columns.abs_matvec(x)

    def abs_rmatvec(self, lam: Vector) -> Vector:
        """|A|.T @ lam, shape (d,): the size of the terms that cancel in A.T @ lam, for lam >= 0."""
        return self._columns.abs_rmatvec(lam)

    def log_terms(self, log_weights: Vector) -> Vector:
        """Log max_i |A_ij| exp(log_weights_i) of each column of a sparse A, shape (d,); -inf for zero columns."""
        return self._columns.log_terms(log_weights)

    def first_in_rows(self, order: Index, count: int) -> Index:
        """Places in an order of columns: the first ``count`` columns that a row has an entry in, of all rows.

        Where A is dense these are the first of the order.
        """
        return self._columns.first_in_rows(order, count)

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

    def restrict(self, index: ArrayLike, y: Vector | None = None) -> LinearSystem:
        """The system of the columns A[:, index], with the same y or another one if it is given."""
        index = np.asarray(index)
        target = self._y if y is None else read_target(y, self.shape[0])
        names = chosen(self.column_names, index, self.shape[1])
        return LinearSystem._of(restricted(self._storage, index), target, self.row_names, names)

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
        return f"LinearSystem(N={n_rows}, d={n_columns}, {self._storage.kind})"

    def __getstate__(self) -> tuple[Any, ...]:
        return self._storage, self._y, self.row_names, self.column_names

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        storage, y, *names = state
        self._hold(storage, read_only(y), *names)

    def _extended(self, x: Vector, columns: Index, image: Vector) -> Vector:
        """Y - A_columns x - image, the product in extended precision."""
        if not columns.size:
            return self._y - image
        large: Any = self._columns.picked(columns).astype(np.longdouble)
        return np.asarray(self._y - large @ x.astype(np.longdouble) - image, dtype=np.float64)


def checked_system(system: Any) -> LinearSystem:
    """Return the system, or raise InvalidProblemError if it is something else."""
    if not isinstance(system, LinearSystem):
        raise InvalidProblemError(f"the system must be a LinearSystem(A, y), got {type(system).__name__}")
    return system
