"""A study: a measure, the grid of parameters it is applied to, and how often; in Python or in a TOML file.

A study file looks like this::

    title = "rho against the sparsity"
    measure = "null-space"              # a name in MEASURES, or "my_module:my_measure"
    picture = "null-space"              # optional: a name in PICTURES
    seed = 0
    repetitions = 20

    [[grid]]                            # one table or several; their products follow each other
    ensemble = "gaussian"               # a name in ENSEMBLES, or "my_module:my_ensemble"
    N = 40
    d = 160
    s = [2, 4, 8]

The command ``bregman-l1 sweep`` finds ``my_module`` beside the study file and in the current directory, also in
its worker processes; from Python it has to be importable, as any module.

Every row - one combination of parameters, one repetition - has a seed of its own, derived from the study's
seed, the parameters and the repetition alone. A record therefore depends on its own row and on nothing else
in the grid: a row that appears in two studies with the same seed gives the same record in both. This is why a
study with more repetitions continues the store of one with fewer.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
import tomllib
from dataclasses import dataclass, field
from importlib import resources
from itertools import product
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bregman_l1.errors import StudyError
from bregman_l1.experiments.imported import imported
from bregman_l1.experiments.measures import MEASURES, Measure
from bregman_l1.experiments.plain import dumps
from bregman_l1.one_line import OneLine
from bregman_l1.suggestions import refuse_unknown

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping, Sequence

# Each is checked before any work starts.
_MOST_COMBINATIONS = 1_000_000
_KEYS = ("title", "measure", "picture", "seed", "repetitions", "grid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row(OneLine):
    """One evaluation of a study: its number, parameters, repetition and seed."""

    index: int
    parameters: dict[str, Any]
    repetition: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Study(OneLine):
    """A measure over a grid.

    Attributes
    ----------
    measure : callable or Measure
        ``measure(seed, **parameters)`` returns a mapping of names to numbers, strings, lists or dicts. It must
        be deterministic; what depends on the clock does not belong into its result.
    grid : mapping, or sequence of mappings
        Values by parameter, a list meaning each of its entries. A mapping stands for the product of its
        entries, a sequence for one product after the other.
    repetitions : int
        How often each combination is evaluated, each time with another seed.
    seed : int
        The study's seed.
    title : str
        What the study shows.
    picture : str
        Name of its picture, empty for none.

    Raises
    ------
    StudyError
        If the measure does not take the parameters of the grid, or refuses their values.

    Examples
    --------
    >>> def power(seed, *, base, exponent):
    ...     return {"value": base**exponent}
    >>> study = Study(measure=power, grid={"base": [2, 3], "exponent": 2}, repetitions=2)
    >>> len(study)
    4
    >>> [row.parameters for row in study.rows()][2]
    {'base': 3, 'exponent': 2}
    """

    measure: Callable[..., Mapping[str, Any]] | Measure
    grid: Mapping[str, Any] | Sequence[Mapping[str, Any]]
    repetitions: int = 1
    seed: int = 0
    title: str = ""
    picture: str = ""
    _blocks: tuple[dict[str, list[Any]], ...] = field(init=False, repr=False)

    _shown: ClassVar = ("title", "repetitions", "seed", "grid")

    def __post_init__(self) -> None:
        for name, least in (("repetitions", 1), ("seed", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise StudyError(f"{name} must be an integer of at least {least}, got {value!r}")
        if not hasattr(self.function, "__qualname__"):
            raise StudyError(f"the measure must be a function with a name, got {self.measure!r}")
        for name in ("title", "picture"):
            if not isinstance(getattr(self, name), str):
                raise StudyError(f"{name} must be a string, got {getattr(self, name)!r}")
        tables = self.grid if isinstance(self.grid, list | tuple) else [self.grid]
        object.__setattr__(self, "_blocks", tuple(_block(table) for table in tables))
        n_combinations = sum(prod(map(len, block.values())) for block in self._blocks)
        if not n_combinations:
            raise StudyError("the grid of the study is empty")
        if n_combinations > _MOST_COMBINATIONS or n_combinations * self.repetitions > sys.maxsize:
            raise StudyError(
                f"the study has {n_combinations} combinations and {n_combinations * self.repetitions} rows: take at "
                f"most {_MOST_COMBINATIONS} combinations, and fewer repetitions"
            )
        for parameters in self._combinations():
            self._refuse_bad(parameters)
        try:
            dumps(self.identity())
        except (TypeError, ValueError, RecursionError) as error:
            raise StudyError(f"in the grid: {error}") from error

    def __len__(self) -> int:
        return self.repetitions * sum(prod(map(len, block.values())) for block in self._blocks)

    def rows(self) -> Iterator[Row]:
        """Yield every row in order; the same rows with the same seeds each time."""
        index = 0
        for parameters in self._combinations():
            for repetition in range(self.repetitions):
                seed = _seed_of(self.seed, parameters, repetition)
                yield Row(index=index, parameters=parameters, repetition=repetition, seed=seed)
                index += 1

    @property
    def function(self) -> Callable[..., Mapping[str, Any]]:
        """The measure as a plain function."""
        return self.measure.function if isinstance(self.measure, Measure) else self.measure

    def identity(self) -> dict[str, Any]:
        """Return what the records depend on, as plain values: the measure's name, grid, repetitions, seed."""
        name = f"{self.function.__module__}:{self.function.__qualname__}"
        grid = [dict(block) for block in self._blocks]
        return {"measure": name, "seed": self.seed, "repetitions": self.repetitions, "grid": grid}

    def _combinations(self) -> Iterator[dict[str, Any]]:
        for block in self._blocks:
            for values in product(*block.values()):
                yield dict(zip(block, values, strict=True))

    def _refuse_bad(self, parameters: Mapping[str, Any]) -> None:
        if isinstance(self.measure, Measure):
            self.measure.check(parameters)
        try:
            signature = inspect.signature(self.function)
        except (TypeError, ValueError) as error:
            raise StudyError(f"the measure {self.function.__qualname__} does not say what it takes: {error}") from error
        takes_any = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
        known = list(signature.parameters)[1:]
        if not takes_any:
            for name in parameters:
                refuse_unknown("parameter", name, known)
        try:
            signature.bind(0, **parameters)
        except TypeError as error:
            raise StudyError(f"the measure {self.function.__qualname__} cannot be called: {error}") from error


