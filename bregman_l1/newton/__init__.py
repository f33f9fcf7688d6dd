"""The native solver of Bregman projections of every depth, 2 being the entropy: full relative accuracy at any alpha.

`project` solves for one prior, `project_along` for many values of alpha; `NewtonSteps` tell how far any vector is
from the solution, and `Gradients` solve its normal equations from products alone. `project_table` and
`measured_table_step` are for tables with given margins; `project_wide` is for few rows, and columns that need not be
in memory.
"""

from bregman_l1.newton.along import project_along
from bregman_l1.newton.equations import MeasuredStep
from bregman_l1.newton.gradients import Gradients
from bregman_l1.newton.projection import project
from bregman_l1.newton.step import NewtonSteps, Step
from bregman_l1.newton.tables import measured_table_step, project_table
from bregman_l1.newton.wide import project_wide

__all__ = [
    "Gradients",
    "MeasuredStep",
    "NewtonSteps",
    "Step",
    "measured_table_step",
    "project",
    "project_along",
    "project_table",
    "project_wide",
]
