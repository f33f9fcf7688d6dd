"""An upper bound on the null-space constants from left inverses of A_S, independent of branch and bound.

For every G with G A_S = I a kernel vector has n_S = -G A_R p, so that a convex function f of -n_S is at most the
largest f(G a_j):

    rho <= max_j sum_i (G a_j)_i,    rho_minus <= max_j sum_i max((G a_j)_i, 0),    rho_tilde <= max_j ||G a_j||_1.

All G are pinv(A_S) - W Q' with Q orthonormal in ker A_S', and G A_R = B - W C: minimise over W. Every W gives a
bound, so that the minimisation may end at any time. It is a linear program with |S| |R| rows or more; what is
minimised here instead is its smoothing,

    m log sum_j exp(f_m(B_j - W C_j) / m),    f_m = f with |g| replaced by sqrt(g^2 + (m / |S|)^2),

which is at most m (1 + log |R|) above, by a quasi-Newton method and for smaller and smaller m.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.linalg as sla
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from bregman_l1._types import Matrix, Vector
from bregman_l1.budget import Budget

if TYPE_CHECKING:
    from bregman_l1.problems.nullspace import Kind, NullSpaceConstant

# m in units of the bound of W = 0, and the steps at each.
_SMOOTHINGS = (0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4)
_STEPS = 200
# The function f of a number g is the first times g plus the second times |g|.
_SLOPES: dict[Kind, tuple[float, float]] = {"rho": (1.0, 0.0), "rho_tilde": (0.0, 1.0), "rho_minus": (0.5, 0.5)}


def left_inverse_bound(problem: NullSpaceConstant, budget: Budget | None = None) -> float:
    """Bound a null-space constant from above over left inverses of A_S.

    Parameters
    ----------
    problem : NullSpaceConstant
    budget : Budget, optional
        Its seconds end the search.

    Returns
    -------
    float
        The bound; that of W = 0, the column maximum of pinv(A_S) A_R, where there is no time for more.

    Examples
    --------
    >>> from bregman_l1 import LinearSystem, NullSpaceConstant
    >>> system = LinearSystem([[1, 0, 2, -1, -1.5], [0, 1, -1, 1, 0.5], [0, 0, 1, -1, -2]], [1, 1, 0])
    >>> 5 / 6 <= left_inverse_bound(NullSpaceConstant(system, [0, 1], "rho_minus")) < 0.834
    True
    """
    return problem.column_bound(best_left_inverse(problem, budget))


def best_left_inverse(problem: NullSpaceConstant, budget: Budget | None = None) -> Matrix:
    """The W, shape (|S|, rank C), of the best bound by pinv(A_S) - W Q' found in the seconds of the budget.

    Its rows are those of ``cone.dual_vector(e_i, -W_i)``.
    """
    cone, best = problem.cone, np.zeros((problem.cone.support.size, len(problem.cone.C)))
    if cone.is_orthant or not cone.B.any():
        return best
    least, budget = problem.column_bound(), budget or Budget()
    # Rows of equal length, orthogonal to each other, make all directions of W alike.
    Q, R = sla.qr(cone.C.T, mode="economic")
    V = np.zeros_like(best)
    unit = float(np.abs(cone.B).sum(axis=0).max())

    def stop_in_time(_: Vector) -> None:
        if budget.spent_out is not None:
            raise StopIteration

    for smoothing in _SMOOTHINGS:
        if budget.spent_out is not None:
            break
        V = minimize(
            _smoothed,
            V.ravel(),
            args=(cone.B, Q.T, smoothing * unit, _SLOPES[problem.kind]),
            jac=True,
            method="L-BFGS-B",
            callback=stop_in_time,
            options={"maxiter": _STEPS},
        ).x.reshape(V.shape)
        W = sla.solve_triangular(R, V.T).T
        if (bound := problem.column_bound(W)) < least:
            best, least = W, bound
    return best


def _smoothed(V: Vector, B: Matrix, Q: Matrix, m: float, slopes: tuple[float, float]) -> tuple[float, Vector]:
    """The smoothed largest value at a column of B - V Q, and its gradient in V."""
    linear, absolute = slopes
    columns = B - V.reshape(len(B), len(Q)) @ Q
    sizes = np.hypot(columns, m / len(B))
    values = (linear * columns + absolute * sizes).sum(axis=0) / m
    gradient = (linear + absolute * columns / sizes) * softmax(values)
    return m * float(logsumexp(values)), -(gradient @ Q.T).ravel()
