"""A limit x* in balls: what is exactly true of it, so that statements about x(alpha) - x* can be proved.

A and x*_S are the rationals that their floats are, and the right-hand side is y' = A_S x*_S. Floating point provides
vectors that satisfy equations up to rounding; here each is corrected until it satisfies them exactly, for some number
in every ball. Nothing is believed of where it came from.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
from flint import arb, arb_mat

from bregman_l1 import exact
from bregman_l1._types import Index, Matrix, Vector
from bregman_l1.basis.choice import SingularBasisError, choose_basis
from bregman_l1.basis.rows import independent_rows
from bregman_l1.caching import cached_property, computed_last
from bregman_l1.proof.arithmetic import column, entrywise, exactly, floats, maximum, product, upward
from bregman_l1.proof.linear import right_hand_side_of
from bregman_l1.proof.precision import first_proved
from bregman_l1.proof.record import RightHandSide, Unproved
from bregman_l1.proof.support import relations_of
from bregman_l1.system import LinearSystem

if TYPE_CHECKING:
    from bregman_l1.theory.limit import Limit

_T = TypeVar("_T")

# Shares below the first are left out of a kernel vector: what they add to its entropy is no digit of anything. Those
# below the second where it is none with them: their columns may be beyond what rounding tells of the rank.
_LEAST_SHARE, _SAFE_SHARE = 1e-30, 1e-13
# log q of a column that should be in the basis whatever the others are.
_PREFERRED = 20.0


# Radius of a bound, beyond one in proportion, that counts as none beside the rounding to floats.
_RESOLVED = 1e-18
# Bits to start with, beyond those of log alpha, and how often they are doubled.
_BITS, _DOUBLINGS = 128, 4


class KernelVector(NamedTuple):
    """(-z, q) in ker A with q >= 0 and sum q = 1, exactly for some numbers in the balls.

    Attributes
    ----------
    z, q : list of arb
        A_S z = A_R q.
    """

    z: list[arb]
    q: list[arb]


class BallLimit:
    """A limit, A and a left inverse G of A_S in balls of the working precision. That there is a G proves A_S injective.

    Parameters
    ----------
    limit : Limit
        Of a unique minimiser.

    Raises
    ------
    Unproved
        If the columns of A_S are not proved to be independent.
    """

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.A_S = exact.balls(limit.system.columns(limit.support))
        self.A_R = exact.balls(limit.system.columns(limit.cone.outside))
        self.x = exactly(limit.x_S)
        self.log_prior_S, self.log_prior_R = (
            [factor.log() for factor in exactly(limit.prior[where])] for where in (limit.support, limit.cone.outside)
        )
        self.log_ratio = [value.log() - prior for value, prior in zip(self.x, self.log_prior_S, strict=True)]
        self.cost_S, self.cost_R = exactly(limit.cost[limit.support]), exactly(limit.cost[limit.cone.outside])
        self.G = self.left_inverse(np.zeros((len(self.x), len(limit.cone.C))))

    def left_inverse(self, shift: Matrix) -> arb_mat:
        """The left inverse nearest to pinv(A_S) - W Q' for a W of shape (|S|, rank C): G = (G_0 A_S)^{-1} G_0.

        Raises
        ------
        Unproved
            If the columns of A_S are not proved to be independent.
        """
        cone = self.limit.cone
        rows = zip(np.eye(len(self.x)), shift, strict=True)
        given = exact.balls(np.array([cone.dual_vector(unit, -row) for unit, row in rows]))
        try:
            return (given * self.A_S).solve(given)
        except ZeroDivisionError:
            raise Unproved("A_S", "its columns were not proved to be independent") from None

    def dual_vector(self, estimate: Vector, values: list[arb]) -> list[arb]:
        """The vector near an estimate whose products with the columns of A_S are exactly ``values``."""
        given = exactly(estimate)
        missing = [value - here for value, here in zip(values, product(self.A_S.transpose(), given), strict=True)]
        return [a + b for a, b in zip(given, product(self.G.transpose(), missing), strict=True)]

    def off_support(self, dual: list[arb]) -> list[arb]:
        """The products of a dual vector with the columns off S."""
        return product(self.A_R.transpose(), dual)

    @cached_property
    def response(self) -> arb_mat:
        """G A_R: n_S = -G A_R x_R."""
        return self.G * self.A_R

    @cached_property
    def ranges(self) -> list[tuple[arb, arb]]:
        """The least and the largest entry of every row of G A_R, and zero."""
        return [(reduce(arb.min, row, arb(0)), reduce(arb.max, row, arb(0))) for row in self.response.tolist()]

    @cached_property
    def sizes(self) -> arb_mat:
        """|G A_R|', shape (|R|, |S|)."""
        return entrywise(abs, self.response).transpose()

    @cached_property
    def largest_response(self) -> arb:
        """max_j ||G a_j||_1, which bounds ||G A_R p||_1 for all shares p."""
        return maximum(product(self.sizes, [arb(1)] * len(self.x)))

    @cached_property
    def positive(self) -> Index:
        """The coordinates where x(alpha) is positive, sorted: where some feasible point is, and the prior.

        z with A_T'z = 0 on those and a_j'z < 0 on the others proves it: y'z = x*_S'A_S'z = 0.

        Raises
        ------
        Unproved
            If such a z was not found.
        """
        cone, system = self.limit.cone, self.limit.system
        T = np.sort(np.concatenate([cone.support, cone.outside[cone.reachable]]))
        if cone.reachable.all():
            return T
        _, b = cone.exposed(np.ones_like(cone.reachable))
        z = exactly(cone.dual_vector(np.zeros(cone.support.size), b))
        A = system.columns(T)
        rows, J = basis(A, np.zeros(T.size))
        wrong = product(exact.balls(A[:, J].T), z)
        for i, change in zip(rows.tolist(), solved(A[np.ix_(rows, J)].T, wrong), strict=True):
            z[i] -= change
        vanishing = system.columns(cone.outside[~cone.reachable])
        if not all(entry < 0 for entry in product(exact.balls(vanishing.T), z)):
            raise Unproved("zeros", "no vector was proved to expose the coordinates that seem to vanish everywhere")
        return T

    def kernel_vector(self, shares: list[arb]) -> KernelVector:
        """The kernel vector near an estimate of its part off S, with or without the smallest of its shares.

        Raises
        ------
        Unproved
            If none was found.
        """
        largest_share = maximum(shares)
        try:
            return self._kernel_vector([share > _LEAST_SHARE * largest_share for share in shares], shares)
        except Unproved:
            return self._kernel_vector([share > _SAFE_SHARE * largest_share for share in shares], shares)

    def _kernel_vector(self, used: list[bool], shares: list[arb]) -> KernelVector:
        """What heavy columns determine is solved for; equations that they do not determine must follow from others."""
        support, size = self.limit.support, len(self.x)
        q = [share.mid() if chosen else arb(0) for share, chosen in zip(shares, used, strict=True)]
        columns = np.concatenate([support, self.limit.cone.outside[used]])
        n = [-entry.mid() for entry in product(self.response, q)]
        n += [share for share, chosen in zip(q, used, strict=True) if chosen]
        weights = np.concatenate([np.full(size, _PREFERRED), np.log(floats(n[size:]))])
        n = in_kernel(self.limit.system.columns(columns), n, weights)
        positive = iter(n[size:])
        if not all(entry > 0 for entry in n[size:]):
            raise Unproved("kernel vector", "the nearest one was not proved to be nonnegative off the support")
        total = sum(n[size:], arb(0))
        return KernelVector(
            z=[-entry / total for entry in n[:size]],
            q=[next(positive) / total if chosen else arb(0) for chosen in used],
        )


