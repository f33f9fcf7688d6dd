"""How the benchmarks measure: a case in a process of its own, ours and its peers in turns, one line a goal."""

from __future__ import annotations

import multiprocessing
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import inf, isnan, nan
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter

from threadpoolctl import threadpool_limits

from bregman_l1.errors import BregmanError

# What a goal is against where it is absolute.
SECONDS = "seconds"
# Share of a case's time that its peer may take in one go.
_PEER_SHARE = 0.25
# A peer of fewer seconds is measured before and after ours: one disturbance must not decide the ratio.
_BRIEF = 0.5
_LINE = "{:42} {:>4} {:>10} {:>21} {:>9} {:>6} {:>6}  {:5} {:>9}  {}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How many answers are right (of a peer: whether it ended), a remark, and figures by the name goals have for them.

    A figure for `SECONDS` replaces the seconds measured.
    """

    right: int = 1
    asked: int = 1
    note: str = ""
    figures: dict[str, float] = field(default_factory=dict)


class StoppedError(Exception):
    """A peer used up its seconds; the message says how far it came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is measured: `ours` on what `fresh` made, untimed, in turns with the peers, who say what they reached."""

    fresh: Callable[[], object]
    ours: Callable[[object], Answer]
    peers: dict[str, Callable[[], str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """The most that ours may take: seconds in units of a peer, or the figure of this name."""

    against: str
    must: float | None
    moonshot: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One entry of the table: how to prepare it from a seed and the seconds of its peer, and its goals."""

    name: str
    prepare: Callable[[int, float], Work]
    goals: tuple[Goal, ...]
    seeds: tuple[int, ...] = (0,)
    slow: bool = False
    repeats: int = 3
    certified: bool = True  # whether only certified answers meet a goal


@dataclass(slots=True, kw_only=True)
class Measured:
    """The least seconds and the last answer of every part, and the part under way when time was up."""

    least: dict[str, float] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    stopped: str | None = None

    def sign(self, peer: str) -> str:
        """Whether the ratio to a peer is only a bound."""
        if self.stopped == "ours":
            return ">"
        return "<" if peer in self.answers and not self.answers[peer].right else ""


def run(case: Case, seed: int, timeout: float) -> Measured:
    """Measure a case in a process of its own, killed when time is up: nothing else stops compiled code."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(case, seed, timeout, sender))
    process.start()
    sender.close()
    measured = _received(receiver, timeout)
    process.kill()
    process.join()
    return measured


def _received(receiver: Connection, timeout: float) -> Measured:
    """Collect what the process sends: (part, None) when a part begins, (part, (seconds, answer)) when it ends."""
    measured, end = Measured(), perf_counter() + timeout
    under_way, started = "preparing", perf_counter()
    while receiver.poll(max(0.0, end - perf_counter())):
        try:
            under_way, result = receiver.recv()
        except EOFError:
            return measured
        started = perf_counter()
        if result is not None:
            seconds, measured.answers[under_way] = result
            measured.least[under_way] = min(seconds, measured.least.get(under_way, inf))
    if under_way not in measured.least:
        measured.stopped = under_way
        measured.least[under_way] = perf_counter() - started
        measured.answers[under_way] = Answer(right=0, note=f"stopped in {under_way}")
    return measured


def _measure(case: Case, seed: int, timeout: float, sender: Connection) -> None:
    warnings.simplefilter("ignore")

    def timed(part: str) -> float:
        state = work.fresh() if part == "ours" else None
        sender.send((part, None))
        begun = perf_counter()
        answer = _ours(work, state) if part == "ours" else _peer(work.peers[part])
        seconds = perf_counter() - begun
        sender.send((part, (seconds, answer)))
        return seconds

    with threadpool_limits(1):
        try:
            work = case.prepare(seed, _PEER_SHARE * timeout)
        except BregmanError as error:
            sender.send(("ours", (nan, _failed(error))))
            return
        started = perf_counter()
        for repeat in range(1, case.repeats + 1):
            brief = [peer for peer in work.peers if timed(peer) < _BRIEF]
            timed("ours")
            for peer in brief:
                timed(peer)
            # Another repeat should leave half of the time as a reserve.
            if (perf_counter() - started) * (repeat + 1) / repeat > timeout / 2:
                break


def remembering(prepare: Callable[[int, float], Work], figure: str, unit: float = 1e6) -> Callable[[int, float], Work]:
    """The same work alone, its figure the peak memory of its process above what that held when it was forked."""

    def remembered(seed: int, seconds: float) -> Work:
        before = resident("VmRSS")
        work = prepare(seed, seconds)
        state, solved = work.fresh(), work.ours
        del work  # and with it the data that the problem holds a copy of
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak counts from here

        def ours(state: object) -> Answer:
            answer, peak = solved(state), resident("VmHWM")
            note = "; ".join(part for part in (answer.note, f"{peak / 1e6:.0f} MB with the libraries") if part)
            return replace(answer, note=note, figures={figure: (peak - before) / unit})

        return Work(fresh=lambda: state, ours=ours)

    return remembered


def resident(which: str) -> int:
    """VmRSS, the memory of this process now, or VmHWM, its peak, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith(which))


def _ours(work: Work, state: object) -> Answer:
    try:
        return work.ours(state)
    except BregmanError as error:
        return _failed(error)


def _failed(error: BregmanError) -> Answer:
    return Answer(right=0, note=f"{type(error).__name__}: {str(error)[:60]}")


def _peer(action: Callable[[], str]) -> Answer:
    try:
        return Answer(note=action())
    except StoppedError as error:
        return Answer(right=0, note=str(error))


def headings() -> str:
    """The first line of the table."""
    return _LINE.format("work", "seed", "ours", "against", "ratio", "must", "moon", "met", "certified", "notes")


def report(case: Case, seed: int, measured: Measured) -> tuple[float, bool]:
    """Print a line for every goal; return our seconds, and whether all answers were certified."""
    ours = measured.answers.get("ours", Answer(right=0, note="" if measured.stopped else "failed"))
    figures = {SECONDS: measured.least.get("ours", nan)} | ours.figures
    certified = ours.right == ours.asked
    for goal in case.goals:
        theirs, figure = measured.least.get(goal.against), figures.get(goal.against, figures[SECONDS])
        value = figure / (theirs or 1.0)
        bounds = {"moon": goal.moonshot, "must": goal.must}
        met = [name for name, bound in bounds.items() if bound is not None and value <= bound]
        asked = any(bound is not None for bound in bounds.values())
        notes = dict.fromkeys(answer.note for answer in (ours, *measured.answers.values()) if answer.note)
        line = _LINE.format(
            case.name,
            seed,
            f"{figure:.4g}",
            goal.against if theirs is None else f"{goal.against} {theirs:.4g}",
            "-" if isnan(value) else f"{measured.sign(goal.against)}{value:.3g}",
            *("-" if bound is None else f"{bound:.3g}" for bound in (goal.must, goal.moonshot)),
            met[0] if met and (certified or not case.certified) else "no" if asked else "-",
            f"{ours.right}/{ours.asked}",
            "; ".join(notes),
        )
        print(line, flush=True)
    return figures[SECONDS], certified
