"""The closest y for which A x = y has a solution x >= 0: the projection of y onto the cone of the columns of A."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from bregman_l1._types import ROUNDINGS, Vector
from bregman_l1.entry import entry_point
from bregman_l1.errors import BackendError, InvalidSystemError
from bregman_l1.polyhedron.feasible_set import has_solution_of_moderate_size
from bregman_l1.system import LinearSystem, checked_system, dense, one_for_zero, peaks
from bregman_l1.validation import checked_vector, refuse_unless_all

# The cosine between the change of y and a column that counts as a right angle.
_RIGHT_ANGLE = 1e-10
# Columns let in at once, at least; each time the distance decreases.
_AT_ONCE = 50


@entry_point
def nearest_feasible(system: LinearSystem, *, scales: ArrayLike | None = None) -> LinearSystem:
    """Return the system with the closest right-hand side that has a solution x >= 0.

    That is y' = A x for the x >= 0 with the least sum_i ((A x - y)_i / s_i)^2. Where y lies outside the cone of the
    columns of A, y' lies on its boundary: entries of x whose columns make an acute angle with the boundary vanish
    for every solution.

    Parameters
    ----------
    system : LinearSystem
        The system A x = y.
    scales : array_like or Series of shape (N,), optional
        Positive units s in which the change of each entry of y counts, of a series by the names of the rows; ones if
        omitted. With ``abs(system.y)`` the
        changes count relative to y; an equation with a small unit holds nearly as it is.

    Returns
    -------
    LinearSystem
        The same A and names, and y'. The system itself if it has a solution, unless the rounding of A is all that makes
        it one: rows that are combinations of others up to rounding and contradict these count as contradicting.

    Raises
    ------
    InvalidSystemError
        If the closest y is zero.
    InvalidProblemError
        If the scales are not N positive numbers.
    BackendError
        If the least-squares problem was not solved.

    Examples
    --------
    >>> from bregman_l1 import LinearSystem, nearest_feasible
    >>> system = LinearSystem([[1.0, 1.0], [1.0, 1.0]], [1.0, 2.0])
    >>> nearest_feasible(system).y
    array([1.5, 1.5])
    >>> nearest_feasible(system, scales=[1.0, 3.0]).y
    array([1.1, 1.1])
    """
    n_rows, names = checked_system(system).shape[0], system.row_names
    units = np.ones(n_rows) if scales is None else checked_vector("scales", scales, n_rows, names, "row")
    fine = (units > 0) & (units < np.inf)
    refuse_unless_all("scales", units, fine, "every scale must be positive and finite", names)
    if has_solution_of_moderate_size(system):
        return system
    y = system.extended_matvec(_nonnegative_least_squares(system, units)).astype(np.float64)
    if not y.any():
        raise InvalidSystemError("the closest y with a solution x >= 0 is zero: check the signs of A and y")
    return LinearSystem(system.A, y, row_names=system.row_names, column_names=system.column_names)


def _nonnegative_least_squares(system: LinearSystem, units: Vector) -> Vector:
    """The x >= 0 with the least |(A x - y) / units|, found on the columns that matter, a few more in each round."""
    from scipy.optimize import nnls

    factors = _factors(system, units)
    largest = float(np.abs(system.y * factors).max()) or 1.0
    y = system.y * factors / largest
    sizes = one_for_zero(peaks(system.scaled(factors, np.ones(system.shape[1])), axis=0))
    A = system.scaled(factors, 1 / sizes)
    lengths = one_for_zero(np.sqrt((A * A).sum(axis=0)))
    x, distance = np.zeros(sizes.size), np.inf
    while True:
        rest = y - A @ x
        before, distance = distance, float(np.linalg.norm(rest))
        gain = np.where(x > 0, 0.0, A.T @ rest / lengths)
        entering = np.argsort(-gain, kind="stable")[: max(_AT_ONCE, y.size)]
        entering = entering[gain[entering] > max(_RIGHT_ANGLE * distance, ROUNDINGS * float(np.linalg.norm(y)))]
        if not (entering.size and distance < before):
            return x / sizes * largest
        columns = np.union1d(np.flatnonzero(x), entering)
        x = np.zeros(sizes.size)
        try:
            x[columns] = nnls(dense(A[:, columns]), y)[0]
        except RuntimeError as error:
            raise BackendError("the nonnegative least-squares problem was not solved", str(error)) from error


def _factors(system: LinearSystem, units: Vector) -> Vector:
    """The inverse units, times the power of two that brings the row that counts most to the size one."""
    mantissas, exponents = np.frexp(units)
    most = (np.frexp(one_for_zero(system.row_peaks))[1] - exponents).max()
    return np.asarray(np.ldexp(1.0 / mantissas, -exponents - most))
