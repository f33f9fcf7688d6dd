"""An upper bound on rho_tilde and rho_minus by one linear program, independent of branch and bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from bregman_l1.polyhedron.linear_program import LinearProgram, LinearProgramSettings, solve_linear_program

if TYPE_CHECKING:
    from bregman_l1.problems.nullspace import NullSpaceConstant

# Entries of the constraint matrix beyond which the program is not attempted.
_LARGEST = 2_000_000
# First-order methods reach this in seconds where simplex and interior points take minutes; any W will do.
_TOLERANCE = 1e-4


def left_inverse_bound(problem: NullSpaceConstant, *, time_limit: float = 60.0) -> float:
    """Bound a null-space constant from above over all left inverses of A_S.

    For every G with G A_S = I a kernel vector has n_S = -G A_R p, so that

        rho_minus <= max_j sum_i max((G a_j)_i, 0),    rho_tilde <= max_j ||G a_j||_1.

    All G are pinv(A_S) - W Q' with Q orthonormal in ker A_S', and G A_R = B - W C: minimising over W is a
    linear program. Any W it returns gives a bound, evaluated here at that W.

    Parameters
    ----------
    problem : NullSpaceConstant
        Of kind "rho_tilde" or "rho_minus".
    time_limit : float, default 60
        Seconds.

    Returns
    -------
    float
        The bound; that of W = 0, the column maximum of pinv(A_S) A_R, where the program is too large or
        was not solved in time.

    Examples
    --------
    >>> from bregman_l1 import LinearSystem, NullSpaceConstant
    >>> system = LinearSystem([[1, 0, 2, -1, -1.5], [0, 1, -1, 1, 0.5], [0, 0, 1, -1, -2]], [1, 1, 0])
    >>> 5 / 6 <= left_inverse_bound(NullSpaceConstant(system, [0, 1], "rho_minus")) < 0.84
    True
    """
    B, C = problem.cone.B, problem.cone.C
    (s, n), m = B.shape, C.shape[0]
    crude = problem.column_bound()
    if m == 0 or s * n * m > _LARGEST:
        return crude
    eye = sp.eye_array(s)
    W_part = sp.kron(eye, sp.csr_array(C.T))
    unit = sp.eye_array(s * n)
    sums = sp.kron(np.ones((1, s)), sp.eye_array(n))
    top = sp.csr_array(-np.ones((n, 1)))
    blocks: list[list[Any]] = [[W_part, unit, None], [None, sums, top]]
    lower = [B.ravel(), np.full(n, -np.inf)]
    if problem.kind == "rho_tilde":
        blocks.insert(1, [-W_part, unit, None])
        lower.insert(1, -B.ravel())
    rows = sp.block_array(blocks, format="csc")
    cost = np.zeros(rows.shape[1])
    cost[-1] = 1.0
    answer = solve_linear_program(
        LinearProgram(
            cost=cost,
            rows=rows,
            row_lower=np.concatenate(lower),
            row_upper=np.concatenate([np.full(rows.shape[0] - n, np.inf), np.zeros(n)]),
            lower=np.concatenate([np.full(s * m, -np.inf), np.zeros(s * n + 1)]),
        ),
        LinearProgramSettings(tol=_TOLERANCE, time_limit=time_limit, native={"solver": "pdlp"}),
    )
    if answer.x is None:
        return crude
    return min(crude, problem.column_bound(answer.x[: s * m].reshape(s, m)))
