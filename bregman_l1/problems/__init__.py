"""What is solved: data, disciplined convex form, optimality conditions. One file a problem."""

from bregman_l1.problems.base import Problem
from bregman_l1.problems.l1 import L1Minimization
from bregman_l1.problems.nullspace import NullSpaceConstant
from bregman_l1.problems.projection import BregmanProjection

__all__ = ["BregmanProjection", "L1Minimization", "NullSpaceConstant", "Problem"]
