"""Minimisers of c'x over {x >= 0 : A x = y} with their proof, from products with A and A' alone.

An x on a support S with A_S x_S = y and a mu with A_S'mu = c_S, A'mu <= c prove each other. The x is guessed, by a
pursuit or from projections of an ever deeper prior, whose duals over the depth approach such a mu; what is guessed
wrong fails the test.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import Vector
from bregman_l1.claim import Claim
from bregman_l1.frozen import read_only
from bregman_l1.krylov.dual_gradients import farkas_vector
from bregman_l1.krylov.projection import infeasible, log_size
from bregman_l1.krylov.pursuit import fitted, pursued
from bregman_l1.krylov.run import ran
from bregman_l1.krylov.supporting_dual import Dual, supporting_dual
from bregman_l1.krylov.walk import walk
from bregman_l1.outcome import Outcome

if TYPE_CHECKING:
    from bregman_l1.krylov.products import CountedProducts
    from bregman_l1.system import LinearSystem


def minimiser(
    system: LinearSystem,
    cost: Vector,
    *,
    max_iter: int | None = None,
    time_limit: float | None = None,
) -> Claim:
    """Minimise cost'x over {x >= 0 : A x = y} by products with A and A' alone.

    Parameters
    ----------
    system : LinearSystem
        Of any storage.
    cost : ndarray of shape (d,)
    max_iter : int, optional
        Most applications of A or A', each counting one.
    time_limit : float, optional
        Most seconds.

    Returns
    -------
    Claim
        `Outcome.OPTIMAL` only with an ``x`` and a ``dual`` that prove each other to rounding; ``iterations`` are
        applications. `Outcome.INACCURATE` with a projection of a deep prior where none were found.

    Examples
    --------
    >>> import numpy as np
    >>> from bregman_l1 import LinearSystem
    >>> claim = minimiser(LinearSystem([[1.0, 0.5]], [1.0]), np.ones(2))
    >>> claim.x.round(12).tolist(), claim.dual.round(12).tolist()
    ([1.0, 0.0], [1.0])
    """
    return ran(_Search(cost), system, max_iter, time_limit)


class _Search:
    """The search for a minimiser, and the best x and mu that it has met."""

    def __init__(self, cost: Vector) -> None:
        self.cost = cost
        self.x: Vector | None = None
        self.mu: Vector | None = None

    def solved(self, products: CountedProducts) -> Claim:
        """Try every guess until one is proved."""
        self.products = products
        gradient = products.rmatvec(products.y)
        if gradient.max() <= 0:
            return infeasible(products, products.y)
        size = log_size(products, gradient)
        for x, dual in self._guesses(size):
            self.x = x
            proved = supporting_dual(products, self.cost, np.flatnonzero(x), dual)
            if proved is not None:
                self.mu = proved.mu
                return self.claim(Outcome.OPTIMAL)
        # A stage of the walk that was reached is feasible.
        z = farkas_vector(products, size) if self.x is None else None
        return self.claim(Outcome.INACCURATE) if z is None else infeasible(products, z)

    def claim(self, outcome: Outcome) -> Claim:
        """The best found as an answer."""
        return Claim(
            x=None if self.x is None else read_only(self.x),
            dual=None if self.mu is None else read_only(self.mu / self.products.row_norms),
            outcome=outcome,
            raw_status=outcome.value,
        )

    def _guesses(self, size: float) -> Iterator[tuple[Vector, Dual]]:
        """Solutions x >= 0 of A x = y on few columns, each with a dual that may be near one that proves it."""
        products, none = self.products, np.zeros(self.cost.size)
        x = pursued(products, none)
        if x is not None:
            yield x, Dual(np.zeros_like(products.y), none)
        largest = float(np.abs(self.cost).max())
        depth, tried = settings.DEEPEST / (largest or 1.0), 0.0
        for stage in walk(products, size - depth * self.cost, size):
            reached = stage.share * settings.DEEPEST
            if reached < max(settings.SHALLOWEST, settings.DEEPER * tried) and stage.share < 1.0:
                continue
            tried, over = reached, stage.share * depth
            dual = Dual(stage.point.dual / over, stage.point.image / over)
            at_depth = np.exp(stage.point.log_x)
            self.x, self.mu = at_depth, dual.mu
            for x in self._sparse(at_depth):
                if x is not None:
                    yield x, dual
                    self.x, self.mu = at_depth, dual.mu

    def _sparse(self, x: Vector) -> Iterator[Vector | None]:
        """Solutions on few columns near to x >= 0, None for each that is not found."""
        yield pursued(self.products, np.where(x > settings.LARGE * float(x.max()), x, 0.0))
        for share in settings.SUPPORT_SHARES:
            yield fitted(self.products, x, share)
