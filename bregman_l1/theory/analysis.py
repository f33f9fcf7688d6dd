"""`analyze`: everything the theory says about one system, in one object."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import ArrayLike

from bregman_l1._solve import solve
from bregman_l1._types import Index, Vector
from bregman_l1.budget import Budget
from bregman_l1.caching import cached_property
from bregman_l1.entry import entry_point, entry_points
from bregman_l1.errors import BackendError, NotAdmissibleError, UndefinedConstantError
from bregman_l1.frozen import FrozenArrays
from bregman_l1.polyhedron.kernel_cone import EMPTY_BASE
from bregman_l1.problems.nullspace import Kind, NullSpaceConstant, checked_kind
from bregman_l1.problems.projection import projection_at
from bregman_l1.progress import ProgressBar
from bregman_l1.scale import natural_log_alpha, natural_log_alphas, scales_by_keyword
from bregman_l1.theory.alpha_plan import AlphaPlan, crossing
from bregman_l1.theory.asymptotics import (
    Layer,
    LeadingConstants,
    PowerLaws,
    leading_constants,
    leading_layer,
    power_laws,
)
from bregman_l1.theory.bounds import LowerForm, TheoremBounds, checked_form
from bregman_l1.theory.constants import Constant, bracketed, checked_time_limit, is_quick, rho_at_vertex
from bregman_l1.theory.deviation import deviation
from bregman_l1.theory.enclosure import POINT, Encloser, Enclosure
from bregman_l1.theory.limit import Limit, find_limit
from bregman_l1.theory.logarithms import exponential, exponential_above, exponential_below
from bregman_l1.theory.proofs import prove_known_constant, proved_limit
from bregman_l1.theory.rigorous.bounds import RigorousTheorem
from bregman_l1.theory.rigorous.enclosure import RigorousEncloser, Scale
from bregman_l1.theory.rigorous.limit import Precisions, right_hand_side
from bregman_l1.validation import checked_flag, checked_positive

if TYPE_CHECKING:
    import os

    from matplotlib.axes import Axes

    from bregman_l1.proof import Proof, RightHandSide
    from bregman_l1.system import LinearSystem


# Allowance for the constants in the growth of x(alpha) as alpha becomes large.
_E_FOLDS = 60.0
_NO_SCALES: Vector = np.zeros(0)
_NO_KERNEL_VECTOR = "does not exist: no kernel vector is nonnegative and nonzero off S"


@entry_points
class Analysis(FrozenArrays):
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
        time_limit: float | None = 10.0,
        proof: bool = False,
    ) -> None:
        self._limit = find_limit(system, cost)
        self._time_limit = checked_time_limit(time_limit)
        if proof := checked_flag("proof", proof):
            self._limit, of_limit = proved_limit(self._limit)
            self._proofs = {"limit": of_limit}
        self._layer = self._leading_layer()
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
        """The limit of x(alpha), shape (d,): the l1 minimiser, of largest entropy if there are several."""
        return self._limit.x

    @property
    def support(self) -> Index:
        """Indices of the positive entries of ``x_star``; of the support of any minimiser, if there are several."""
        return self._limit.support

    @property
    def unique(self) -> bool:
        """Whether the l1 minimiser is unique (Assumption II.1(c))."""
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

        It is 1 - rho for unit costs, the least reduced cost gamma* over the base of the kernel cone
        otherwise; infinite where x(alpha) = x* for every alpha.
        """
        return np.inf if self._layer is None else self._layer.rate

    @cached_property
    def rho(self) -> Constant:
        """The null-space constant (II.1), exact or bracketed; NaN with the reason where it does not exist.

        True up to rounding: the two ends have no margin but that of `Constant`.
        """
        if self.unique and self.moves and self._has_unit_cost:
            found = rho_at_vertex(self._limit.cone, self._limit.steepest)
            return found if found.exact else self._constant("rho")
        return self._constant("rho")

    @cached_property
    def rho_tilde(self) -> Constant:
        """The first constant of (II.2), exact or bracketed; NaN with the reason where it does not exist.

        It does not where the minimiser is not unique, or x(alpha) the same for every alpha.
        """
        return self._constant("rho_tilde")

    @cached_property
    def rho_minus(self) -> Constant:
        """The second constant of (II.2), exact or bracketed; NaN with the reason where it does not exist.

        It does not where the minimiser is not unique, or x(alpha) the same for every alpha.
        """
        return self._constant("rho_minus")

    def is_at_hand(self, kind: Kind) -> bool:
        """Whether a null-space constant was computed before, or is quick.

        Quick are rho, constants that do not exist, those of an orthant (rank A_S = rank A), and those of at most six
        entries on S where the product of |S|, the number of columns off S, and rank A - |S| is at most 20,000.
        """
        cone, is_linear = self._limit.cone, checked_kind(kind) == "rho"
        return kind in vars(self) or is_linear or not (self.moves and cone.is_injective) or is_quick(cone)

    def known(self, kind: Kind) -> Constant:
        """Return a null-space constant if it is at hand (see `is_at_hand`), else NaN and how to have it computed.

        Examples
        --------
        >>> from bregman_l1 import LinearSystem, analyze
        >>> analyze(LinearSystem([[1.0, 0.0, 5.0], [0.0, 1.0, -4.5]], [1.0, 1.0])).known("rho_tilde").value
        9.5
        """
        if not self.is_at_hand(kind):
            return Constant.missing(f"not computed (call .{kind})")
        constant: Constant = getattr(self, kind)
        return constant

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
        for kind in (kind for kind in kinds if kind in vars(self) and kind not in proofs):
            if not vars(self)[kind].reason:
                proofs[kind] = prove_known_constant(self._limit, kind, vars(self)[kind], self._time_limit)
        return MappingProxyType(dict(proofs))

    @cached_property
    def power_laws(self) -> PowerLaws:
        """Exponent and coefficient of every coordinate, with the limit of the dual. Exact."""
        return power_laws(self._limit, self._layer)

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

    def upper_bound(
        self, alpha: float | None = None, *, log_alpha: float | None = None, rigorous: bool = False
    ) -> float:
        """Bound ||x(alpha) - x*||_1 from above by (II.3).

        Parameters
        ----------
        alpha, log_alpha : float
            Exactly one of the two.
        rigorous : bool, default False
            The formula in balls, rounded up, with proved upper bounds of the constants, which may be larger than the
            constants themselves; see `enclosure` for what is proved. Without it the formula is evaluated in floating
            point, with the upper ends of ``rho``, ``rho_tilde`` and ``rho_minus``: true up to rounding, with no margin
            for it; in the logarithm that is a few 1e-16 of |log alpha|, more where A_S is ill-conditioned.

        Returns
        -------
        float
            0 where the bound underflows, the smallest positive float if it is rigorous; 0 where x(alpha) does not
            move.

        Raises
        ------
        NotAdmissibleError
            Unless alpha < min x*_S, the costs are one, and the minimiser unique; where a constant is not proved.
        """
        rigorous = checked_flag("rigorous", rigorous)
        log_bound = self.log_upper_bound(alpha, log_alpha=log_alpha, rigorous=rigorous)
        return exponential_above(log_bound) if rigorous else exponential(log_bound)

    def log_upper_bound(
        self, alpha: float | None = None, *, log_alpha: float | None = None, rigorous: bool = False
    ) -> float:
        """Logarithm of `upper_bound`."""
        scale = Scale.of(alpha, log_alpha)
        if not self.moves:
            return self.deviation_enclosure(log_alpha=scale.log_alpha, rigorous=rigorous).log_upper
        theorem = self._theorem("(II.3)")
        return (
            self._rigorous_theorem.log_upper(scale)
            if checked_flag("rigorous", rigorous)
            else theorem.log_upper(scale.log_alpha)
        )

    def lower_bound(
        self,
        alpha: float | None = None,
        form: LowerForm = "corrected",
        *,
        log_alpha: float | None = None,
        rigorous: bool = False,
    ) -> float:
        """Bound ||x(alpha) off S||_inf from below by (II.4); 0 where the bound underflows, or x(alpha) does not move.

        Parameters
        ----------
        alpha, log_alpha : float
            Exactly one of the two.
        form : {"corrected", "printed"}
            As it can be proved, or as printed, which is false in general.
        rigorous : bool, default False
            The formula in balls, rounded down, with constants that are proved to be on the safe side; see `enclosure`
            for what is proved. Of the printed form it is the formula that is evaluated so: the statement stays false
            in general. Without it the formula is evaluated in floating point without a margin, as in `upper_bound`.

        Raises
        ------
        NotAdmissibleError
            Outside the range of alpha for which the form is claimed, for costs other than one, and where the
            minimiser is not unique, or a constant not proved.
        """
        rigorous = checked_flag("rigorous", rigorous)
        log_bound = self.log_lower_bound(alpha, log_alpha=log_alpha, form=form, rigorous=rigorous)
        return exponential_below(log_bound) if rigorous else exponential(log_bound)

    def log_lower_bound(
        self,
        alpha: float | None = None,
        form: LowerForm = "corrected",
        *,
        log_alpha: float | None = None,
        rigorous: bool = False,
    ) -> float:
        """Logarithm of `lower_bound`."""
        scale = Scale.of(alpha, log_alpha)
        checked_form(form)
        if not self.moves:
            return self.deviation_enclosure(log_alpha=scale.log_alpha, rigorous=rigorous).log_lower
        theorem = self._theorem("(II.4)")
        return (
            self._rigorous_theorem.log_lower(scale, form)
            if checked_flag("rigorous", rigorous)
            else theorem.log_lower(scale.log_alpha, form)
        )

    def enclosure(
        self, alpha: float | None = None, *, log_alpha: float | None = None, rigorous: bool = False
    ) -> Enclosure:
        """Enclose ||x(alpha) off S||_1, for every alpha; both ends meet as alpha -> 0.

        Parameters
        ----------
        alpha, log_alpha : float
            Exactly one of the two.
        rigorous : bool, default False
            A proof: evaluated in balls, with both ends rounded outward. It speaks of A, of alpha or log alpha, and of
            ``x_star`` as the rationals that these floats are, and of x(alpha) for the right-hand side y' = A x_star,
            exactly; ``right_hand_side`` says by how many roundings y' differs from y. Any cost will do. Without it
            both ends are true up to rounding: they are moved outward by (4 + the condition number of A_S) 2^-52 of
            the terms of the logarithms, some of which are as large as |log alpha|, and by what the residual of
            ``x_star`` says of its error. That is an estimate of the rounding, and no bound of it.

        Raises
        ------
        NotAdmissibleError
            For ``rigorous``, where the minimiser is not unique, or something could not be proved: the message says
            what. A lower end that could not is -inf.

        Examples
        --------
        >>> from bregman_l1 import LinearSystem, analyze
        >>> enclosure = analyze(LinearSystem([[1.0, 0.5]], [1.0])).enclosure(log_alpha=-2302.6, rigorous=True)
        >>> enclosure.log_lower <= -1151.3 <= enclosure.log_upper, enclosure.log_width < 1e-12
        (True, True)
        """
        scale = Scale.of(alpha, log_alpha)
        if checked_flag("rigorous", rigorous):
            return self._rigorous.off_support(scale)
        return POINT if self._layer is None else self.encloser.off_support(scale.log_alpha)

    def deviation_enclosure(
        self, alpha: float | None = None, *, log_alpha: float | None = None, rigorous: bool = False
    ) -> Enclosure:
        """Enclose ||x(alpha) - x*||_1, for every alpha; both ends meet as alpha -> 0.

        Parameters and what is raised are those of `enclosure`.
        """
        scale = Scale.of(alpha, log_alpha)
        if checked_flag("rigorous", rigorous):
            return self._rigorous.deviation(scale)
        return POINT if self._layer is None else self.encloser.deviation(scale.log_alpha)

    @cached_property
    def right_hand_side(self) -> RightHandSide:
        """The y' = A x_star that ``rigorous=True`` speaks of, and by how many roundings it differs from y: a proof."""
        return right_hand_side(self._limit)

    @cached_property
    def encloser(self) -> Encloser:
        """What computes the enclosures, and states them as convex programs."""
        if self._layer is None:
            raise UndefinedConstantError(EMPTY_BASE)
        return Encloser(self._limit, self._layer)

    def log_deviation(self, alpha: float | None = None, *, log_alpha: float | None = None) -> float:
        """Return log ||x(alpha) - x*||_1 itself, from a certified projection. An estimate, good to about 1e-9."""
        t = natural_log_alpha(alpha, log_alpha)
        return -np.inf if self._layer is None else deviation(self._limit, self._log_x(t)).log_l1

    def log_largest_off_support(self, alpha: float | None = None, *, log_alpha: float | None = None) -> float:
        """Return log ||x(alpha) off S||_inf itself, from a certified projection, good to about 1e-9."""
        t = natural_log_alpha(alpha, log_alpha)
        return -np.inf if self._layer is None else float(self._log_x(t)[self._limit.cone.outside].max())

    def alpha_for(self, error: float, *, rigorous: bool = False) -> AlphaPlan:
        """How small alpha must be for ||x(alpha) - x*||_1 to fall below ``error``.

        The guarantee needs an upper bound of rho_tilde where the minimiser is unique, within its time limit.

        Parameters
        ----------
        error : float
            The distance.
        rigorous : bool, default False
            ``log_guaranteed`` is proved: at it, with a proved bound of rho_tilde, and at every smaller alpha; see
            `enclosure` for what of. ``log_exact`` stays an estimate. Without it the guarantee is true up to rounding,
            with the margin that `enclosure` has.

        Raises
        ------
        InvalidProblemError
            If error is not positive and finite.
        NotAdmissibleError
            If no log alpha above -1e15 is seen to be small enough; for ``rigorous`` also where the minimiser is not
            unique, or something could not be proved.
        """
        error, rigorous = checked_positive("error", error), checked_flag("rigorous", rigorous)
        if self._layer is None:
            self.deviation_enclosure(log_alpha=0.0, rigorous=rigorous)
            return AlphaPlan(error=error, log_guaranteed=np.inf, log_exact=np.inf)
        log_error = float(np.log(error))
        guess = (log_error - self.log_leading_constants.total) / self.rate
        farthest = self._log_alpha_of_growth(log_error)
        growth = self._growth(rigorous)
        guaranteed = crossing(lambda t: self.encloser.guarantee(t, growth) - log_error, guess, max(guess, farthest))
        if rigorous:
            guaranteed = self._rigorous.guaranteed(error, growth, min(guaranteed, max(guess, farthest)))
        exact = crossing(lambda t: self.log_deviation(log_alpha=t) - log_error, guaranteed, farthest)
        return AlphaPlan(error=error, log_guaranteed=guaranteed, log_exact=exact)

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

        Parameters, what is returned and raised are those of `plot`. Where the printed form is above the truth it
        is false.
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
        return f"Analysis({self.system!r}, |S|={self.support.size}, rate={self.rate:.6g})"

    def _log_alpha_of_growth(self, log_error: float) -> float:
        """A log(alpha) at which a deviation that is not bounded is far beyond the error: it grows like the prior."""
        size = max(0.0, log_error, float(np.log(self._limit.x_S.max())))
        cost = np.abs(self._limit.cost)
        return (size + _E_FOLDS) / float(cost[cost > 0].min())

    def _leading_layer(self) -> Layer | None:
        limit = self._limit
        if not limit.cone.outside.size:
            return None
        try:
            leading = limit.leading
            layer = leading_layer(limit.cone, limit.gamma, limit.tilt(leading.vertex.b), leading.vertex, leading.ties)
        except UndefinedConstantError:
            return None
        if not layer.rate > 0:
            raise BackendError("the minimiser found is none: its cost does not grow along some feasible direction")
        return layer

    @property
    def _has_unit_cost(self) -> bool:
        return bool((self._limit.cost == 1).all())

    def _constant(self, kind: Kind) -> Constant:
        if not self.moves:
            return Constant.missing(_NO_KERNEL_VECTOR)
        budget = Budget(seconds=self._time_limit)
        try:
            problem = NullSpaceConstant.over(self._limit.cone, kind)
        except UndefinedConstantError as error:
            return Constant.missing(str(error))
        note = kind if self._time_limit == np.inf else f"{kind}, at most {self._time_limit:g} s"
        with ProgressBar(1, wanted=sys.stderr.isatty() and not self.is_at_hand(kind)) as bar:
            bar.update(0, note)
            found = bracketed(problem, self._limit.steepest.p, budget)
            bar.update(1, note)
        return found

    def _log_x(self, log_alpha: float) -> Vector:
        return solve(projection_at(self.system, log_alpha, self._limit.cost)).log_x

    def _theorem(self, name: str) -> TheoremBounds:
        if not self.unique:
            raise NotAdmissibleError(
                f"{name} needs a unique l1 minimiser (Assumption II.1(c)); enclosure() and rate do not"
            )
        if not self._has_unit_cost:
            raise NotAdmissibleError(f"{name} is stated for unit costs; enclosure() and rate hold for any")
        return self._unit_theorem

    @property
    def _rigorous(self) -> RigorousEncloser:
        """The encloser in balls."""
        return RigorousEncloser(self._precisions, None if self._layer is None else self.encloser)

    @cached_property
    def _rigorous_theorem(self) -> RigorousTheorem:
        """The bounds in balls."""
        return RigorousTheorem(self._precisions, self._time_limit)

    @cached_property
    def _precisions(self) -> Precisions:
        """The limit in balls."""
        if not self.unique:
            raise NotAdmissibleError(
                "rigorous=True needs a unique minimiser: the limit of several is known up to rounding only, and no "
                "right-hand side is known for which it is the limit exactly; without it the enclosures hold up to "
                "rounding"
            )
        return Precisions(self._limit)

    def _growth(self, rigorous: bool) -> float:
        """A bound of ||B p||_1 for the shares p."""
        if rigorous:
            return self._rigorous_theorem.rho_tilde
        return self.rho_tilde.upper if self.unique else self.encloser.largest_response

    @cached_property
    def _unit_theorem(self) -> TheoremBounds:
        x = self._limit.x_S
        return TheoremBounds(
            rho=self.rho,
            rho_tilde=self.rho_tilde,
            rho_minus=self.rho_minus,
            smallest=float(x.min()),
            largest=float(x.max()),
            n_off_support=self._limit.cone.outside.size,
        )


