"""How often is an answer called CERTIFIED that is not? A campaign against exact arithmetic.

Run: python benchmarks/soundness.py --count 5000 --seed 0 [--family NAME ...] [--seconds S] [--jobs 2] [--output DIR]
     python benchmarks/soundness.py --replay DIR/CASE.json

Every system of the families in tests/exact is solved with warnings captured, and what is said of it is judged in
rationals and balls (tests/exact/oracle.py). Columns of the table:

right, undecided, FALSE     certified, by the oracle's ruling: FALSE must be zero
inaccurate, lost            not certified; lost ones are right nevertheless
inf right, margin, WRONG    InfeasibleError: true for every y' within the margin, true as given, false
refused, UNTYPED            other exceptions of this package, any other exception

Cases in capitals (and those of ``--keep``) are written as JSON with hexadecimal floats, to be replayed.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from exact.families import FAMILIES, KNOWN, Case, draw
from exact.oracle import Ruling, Verdict, judge, judge_infeasible

from bregman_l1 import (
    BregmanError,
    BregmanProjection,
    InfeasibleError,
    LinearSystem,
    NotCertifiedWarning,
    Solution,
    solve,
)

Vector = NDArray[np.float64]

# A solve that ignores its time limit for so long is stopped and counted as an untyped exception.
TIME_LIMIT, HANG = 10.0, 60.0
# x and log_x must be the same vector to so many roundings, wherever x is a normal number.
SAME = 64 * 2.0**-52

COLUMN = {
    ("certified", Ruling.RIGHT): "right",
    ("certified", Ruling.UNDECIDED): "undecided",
    ("certified", Ruling.WRONG): "FALSE",
    ("inaccurate", Ruling.RIGHT): "lost",
    ("inaccurate", Ruling.UNDECIDED): "inaccurate",
    ("inaccurate", Ruling.WRONG): "inaccurate",
    ("infeasible", Ruling.RIGHT): "inf right",
    ("infeasible", Ruling.UNDECIDED): "inf margin",
    ("infeasible", Ruling.WRONG): "INF WRONG",
    ("refused", None): "refused",
    ("untyped", None): "UNTYPED",
}
COLUMNS = tuple(dict.fromkeys(COLUMN.values()))
FAILURES = tuple(column for column in COLUMNS if column.isupper())


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What happened to one case."""

    case: Case
    outcome: str
    verdict: Verdict | None = None
    detail: str = ""
    stray: str = ""
    log_x: Vector | None = None
    seconds: float = 0.0
    judging: float = 0.0

    @property
    def column(self) -> str:
        """The column of the table it counts in."""
        return COLUMN[self.outcome, self.verdict.ruling if self.verdict else None]

    @property
    def family(self) -> str:
        """The row of the table it counts in."""
        return "known cases" if self.case.name in KNOWN else self.case.name.partition("/")[0]


def run(case: Case, tol: float = 1e-9) -> Record:
    """Solve one case and judge what is said of it."""
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        answer = _answer(case, tol)
    seconds = time.perf_counter() - start
    record = replace(_judged(case, answer, tol), seconds=seconds, judging=time.perf_counter() - start - seconds)
    stray = [str(warning.message) for warning in caught if not issubclass(warning.category, NotCertifiedWarning)]
    return replace(record, stray=stray[0] if stray else "")


def _answer(case: Case, tol: float) -> Solution | Exception:
    """What the package returns or raises, stopped if it hangs."""
    signal.signal(signal.SIGALRM, _stop)
    signal.setitimer(signal.ITIMER_REAL, HANG)
    try:
        problem = BregmanProjection(LinearSystem(case.A, case.y), log_alpha=case.log_alpha, cost=case.cost)
        return solve(problem, tol=tol, time_limit=TIME_LIMIT)
    except Exception as error:
        return error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise TimeoutError(f"still running after {HANG:g} s with a limit of {TIME_LIMIT:g} s")


def _judged(case: Case, answer: Solution | Exception, tol: float) -> Record:
    if isinstance(answer, InfeasibleError):
        return Record(case=case, outcome="infeasible", verdict=judge_infeasible(case.A, case.y, answer.farkas))
    if isinstance(answer, Exception):
        detail = f"{type(answer).__name__}: {str(answer).partition(';')[0]}"
        return Record(case=case, outcome="refused" if isinstance(answer, BregmanError) else "untyped", detail=detail)
    verdict = judge(case.A, case.y, case.log_alpha, answer.log_x, cost=case.cost, tol=tol)
    if answer.status.is_certified:
        if not _same(answer.x, answer.log_x):
            verdict = Verdict(ruling=Ruling.WRONG, error=np.inf, reason="x is not exp(log_x)")
        return Record(case=case, outcome="certified", verdict=verdict, log_x=answer.log_x)
    detail = f"{answer.status.value}: {', '.join(answer.certificate.failed)}"
    return Record(case=case, outcome="inaccurate", verdict=verdict, detail=detail, log_x=answer.log_x)


def _same(x: Vector, log_x: Vector) -> bool:
    """Whether x is exp(log_x) wherever that is a normal number."""
    with np.errstate(all="ignore"):
        plain = np.exp(log_x)
        normal = (plain > np.finfo(float).tiny) & np.isfinite(plain)
        off = np.abs(np.log(x[normal]) - log_x[normal]) > SAME * np.maximum(1.0, np.abs(log_x[normal]))
    return not off.any() and bool((x[~normal] >= 0).all())


