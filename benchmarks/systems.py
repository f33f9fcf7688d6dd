"""The systems the benchmarks are run on, each drawn from one seed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.fft import dct, idct, irfft2, rfft2
from scipy.sparse.linalg import LinearOperator

from bregman_l1 import LinearSystem

if TYPE_CHECKING:
    import dask.array as da

# Columns of a block of a distributed matrix: 40 MB of 20 rows.
_BLOCK = 250_000


class Data(NamedTuple):
    """A and y, the cost of the entries and the planted x0, where there is one."""

    A: np.ndarray | sp.csc_array | LinearOperator
    y: np.ndarray
    cost: np.ndarray | None = None
    x0: np.ndarray | None = None

    def system(self) -> LinearSystem:
        """A fresh one for every solve: what the library remembers of a system is not speed."""
        return LinearSystem(self.A, self.y)


class Table(NamedTuple):
    """A table with margins: over the axes ``margins[k]`` it sums up to ``targets[k]``, A is never formed.

    ``cost`` of a transport, ``seed`` of a table that is raked, both in the shape of the table.
    """

    shape: tuple[int, ...]
    margins: list[tuple[int, ...]]
    targets: list[np.ndarray]
    cost: np.ndarray | None = None
    seed: np.ndarray | None = None

    def system(self) -> LinearSystem:
        """A fresh one for every solve."""
        return LinearSystem.margins(self.shape, self.margins, self.targets)

    @property
    def y(self) -> np.ndarray:
        """The targets one after the other."""
        return np.concatenate([target.ravel() for target in self.targets])

    def error(self, x: np.ndarray) -> float:
        """The largest relative error of a margin of a table of nonnegative entries."""
        table = np.reshape(x, self.shape)
        return max(
            float(np.abs(margin / target - 1).max())
            for margin, target in zip(self.of(table), self.targets, strict=True)
        )

    def of(self, table: np.ndarray) -> list[np.ndarray]:
        """The margins of a table."""
        return [_margin(table, kept) for kept in self.margins]


def _margin(table: np.ndarray, kept: tuple[int, ...]) -> np.ndarray:
    return table.sum(axis=tuple(axis for axis in range(table.ndim) if axis not in kept))


class Counted(LinearOperator):
    """An operator that counts how often it is applied, its adjoint included."""

    def __init__(self, operator: LinearOperator) -> None:
        super().__init__(operator.dtype, operator.shape)
        self._operator, self.applications = operator, 0

    def _matvec(self, x: np.ndarray) -> np.ndarray:
        self.applications += 1
        return self._operator.matvec(x)

    def _rmatvec(self, lam: np.ndarray) -> np.ndarray:
        self.applications += 1
        return self._operator.rmatvec(lam)


def _planted(rng: np.random.Generator, d: int, s: int) -> np.ndarray:
    x0 = np.zeros(d)
    x0[rng.choice(d, s, replace=False)] = rng.uniform(0.5, 2.0, s)
    return x0


def gaussian(N: int, d: int, s: int, seed: int) -> Data:
    """A standard normal, y = A x0 without noise, x0 uniform on (1/2, 2) at s places."""
    rng = np.random.default_rng(seed)
    A, x0 = rng.standard_normal((N, d)), _planted(rng, d, s)
    return Data(A, A @ x0, x0=x0)


def _random_sparse(rng: np.random.Generator, N: int, d: int, density: float) -> sp.csr_array:
    return sp.csr_array(sp.random_array((N, d), density=density, rng=rng, data_sampler=rng.standard_normal))


def sparse(N: int, d: int, s: int, density: float, seed: int) -> Data:
    """Normal entries at random places, y = A x0 as for `gaussian`; rows without entries are left out."""
    rng = np.random.default_rng(seed)
    A = _random_sparse(rng, N, d, density)
    A = A[np.flatnonzero(np.diff(A.indptr))]
    return Data(sp.csc_array(A), A @ _planted(rng, d, s))


def partial_dct(d: int, N: int, s: int, seed: int) -> Data:
    """N rows, drawn at random, of the orthonormal discrete cosine transform; y as for `gaussian`."""
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(d, N, replace=False))

    def forward(x: np.ndarray) -> np.ndarray:
        return dct(np.ravel(x), norm="ortho")[rows]

    def adjoint(lam: np.ndarray) -> np.ndarray:
        spectrum = np.zeros(d)
        spectrum[rows] = np.ravel(lam)
        return idct(spectrum, norm="ortho", overwrite_x=True)

    x0 = _planted(rng, d, s)
    return Data(LinearOperator((N, d), matvec=forward, rmatvec=adjoint, dtype=np.float64), forward(x0), x0=x0)


def fourier(n: int, N: int, s: int, seed: int) -> Data:
    """Real and imaginary parts of N/2 frequencies, drawn at random, of an n x n image; y as for `gaussian`.

    The frequencies lie strictly between the columns of the spectrum that are their own mirror image, so that all
    rows are orthonormal.
    """
    rng = np.random.default_rng(seed)
    inner = n // 2 - 1
    frequencies = np.sort(rng.choice(n * inner, N // 2, replace=False))
    rows, columns = frequencies // inner, frequencies % inner + 1

    def forward(x: np.ndarray) -> np.ndarray:
        spectrum = np.sqrt(2.0) * rfft2(x.reshape(n, n), norm="ortho")[rows, columns]
        return np.concatenate([spectrum.real, spectrum.imag])

    def adjoint(lam: np.ndarray) -> np.ndarray:
        spectrum, parts = np.zeros((n, n // 2 + 1), dtype=complex), np.ravel(lam)
        spectrum[rows, columns] = (parts[: N // 2] + 1j * parts[N // 2 :]) / np.sqrt(2.0)
        return irfft2(spectrum, s=(n, n), norm="ortho").ravel()

    x0 = _planted(rng, n * n, s)
    return Data(LinearOperator((N, n * n), matvec=forward, rmatvec=adjoint, dtype=np.float64), forward(x0), x0=x0)


def few_a_column(N: int, d: int, each: int, s: int, seed: int) -> Data:
    """Normal entries at ``each`` random rows of every column (those that meet are added); y as for `gaussian`."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, N, (d, each), dtype=np.int32)
    pointers = np.arange(0, d * each + 1, each, dtype=np.int32)
    A = sp.csc_array((rng.standard_normal(d * each), rows.ravel(), pointers), shape=(N, d))
    A.sum_duplicates()
    x0 = _planted(rng, d, s)
    return Data(A, A @ x0, x0=x0)


