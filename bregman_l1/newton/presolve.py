"""What rows of one sign tell of a large sparse system before anything is solved: entries that vanish, contradictions.

Empty rows and columns, rows of a single entry and columns that are there twice need no presolve: conjugate gradients
take them as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from bregman_l1 import settings
from bregman_l1._types import Index, Mask, Vector
from bregman_l1.basis.facial_reduction import Face, narrowed
from bregman_l1.claim import Claim, ExposingVector, Farkas
from bregman_l1.errors import InfeasibleError
from bregman_l1.frozen import read_only
from bregman_l1.outcome import Outcome
from bregman_l1.polyhedron.feasible_set import exposes

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem


def face_of_signs(system: LinearSystem) -> Face:
    """What rows of one sign force to zero, and what those force that are of one sign then; or that nothing is feasible.

    A row with a_i >= 0 and y_i = 0 forces every x_j with a_ij > 0 to zero, and -e_i is the exposing vector; with
    y_i < 0 it is a Farkas vector.

    Parameters
    ----------
    system : LinearSystem
        Sparse.

    Returns
    -------
    Face
        Proved by its exposing or Farkas vector; the whole where rows tell nothing.

    Examples
    --------
    >>> from bregman_l1 import LinearSystem
    >>> A = sp.csc_array([[1.0, 2.0, 0.0, 0.0], [0.0, -1.0, 1.0, 0.0], [0.0, 0.0, 1.0, 1.0]])
    >>> face_of_signs(LinearSystem(A, [0.0, 0.0, 1.0])).free.tolist()
    [False, False, False, True]
    """
    n_rows, n_columns = system.shape
    face, every_row = Face.whole(n_columns), np.arange(n_rows)
    candidates = np.union1d(np.flatnonzero(system.y == 0.0), _contradicted(system))
    if not candidates.size:
        return face
    matrix = sp.csr_array(system.stored_rows(candidates))
    matrix.eliminate_zeros()
    for _ in range(settings.MOST_SIGN_ROUNDS):
        signs, columns = _one_sided(matrix, face.free)
        against = np.flatnonzero(signs * system.y[candidates] < 0.0)
        free, z = face.free.copy(), np.zeros(n_rows)
        if against.size:
            z[candidates[against[0]]] = -signs[against[0]]
            free[:] = False
            found = Face(free=free[face.free], farkas=z)
            return narrowed(face, system, np.flatnonzero(face.free), every_row, found)
        if not columns.size:
            break
        z[candidates] = -signs / system.row_peaks[candidates]
        free[columns] = False
        found = Face(free=free[face.free], exposing=z)
        face = narrowed(face, system, np.flatnonzero(face.free), every_row, found)
    is_proved = face.exposing is not None and face.free.any() and exposes(system, face.exposing, face.free)
    return face if is_proved else Face.whole(n_columns)


def on_face(system: LinearSystem, face: Face, project: Callable[[LinearSystem, Index], Claim]) -> Claim:
    """The projection of the columns of a face as one of all, with the proof that the others vanish.

    Parameters
    ----------
    system : LinearSystem
    face : Face
        Not the whole.
    project : callable
        Given the system of the free columns, and which these are.
    """
    free, every_row = np.flatnonzero(face.free), np.arange(system.shape[0])

    def proved(inner: Face) -> ExposingVector | Farkas | None:
        return narrowed(face, system, free, every_row, inner).proof

    infeasible = Claim(outcome=Outcome.INFEASIBLE, raw_status=Outcome.INFEASIBLE.value, proof=face.proof)
    if face.farkas is not None:
        return infeasible
    try:
        claim = project(system.restrict(free), free)
    except InfeasibleError as error:
        return replace(infeasible, proof=proved(Face(free=face.free[free], farkas=error.farkas)))
    if isinstance(claim.proof, Farkas):
        return replace(infeasible, proof=proved(Face(free=face.free[free], farkas=claim.proof.z)))
    log_x = np.full(system.shape[1], -np.inf)
    log_x[free] = claim.log_point
    proof = face.proof
    if claim.proof is not None:
        proof = proved(Face(free=claim.log_point > -np.inf, exposing=claim.proof.z))
    return replace(claim, log_x=read_only(log_x), proof=proof)


def _contradicted(system: LinearSystem) -> Index:
    """Rows whose entries have one sign, as far as their sums tell, and y_i the other."""
    ones = np.ones(system.shape[1])
    sums, sizes = system.matvec(ones), system.abs_matvec(ones)
    return np.flatnonzero((np.abs(sums) >= (1.0 - settings.SAME) * sizes) & (sums * system.y < 0.0))


def _one_sided(matrix: sp.csr_array, free: Mask) -> tuple[Vector, Index]:
    """The sign of each row on the free columns, zero where it has both or none; the columns of rows of one sign."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    counts = free[matrix.indices]
    positive, negative = (
        np.bincount(rows, counts & side, matrix.shape[0]) > 0 for side in (matrix.data > 0, matrix.data < 0)
    )
    signs = positive.astype(np.float64) - negative
    return signs, np.unique(matrix.indices[counts & (signs[rows] != 0.0)])
