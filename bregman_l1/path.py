"""`projection_path`: the projections at many alpha, each from those before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import ArrayLike

from bregman_l1._backends.newton import claims_along
from bregman_l1._backends.registry import checked_backend
from bregman_l1._solve import certificate_of, certified, refuse_infeasible, solve
from bregman_l1._types import Matrix, Vector
from bregman_l1.caching import cached_property
from bregman_l1.entry import entry_point, entry_points
from bregman_l1.errors import InvalidProblemError, NotAdmissibleError
from bregman_l1.frozen import FrozenArrays
from bregman_l1.html import DOTS, shortened, table, verdict
from bregman_l1.newton import NewtonSteps
from bregman_l1.optional import require
from bregman_l1.parts import both
from bregman_l1.problems.projection import BregmanProjection, projection_at
from bregman_l1.progress import ProgressBar
from bregman_l1.scale import alpha_text, natural_log_alphas, scales_by_keyword
from bregman_l1.system import checked_system
from bregman_l1.validation import checked_cost, checked_prior, checked_tolerance

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    import pandas as pd
    from matplotlib.axes import Axes

    from bregman_l1._backends.base import Backend
    from bregman_l1.claim import Claim
    from bregman_l1.solution import Solution
    from bregman_l1.system import LinearSystem
    from bregman_l1.theory.limit import Limit


@entry_points
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ProjectionPath(FrozenArrays):
    """The projections x(alpha) at many alpha; its arrays are read-only.

    A sequence of solutions: ``path[k]`` is the solution at the k-th alpha, ``path[1:]`` a path again.

    Attributes
    ----------
    system : LinearSystem
        The constraints.
    cost : ndarray of shape (d,)
        Exponents of alpha in the prior, prior * alpha**cost.
    prior : ndarray of shape (d,)
        Its factor.
    depth : float
        The depth D of the network.
    signed : bool
        Whether x may have either sign.
    log_alphas : ndarray of shape (k,)
        Natural logarithms of alpha, in the order they were asked for.
    solutions : tuple of Solution
        The answer at each, with its status and certificate.
    """

    system: LinearSystem
    cost: Vector
    prior: Vector
    log_alphas: Vector
    solutions: tuple[Solution, ...]
    depth: float = 2.0
    signed: bool = False

    @property
    def alphas(self) -> Vector:
        """The scales alpha, shape (k,); 0 where they are below the range of floating point, see ``log_alphas``."""
        with np.errstate(over="ignore"):
            return np.exp(self.log_alphas)

    @cached_property
    def log_x(self) -> Matrix:
        """Logarithms of the projections, of their magnitudes if signed, shape (k, d); -inf for exact zeros."""
        return np.array([solution.log_x for solution in self.solutions]).reshape(len(self), self.system.shape[1])

    @cached_property
    def log_deviation(self) -> Vector:
        """Log ||x(alpha) - x*||_1 at each alpha, shape (k,), computed without cancellation.

        x* is the limit of the projections: the minimiser of cost'x, or the one nearest to the prior where there are
        several. -inf where x(alpha) does not depend on alpha. For a depth above 2 it minimises sum_i prior_i**-q x_i,
        with q = (depth - 2) / depth.

        Raises
        ------
        NotAdmissibleError
            If a depth above 2 comes with costs that are not the same positive number for all.
        """
        # The theory is imported when it is asked for.
        from bregman_l1.theory.deviation import deviation
        from bregman_l1.theory.signed_deviation import signed_deviation

        measure = signed_deviation if self.signed else deviation
        return np.array([measure(self._limit, one.unknowns["log_x"]).log_l1 for one in self.solutions])

    @property
    def rate(self) -> float:
        """The exponent r of the limiting law ||x(alpha) - x*||_1 ~ K alpha^r: 1 - rho for unit costs.

        It does not depend on the positive entries of the prior, and is that of the columns it has positive. For a
        depth above 2 it is 1 for unit costs. If signed it is that of x_plus and x_minus: x may converge faster where
        rho = 0.
        """
        return self._limit.rate

    @cached_property
    def _limit(self) -> Limit:
        from bregman_l1.theory.limit import find_limit

        if not self.signed:
            return find_limit(self.system, self.cost, self.prior, depth=self.depth)
        costs, priors = (both(values) for values in (self.cost, self.prior))
        return find_limit(self.system.doubled, costs, priors, depth=self.depth)

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each alpha: the scale, what is known of the answer, and how it was found.

        Returns
        -------
        pandas.DataFrame
            With the columns ``log_alpha``, ``alpha``, ``log_deviation`` (NaN where there is no limit to measure it
            from), ``value``, ``status``, ``backend``, ``iterations``, ``solve_time``.

        Raises
        ------
        MissingPackageError
            If pandas is not installed.
        """
        pandas = require("pandas", "data frames")
        answers = self.solutions
        frame: pd.DataFrame = pandas.DataFrame(
            {
                "log_alpha": self.log_alphas,
                "alpha": self.alphas,
                "log_deviation": self._log_deviation_or_nan(),
                "value": [answer.value for answer in answers],
                "status": [answer.status.value for answer in answers],
                "backend": [answer.backend for answer in answers],
                "iterations": [answer.iterations for answer in answers],
                "solve_time": [answer.solve_time for answer in answers],
            }
        )
        return frame

    def _log_deviation_or_nan(self) -> Vector:
        try:
            return self.log_deviation
        except (InvalidProblemError, NotAdmissibleError):
            return np.full(len(self), np.nan)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw log10 ||x(alpha) - x*||_1 over log10 alpha, beside the slope the theory predicts.

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
        from bregman_l1.plotting.path import plot_path

        return plot_path(self, ax)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the path to a file; see `bregman_l1.save`."""
        from bregman_l1.saving import save

        save(self, path)

    def __len__(self) -> int:
        return len(self.solutions)

    def __iter__(self) -> Iterator[Solution]:
        return iter(self.solutions)

    @overload
    def __getitem__(self, index: int) -> Solution: ...

    @overload
    def __getitem__(self, index: slice) -> ProjectionPath: ...

    def __getitem__(self, index: int | slice) -> Solution | ProjectionPath:
        if isinstance(index, slice):
            return replace(self, log_alphas=self.log_alphas[index], solutions=self.solutions[index])
        return self.solutions[index]

    def __repr__(self) -> str:
        certified = sum(solution.status.is_certified for solution in self.solutions)
        return f"ProjectionPath({len(self)} values of alpha, {certified} certified)"

    def _repr_html_(self) -> str:
        # Only what is known: the limit behind the deviation may take long to find.
        known = vars(self).get("log_deviation")
        rows = []
        for k, (log_alpha, solution) in enumerate(zip(self.log_alphas, self.solutions, strict=True)):
            status = verdict(solution.status.is_certified, solution.status.value)
            deviation = () if known is None else (f"{known[k]:.6g}",)
            rows.append((k, f"{log_alpha:.6g}", alpha_text(log_alpha), *deviation, status))
        header = ("", "log alpha", "alpha", *(() if known is None else ("log deviation",)), "status")
        return table(shortened(rows, (DOTS,) * len(header)), header=header, caption=repr(self))


@scales_by_keyword
@entry_point
def projection_path(
    system: LinearSystem,
    *,
    alphas: ArrayLike | None = None,
    log_alphas: ArrayLike | None = None,
    backend: str | Backend = "auto",
    cost: ArrayLike | None = None,
    prior: ArrayLike | None = None,
    depth: float = 2,
    signed: bool = False,
    tol: float = 1e-9,
) -> ProjectionPath:
    """Project at many alpha, each answer certified.

    At depth 2 the native backend goes from the largest alpha to the smallest and predicts each answer from those
    before. Else each alpha is solved on its own; where that takes long a terminal shows how far it has come.

    Parameters
    ----------
    system : LinearSystem
        The constraints.
    alphas, log_alphas : array_like of shape (k,)
        The scales, or their natural logarithms, in any order, repeats allowed. Give exactly one, by keyword.
    backend : str or Backend, default "auto"
        A name from ``backends()``, or an instance, as in `solve`.
    cost : array_like of shape (d,), optional
        Exponents of alpha in the prior, prior * alpha**cost; ones if omitted.
    prior : array_like of shape (d,), optional
        Its factor, finite and nonnegative; ones if omitted. Where it is zero, x is zero.
    depth : float, default 2
        The depth of the network, as in `BregmanProjection`.
    signed : bool, default False
        Whether x may have either sign.
    tol : float, default 1e-9
        As in `solve`.

    Returns
    -------
    ProjectionPath
        With ``log_alphas``, ``log_x``, ``log_deviation``, ``solutions`` in the order asked, and ``plot()``.

    Raises
    ------
    InvalidProblemError
        If the scales are empty, not a vector, not finite or beyond exp(1e15), or cost, prior, depth or signed is wrong;
        `PositionalScalesError`, a TypeError too, if the scales are given by position.
    InvalidOptionError
        If tol is not a positive number below 1, or the backend neither a name nor an instance.
    InfeasibleError
        If {x >= 0 : A x = y} is empty, or holds no x that vanishes where the prior does.

    Examples
    --------
    >>> from bregman_l1 import LinearSystem, projection_path
    >>> path = projection_path(LinearSystem([[1.0, 0.5]], [1.0]), log_alphas=[-2302.6, -20.0])
    >>> path
    ProjectionPath(2 values of alpha, 2 certified)
    >>> path.log_deviation.round(4).tolist()  # rho = 1/2: half of log alpha, plus log(3/2)
    [-1150.8945, -9.5945]
    """
    system, tol, backend = checked_system(system), checked_tolerance(tol), checked_backend(backend)
    values = natural_log_alphas(alphas, log_alphas)
    columns = system.shape[1], system.column_names
    exponents, factor = checked_cost(cost, *columns), checked_prior(prior, *columns)
    # Read once, not for every alpha; what was not given stays so, for an even prior is kept as one number.
    given = None if cost is None else exponents, None if prior is None else factor
    problems = [projection_at(system, float(value), *given, depth=depth, signed=signed) for value in values]
    with ProgressBar(len(problems)) as bar:
        solutions = []
        for solution in _solutions(problems, exponents, backend, tol):
            solutions.append(solution)
            bar.update(len(solutions))
    return ProjectionPath(
        system=system,
        cost=exponents,
        prior=factor,
        depth=problems[0].depth,
        signed=problems[0].signed,
        log_alphas=values,
        solutions=tuple(solutions),
    )


def _solutions(
    problems: list[BregmanProjection], cost: Vector, backend: str | Backend, tol: float
) -> Iterator[Solution]:
    if backend not in ("auto", "newton") or not problems[0].potential.is_logarithmic:
        return (solve(problem, backend, tol=tol) for problem in problems)
    claims = claims_along(problems, cost, tol)
    for problem, claim in zip(problems, claims, strict=True):
        refuse_infeasible(problem, claim, "newton")
    steps = NewtonSteps(problems[0].part.system)
    return (_solution(problem, claim, tol, steps) for problem, claim in zip(problems, claims, strict=True))


def _solution(problem: BregmanProjection, claim: Claim, tol: float, steps: NewtonSteps) -> Solution:
    """A point of a path; projected on its own where what followed from the others falls short."""
    certificate = certificate_of(problem, claim, tol, steps=steps)
    return certified(problem, claim, certificate, "newton") if certificate.ok else solve(problem, "newton", tol=tol)
