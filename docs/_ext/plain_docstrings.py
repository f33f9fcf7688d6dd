"""Docstrings as this package writes them: formulas in plain text, members of enumerations with a text of their own.

Bars around a formula mean nothing here, and something in reStructuredText; an indented block of formulas keeps its
lines; a public name in single backticks is a link wherever it stands.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Any

from sphinx.application import Sphinx

import bregman_l1

_CODE = re.compile(r"(``.+?``)")
_NAME = re.compile(rf"(?<!`)`({'|'.join(bregman_l1.__all__)})`(?!`)")
_UNDERLINE = re.compile(r"-{3,}\s*$")


def setup(app: Sphinx) -> dict[str, Any]:
    """Prepare docstrings before numpydoc makes reStructuredText of their sections."""
    app.connect("autodoc-process-docstring", _prepare, priority=400)
    app.connect("autodoc-skip-member", _skip)
    return {"parallel_read_safe": True}


def _prepare(_app: Sphinx, _what: str, _name: str, subject: object, _options: object, lines: list[str]) -> None:
    lines[:] = _with_formulas([_readable(line) for line in lines])
    if isinstance(subject, type) and issubclass(subject, Enum):
        lines += ["", *(line for member in subject for line in (f"``{member.name}``", f"    {member.__doc__}", ""))]


def _skip(_app: Sphinx, _what: str, _name: str, member: object, _skip: bool, _options: object) -> bool | None:
    """Leave out the members of enumerations, which are listed with their texts."""
    return True if isinstance(member, Enum) else None


def _readable(line: str) -> str:
    """Bars escaped and public names linked, outside of code and examples."""
    if line.lstrip().startswith((">>>", "...")):
        return line
    parts = _CODE.split(line)
    return "".join(
        part if part.startswith("``") else _NAME.sub(r"`~bregman_l1.\1`", part.replace("|", r"\|")) for part in parts
    )


def _with_formulas(lines: list[str]) -> list[str]:
    """The indented blocks of the running text as literal ones, up to the first section that has a form of its own."""
    made: list[str] = []
    is_text, is_literal = True, False
    for i, line in enumerate(lines):
        if i + 1 < len(lines) and _UNDERLINE.match(lines[i + 1]):
            is_text = line.strip() == "Notes"
        is_indented = line.startswith("    ")
        if is_text and is_indented and not is_literal and not lines[i - 1].strip():
            made += ["::", ""]
            is_literal = True
        elif line.strip() and not is_indented:
            is_literal = False
        made.append(line.replace(r"\|", "|") if is_literal else line)
    return made
