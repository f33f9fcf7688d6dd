"""The matrices of the ensembles that are shipped: each drawn from a recipe and a stream of random numbers."""

from __future__ import annotations

from functools import cache
from math import isqrt
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import scipy.sparse as sp
from scipy.fft import idct

from bregman_l1._types import Matrix, Vector
from bregman_l1.errors import StudyError
from bregman_l1.optional import require

if TYPE_CHECKING:
    from bregman_l1.experiments.ensembles import Recipe

Design: TypeAlias = Matrix | sp.csc_array

# Images of handwritten digits in scikit-learn: 1797 of 64 pixels, 61 of which are not blank in all of them.
_DIGITS_IMAGES, _DIGITS_PIXELS = 1797, 61


def gaussian(recipe: Recipe, rng: np.random.Generator) -> Design:
    """Independent standard normal entries."""
    return rng.standard_normal((recipe.N, recipe.d))


def rademacher(recipe: Recipe, rng: np.random.Generator) -> Design:
    """Independent random signs."""
    return rng.choice((-1.0, 1.0), size=(recipe.N, recipe.d))


def uniform(recipe: Recipe, rng: np.random.Generator) -> Design:
    """Independent entries uniform on [0, 1]."""
    return rng.random((recipe.N, recipe.d))


def random_rows(recipe: Recipe, rng: np.random.Generator) -> sp.csc_array:
    """Adjacency of a random left-regular bipartite graph, stored sparse."""
    # The same number of ones, at random rows, in every column.
    degree = max(1, round(recipe.density * recipe.N))
    rows = np.concatenate([rng.choice(recipe.N, degree, replace=False) for _ in range(recipe.d)])
    starts = np.arange(0, rows.size + 1, degree)
    pattern = sp.csc_array((np.ones(rows.size), rows, starts), shape=(recipe.N, recipe.d))
    pattern.sort_indices()
    return pattern


def sparse(recipe: Recipe, rng: np.random.Generator) -> Design:
    """Standard normal entries at random rows, stored sparse."""
    pattern = random_rows(recipe, rng)
    pattern.data = rng.standard_normal(pattern.nnz)
    return pattern


def partial_dct(recipe: Recipe, rng: np.random.Generator) -> Design:
    """Random rows of the discrete cosine transform."""
    # Frequency 0 is left out: with a constant row sum x is fixed and there is nothing to minimise.
    frequencies = 1 + np.sort(rng.choice(recipe.d - 1, recipe.N, replace=False))
    transform = idct(np.eye(recipe.d), norm="ortho", axis=0).T
    return np.asarray(transform[frequencies] * np.sqrt(recipe.d / recipe.N))


def transport(recipe: Recipe, rng: np.random.Generator) -> Design:
    """Row and column sums of a p x q transport plan."""
    sources, sinks = _transport_shape(recipe.N, recipe.d)
    plan = np.arange(recipe.d)
    rows = np.column_stack((plan // sinks, sources + plan % sinks)).ravel()
    A = sp.csc_array((np.ones(rows.size), rows, np.arange(0, rows.size + 1, 2)), shape=(recipe.N, recipe.d))
    return A[:, rng.permutation(recipe.d)]


def _transport_shape(N: int, d: int) -> tuple[int, int]:
    """Return the numbers of sources p and sinks q with p + q = N and p q = d, or (0, 0) if there are none."""
    root = isqrt(max(N * N - 4 * d, 0))
    p = (N - root) // 2
    return (p, N - p) if p * (N - p) == d else (0, 0)


def check_transport(recipe: Recipe) -> None:
    """Raise StudyError unless N = p + q and d = p q."""
    p, q = max(recipe.N // 2, 1), recipe.N - max(recipe.N // 2, 1)
    if _transport_shape(recipe.N, recipe.d) == (0, 0):
        raise StudyError(
            f"a transport polytope of p sources and q sinks has N = p + q and d = p q, which N = {recipe.N}, "
            f"d = {recipe.d} is not; d = {p * q} would do"
        )


def digits(recipe: Recipe, rng: np.random.Generator) -> Design:
    """Images of handwritten digits as columns."""
    images = _digit_images()
    informative = np.flatnonzero(images.any(axis=0))
    pixels = np.sort(rng.choice(informative, recipe.N, replace=False))
    chosen = rng.choice(len(images), recipe.d, replace=False)
    return np.ascontiguousarray(images[np.ix_(chosen, pixels)].T)


@cache
def _digit_images() -> Vector:
    from sklearn.datasets import load_digits

    return np.asarray(load_digits().data / 16.0)


def check_digits(recipe: Recipe) -> None:
    """Raise StudyError unless there are as many digits and pixels, MissingPackageError without scikit-learn."""
    if recipe.N > _DIGITS_PIXELS:
        raise StudyError(f"the digits have N <= {_DIGITS_PIXELS} pixels, got {recipe.N}")
    if recipe.d > _DIGITS_IMAGES:
        raise StudyError(f"there are d <= {_DIGITS_IMAGES} digits, got {recipe.d}")
    require("sklearn", "the digits")