@entry_point
def analyze(
    system: LinearSystem,
    cost: ArrayLike | None = None,
    *,
    time_limit: float | None = 10.0,
    proof: bool = False,
) -> Analysis:
    """Turn the theorem into numbers: how the projections x(alpha) of a system approach their limit.

    Parameters
    ----------
    system : LinearSystem
    cost : array_like of shape (d,), optional
        Exponents of the prior alpha**cost; ones, the case of the paper, if omitted.
    time_limit : float, default 10
        Seconds for each of rho, rho_tilde and rho_minus, in which it is bracketed as closely as possible; None for no
        limit. It does not cover ``analyze`` itself, which finds the limit and the rate whatever that takes: an l1
        minimiser, a linear program over the kernel cone (a second for |S| = 80 at 500 x 3000), and where rounding
        hides the rate or a tie, a decision in rationals (four seconds for |S| = N at 200 x 1000).
    proof : bool, default False
        Prove the limit, and the constants once they are computed, in rationals; see `Analysis.proofs`. A constant may
        take its time limit once more.

    Returns
    -------
    Analysis
        Limit and support, null-space constants with witnesses, rate and exponents, Theorem II.2 of
        Matt & Stoeger 2025, sharp enclosures, and how small alpha must be for a given error.

    Raises
    ------
    InfeasibleError
        If no x >= 0 solves A x = y.
    InvalidProblemError
        If the cost or the time limit is wrong, or cost'x is unbounded below.
    BackendError
        If the minimiser was not found.

    Warns
    -----
    NotProvedWarning
        If a proof was asked for and that of the limit fails.

    Notes
    -----
    A reduced cost is zero where it is so in rationals, floats being rationals; where that is too much work, what
    rounding hides is taken for zero, and ``assumed_ties`` says so. A part of a column below 32 roundings counts as
    none, and what 64 roundings of A x explain in y is no entry of x: the limit, and what is said around it, is that
    of the system read so. ``rigorous=True`` reads nothing so: see `Analysis.enclosure`.

    Examples
    --------
    >>> from bregman_l1 import LinearSystem, analyze
    >>> analysis = analyze(LinearSystem([[1.0, 0.0, 5.0], [0.0, 1.0, -4.5]], [1.0, 1.0]))
    >>> analysis.rate, analysis.rho.value, analysis.rho_tilde.value
    (0.5, 0.5, 9.5)
    >>> round(analysis.enclosure(log_alpha=-2000.0).log_upper, 6)
    -1000.0

    A near tie is none:

    >>> analysis = analyze(LinearSystem([[1.0, 1.0 - 2.0**-30]], [1.0]), proof=True)
    >>> analysis.x_star.tolist(), analysis.unique, analysis.proofs["limit"].ok
    ([1.0, 0.0], True, True)
    """
    return Analysis(system, cost, time_limit=time_limit, proof=proof)
