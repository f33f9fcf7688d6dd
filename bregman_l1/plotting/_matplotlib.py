"""The one place that imports matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bregman_l1.optional import require

if TYPE_CHECKING:
    from types import ModuleType


def pyplot() -> ModuleType:
    """Return ``matplotlib.pyplot``, or say how to install it."""
    return require("matplotlib.pyplot", "pictures")
