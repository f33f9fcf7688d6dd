"""A study's records on disk: one line a record, each line whole before the record counts.

A store is a directory of three files::

    study.json       what the records are records of; written first, never changed
    records.jsonl    the results: a line for each finished row, with its own checksum
    log.jsonl        what differs between runs: seconds, process, traceback of a failure

Rows arrive in any order. The results contain nothing that depends on when, where or how often a study was
started, so that the lines of ``records.jsonl``, sorted, are the same bytes for an interrupted study and for
one that ran through. ``log.jsonl`` carries no results and is not synchronised.

One process writes a store at a time (it holds a lock on ``records.jsonl`` that ends with the process; Windows
has no such lock, and there the caller must see to it).
Killed in the middle of a line, it leaves a last line without a line end; the next writer cuts that line off
and its row is done again. Any other damage is refused, and nothing is overwritten.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

from bregman_l1.errors import StudyError
from bregman_l1.html import DOTS, shortened, table
from bregman_l1.one_line import OneLine, brief

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

_FORMAT = "bregman_l1 study store 1"
_HEADER, _HEADER_PART, _RECORDS, _LOG = "study.json", "study.json.part", "records.jsonl", "log.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(OneLine):
    """One finished row of a study.

    Attributes
    ----------
    row : int
        Number of the row in the study.
    parameters : dict
        The parameters of the row.
    repetition : int
        Which repetition of these parameters it is.
    seed : int
        The seed the measure was given.
    result : dict, optional
        What the measure returned; None if it raised.
    error : str, optional
        Type and message of the exception the measure raised; None if it returned.
    """

    row: int
    parameters: dict[str, Any]
    repetition: int
    seed: int
    result: dict[str, Any] | None = None
    error: str | None = None

    def flat(self) -> dict[str, Any]:
        """Return parameters, repetition, seed, result and error side by side, for a table.

        What the measure calls like one of the others is written as ``result.name``.
        """
        place = {"row": self.row, **self.parameters, "repetition": self.repetition, "seed": self.seed}
        taken = place.keys() | {"error"}
        result = {f"result.{name}" if name in taken else name: v for name, v in (self.result or {}).items()}
        return {**place, **result, "error": self.error}


class Store:
    """The records of one study in a directory.

    Parameters
    ----------
    path : str or path-like
        The directory; made with its parents by the first `open_for`.

    Raises
    ------
    StudyError
        When reading or opening: if the directory is not a store, holds another study, is damaged, in use by
        another process, or cannot be written. The message says which.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as directory:
    ...     store = Store(directory)
    ...     with store.open_for({"title": "an example"}):
    ...         store.append(Record(row=0, parameters={"n": 2}, repetition=0, seed=5, result={"square": 4}))
    ...     [record.result for record in store]
    [{'square': 4}]
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._offsets: dict[int, int] = {}
        self._records: IO[bytes] | None = None
        self._log: IO[str] | None = None

    def open_for(self, study: Mapping[str, Any]) -> Store:
        """Open the store for writing the records of a study, making it if the directory is new or empty.

        Parameters
        ----------
        study : mapping
            What identifies the study; a store is only ever continued by the study that began it.

        Returns
        -------
        Store
            This store, to be used as a context manager: leaving it closes the files.
        """
        try:
            self._begin(json.loads(dumps(study)))
            self._records = (self.path / _RECORDS).open("r+b")
            self._lock(self._records)
            self._records.truncate(self._scan())
            self._records.seek(0, os.SEEK_END)
            self._log = (self.path / _LOG).open("a", encoding="utf-8")
        except OSError as error:
            self.close()
            raise StudyError(f"the store {self.path} cannot be written: {error}") from error
        except StudyError:
            self.close()
            raise
        return self

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the files and give up the lock; a closed store can still be read."""
        for file in (self._records, self._log):
            if file is not None:
                file.close()
        self._records = self._log = None

    def append(self, record: Record, **log: Any) -> None:
        """Put a finished record on disk; when this returns it is there, whole.

        Parameters
        ----------
        record : Record
            The record.
        **log
            What goes to ``log.jsonl`` beside it.

        Raises
        ------
        StudyError
            If the store is not open, holds the row already, or cannot be written any more (a full disk).
        """
        if self._records is None or self._log is None:
            raise StudyError(f"the store {self.path} is not open for writing")
        if record.row in self._offsets:
            raise StudyError(f"the store {self.path} already holds row {record.row}")
        offset = self._records.tell()
        try:
            self._records.write(_line_of(record))
            self._records.flush()
            os.fsync(self._records.fileno())
            self._offsets[record.row] = offset
            if log:
                self._log.write(dumps({"row": record.row, **log}) + "\n")
                self._log.flush()
        except OSError as error:
            raise StudyError(f"the store {self.path} cannot be written any more: {error}") from error

    def study(self) -> dict[str, Any]:
        """Return what the records are records of, as `open_for` was told."""
        try:
            header = json.loads((self.path / _HEADER).read_text(encoding="utf-8"))
        except OSError as error:
            raise StudyError(f"{self.path} is not a study store: {error}") from error
        except ValueError as error:
            raise StudyError(f"{self.path / _HEADER} is damaged: {error}") from error
        if not isinstance(header, dict) or header.get("format") != _FORMAT or "study" not in header:
            raise StudyError(f"{self.path / _HEADER} does not belong to a {_FORMAT!r}")
        study: dict[str, Any] = header["study"]
        return study

    def rows(self) -> set[int]:
        """Return the numbers of the rows that are done."""
        self._refresh()
        return set(self._offsets)

    def __len__(self) -> int:
        self._refresh()
        return len(self._offsets)

    def __iter__(self) -> Iterator[Record]:
        """Yield the records in the order of their rows, one in memory at a time."""
        self._refresh()
        if not self._offsets:
            return
        with (self.path / _RECORDS).open("rb") as file:
            for row in sorted(self._offsets):
                file.seek(self._offsets[row])
                yield self._record_of(file.readline(), row)

    def log(self) -> Iterator[dict[str, Any]]:
        """Yield the whole lines of the log: row, seconds, process and traceback of a failure."""
        with (self.path / _LOG).open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield json.loads(line)

    def __repr__(self) -> str:
        return f"Store({brief(str(self.path))})"

    def _repr_html_(self) -> str | None:
        """The first and last records as a table; nothing where there is no readable store."""
        try:
            records = [record.flat() for record in self]
        except StudyError:
            return None
        failed = sum(record["error"] is not None for record in records)
        names = [name for name in dict.fromkeys(chain.from_iterable(records)) if failed or name != "error"]
        shown = shortened(records, gap=dict.fromkeys(names, DOTS))
        rows = [[_cell(record.get(name)) for name in names] for record in shown]
        return table(rows, header=names, caption=f"{len(records)} records, {failed} failed")

    def _begin(self, study: Mapping[str, Any]) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        entries = {entry.name for entry in self.path.iterdir()}
        if _HEADER not in entries:
            if entries - {_HEADER_PART}:
                raise StudyError(
                    f"{self.path} is not a study store (it holds {min(entries)!r}); choose a new directory"
                )
            self._write_header(study)
        difference = _difference(self.study(), study)
        if difference:
            raise StudyError(f"the store {self.path} belongs to another study: {difference}")
        (self.path / _RECORDS).touch()

    def _write_header(self, study: Mapping[str, Any]) -> None:
        part = self.path / _HEADER_PART
        with part.open("w", encoding="utf-8") as file:
            file.write(json.dumps({"format": _FORMAT, "study": study}, indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.path / _HEADER)

    def _lock(self, records: IO[bytes]) -> None:
        if sys.platform == "win32":
            return
        import fcntl

        try:
            fcntl.flock(records, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StudyError(f"the store {self.path} is in use by another process") from error

    def _refresh(self) -> None:
        if self._records is None:
            self.study()
            self._scan()

    def _scan(self) -> int:
        """Read every line, remember where each row lies, and return the end of the last whole line."""
        self._offsets = {}
        end = 0
        records = self.path / _RECORDS
        if not records.exists():
            return end
        with records.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    break
                record = self._record_of(line, number)
                if record.row in self._offsets:
                    raise StudyError(f"{records} is damaged: line {number} repeats row {record.row}")
                self._offsets[record.row] = end
                end += len(line)
        return end

    def _record_of(self, line: bytes, number: int) -> Record:
        try:
            values = json.loads(line)
            checksum = values.pop("crc32")
            record = Record(**values)
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise StudyError(f"{self.path / _RECORDS} is damaged at line {number}: {error!r}") from error
        if _checksum(values) != checksum:
            raise StudyError(f"{self.path / _RECORDS} is damaged at line {number}: its checksum is wrong")
        return record


def dumps(value: Any) -> str:
    """Return JSON in one line; NumPy scalars and arrays become numbers and lists, NaN and Infinity stay literal."""
    return json.dumps(value, default=_plain)


def plain(value: Any) -> dict[str, Any]:
    """Return a mapping as the store will give it back, made of plain numbers, strings, lists and dicts.

    Raises
    ------
    TypeError
        If it is not a mapping or holds something else.
    """
    if not hasattr(value, "items"):
        raise TypeError(f"a measure returns a mapping of names to values, got {value!r}")
    values: dict[str, Any] = json.loads(dumps(dict(value)))
    return values


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else brief(value)


def _plain(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} {value!r} cannot be stored; return numbers, strings, lists or dicts")


def _checksum(values: Mapping[str, Any]) -> str:
    return f"{crc32(dumps(values).encode()):08x}"


def _line_of(record: Record) -> bytes:
    values = {name: getattr(record, name) for name in Record.__slots__}
    return (dumps({**values, "crc32": _checksum(values)}) + "\n").encode()


def _difference(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    for name in [*wanted, *(name for name in stored if name not in wanted)]:
        if stored.get(name) != wanted.get(name):
            return f"its {name} is {stored.get(name)!r}, not {wanted.get(name)!r}"
    return ""
