"""The systems the benchmarks are run on, each drawn from one seed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from bregman_l1 import LinearSystem


class Data(NamedTuple):
    """A and y, the cost of the entries and the planted x0, where there is one."""

    A: np.ndarray | sp.csc_array
    y: np.ndarray
    cost: np.ndarray | None = None
    x0: np.ndarray | None = None

    def system(self) -> LinearSystem:
        """A fresh one for every solve: what the library remembers of a system is not speed."""
        return LinearSystem(self.A, self.y)


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


def moments(N: int, d: int, seed: int) -> Data:
    """A row of ones and N - 1 normal features; y are the moments of an exponentially tilted distribution."""
    rng = np.random.default_rng(seed)
    A = np.empty((N, d))
    A[0] = 1.0
    for row in A[1:]:
        rng.standard_normal(out=row)
    tilted = np.exp(rng.normal(0.0, 0.3, N - 1) @ A[1:])
    return Data(A, A @ (tilted / tilted.sum()))


def programs(folder: Path) -> Iterator[tuple[str, Path]]:
    """Names and files of the linear programs of a folder, smallest first."""
    for path in sorted(folder.glob("*.npz"), key=lambda path: path.stat().st_size):
        yield path.stem, path


def program(path: Path) -> Data:
    """A linear program min c'x, A x = y, x >= 0: data, indices, indptr and shape of a CSC matrix, y and c."""
    with np.load(path) as file:
        A = sp.csc_array((file["data"], file["indices"], file["indptr"]), shape=tuple(file["shape"]))
        return Data(A, file["y"], file["c"])
