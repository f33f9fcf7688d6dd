"""What other installed packages add to this one, through their entry points."""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def plugins(group: str) -> Mapping[str, EntryPoint]:
    """Return the entry points of a group by name; nothing is imported.

    The installed packages are read once: what is installed while Python runs is found by the next one.

    Examples
    --------
    >>> plugins("bregman_l1.no_such_group")
    mappingproxy({})
    """
    return _plugins(group, tuple(sys.path))


@cache
def _plugins(group: str, _path: tuple[str, ...]) -> Mapping[str, EntryPoint]:
    return MappingProxyType({point.name: point for point in entry_points(group=group)})


def origin(point: EntryPoint) -> tuple[str, str]:
    """Return the name and the version of the package that an entry point comes from."""
    return (point.dist.name, point.dist.version) if point.dist is not None else (point.value, "")