def shipped_studies() -> tuple[str, ...]:
    """Return the names of the studies that come with the package.

    Examples
    --------
    >>> "recovery" in shipped_studies()
    True
    """
    files = resources.files("bregman_l1.experiments").joinpath("studies").iterdir()
    return tuple(sorted(Path(file.name).stem for file in files if file.name.endswith(".toml")))


def shipped_titles() -> dict[str, str]:
    """Return what each of `shipped_studies` shows, by its name.

    Examples
    --------
    >>> shipped_titles()["recovery"]
    'the transition of unique recovery for Gaussian matrices'
    """
    return {name: _parse(name)["title"] for name in shipped_studies()}


def load_study(source: str | os.PathLike[str]) -> Study:
    """Read a study file.

    Parameters
    ----------
    source : str or path-like
        A TOML file, or the name of a shipped study (`shipped_studies`).

    Returns
    -------
    Study
        The study, its grid checked row by row.

    Raises
    ------
    StudyError
        If there is no such file or study, a key is unknown (the nearest known one is named), a value is wrong,
        or the measure refuses a row of the grid.

    Examples
    --------
    >>> load_study("recovery").repetitions
    20
    """
    values = _parse(source)
    for key in values:
        refuse_unknown("study key", key, _KEYS)
    for key in ("measure", "grid"):
        if key not in values:
            raise StudyError(f"the study {source} has no {key!r}")
    try:
        return Study(**{**values, "measure": _measure_of(values["measure"])})
    except StudyError as error:
        raise StudyError(f"in the study {source}: {error}") from error


def _parse(source: str | os.PathLike[str]) -> dict[str, Any]:
    path, shipped = Path(source), shipped_studies()
    if str(source) in shipped:
        text = resources.files("bregman_l1.experiments").joinpath("studies", f"{source}.toml").read_text("utf-8")
    elif path.suffix == ".toml":
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise StudyError(f"the study file {path} cannot be read: {error}") from error
    elif _exists(path):
        raise StudyError(f"the name of a study file ends in .toml, that of {path} does not")
    else:
        refuse_unknown("shipped study", str(source), shipped)
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise StudyError(f"the study file {path} is not TOML: {error}") from error


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name too long for any file
        return False


def _measure_of(name: Any) -> Callable[..., Mapping[str, Any]] | Measure:
    if not isinstance(name, str) or ":" not in name:
        refuse_unknown("measure", name, MEASURES)
        return MEASURES[name]
    measure: Callable[..., Mapping[str, Any]] = imported("measure", name)
    if not callable(measure):
        raise StudyError(f"the measure {name!r} is not a function")
    return measure


def _block(table: Any) -> dict[str, list[Any]]:
    if not hasattr(table, "items"):
        raise StudyError(f"a grid is a table of parameters, got {table!r}")
    return {name: list(values) if _is_list(values) else [values] for name, values in table.items()}


def _is_list(values: Any) -> bool:
    return isinstance(values, (list, tuple, range, np.ndarray))


def _seed_of(study_seed: int, parameters: Mapping[str, Any], repetition: int) -> int:
    # 0 and 0.0 are the same parameter, however a study spells it.
    spelled = {name: int(v) if isinstance(v, float) and v.is_integer() else v for name, v in sorted(parameters.items())}
    digest = hashlib.sha256(dumps(spelled).encode()).digest()
    words = np.frombuffer(digest, dtype="<u4").tolist()
    sequence = np.random.SeedSequence(study_seed, spawn_key=(*words, repetition))
    # 63 bits, which signed 64-bit columns of other tools can hold.
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))
