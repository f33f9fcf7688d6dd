"""What happened to one case, and the column of the table it counts in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cases import Case, case_to_json, hexadecimal
from .known import KNOWN
from .oracle import Ruling, Verdict

Vector = NDArray[np.float64]

COLUMN = {
    ("proved", Ruling.RIGHT): "proved",
    ("proved", Ruling.UNDECIDED): "unconfirmed",
    ("proved", Ruling.WRONG): "FALSE PROOF",
    ("not proved", None): "not proved",
    ("certified", Ruling.RIGHT): "certified",
    ("certified", Ruling.UNDECIDED): "undecided",
    ("certified", Ruling.WRONG): "FALSE",
    ("inaccurate", Ruling.RIGHT): "lost",
    ("inaccurate", Ruling.UNDECIDED): "inaccurate",
    ("inaccurate", Ruling.WRONG): "inaccurate",
    ("rejected", Ruling.RIGHT): "lost",
    ("rejected", Ruling.UNDECIDED): "rejected",
    ("rejected", Ruling.WRONG): "rejected",
    ("infeasible", Ruling.RIGHT): "inf right",
    ("infeasible", Ruling.UNDECIDED): "inf margin",
    ("infeasible", Ruling.WRONG): "INF WRONG",
    ("refused", None): "refused",
    ("untyped", None): "UNTYPED",
    ("judge", None): "JUDGE",
}
COLUMNS = (
    *("proved", "unconfirmed", "FALSE PROOF", "not proved"),
    *("certified", "beyond tol", "undecided", "FALSE", "lost", "inaccurate", "rejected"),
    *("inf right", "inf margin", "INF WRONG", "refused", "UNTYPED", "JUDGE"),
)
FAILURES = tuple(column for column in COLUMNS if column.isupper())


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One claim about one case, with what the oracle says of it.

    ``outcome`` is the first of a pair of `COLUMN`; ``detail`` tells what was claimed, or why nothing was.
    """

    case: Case
    outcome: str
    subject: str = ""
    verdict: Verdict | None = None
    detail: str = ""
    stray: str = ""
    log_x: Vector | None = None
    seconds: float = 0.0
    judging: float = 0.0

    @property
    def column(self) -> str:
        """The column of the table it counts in."""
        column = COLUMN[self.outcome, self.verdict.ruling if self.verdict else None]
        return "beyond tol" if column == "undecided" and self.verdict and math.isfinite(self.verdict.error) else column

    @property
    def family(self) -> str:
        """The row of the table it counts in."""
        return "known cases" if self.case.name in KNOWN else self.case.family


def to_json(record: Record) -> dict[str, Any]:
    """A case and what happened, with floats that lose nothing."""
    verdict = record.verdict
    return {
        "subject": record.subject,
        **case_to_json(record.case),
        "log_x": hexadecimal(record.log_x),
        "column": record.column,
        "detail": record.detail,
        "reason": verdict.reason if verdict else "",
        "error": repr(verdict.error) if verdict else "",
    }
