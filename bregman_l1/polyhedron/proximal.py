"""Minimise c'x over {x >= 0 : A x = y} by the proximal point method, whose inner problems see few columns.

From x0 the next point is the x >= 0, A x = y with the least c'x + |x - x0|^2 / (2 sigma). It is found from its dual:

    minimise over mu   phi(mu) = |w_+|^2 / (2 sigma) - y'mu,    w = x0 + sigma (A'mu - c),

which is convex and once differentiable, with gradient A w_+ - y and generalised Hessian sigma A_J A_J', J = {w > 0}.
Newton's method costs a factorisation of the smaller of |J| and N, one product with A', and an exact line search; at
the minimum w_+ is the next x0 (Rockafellar 1976; Li, Sun & Toh 2020). For linear programs the proximal points reach
a minimiser after finitely many steps. It is recognised early: J is solved for x_J with A_J x_J = y and for the mu
nearest to the present one with A_J'mu = c_J, both to rounding. Either they prove each other optimal, or they are
where to go on from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.linalg as sla

from bregman_l1._types import EPS, ROUNDINGS, Index, Matrix, Vector
from bregman_l1.budget import Budget
from bregman_l1.frozen import FrozenArrays
from bregman_l1.polyhedron.units import mean_units, power_of_two

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem

# sigma to start with, in units of the size of x over that of c, and its growth from one proximal point to the next.
_REACH, _GROWTH = 10.0, 2.0
# How exactly the first proximal point solves A x = y; every following one ten times better, to the last.
_FIRST_TOLERANCE, _LAST_TOLERANCE = 1e-2, 1e-13
# What is left of A x = y on the same columns as a step before, and at least this share of it, is rounding.
_STALLED = 0.9
# What keeps A_J A_J' invertible, relative to its mean diagonal entry.
_REGULARISATION = 1e-6
# Newton steps at most, beyond two for each row: what takes longer is left to the simplex method.
_STEPS = 100
# Entries below these shares of the largest are tried as zeros.
_SHARES = (1e-3, 1e-7, 0.0)
# What a pivot of unit columns must exceed for them to be independent. Dependent ones are no vertex.
_DEPENDENT = 1e-13
_NOISE = 8.0
_REFINEMENTS = 3
_SEARCH_STEPS, _SEARCH_TOLERANCE, _LONGEST = 60, 1e-6, 1e30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Optimum(FrozenArrays):
    """A vertex minimising c'x with a dual vector that proves it, both to rounding.

    Attributes
    ----------
    x : ndarray of shape (d,)
        A_S x_S = y on its support S, of independent columns, and zero elsewhere.
    dual : ndarray of shape (N,)
        mu with A_S'mu = c_S and A'mu <= c.
    steps : int
        Newton steps taken.
    """

    x: Vector
    dual: Vector
    steps: int


def proximal_minimiser(system: LinearSystem, cost: Vector, budget: Budget | None = None) -> Optimum | None:
    """Find a vertex where c'x is least, with its proof.

    Parameters
    ----------
    system : LinearSystem
    cost : ndarray of shape (d,)
    budget : Budget, optional
        What it may spend; every Newton step counts.

    Returns
    -------
    Optimum or None
        None where it was not found: there may be none, or it is hard to find (degenerate, badly scaled). Sparse
        systems are left to the simplex method, which is faster there.

    Examples
    --------
    >>> from bregman_l1 import LinearSystem
    >>> proximal_minimiser(LinearSystem([[1.0, 0.5]], [1.0]), np.ones(2)).x.tolist()
    [1.0, 0.0]
    """
    if system.is_sparse:
        return None
    budget = budget or Budget()
    program = _Program.of(system, cost)
    last = budget.used + _STEPS + 2 * system.shape[0]
    point, tolerance, seen = program.start(), _FIRST_TOLERANCE, b""
    if not point.sigma > 0:
        return None  # A'y = 0, so that y'y = y'A x = 0 for no x
    while budget.spent_out is None and budget.used < last:
        before = budget.used
        moved = _proximal(program, point, tolerance, budget, last)
        if moved is None or (budget.used == before and tolerance == _LAST_TOLERANCE):
            return None
        point = moved
        vertex = program.vertex_near(point.x)
        following = _Point(point.x, point.mu, point.product, _GROWTH * point.sigma)
        if vertex is not None:
            mu = vertex.corrected(point.mu, program.cost)
            if program.is_dual(mu, vertex.J):
                dual = program.cost_unit * mu / program.rows
                return Optimum(x=program.unit * vertex.x / program.columns, dual=dual, steps=budget.used)
            if vertex.J.tobytes() != seen:
                seen = vertex.J.tobytes()
                following = _Point(vertex.x, mu, program.transposed(mu), point.sigma)
        point, tolerance = following, max(_LAST_TOLERANCE, tolerance / 10)
    return None


@dataclass(frozen=True, slots=True, eq=False)
class _Point:
    """x0, mu with the product A'mu, and sigma."""

    x: Vector
    mu: Vector
    product: Vector
    sigma: float


