"""How often is an answer called CERTIFIED that is not? A campaign against exact arithmetic.

Run: python benchmarks/soundness.py --count 5000 --seed 0 [--family NAME ...] [--seconds S] [--jobs 2] [--output DIR]
     python benchmarks/soundness.py --replay DIR/CASE.json

Every system of the families in tests/exact is solved with warnings captured, and what is said of it is judged in
rationals and balls (tests/exact/oracle.py). Columns of the table:

right, undecided, FALSE     certified, by the oracle's ruling: FALSE, off by ten tol or more, must be zero
beyond tol                  certified, off by more than tol, but not by ten
for a y'                    with --exactly: right for a y' within the margin, not for y itself
inaccurate, lost            not certified; lost ones are right nevertheless
inf right, margin, WRONG    InfeasibleError: true for every y' within the margin, true as given, false
refused, UNTYPED            other exceptions of this package, any other exception

Cases in capitals (and those of ``--keep``) are written as JSON with hexadecimal floats, to be replayed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter, defaultdict
from itertools import chain
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from exact.campaign import COLUMNS, FAILURES, Record, campaign, from_json, run, to_json
from exact.families import FAMILIES, KNOWN


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
    told.update(
        f"{record.column}: {record.verdict.reason}" for record in records if record.verdict and not record.detail
    )
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
    parser.add_argument("--exactly", action="store_true", help="tell apart answers right for another y'; 0.1 s each")
    parser.add_argument(
        "--errors", choices=("default", "warn", "raise"), default="default", help="the caller's numpy.errstate"
    )
    parser.add_argument("--output", type=Path, default=Path("soundness-failures"))
    parser.add_argument("--keep", action="append", default=[], help="a column whose cases are written too")
    parser.add_argument("--replay", type=Path)
    options = parser.parse_args()
    if options.replay:
        return replay(options.replay, options.tol)
    start, records = time.perf_counter(), []
    how = {"tol": options.tol, "exactly": options.exactly, "errors": options.errors}
    known = () if options.family else (run(case, **how) for case in KNOWN.values())
    families = options.family or FAMILIES
    drawn = campaign(families, count=options.count, seed=options.seed, jobs=options.jobs, **how)
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
