"""Projections and l1 minimisers from products with A and A' alone; their iterations are applications of either."""

from bregman_l1.krylov.l1 import minimiser
from bregman_l1.krylov.measurement import measured_step
from bregman_l1.krylov.products import row_norms
from bregman_l1.krylov.projection import project

__all__ = ["measured_step", "minimiser", "project", "row_norms"]
