"""Time and evaluations of the flow in the dual, the flow in the weights, and gradient descent.

All on one Gaussian system (N = 20, d = 60, four nonzeros), for alpha = 1e-1 ... 1e-8:

* the flow in lam (N equations) and the flow in u (d equations) with the same integrator, the same
  tolerances, analytic Jacobians and the same end, |log x - log x(alpha)| <= 1e-6 in every entry; ``end``
  is the error at which a run stopped, larger where it did not get there by time 1e12 or in 30,000 right-hand sides.
  The tolerances are the defaults of `gradient_flow`, where they are relative to the way that is left; in u the
  end is only as good as the relative tolerance.
  One wider system (d = 600) is beside them;
* descent with its default step until the loss vanishes, at most two million iterations, and the flow
  in lam to the accuracy in log x that the descent ended with. ``needed`` is the time at which the flow
  arrives to 1e-9, in steps of the descent.
* whole trajectories from alpha = 1e-60 with their activations, of networks of several depths and both signs, on
  2 x 4 and 100 x 1000 systems of several seeds, in seconds of one processor.

    python benchmarks/flow.py
"""

from __future__ import annotations

import time
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.integrate import solve_ivp
from threadpoolctl import threadpool_limits

from bregman_l1 import solve
from bregman_l1.errors import NotCertifiedWarning
from bregman_l1.flow import gradient_descent, gradient_flow
from bregman_l1.flow.course import course_of
from bregman_l1.problems.projection import BregmanProjection
from bregman_l1.system import LinearSystem

if TYPE_CHECKING:
    from collections.abc import Callable

ALPHAS = [10.0**-k for k in range(1, 9)]
RTOL, ATOL, TOL = 1e-3, 1e-10, 1e-6
CAP = 2_000_000
LONGEST, MOST_CALLS = 1e12, 30_000


def gaussian_system(n_columns: int = 60, seed: int = 1) -> LinearSystem:
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((20, n_columns))
    x0 = np.zeros(n_columns)
    x0[rng.choice(n_columns, 4, replace=False)] = 0.5 + rng.random(4)
    return LinearSystem(A, A @ x0)


def integrate(
    velocity: Callable[..., Any],
    jacobian: Callable[..., Any],
    log_x: Callable[..., Any],
    start: np.ndarray,
    log_end: np.ndarray,
    method: str,
) -> tuple[float, int, float]:
    """Seconds, right-hand sides, and the error in log x at the end."""

    def error(state: np.ndarray) -> float:
        return float(np.abs(log_x(state) - log_end).max())

    def arrival(_time: float, state: np.ndarray) -> float:
        return error(state) - TOL

    arrival.terminal = True  # type: ignore[attr-defined]
    counted = Counted(velocity)
    began = time.perf_counter()
    try:
        run = solve_ivp(counted, (0, LONGEST), start, method, jac=jacobian, events=arrival, rtol=RTOL, atol=ATOL)
        end = run.y[:, -1]
    except ExhaustedError:
        end = counted.last
    return time.perf_counter() - began, counted.calls, error(end)


class ExhaustedError(Exception):
    """More right-hand sides were asked for than a run is given."""


class Counted:
    """A right-hand side that counts its calls, remembers the last, and gives up at the limit."""

    def __init__(self, velocity: Callable[..., Any]) -> None:
        self.velocity, self.calls = velocity, 0

    def __call__(self, time: float, state: np.ndarray) -> Any:
        """Return the velocity, or raise at the limit."""
        if self.calls == MOST_CALLS:
            raise ExhaustedError
        self.calls, self.last = self.calls + 1, state.copy()
        return self.velocity(time, state)


def lam_flow(system: LinearSystem, alpha: float, log_end: np.ndarray, method: str) -> tuple[float, int, float]:
    problem = BregmanProjection(system, alpha)
    equation = course_of(system, problem.potential, problem.log_prior, log_end, rtol=RTOL, atol=ATOL).first()
    return integrate(equation.velocity, equation.jacobian, equation.log_x, equation.start, log_end, method)


