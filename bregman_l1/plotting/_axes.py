"""What a picture is drawn on: the Axes it is given, or those of a new figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bregman_l1.errors import InvalidProblemError
from bregman_l1.foreign import UNREADABLE
from bregman_l1.plotting._matplotlib import pyplot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AxesArray: TypeAlias = NDArray[np.object_]

# Width and height of a figure of several panels, in those of one: with matplotlib's defaults 9 x 4 inches.
_WIDER, _LOWER = 1.4, 0.83
LOG10_ALPHA = r"$\log_{10}\,\alpha$"


def one_axes(ax: Axes | None) -> Axes:
    """Return the Axes given, or those of a new figure.

    Raises
    ------
    InvalidProblemError
        If it is no Axes.
    """
    if ax is None:
        return pyplot().subplots(layout="constrained")[1]  # type: ignore[no-any-return]
    return _checked(ax, "ax")


def several_axes(axes: Sequence[Axes] | AxesArray | None, count: int, *, share_y: bool = False) -> AxesArray:
    """Return the Axes given, as an array of shape (count,), or those of a new figure, side by side.

    Raises
    ------
    InvalidProblemError
        If they are not as many as the picture has panels.
    """
    if axes is None:
        width, height = pyplot().rcParams["figure.figsize"]
        size = (_WIDER * width, _LOWER * height)
        return np.asarray(pyplot().subplots(1, count, figsize=size, layout="constrained", sharey=share_y)[1])
    try:
        given = np.ravel(np.asarray(axes, dtype=object))
    except UNREADABLE as error:
        raise InvalidProblemError(f"axes cannot be read as a sequence of Axes: {error}") from error
    if given.size != count:
        raise InvalidProblemError(f"this picture has {count} panels: axes must hold {count} Axes, got {given.size}")
    return np.array([_checked(ax, f"axes[{k}]") for k, ax in enumerate(given)], dtype=object)


def _checked(ax: Any, name: str) -> Axes:
    if not isinstance(ax, pyplot().Axes):
        raise InvalidProblemError(f"{name} must be an Axes of matplotlib, got {type(ax).__name__}")
    return ax  # type: ignore[no-any-return]


def figure_of(drawn: Axes | AxesArray) -> Figure:
    """Return the figure of what a picture returned."""
    figure: Figure = np.ravel(np.asarray(drawn, dtype=object))[0].figure
    return figure
