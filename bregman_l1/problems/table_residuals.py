"""The residuals of a candidate for a projection onto tables with given margins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bregman_l1.newton import measured_table_step
from bregman_l1.polyhedron.feasible_set import exposes
from bregman_l1.problems.product_residuals import ProductResiduals

if TYPE_CHECKING:
    from bregman_l1._types import Vector
    from bregman_l1.newton import MeasuredStep


class TableResiduals(ProductResiduals):
    """As from products; Newton's step uses the Gram matrix, and cells that vanish are seen in the margins."""

    def _measured(self, weights: Vector) -> MeasuredStep | None:
        return measured_table_step(self._system, self._point, weights, self._misfit, self._missed, self._budget)

    def _exposes(self, z: Vector) -> bool:
        return exposes(self._system, z, self._positive)
