"""The bounds on x(alpha) - x* that an analysis is asked for, and who answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from bregman_l1.entry import entry_points
from bregman_l1.frozen import FrozenArrays
from bregman_l1.theory.bounds import LowerForm, checked_form
from bregman_l1.theory.logarithms import exponential, exponential_above, exponential_below
from bregman_l1.theory.rigorous.enclosure import Scale
from bregman_l1.theory.rigorous.limit import right_hand_side
from bregman_l1.validation import checked_flag, checked_positive

if TYPE_CHECKING:
    from bregman_l1.proof import RightHandSide
    from bregman_l1.theory.alpha_plan import AlphaPlan
    from bregman_l1.theory.enclosure import Encloser, Enclosure
    from bregman_l1.theory.limit import Limit


class Bounds(ABC):
    """What bounds the deviation from one limit, or refuses to, saying why; the arguments are checked before."""

    @abstractmethod
    def log_upper(self, scale: Scale, *, rigorous: bool) -> float:
        """See `AnalysisBounds.log_upper_bound`."""

    @abstractmethod
    def log_lower(self, scale: Scale, form: LowerForm, *, rigorous: bool) -> float:
        """See `AnalysisBounds.log_lower_bound`."""

    @abstractmethod
    def off_support(self, scale: Scale, *, rigorous: bool) -> Enclosure:
        """See `AnalysisBounds.enclosure`."""

    @abstractmethod
    def deviation(self, scale: Scale, *, rigorous: bool) -> Enclosure:
        """See `AnalysisBounds.deviation_enclosure`."""

    @abstractmethod
    def alpha_for(self, error: float, *, rigorous: bool) -> AlphaPlan:
        """See `AnalysisBounds.alpha_for`."""

    @property
    @abstractmethod
    def encloser(self) -> Encloser:
        """See `AnalysisBounds.encloser`."""


@entry_points
class AnalysisBounds(FrozenArrays):
    """The part of an `Analysis` that bounds the deviation at one scale alpha."""

    @property
    def limit(self) -> Limit:
        """The limit of x(alpha) with the kernel cone of its support."""
        raise NotImplementedError

    @property
    def _bounds(self) -> Bounds:
        raise NotImplementedError

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
        return self._bounds.log_upper(scale, rigorous=checked_flag("rigorous", rigorous))

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
        return self._bounds.log_lower(scale, checked_form(form), rigorous=checked_flag("rigorous", rigorous))

    def enclosure(
        self, alpha: float | None = None, *, log_alpha: float | None = None, rigorous: bool = False
    ) -> Enclosure:
        """Enclose ||x(alpha) off S||_1, for every alpha; both ends meet as alpha -> 0, of a signed x where rho > 0.

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
        return self._bounds.off_support(scale, rigorous=checked_flag("rigorous", rigorous))

    def deviation_enclosure(
        self, alpha: float | None = None, *, log_alpha: float | None = None, rigorous: bool = False
    ) -> Enclosure:
        """Enclose ||x(alpha) - x*||_1, for every alpha; both ends meet as alpha -> 0, of a signed x where rho > 0.

        Parameters and what is raised are those of `enclosure`.
        """
        scale = Scale.of(alpha, log_alpha)
        return self._bounds.deviation(scale, rigorous=checked_flag("rigorous", rigorous))

    @property
    def right_hand_side(self) -> RightHandSide:
        """The y' = A x_star that ``rigorous=True`` speaks of, and by how many roundings it differs from y: a proof."""
        return right_hand_side(self.limit)

    @property
    def encloser(self) -> Encloser:
        """What computes the enclosures, and states them as convex programs."""
        return self._bounds.encloser

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
        return self._bounds.alpha_for(checked_positive("error", error), rigorous=checked_flag("rigorous", rigorous))
