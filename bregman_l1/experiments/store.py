"""A study's records on disk: one line a record, each line whole before the record counts.

A store is a directory of three files::

    study.json       what the records are records of; written first, changed only where repetitions are added
    records.jsonl    the results: a line for each finished row, with its own checksum
    log.jsonl        what differs between runs: seconds, process, traceback of a failure

Rows arrive in any order. A line says which combination of parameters and which repetition it is of, not the
number of its row, so that a store can be continued with more repetitions: the row is
combination * repetitions + repetition. The results contain nothing that depends on when, where or how often a
study was started, so that the lines of ``records.jsonl``, sorted, are the same bytes for an interrupted study and
for one that ran through. ``log.jsonl`` carries no results and is not synchronised.

One process writes a store at a time (it holds a lock on ``records.jsonl`` that ends with the process; Windows
has no such lock, and there the caller must see to it).
Killed in the middle of a line, it leaves a last line without a line end; the next writer cuts that line off
and its row is done again. Any other damage is refused, and nothing is overwritten.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from bregman_l1.errors import StudyError
from bregman_l1.experiments.plain import dumps
from bregman_l1.experiments.record import Record, line_of, record_of, refuse_other_kinds, with_row
from bregman_l1.experiments.summary import Summary, summarise
from bregman_l1.html import DOTS, shortened, table
from bregman_l1.one_line import brief
from bregman_l1.optional import require

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    import pandas as pd

_FORMAT = "bregman_l1 study store 2"
# Its lines give the numbers of their rows, which hold for the repetitions it was begun with.
_EARLIER_FORMAT = "bregman_l1 study store 1"
_HEADER, _HEADER_PART, _RECORDS, _LOG = "study.json", "study.json.part", "records.jsonl", "log.jsonl"


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
        self._repetitions = 1
        self._records: IO[bytes] | None = None
        self._log: IO[str] | None = None

    def open_for(self, study: Mapping[str, Any]) -> Store:
        """Open the store for writing the records of a study, making it if the directory is new or empty.

        Parameters
        ----------
        study : mapping
            What identifies the study; a store is only ever continued by the study that began it, as it was or
            with more ``repetitions``.

        Returns
        -------
        Store
            This store, to be used as a context manager: leaving it closes the files.
        """
        study = _identity(study)
        try:
            self._begin(study)
            self._records = (self.path / _RECORDS).open("r+b")
            self._lock(self._records)
            self._refuse_other(study)  # once more, now that nobody else can change it
            self._records.truncate(self._scan(study))
            self._records.seek(0, os.SEEK_END)
            if self.study() != study:
                self._write_header(study)
            self._log = (self.path / _LOG).open("a", encoding="utf-8")
        except StudyError:
            self.close()
            raise
        except (OSError, ValueError) as error:  # what no directory can be called is a ValueError
            self.close()
            raise StudyError(f"the store {self.path} cannot be written: {error}") from error
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
            If the store is not open, holds the row already, the row is not of this repetition, or the store cannot
            be written any more (a full disk).
        """
        if self._records is None or self._log is None:
            raise StudyError(f"the store {self.path} is not open for writing")
        _refuse_other_than_records(record)
        if record.row in self._offsets:
            raise StudyError(f"the store {self.path} already holds row {record.row}")
        combination, remainder = divmod(record.row - record.repetition, self._repetitions)
        if remainder:
            raise StudyError(f"row {record.row} is not repetition {record.repetition} of any combination")
        line, offset = line_of(record, combination), self._records.tell()
        try:
            self._records.write(line)
            self._records.flush()
            os.fsync(self._records.fileno())
            self._offsets[record.row] = offset
            if log:
                place = {"combination": combination, "repetition": record.repetition}
                self._log.write(dumps({**place, **log}) + "\n")
                self._log.flush()
        except OSError as error:
            raise StudyError(f"the store {self.path} cannot be written any more: {error}") from error

    def study(self) -> dict[str, Any]:
        """Return what the records are records of, as `open_for` was told."""
        study: dict[str, Any] = self._header()["study"]
        return study

    def held(self, study: Mapping[str, Any]) -> int:
        """Return how many rows of a study are here, without opening the store for it; 0 where there is no store."""
        with _reading(self.path):
            is_there = (self.path / _HEADER).exists()
        if not is_there:
            return 0
        self._refuse_other(_identity(study))
        return len(self)

    def summary(self) -> Summary:
        """Return what the records say for each combination of parameters, and why rows failed."""
        return summarise(self)

    def to_frame(self) -> pd.DataFrame:
        """Return the records as a data frame: a line for each row, with the columns of `Record.flat`.

        What a failed row has no result for is missing (NaN, None).

        Raises
        ------
        MissingPackageError
            If pandas is not installed.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> from bregman_l1.experiments import Study, sweep
        >>> def square(seed, *, n):
        ...     return {"square": n**2}
        >>> with TemporaryDirectory() as directory:
        ...     frame = sweep(Study(measure=square, grid={"n": [2, 3]}), directory).to_frame()
        >>> frame[["n", "repetition", "square"]]
           n  repetition  square
        0  2           0       4
        1  3           0       9
        """
        pandas, rows = require("pandas", "data frames"), [record.flat() for record in self]
        try:
            return pandas.DataFrame(rows)
        except ValueError as error:
            raise StudyError(f"the records of {self.path} make no data frame: {error}") from error

    def _header(self) -> dict[str, Any]:
        try:
            header = json.loads((self.path / _HEADER).read_text(encoding="utf-8"))
        except OSError as error:
            raise StudyError(f"{self.path} is not a study store: {error}") from error
        except (ValueError, RecursionError) as error:
            raise StudyError(f"{self.path / _HEADER} is damaged: {error}") from error
        formats = (_FORMAT, _EARLIER_FORMAT)
        if not isinstance(header, dict) or header.get("format") not in formats or not _is_identity(header.get("study")):
            raise StudyError(f"{self.path / _HEADER} does not belong to a {_FORMAT!r}")
        return header

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
        with _reading(self.path / _RECORDS), (self.path / _RECORDS).open("rb") as file:
            for row in sorted(self._offsets):
                file.seek(self._offsets[row])
                yield self._record_of(file.readline(), row)

    def log(self) -> Iterator[dict[str, Any]]:
        """Yield the whole lines of the log: row, seconds, process and traceback of a failure."""
        repetitions = self.study().get("repetitions", 1)
        with _reading(self.path / _LOG), (self.path / _LOG).open("rb") as file:
            for line in file:
                with suppress(ValueError):  # a line that was cut off, and the one that was written behind it
                    yield with_row(line, repetitions)

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
        self._refuse_other(study)
        (self.path / _RECORDS).touch()

    def _refuse_other(self, study: Mapping[str, Any]) -> None:
        header = self._header()
        stored = header["study"]
        held, wanted = stored.get("repetitions", 0), study.get("repetitions", 0)
        difference = _difference({**stored, "repetitions": wanted}, {**study, "repetitions": wanted})
        if difference:
            raise StudyError(f"the store {self.path} belongs to another study: {difference}")
        if wanted < held:
            raise StudyError(
                f"the store {self.path} is of {held} repetitions of this study, {wanted} were asked for: "
                f"ask for {held} or more, or choose a new directory"
            )
        if wanted > held and header["format"] == _EARLIER_FORMAT:
            raise StudyError(
                f"the store {self.path} was begun by an earlier version, with {held} repetitions, and is continued "
                f"with {held}: choose a new directory for {wanted}"
            )

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
            self._scan(self.study())

    def _scan(self, study: Mapping[str, Any]) -> int:
        """Read every line, remember where each row lies, and return the end of the last whole line."""
        self._offsets, self._repetitions = {}, study.get("repetitions", 1)
        end = 0
        records = self.path / _RECORDS
        if not records.exists():
            return end
        with _reading(records), records.open("rb") as file:
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
            return record_of(line, self._repetitions)
        except ValueError as error:
            raise StudyError(f"{self.path / _RECORDS} is damaged at line {number}: {error}") from error


def _refuse_other_than_records(record: Any) -> None:
    if not isinstance(record, Record):
        raise StudyError(f"a store holds records, got {type(record).__name__}")
    try:
        refuse_other_kinds(record)
    except ValueError as error:
        raise StudyError(f"a record cannot be stored: its {error}") from error


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error}") from error


def _identity(study: Mapping[str, Any]) -> dict[str, Any]:
    """What identifies a study as the store gives it back."""
    try:
        identity: dict[str, Any] = json.loads(dumps(study))
    except (TypeError, ValueError, RecursionError) as error:
        raise StudyError(f"a study is identified by plain values: {error}") from error
    if not _is_identity(identity):
        raise StudyError("a study is identified by a mapping; repetitions, where it has them, are a positive integer")
    return identity


def _is_identity(study: Any) -> bool:
    return isinstance(study, dict) and type(study.get("repetitions", 1)) is int and study.get("repetitions", 1) > 0


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else brief(value)


def _difference(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    for name in [*wanted, *(name for name in stored if name not in wanted)]:
        if stored.get(name) != wanted.get(name):
            return f"its {name} is {stored.get(name)!r}, not {wanted.get(name)!r}"
    return ""
