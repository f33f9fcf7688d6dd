"""Theorem II.2 of Matt & Stoeger 2025: its bounds as printed, and the lower bound as it can be proved.

The printed lower bound (II.4) is false in general: the step to (III.11) drops the factor ||m_S||_1, which is
at most rho_tilde ||m_{S^c}||_1 and not ||m_{S^c}||_1. It can fail from rho_tilde > 1 + sqrt(3) on. Carrying the
factor along, and bounding |log(1 + v)| by -log(1 - |v|), gives the corrected form.

They are evaluated in floating point, without a margin; `bregman_l1.theory.rigorous.bounds` evaluates them in balls.
For a prior beta alpha the same proofs, with log(x / (beta alpha)) orthogonal to the kernel, give

    ||x(alpha) - x*||_1 <= (1 + rho_tilde) alpha (m / alpha)^rho kappa^rho_minus sum beta_R,
    ||x(alpha)_R||_inf >= min beta_R alpha (M / alpha)^rho kappa^-rho_minus (1 - g)^rho_tilde,

with m and M the extremes of x*_i / beta_i on S, kappa = M / m, and g the first bound without its factor
1 + rho_tilde, times rho_tilde / min x*_S. They are what is evaluated; beta = 1 is the theorem.

All formulas increase with rho_tilde and rho_minus on the side where that is safe, so that the upper ends of
brackets keep them valid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from bregman_l1.errors import InvalidProblemError, NotAdmissibleError

if TYPE_CHECKING:
    from bregman_l1.theory.constants import Constant

LowerForm = Literal["corrected", "printed"]


def checked_form(form: LowerForm) -> LowerForm:
    """Return the form.

    Raises
    ------
    InvalidProblemError
        If it is unknown.
    """
    if not isinstance(form, str) or form not in get_args(LowerForm):
        raise InvalidProblemError(f"form must be one of {', '.join(get_args(LowerForm))}; got {form!r}")
    return form


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TheoremBounds:
    """The data that Theorem II.2 needs of a system.

    Attributes
    ----------
    rho, rho_tilde, rho_minus : Constant
        The null-space constants.
    smallest, largest : float
        The extremes of x* / prior on its support.
    least_entry : float
        The smallest entry of x* on its support.
    least_prior, total_prior : float
        The smallest entry of the prior off the support, and the sum of all.
    is_even : bool
        Whether the prior is the same everywhere, as where the printed form is stated.
    """

    rho: Constant
    rho_tilde: Constant
    rho_minus: Constant
    smallest: float
    largest: float
    least_entry: float
    least_prior: float
    total_prior: float
    is_even: bool

    @property
    def log_kappa(self) -> float:
        """Logarithm of kappa = max / min of x* / prior on S."""
        return float(np.log(self.largest / self.smallest))

    def log_upper(self, log_alpha: float) -> float:
        """Log of the bound (II.3) on ||x(alpha) - x*||_1, the factor alpha^(1 - rho) included.

        Raises
        ------
        NotAdmissibleError
            Unless alpha < min x*_S / prior_S.
        """
        log_smallest = float(np.log(self.smallest))
        if not log_alpha < log_smallest:
            raise NotAdmissibleError(
                f"(II.3) needs alpha < min x*_S / prior_S = {self.smallest:.6g}, that is log alpha < "
                f"{log_smallest:.6g}; got log alpha = {log_alpha:.6g}"
            )
        return float(np.log1p(self.rho_tilde.upper)) + self._log_off_support(log_alpha)

    def _log_off_support(self, log_alpha: float) -> float:
        """Log of the bound on ||x(alpha) off S||_1."""
        exponent = self.rho.upper * (float(np.log(self.smallest)) - log_alpha)
        return log_alpha + exponent + float(np.log(self.total_prior)) + self.rho_minus.upper * self.log_kappa

    def log_lower(self, log_alpha: float, form: LowerForm = "corrected") -> float:
        """Log of the bound (II.4) on ||x(alpha) off S||_inf, the factor alpha^(1 - rho) included.

        Raises
        ------
        NotAdmissibleError
            Where the form asked for is not claimed to hold.
        """
        exponent = self.rho.lower * (np.log(self.largest) - log_alpha) - self.rho_minus.upper * self.log_kappa
        share = self._corrected(log_alpha) if form == "corrected" else self._printed(log_alpha)
        return float(log_alpha + np.log(self.least_prior) + exponent + share)

    def _log_size(self, factor: float, log_alpha: float) -> float:
        """Log of the bound on ||x(alpha) off S||_1, times factor / min x*_S."""
        with np.errstate(divide="ignore"):
            return float(np.log(factor)) + self._log_off_support(log_alpha) - float(np.log(self.least_entry))

    def _corrected(self, log_alpha: float) -> float:
        """rho_tilde log(1 - g); for beta = 1, g is rho_tilde |S^c| kappa^rho_minus (alpha / min x*_S)^(1 - rho)."""
        log_g = self._log_size(self.rho_tilde.upper, log_alpha)
        if not (log_g < 0 and log_alpha < np.log(self.smallest)):
            raise NotAdmissibleError(
                "the corrected lower bound needs alpha < min x*_S and rho_tilde |S^c| kappa^rho_minus "
                f"(alpha / min x*_S)^(1 - rho) < 1, in units of the prior; at log alpha = {log_alpha:.6g} its "
                f"logarithm is {log_g:.6g}"
            )
        return float(self.rho_tilde.upper * np.log1p(-np.exp(log_g)))

    def _printed(self, log_alpha: float) -> float:
        """log(1 - C eps^{1 - rho}) with C = 2 (1 + rho_tilde) |S^c| kappa^{rho_minus}."""
        if not self.is_even:
            raise NotAdmissibleError('(II.4) as printed is stated for alpha itself: a prior has form="corrected" alone')
        log_size = self._log_size(2 * (1 + self.rho_tilde.upper), log_alpha)
        if log_size > 0:
            raise NotAdmissibleError(
                "(II.4) needs (alpha / min x*_S)^(1 - rho) <= 1 / (2 (1 + rho_tilde) |S^c| kappa^rho_minus); at "
                f"log alpha = {log_alpha:.6g} the logarithm of their ratio is {log_size:.6g}"
            )
        with np.errstate(divide="ignore"):
            return float(np.log(-np.expm1(log_size)))