class Precisions:
    """A limit in balls of as many bits as a proof takes.

    Parameters
    ----------
    limit : Limit
        Of a unique minimiser.
    """

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._memory: dict[str, tuple[int, BallLimit]] = {}

    def __reduce__(self) -> tuple[type[Precisions], tuple[Limit]]:
        return type(self), (self.limit,)

    def first_proved(self, prove: Callable[[BallLimit], _T], log_alpha: float = 0.0) -> _T:
        """Return what is proved at the lowest precision that suffices, at a scale where there is one.

        Raises
        ------
        Unproved
            If none does: by the highest.
        """
        bits = _BITS + 2 * int(np.log2(1.0 + abs(log_alpha)))
        return first_proved(
            lambda each: prove(self._at(each)), [bits << doubling for doubling in range(_DOUBLINGS + 1)]
        )

    def _at(self, bits: int) -> BallLimit:
        return computed_last(self._memory, "limit", bits, lambda: BallLimit(self.limit))


def in_kernel(A: Matrix, n: list[arb], weights: Vector) -> list[arb]:
    """The n' near an estimate with A n' = 0 exactly, corrected in entries of large weight.

    Raises
    ------
    Unproved
        If it was not found.
    """
    rows, J = basis(A, weights)
    corrected = list(n)
    missing = product(exact.balls(A[rows]), n)
    for j, change in zip(J.tolist(), solved(A[np.ix_(rows, J)], missing), strict=True):
        corrected[j] -= change
    return corrected


def solved(matrix: Matrix, right: list[arb]) -> list[arb]:
    """The solution of square equations.

    Raises
    ------
    Unproved
        If the matrix was not proved to be regular.
    """
    try:
        return list(exact.balls(matrix).solve(column(right)).entries()) if right else []
    except ZeroDivisionError:
        raise Unproved("basis", "its columns were not proved to be independent") from None


def basis(A: Matrix, weights: Vector) -> tuple[Index, Index]:
    """Rows that all others follow from, exactly, and as many independent columns of large weight.

    Raises
    ------
    Unproved
        If the other rows do not follow, or it would take too long to tell.
    """
    rows, columns = np.flatnonzero(A.any(axis=1)), np.flatnonzero(A.any(axis=0))
    system = LinearSystem(A[np.ix_(rows, columns)], np.ones(rows.size))
    kept = independent_rows(system)
    try:
        J = columns[choose_basis(system.of_rows(kept), weights[columns])]
    except SingularBasisError:
        raise Unproved("rank", "the columns offered do not span the rows") from None
    others, rest = rows[np.setdiff1d(np.arange(rows.size), kept)], np.setdiff1d(columns, J)
    if others.size and rest.size and relations_of(A, rows[kept], others, J) is None:
        raise Unproved("rank", "rows that depend on others up to rounding do not depend on them exactly")
    return rows[kept], J


def above(ball: arb) -> float:
    """What `upward` gives, where the ball is so small that this is the next float.

    Raises
    ------
    Unproved
        If the ball is so large that a higher precision would give a closer float.
    """
    if not (ball.is_finite() and ball.rad() < _RESOLVED * (1 + abs(ball))):
        raise Unproved("digits", "the working precision does not resolve a bound")
    return upward(ball)


def below(ball: arb) -> float:
    """The same from below."""
    return -above(-ball)


def right_hand_side(limit: Limit) -> RightHandSide:
    """The y' = A_S x*_S that is exactly feasible, and by how many roundings it differs from y."""
    A, x = limit.system.columns(limit.support), exact.rationals(limit.x_S[:, None])
    return right_hand_side_of(limit.system, limit.x, exact.residual(limit.system.y, A, x))
