"""The native solver of the entropy Bregman projection: full relative accuracy at any alpha.

`project` solves for one prior, `path.walk` for many values of alpha; `newton_step` tells how
far any vector is from the solution.
"""

from bregman_l1.newton.projection import Projection, project
from bregman_l1.newton.status import Status
from bregman_l1.newton.step import newton_step, step_from_misfit

__all__ = ["Projection", "Status", "newton_step", "project", "step_from_misfit"]
