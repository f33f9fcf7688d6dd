"""The outcome of a comparison of solvers: its runs, and the tables that answer which one to trust."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bregman_l1._types import Vector
from bregman_l1.experiments.plain import dumps
from bregman_l1.experiments.tables import text_table, write_csv, write_parquet
from bregman_l1.html import table, together
from bregman_l1.one_line import OneLine
from bregman_l1.scale import alpha_text

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes

    from bregman_l1.plotting import AxesArray

# What the solvers say of an answer they vouch for.
_CLAIMS_OF_SUCCESS = ("optimal", "converged")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(OneLine):
    """One backend on one projection.

    Attributes
    ----------
    instance : str
        The system, by its recipe or its place in the list.
    backend : str
        Who solved it.
    tol : float
        The accuracy asked of the backend.
    log_alpha : float
        Natural logarithm of alpha.
    polished : bool
        Whether the claim was polished before it was judged.
    claimed : str
        What the solver said of its answer.
    status : str
        What our certificate says of it at tolerance 1e-9, the same for every run.
    certified : bool
        Whether that is "certified".
    error : float
        ||(x - x(alpha)) off S||_1 / ||x(alpha) off S||_1 with S the support of the l1 minimiser: the relative
        error of the deviation x(alpha) - x*, at 1 of which nothing is right. NaN where the minimiser is not
        unique.
    kkt_residual, infeasibility : float
        The residuals of that name in the certificate.
    nonpositive : float
        Share of the entries that are not positive.
    iterations : int
        Iterations of the backend.
    setup_time, solve_time, total_time : float
        Seconds to prepare, to solve, and for the whole call with polishing and certificate; medians.
    failure : str
        The error, if the backend gave no answer.
    """

    instance: str
    backend: str
    tol: float
    log_alpha: float
    polished: bool
    claimed: str = ""
    status: str = "failed"
    certified: bool = False
    error: float = np.nan
    kkt_residual: float = np.nan
    infeasibility: float = np.nan
    nonpositive: float = np.nan
    iterations: int = 0
    setup_time: float = np.nan
    solve_time: float = np.nan
    total_time: float = np.nan
    failure: str = ""

    _shown: ClassVar = ("instance", "backend", "log_alpha", "polished", "status", "error")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Profile(OneLine):
    """The Dolan-More performance profile of one backend: which share of the projections it certified how fast.

    Attributes
    ----------
    backend : str
        The backend.
    polished : bool
        Whether its claims were polished.
    ratios : ndarray
        Times relative to the fastest backend on the same projection, increasing from 1.
    shares : ndarray
        Share of all projections that were certified within that ratio.
    """

    backend: str
    polished: bool
    ratios: Vector
    shares: Vector

    @classmethod
    def of(cls, backend: str, polished: bool, ratios: Vector) -> Profile:
        """Make the profile from one ratio a projection, infinite where it was not certified."""
        steps = np.unique(np.append(ratios[np.isfinite(ratios)], 1.0))
        shares = np.array([np.mean(ratios <= step) for step in steps])
        return cls(backend=backend, polished=polished, ratios=steps, shares=shares)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(OneLine):
    """All runs of a comparison, with the environment they were made in.

    ``print(comparison)`` shows, for each backend, down to which alpha all its answers were certified and what
    one cost, and the median error by alpha. ``comparison.plot()`` draws the latter.
    """

    runs: tuple[Run, ...]
    environment: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.trust()}\n\nmedian relative error of x(alpha) - x*\n{self.errors()}"

    def trust(self) -> str:
        """Return a table: share of runs claimed and certified, the trusted range of alpha, and the cost."""
        return text_table(*self._trust())

    def _trust(self) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
        header = ("backend", "tol", "polished", "runs", "claimed", "certified", "trusted to", "median s")
        rows: list[tuple[object, ...]] = []
        for (backend, tol, polished), runs in self._groups().items():
            times = [run.total_time for run in runs if not run.failure]
            said = sum(run.claimed in _CLAIMS_OF_SUCCESS for run in runs)
            certified = sum(run.certified for run in runs)
            shares = f"{said / len(runs):.0%}", f"{certified / len(runs):.0%}"
            cost = f"{median(times):.2g}" if times else "-"
            rows.append((backend, f"{tol:.0e}", "yes" if polished else "no", len(runs), *shares, _trusted(runs), cost))
        return header, rows

    def errors(self) -> str:
        """Return a table: the median error of each backend at each alpha, '-' where it gave no answer."""
        return text_table(*self._errors())

    def _errors(self) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
        log_alphas = sorted({run.log_alpha for run in self.runs}, reverse=True)
        header = ("backend", "tol", "polished", *map(alpha_text, log_alphas))
        rows: list[tuple[object, ...]] = []
        for (backend, tol, polished), runs in self._groups().items():
            cells = (_median_text(run.error for run in runs if run.log_alpha == value) for value in log_alphas)
            rows.append((backend, f"{tol:.0e}", "yes" if polished else "no", *cells))
        return header, rows

    def profiles(self) -> tuple[Profile, ...]:
        """Return the performance profile of each backend, raw and polished, over all projections.

        Of several tolerances the fastest one that was certified counts.
        """
        times: dict[tuple[str, bool], dict[tuple[str, float], float]] = {}
        for run in self.runs:
            solved = times.setdefault((run.backend, run.polished), {})
            place = run.instance, run.log_alpha
            solved[place] = min(solved.get(place, np.inf), run.total_time if run.certified else np.inf)
        places = sorted({place for solved in times.values() for place in solved})
        table = np.array([[solved.get(place, np.inf) for place in places] for solved in times.values()])
        fastest = table.min(axis=0)
        ratios = np.divide(table, fastest, out=np.full(table.shape, np.inf), where=np.isfinite(fastest))
        return tuple(Profile.of(backend, polished, row) for (backend, polished), row in zip(times, ratios, strict=True))

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the runs to a CSV file, and the environment to a JSON file beside it."""
        write_csv(path, map(asdict, self.runs))
        Path(path).with_suffix(".environment.json").write_text(dumps(self.environment) + "\n", encoding="utf-8")

    def to_parquet(self, path: str | os.PathLike[str]) -> None:
        """Write the runs to a Parquet file, with the environment in its metadata; needs pyarrow."""
        write_parquet(path, map(asdict, self.runs), self.environment)

    def plot(self, axes: Sequence[Axes] | AxesArray | None = None) -> AxesArray:
        """Draw the median error over alpha, of raw claims and of polished ones, and the performance profile.

        Parameters
        ----------
        axes : sequence of three matplotlib.axes.Axes, optional
            What to draw on; a new figure if omitted (`bregman_l1.plotting` says what all pictures have in common).

        Returns
        -------
        ndarray of three matplotlib.axes.Axes
            What was drawn on.

        Raises
        ------
        InvalidProblemError
            If axes does not hold three Axes.
        MissingPackageError
            If matplotlib is not installed.
        """
        from bregman_l1.plotting.comparison import plot_comparison

        return plot_comparison(self, axes)

    def _repr_html_(self) -> str:
        (said, trusted), (scales, errors) = self._trust(), self._errors()
        return together(
            table(trusted, header=said, caption="What each backend claimed, and what was certified"),
            table(errors, header=scales, caption="Median relative error of x(alpha) - x* at each alpha"),
        )

    def _groups(self) -> dict[tuple[str, float, bool], list[Run]]:
        groups: dict[tuple[str, float, bool], list[Run]] = {}
        for run in self.runs:
            groups.setdefault((run.backend, run.tol, run.polished), []).append(run)
        return groups


def _trusted(runs: Sequence[Run]) -> str:
    """Return the smallest alpha down to which, from the largest one, every run was certified."""
    trusted = None
    for log_alpha in sorted({run.log_alpha for run in runs}, reverse=True):
        if not all(run.certified for run in runs if run.log_alpha == log_alpha):
            break
        trusted = log_alpha
    return "none" if trusted is None else alpha_text(trusted)


def _median_text(errors: Iterable[float]) -> str:
    known = [error for error in errors if not np.isnan(error)]
    return f"{median(known):.0e}" if known else "-"
