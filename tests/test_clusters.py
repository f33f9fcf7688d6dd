"""The schedulers of dask: all find the same, what dies is survived or told, and nothing hangs."""

import itertools
import os
import pickle
import signal
import time
from contextlib import contextmanager

import dask
import dask.array as da
import distributed as of_dask
import numpy as np
import pytest

from bregman_l1 import BregmanProjection, L1Minimization, LinearSystem, LostClusterError, Status, solve
from bregman_l1 import settings as package_settings
from bregman_l1.system.distributed import Distributed

N, D = 8, 60_000
RNG = np.random.default_rng(0)
A = RNG.standard_normal((N, D))
Y = A @ RNG.exponential(size=D)


def blocks(matrix=A, width=17_000):
    return da.from_array(matrix, chunks=(matrix.shape[0], width))


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """As if so many columns were too many to be gathered whole."""
    monkeypatch.setattr(package_settings, "GATHERED_WHOLE", 0)


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_any_scheduler_does(scheduler):
    with dask.config.set(scheduler=scheduler):
        assert solve(BregmanProjection(LinearSystem(blocks(), Y), 0.5)).status is Status.CERTIFIED


def test_blocks_are_worked_on_in_processes(monkeypatch):
    monkeypatch.setattr(package_settings, "GATHERED_WHOLE", A.size)  # every pass starts processes of its own
    with dask.config.set(scheduler="processes", num_workers=2):
        solution = solve(BregmanProjection(LinearSystem(blocks(A[:, :2_000], 700), Y), 0.5))
    assert solution.status is Status.CERTIFIED


@contextmanager
def in_pass(number, happens):
    """Something happens at the beginning of a pass over the columns."""
    count = itertools.count()
    original = Distributed.total

    def total(self, *args):
        if next(count) == number:
            happens()
        return original(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Distributed, "total", total)
        yield


@pytest.fixture(scope="module")
def cluster():
    settings = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with of_dask.LocalCluster(**settings) as local:
        yield local


@pytest.fixture
def client(cluster):
    with of_dask.Client(cluster) as connected:
        connected.wait_for_workers(2, timeout=30)
        yield connected


def test_a_cluster_of_processes_finds_the_same(client):
    problem = BregmanProjection(LinearSystem(client.persist(blocks()), Y), 0.5)
    solution = solve(problem)
    assert solution.status is Status.CERTIFIED
    expected = solve(BregmanProjection(LinearSystem(A, Y), 0.5))
    np.testing.assert_allclose(solution.log_x.compute(), expected.log_x, atol=1e-10)
    assert solve(L1Minimization(problem.system)).status is Status.CERTIFIED


def test_a_worker_that_is_killed_does_not_lose_the_run(client):
    system = LinearSystem(client.persist(blocks()), Y)

    def kill_one():
        os.kill(min(client.run(os.getpid).values()), signal.SIGKILL)

    with in_pass(2, kill_one):
        assert solve(BregmanProjection(system, 0.5)).status is Status.CERTIFIED


@pytest.mark.parametrize("number", [3, 4], ids=["while solving", "while certifying"])
def test_a_scheduler_that_dies_is_told_and_the_dual_is_kept(number):
    problem = BregmanProjection(LinearSystem(blocks(), Y), 0.5)
    cluster = of_dask.LocalCluster(n_workers=1, processes=False, dashboard_address=":0")
    client = of_dask.Client(cluster.scheduler_address)
    started = time.monotonic()
    with (
        in_pass(number, cluster.close),
        pytest.raises(LostClusterError, match="scheduler of the dask cluster is lost") as raised,
    ):
        solve(problem)
    assert time.monotonic() - started < 20
    client.close(timeout=1)
    warm = solve(problem, start_dual=raised.value.dual)
    assert warm.status is Status.CERTIFIED
    assert pickle.loads(pickle.dumps(raised.value)).dual.shape == (N,)


def test_an_error_of_the_data_is_not_taken_for_a_lost_cluster(client):
    def missing(block):
        raise FileNotFoundError("part-7.parquet")

    with pytest.raises(FileNotFoundError, match="part-7"):
        LinearSystem(blocks().map_blocks(missing, dtype=float), Y)


def test_a_cluster_without_workers_is_not_waited_for(monkeypatch):
    monkeypatch.setattr("bregman_l1.system.cluster._SECONDS_WITHOUT_WORKERS", 0.0)
    monkeypatch.setattr("bregman_l1.system.cluster._SECONDS_BETWEEN_LOOKS", 0.1)
    settings = {"n_workers": 0, "processes": False, "dashboard_address": ":0"}
    with (
        of_dask.LocalCluster(**settings) as empty,
        of_dask.Client(empty),
        pytest.raises(LostClusterError, match="no workers left"),
    ):
        LinearSystem(blocks(), Y)
