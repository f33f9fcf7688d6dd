"""Rows of plain values as readable text, CSV or Parquet."""

from __future__ import annotations

import csv
import json
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bregman_l1.errors import StudyError
from bregman_l1.experiments.plain import dumps
from bregman_l1.optional import require

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence
    from types import ModuleType


def text_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table with aligned columns, the first one to the left and the others to the right.

    Examples
    --------
    >>> print(text_table(("solver", "seconds"), [("newton", 0.5), ("scs", 12)]))
    solver  seconds
    newton      0.5
    scs          12
    """
    cells = [[str(cell) for cell in row] for row in chain([header], rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for first, *others in cells:
        padded = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        lines.append("  ".join((first.ljust(widths[0]), *padded)).rstrip())
    return "\n".join(lines)


def write_csv(path: str | os.PathLike[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows to a CSV file; a column is made for every key met, lists and dicts are written as JSON.

    Raises
    ------
    StudyError
        If the file cannot be written.
    """
    rows = [{name: _cell(value) for name, value in row.items()} for row in rows]
    try:
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(dict.fromkeys(chain.from_iterable(rows))))
            writer.writeheader()
            writer.writerows(rows)
    except (OSError, ValueError) as error:  # what no file can be called is a ValueError
        raise StudyError(f"{path} cannot be written: {error}") from error


def write_parquet(
    path: str | os.PathLike[str], rows: Iterable[Mapping[str, Any]], metadata: Mapping[str, Any] | None = None
) -> None:
    """Write rows to a Parquet file, with metadata as JSON in its schema.

    A column whose values have no common type is written as JSON.

    Raises
    ------
    MissingPackageError
        If pyarrow is not installed.
    StudyError
        If the file cannot be written.
    """
    require_pyarrow()
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = list(rows)
    columns = dict.fromkeys(chain.from_iterable(rows))
    table = pa.table({name: _arrow_column(pa, [row.get(name) for row in rows]) for name in columns})
    if metadata is not None:
        table = table.replace_schema_metadata({"bregman_l1": json.dumps(metadata)})
    try:
        pq.write_table(table, str(path))
    except (OSError, ValueError) as error:
        raise StudyError(f"{path} cannot be written: {error}") from error


def require_pyarrow() -> None:
    """Raise MissingPackageError, saying what to install, unless Parquet files can be written."""
    require("pyarrow", "Parquet files")


def _arrow_column(pa: ModuleType, values: list[Any]) -> Any:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if value is None else dumps(value) for value in values])


def _cell(value: Any) -> Any:
    return dumps(value) if isinstance(value, (list, tuple, dict)) else value
