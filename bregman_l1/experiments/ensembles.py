"""Seeded random systems, each repeatable from its recipe alone.

An ensemble draws a matrix A; every ensemble plants a sparse x0 >= 0 and observes y = A x0 + noise. The
matrix, the support, the values and the noise come from four independent streams of one seed, so that
changing the noise level or the spread of x0 keeps everything else of an instance as it was.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, fields
from functools import cache
from math import isqrt
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import scipy.sparse as sp
from scipy.fft import idct
from scipy.optimize import nnls

from bregman_l1._types import Matrix, Vector
from bregman_l1.errors import StudyError
from bregman_l1.experiments.nearest import refuse_unknown
from bregman_l1.optional import require
from bregman_l1.system import LinearSystem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Design: TypeAlias = Matrix | sp.csc_array

# Images of handwritten digits in scikit-learn: 1797 of 64 pixels, 61 of which are not blank in all of them.
_DIGITS_IMAGES, _DIGITS_PIXELS = 1797, 61


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything that determines one random system; two equal recipes give the same bits.

    Attributes
    ----------
    ensemble : str
        Name of the matrix ensemble, one of `ENSEMBLES`.
    N, d : int
        Rows and columns of A, 1 <= N < d: with N >= d independent columns leave no second solution.
    s : int
        Size of the support of the planted x0, 1 <= s <= N.
    kappa : float
        Spread max x0 / min x0 on a support of two entries or more; the values lie between 1 and kappa, evenly in
        logarithm.
    noise : float
        Standard deviation sigma of the noise added to A x0.
    density : float
        Share of nonzeros in a column, for the ensembles ``sparse`` and ``expander``.
    seed : int
        Seed of the instance.

    Raises
    ------
    StudyError
        If the ensemble is unknown, a number is out of its range, or the ensemble has no matrix of this shape.
    MissingPackageError
        If the ensemble needs a package that is not installed.
    """

    ensemble: str = "gaussian"
    N: int
    d: int
    s: int
    kappa: float = 10.0
    noise: float = 0.0
    density: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        refuse_unknown("ensemble", self.ensemble, ENSEMBLES)
        for name in ("N", "d", "s", "seed"):
            value = getattr(self, name)
            _refuse_unless(_is_integer(value), f"{name} must be an integer, got {value!r}")
        for name in ("kappa", "noise", "density"):
            value = getattr(self, name)
            _refuse_unless(_is_finite(value), f"{name} must be a finite number, got {value!r}")
        _refuse_unless(self.N >= 1, f"N must be at least 1, got {self.N}")
        _refuse_unless(
            self.d > self.N, f"N = {self.N} >= d = {self.d}: A x = y has no second solution to choose from; take N < d"
        )
        _refuse_unless(1 <= self.s <= self.N, f"the support size s must lie in 1 ... N = {self.N}, got {self.s}")
        _refuse_unless(self.kappa >= 1, f"kappa = max x0 / min x0 is at least 1, got {self.kappa}")
        _refuse_unless(self.noise >= 0, f"noise is a standard deviation, at least 0, got {self.noise}")
        _refuse_unless(0 < self.density <= 1, f"density must lie in (0, 1], got {self.density}")
        _refuse_unless(self.seed >= 0, f"seed must be at least 0, got {self.seed}")
        check = ENSEMBLES[self.ensemble].check
        if check is not None:
            check(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain values, ready for JSON or TOML."""
        return {name: value.item() if isinstance(value, np.generic) else value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Instance:
    """A random system with the recipe that repeats it.

    Attributes
    ----------
    recipe : Recipe
        What it was drawn from.
    system : LinearSystem
        A and y.
    x0 : ndarray of shape (d,)
        The planted vector: y = A x0 up to the noise.
    """

    recipe: Recipe
    system: LinearSystem
    x0: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """A distribution of matrices: what it is, how it is drawn, and which shapes it has."""

    summary: str
    matrix: Callable[[Recipe, np.random.Generator], Design]
    check: Callable[[Recipe], None] | None = None


def draw(
    ensemble: str = "gaussian",
    *,
    N: int,
    d: int,
    s: int,
    kappa: float = 10.0,
    noise: float = 0.0,
    density: float = 0.1,
    seed: int = 0,
) -> Instance:
    """Draw a random system y = A x0 + noise with a planted s-sparse x0 >= 0.

    Where the noisy target leaves the cone {A x : x >= 0}, the nearest point of the cone takes its place,
    so that the system always has a nonnegative solution.

    Parameters
    ----------
    ensemble : str
        One of `ENSEMBLES`.
    N, d, s, kappa, noise, density, seed
        See `Recipe`.

    Returns
    -------
    Instance
        The system, its recipe and x0.

    Raises
    ------
    StudyError
        If the ensemble is unknown or the sizes are impossible.
    MissingPackageError
        If the ensemble needs a package that is not installed.

    Examples
    --------
    >>> instance = draw("rademacher", N=4, d=10, s=2, kappa=1.0, seed=7)
    >>> instance.system
    LinearSystem(N=4, d=10, dense)
    >>> bool((instance.system.matvec(instance.x0) == instance.system.y).all())
    True
    >>> repeated = from_recipe(instance.recipe.to_dict())
    >>> bool((repeated.system.matrix == instance.system.matrix).all())
    True
    """
    return from_recipe(Recipe(ensemble=ensemble, N=N, d=d, s=s, kappa=kappa, noise=noise, density=density, seed=seed))


def from_recipe(recipe: Recipe | Mapping[str, Any]) -> Instance:
    """Draw the instance a recipe stands for; the same recipe always gives the same instance.

    Parameters
    ----------
    recipe : Recipe or mapping
        The recipe, or its ``to_dict()`` as found in a record.

    Returns
    -------
    Instance
        The system, its recipe and x0.

    Raises
    ------
    StudyError
        If a key or a value of the mapping is not a recipe's.
    """
    if not isinstance(recipe, Recipe):
        recipe = _recipe_of(recipe)
    streams = np.random.SeedSequence(recipe.seed).spawn(4)
    for_matrix, for_support, for_values, for_noise = (np.random.default_rng(stream) for stream in streams)
    A = ENSEMBLES[recipe.ensemble].matrix(recipe, for_matrix)
    x0 = np.zeros(recipe.d)
    x0[for_support.choice(recipe.d, recipe.s, replace=False)] = _spread_values(recipe, for_values)
    y = np.asarray(A @ x0)
    if recipe.noise > 0:
        y = _nearest_feasible(A, y + recipe.noise * for_noise.standard_normal(recipe.N))
    return Instance(recipe=recipe, system=LinearSystem(A, y), x0=x0)


def _recipe_of(values: Mapping[str, Any]) -> Recipe:
    known = [field.name for field in fields(Recipe)]
    for name in values:
        refuse_unknown("recipe entry", name, known)
    missing = [name for name in ("N", "d", "s") if name not in values]
    _refuse_unless(not missing, f"a recipe needs {', '.join(missing)}")
    return Recipe(**values)


def _spread_values(recipe: Recipe, rng: np.random.Generator) -> Vector:
    exponents = rng.random(recipe.s)
    if recipe.s > 1:
        exponents[:2] = 0.0, 1.0
    return np.asarray(float(recipe.kappa) ** rng.permutation(exponents))


def _nearest_feasible(A: Design, y: Vector) -> Vector:
    """Return y if it lies in the cone {A x : x >= 0} up to rounding, else its projection onto the cone."""
    dense = A if isinstance(A, np.ndarray) else A.toarray()
    x, distance = nnls(dense, y, maxiter=10 * dense.shape[1])
    return y if distance <= 1e-12 * np.linalg.norm(y) else np.asarray(dense @ x)


def _gaussian(recipe: Recipe, rng: np.random.Generator) -> Design:
    return rng.standard_normal((recipe.N, recipe.d))


def _rademacher(recipe: Recipe, rng: np.random.Generator) -> Design:
    return rng.choice((-1.0, 1.0), size=(recipe.N, recipe.d))


def _uniform(recipe: Recipe, rng: np.random.Generator) -> Design:
    return rng.random((recipe.N, recipe.d))


def _random_rows(recipe: Recipe, rng: np.random.Generator) -> sp.csc_array:
    """Return a 0/1 matrix with the same number of ones, at random rows, in every column."""
    degree = max(1, round(recipe.density * recipe.N))
    rows = np.concatenate([rng.choice(recipe.N, degree, replace=False) for _ in range(recipe.d)])
    starts = np.arange(0, rows.size + 1, degree)
    pattern = sp.csc_array((np.ones(rows.size), rows, starts), shape=(recipe.N, recipe.d))
    pattern.sort_indices()
    return pattern


def _sparse(recipe: Recipe, rng: np.random.Generator) -> Design:
    pattern = _random_rows(recipe, rng)
    pattern.data = rng.standard_normal(pattern.nnz)
    return pattern


def _partial_dct(recipe: Recipe, rng: np.random.Generator) -> Design:
    # Frequency 0 is left out: with a constant row sum x is fixed and there is nothing to minimise.
    frequencies = 1 + np.sort(rng.choice(recipe.d - 1, recipe.N, replace=False))
    transform = idct(np.eye(recipe.d), norm="ortho", axis=0).T
    return np.asarray(transform[frequencies] * np.sqrt(recipe.d / recipe.N))


def _transport(recipe: Recipe, rng: np.random.Generator) -> Design:
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


def _check_transport(recipe: Recipe) -> None:
    p, q = max(recipe.N // 2, 1), recipe.N - max(recipe.N // 2, 1)
    _refuse_unless(
        _transport_shape(recipe.N, recipe.d) != (0, 0),
        f"a transport polytope of p sources and q sinks has N = p + q and d = p q, which N = {recipe.N}, "
        f"d = {recipe.d} is not; d = {p * q} would do",
    )


def _digits(recipe: Recipe, rng: np.random.Generator) -> Design:
    images = _digit_images()
    informative = np.flatnonzero(images.any(axis=0))
    pixels = np.sort(rng.choice(informative, recipe.N, replace=False))
    chosen = rng.choice(len(images), recipe.d, replace=False)
    return np.ascontiguousarray(images[np.ix_(chosen, pixels)].T)


@cache
def _digit_images() -> Vector:
    from sklearn.datasets import load_digits

    return np.asarray(load_digits().data / 16.0)


def _check_digits(recipe: Recipe) -> None:
    _refuse_unless(recipe.N <= _DIGITS_PIXELS, f"the digits have N <= {_DIGITS_PIXELS} pixels, got {recipe.N}")
    _refuse_unless(recipe.d <= _DIGITS_IMAGES, f"there are d <= {_DIGITS_IMAGES} digits, got {recipe.d}")
    require("sklearn", "the digits")


def _is_integer(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    is_number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    return is_number and bool(abs(value) <= sys.float_info.max)


def _refuse_unless(condition: bool, message: str) -> None:
    if not condition:
        raise StudyError(message)


ENSEMBLES: Mapping[str, Ensemble] = MappingProxyType(
    {
        "gaussian": Ensemble(summary="independent standard normal entries", matrix=_gaussian),
        "rademacher": Ensemble(summary="independent random signs", matrix=_rademacher),
        "uniform": Ensemble(summary="independent entries uniform on [0, 1]", matrix=_uniform),
        "sparse": Ensemble(summary="standard normal entries at random rows, stored sparse", matrix=_sparse),
        "partial-dct": Ensemble(summary="random rows of the discrete cosine transform", matrix=_partial_dct),
        "transport": Ensemble(
            summary="row and column sums of a p x q transport plan", matrix=_transport, check=_check_transport
        ),
        "expander": Ensemble(
            summary="adjacency of a random left-regular bipartite graph, stored sparse", matrix=_random_rows
        ),
        "digits": Ensemble(summary="images of handwritten digits as columns", matrix=_digits, check=_check_digits),
    }
)
