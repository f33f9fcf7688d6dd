"""A study carried out: every row evaluated once, in parallel, each record on disk before it counts."""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import traceback
import warnings
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import islice
from numbers import Integral
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any

from threadpoolctl import ThreadpoolController

from bregman_l1.errors import StudyError
from bregman_l1.experiments.plain import plain
from bregman_l1.experiments.record import Record
from bregman_l1.experiments.store import Store
from bregman_l1.experiments.study import Study
from bregman_l1.optional import require
from bregman_l1.progress import ProgressBar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    from bregman_l1.experiments.study import Row

    Measuring = Callable[..., Mapping[str, Any]]

# Filters of warnings and limits on BLAS threads belong to a process: a worker with several threads takes turns.
_ONE_ROW_AT_A_TIME = Lock()

_SECONDS_TO_CONNECT = 10

_DEAD_WORKER = "a row killed its worker process; the records so far are kept"

# Rows handed to a dask worker ahead of time, so that it never waits for the next one.
_ROWS_AHEAD = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evaluation:
    """What a worker sends back: the record, and what goes to the log beside it."""

    record: Record
    log: dict[str, Any]


def sweep(
    study: Study,
    store: str | os.PathLike[str],
    *,
    n_jobs: int = 1,
    cluster: str | None = None,
    progress: bool | None = None,
) -> Store:
    """Carry out a study, or what is left of it, and return its records.

    Every finished record is on disk, whole, before the next one counts as done. A study that was killed is
    continued by the same call and ends with exactly the records of one that was not; a study with more
    repetitions continues one with fewer. A row whose measure raises is recorded with its error. Each row is
    evaluated with one BLAS thread, so that its record does not depend on how many workers there are.

    Parameters
    ----------
    study : Study
        What to do.
    store : str or path-like
        The directory of the records (`Store`): new, empty, or begun by the same study, with no more repetitions.
    n_jobs : int
        Worker processes on this machine, through joblib; -1 for one a core.
    cluster : str, optional
        Instead of joblib, the address of a dask.distributed scheduler (``tcp://host:port``), or ``"local"`` for
        a dask cluster of ``n_jobs`` processes on this machine. The measure must be importable on its workers.
    progress : bool, optional
        Whether to show a progress bar with the time left; if omitted, only in a long run on a terminal.

    Returns
    -------
    Store
        The records, closed for writing; iterating over it yields them in the order of their rows,
        `Store.to_frame` makes a table of them, and ``print(store.summary())`` shows the essence.

    Raises
    ------
    StudyError
        Before any work, if the store is foreign, damaged, in use or cannot be written, if n_jobs is 0, or if the
        cluster cannot be reached. Later, if a row kills its worker process or the disk is full.
    MissingPackageError
        If joblib or dask.distributed is needed and not installed.

    Notes
    -----
    A row that kills its process (out of memory, a crash in compiled code) is not an exception of the measure: it
    ends the sweep with a `StudyError`, and the records so far are kept.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> def square(seed, *, n):
    ...     return {"square": n**2}
    >>> from bregman_l1.experiments import Study
    >>> with TemporaryDirectory() as directory:
    ...     records = sweep(Study(measure=square, grid={"n": [1, 2, 3]}), directory)
    ...     [record.result["square"] for record in records]
    [1, 4, 9]
    """
    if not isinstance(study, Study):
        raise StudyError(f"study must be a Study, got {type(study).__name__}; load_study reads one from a file")
    run = _engine(n_jobs, cluster)
    with Store(store).open_for(study.identity()) as records:
        done = records.rows()
        left = (row for row in study.rows() if row.index not in done)
        with (
            _closed_quietly(run(study.function, left)) as evaluations,
            ProgressBar(len(study), wanted=progress, done=len(done)) as bar,
        ):
            for completed, evaluation in enumerate(evaluations, start=len(done) + 1):
                records.append(evaluation.record, **evaluation.log)
                bar.update(completed)
    return records


@contextmanager
def _closed_quietly(evaluations: Generator[_Evaluation]) -> Iterator[Generator[_Evaluation]]:
    """Close the evaluations in the end; whoever ends a sweep early need not be warned that rows are left."""
    try:
        yield evaluations
    finally:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r"\d+ tasks", category=UserWarning, module="joblib")
            evaluations.close()


