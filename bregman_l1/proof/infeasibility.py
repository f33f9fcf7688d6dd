"""Proofs that no x >= 0 solves A x = y, for the y that is given: a rational z with A'z <= 0 < y'z."""

from __future__ import annotations

from time import perf_counter

import numpy as np
import scipy.sparse as sp
from flint import fmpq

from bregman_l1._types import ROUNDINGS, Index, Matrix, Vector
from bregman_l1.exact import rounded
from bregman_l1.proof.arithmetic import fraction
from bregman_l1.proof.exact_matrix import Rationals, exact_matrix, exact_vector, inner
from bregman_l1.proof.exact_simplex import ExactProgram, minimise, multipliers_near
from bregman_l1.proof.record import Y_ITSELF, Proof, Step, Unproved
from bregman_l1.system import LinearSystem

_ALL = slice(None)


def prove_infeasible(system: LinearSystem, farkas: Vector, columns: Index | slice = _ALL) -> Proof:
    """Prove by a Farkas vector that no x >= 0 solves A x = y, every float taken as the rational it is.

    Parameters
    ----------
    system : LinearSystem
    farkas : ndarray of shape (N,)
        z with A'z <= 0 < y'z up to rounding, as in ``InfeasibleError.farkas``.
    columns : ndarray of int or slice, optional
        The columns that there are: those where a prior is positive.

    Returns
    -------
    Proof
        With the exact z in ``farkas``: that which was given, or one that is zero exactly on the columns where the given
        one is so to rounding, or else the multipliers of the least ||A x - y||_1. Where that is zero the system has a
        solution, and the proof says so.

    Examples
    --------
    >>> proof = prove_infeasible(LinearSystem([[1.0], [1.0]], [1.0, 1.0 + 2.0**-50]), np.array([-1.0, 1.0]))
    >>> proof.ok, [str(entry) for entry in proof.farkas]
    (True, ['-1', '1'])
    """
    started = perf_counter()
    subject = "no x >= 0 solves A x = y"
    try:
        with np.errstate(all="ignore"):
            z, how = _exact_farkas(system, farkas, columns)
    except Unproved as failure:
        return Proof(subject=subject, steps=(failure.step,), seconds=perf_counter() - started)
    return Proof(
        subject=subject,
        steps=(Step(name="Farkas vector", passed=True, meaning=f"A'z <= 0 < y'z in rationals: {how}"),),
        seconds=perf_counter() - started,
        right_hand_side=Y_ITSELF,
        farkas=tuple(fraction(entry) for entry in z),
    )


def _exact_farkas(system: LinearSystem, farkas: Vector, columns: Index | slice) -> tuple[Rationals, str]:
    """A Farkas vector, and what it is."""
    if not np.isfinite(farkas).all():
        raise Unproved("Farkas vector", "z is not finite")
    A = system.matrix[:, columns]
    n_columns = A.shape[1]
    program = ExactProgram(
        matrix=exact_matrix(A),
        right=exact_vector(system.y),
        cost=[fmpq(0)] * n_columns,
        free=np.zeros(n_columns, dtype=np.bool_),
    )
    given = exact_vector(farkas)
    if _separates(program, given):
        return given, "the z that was given"
    slack = np.array([rounded(value) for value in program.reduced(given)])
    tight = np.flatnonzero(slack <= ROUNDINGS * program.matrix.sizes(farkas))
    near = multipliers_near(program, tight, farkas)
    if near is not None and _separates(program, near[0]):
        return near[0], f"the z that was given, made orthogonal to the {tight.size} columns where it is so to rounding"
    return _of_least_misfit(A, system.y, system.row_units)


def _separates(program: ExactProgram, z: Rationals) -> bool:
    return bool(inner(program.right, z) > 0 and all(value >= 0 for value in program.reduced(z)))


def _of_least_misfit(A: Matrix | sp.csc_array, y: Vector, row_units: Vector) -> tuple[Rationals, str]:
    """The multipliers of the least ||A x - y||_1, in units of the rows."""
    n_rows, n_columns = A.shape
    units = sp.diags_array(row_units)
    program = ExactProgram(
        matrix=exact_matrix(sp.hstack([sp.csc_array(A), units, -units])),
        right=exact_vector(y),
        cost=[fmpq(0)] * n_columns + [fmpq(1)] * 2 * n_rows,
        free=np.zeros(n_columns + 2 * n_rows, dtype=np.bool_),
    )
    misfit = y / row_units
    start = np.concatenate([np.zeros(n_columns), np.maximum(misfit, 0.0), np.maximum(-misfit, 0.0)])
    best = minimise(program, start, np.zeros(n_rows))
    least = inner(program.cost, best.x)
    if not least:
        positive = sum(map(bool, best.x))
        raise Unproved("Farkas vector", f"there is none: an x >= 0 of {positive} entries solves A x = y in rationals")
    return best.mu, f"the multipliers of the least ||A x - y||_1, which is {rounded(least):.2g} in units of the rows"
