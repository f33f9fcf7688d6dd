"""What the records of a study say, in a screen of text: a line for each combination of parameters, and what failed."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import accumulate, chain
from math import isnan, nan
from statistics import fmean, median
from typing import TYPE_CHECKING, Any, ClassVar

from bregman_l1.errors import StudyError
from bregman_l1.experiments.plain import dumps
from bregman_l1.experiments.tables import text_table
from bregman_l1.one_line import OneLine
from bregman_l1.validation import checked_count

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping, Sequence

    from bregman_l1.experiments.record import Record

    _Kind = tuple[str, Callable[[Sequence[float]], float]]

_GAP = "  "  # between the columns of `text_table`

# A summary stays within a screen.
_MOST_GROUPS, _MOST_REASONS, _LONGEST_CELL, _LONGEST_REASON = 15, 4, 24, 160

# A number in a message, but not the digits of a name such as float64 or l1.
_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:0x[0-9a-f]+|(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(OneLine):
    """The rows of one combination of parameters.

    Attributes
    ----------
    parameters : dict
        The combination.
    rows, failed : int
        How many rows there are, and how many of them have an error.
    statistics : dict
        By what it is of: ``median NAME`` of results that are numbers, without those that are NaN, and ``share NAME``
        of results that are true or false. NaN where no row has a number. Other results are left out.
    """

    parameters: dict[str, Any]
    rows: int
    failed: int
    statistics: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure(OneLine):
    """The rows that failed for one reason.

    Attributes
    ----------
    reason : str
        Type and message of the exception, with ``#`` for the numbers where they differ from row to row.
    rows : tuple of int
        The numbers of the rows.
    example : Record
        The first of them.
    """

    reason: str
    rows: tuple[int, ...]
    example: Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary(OneLine):
    """The records of a study at a glance; ``print`` shows it.

    Attributes
    ----------
    groups : tuple of Group
        One for each combination of parameters, in the order of the grid.
    failures : tuple of Failure
        One for each reason, the most frequent first.
    """

    groups: tuple[Group, ...]
    failures: tuple[Failure, ...]

    _shown: ClassVar = ("rows", "failed", "groups", "failures")

    @property
    def rows(self) -> int:
        """How many rows are finished."""
        return sum(group.rows for group in self.groups)

    @property
    def failed(self) -> int:
        """How many of them have an error."""
        return sum(group.failed for group in self.groups)

    def __str__(self) -> str:
        return self.text()

    def text(self, width: int = 100) -> str:
        """Return at most 30 lines of text: what all rows share, a table of the rest, and the reasons of failures.

        Parameters
        ----------
        width : int
            Columns of text. Of the statistics the first ones are shown, as many as fit.
        """
        return "\n".join([*self._table(checked_count("width", width, 1, StudyError)), *self._reasons()])

    def _table(self, width: int) -> list[str]:
        if not self.groups:
            return ["no rows"]
        shown, common = self.groups[:_MOST_GROUPS], _common([group.parameters for group in self.groups])
        places, statistics = _places(shown, common, failed=self.failed > 0), _statistics(shown)
        ends = accumulate(max(map(len, column)) + len(_GAP) for column in [*places, *statistics])
        fitting = max(0, sum(end <= width + len(_GAP) for end in ends) - len(places))
        header, *lines = zip(*places, *statistics[:fitting], strict=True)
        table = [text_table(header, lines)]
        if common:
            table.insert(0, f"throughout: {_parameters_text(common)}")
        if len(self.groups) > _MOST_GROUPS:
            table.append(f"and {len(self.groups) - _MOST_GROUPS} more combinations")
        if statistics[fitting:]:
            table.append(_shortened(f"not shown: {', '.join(name for name, *_ in statistics[fitting:])}", width))
        return table

    def _reasons(self) -> list[str]:
        if not self.failures:
            return []
        lines = ["", f"{self.failed} of {self.rows} rows failed:"]
        for failure in self.failures[:_MOST_REASONS]:
            example = failure.example
            lines.append(f"{len(failure.rows)} x {_shortened(failure.reason, _LONGEST_REASON)}")
            place = _parameters_text({**example.parameters, "repetition": example.repetition})
            said = "" if example.error == failure.reason else f": {_shortened(example.error or '', _LONGEST_REASON)}"
            lines.append(f"    such as row {example.row} ({place}){said}")
        if len(self.failures) > _MOST_REASONS:
            lines.append(f"and {len(self.failures) - _MOST_REASONS} more reasons")
        return lines


@dataclass(slots=True)
class _Sample:
    """What the rows of one combination returned so far, of that only what has a median or a share."""

    parameters: dict[str, Any]
    rows: int = 0
    failed: int = 0
    values: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, record: Record) -> None:
        self.rows += 1
        self.failed += record.error is not None
        for name, value in (record.result or {}).items():
            # An integer may be too large for a statistic.
            if isinstance(value, float) or (isinstance(value, int) and abs(value) <= sys.float_info.max):
                self.values[name].append(value)

    def is_boolean(self, name: str) -> bool:
        return all(isinstance(value, bool) for value in self.values[name])

    def group(self, kinds: Mapping[str, _Kind]) -> Group:
        statistics = {f"{word} {name}": self._over(name, function) for name, (word, function) in kinds.items()}
        return Group(parameters=self.parameters, rows=self.rows, failed=self.failed, statistics=statistics)

    def _over(self, name: str, function: Callable[[Sequence[float]], float]) -> float:
        known = [value for value in self.values[name] if not isnan(value)]
        return float(function(known)) if known else nan


def summarise(records: Iterable[Record]) -> Summary:
    """Return the summary of records, such as those of a `Store`; only the numbers of their results are kept.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from bregman_l1.experiments import Study, sweep
    >>> def root(seed, *, n, scale):
    ...     return {"root": scale * n**0.5 if n >= 0 else 1 / 0, "exact": n in (0, 1, 4)}
    >>> with TemporaryDirectory() as directory:
    ...     records = sweep(Study(measure=root, grid={"n": [-1, 2, 4], "scale": 1.0}), directory)
    ...     print(records.summary())
    throughout: scale = 1
    n   rows  failed  median root  share exact
    -1     1       1            -            -
    2      1       0        1.414            0
    4      1       0            2            1
    <BLANKLINE>
    1 of 3 rows failed:
    1 x ZeroDivisionError: division by zero
        such as row 0 (n = -1, scale = 1, repetition = 0)
    """
    samples: dict[str, _Sample] = {}
    failed: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        samples.setdefault(dumps(record.parameters), _Sample(record.parameters)).add(record)
        if record.error is not None:
            failed[_NUMBER.sub("#", record.error)].append(record)
    names = dict.fromkeys(chain.from_iterable(sample.values for sample in samples.values()))
    kinds: dict[str, _Kind] = {
        name: ("share", fmean) if all(sample.is_boolean(name) for sample in samples.values()) else ("median", median)
        for name in names
    }
    groups = [sample.group(kinds) for sample in samples.values()]
    failures = [_failure(pattern, alike) for pattern, alike in failed.items()]
    return Summary(groups=tuple(groups), failures=tuple(sorted(failures, key=lambda f: len(f.rows), reverse=True)))


def _places(groups: Sequence[Group], common: Container[str], *, failed: bool) -> list[list[str]]:
    """Return the columns that say which rows a line is of, each with its heading first."""
    names = dict.fromkeys(chain.from_iterable(group.parameters for group in groups))
    columns = [
        [name, *(_cell(group.parameters[name]) if name in group.parameters else "" for group in groups)]
        for name in names
        if name not in common
    ]
    counts = [["rows", *(str(group.rows) for group in groups)]]
    if failed:
        counts.append(["failed", *(str(group.failed) for group in groups)])
    return columns + counts


def _statistics(groups: Sequence[Group]) -> list[list[str]]:
    """Return the columns of the statistics, each with its heading first."""
    names = groups[0].statistics
    return [[name, *(_number_text(group.statistics[name]) for group in groups)] for name in names]


def _failure(pattern: str, records: Sequence[Record]) -> Failure:
    messages = {record.error for record in records}
    (reason,) = messages if len(messages) == 1 else {pattern}
    return Failure(reason=str(reason), rows=tuple(record.row for record in records), example=records[0])


def _common(combinations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the parameters that all combinations have with the same value; none where there is one combination."""
    first, *others = combinations
    if not others:
        return {}
    return {name: value for name, value in first.items() if all(name in c and c[name] == value for c in others)}


def _parameters_text(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {_cell(value)}" for name, value in parameters.items())


def _number_text(value: float) -> str:
    return "-" if isnan(value) else f"{value:.4g}"


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return _shortened(value if isinstance(value, str) else dumps(value), _LONGEST_CELL)


def _shortened(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 3]}..."
