"""Numbers in .csv files, with the names of their columns and rows where these are written beside them.

A first line without any number is a header, and so is one whose first cell is empty; then the first column holds the
names of the rows. It does so too where it holds no number below a header. A header of numbers looks like data: a first
line that counts, as that of a data frame without names does, is refused, and so are one of whole numbers that increase
above numbers with a point, and one that mixes words and numbers. True and False are 1 and 0, as data frames write their
indicators.
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
            raise self.no_number(column) from None

    def no_number(self, column: int, otherwise: str = "") -> InputFileError:
        """The error that says that a cell is no number; ``otherwise``, what it could have been."""
        cell = self.cells[column]
        if ";" in cell or "\t" in cell or _holds_several(cell):
            otherwise = ": separate the numbers by commas, and write decimals with a point"
        return self.error(f", column {column + 1} {f'is {cell!r}, no number' if cell else 'is empty'}{otherwise}")


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
        start = int(second is not None and _names_rows(first, second)) if has_header else 0
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
    if words and (len(words) < len(cells) or all(map(_holds_several, cells))):
        raise first.no_number(
            words[0],
            "; a header holds no number either, and where the first column names the rows there is one above them",
        )
    if not words and second is not None and (_counts(cells) or _stands_apart(cells, second.cells)):
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


def _stands_apart(first: list[str], second: list[str]) -> bool:
    """Whether whole numbers head numbers with a point: at least three that increase, or the 0 of an unnamed series.

    So do False and True above other numbers.
    """
    if all(map(_is_truth, first)):
        return not any(map(_is_truth, second))
    if len(first) != len(second) or not all(map(str.isdecimal, first)) or any(map(_is_whole, second)):
        return False
    numbers = [int(cell) for cell in first]
    return numbers == [0] or (len(numbers) > 2 and numbers == sorted(set(numbers)))


def _names_rows(header: _Line, second: _Line) -> bool:
    """Whether the first column below a header holds names."""
    return not header.cells[0] or (len(header.cells) > 1 and not _is_number(second.cells[0]))


def _holds_several(cell: str) -> bool:
    """Whether these are numbers that something other than a comma separates."""
    parts = cell.replace(";", " ").split()
    return len(parts) > 1 and all(map(_is_number, parts))


def _is_whole(cell: str) -> bool:
    return cell.lstrip("+-").isdecimal()


def _is_truth(cell: str) -> bool:
    return cell.lower() in _TRUTH


def _number(cell: str) -> float:
    if "_" in cell:
        raise ValueError("a name such as 2024_1, which Python would read as a number")
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
