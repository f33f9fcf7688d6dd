"""`compare_depths`: networks of several depths at the same scales alpha, each answer certified."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from bregman_l1._solve import solve
from bregman_l1._types import Matrix, Vector
from bregman_l1.entry import entry_point, entry_points
from bregman_l1.errors import BackendError, InvalidProblemError
from bregman_l1.frozen import FrozenArrays
from bregman_l1.html import DOTS, Markup, shortened, table, verdict
from bregman_l1.optional import require
from bregman_l1.potential import potential_of
from bregman_l1.problems.projection import BregmanProjection
from bregman_l1.scale import alpha_text, natural_log_alphas, scales_by_keyword
from bregman_l1.theory._analyze import analyze

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from bregman_l1.solution import Status
    from bregman_l1.system import LinearSystem
    from bregman_l1.theory.analysis import Analysis

# The depth that the crossovers are relative to.
_OF_THE_PAPER = 2.0
# Limits that agree to this share are the same.
_SAME_LIMIT = 1e-9


@entry_points
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DepthComparison(FrozenArrays):
    """How far networks of m depths are from their limits at k scales alpha; made by `compare_depths`.

    Attributes
    ----------
    depths : ndarray of shape (m,)
    log_alphas : ndarray of shape (k,)
        Natural logarithms of the scales.
    log_errors : ndarray of shape (m, k)
        Log ||x(alpha) - x*||_1, x* the limit of that depth; -inf where x(alpha) is x*, NaN where it was not found.
    statuses : tuple of m tuples of k Status
        Our verdict on each answer.
    limits : ndarray of shape (m, d)
        The limit of each depth. They are the same, unless there are several l1 minimisers, or a prior that is not even.
    rates, log_constants : ndarray of shape (m,)
        The exact law of each depth as alpha -> 0: log error -> log_constant + rate log alpha.
    log_crossovers : ndarray of shape (m,)
        Log of the alpha at which the law of a depth meets that of depth 2, which is the larger of the two below it
        where rho > 0; NaN where they meet nowhere. The errors themselves may cross elsewhere.
    """

    depths: Vector
    log_alphas: Vector
    log_errors: Matrix
    statuses: tuple[tuple[Status, ...], ...]
    limits: Matrix
    rates: Vector
    log_constants: Vector
    log_crossovers: Vector

    @property
    def alphas(self) -> Vector:
        """The scales alpha, shape (k,); 0 where they are below the range of floating point."""
        with np.errstate(over="ignore"):
            return np.exp(self.log_alphas)

    @property
    def errors(self) -> Matrix:
        """||x(alpha) - x*||_1, shape (m, k); 0 where it is below the range of floating point."""
        with np.errstate(over="ignore"):
            return np.exp(self.log_errors)

    @property
    def best(self) -> Vector:
        """The depth of least error at each alpha, the first where several tie, shape (k,); NaN where none certifies."""
        certified = np.array([[status.is_certified for status in row] for row in self.statuses])
        errors = np.where(certified & ~np.isnan(self.log_errors), self.log_errors, np.inf)
        return np.where(np.isposinf(errors).all(axis=0), np.nan, self.depths[errors.argmin(axis=0)])

    @property
    def has_one_limit(self) -> bool:
        """Whether all depths have the same limit, so that their errors are distances to one point."""
        spread = np.abs(self.limits - self.limits[0]).sum(axis=1)
        return bool((spread <= _SAME_LIMIT * np.abs(self.limits[0]).sum()).all())

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each depth and alpha.

        Returns
        -------
        pandas.DataFrame
            With the columns ``depth``, ``log_alpha``, ``alpha``, ``log_error``, ``error``, ``status``, ``is_best``.

        Raises
        ------
        MissingPackageError
            If pandas is not installed.
        """
        pandas = require("pandas", "data frames")
        m, k = self.log_errors.shape
        frame: pd.DataFrame = pandas.DataFrame(
            {
                "depth": np.repeat(self.depths, k),
                "log_alpha": np.tile(self.log_alphas, m),
                "alpha": np.tile(self.alphas, m),
                "log_error": self.log_errors.ravel(),
                "error": self.errors.ravel(),
                "status": [status.value for row in self.statuses for status in row],
                "is_best": (self.depths[:, None] == self.best).ravel(),
            }
        )
        return frame

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw log10 of the error over log10 of alpha, one line a depth; thin lines mark where they cross depth 2.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            What to draw on; a new figure if omitted (`bregman_l1.plotting` says what all pictures have in common).

        Returns
        -------
        matplotlib.axes.Axes
            What was drawn on.

        Raises
        ------
        MissingPackageError
            If matplotlib is not installed.
        """
        from bregman_l1.plotting.depths import plot_depths

        return plot_depths(self, ax)

    def __str__(self) -> str:
        head = ["alpha", *(f"D = {depth:g}" for depth in self.depths), "best"]
        lines = ["  ".join(f"{cell:>11}" for cell in head)]
        for log_alpha, errors, best in zip(self.log_alphas, self.log_errors.T, self.best, strict=True):
            cells = [alpha_text(log_alpha), *map(_error_text, errors), f"{best:g}"]
            lines.append("  ".join(f"{cell:>11}" for cell in cells))
        return "\n".join(["||x(alpha) - x*||_1 by depth", *lines, *self._notes()])

    def _repr_html_(self) -> str:
        header = ("alpha", *(f"D = {depth:g}" for depth in self.depths), "best")
        columns = zip(self.log_alphas, self.log_errors.T, zip(*self.statuses, strict=True), self.best, strict=True)
        rows = []
        for log_alpha, errors, statuses, best in columns:
            cells = (_marked(*each) for each in zip(errors, statuses, strict=True))
            rows.append((alpha_text(log_alpha), *cells, f"{best:g}"))
        caption = "||x(alpha) - x*||_1 by depth"
        return table(shortened(rows, (DOTS,) * len(header)), header=header, caption=caption, notes=self._notes())

    def _notes(self) -> list[str]:
        laws = zip(self.depths, self.rates, self.log_constants, self.log_crossovers, strict=True)
        notes = [_law_text(*law) for law in laws]
        refused = sum(not status.is_certified for row in self.statuses for status in row)
        if refused:
            notes.append(f"{refused} of {self.log_errors.size} answers are not certified.")
        if not self.has_one_limit:
            notes.append("Each depth has a limit of its own, from which its error is measured.")
        return notes


def _law_text(depth: float, rate: float, log_constant: float, log_crossover: float) -> str:
    if not np.isfinite(rate):
        return f"D = {depth:g}: x(alpha) = x* for every alpha."
    crosses = "" if np.isnan(log_crossover) else f", the law of D = 2 at alpha = {alpha_text(log_crossover)}"
    return f"D = {depth:g}: ~ {np.exp(log_constant):.4g} alpha^{rate:.4g}{crosses}."


def _error_text(log_error: float) -> str:
    return "0" if np.isneginf(log_error) else "-" if np.isnan(log_error) else alpha_text(log_error)


def _marked(log_error: float, status: Status) -> str | Markup:
    """The error, with the verdict where that is no certificate."""
    text = _error_text(log_error)
    return text if status.is_certified else verdict(False, f"{text} ({status.value})")


@scales_by_keyword
@entry_point
def compare_depths(
    system: LinearSystem,
    *,
    alphas: ArrayLike | None = None,
    log_alphas: ArrayLike | None = None,
    depths: Iterable[float] = (2, 3, 4, 6, float("inf")),
    signed: bool = False,
    prior: ArrayLike | None = None,
) -> DepthComparison:
    """Solve for networks of several depths at the same scales, and hold each answer against the limit of its depth.

    Depth 2 errs as alpha^(1 - rho), every larger depth as alpha: where rho > 0 these are more accurate as alpha -> 0.
    ``log_crossovers`` says where the laws meet; the errors themselves, which follow them from some alpha on, may cross
    elsewhere, or nowhere. With several l1 minimisers, and with a prior that is not even, each depth has a limit of its
    own, from which its error is measured: ``has_one_limit`` tells.

    Parameters
    ----------
    system : LinearSystem
    alphas, log_alphas : array_like
        The scales of initialisation, or their natural logarithms. Give exactly one, by keyword.
    depths : sequence of float, default (2, 3, 4, 6, inf)
        Real numbers from 2 on, or infinity.
    signed : bool, default False
        Whether x may have either sign.
    prior : array_like of shape (d,), optional
        Factors of alpha, as for `analyze`.

    Returns
    -------
    DepthComparison

    Raises
    ------
    InfeasibleError
        If there is no solution.
    InvalidProblemError
        If an argument is wrong.

    Warns
    -----
    NotCertifiedWarning
        For each answer that is not certified; its status is kept.

    Examples
    --------
    >>> from bregman_l1 import LinearSystem, compare_depths
    >>> comparison = compare_depths(LinearSystem([[1.0, -1.0, 0.05]], [1.0]), alphas=[1e-2, 1e-4], depths=[2, 3])
    >>> comparison.best.tolist(), comparison.rates.round(12).tolist()
    ([2.0, 3.0], [0.95, 1.0])
    """
    levels = natural_log_alphas(alphas, log_alphas)
    checked = _checked_depths(depths)
    analyses = [analyze(system, prior=prior, depth=depth, signed=signed) for depth in checked]
    known = dict(zip(checked, analyses, strict=True))
    paper = known.get(_OF_THE_PAPER) or analyze(system, prior=prior, depth=_OF_THE_PAPER, signed=signed)
    errors: list[list[float]] = []
    statuses: list[tuple[Status, ...]] = []
    for depth, analysis in zip(checked, analyses, strict=True):
        given: dict[str, Any] = {"prior": prior, "depth": depth, "signed": signed}
        answers = [solve(BregmanProjection(system, log_alpha=float(level), **given)) for level in levels]
        errors.append([_log_error(analysis, answer.unknowns["log_x"]) for answer in answers])
        statuses.append(tuple(answer.status for answer in answers))
    return DepthComparison(
        depths=np.array(checked),
        log_alphas=levels,
        log_errors=np.array(errors),
        statuses=tuple(statuses),
        limits=np.array([analysis.x_star for analysis in analyses]),
        rates=np.array([analysis.rate for analysis in analyses]),
        log_constants=np.array([analysis.log_leading_constants.total for analysis in analyses]),
        log_crossovers=np.array([_log_crossover(paper, analysis) for analysis in analyses]),
    )


def _checked_depths(depths: Iterable[float]) -> list[float]:
    try:
        checked = [potential_of(depth).depth for depth in depths]
    except TypeError as error:
        raise InvalidProblemError(f"depths must be several real numbers from 2 on, got {depths!r}") from error
    if not checked or len(set(checked)) < len(checked):
        raise InvalidProblemError(f"depths must be one or more different numbers, got {checked}")
    return checked


def _log_error(analysis: Analysis, log_x: Vector) -> float:
    try:
        return analysis.deviation_of(log_x).log_l1
    except BackendError:
        return float("nan")


def _log_crossover(paper: Analysis, analysis: Analysis) -> float:
    """Where log K + rate log alpha is the same for both."""
    ours, other = analysis.log_leading_constants.total, paper.log_leading_constants.total
    slope = paper.rate - analysis.rate
    return (ours - other) / slope if np.isfinite([ours, other, slope]).all() and slope else float("nan")
