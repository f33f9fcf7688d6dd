"""`analyze`: the theory of one system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from bregman_l1.entry import entry_point
from bregman_l1.theory.analysis import Analysis
from bregman_l1.theory.signed_analysis import SignedAnalysis
from bregman_l1.validation import checked_flag

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem


@entry_point
def analyze(
    system: LinearSystem,
    cost: ArrayLike | None = None,
    *,
    prior: ArrayLike | None = None,
    depth: float = 2,
    signed: bool = False,
    time_limit: float | None = 10.0,
    proof: bool = False,
) -> Analysis:
    """Turn the theorem into numbers: how the projections x(alpha) of a system approach their limit.

    Parameters
    ----------
    system : LinearSystem
    cost : array_like of shape (d,), optional
        Exponents of alpha in the prior; ones, the case of the paper, if omitted.
    prior : array_like of shape (d,), optional
        Factors of alpha**cost, finite and nonnegative; ones if omitted. Coordinates whose factor is zero are zero for
        every alpha, and in no support; which of several minimisers is the limit, coefficients, and bounds depend on
        the others.
    depth : float, default 2
        The depth D of the network, a real number from 2 on, or infinity. Above 2 the limit is the minimiser of
        sum_j prior_j^-q x_j, q = (D-2)/D, of largest sum_j x_j^(2/D) where there are several; every other coordinate
        falls like alpha; and the theorem and the enclosures, which are of depth 2, are refused.
    signed : bool, default False
        Whether x may have either sign, x = u**D - v**D from u_0 = v_0: what is returned is a `SignedAnalysis`.
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
        If no x >= 0 that vanishes where the prior does solves A x = y.
    InvalidProblemError
        If the cost, the prior or the time limit is wrong, or cost'x is unbounded below.
    NotAdmissibleError
        If the depth is above 2 and the cost not the same positive number for all.
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

    At depth 3 every coordinate falls like alpha, here as 8 alpha:

    >>> import math
    >>> deep = analyze(LinearSystem([[1.0, 0.5]], [1.0]), depth=3)
    >>> deep.rate, round(math.exp(deep.log_coefficients[1]), 9)
    (1.0, 8.0)

    Signed, rho is the least size of a dual certificate off the support:

    >>> signed = analyze(LinearSystem([[1.0, -0.5]], [-1.0]), signed=True)
    >>> signed.x_star.tolist(), signed.rho.value
    ([-1.0, 0.0], 0.5)

    A near tie is none:

    >>> analysis = analyze(LinearSystem([[1.0, 1.0 - 2.0**-30]], [1.0]), proof=True)
    >>> analysis.x_star.tolist(), analysis.unique, analysis.proofs["limit"].ok
    ([1.0, 0.0], True, True)
    """
    kind = SignedAnalysis if checked_flag("signed", signed) else Analysis
    return kind(system, cost, prior=prior, depth=depth, time_limit=time_limit, proof=proof)
