"""H = A X A' and its inverse: factorised for small N, by preconditioned conjugate gradients for large.

The gradients run in single precision on a single-precision copy of A, equilibrated. Their preconditioner
replaces all but the few largest entries of x by their mean c, c A A' + A_K (X_K - c) A_K', so that A A' is
formed once for a system. Several right-hand sides share each pass over A.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.linalg.lapack import dpotri, spotrf, spotrs

from bregman_l1.newton.basis import all_blocks, equilibration

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Single = NDArray[np.float32]

# From this many rows on the gradients are cheaper than a factorisation.
ITERATIVE_FROM = 160
# The relative residuals that are asked for on the way and at the end.
ROUGH, FINE = 1e-2, 1e-4
_MOST = 80
_RIDGE, _RIDGE_SINGLE = 1e-14, 3e-7
# An entry is dominant if it is this many times the mean of all others; at most so many a row of A.
_DOMINANT, _MOST_DOMINANT, _ROUNDS = 10.0, 2, 12
_EPS = float(np.finfo(np.float64).eps)
_MARGIN, _PROBES = 4.0, 3
# So much of A stays in the cache between A'v and A(x A'v).
_CACHED_BYTES = 2**20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Response:
    """H^-1 right and A'H^-1 right, one column a right-hand side, and whether the residual asked for was met."""

    dual: Matrix
    log_x: Matrix
    converged: bool


class Curvature(Protocol):
    """H at one x, to solve with."""

    def at(self, x: Vector) -> None:
        """Make H = A diag(x) A' the matrix to solve with."""

    def matvec(self, vectors: Matrix) -> Matrix:
        """A @ vectors, as precisely as the way, not the end, asks for."""

    def solve(self, right: Matrix, residual: float) -> Response:
        """H^-1 right, to a relative residual at least as small as the one given."""

    def noise(self) -> float:
        """What the rounding of y - A x, at most about eps sqrt(H_ii sum x) in row i, does to log x."""


def curvature(system: LinearSystem) -> Curvature:
    """The kind of solver that suits the size of the system."""
    return Gradients(system) if system.shape[0] >= ITERATIVE_FROM else Factors(system)


class Factors:
    """H factorised in double precision."""

    def __init__(self, system: LinearSystem) -> None:
        self._system = system

    def at(self, x: Vector) -> None:
        """Factorise; a ridge of the size of rounding lets dependent rows pass."""
        gram = self._system.gram(x)
        diagonal = np.diag(gram)
        self._x = x
        self._size = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
        scaled = gram / self._size / self._size[:, None]
        self._ridge = 0.0
        while True:
            try:
                ridged = scaled + self._ridge * np.eye(self._size.size)
                self._factor = cho_factor(ridged, lower=True, check_finite=False)
            except LinAlgError:
                self._ridge = max(_RIDGE, 10.0 * self._ridge)
                continue
            return

    def matvec(self, vectors: Matrix) -> Matrix:
        """A @ vectors."""
        return np.column_stack([self._system.matvec(vector) for vector in vectors.T])

    def solve(self, right: Matrix, residual: float) -> Response:  # noqa: ARG002 - never less than exact
        """Two triangular solves."""
        dual = cho_solve(self._factor, right / self._size[:, None], check_finite=False) / self._size[:, None]
        log_x = np.column_stack([self._system.rmatvec(column) for column in dual.T])
        return Response(dual=dual, log_x=log_x, converged=self._ridge == 0.0)

    def noise(self) -> float:
        """A bound: |a_j'H^-1 r| <= sqrt(a_j'H^-1 a_j) sqrt(r'H^-1 r), and a_j'H^-1 a_j <= 1 / x_j."""
        if self._ridge > 0.0:
            return np.inf
        inverse, _ = dpotri(self._factor[0], lower=True)
        largest = np.sqrt(np.maximum(np.diag(inverse), 0.0)).sum()
        x = self._x[self._x > 0]
        return float(_MARGIN * _EPS * np.sqrt(x.sum() / x.min()) * largest)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SinglePrecision:
    """R A C in single precision and its Gram matrix; the diagonal R and 1 / C as vectors."""

    matrix: Any
    gram: Single
    row_scale: Vector
    norms: Vector

    @classmethod
    def of(cls, system: LinearSystem) -> SinglePrecision:
        """Convert a block of columns at a time."""
        row_scale, norms = equilibration(system)
        norms = np.where(norms > 0, norms, 1.0)
        matrix: Any
        if system.is_sparse:
            matrix = system.scaled(row_scale, 1.0 / norms).astype(np.float32)
            return cls(matrix=matrix, gram=(matrix @ matrix.T).toarray(), row_scale=row_scale, norms=norms)
        # Columns are gathered often and products are as fast either way: they are kept contiguous.
        matrix = np.empty(system.shape, dtype=np.float32, order="F")
        for part, block in all_blocks(system):
            matrix[:, part] = row_scale[:, None] * block / norms[part]
        return cls(matrix=matrix, gram=matrix @ matrix.T, row_scale=row_scale, norms=norms)