def campaign(families: Iterable[str], *, count: int, seed: int, tol: float = 1e-9, jobs: int = 1) -> Iterator[Record]:
    """Run so many cases, the families in turn."""
    names = list(families)
    work = ((names[number % len(names)], number // len(names)) for number in range(count))
    if jobs == 1:
        yield from map(partial(_drawn, seed, tol), work)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(partial(_drawn, seed, tol), work, chunksize=8)


def _drawn(seed: int, tol: float, which: tuple[str, int]) -> Record:
    return run(draw(which[0], seed, which[1]), tol)


def to_json(record: Record) -> dict[str, Any]:
    """A case and what happened, with floats that lose nothing."""
    case, verdict = record.case, record.verdict
    return {
        "name": case.name,
        "A": _hexadecimal(case.A),
        "y": _hexadecimal(case.y),
        "log_alpha": float(case.log_alpha).hex(),
        "cost": _hexadecimal(case.cost),
        "log_x": _hexadecimal(record.log_x),
        "column": record.column,
        "detail": record.detail,
        "reason": verdict.reason if verdict else "",
        "error": repr(verdict.error) if verdict else "",
    }


def _hexadecimal(values: Any) -> Any:
    if values is None:
        return None
    return [_hexadecimal(row) for row in values] if np.ndim(values) else float(values).hex()


def from_json(data: dict[str, Any]) -> Case:
    """The case of a file."""
    return Case(
        name=data["name"],
        A=np.array(_floats(data["A"])),
        y=np.array(_floats(data["y"])),
        log_alpha=float.fromhex(data["log_alpha"]),
        cost=None if data["cost"] is None else np.array(_floats(data["cost"])),
    )


def _floats(values: Any) -> Any:
    return [_floats(row) for row in values] if isinstance(values, list) else float.fromhex(values)


def save(record: Record, folder: Path) -> None:
    """Write a case so that it can be replayed."""
    folder.mkdir(parents=True, exist_ok=True)
    name = "".join(sign if sign.isalnum() else "-" for sign in f"{record.column}-{record.case.name}")
    (folder / f"{name}.json").write_text(json.dumps(to_json(record)), encoding="utf-8")


def replay(path: Path, tol: float) -> int:
    """Run a saved case again and print all that is known of it; 1 if it still fails."""
    case = from_json(json.loads(path.read_text(encoding="utf-8")))
    record = run(case, tol)
    with np.printoptions(linewidth=160, precision=17):
        print(f"{case.name}: {case.A.shape[0]} x {case.A.shape[1]}, log alpha = {case.log_alpha!r}, cost = {case.cost}")
        print(f"A = {case.A!r}\ny = {case.y!r}\nlog x = {record.log_x!r}")
    print(f"{record.column}: {record.detail} {record.verdict}; solved in {record.seconds:.3f} s")
    return int(record.column in FAILURES)


def table(records: list[Record]) -> str:
    """Counts by family; columns that stayed empty are left out unless they must."""
    rows = defaultdict(list)
    for record in records:
        rows[record.family].append(record)
    found = {record.column for record in records} | set(FAILURES)
    shown = [column for column in COLUMNS if column in found]
    lines = [f"{'family':<25}" + "".join(f"{column:>11}" for column in shown) + f"{'median ms':>11}{'max s':>8}"]
    for name, members in (*rows.items(), ("all", records)):
        counts = Counter(record.column for record in members)
        seconds = [record.seconds for record in members]
        cells = "".join(f"{counts[column] or '.':>11}" for column in shown)
        lines.append(f"{name:<25}{cells}{1000 * np.median(seconds):>11.1f}{max(seconds):>8.2f}")
    return "\n".join(lines)


def details(records: list[Record]) -> str:
    """Why answers are not certified, and warnings that nobody meant to give, by number."""
    told = Counter(f"{record.column}: {record.detail[:100]}" for record in records if record.detail)
    told.update(f"stray warning: {record.stray}" for record in records if record.stray)
    return "\n".join(f"{number:>6}  {text}" for text, number in told.most_common())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--family", action="append", choices=sorted(FAMILIES), help="default: all of them in turn")
    parser.add_argument("--seconds", type=float, default=np.inf, help="stop after so long")
    parser.add_argument("--tol", type=float, default=1e-9)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("soundness-failures"))
    parser.add_argument("--keep", action="append", default=[], help="a column whose cases are written too")
    parser.add_argument("--replay", type=Path)
    options = parser.parse_args()
    if options.replay:
        return replay(options.replay, options.tol)
    start, records = time.perf_counter(), []
    known = () if options.family else (run(case, options.tol) for case in KNOWN.values())
    families = options.family or FAMILIES
    drawn = campaign(families, count=options.count, seed=options.seed, tol=options.tol, jobs=options.jobs)
    for record in chain(known, drawn):
        records.append(record)
        if record.column in (*FAILURES, *options.keep):
            save(record, options.output)
        if time.perf_counter() - start > options.seconds:
            break
    judging = 1000 * float(np.mean([record.judging for record in records]))
    print(table(records))
    print(f"\n{len(records)} systems in {time.perf_counter() - start:.1f} s, {judging:.1f} ms of judging each")
    print(details(records))
    return int(any(record.column in FAILURES for record in records))


if __name__ == "__main__":
    sys.exit(main())
