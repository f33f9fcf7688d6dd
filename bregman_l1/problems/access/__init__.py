"""How problems are solved and certified on each kind of system: from columns, products, margins or blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bregman_l1.problems.access.base import Access, Limits
from bregman_l1.problems.access.blocks import ByBlocks
from bregman_l1.problems.access.columns import ByColumns
from bregman_l1.problems.access.margins import ByMargins
from bregman_l1.problems.access.products import ByProducts
from bregman_l1.system import Knows

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem

__all__ = ["Access", "ByProducts", "Limits", "access_to"]


def access_to(system: LinearSystem) -> Access:
    """The access that belongs to a system.

    Examples
    --------
    >>> from bregman_l1 import LinearSystem
    >>> type(access_to(LinearSystem([[1.0, 0.5]], [1.0]))).__name__
    'ByColumns'
    """
    if system.is_distributed:
        return ByBlocks()
    if system.is_table:
        return ByMargins()
    return ByColumns() if system.knows is Knows.COLUMNS else ByProducts()
