"""The native solver of Bregman projections of every depth, 2 being the entropy: full relative accuracy at any alpha.

`project` solves for one prior, `project_along` for many values of alpha; `NewtonSteps` tell how far any vector is
from the solution, `measured_table_step` does so for tables with given margins.
"""

from bregman_l1.newton.along import project_along
from bregman_l1.newton.gradients import Gradients, by_products
from bregman_l1.newton.projection import project
from bregman_l1.newton.step import NewtonSteps, Step
from bregman_l1.newton.tables import measured_table_step

__all__ = ["Gradients", "NewtonSteps", "Step", "by_products", "measured_table_step", "project", "project_along"]
