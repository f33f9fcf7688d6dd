"""What the library is measured against; every peer says what it reached, or raises that it was stopped."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from math import isnan
from time import perf_counter
from typing import NamedTuple

import highspy
import numpy as np
import scipy.linalg as sla
from measuring import StoppedError
from systems import Data, Table

from bregman_l1 import BregmanProjection

# Stopping tolerance at which spgl1's largest error is about 3e-11 at 600 x 2560; 1e-6 gives 3e-7 for a partial DCT.
_SPGL1_TOLERANCE = 5e-9
# ||A x - y||_2 asked of Sinkhorn's iteration: ours ends near 1e-16, in logarithms it stalls not far below this.
_SINKHORN_TOLERANCE = 1e-12
# 200 iterations between two looks at the clock, which POT does not have.
_SINKHORN = {"numItermax": 200, "stopThr": _SINKHORN_TOLERANCE, "log": True, "warn": False}
# Columns a pass of Newton's method takes at a time: 20 rows of them fit into a second-level cache.
_CHUNK = 4096


def base(data: Data) -> str:
    """A A' and its Cholesky factor."""
    sla.cho_factor(data.A @ data.A.T)
    return ""


def simplex(data: Data, seconds: float) -> str:
    """HiGHS's simplex method on minimise sum x, A x = y, x >= 0."""
    N, d = data.A.shape
    program = highspy.HighsLp()
    program.num_row_, program.num_col_ = N, d
    program.col_cost_, program.col_lower_, program.col_upper_ = np.ones(d), np.zeros(d), np.full(d, highspy.kHighsInf)
    program.row_lower_ = program.row_upper_ = data.y
    program.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    program.a_matrix_.start_ = np.arange(d + 1, dtype=np.int32) * N
    program.a_matrix_.index_ = np.tile(np.arange(N, dtype=np.int32), d)
    program.a_matrix_.value_ = data.A.ravel(order="F")
    highs = highspy.Highs()
    options = {"output_flag": False, "solver": "simplex", "threads": 1, "time_limit": seconds}
    for name, value in options.items():
        highs.setOptionValue(name, value)
    highs.passModel(program)
    highs.run()
    status = highs.getModelStatus()
    if status == highspy.HighsModelStatus.kTimeLimit:
        raise StoppedError("HiGHS time limit")
    return f"HiGHS {status.name[1:].lower()}"


def spgl1(data: Data, tolerance: float = _SPGL1_TOLERANCE) -> Callable[[], str]:
    """Basis pursuit by spectral projected gradients."""
    from spgl1 import spg_bp

    def solve() -> str:
        x, *_ = spg_bp(data.A, data.y, **dict.fromkeys(("bp_tol", "ls_tol", "opt_tol"), tolerance))
        return f"spgl1 error {np.abs(x - data.x0).max() / data.x0.max():.0e}"

    return solve


def sinkhorn(data: Data | Table, epsilon: float, seconds: float) -> Callable[[], str]:
    """POT's Sinkhorn iteration in logarithms until its marginals are right to rounding."""
    from ot.bregman import sinkhorn_log

    n = data.y.size // 2
    here, there, cost = data.y[:n], data.y[n:], data.cost.reshape(n, n)

    def steps(potentials: tuple[np.ndarray, np.ndarray] | None) -> Steps:
        plan, log = sinkhorn_log(here, there, cost, epsilon, warmstart=potentials, **_SINKHORN)
        return Steps((log["log_u"], log["log_v"]), log["err"][-1], plan)

    return partial(_iterated, steps, seconds)


def sinkhorn_kernel(table: Table, epsilon: float, seconds: float) -> Callable[[], str]:
    """POT's Sinkhorn iteration on the kernel exp(-cost / epsilon), faster and of a smaller range."""
    from ot.bregman import sinkhorn_knopp

    def steps(potentials: tuple[np.ndarray, np.ndarray] | None) -> Steps:
        plan, log = sinkhorn_knopp(*table.targets, table.cost, epsilon, warmstart=potentials, **_SINKHORN)
        return Steps((np.log(log["u"]), np.log(log["v"])), log["err"][-1], plan)

    return partial(_iterated, steps, seconds)


class Steps(NamedTuple):
    """Where some iterations ended: the potentials, ||A x - y||_2 and the plan x."""

    potentials: tuple[np.ndarray, np.ndarray]
    error: float
    plan: np.ndarray


def _iterated(steps: Callable[[tuple[np.ndarray, np.ndarray] | None], Steps], seconds: float) -> str:
    stop, potentials = perf_counter() + seconds, None
    while True:
        potentials, error, plan = steps(potentials)
        if not np.isfinite(plan).all() or isnan(error):
            raise StoppedError("POT left the range of floats")
        if error < _SINKHORN_TOLERANCE:
            return f"POT error {error:.0e}"
        if perf_counter() > stop:
            raise StoppedError(f"POT stopped at error {error:.0e}")


def ipfn(table: Table, rate: float) -> str:
    """The package ipfn, whose loops are in Python, on its arrays of numpy until no margin is off by more than rate."""
    from ipfn.ipfn import ipfn as fitting

    kept = [list(margin) for margin in table.margins]
    with redirect_stdout(None):
        raked = fitting(table.seed.copy(), list(table.targets), kept, convergence_rate=rate).iteration()
    return f"ipfn error {table.error(raked):.0e}"


def proportional_fitting(table: Table, tol: float) -> str:
    """Iterative proportional fitting in five lines of numpy, to a relative error of the margins."""
    x = table.seed.copy()
    for sweep in range(1, 1000):
        for margin, target in zip(table.margins, table.targets, strict=True):
            others = tuple(axis for axis in range(x.ndim) if axis not in margin)
            x *= np.expand_dims(target / x.sum(axis=others), others)
        if (error := table.error(x)) < tol:
            return f"numpy's fitting, {sweep} sweeps, error {error:.0e}"
    raise StoppedError(f"numpy's fitting stopped at error {error:.0e}")


def newton(data: Data, log_prior: float, tol: float = 1e-12) -> str:
    """Newton's method on the dual, twelve lines, one pass over chunks of columns a step.

    With x = exp(log_prior + A'lam) it maximises y'lam - sum x; a step that lowers this is halved.
    """
    (N, d), y, lam, step, best = data.A.shape, data.y, np.zeros(len(data.y)), np.zeros(len(data.y)), -np.inf
    for passes in range(1, 100):
        total, moments, hessian = 0.0, np.zeros(N), np.zeros((N, N))
        for start in range(0, d, _CHUNK):
            A = data.A[:, start : start + _CHUNK]
            x = np.exp(log_prior + lam @ A)
            total, moments, hessian = total + x.sum(), moments + A @ x, hessian + (A * x) @ A.T
        if np.linalg.norm(y - moments) <= tol * np.linalg.norm(y):
            return f"Newton, {passes} passes"
        if y @ lam - total < best - tol * total:
            step = step / 2
            lam = lam - step
        else:
            best, step = y @ lam - total, np.linalg.solve(hessian, y - moments)
            lam = lam + step
    raise StoppedError("Newton, 99 passes")


class Clarabel:
    """CLARABEL through CVXPY on this package's formulation, stated once and solved again; alpha = 1e-6."""

    def __init__(self, data: Data) -> None:
        self._program = BregmanProjection(data.system(), alpha=1e-6).dcp()

    def __call__(self) -> str:
        """Solve it again, remembering nothing of the time before."""
        self._program.solve(solver="CLARABEL", warm_start=False)
        return f"CLARABEL {self._program.status}"
