"""What the shipped studies measure on a random system: the questions of the paper's last remark.

Each function takes a seed and the entries of a `Recipe` and draws the system. The ``certified`` of its record
says whether every projection and every minimiser behind the numbers was.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import dataclass, fields
from numbers import Real
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from bregman_l1._solve import solve
from bregman_l1.errors import NotAdmissibleError, NotCertifiedWarning, StudyError
from bregman_l1.experiments.ensembles import Recipe, from_recipe
from bregman_l1.problems.l1 import L1Minimization
from bregman_l1.problems.projection import BregmanProjection
from bregman_l1.suggestions import refuse_unknown
from bregman_l1.theory._analyze import analyze

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

# Relative l1 distance below which two minimisers are the same; solvers reach 1e-12 and better.
_SAME = 1e-9

# Seconds for each of rho_tilde and rho_minus; far more than the shipped study needs, so that no clock decides.
_PATIENCE = 600.0

_RECIPE_ENTRIES = tuple(field.name for field in fields(Recipe) if field.name != "seed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A function of (seed, parameters) and the check its parameters pass before any work starts."""

    function: Callable[..., Mapping[str, Any]]
    check: Callable[[Mapping[str, Any]], None]


def null_space(seed: int, **recipe: Any) -> dict[str, Any]:
    """Measure rho (Matt & Stoeger 2025, eq. II.1) at the l1 minimiser of a random system.

    Parameters
    ----------
    seed : int
        Seed of the instance.
    **recipe
        The other entries of a `Recipe`.

    Returns
    -------
    dict
        ``rho`` (NaN where it does not exist: {x >= 0 : A x = y} is one point), ``support`` (size of the
        minimiser's support), ``unique``, ``certified``.

    Examples
    --------
    >>> record = null_space(1, N=12, d=36, s=2)
    >>> record["certified"], record["support"], 0 < record["rho"] < 1
    (True, 2, True)
    """
    instance = from_recipe({**recipe, "seed": seed})
    with _certification() as uncertified:
        analysis = analyze(instance.system)
        rho = analysis.rho.value
    return {"rho": rho, "support": analysis.support.size, "unique": analysis.unique, "certified": not uncertified}


def recovery(seed: int, **recipe: Any) -> dict[str, Any]:
    """Measure whether the planted x0 is the unique nonnegative l1 minimiser (the Donoho-Tanner transition).

    Parameters
    ----------
    seed : int
        Seed of the instance.
    **recipe
        The other entries of a `Recipe`.

    Returns
    -------
    dict
        ``recovered`` (x0 is a minimiser and the only one), ``unique`` (there is only one), ``distance``
        (of the minimiser from x0 in l1, relative to x0), ``certified``.

    Examples
    --------
    >>> recovery(0, N=12, d=24, s=1)["recovered"], recovery(0, N=12, d=24, s=12)["recovered"]
    (True, False)
    """
    instance = from_recipe({**recipe, "seed": seed})
    with _certification() as uncertified:
        minimiser = solve(L1Minimization(instance.system))
    unique = minimiser.certificate.checks["uniqueness"].passed
    distance = float(np.abs(minimiser.x - instance.x0).sum() / instance.x0.sum())
    return {
        "recovered": unique and distance < _SAME,
        "unique": unique,
        "distance": distance,
        "certified": not uncertified,
    }


def observed_rate(seed: int, *, log_alphas: Sequence[float], **recipe: Any) -> dict[str, Any]:
    """Measure the slope d log ||x(alpha) - x*||_1 / d log(alpha) and compare it with 1 - rho.

    Parameters
    ----------
    seed : int
        Seed of the instance.
    log_alphas : sequence of float
        Natural logarithms of alpha, decreasing; slopes are taken between neighbours.
    **recipe
        The other entries of a `Recipe`.

    Returns
    -------
    dict
        ``rate`` (1 - rho), ``log_alphas``, ``log_deviation``, ``slopes``, ``certified``. Where x(alpha) is the limit,
        the logarithm is -inf and the slopes beside it are NaN.

    Examples
    --------
    >>> record = observed_rate(1, log_alphas=[-20, -1000, -2000], N=12, d=36, s=2)
    >>> bool(abs(record["slopes"][-1] - record["rate"]) < 1e-6)
    True
    """
    instance = from_recipe({**recipe, "seed": seed})
    with _certification() as uncertified:
        analysis = analyze(instance.system)
        log_deviation = np.array([analysis.log_deviation(log_alpha=value) for value in log_alphas])
    with np.errstate(invalid="ignore"):
        slopes = np.diff(log_deviation) / np.diff(log_alphas)
    return {
        "rate": analysis.rate,
        "log_alphas": list(log_alphas),
        "log_deviation": log_deviation,
        "slopes": slopes,
        "certified": not uncertified,
    }


