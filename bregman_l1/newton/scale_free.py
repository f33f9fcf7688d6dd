"""The scale-free form of the optimality conditions: Newton's method on the logarithms of a basis.

With a basis J (see `bregman_l1.newton.basis`) the conditions A x = y, log x = b + A'lam become

    x_J + T x_R = u,    log x_R = T' om - rho,    om = log x_J,    rho = T' b_J - b_R.

Every row is divided by its x_i, so that rows of any scale count alike: W_ij = T_ij x_j / x_i. The prior
moves along a line b(tau) = base + tau * direction, and rho with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dgetrf, dgetrs

from bregman_l1.newton.basis import ROUNDING
from bregman_l1.newton.strip import Strip, make_strips

if TYPE_CHECKING:
    from bregman_l1.newton.basis import Basis

Vector = NDArray[np.float64]
Index = NDArray[np.intp]
Entries = NDArray[np.float64]

_LARGEST_EXPONENT = 600.0
# A ratio w may fall by up to 1 / (_FREE_FALL w): the linear model then errs by 1 / _FREE_FALL at most.
_FREE_FALL = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The prior's logarithm, b(tau) = base + tau * direction, each of shape (d,)."""

    base: Vector
    direction: Vector

    def at(self, tau: float) -> Vector:
        """b(tau)."""
        return self.base + tau * self.direction


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tableau:
    """One basis, the tabulated columns R, and what depends on them alone.

    Attributes
    ----------
    basis : Basis
    rest : ndarray of shape (m,)
        R, the columns that are not negligible.
    strips : tuple of Strip
        T, of shape (k, m).
    log_u : ndarray of shape (k,)
        log|u|, -inf where u is zero.
    offset, slope : ndarray of shape (m,)
        rho(tau) = offset + tau * slope, with rounding noise removed: ties in the exponents stay ties.
    """

    basis: Basis
    rest: Index
    strips: tuple[Strip, ...]
    log_u: Vector
    offset: Vector
    slope: Vector

    def point(self, tau: float, om: Vector) -> Iterate:
        """The iterate with log x_J = om at tau."""
        return Iterate(tau=tau, om=om, log_rest=self.pulled(om) - (self.offset + tau * self.slope))

    def pulled(self, om: Vector) -> Vector:
        """T' om."""
        return _pulled(self.strips, om)

    def weights(self, strip: Strip, point: Iterate) -> Any:
        """W_ij = T_ij x_j / x_i."""
        difference = strip.differences(point.log_rest, point.om)
        return strip.matrix(strip.entries * np.exp(np.minimum(difference, _LARGEST_EXPONENT)))

    def balance(self, point: Iterate) -> Vector:
        """u_i / x_i - 1."""
        return np.sign(self.basis.u) * np.exp(np.minimum(self.log_u - point.om, _LARGEST_EXPONENT)) - 1.0

    def log_ratios(self, strip: Strip, point: Iterate) -> Entries:
        """L_ij = log |T_ij| x_j / x_i, for the entries of the strip."""
        return strip.logs + strip.differences(point.log_rest, point.om)

    def largest_log_ratio(self, point: Iterate) -> float:
        """The largest L_ij."""
        return max((self.log_ratios(strip, point).max(initial=-np.inf) for strip in self.strips), default=-np.inf)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Iterate:
    """A point of the dual: om = log x_J, and log x_R, which follows from it."""

    tau: float
    om: Vector
    log_rest: Vector

    @property
    def size(self) -> float:
        """The largest |log x|."""
        return float(max(np.abs(self.om).max(initial=0.0), np.abs(self.log_rest).max(initial=0.0)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Direction:
    """A change of om = log x_J with the change of log x_R that goes with it."""

    om: Vector
    rest: Vector

    @property
    def size(self) -> float:
        """The largest change of an entry of log x."""
        return float(max(np.abs(self.om).max(initial=0.0), np.abs(self.rest).max(initial=0.0)))


def make_tableau(basis: Basis, rest: Index, tables: Iterable[Any], line: Line) -> Tableau:
    """Tabulate the columns ``rest``, given in parts."""
    with np.errstate(divide="ignore"):
        log_u = np.log(np.abs(basis.u))
    strips = make_strips(tables, basis.u.size)
    offset, slope = (_reduced(strips, b[basis.columns], b[rest]) for b in (line.base, line.direction))
    return Tableau(basis=basis, rest=rest, strips=strips, log_u=log_u, offset=offset, slope=slope)


class Linearisation:
    """The equations at one iterate, factorised once: M = I + W T' and the two right-hand sides."""

    def __init__(self, tableau: Tableau, point: Iterate) -> None:
        self.point = point
        self._tableau = tableau
        self._right, self._drift = tableau.balance(point), np.zeros(point.om.size)
        matrix = np.eye(point.om.size, order="F")
        with np.errstate(over="ignore", invalid="ignore"):  # seen below as a singular matrix
            for strip in tableau.strips:
                W = tableau.weights(strip, point)
                matrix += strip.times_transposed(W)
                self._right -= W.sum(axis=1)
                self._drift += W @ tableau.slope[strip.part]
        self._factor, self._pivots, info = dgetrf(matrix, overwrite_a=True)
        self.singular = info != 0 or not np.isfinite(self._factor).all()

    def corrector(self) -> Direction:
        """The Newton step at fixed tau."""
        return self._newton(self._right)

    def repeated_corrector(self, point: Iterate) -> Direction:
        """The step at a nearby point with the factors of this one."""
        right = self._tableau.balance(point)
        for strip in self._tableau.strips:
            right -= self._tableau.weights(strip, point).sum(axis=1)
        return self._newton(right)

    def tangent(self) -> Direction:
        """The derivative of the solution with respect to tau."""
        d_om = self._backsolve(self._drift)
        return Direction(om=d_om, rest=self._tableau.pulled(d_om) - self._tableau.slope)

    def usage(self, cap: float, *directions: Direction) -> list[float]:
        """What share of its limits each direction uses up: 1 means as far as the linear model can be trusted.

        The limits are on how far each ratio T_ij x_j / x_i and u_i / x_i may change: one far below one may grow
        until it is of order one; it may fall at will.
        """
        limits = _limits(self._tableau.log_u - self.point.om, cap)
        most = [_share(-direction.om, *limits) for direction in directions]
        for strip in self._tableau.strips:
            limits = _limits(self._tableau.log_ratios(strip, self.point), cap)
            changes = (strip.differences(direction.rest, direction.om) for direction in directions)
            most = [max(share, _share(change, *limits)) for share, change in zip(most, changes, strict=True)]
        return most

    def _newton(self, right: Vector) -> Direction:
        d_om = self._backsolve(right)
        return Direction(om=d_om, rest=self._tableau.pulled(d_om))

    def _backsolve(self, right: Vector) -> Vector:
        return np.asarray(dgetrs(self._factor, self._pivots, right)[0], dtype=np.float64)


def _limits(log_ratios: Entries, cap: float) -> tuple[Entries, Entries]:
    """Reciprocals of the largest changes allowed, up and down."""
    low = np.minimum(log_ratios, 0.0)
    rise = 1.0 / (cap - low)
    return rise, np.minimum(rise, np.exp(low) * _FREE_FALL)


def _share(change: Entries, rise: Entries, fall: Entries) -> float:
    return float(max((change * rise).max(initial=0.0), -(change * fall).min(initial=0.0)))


def _pulled(strips: tuple[Strip, ...], values: Vector) -> Vector:
    return np.concatenate([np.zeros(0), *(strip.T.T @ values for strip in strips)])


def _reduced(strips: tuple[Strip, ...], on_basis: Vector, on_rest: Vector) -> Vector:
    reduced = _pulled(strips, on_basis) - on_rest
    sizes = [abs(strip.T).T @ np.abs(on_basis) for strip in strips]
    noise = ROUNDING * (np.concatenate([np.zeros(0), *sizes]) + np.abs(on_rest))
    return np.where(np.abs(reduced) <= noise, 0.0, reduced)
