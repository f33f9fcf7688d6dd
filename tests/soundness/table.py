"""The long run in numbers: a table by family, one by subject, and the reasons behind them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

from .cases import ILL_CONDITIONED
from .records import COLUMNS, FAILURES, Record

# Subjects that are about the projection of the case itself: their counts stand in the rows of its family.
BY_FAMILY = ("solve", "proofs")
MOST_REASONS = 40
# Columns that need no reason.
AS_IT_SHOULD_BE = ("certified", "proved", "rejected", "inf right")


def table(records: list[Record]) -> str:
    """Counts by family for solves and proofs, by subject for the rest."""
    of_families: dict[str, list[Record]] = defaultdict(list)
    of_subjects: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        rows = of_families if record.subject in BY_FAMILY else of_subjects
        rows[record.family if record.subject in BY_FAMILY else record.subject].append(record)
    parts = []
    if of_families:
        parts.append(_counts("family", {**of_families, **_sums(of_families)}))
    if of_subjects:
        parts.append(_counts("subject", of_subjects))
    return "\n\n".join(parts)


def _sums(rows: Mapping[str, list[Record]]) -> dict[str, list[Record]]:
    on_purpose = [record for name, members in rows.items() if name in ILL_CONDITIONED for record in members]
    others = [record for name, members in rows.items() if name not in ILL_CONDITIONED for record in members]
    return {"= ill-conditioned": on_purpose, "= all others": others, "= all": on_purpose + others}


def _counts(title: str, rows: Mapping[str, list[Record]]) -> str:
    """One line each; columns that stayed empty are left out unless they must."""
    found = {record.column for members in rows.values() for record in members} | {"FALSE", "INF WRONG", "UNTYPED"}
    shown = [column for column in COLUMNS if column in found]
    widths = [max(9, len(column) + 2) for column in shown]
    head = "".join(f"{column:>{width}}" for column, width in zip(shown, widths, strict=True))
    lines = [f"{title:<25}{'runs':>8}{head}{'median ms':>11}{'max s':>8}"]
    for name, members in rows.items():
        counts = Counter(record.column for record in members)
        cells = "".join(f"{counts[column] or '.':>{width}}" for column, width in zip(shown, widths, strict=True))
        runs = len({record.case.name for record in members})
        seconds = [record.seconds for record in members] or [0.0]
        lines.append(f"{name:<25}{runs:>8}{cells}{1000 * np.median(seconds):>11.1f}{max(seconds):>8.2f}")
    return "\n".join(lines)


def reasons(records: Iterable[Record]) -> str:
    """Why answers are not certified or not proved, and warnings that nobody meant to give, by number."""
    told: Counter[str] = Counter()
    for record in records:
        why = record.detail or (record.verdict.reason if record.verdict else "")
        if record.column not in AS_IT_SHOULD_BE:
            where = "" if record.subject == "solve" else f"{record.subject}: "
            told[f"{where}{record.column}: {' '.join(why.split())[:110]}"] += 1
        if record.stray:
            told[f"stray warning of {record.subject}: {record.stray[:100]}"] += 1
    lines = [f"{number:>7}  {text}" for text, number in told.most_common(MOST_REASONS)]
    rest = sum(told.values()) - sum(number for _, number in told.most_common(MOST_REASONS))
    return "\n".join([*lines, f"{rest:>7}  others"] if rest else lines)


def shares(records: list[Record]) -> str:
    """What the goals are about: failures, and the share that honest answers are not certified."""
    solved = [record for record in records if record.subject == "solve"]
    others = [record for record in solved if record.family not in ILL_CONDITIONED]
    lines = [f"{name}: {sum(record.column == name for record in records)}" for name in FAILURES]
    for name, members in (("all solves", solved), ("solves not ill-conditioned on purpose", others)):
        missed = sum(record.outcome == "inaccurate" for record in members)
        lost = sum(record.column == "lost" for record in members)
        share = 100 * missed / max(1, len(members))
        lines.append(f"not certified among {name}: {missed} of {len(members)} ({share:.2f} %), {lost} of them right")
    return "\n".join(lines)
