"""Coordinates of the dual in which every row of A sees only the entries of x of its own size and smaller.

The residual y - A x holds differences of very different size: residuals of the large entries of x, and sums of its
small ones, which alone drive the slow directions of a flow and drown in the rounding of the large entries. An
orthogonal change of the rows of A, which leaves the flow what it is, makes A block triangular in the order of the
sizes of x: no row loses its digits to another.

Of theta = phi'(x), which moves in the range of A' alone, the entries of a column basis J determine the others,

    theta_R = offset + T'theta_J,    offset = theta_R(p) - T'theta_J(p),

without cancellation while J holds the large entries of x, however close to zero their theta is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import solve_triangular

from bregman_l1._types import Index, Matrix, Vector
from bregman_l1.basis.choice import choose_basis
from bregman_l1.basis.rows import independent_rows
from bregman_l1.basis.tableau import Tableau
from bregman_l1.frozen import FrozenArrays

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem

# How far, in log x, an entry may move where those of the basis move by one.
_FAR = 100.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame(FrozenArrays):
    """The rows Q'A x = Q'y of a system, graded by the sizes of x, and the theta that its flow can reach.

    Attributes
    ----------
    rotation : ndarray of shape (N, k)
        Q, an orthonormal basis of the range of A, k being its rank.
    matrix, target : ndarray of shape (k, d) and (k,)
        G = Q'A and Q'y, graded: exact zeros where a row has no part in a larger scale.
    J, R : ndarray of shape (k,) and (d - k,)
        The column basis, from the largest entry to the smallest, and the other columns.
    T, offset : ndarray of shape (k, d - k) and (d - k,)
        theta_R = offset + T'theta_J.
    """

    rotation: Matrix
    matrix: Matrix
    target: Vector
    J: Index
    R: Index
    T: Matrix
    offset: Vector

    def theta(self, on_basis: Vector) -> Vector:
        """Return theta of all entries from that of the basis."""
        theta = np.empty(self.matrix.shape[1])
        theta[self.J], theta[self.R] = on_basis, self.offset + on_basis @ self.T
        return theta

    def way(self, change: Vector) -> Vector:
        """Return the w with G_J'w = a change of theta on the first entries of the basis, of as many entries."""
        triangle = self.matrix[: change.size, self.J[: change.size]]
        return np.asarray(solve_triangular(triangle, change, trans="T"), dtype=np.float64)

    def serves(self, slope: Vector) -> bool:
        """Whether a change of theta by the slope d theta / d log x on the basis moves no other log x far."""
        triangle = np.abs(self.matrix[:, self.J])
        on_basis = slope[self.J]
        far = np.empty_like(slope)
        far[self.R] = (on_basis[:, None] * np.abs(self.T)).max(axis=0)
        far[self.J] = ((on_basis / triangle.diagonal())[:, None] * triangle).max(axis=0)
        return bool((far <= _FAR * slope).all())

    def tolerance(self, slope: Vector) -> Vector:
        """The changes of w, shape (k,), each of which moves no theta by more than its slope."""
        with np.errstate(divide="ignore"):
            return np.asarray((slope / np.abs(self.matrix)).min(axis=1))


def frame_of(system: LinearSystem, log_size: Vector, prior_theta: Vector) -> Frame:
    """Return the frame for x of these sizes, of the flow from the prior with this theta."""
    part = system.of_rows(independent_rows(system))
    J = choose_basis(part, log_size)
    J = J[np.argsort(-log_size[J], kind="stable")]
    R = np.setdiff1d(np.arange(log_size.size), J)
    tableau = Tableau.of(part, J, R)
    Q, triangle = np.linalg.qr(system.columns(J))
    matrix = np.empty((J.size, log_size.size))
    matrix[:, J], matrix[:, R] = triangle, triangle @ tableau.T
    return Frame(
        rotation=Q,
        matrix=matrix,
        target=triangle @ tableau.u,
        J=J,
        R=R,
        T=tableau.T,
        offset=-tableau.reduced(prior_theta),
    )