def duplicated_rows(N: int, d: int, density: float, seed: int) -> Data:
    """A survey to be calibrated: 0/1 entries, every row twice, totals of positive weights."""
    rng = np.random.default_rng(seed)
    half = abs(_random_sparse(rng, N // 2, d, density)).sign()
    A = sp.csr_array(sp.vstack([half, half]))[rng.permutation(N)]
    return Data(sp.csc_array(A), A @ rng.uniform(0.5, 2.0, d))


def transport(n: int, marginals: str, seed: int) -> Data:
    """Optimal transport between n and n random points of the unit square, squared distances of maximum 1.

    The rows sum up to the same total twice: one of them is redundant.
    """
    rng = np.random.default_rng(seed)
    here, there = rng.random((n, 2)), rng.random((n, 2))
    cost = ((here[:, None] - there[None]) ** 2).sum(axis=2)
    weights = np.ones((2, n)) if marginals == "uniform" else rng.uniform(0.1, 1.0, (2, n))
    one, eye = np.ones((1, n)), sp.eye_array(n)
    A = sp.vstack([sp.kron(eye, one), sp.kron(one, eye)], format="csc")
    return Data(A, (weights / weights.sum(axis=1, keepdims=True)).ravel(), (cost / cost.max()).ravel())


def transport_table(n: int, seed: int) -> Table:
    """The same without A: n and n random points, uniform marginals, squared distances as they are."""
    rng = np.random.default_rng(seed)
    here, there = rng.random((n, 2)), rng.random((n, 2))
    cost = ((here[:, None] - there[None]) ** 2).sum(axis=2)
    return Table((n, n), [(0,), (1,)], [np.full(n, 1 / n)] * 2, cost=cost)


def raking_table(shape: tuple[int, int, int], seed: int) -> Table:
    """A table of three axes with one cell in fifty empty, and all one- and two-way margins of another such table.

    The other one is the first times a random factor of every cell: a change that the margins show in part.
    """
    rng = np.random.default_rng(seed)
    table = rng.lognormal(0.0, 1.0, shape) * (rng.random(shape) > 0.02)
    margins = [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)]
    wanted = table * rng.uniform(0.5, 2.0, shape)
    return Table(shape, margins, [_margin(wanted, kept) for kept in margins], seed=table)


def moments(N: int, d: int, seed: int) -> Data:
    """A row of ones and N - 1 normal features; y are the moments of an exponentially tilted distribution."""
    rng = np.random.default_rng(seed)
    A = _features(N, d, rng)
    tilted = np.exp(rng.normal(0.0, 0.3, N - 1) @ A[1:])
    return Data(A, A @ (tilted / tilted.sum()))


def moments_in_blocks(N: int, d: int, seed: int) -> tuple[da.Array, np.ndarray]:
    """The same as a dask array of blocks of columns, each drawn where it is computed, and y."""
    import dask.array as da
    from dask import delayed

    draw = delayed(lambda width, start: _features(N, width, np.random.default_rng([seed, start])))
    widths = {start: min(_BLOCK, d - start) for start in range(0, d, _BLOCK)}
    blocks = [da.from_delayed(draw(width, start), (N, width), float) for start, width in widths.items()]
    A = da.concatenate(blocks, axis=1).persist()
    tilted = da.exp(np.random.default_rng(seed).normal(0.0, 0.3, N - 1) @ A[1:])
    moments, total = da.compute(A @ tilted, tilted.sum())
    return A, moments / total


def _features(N: int, d: int, rng: np.random.Generator) -> np.ndarray:
    A = np.empty((N, d))
    A[0] = 1.0
    for row in A[1:]:
        rng.standard_normal(out=row)
    return A


def programs(folder: Path) -> Iterator[tuple[str, Path]]:
    """Names and files of the linear programs of a folder, smallest first."""
    for path in sorted(folder.glob("*.npz"), key=lambda path: path.stat().st_size):
        yield path.stem, path


def program(path: Path) -> Data:
    """A linear program min c'x, A x = y, x >= 0: data, indices, indptr and shape of a CSC matrix, y and c."""
    with np.load(path) as file:
        A = sp.csc_array((file["data"], file["indices"], file["indptr"]), shape=tuple(file["shape"]))
        return Data(A, file["y"], file["c"])
