"""How problems are solved and certified on each kind of system: from columns, products, margins or blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bregman_l1.problems.access.base import Access, Limits
from bregman_l1.problems.access.blocks import Blocks
from bregman_l1.problems.access.columns import Columns
from bregman_l1.problems.access.margins import Margins
from bregman_l1.problems.access.products import Products
from bregman_l1.system import Knows

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem

__all__ = ["Access", "Limits", "access_to"]


def access_to(system: LinearSystem) -> Access:
    """The access that belongs to a system.

    Examples
    --------
    >>> from bregman_l1 import LinearSystem
    >>> type(access_to(LinearSystem([[1.0, 0.5]], [1.0]))).__name__
    'Columns'
    """
    if system.is_distributed:
        return Blocks()
    if system.is_table:
        return Margins()
    return Columns() if system.knows is Knows.COLUMNS else Products()