def bound_widths(seed: int, *, log_alphas: Sequence[float], **recipe: Any) -> dict[str, Any]:
    """Measure how far the paper's bounds and the enclosure are from the truth, as logarithms of ratios.

    Parameters
    ----------
    seed : int
        Seed of the instance.
    log_alphas : sequence of float
        Natural logarithms of alpha.
    **recipe
        The other entries of a `Recipe`.

    Returns
    -------
    dict
        For each alpha, log(bound / truth) of the upper bound (II.3) of ||x(alpha) - x*||_1 (``paper_upper``),
        of the corrected lower bound (II.4) of the largest entry off the support (``paper_lower``), and of both
        sides of the enclosure of ||x(alpha) - x*||_1; NaN where a bound does not hold yet.

    Examples
    --------
    >>> record = bound_widths(1, log_alphas=[-40.0], N=12, d=36, s=2)
    >>> record["paper_upper"][0] > record["enclosure_upper"][0] > -1e-9
    True
    """
    instance = from_recipe({**recipe, "seed": seed})
    widths: dict[str, list[float]] = {
        name: [] for name in ("paper_upper", "paper_lower", "enclosure_upper", "enclosure_lower")
    }
    with _certification() as uncertified:
        analysis = analyze(instance.system, time_limit=_PATIENCE)
        for log_alpha in log_alphas:
            deviation = analysis.log_deviation(log_alpha=log_alpha)
            log_x = solve(BregmanProjection(instance.system, log_alpha=log_alpha)).log_x
            largest = float(np.delete(log_x, analysis.support).max())
            enclosure = analysis.deviation_enclosure(log_alpha=log_alpha)
            widths["paper_upper"].append(_bound(analysis.log_upper_bound, log_alpha) - deviation)
            widths["paper_lower"].append(_bound(analysis.log_lower_bound, log_alpha) - largest)
            widths["enclosure_upper"].append(enclosure.log_upper - deviation)
            widths["enclosure_lower"].append(enclosure.log_lower - deviation)
    return {"rate": analysis.rate, "log_alphas": list(log_alphas), **widths, "certified": not uncertified}


@contextmanager
def _certification() -> Iterator[list[warnings.WarningMessage]]:
    """Collect the warnings of answers that are not certified; other warnings are shown as usual."""
    uncertified: list[warnings.WarningMessage] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", NotCertifiedWarning)
        yield uncertified
        uncertified += [warning for warning in caught if issubclass(warning.category, NotCertifiedWarning)]
    for warning in caught:
        if not issubclass(warning.category, NotCertifiedWarning):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def _bound(log_bound: Callable[..., float], log_alpha: float) -> float:
    try:
        return log_bound(log_alpha=log_alpha)
    except NotAdmissibleError:
        return np.nan


def _check_recipe(parameters: Mapping[str, Any], *, beside: tuple[str, ...] = ()) -> None:
    for name in parameters:
        refuse_unknown("parameter", name, (*_RECIPE_ENTRIES, *beside))
    missing = [name for name in ("N", "d", "s", *beside) if name not in parameters]
    if missing:
        raise StudyError(f"the grid does not say {', '.join(missing)}")
    Recipe(**{name: value for name, value in parameters.items() if name not in beside})


def _check_with_scales(parameters: Mapping[str, Any]) -> None:
    _check_recipe(parameters, beside=("log_alphas",))
    scales = parameters["log_alphas"]
    if not isinstance(scales, (list, tuple)) or len(scales) < 2:
        raise StudyError(
            f"log_alphas must be a list of at least two numbers, inside the list of the grid's values; got {scales!r}"
        )
    numbers = all(isinstance(value, Real) and np.isfinite(float(value)) for value in scales)
    if not (numbers and (np.diff(scales) < 0).all()):
        raise StudyError(f"log_alphas must be finite numbers, decreasing, got {scales!r}")


MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "null-space": Measure(function=null_space, check=_check_recipe),
        "recovery": Measure(function=recovery, check=_check_recipe),
        "rate": Measure(function=observed_rate, check=_check_with_scales),
        "bounds": Measure(function=bound_widths, check=_check_with_scales),
    }
)