class Gradients:
    """H in single precision, never formed."""

    def __init__(self, system: LinearSystem) -> None:
        single = system.remember("single precision", lambda: SinglePrecision.of(system))
        self._matrix, self._gram = single.matrix, single.gram
        self._row_scale, self._norms = single.row_scale[:, None], single.norms[:, None]
        self._is_sparse = system.is_sparse

    def at(self, x: Vector) -> None:
        """Factorise the preconditioner of this x."""
        scaled = x * self._norms[:, 0] ** 2
        self._unit, self._total = float(scaled.max()), float(x.sum())
        self._x: Single = (scaled / self._unit).astype(np.float32)
        few, mean = _dominant(self._x, int(_MOST_DOMINANT * self._gram.shape[0]))
        columns = self._matrix[:, few]
        columns = columns.toarray() if self._is_sparse else columns
        columns = columns * np.sqrt(np.maximum(self._x[few] - mean, 0))
        matrix = columns @ columns.T
        matrix += mean * self._gram
        self._size: Single = np.sqrt(np.maximum(np.diag(matrix), np.finfo(np.float32).tiny))[:, None]
        matrix /= self._size
        matrix /= self._size[:, 0]
        ridge = np.float32(_RIDGE_SINGLE)
        while True:
            matrix.flat[:: matrix.shape[0] + 1] += ridge
            self._factor, info = spotrf(matrix.T, lower=True)
            if info == 0:
                return
            ridge *= np.float32(10.0)

    def matvec(self, vectors: Matrix) -> Matrix:
        """A @ vectors."""
        single = (vectors * self._norms).astype(np.float32)
        product = np.column_stack([self._matrix @ column for column in single.T])
        return np.asarray(product / self._row_scale, dtype=np.float64)

    def solve(self, right: Matrix, residual: float) -> Response:
        """Preconditioned conjugate gradients."""
        scaled = right * self._row_scale
        largest = np.abs(scaled).max(axis=0)
        scale = np.where(largest > 0, largest, 1.0)
        rest: Single = (scaled / scale).astype(np.float32)
        target = residual * np.linalg.norm(rest, axis=0)
        solution, log_x = np.zeros_like(rest), np.zeros((self._x.size, rest.shape[1]), dtype=np.float32)
        direction = fitted = self._precondition(rest)
        energy = _dot(rest, fitted)
        converged = False
        for _ in range(_MOST):
            pulled, image = self._products(direction)
            length = _quotient(energy, _dot(direction, image))
            solution += length * direction
            log_x += length * pulled
            rest -= length * image
            converged = bool((np.linalg.norm(rest, axis=0) <= target).all())
            if converged or not length.any():
                break
            fitted = self._precondition(rest)
            before, energy = energy, _dot(rest, fitted)
            direction = fitted + _quotient(energy, before) * direction
        size = scale / self._unit
        return Response(dual=solution * size * self._row_scale, log_x=log_x * size * self._norms, converged=converged)

    def noise(self) -> float:
        """An estimate from a few fixed random vectors, with a margin; infinite where they show no end."""
        probes = np.random.default_rng(0).standard_normal((self._gram.shape[0], _PROBES))
        size = np.sqrt(self._unit * self._total) * self._size.astype(np.float64) / self._row_scale
        response = self.solve(size * probes, FINE)
        return float(_MARGIN * _EPS * np.abs(response.log_x).max()) if response.converged else np.inf

    def _products(self, vectors: Single) -> tuple[Single, Single]:
        """A'v and A X A'v, in one pass over A."""
        if self._is_sparse:
            pulled = self._matrix.T @ vectors
            return pulled, self._matrix @ (self._x[:, None] * pulled)
        pulled, image = np.empty((self._x.size, vectors.shape[1]), dtype=np.float32), np.zeros_like(vectors)
        width = max(64, _CACHED_BYTES // (4 * vectors.shape[0]))
        for start in range(0, self._x.size, width):
            part = slice(start, start + width)
            block = self._matrix[:, part]
            pulled[part] = block.T @ vectors
            image += block @ (self._x[part, None] * pulled[part])
        return pulled, image

    def _precondition(self, rest: Single) -> Single:
        solved: Single = spotrs(self._factor, rest / self._size, lower=True)[0]
        return np.asarray(solved / self._size, dtype=np.float32)


def _dot(a: Single, b: Single) -> Single:
    return np.asarray(np.einsum("ij,ij->j", a, b), dtype=np.float32)


def _quotient(a: Single, b: Single) -> Single:
    """A / b, zero where b is not positive: that column is done."""
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)


def _dominant(x: Single, most: int) -> tuple[NDArray[np.intp], np.float32]:
    """The few largest entries, those far above the mean of all others, and that mean."""
    mean, few = float(x.mean()), np.zeros(x.size, dtype=bool)
    for _ in range(_ROUNDS):
        larger = x > _DOMINANT * mean
        if larger.all() or np.count_nonzero(larger) == np.count_nonzero(few):
            break
        few, mean = larger, float(x[~larger].mean())
    if np.count_nonzero(few) > most:
        few = np.zeros(x.size, dtype=bool)
        few[np.argpartition(-x, most)[:most]] = True
        mean = float(x[~few].mean())
    return np.flatnonzero(few & (x > mean)), np.float32(mean)
