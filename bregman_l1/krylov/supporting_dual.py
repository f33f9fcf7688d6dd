"""A dual that proves an x optimal: A_S'mu = c_S on its support S and A'mu <= c, by least squares on few columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import Index, Vector
from bregman_l1.krylov.chosen import Chosen

if TYPE_CHECKING:
    from bregman_l1.krylov.products import CountedProducts


@dataclass(frozen=True, slots=True, eq=False)
class Dual:
    """A vector mu of multipliers with A'mu."""

    mu: Vector
    image: Vector

    def moved(self, products: CountedProducts, change: Vector) -> Dual:
        """Mu + change, with a product of its own: sums of products would gather rounding."""
        mu = self.mu + change
        return Dual(mu, products.rmatvec(mu))


def supporting_dual(products: CountedProducts, cost: Vector, support: Index, start: Dual) -> Dual | None:
    """The dual near to one with A_S'mu = c_S that has A'mu < c elsewhere; None where it is not found.

    Columns that stick out are pulled back, by the least change that keeps what was reached: the set of those that
    must be watched grows, and a few rounds are enough if there is some freedom. The last change sees S alone.
    """
    largest = float(np.abs(cost).max())
    outside = np.ones(cost.size, dtype=bool)
    outside[support] = False
    watched, goal, dual = support, cost[support], start
    for _ in range(settings.MOST_PULLS):
        chosen = Chosen(products, watched)
        pull = chosen.normal_solution(goal - dual.image[watched], settings.FITTED_DUAL, settings.MOST_ROUGH)
        dual = dual.moved(products, chosen.times(pull))
        slack = (cost - dual.image) / largest
        if float(slack[outside].min(initial=1.0)) > settings.ENOUGH_SLACK:
            break
        close = np.setdiff1d(np.flatnonzero(outside & (slack < settings.WATCHED)), watched)
        if watched.size + close.size > products.y.size:
            return None
        watched = np.concatenate([watched, close])
        goal = np.concatenate([goal, cost[close] - settings.PULLED * largest])
    return _exact(products, cost, support, outside, dual)


def _exact(products: CountedProducts, cost: Vector, support: Index, outside: Index, dual: Dual) -> Dual | None:
    """The dual with A_S'mu = c_S to rounding, None where another column then has a_j'mu > c_j."""
    chosen, rounding = Chosen(products, support), settings.DUAL_ROUNDING * float(np.abs(cost).max())
    for tolerance in settings.REFINED_DUAL:
        change = chosen.normal_solution(cost[support] - dual.image[support], tolerance)
        dual = dual.moved(products, chosen.times(change))
        if float((dual.image - cost)[outside].max(initial=-1.0)) > rounding:
            return None
    return dual if float(np.abs(dual.image - cost)[support].max()) <= rounding else None
