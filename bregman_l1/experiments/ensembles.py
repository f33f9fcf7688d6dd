"""Seeded random systems, each repeatable from its recipe alone.

An ensemble draws a matrix A; every ensemble plants a sparse x0 >= 0 and observes y = A x0 + noise. The
matrix, the support, the values and the noise come from four independent streams of one seed, so that
changing the noise level or the spread of x0 keeps everything else of an instance as it was.

An ensemble of your own is a function of a recipe and a random generator that returns A (`register_ensemble`).
Beside the names in `ENSEMBLES` a recipe takes its path, ``"my_module:my_function"``, by which worker processes
find it too, and the names that other packages publish in the entry-point group ``bregman_l1.ensembles``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import nnls

from bregman_l1._types import Vector
from bregman_l1.errors import InvalidSystemError, StudyError
from bregman_l1.experiments import designs
from bregman_l1.experiments.imported import imported
from bregman_l1.one_line import OneLine
from bregman_l1.plugins import plugins
from bregman_l1.scale import as_float
from bregman_l1.suggestions import did_you_mean, refuse_unknown
from bregman_l1.system import LinearSystem
from bregman_l1.system.reading import read_matrix

if TYPE_CHECKING:
    from collections.abc import Callable

    from bregman_l1.experiments.designs import Design

    Draw = Callable[["Recipe", np.random.Generator], Design]
    Check = Callable[["Recipe"], None]

__all__ = ["ENSEMBLES", "Ensemble", "Instance", "Recipe", "draw", "from_recipe", "register_ensemble"]

_GROUP = "bregman_l1.ensembles"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything that determines one random system; two equal recipes give the same bits.

    Attributes
    ----------
    ensemble : str or Ensemble
        The matrix ensemble: one of `ENSEMBLES`, a path ``"module:name"``, a published name, or itself.
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

    ensemble: str | Ensemble = "gaussian"
    N: int
    d: int
    s: int
    kappa: float = 10.0
    noise: float = 0.0
    density: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        ensemble = _found(self.ensemble)
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
        if ensemble.check is not None:
            ensemble.check(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain values, ready for JSON or TOML; an ensemble by its name."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Instance(OneLine):
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
    """A distribution of matrices.

    Attributes
    ----------
    name : str
        What a recipe calls it.
    summary : str
        What it is, in a line.
    matrix : callable
        ``matrix(recipe, rng)`` returns A of shape (recipe.N, recipe.d), dense or sparse, and draws from rng alone.
    check : callable, optional
        ``check(recipe)`` raises StudyError for a recipe of which there is no such matrix.
    """

    name: str
    summary: str
    matrix: Draw
    check: Check | None = None

    @classmethod
    def of(
        cls,
        name: str,
        matrix: Draw,
        check: Check | None = None,
    ) -> Ensemble:
        """Make the ensemble of a function; its summary is the first line of the function's docstring."""
        return cls(name=name, summary=(matrix.__doc__ or "").strip().partition("\n")[0], matrix=matrix, check=check)


_SHIPPED = {
    ensemble.name: ensemble
    for ensemble in (
        Ensemble.of("gaussian", designs.gaussian),
        Ensemble.of("rademacher", designs.rademacher),
        Ensemble.of("uniform", designs.uniform),
        Ensemble.of("sparse", designs.sparse),
        Ensemble.of("partial-dct", designs.partial_dct),
        Ensemble.of("transport", designs.transport, designs.check_transport),
        Ensemble.of("expander", designs.random_rows),
        Ensemble.of("digits", designs.digits, designs.check_digits),
    )
}
_known = dict(_SHIPPED)
ENSEMBLES: Mapping[str, Ensemble] = MappingProxyType(_known)
"""The ensembles by name: those shipped here, and those registered since."""


def register_ensemble(name: str, *, check: Check | None = None) -> Callable[[Draw], Ensemble]:
    """Decorate a function of a recipe and a random generator that returns A: recipes may name it from then on.

    The function becomes an `Ensemble`, which `draw` takes as well. A name registered before is replaced, one
    that is shipped here is not.

    Parameters
    ----------
    name : str
        What recipes call it, without a colon. Processes that have not imported the module of the function, such
        as the workers of a sweep, know it by its path ``"module:function"`` only.
    check : callable, optional
        As for `Ensemble`.

    Raises
    ------
    StudyError
        If the name is that of an ensemble shipped here, or cannot be one.

    Examples
    --------
    >>> @register_ensemble("cosines")
    ... def cosines(recipe, rng):
    ...     return np.cos(np.outer(rng.uniform(0, np.pi, recipe.N), np.arange(recipe.d)))
    >>> draw("cosines", N=4, d=10, s=2).system
    LinearSystem(N=4, d=10, dense)
    """
    if not (isinstance(name, str) and name) or ":" in name:
        raise StudyError(f"the name of an ensemble is a word without a colon, got {name!r}")
    if name in _SHIPPED:
        raise StudyError(f"the ensemble {name!r} is shipped with this package: give yours another name")

    def registered(matrix: Draw) -> Ensemble:
        _known[name] = Ensemble.of(name, matrix, check)
        return _known[name]

    return registered


