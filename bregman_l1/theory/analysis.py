"""`Analysis`: everything the theory says about one system, in one object."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import ArrayLike

from bregman_l1._types import Index, Vector
from bregman_l1.caching import cached_property
from bregman_l1.entry import entry_points
from bregman_l1.problems.nullspace import Kind
from bregman_l1.scale import natural_log_alpha, natural_log_alphas, scales_by_keyword
from bregman_l1.theory.analysis_bounds import AnalysisBounds, Bounds
from bregman_l1.theory.asymptotics import LeadingConstants, PowerLaws, leading_constants
from bregman_l1.theory.constants import Constant
from bregman_l1.theory.deviation import Deviation, deviation, log_largest_off_support, log_projection
from bregman_l1.theory.laws import laws_of
from bregman_l1.theory.limit import Limit, find_limit
from bregman_l1.theory.proofs import prove_known_constant, proved_limit
from bregman_l1.theory.support_constants import SupportConstants
from bregman_l1.validation import checked_flag, checked_vector

if TYPE_CHECKING:
    import os

    from matplotlib.axes import Axes

    from bregman_l1.proof import Proof
    from bregman_l1.system import LinearSystem


_NO_SCALES: Vector = np.zeros(0)


@entry_points
class Analysis(AnalysisBounds):
    """What the theory says about the projections x(alpha) of one system; made by `analyze`.

    Each number is computed when it is first asked for, and kept. ``print(analysis)`` shows one page: of the
    null-space constants those that were computed before or are quick (see `is_at_hand`). While another is computed,
    a terminal shows which, and how long that may take.

    A method of one scale takes ``alpha``, or ``log_alpha``, its natural logarithm, and raises `InvalidProblemError`
    unless it is given exactly one of them, positive and finite. A method of many takes ``alphas`` or ``log_alphas``.
    """

    # An analysis that was asked for no proofs has none.
    _proofs: dict[str, Proof] | None = None

    def __init__(
        self,
        system: LinearSystem,
        cost: ArrayLike | None = None,
        *,
        prior: ArrayLike | None = None,
        depth: float = 2,
        time_limit: float | None = 10.0,
        proof: bool = False,
    ) -> None:
        self._limit = find_limit(system, cost, prior, depth=depth)
        if proof := checked_flag("proof", proof):
            self._limit, of_limit = proved_limit(self._limit)
            self._proofs = {"limit": of_limit}
        self._constants = SupportConstants(self._limit, time_limit=time_limit)
        self._layer = laws_of(self._limit.potential).leading(self._limit)
        if proof:
            _ = self.rho

    @property
    def system(self) -> LinearSystem:
        """The system."""
        return self._limit.system

    @property
    def limit(self) -> Limit:
        """The limit of x(alpha) with the kernel cone of its support."""
        return self._limit

    @property
    def x_star(self) -> Vector:
        """The limit of x(alpha), shape (d,): the minimiser of sum_j w_j x_j, nearest to the prior if there are several.

        At depth 2 the weights w are the costs. Above, w_j = prior_j^-q with q = (D-2)/D where the cost is least. Both
        are one by default: x* is the l1 minimiser then.
        """
        return self._limit.x

    @property
    def cost(self) -> Vector:
        """Exponents of alpha in the prior, shape (d,)."""
        return self._limit.cost

    @property
    def prior(self) -> Vector:
        """Factors of alpha**cost in the prior, shape (d,)."""
        return self._limit.prior

    @property
    def depth(self) -> float:
        """The depth of the network."""
        return self._limit.depth

    @property
    def is_signed(self) -> bool:
        """Whether x may have either sign; see `SignedAnalysis`."""
        return False

    @property
    def support(self) -> Index:
        """Indices of the positive entries of ``x_star``; of the support of any minimiser, if there are several."""
        return self._limit.support

    @property
    def unique(self) -> bool:
        """Whether the minimiser that ``x_star`` describes is unique (Assumption II.1(c))."""
        return self._limit.unique

    @property
    def assumed_ties(self) -> int:
        """How many reduced costs were taken for equal because rounding hides their difference.

        Zero where none was, or where it was decided in rationals; the support, the rate and the leading constant
        depend on them. In later layers of ``power_laws`` differences within rounding are ties.
        """
        return self._limit.assumed_ties + (0 if self._layer is None else self._limit.leading.assumed)

    @property
    def moves(self) -> bool:
        """Whether x(alpha) depends on alpha at all: some kernel vector is nonnegative and nonzero off S."""
        return self._layer is not None

    @property
    def kappa(self) -> float:
        """The ratio max x*_S / min x*_S."""
        return float(self._limit.x_S.max() / self._limit.x_S.min())

    @property
    def rate(self) -> float:
        """The exponent of the leading order: ||x(alpha) - x*|| ~ alpha^rate. Exact.

        At depth 2 it is 1 - rho for unit costs, the least reduced cost gamma* over the base of the kernel cone
        otherwise; above, it is one, or the exponent of alpha in the prior. Infinite where x(alpha) = x* for every
        alpha.
        """
        return np.inf if self._layer is None else self._layer.rate

    @property
    def rho(self) -> Constant:
        """The null-space constant (II.1), exact or bracketed; NaN with the reason where it does not exist.

        True up to rounding: the two ends have no margin but that of `Constant`.
        """
        return self._constants.rho

    @property
    def rho_tilde(self) -> Constant:
        """The first constant of (II.2), exact or bracketed; NaN with the reason where it does not exist.

        It does not where the minimiser is not unique, or x(alpha) the same for every alpha.
        """
        return self._constants.rho_tilde

    @property
    def rho_minus(self) -> Constant:
        """The second constant of (II.2), exact or bracketed; NaN with the reason where it does not exist.

        It does not where the minimiser is not unique, or x(alpha) the same for every alpha.
        """
        return self._constants.rho_minus

    def is_at_hand(self, kind: Kind) -> bool:
        """Whether a null-space constant was computed before, or is quick.

        Quick are rho, constants that do not exist, those of an orthant (rank A_S = rank A), and those of at most six
        entries on S where the product of |S|, the number of columns off S, and rank A - |S| is at most 20,000.
        """
        return self._constants.is_at_hand(kind)

    def known(self, kind: Kind) -> Constant:
        """Return a null-space constant if it is at hand (see `is_at_hand`), else NaN and how to have it computed.

        Examples
        --------
        >>> from bregman_l1 import LinearSystem, analyze
        >>> analyze(LinearSystem([[1.0, 0.0, 5.0], [0.0, 1.0, -4.5]], [1.0, 1.0])).known("rho_tilde").value
        9.5
        """
        return self._constants.known(kind)

    @property
    def proofs(self) -> Mapping[str, Proof]:
        """What was proved in rationals, by name; empty unless `analyze` was asked for proofs.

        "limit": x* minimises, and is the only minimiser or not; where it is not, which entries are zero at every
        minimiser is proved, and not that x* is the one of largest entropy. "rho", and "rho_tilde" and "rho_minus" once
        they were computed: a constant that is exact has both ends equal in ``value``, any other a bracket there, which
        branch and bound in rationals may leave wider than its own.
        """
        proofs, kinds = self._proofs, get_args(Kind)
        if proofs is None:
            return MappingProxyType({})
        for kind in (kind for kind in kinds if self._constants.is_computed(kind) and kind not in proofs):
            constant = self._constants.known(kind)
            if not constant.reason:
                proofs[kind] = prove_known_constant(self._limit, kind, constant, self._constants.time_limit)
        return MappingProxyType(dict(proofs))

    @cached_property
    def power_laws(self) -> PowerLaws:
        """Exponent and coefficient of every coordinate, with the limit of the dual. Exact."""
        return laws_of(self._limit.potential).power_laws(self._limit, self._layer)

    @property
    def exponents(self) -> Vector:
        """Exponents s with x(alpha)_j ~ c_j alpha^{s_j}, shape (d,); infinite where x(alpha)_j = 0."""
        return self.power_laws.exponents

    @property
    def log_coefficients(self) -> Vector:
        """Logarithms of c with x(alpha)_j ~ c_j alpha^{s_j}, shape (d,); -inf where x(alpha)_j = 0."""
        return self.power_laws.log_coefficients

    @property
    def log_leading_constant(self) -> float:
        """Logarithm of K with ||x(alpha) off S||_1 / alpha^rate -> K; -inf where x(alpha) does not move."""
        return -np.inf if self._layer is None else self._layer.log_constant

    @cached_property
    def log_leading_constants(self) -> LeadingConstants:
        """The same for three norms: l1 off the support, l1 of all, largest entry off the support."""
        if self._layer is None:
            return LeadingConstants(off_support=-np.inf, total=-np.inf, maximum_off_support=-np.inf)
        return leading_constants(self._limit, self._layer)

    def deviation_of(self, log_x: ArrayLike) -> Deviation:
        """Return the deviation from ``x_star`` of a projection, given by its logarithms.

        Parameters
        ----------
        log_x : array_like of shape (d,)
            Of shape (2d,), the logarithms of x_plus and x_minus, for a `SignedAnalysis`.

        Returns
        -------
        Deviation
            Its signs, and the logarithms of its entries and of its l1 norm, without cancellation.

        Raises
        ------
        InvalidProblemError
            If log_x is no vector of that length.
        BackendError
            If there are several minimisers, and log x that of no projection.

        Examples
        --------
        >>> from bregman_l1 import LinearSystem, analyze
        >>> round(analyze(LinearSystem([[1.0, 0.5]], [1.0])).deviation_of([0.0, -2000.0]).log_l1, 6)
        -1999.594535
        """
        return deviation(self._limit, checked_vector("log_x", log_x, self._limit.x.size))

    def log_deviation(self, alpha: float | None = None, *, log_alpha: float | None = None) -> float:
        """Return log ||x(alpha) - x*||_1 itself, from a certified projection. An estimate, good to about 1e-9."""
        t = natural_log_alpha(alpha, log_alpha)
        return -np.inf if self._layer is None else self.deviation_of(log_projection(self._limit, t)).log_l1

    def log_largest_off_support(self, alpha: float | None = None, *, log_alpha: float | None = None) -> float:
        """Return log ||x(alpha) off S||_inf itself, from a certified projection, good to about 1e-9."""
        t = natural_log_alpha(alpha, log_alpha)
        return -np.inf if self._layer is None else log_largest_off_support(self._limit, t)

    @scales_by_keyword
    def plot(
        self, *, alphas: ArrayLike | None = None, log_alphas: ArrayLike | None = None, ax: Axes | None = None
    ) -> Axes:
        """Draw log10 ||x(alpha) - x*||_1 over log10 alpha: the truth, its enclosure, the bound (II.3), the exact limit.

        Parameters
        ----------
        alphas, log_alphas : array_like, optional
            Where, by alpha or by its natural logarithm; at 40 points from 1 down to exp(-70) if both are omitted.
        ax : matplotlib.axes.Axes, optional
            What to draw on; a new figure if omitted (`bregman_l1.plotting` says what all pictures have in common).

        Returns
        -------
        matplotlib.axes.Axes
            What was drawn on.

        Raises
        ------
        NotAdmissibleError
            If x(alpha) is the same for every alpha.
        InvalidProblemError
            If both are given, or what is given is empty, not positive or not finite.
        MissingPackageError
            If matplotlib is not installed.
        """
        from bregman_l1.plotting.analysis import plot_deviation

        return plot_deviation(self, alphas, log_alphas, ax)

    @scales_by_keyword
    def plot_lower_bounds(
        self, *, alphas: ArrayLike | None = None, log_alphas: ArrayLike | None = None, ax: Axes | None = None
    ) -> Axes:
        """Draw ||x(alpha) off S||_inf and both forms of (II.4) over log10 alpha, relative to the exact limit.

        Parameters, what is returned and raised are those of `plot`; `NotAdmissibleError` also where the rate is NaN.
        Where the printed form is above the truth it is false.
        """
        from bregman_l1.plotting.analysis import plot_lower_bounds

        return plot_lower_bounds(self, alphas, log_alphas, ax)

    @scales_by_keyword
    def to_dict(self, *, alphas: ArrayLike | None = None, log_alphas: ArrayLike | None = None) -> dict[str, Any]:
        """Return the page as plain numbers, strings and lists, ready for JSON; None for what does not exist."""
        from bregman_l1.theory.page import as_dict

        return as_dict(self, natural_log_alphas(alphas, log_alphas, default=_NO_SCALES))

    @scales_by_keyword
    def page(self, *, alphas: ArrayLike | None = None, log_alphas: ArrayLike | None = None) -> str:
        """Return one readable page, with the bounds beside the true deviation at the given alphas.

        Null-space constants that would take long, and bounds that need them, are left out until they were asked for.
        """
        from bregman_l1.theory.page import as_text

        return as_text(self, natural_log_alphas(alphas, log_alphas, default=_NO_SCALES))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the analysis to a file; see `bregman_l1.save`."""
        from bregman_l1.saving import save

        save(self, path)

    def __str__(self) -> str:
        return self.page()

    def _repr_html_(self) -> str:
        from bregman_l1.theory.page import as_html

        return as_html(self)

    def __repr__(self) -> str:
        depth = "" if self._limit.potential.is_logarithmic else f"depth={self.depth:g}, "
        return f"{type(self).__name__}({self.system!r}, {depth}|S|={self.support.size}, rate={self.rate:.6g})"

    @cached_property
    def _bounds(self) -> Bounds:
        return laws_of(self._limit.potential).bounds(self._limit, self._layer, self._constants)
