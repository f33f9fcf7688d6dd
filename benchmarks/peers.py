"""What the library is measured against; every peer says what it reached, or raises that it was stopped."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import highspy
import numpy as np
import scipy.linalg as sla
from measuring import StoppedError
from systems import Data

from bregman_l1 import BregmanProjection

# Stopping tolerance at which spgl1's largest error is about 3e-11 at 600 x 2560.
_SPGL1_TOLERANCE = 5e-9
# ||A x - y||_2 asked of Sinkhorn's iteration: ours ends near 1e-16, in logarithms it stalls not far below this.
_SINKHORN_TOLERANCE = 1e-12
# Iterations between two looks at the clock, which POT does not have.
_SINKHORN_ITERATIONS = 200
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


def spgl1(data: Data) -> Callable[[], str]:
    """Basis pursuit by spectral projected gradients."""
    from spgl1 import spg_bp

    def solve() -> str:
        x, *_ = spg_bp(data.A, data.y, **dict.fromkeys(("bp_tol", "ls_tol", "opt_tol"), _SPGL1_TOLERANCE))
        return f"spgl1 error {np.abs(x - data.x0).max() / data.x0.max():.0e}"

    return solve


def sinkhorn(data: Data, epsilon: float, seconds: float) -> Callable[[], str]:
    """POT's Sinkhorn iteration in logarithms until its marginals are right to rounding."""
    from ot.bregman import sinkhorn_log

    n = data.y.size // 2
    here, there, cost = data.y[:n], data.y[n:], data.cost.reshape(n, n)

    def solve() -> str:
        stop, potentials = perf_counter() + seconds, None
        limits = {"numItermax": _SINKHORN_ITERATIONS, "stopThr": _SINKHORN_TOLERANCE, "log": True, "warn": False}
        while True:
            _, log = sinkhorn_log(here, there, cost, epsilon, warmstart=potentials, **limits)
            potentials, reached = (log["log_u"], log["log_v"]), log["err"][-1]
            if reached < _SINKHORN_TOLERANCE:
                return f"POT error {reached:.0e}"
            if perf_counter() > stop:
                raise StoppedError(f"POT stopped at error {reached:.0e}")

    return solve


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