def _engine(n_jobs: int, cluster: str | None) -> Callable[[Measuring, Iterable[Row]], Generator[_Evaluation]]:
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, Integral) or n_jobs == 0 or n_jobs < -1:
        raise StudyError(f"n_jobs must be a number of processes, or -1 for one a core, got {n_jobs!r}")
    if cluster is None:
        require("joblib", "sweeps")
        return lambda function, rows: _with_joblib(function, rows, n_jobs)
    require("distributed", "sweeps")
    if not isinstance(cluster, str) or (cluster != "local" and "://" not in cluster):
        raise StudyError(f"cluster must be 'local' or an address like tcp://host:8786, got {cluster!r}")
    return lambda function, rows: _with_dask(function, rows, n_jobs, cluster)


def _with_joblib(function: Measuring, rows: Iterable[Row], n_jobs: int) -> Generator[_Evaluation]:
    joblib = require("joblib", "sweeps")
    # One row a batch: a larger batch would hold finished records back from the disk.
    parallel = joblib.Parallel(n_jobs=n_jobs, batch_size=1, return_as="generator_unordered")
    try:
        yield from parallel(joblib.delayed(_evaluate_for)(os.getpid(), function, row) for row in rows)
    except BrokenExecutor as error:
        raise StudyError(f"{_DEAD_WORKER}: {error}") from error


def _with_dask(function: Measuring, rows: Iterable[Row], n_jobs: int, cluster: str) -> Generator[_Evaluation]:
    waiting, distributed = iter(rows), require("distributed", "sweeps")
    with _dask_client(n_jobs, cluster) as client:

        def submit(row: Row) -> Any:
            return client.submit(_evaluate, function, row, pure=False)

        workers = max(1, sum(client.nthreads().values()))
        running = distributed.as_completed(map(submit, islice(waiting, _ROWS_AHEAD * workers)), loop=client.loop)
        try:
            for future in running:
                running.update(map(submit, islice(waiting, 1)))
                yield future.result()
        except distributed.KilledWorker as error:
            raise StudyError(f"{_DEAD_WORKER}: {error}") from error


@contextmanager
def _dask_client(n_jobs: int, cluster: str) -> Iterator[Any]:
    distributed = require("distributed", "sweeps")
    if cluster == "local":
        workers = os.cpu_count() if n_jobs == -1 else n_jobs
        with (
            distributed.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as local,
            distributed.Client(local, set_as_default=False) as client,
        ):
            yield client
        return
    # Knock before entering: a client that finds nobody takes minutes to give up and to be cleared away.
    try:
        asyncio.run(_knock(cluster))
    except (OSError, ValueError) as error:
        raise StudyError(f"the cluster {cluster} cannot be reached: {error}") from error
    with distributed.Client(cluster, set_as_default=False) as client:
        yield client


async def _knock(address: str) -> None:
    comm = await require("distributed.comm", "sweeps").connect(address, timeout=_SECONDS_TO_CONNECT)
    await comm.close()


def _evaluate_for(parent: int, function: Measuring, row: Row) -> _Evaluation:
    """Evaluate one row, in a worker or in the parent itself; Ctrl-C, which reaches both, is for the parent alone."""
    if os.getpid() != parent:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return _evaluate(function, row)


def _evaluate(function: Measuring, row: Row) -> _Evaluation:
    """Evaluate one row in a worker; whatever the measure raises becomes part of the record."""
    log: dict[str, Any] = {"process": os.getpid()}
    result = error = None
    started = perf_counter()
    try:
        with _ONE_ROW_AT_A_TIME, _threadpools().limit(limits=1):
            result = plain(function(row.seed, **row.parameters))
    except (Exception, SystemExit) as raised:
        # The name of a file may hold halves of characters, which no table can.
        error = f"{type(raised).__name__}: {raised}".encode(errors="backslashreplace").decode()
        log["traceback"] = traceback.format_exc()
    log["seconds"] = perf_counter() - started
    record = Record(
        row=row.index, parameters=row.parameters, repetition=row.repetition, seed=row.seed, result=result, error=error
    )
    return _Evaluation(record=record, log=log)


@cache
def _threadpools() -> ThreadpoolController:
    """Find the BLAS and OpenMP libraries of this process once; looking for them takes as long as a small solve."""
    for name in ("numpy", "scipy.linalg", "highspy"):
        importlib.import_module(name)
    return ThreadpoolController()