@dataclass(frozen=True, slots=True, eq=False)
class _Vertex:
    """x >= 0, positive on J, with A_J = Q R."""

    x: Vector
    J: Index
    A: Matrix
    Q: Matrix
    R: Matrix

    def corrected(self, mu: Vector, cost: Vector) -> Vector:
        """The vector nearest to mu with A_J'mu = c_J."""
        for _ in range(_REFINEMENTS):
            mu = mu + self.Q @ sla.solve_triangular(self.R, cost[self.J] - self.A.T @ mu, trans=1)
        return without_noise(mu)


@dataclass(frozen=True, slots=True, eq=False)
class _Program:
    """The program with rows, columns, y and cost of size near one; their units are powers of two."""

    system: LinearSystem
    rows: Vector
    columns: Vector
    unit: float
    cost_unit: float
    cost: Vector
    y: Vector

    @classmethod
    def of(cls, system: LinearSystem, cost: Vector) -> _Program:
        rows, columns = mean_units(system)
        y = system.y / rows
        unit, cost_unit = (float(power_of_two(np.abs(vector).max())) for vector in (y, cost))
        return cls(system, rows, columns, unit, cost_unit, cost / cost_unit / columns, y / unit)

    def start(self) -> _Point:
        largest = float(np.abs(self.cost).max()) or 1.0
        sigma = _REACH * float(np.abs(self.transposed(self.y)).max()) / largest
        return _Point(np.zeros_like(self.cost), np.zeros_like(self.y), np.zeros_like(self.cost), sigma)

    def transposed(self, mu: Vector) -> Vector:
        return self.system.rmatvec(mu / self.rows) / self.columns

    def chosen(self, J: Index) -> Matrix:
        return np.asarray(self.system.columns(J) / self.rows[:, None] / self.columns[J])

    def vertex_near(self, x: Vector) -> _Vertex | None:
        """The vertex on the largest entries of x, or on all that are positive; None where there is none."""
        before = -1
        for share in _SHARES:
            J = np.flatnonzero(x > share * x.max(initial=0.0))
            if 0 < J.size <= self.y.size and J.size != before:
                vertex = self._vertex(J, x[J])
                if vertex is not None:
                    return vertex
            before = J.size
        return None

    def _vertex(self, J: Index, weights: Vector) -> _Vertex | None:
        A = self.chosen(J)
        Q, R = np.linalg.qr(A)
        if np.abs(np.diag(R)).min() <= _DEPENDENT * np.abs(R).max():
            _, R, order = sla.qr(A * weights, mode="economic", pivoting=True)
            pivots = np.abs(np.diag(R))
            J = np.sort(J[order[: np.count_nonzero(pivots > _DEPENDENT * pivots[0])]])
            A = self.chosen(J)
            Q, R = np.linalg.qr(A)
        exact, on_J = A.astype(np.longdouble), np.zeros(J.size)
        missing = self.y
        for _ in range(_REFINEMENTS):
            on_J = on_J + sla.solve_triangular(R, Q.T @ missing)
            missing = np.asarray(self.y - exact @ on_J.astype(np.longdouble), dtype=np.float64)
        rounding = ROUNDINGS * (np.abs(A) @ np.abs(on_J) + np.abs(self.y))
        hidden = (np.abs(A) * on_J <= rounding[:, None]).all(axis=0)
        if hidden.any() and not hidden.all():
            # What rounding hides is no entry, if the others solve the system by themselves.
            fewer = self._vertex(J[~hidden], on_J[~hidden])
            if fewer is not None:
                return fewer
        if not (on_J > 0).all() or (np.abs(missing) > rounding).any():
            return None
        x = np.zeros_like(self.cost)
        x[J] = on_J
        return _Vertex(x, J, A, Q, R)

    def is_dual(self, mu: Vector, J: Index) -> bool:
        """Whether A'mu <= c off J, up to rounding."""
        excess = self.transposed(mu) - self.cost
        excess[J] = 0.0
        above = np.flatnonzero(excess > 0)
        terms = np.abs(self.chosen(above)).T @ np.abs(mu) + np.abs(self.cost[above])
        return bool((excess[above] <= ROUNDINGS * terms).all())


