"""The linear system A x = y: read and checked once, then the only one to know how A is stored."""

from bregman_l1.system.linear_system import LinearSystem, checked_system
from bregman_l1.system.matrices import abs_image, dense, largest, one_for_zero, peaks, weighted_gram
from bregman_l1.system.storage import Knows

__all__ = [
    "Knows",
    "LinearSystem",
    "abs_image",
    "checked_system",
    "dense",
    "largest",
    "one_for_zero",
    "peaks",
    "weighted_gram",
]
