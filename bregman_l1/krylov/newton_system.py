"""Newton's equations for A exp(b + A'lam) = y from products: the heavy entries of x are unknowns of their own.

With K the heavy entries, T the others and X = diag(x) the step solves

    [-X_K^{-1}  A_K'        ] [v]   [-r1]     r1 = b_K + A_K'lam - log x_K,
    [ A_K       A_T X_T A_T'] [u] = [ r2],    r2 = y - A x.

Its second block is near c I, c the mean weight of the rest, and its Schur complement for v is near
X_K^{-1} + diag(|a_j|^2) / c: scaled by c and by X_K^{-1} + q diag(|a_j|^2) / c it is well conditioned however far the
entries of x lie apart, which A X A' alone is not. With q < 1 the negative eigenvalues, which are as many as K, move
away from zero, and the positive ones stay: MINRES then has to tell fewer small ones apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import Index, Vector
from bregman_l1.krylov.minimal_residuals import minimal_residuals

if TYPE_CHECKING:
    from bregman_l1.krylov.products import CountedProducts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NewtonStep:
    """The solution of Newton's equations.

    Attributes
    ----------
    dual : ndarray of shape (N,)
        u, the change of lam.
    change : ndarray of shape (d,)
        A'u, the change of log x of the entries that are not heavy.
    heavy : ndarray
        v, the change of x_K.
    residual : float
        What the iteration left of the equations, relative to their right-hand side.
    """

    dual: Vector
    change: Vector
    heavy: Vector
    residual: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NewtonSystem:
    """Newton's equations at x, solved by MINRES: one product with A and one with A' an iteration."""

    products: CountedProducts
    heavy: Index
    x_heavy: Vector
    x_light: Vector
    """x, zero on the heavy entries."""

    @property
    def mean_weight(self) -> float:
        """C, the mean of the diagonal of A_T X_T A_T'."""
        weight = float(self.x_light @ self.products.squares) / self.products.y.size
        return weight or float(self.x_heavy.min(initial=1.0)) * settings.LIGHTEST

    def solve(self, r1: Vector, r2: Vector, tolerance: float) -> NewtonStep:
        """Solve to a residual relative to the right-hand side, both in units of the diagonal."""
        products, heavy, size = self.products, self.heavy, self.heavy.size
        c = self.mean_weight
        schur = 1 / self.x_heavy + settings.SCHUR * products.squares[heavy] / c
        unit_v, unit_u = 1 / np.sqrt(schur), 1 / np.sqrt(c)

        def product(scaled: Vector) -> Vector:
            v = unit_v * scaled[:size]
            change = products.rmatvec(unit_u * scaled[size:])
            moved = self.x_light * change
            moved[heavy] = v
            return np.concatenate([unit_v * (change[heavy] - v / self.x_heavy), unit_u * products.matvec(moved)])

        right = np.concatenate([-unit_v * r1, unit_u * r2])
        solved = minimal_residuals(product, right, tolerance, settings.MOST_MINRES)
        u = unit_u * solved.solution[size:]
        return NewtonStep(
            dual=u, change=products.rmatvec(u), heavy=unit_v * solved.solution[:size], residual=solved.residual
        )


def heavy_entries(products: CountedProducts, x: Vector) -> Index:
    """The entries of x that outweigh the mean of the rest, as many as Newton's equations take apart."""
    weights = x * products.squares
    most = min(int(settings.MOST_HEAVY * products.y.size), x.size - 1)
    largest = np.argpartition(-weights, most)[: most + 1]
    largest = largest[np.argsort(-weights[largest])]
    sorted_weights = weights[largest]
    rest = np.maximum(float(weights.sum()) - np.cumsum(sorted_weights), 0.0)
    outweighing = np.flatnonzero(sorted_weights[:most] > settings.HEAVY * rest[:most] / products.y.size)
    return largest[: outweighing[-1] + 1] if outweighing.size else largest[:0]
