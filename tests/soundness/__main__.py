"""Try to break every promise of the package, for as long as there is time.

Run: python -m tests.soundness --minutes 60 [--seed S] [--jobs 2] [--family NAME ...] [--subject NAME ...]
                               [--output DIR] [--keep COLUMN ...]
     python -m tests.soundness --replay DIR/CASE.json

Systems of the families are put to the subjects in turn, and what is said of them is judged by exact arithmetic that
knows nothing of the package. Columns of the table:

proved, FALSE PROOF         proofs by whether an independent one confirms them; not proved: certified, and no proof
certified, undecided, FALSE what was certified, by the oracle's ruling: FALSE, off by ten tol or more, must be zero
beyond tol                  certified, off by more than tol, not by ten
inaccurate, lost            not certified; lost ones are right nevertheless
rejected                    spoilt answers that were not certified, as they should be
inf right, margin, WRONG    InfeasibleError: true for every y' within the margin, true as given, false
refused, UNTYPED, JUDGE     other exceptions of the package, any other exception, a mistake of the campaign itself

Cases in capitals, and those of ``--keep``, are written as JSON with hexadecimal floats, to be replayed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

import numpy as np

from .campaign import campaign, examined, run
from .cases import FAMILIES, case_from_json
from .known import KNOWN
from .records import FAILURES, Record, to_json
from .subjects import SUBJECTS
from .table import reasons, shares, table

# Seconds between two lines that tell how far it has come.
EVERY = 60.0


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")


def save(record: Record, folder: Path) -> None:
    """Write a case so that it can be replayed."""
    folder.mkdir(parents=True, exist_ok=True)
    label = f"{record.column}-{record.subject}-{record.case.name}-{record.detail[:30]}"
    name = "".join(sign if sign.isalnum() else "-" for sign in label)
    (folder / f"{name}.json").write_text(json.dumps(to_json(record)), encoding="utf-8")


def replay(path: Path) -> int:
    """Examine a saved case again and print all that is known of it; 1 if it still fails."""
    data = json.loads(path.read_text(encoding="utf-8"))
    case = case_from_json(data)
    records = examined(data["subject"], SUBJECTS[data["subject"]].examine, case)
    with np.printoptions(linewidth=160, precision=17):
        say(f"{case.name}: {case.A.shape[0]} x {case.A.shape[1]}, log alpha = {case.log_alpha!r}")
        say(f"A = {case.A!r}\ny = {case.y!r}\ncost = {case.cost!r}\nprior = {case.prior!r}")
        for record in records:
            say(f"log x = {record.log_x!r}\n{record.column}: {record.detail} {record.verdict}; {record.seconds:.3f} s")
    return int(any(record.column in FAILURES for record in records))


def watched(records: Iterator[Record], options: argparse.Namespace) -> list[Record]:
    """All of them, or those before an interrupt; failures are written at once, and every minute is told."""
    start, told, kept = time.perf_counter(), 0.0, []
    with suppress(KeyboardInterrupt):
        for record in records:
            kept.append(record)
            if record.column in (*FAILURES, *options.keep):
                save(record, options.output)
            seconds = time.perf_counter() - start
            if seconds - told > EVERY:
                told = seconds
                failures = {name: n for name, n in Counter(each.column for each in kept).items() if name in FAILURES}
                sys.stderr.write(f"{seconds / 60:.0f} min: {len(kept)} claims judged, failures: {failures}\n")
    return kept


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0, help="no new case after that")
    parser.add_argument("--tasks", type=int, help="no more cases than these")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--family", nargs="+", choices=sorted(FAMILIES), help="default: all of them in turn")
    parser.add_argument("--subject", nargs="+", choices=sorted(SUBJECTS), help="default: all of them")
    parser.add_argument("--output", type=Path, default=Path("soundness-failures"))
    parser.add_argument("--keep", nargs="+", default=[], help="columns whose cases are written too")
    parser.add_argument("--replay", type=Path)
    return parser.parse_args()


def main() -> int:
    """Run the campaign or replay a case; 1 if anything failed."""
    options = arguments()
    if options.replay:
        return replay(options.replay)
    start, families, subjects = time.perf_counter(), options.family or FAMILIES, options.subject or SUBJECTS
    known = () if options.family or "solve" not in subjects else map(run, KNOWN.values())
    drawn = campaign(
        options.seed, families, subjects, tasks=options.tasks, seconds=60 * options.minutes, jobs=options.jobs
    )
    records = watched(chain(known, drawn), options)
    if not records:
        say("no case was judged")
        return 1
    judging = 1000 * float(np.mean([record.judging for record in records]))
    minutes = (time.perf_counter() - start) / 60
    say(f"{table(records)}\n\n{len(records)} claims in {minutes:.1f} minutes, {judging:.1f} ms of judging each\n")
    say(f"{shares(records)}\n\n{reasons(records)}")
    return int(any(record.column in FAILURES for record in records))


if __name__ == "__main__":
    sys.exit(main())