def without_noise(mu: Vector) -> Vector:
    """The vector with zeros where its entries are rounding of the largest: some columns see these entries alone."""
    return np.where(np.abs(mu) > _NOISE * EPS * np.abs(mu).max(initial=0.0), mu, 0.0)


def _proximal(program: _Program, point: _Point, tolerance: float, budget: Budget, last: int) -> _Point | None:
    """The next proximal point; None where phi falls without end, so that no x is feasible."""
    mu, product, sigma, size = point.mu, point.product, point.sigma, float(np.linalg.norm(program.y))
    columns, before = np.zeros(0, dtype=np.intp), np.inf
    while True:
        w = point.x + sigma * (product - program.cost)
        J = np.flatnonzero(w > 0)
        A = program.chosen(J)
        missing = program.y - A @ w[J]
        left = float(np.linalg.norm(missing))
        # On the same columns Newton's method is done in a step, but for rounding.
        is_rounding = left > _STALLED * before and np.array_equal(J, columns)
        if left <= tolerance * size or is_rounding or budget.spent_out is not None or budget.used >= last:
            return _Point(np.maximum(w, 0.0), mu, product, sigma)
        columns, before = J, left
        budget.count()
        direction = _newton_direction(A, missing / sigma)
        change = program.transposed(direction)
        length = _exact_length(w, sigma * change, change, float(program.y @ direction))
        if length is None:
            return None
        mu, product = mu + length * direction, product + length * change


def _newton_direction(A: Matrix, right: Vector) -> Vector:
    """(A A' + eps I)^{-1} right up to a factor, through the smaller of A A' and A'A."""
    if not A.shape[1]:
        return right
    is_wide = A.shape[1] >= A.shape[0]
    gram = A @ A.T if is_wide else A.T @ A
    diagonal = np.diag_indices_from(gram)
    shift = _REGULARISATION * float(gram[diagonal].mean())
    gram[diagonal] += shift
    factor = sla.cho_factor(gram, overwrite_a=True, check_finite=False)
    if is_wide:
        return np.asarray(sla.cho_solve(factor, right, check_finite=False))
    return np.asarray((right - A @ sla.cho_solve(factor, A.T @ right, check_finite=False)) / shift)


def _exact_length(w: Vector, rise: Vector, change: Vector, gain: float) -> float | None:
    """Where change'(w + t rise)_+ - gain, which increases with t, is zero; None where it is nowhere."""
    low, high, t = 0.0, np.inf, 1.0
    start = abs(float(change @ np.maximum(w, 0.0)) - gain)
    for _ in range(_SEARCH_STEPS):
        at = w + t * rise
        positive = at > 0
        slope = float(change[positive] @ at[positive]) - gain
        if abs(slope) <= _SEARCH_TOLERANCE * start:
            break
        low, high = (t, high) if slope < 0 else (low, t)
        bend = float(change[positive] @ rise[positive])
        t = min(t - slope / bend, 1e3 * t) if bend > 0 else 1e3 * t
        if not low < t < high:
            t = (low + high) / 2 if high < np.inf else 2 * low
        if t > _LONGEST:
            return None
    return t
