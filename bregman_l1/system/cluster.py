"""Computing with whichever scheduler of dask is active, without waiting for one that is gone."""

from __future__ import annotations

from concurrent.futures import CancelledError
from time import monotonic
from typing import Any

from bregman_l1.errors import LostClusterError
from bregman_l1.optional import require

# How often a scheduler is asked whether it is still there,
_SECONDS_BETWEEN_LOOKS = 2.0
# and how long it may be without any worker: those of an adaptive cluster take a while to come.
_SECONDS_WITHOUT_WORKERS = 300.0


def computed_by(delayed: Any) -> Any:
    """The value of a delayed object, by the scheduler that dask would choose for it.

    Raises
    ------
    LostClusterError
        If that is a cluster, and its scheduler or all of its workers are lost, or a block ends every worker that takes
        it up.
    """
    client = getattr(require("dask.base", "arrays of dask").get_scheduler(), "__self__", None)
    if client is None or not hasattr(client, "scheduler_info"):
        return delayed.compute()
    distributed = require("distributed", "clusters of dask")
    try:
        return _awaited(client, client.compute(delayed))
    except distributed.KilledWorker as error:
        raise LostClusterError(
            f"the cluster gave up: {error} A block that needs more memory than a worker has does that: use smaller "
            "blocks, A.rechunk, or give each worker more memory"
        ) from error
    except (CancelledError, distributed.comm.CommClosedError) as error:
        raise LostClusterError(f"the scheduler of the dask cluster is lost: {error}") from error


def _awaited(client: Any, future: Any) -> Any:
    """The result of a future, if the cluster lives to see it."""
    wait = require("distributed", "clusters of dask").wait
    seen = monotonic()
    while not future.done():
        try:
            wait(future, timeout=_SECONDS_BETWEEN_LOOKS)
        except TimeoutError:
            if client.status != "running":
                raise LostClusterError(f"the scheduler of the dask cluster is lost: it is {client.status}") from None
            seen = monotonic() if client.nthreads() else seen
            if monotonic() - seen > _SECONDS_WITHOUT_WORKERS:
                raise LostClusterError("the dask cluster has no workers left") from None
    return future.result()