def _found(ensemble: str | Ensemble) -> Ensemble:
    """Return the ensemble that a recipe means.

    Raises
    ------
    StudyError
        If nothing has this name, what has it is no ensemble, or an ensemble has the name of another one.
    """
    if isinstance(ensemble, Ensemble):
        if ENSEMBLES.get(ensemble.name, ensemble) != ensemble:
            raise StudyError(f"another ensemble is called {ensemble.name!r}: give yours a name of its own")
        return ensemble
    published = plugins(_GROUP)
    if isinstance(ensemble, str) and ensemble in ENSEMBLES:
        return ENSEMBLES[ensemble]
    if isinstance(ensemble, str) and ensemble in published:
        return _as_ensemble(ensemble, imported("ensemble", published[ensemble].value.partition("[")[0].strip()))
    if isinstance(ensemble, str) and ":" in ensemble:
        return _as_ensemble(ensemble, imported("ensemble", ensemble))
    known = [*ENSEMBLES, *published]
    raise StudyError(
        f"unknown ensemble {ensemble!r}{did_you_mean(ensemble, known)} "
        f"(known: {', '.join(known)}; one of your own by its path, 'my_module:my_ensemble')"
    )


def _as_ensemble(name: str, found: Any) -> Ensemble:
    if isinstance(found, Ensemble):
        return found
    if not callable(found):
        raise StudyError(f"the ensemble {name!r} is neither an Ensemble nor a function of a recipe and a generator")
    return Ensemble.of(name, found)


def draw(
    ensemble: str | Ensemble = "gaussian",
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
    ensemble : str or Ensemble
        As in `Recipe`.
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

    Examples
    --------
    >>> from_recipe({"ensemble": "gaussian", "N": 4, "d": 10, "s": 2, "seed": 7}).system
    LinearSystem(N=4, d=10, dense)
    """
    if not isinstance(recipe, Recipe):
        recipe = _recipe_of(recipe)
    streams = np.random.SeedSequence(recipe.seed).spawn(4)
    for_matrix, for_support, for_values, for_noise = (np.random.default_rng(stream) for stream in streams)
    drawn = _found(recipe.ensemble).matrix(recipe, for_matrix)
    A = _checked_matrix(recipe, drawn)
    x0 = np.zeros(recipe.d)
    x0[for_support.choice(recipe.d, recipe.s, replace=False)] = _spread_values(recipe, for_values)
    with np.errstate(over="ignore", invalid="ignore"):
        y = np.asarray(A @ x0)
        if recipe.noise > 0:
            y = y + recipe.noise * for_noise.standard_normal(recipe.N)
        _refuse_unless(np.isfinite(y @ y), "y overflows: the entries of A, kappa or the noise are too large")
    y = _nearest_feasible(A, y) if recipe.noise > 0 else y
    return Instance(recipe=recipe, system=LinearSystem(drawn, y), x0=x0)


def _recipe_of(values: Mapping[str, Any]) -> Recipe:
    known = [field.name for field in fields(Recipe)]
    _refuse_unless(isinstance(values, Mapping), f"a recipe is a Recipe or a mapping, got {type(values).__name__}")
    for name in values:
        refuse_unknown("recipe entry", name, known)
    missing = [name for name in ("N", "d", "s") if name not in values]
    _refuse_unless(not missing, f"a recipe needs {', '.join(missing)}")
    return Recipe(**values)


def _checked_matrix(recipe: Recipe, drawn: Any) -> Design:
    name, shape = _plain(recipe.ensemble), (recipe.N, recipe.d)
    try:
        A = read_matrix(drawn)
    except InvalidSystemError as error:
        raise StudyError(f"the ensemble {name!r} drew no matrix of numbers: {error}") from error
    if A.shape != shape:
        raise StudyError(f"the ensemble {name!r} drew a matrix of shape {A.shape}, not {shape}")
    return A


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


def _plain(value: Any) -> Any:
    if isinstance(value, Ensemble):
        return value.name
    return value.item() if isinstance(value, np.generic) else value


def _is_integer(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.timedelta64))


def _is_finite(value: Any) -> bool:
    return math.isfinite(as_float(value))


def _refuse_unless(condition: bool, message: str) -> None:
    if not condition:
        raise StudyError(message)


def __dir__() -> list[str]:
    return __all__
