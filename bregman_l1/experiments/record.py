"""One finished row of a study, and the line of a file it is written as."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any
from zlib import crc32

from bregman_l1.experiments.plain import dumps
from bregman_l1.one_line import OneLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(OneLine):
    """One finished row of a study.

    Attributes
    ----------
    row : int
        Number of the row in the study, the repetitions of a combination one after the other.
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


def line_of(record: Record, combination: int) -> bytes:
    """Return the line of a record, with a checksum; it says which combination it is of, not which row."""
    values = {name: getattr(record, name) for name in Record.__slots__ if name != "row"}
    values = {"combination": combination, **values}
    return (dumps({**values, "crc32": _checksum(values)}) + "\n").encode()


def record_of(line: bytes, repetitions: int) -> Record:
    """Return the record of a line.

    Raises
    ------
    ValueError
        If it is none, or damaged.
    """
    values = _values(line)
    checksum = values.pop("crc32", None)
    if _checksum(values) != checksum:
        raise ValueError("its checksum is wrong")
    parts = _placed(values, repetitions)
    if parts.keys() != _KINDS.keys():
        raise ValueError("it is no record")
    record = Record(**parts)
    refuse_other_kinds(record)
    return record


def with_row(line: bytes, repetitions: int) -> dict[str, Any]:
    """Return what a line holds, with the number of its row; ValueError where it is none of ours."""
    return _placed(_values(line), repetitions)


def refuse_other_kinds(record: Record) -> None:
    """Raise ValueError where a part of a record is not of its kind."""
    for name, kind in _KINDS.items():
        if not isinstance(getattr(record, name), kind):
            raise ValueError(f"{name} is {getattr(record, name)!r}")


_KINDS: dict[str, Any] = {
    "row": Integral,
    "parameters": dict,
    "repetition": Integral,
    "seed": Integral,
    "result": dict | None,
    "error": str | None,
}


def _values(line: bytes) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(values, dict):
        raise ValueError("it is no record")
    return values


def _placed(values: Mapping[str, Any], repetitions: int) -> dict[str, Any]:
    """Put the number of the row in the place of that of the combination; an earlier version wrote the row itself."""
    if "row" in values:
        return dict(values)
    others = {name: value for name, value in values.items() if name != "combination"}
    combination, repetition = values.get("combination"), values.get("repetition")
    if not (isinstance(combination, int) and isinstance(repetition, int)):
        raise ValueError("it does not say which row it is of")
    return {"row": combination * repetitions + repetition, **others}


def _checksum(values: Mapping[str, Any]) -> str:
    return f"{crc32(dumps(values).encode()):08x}"
