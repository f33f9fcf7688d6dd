"""`NormalEquations`, what Newton's method asks of (A W A') lam = right however that is solved; `MeasuredStep`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

from bregman_l1._types import Vector


class NormalEquations(ABC):
    """The equations (A W A') lam = right at a point x with weights W = diag(w), which is given first."""

    accuracy: ClassVar[float]
    """The relative error that its solutions have at most, whatever is asked."""

    nearby: ClassVar[float]
    """The size of the last step in log x from which on x is near the solution."""

    @abstractmethod
    def at(self, log_x: Vector, log_weights: Vector, *, near: bool = True) -> Vector | None:
        """Take x = exp(log_x) and its weights, and return y - A x; None where A W A' is singular to rounding.

        ``near`` the solution what was made for a point before may serve again, and y - A x is taken with care.
        """

    @abstractmethod
    def solve(self, right: Vector, residual: float) -> Vector:
        """Return lam with (A W A') lam = right, to a relative residual of at most about ``residual``."""

    @abstractmethod
    def rounding(self) -> Vector:
        """How much the rounding of y - A x may amount to in each row, shape (N,)."""


class MeasuredStep(NamedTuple):
    """Newton's step from a point, in two parts.

    Attributes
    ----------
    change : ndarray of shape (d,)
        The change of theta.
    correction : ndarray of shape (d,)
        By what it may be off: the solution for what it leaves of the equations, and for a random vector of the size of
        that and of rounding.
    """

    change: Vector
    correction: Vector