def u_flow(system: LinearSystem, alpha: float, log_end: np.ndarray, method: str) -> tuple[float, int, float]:
    A, y = np.asarray(system.matrix), system.y
    gram = A.T @ A

    def velocity(_time: float, u: np.ndarray) -> np.ndarray:
        return -4 * u * (A.T @ (A @ u**2 - y))

    def jacobian(_time: float, u: np.ndarray) -> np.ndarray:
        return -4 * np.diag(A.T @ (A @ u**2 - y)) - 8 * np.outer(u, u) * gram

    def log_x(u: np.ndarray) -> np.ndarray:
        return 2 * np.log(np.maximum(np.abs(u), 1e-300))

    return integrate(velocity, jacobian, log_x, np.full(A.shape[1], np.sqrt(alpha)), log_end, method)


def compare_flows(system: LinearSystem, alphas: list[float], methods: tuple[str, ...]) -> None:
    print(f"{system}: flows to |log x - log x(alpha)| <= {TOL:g}, rtol {RTOL:g}, atol {ATOL:g}")
    print(" alpha  method   lam: ms    rhs    end     u: ms    rhs    end   u/lam: time    rhs")
    for alpha in alphas:
        log_end = solve(BregmanProjection(system, alpha)).log_x
        for method in methods:
            lam, u = lam_flow(system, alpha, log_end, method), u_flow(system, alpha, log_end, method)
            print(
                f"{alpha:6.0e}  {method:6}  {1e3 * lam[0]:8.1f} {lam[1]:6d}  {lam[2]:.0e}"
                f"  {1e3 * u[0]:8.1f} {u[1]:6d}  {u[2]:.0e}  {u[0] / lam[0]:12.1f} {u[1] / lam[1]:6.1f}"
            )


def compare_descent(system: LinearSystem) -> None:
    print(f"\n{system}: descent to loss <= 1e-20 ||y||^2 or {CAP} iterations,")
    print("and the flow with its default settings to the same error in log x, and to 1e-9")
    print(" alpha  descent: s  iterations     needed  error   loss   flow: ms   rhs  ratio   to 1e-9: rhs  ratio")
    for alpha in ALPHAS:
        began = time.perf_counter()
        descent = gradient_descent(system, alpha, max_iterations=CAP, progress=False)
        seconds = time.perf_counter() - began
        error = float(np.abs(descent.log_x - descent.projection.log_x).max())
        began = time.perf_counter()
        same = gradient_flow(system, alpha, tol=error)
        flow_seconds = time.perf_counter() - began
        arrived = gradient_flow(system, alpha)
        full, needed = arrived.rhs_evaluations, arrived.time_to_projection / descent.step_size
        iterations = int(descent.iterations[-1])
        print(
            f"{alpha:6.0e}  {seconds:10.2f}  {iterations:10d}  {needed:9.2e}  {error:.0e}  {descent.loss:.0e}"
            f"  {1e3 * flow_seconds:9.1f} {same.rhs_evaluations:5d}  {iterations / same.rhs_evaluations:5.0f}"
            f"  {full:13d}  {iterations / full:5.0f}"
        )


def time_activations() -> None:
    print("\nwhole trajectories from alpha = 1e-60, with their activations")
    print("    N     d  seed  depth  signed     cpu s  steps  equations     rhs  activations  left  end")
    for n_rows, n_columns, sparsity in ((2, 4, 1), (100, 1000, 10)):
        for seed in range(3):
            rng = np.random.default_rng(seed)
            A, x0 = rng.standard_normal((n_rows, n_columns)), np.zeros(n_columns)
            x0[rng.choice(n_columns, sparsity, replace=False)] = 0.5 + rng.random(sparsity)
            for depth in (2, 3, 4):
                for signed in (False, True):
                    began = time.process_time()
                    flow = gradient_flow(LinearSystem(A, A @ x0), 1e-60, depth=depth, signed=signed)
                    activations = flow.activations
                    seconds = time.process_time() - began
                    left = sum(not entry.stays for entry in activations)
                    print(
                        f"{n_rows:5d} {n_columns:5d} {seed:5d} {depth:6d}  {signed!s:6}  {seconds:8.2f} "
                        f"{flow.times.size:6d} {len(flow.trajectory.equations):10d} {flow.rhs_evaluations:7d}"
                        f"  {len(activations):11d} {left:5d}  {flow.status.value}"
                    )


if __name__ == "__main__":
    warnings.simplefilter("ignore", NotCertifiedWarning)
    with threadpool_limits(limits=1):
        compare_flows(gaussian_system(), ALPHAS, ("Radau", "BDF", "LSODA"))
        compare_flows(gaussian_system(n_columns=600), [1e-2, 1e-4], ("BDF", "LSODA"))
        compare_descent(gaussian_system())
        time_activations()
