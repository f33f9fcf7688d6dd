"""The native solver of the entropy Bregman projection: full relative accuracy at any alpha.

`project` solves for one prior, `walk` for many values of alpha, `limit` for alpha -> 0; `newton_step` tells how
far any vector is from the solution.
"""

from bregman_l1.newton.fit import Fit, fit
from bregman_l1.newton.limit import Deviation, Limit, deviation, limit, log_deviation
from bregman_l1.newton.path import Path, walk
from bregman_l1.newton.projection import Projection, project
from bregman_l1.newton.status import Status
from bregman_l1.newton.step import newton_step, step_from_misfit

__all__ = [
    "Deviation",
    "Fit",
    "Limit",
    "Path",
    "Projection",
    "Status",
    "deviation",
    "fit",
    "limit",
    "log_deviation",
    "newton_step",
    "project",
    "step_from_misfit",
    "walk",
]
