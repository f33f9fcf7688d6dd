"""How things look: one colour and one marker for each backend, one look for each role that pictures have in common.

The colours are those of Okabe and Ito. What is drawn in the foreground takes the colour of the text, so that it is seen
on a dark background as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bregman_l1.plotting._matplotlib import pyplot

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"

# Markers in the size of the style would hide each other on a curve of forty points.
_MARKER_SIZE = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How one thing is drawn; without a colour, in that of the text."""

    colour: str = ""
    marker: str = ""
    line: str = ""
    hollow: bool = False

    @property
    def color(self) -> str:
        """The colour, that of the text looked up in the style in use."""
        return self.colour or str(pyplot().rcParams["text.color"])

    def keywords(self) -> dict[str, Any]:
        """Return the keyword arguments of ``Axes.plot`` that draw it."""
        size = _MARKER_SIZE * float(pyplot().rcParams["lines.markersize"])
        hollow = {"markerfacecolor": "none"} if self.hollow else {}
        return {"color": self.color, "marker": self.marker, "linestyle": self.line, "markersize": size, **hollow}


BACKENDS: Mapping[str, Look] = MappingProxyType(
    {
        "newton": Look(colour=BLUE, marker="o", line="-"),
        "highs": Look(colour=PURPLE, marker="v", line="-"),
        "clarabel": Look(colour=VERMILION, marker="^", line="-"),
        "ecos": Look(colour=ORANGE, marker="s", line="-"),
        "scs": Look(colour=GREEN, marker="D", line="-"),
    }
)
_OTHER_COLOURS, _OTHER_MARKERS = (SKY, YELLOW), ("x", "+", "*", "h", "<", ">", "p")

TRUTH = Look(marker="o")
ENCLOSURE = Look(colour=SKY)
UPPER_BOUND = Look(colour=VERMILION, line="-.")
LOWER_BOUND = Look(colour=BLUE, line="-")
PRINTED_BOUND = Look(colour=PURPLE, line=":")
EXPECTED = Look(colour=GREEN, line="--")
LOSS = Look(colour=BLUE, line="-")
DISTANCE = Look(colour=VERMILION, line="--")
PROJECTION = Look(marker="o", hollow=True)
FLOW = Look(colour=BLUE, line="-")
DESCENT = Look(colour=ORANGE, marker="s", line="--")

# What has no name of its own: entries of x, groups of a study.
SERIES = (
    Look(colour=BLUE, marker="o", line="-"),
    Look(colour=VERMILION, marker="^", line="--"),
    Look(colour=GREEN, marker="D", line="-."),
    Look(colour=ORANGE, marker="s", line=":"),
    Look(colour=PURPLE, marker="v", line="-"),
    Look(colour=SKY, marker="X", line="--"),
)
# By rank of the tolerance, from the loosest.
LINES = ("-", "--", ":", "-.")


def backend_looks(names: Iterable[str]) -> dict[str, Look]:
    """Return the look of each backend: its own where it has one, otherwise the next that nobody has.

    Examples
    --------
    >>> looks = backend_looks(["newton", "ecos"])
    >>> looks["newton"].color, looks["ecos"].marker
    ('#0072B2', 's')
    """
    names = list(dict.fromkeys(names))
    others = [name for name in names if name not in BACKENDS]
    spare = {
        name: Look(
            colour=_OTHER_COLOURS[k % len(_OTHER_COLOURS)], marker=_OTHER_MARKERS[k % len(_OTHER_MARKERS)], line="-"
        )
        for k, name in enumerate(others)
    }
    return {name: BACKENDS.get(name) or spare[name] for name in names}


def reference(**changes: Any) -> dict[str, Any]:
    """Return the keyword arguments of a thin line that marks a level."""
    return {"color": Look().color, "alpha": 0.5, "linewidth": 0.8, **changes}
