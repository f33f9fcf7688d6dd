"""Numbers in .csv files, with the names of their columns and rows where these are written beside them.

A first line without any number is a header, and so is one whose first cell is empty; then the first column holds the
names of the rows. It does so too where it holds no number below a header. A header of numbers looks like data: a first
line that counts, as that of a data frame without names does, is refused, and so is one that mixes words and numbers.
True and False are 1 and 0, as data frames write their indicators.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from bregman_l1._types import Matrix, Vector
from bregman_l1.errors import InputFileError
from bregman_l1.foreign import Labels

_TRUTH = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A matrix with the labels of its rows and columns, None where it has none."""

    values: Matrix | sp.sparray
    row_labels: Labels | None = None
    column_labels: Labels | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    path: Path
    number: int
    cells: list[str]

    def error(self, message: str) -> InputFileError:
        return InputFileError(f"{self.path}: line {self.number}{message}")

    def numbers(self, start: int) -> Vector:
        try:
            return np.array([_number(cell) for cell in self.cells[start:]])
        except ValueError:
            column = next(j for j in range(start, len(self.cells)) if not _is_number(self.cells[j]))
            cell = self.cells[column]
            raise self.error(f", column {column + 1} {f'is {cell!r}, no number' if cell else 'is empty'}") from None


def read_csv(path: Path) -> Table:
    """Read a table of numbers separated by commas.

    Raises
    ------
    InputFileError
        If it holds no numbers, its lines differ in length, a cell is no number, or its first line looks like a header
        of numbers. The message says which line, and which column.
    """
    with path.open(newline="", encoding="utf-8-sig") as stream:
        lines = _lines(path, csv.reader(stream))
        first, second = next(lines, None), next(lines, None)
        if first is None:
            raise InputFileError(f"{path}: holds no numbers")
        has_header = _is_header(first, second)
        if has_header and second is None:
            raise first.error(" is a header, and no numbers follow")
        body = chain([] if has_header else [first], [] if second is None else [second], lines)
        start = int(has_header and second is not None and not (first.cells[0] and _is_number(second.cells[0])))
        rows, names = [], []
        for line in body:
            if len(line.cells) != len(first.cells):
                raise line.error(f" has {len(line.cells)} cells, line {first.number} has {len(first.cells)}")
            rows.append(line.numbers(start))
            names.append(line.cells[0])
    return Table(
        values=np.array(rows),
        row_labels=_labels(names) if start else None,
        column_labels=_labels(first.cells[start:]) if has_header else None,
    )


def _lines(path: Path, reader: Any) -> Iterator[_Line]:
    """The lines with something in them that are no comments; of cells without the blanks around them."""
    for row in reader:
        cells = [cell.strip() for cell in row]
        if any(cells) and not cells[0].startswith("#"):
            yield _Line(path=path, number=reader.line_num, cells=cells)


def _is_header(first: _Line, second: _Line | None) -> bool:
    cells = first.cells
    if not cells[0]:
        return True
    words = [j for j, cell in enumerate(cells) if not _is_number(cell)]
    if len(cells) == 1 and words and any(mark in cells[0] for mark in ";\t"):
        raise first.error(": separate the numbers by commas")
    if words and len(words) < len(cells):
        raise first.error(
            f", column {words[0] + 1} is {cells[words[0]]!r}, no number; a header holds no number either, "
            "and where the first column names the rows there is a header above them"
        )
    if not words and second is not None and (_counts(cells) or _stands_apart(first, second)):
        unmistakable = f"{_number(cells[0]):g}" if _is_truth(cells[0]) else f"{cells[0]}.0"
        raise first.error(
            f", {','.join(cells[:3])}{',...' if len(cells) > 3 else ''}, looks like a header, which "
            f"df.to_csv(path, header=False, index=False) leaves out; as numbers write {unmistakable}"
        )
    return bool(words)


def _counts(cells: list[str]) -> bool:
    """Whether these are consecutive whole numbers, written as such: 0,1 or at least three of them."""
    if not all(cell.isdecimal() for cell in cells):
        return False
    numbers = [int(cell) for cell in cells]
    return numbers == list(range(numbers[0], numbers[0] + len(numbers))) and (len(numbers) > 2 or numbers == [0, 1])


def _stands_apart(first: _Line, second: _Line) -> bool:
    """Whether this is the 0 that heads a series without a name, or False and True, above numbers of another kind."""
    if first.cells == ["0"] and len(second.cells) == 1:
        return not second.cells[0].lstrip("+-").isdecimal()
    return all(map(_is_truth, first.cells)) and not any(map(_is_truth, second.cells))


def _is_truth(cell: str) -> bool:
    return cell.lower() in _TRUTH


def _number(cell: str) -> float:
    return _TRUTH[cell.lower()] if _is_truth(cell) else float(cell)


def _is_number(cell: str) -> bool:
    try:
        _number(cell)
    except ValueError:
        return False
    return True


def _labels(cells: list[str]) -> Labels:
    """The names, as whole numbers if all of them are."""
    return tuple(int(cell) for cell in cells) if all(map(str.isdecimal, cells)) else tuple(cells)
