"""Coordinates that vanish on the whole feasible set, read off a tableau, and the vectors that prove it.

A row x_i + T_i x_R = u_i with u_i = 0 and T_i >= 0 forces x_i and every x_j with T_ij > 0 to zero; with u_i < 0 it
shows that no x >= 0 exists. Row i of the inverse, negated, is the proof in either case.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1._types import ROUNDINGS, Index, Mask, Vector
from bregman_l1.claim import ExposingVector, Farkas
from bregman_l1.errors import BackendError, InfeasibleError
from bregman_l1.polyhedron.feasible_set import exposes, maximal_support, separates

if TYPE_CHECKING:
    from bregman_l1.basis.tableau import Tableau
    from bregman_l1.budget import Budget
    from bregman_l1.system import LinearSystem


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Face:
    """What is known of the smallest face that holds the feasible set.

    Attributes
    ----------
    free : ndarray of bool, shape (d,)
        The coordinates not known to vanish.
    exposing : ndarray of shape (N,) or None
        z with A'z <= 0, y'z = 0 and (A'z)_j < 0 exactly where a coordinate is known to vanish.
    farkas : ndarray of shape (N,) or None
        Where nothing is feasible: A'z <= 0 < y'z.
    """

    free: Mask
    exposing: Vector | None = None
    farkas: Vector | None = None

    @classmethod
    def whole(cls, size: int) -> Face:
        """The face of which nothing is known."""
        return cls(free=np.ones(size, dtype=bool))

    @property
    def is_whole(self) -> bool:
        """Whether nothing is known to vanish, nor that nothing is feasible."""
        return self.farkas is None and bool(self.free.all())

    @property
    def proof(self) -> ExposingVector | Farkas | None:
        """The vector as a claim carries it."""
        if self.farkas is not None:
            return Farkas(self.farkas)
        return None if self.exposing is None else ExposingVector(self.exposing)


def shown_by(tableau: Tableau, system: LinearSystem) -> Face | None:
    """What the rows of a complete tableau show, None if that is nothing."""
    u, T = tableau.u, tableau.T
    one_sided = (T >= 0).all(axis=1)
    for i in np.flatnonzero(one_sided & (u < 0)):
        z = _cleaned(-tableau.inverse[[i]])
        if separates(system, z):
            return Face(free=np.zeros(system.shape[1], dtype=bool), farkas=z)
    rows = np.flatnonzero(one_sided & (u == 0))
    if not rows.size:
        return None
    z = _cleaned(-tableau.inverse[rows] / np.abs(tableau.inverse[rows]).max(axis=1, keepdims=True))
    free = np.ones(system.shape[1], dtype=bool)
    free[tableau.J[rows]] = False
    free[tableau.R[(T[rows] > 0).any(axis=0)]] = False
    return Face(free=free, exposing=z) if exposes(system, z, free) else None


def narrowed(face: Face, system: LinearSystem, columns: Index, rows: Index, inner: Face) -> Face:
    """The face with what was found on it added; the older proof is weighted so that it stays valid.

    Parameters
    ----------
    face : Face
    system : LinearSystem
    columns, rows : ndarray of int
        The free coordinates of ``face``, and the rows that are independent on them.
    inner : Face
        Of the system of these rows and columns.
    """
    z, free = np.zeros(system.shape[0]), face.free.copy()
    z[rows] = inner.farkas if inner.farkas is not None else inner.exposing
    if face.exposing is not None:
        older, newer = (system.rmatvec(each)[~face.free] for each in (face.exposing, z))
        z += 2.0 * float((newer / -older).max(initial=1.0)) * face.exposing
    z, free[columns] = z / np.abs(z).max(), inner.free
    return replace(inner, free=free, **{"exposing" if inner.farkas is None else "farkas": z})


def by_linear_program(system: LinearSystem, budget: Budget) -> Face:
    """All coordinates that vanish, or that nothing is feasible; nothing where the linear program proves nothing."""
    try:
        support = maximal_support(system, budget)
    except InfeasibleError as error:
        return Face(free=np.zeros(system.shape[1], dtype=bool), farkas=error.farkas)
    except BackendError:
        return Face.whole(system.shape[1])
    return Face(free=support.mask, exposing=None if support.mask.all() else support.exposing)


def _cleaned(rows: Vector) -> Vector:
    """The sum of the rows; entries that are rounding of it are zero."""
    z = rows.sum(axis=0)
    return np.where(np.abs(z) <= ROUNDINGS * np.abs(rows).sum(axis=0).max(), 0.0, z)
