"""Small HTML tables for notebooks, at home in light and dark themes: no colours but those of a verdict."""

from __future__ import annotations

from html import escape
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_T = TypeVar("_T")

DOTS = "⋮"
"""What stands in a table for rows that are left out."""

# Bluish green and vermilion of Okabe and Ito: told apart by all, and readable on white and on black.
_GOOD, _BAD = "#009e73", "#d55e00"
_CELL = "text-align: left; vertical-align: top; padding: 0.15em 1em 0.15em 0.3em"
_UNBROKEN = "white-space: nowrap"
_FIRST_CELL = f"{_CELL}; {_UNBROKEN}; font-weight: normal; opacity: 0.75"
# What is shorter stands in one line, for browsers break 1e-16 after its sign; what is longer needs room beside it.
_SENTENCE = 20
_ROOM = "min-width: 14em"
_ABOVE = "font-weight: bold; padding: 0.3em 0"
_BENEATH = "max-width: 60em; opacity: 0.75"


class Markup(str):
    """Text that is HTML already; every other text is escaped."""

    __slots__ = ()


def verdict(good: bool, word: str) -> Markup:
    r"""Write a word in green behind a check mark, or in red behind a cross.

    Examples
    --------
    >>> verdict(False, "x < 0")
    '<span style="color: #d55e00; font-weight: bold">✗\xa0x &lt; 0</span>'
    """
    sign, colour = ("✓", _GOOD) if good else ("✗", _BAD)
    return Markup(f'<span style="color: {colour}; font-weight: bold">{sign}\xa0{_html(word)}</span>')


def table(
    rows: Iterable[Sequence[object]], *, header: Sequence[object] = (), caption: object = "", notes: Iterable[str] = ()
) -> Markup:
    """Return a table whose first column names the rows, with notes in lines beneath.

    Parameters
    ----------
    rows : iterable of sequences
        Cells, written as ``str`` does and escaped; `Markup` is taken as it is.
    header : sequence, optional
        Names of the columns.
    caption : object, optional
        What stands above the table.
    notes : iterable of str, optional
        Sentences beneath it.

    Examples
    --------
    >>> "<td" in table([("a < b", 1)]), "a &lt; b" in table([("a < b", 1)])
    (True, True)
    """
    head = f"<thead><tr>{''.join(_cell('th', cell) for cell in header)}</tr></thead>" if header else ""
    body = "".join(f"<tr>{''.join(_row(row))}</tr>" for row in rows)
    # Not a <caption>, which would be as narrow as the table.
    above = f'<div style="{_ABOVE}">{_html(caption)}</div>' if caption else ""
    beneath = "".join(f'<div style="{_BENEATH}">{_html(note)}</div>' for note in notes)
    return Markup(
        f'<div style="overflow-x: auto">{above}<table style="margin: 0; border-collapse: collapse">{head}'
        f"<tbody>{body}</tbody></table>{beneath}</div>"
    )


def shortened(items: Sequence[_T], gap: _T, longest: int = 12) -> list[_T]:
    """Return the items, or the first and last of them around ``gap`` where they are more than ``longest``.

    Examples
    --------
    >>> shortened([1, 2, 3, 4], gap=0, longest=3)
    [1, 0, 4]
    """
    if len(items) <= longest:
        return list(items)
    last = (longest - 1) // 2
    return [*items[: longest - 1 - last], gap, *items[-last:]]


def folded(summary: object, inside: Markup, *, is_open: bool) -> Markup:
    """Return what a click on the summary shows and hides."""
    state = ' open="open"' if is_open else ""
    return Markup(
        f'<details{state} style="margin: 0.3em 0"><summary style="cursor: pointer">{_html(summary)}</summary>'
        f"{inside}</details>"
    )


def together(*parts: Markup) -> Markup:
    """Return parts one below the other."""
    return Markup(f"<div>{''.join(parts)}</div>")


def _row(cells: Sequence[object]) -> Iterable[str]:
    named = (f'<th scope="row" style="{_FIRST_CELL}">{_html(cell)}</th>' for cell in cells[:1])
    return chain(named, (_cell("td", cell) for cell in cells[1:]))


def _cell(tag: str, cell: object) -> str:
    width = _UNBROKEN if isinstance(cell, Markup) or len(str(cell)) < _SENTENCE else _ROOM
    return f'<{tag} style="{_CELL}; {width}">{_html(cell)}</{tag}>'


def _html(value: object) -> str:
    return value if isinstance(value, Markup) else escape(str(value))
