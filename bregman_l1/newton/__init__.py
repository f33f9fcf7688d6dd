"""The native solver of Bregman projections of every depth, 2 being the entropy: full relative accuracy at any alpha.

`project` solves for one prior, `project_along` for many values of alpha; `NewtonSteps` tell how far any vector is
from the solution, and `Gradients` solve its normal equations from products alone, `measured_table_step` tells it for
tables with given margins; `project_wide` solves where A has few rows, and columns that need not be in memory.
"""

from bregman_l1.newton.along import project_along
from bregman_l1.newton.gradients import Gradients, by_products
from bregman_l1.newton.projection import project
from bregman_l1.newton.step import NewtonSteps, Step
from bregman_l1.newton.tables import measured_table_step
from bregman_l1.newton.wide import project_wide

__all__ = [
    "Gradients",
    "NewtonSteps",
    "Step",
    "by_products",
    "measured_table_step",
    "project",
    "project_along",
    "project_wide",
]
