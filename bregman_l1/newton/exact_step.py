"""The Newton step of a projection in ball arithmetic: all its digits, whatever the scales."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from flint import arb, arb_mat
from numpy.typing import NDArray

from bregman_l1 import exact
from bregman_l1._types import Index, Mask, Matrix, Vector, Wide, in_double
from bregman_l1.exact import BITS, at_precision, ball_solution, balls, midpoints

if TYPE_CHECKING:
    from bregman_l1.potential import Potential

# A step known to this is known.
_RESOLVED = 1e-15


class PriorSums:
    """T'theta(p)_J - theta(p)_R, equal priors summed first, so that what cancels is exactly zero.

    Theta(p) may be larger than theta(x) by more than all digits.

    Parameters
    ----------
    on_basis, on_rest : ndarray of shape (k,) and (m,)
        What tells priors apart.

    Attributes
    ----------
    values : ndarray of shape (g,)
        Those of the basis, each once.
    of_basis, of_rest : ndarray of shape (k, g) and (m, g)
        1 where a column has the value, 0 elsewhere.
    """

    def __init__(self, on_basis: Wide | Index, on_rest: Wide | Index) -> None:
        self.values: NDArray[Any] = np.unique(on_basis)
        self.of_basis: Matrix = np.equal.outer(on_basis, self.values).astype(np.float64)
        self.of_rest: Matrix = np.equal.outer(on_rest, self.values).astype(np.float64)

    def coefficients(self, transposed: arb_mat) -> arb_mat:
        """T' of_basis - of_rest, from T': how often each value counts."""
        return transposed * balls(self.of_basis) - balls(self.of_rest)

    def total(self, coefficients: arb_mat, theta: list[arb], theta_rest: list[arb]) -> list[arb]:
        """The sums, of theta at the values of the basis and at the priors of the rest."""
        sums = (coefficients * arb_mat(len(theta), 1, theta)).entries()
        is_counted = np.asarray(self.of_rest.any(axis=1)).tolist()
        return [s if counted else s - own for s, counted, own in zip(sums, is_counted, theta_rest, strict=True)]


class ExactProjection:
    """The equations x_J + T x_R = u, theta_R = T'theta_J - rho of a projection, in balls.

    Theta is the potential's map of x, and rho = T'theta(p)_J - theta(p)_R.

    Parameters
    ----------
    potential : Potential
    matrix, columns : ndarray of shape (k, k) and (k, m)
        A_J and A_R.
    y : ndarray of shape (k,)
    vanishing : ndarray of bool, shape (k,)
        The entries of u that count as zero.
    on_basis, on_rest : ndarray of shape (k,) and (m,)
        The logarithm of the prior.
    """

    def __init__(
        self,
        potential: Potential,
        matrix: Matrix,
        columns: Matrix,
        y: Vector,
        vanishing: Mask,
        on_basis: Wide,
        on_rest: Wide,
    ) -> None:
        self._potential, self._matrix, self._vanishing = potential, matrix, vanishing
        self._right = np.column_stack([columns, y])
        self._priors, self._on_rest = PriorSums(on_basis, on_rest), on_rest
        self._zero = exact.zeros(matrix, self._right)
        self._cancelled = exact.cancelled(matrix, columns, self._priors.of_basis, self._priors.of_rest)

    def newton(self, om: Vector, log_rest: Vector) -> tuple[Vector, Vector] | None:
        """The Newton step of log x_J and log x_R at any candidate; None where no precision resolves it."""
        for bits in BITS:
            with at_precision(bits):
                step = self._step(om, log_rest)
                if step is not None:
                    middle, radius = midpoints(step, (om.size + log_rest.size,))
                    if (radius <= _RESOLVED + np.abs(middle) * 1e-6).all():
                        return middle[: om.size], middle[om.size :]
        return None

    def _step(self, om: Vector, log_rest: Vector) -> arb_mat | None:
        k, m = om.size, log_rest.size
        solved = ball_solution(self._matrix, self._right)
        if solved is None or self._zero is None or self._cancelled is None:
            return None
        entries = _cleared(solved, self._zero)
        T = arb_mat(k, m, [entries[i * (m + 1) + j] for i in range(k) for j in range(m)])
        u = [arb(0) if gone else entries[i * (m + 1) + m] for i, gone in enumerate(self._vanishing)]
        theta, before = self._theta(om), self._theta(log_rest)
        slope, slope_before = ([self._potential.ball_slope(value) for value in values] for values in (theta, before))
        ahead = (T.transpose() * arb_mat(k, 1, theta)).entries()
        misfit = [a - rho - b for a, rho, b in zip(ahead, self._rho(T, self._cancelled), before, strict=True)]
        weights = [arb(value).exp() / s for value, s in zip(log_rest.tolist(), slope_before, strict=True)]
        inverse = [(-arb(value)).exp() for value in om.tolist()]
        W = arb_mat(k, m, [T[i, j] * weights[j] * inverse[i] for i in range(k) for j in range(m)])
        moved = [s + change for s, change in zip(slope_before, misfit, strict=True)]
        sums = (W * arb_mat(m, 1, moved)).entries() if m else [arb(0)] * k
        missing = arb_mat(k, 1, [u[i] * inverse[i] - 1 - sums[i] for i in range(k)])
        jacobian = (W * T.transpose()).tolist()
        for i, row in enumerate(jacobian):
            jacobian[i] = [entry * s for entry, s in zip(row, slope, strict=True)]
            jacobian[i][i] += 1
        try:
            d = arb_mat(jacobian).solve(missing)
        except ZeroDivisionError:
            return None
        d_theta = arb_mat(k, 1, [a * b for a, b in zip(slope, d.entries(), strict=True)])
        changes = zip((T.transpose() * d_theta).entries(), misfit, slope_before, strict=True)
        return arb_mat(k + m, 1, [*d.entries(), *((a + b) / s for a, b, s in changes)])

    def _theta(self, log_x: Wide) -> list[arb]:
        high = in_double(log_x)
        both = zip(high.tolist(), in_double(log_x - high).tolist(), strict=True)
        return [self._potential.ball_gradient(arb(value) + arb(rest)) for value, rest in both]

    def _rho(self, T: arb_mat, cancelled: Mask) -> list[arb]:
        priors = self._priors
        counts = arb_mat(*priors.of_rest.shape, _cleared(priors.coefficients(T.transpose()), cancelled))
        return priors.total(counts, self._theta(priors.values), self._theta(self._on_rest))


def _cleared(matrix: arb_mat, zero: Mask) -> list[arb]:
    """The entries, those that are zero exactly so."""
    return [arb(0) if gone else entry for gone, entry in zip(zero.ravel().tolist(), matrix.entries(), strict=True)]
