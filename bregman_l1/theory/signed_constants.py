"""The null-space constants of a signed support, and those of the doubled system that follow from them.

With sigma the signs of x* on its support S they are maxima over n in ker A with ||n off S||_1 = 1,

    rho         -sigma'n_S = min { ||A_R'z||_inf : A_S'z = sigma },
    rho_tilde   ||n_S||_1,        rho_minus   sum max(-sigma_i n_i, 0).

In the doubled system n off S is n_plus - n_minus. What else its kernel cone has are the columns -sigma_i a_i, i in S: a
point of its base is a mean of one off S and of these, at which the three functions are -1, 1 and 0. So the maxima over
all are max(rho, 0), as n_plus = n_minus is allowed, max(rho_tilde, 1) and max(rho_minus, 0).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bregman_l1._types import Index, Vector
from bregman_l1.caching import cached_property
from bregman_l1.polyhedron.kernel_cone import KernelCone
from bregman_l1.problems.nullspace import Kind
from bregman_l1.theory.constants import Constant
from bregman_l1.theory.limit import Limit
from bregman_l1.theory.support_constants import SupportConstants

_NO_SIGNED_VECTOR = "does not exist: no kernel vector of A is nonzero off S"
_SMALLEST: dict[Kind, float] = {"rho": 0.0, "rho_tilde": 1.0, "rho_minus": 0.0}
# A kernel vector of the cone whose two parts cancel to less than this share is none of A.
_CANCELLED = 0.5


class SignedConstants(SupportConstants):
    """Rho, rho_tilde and rho_minus of a support with signs; the parameters are those of `SupportConstants`.

    The limit is that of the doubled system, the witnesses are kernel vectors of A, of shape (d,).
    """

    @cached_property
    def rho(self) -> Constant:
        """The least size of a dual certificate off S."""
        return self._computed("rho")

    @cached_property
    def cone(self) -> KernelCone:
        """The kernel vectors of either sign off S, as differences."""
        return KernelCone(self.limit.system, self.limit.support, off_either_support(self.limit))

    @property
    def _missing(self) -> str:
        # Of each column off S there are two.
        return _NO_SIGNED_VECTOR if 2 * self.cone.C.shape[0] >= self.cone.outside.size else ""

    @property
    def _start(self) -> Vector:
        return self.cone.maximise(self.cone.total(np.ones(self.cone.support.size))).p

    def _read(self, constant: Constant) -> Constant:
        """The same with a kernel vector of A as its witness: any will do where the two parts of one cancel."""
        if constant.witness is None:
            return constant
        plus, minus = np.split(constant.witness, 2)
        n = plus - minus
        off = np.unique(self.cone.outside % n.size)
        if np.abs(n[off]).sum() < _CANCELLED:
            n = self._some_vector
        return replace(constant, witness=n / np.abs(n[off]).sum())

    @property
    def _some_vector(self) -> Vector:
        """A kernel vector of A that is not zero off S."""
        positive = self.cone.outside[: self.cone.outside.size // 2]
        C, B = self.cone.C[:, : positive.size], self.cone.B[:, : positive.size]
        off = np.linalg.svd(C, full_matrices=True)[2][-1]
        both: Vector = np.zeros(self.limit.x.size)
        both[positive], both[self.cone.support] = off, -B @ off
        plus, minus = np.split(both, 2)
        return np.asarray(plus - minus)


class DoubledConstants:
    """What the bounds of the doubled system ask for, from the constants of the signed support."""

    def __init__(self, signed: SignedConstants) -> None:
        self._signed, self.time_limit = signed, signed.time_limit

    @property
    def rho(self) -> Constant:
        """The larger of rho and 0."""
        return self._of_doubled("rho", self._signed.rho)

    @property
    def rho_tilde(self) -> Constant:
        """The larger of rho_tilde and 1."""
        return self._of_doubled("rho_tilde", self._signed.rho_tilde)

    @property
    def rho_minus(self) -> Constant:
        """The larger of rho_minus and 0."""
        return self._of_doubled("rho_minus", self._signed.rho_minus)

    def _of_doubled(self, kind: Kind, constant: Constant) -> Constant:
        least = _SMALLEST[kind]
        if constant.reason:
            least = least if self._signed.cone.outside.size or kind != "rho" else -1.0
            return Constant(value=least, lower=least, upper=least, exact=True, witness=None)
        ends = {name: max(getattr(constant, name), least) for name in ("value", "lower", "upper")}
        return replace(constant, **ends, witness=None, dual=None)


def off_either_support(limit: Limit) -> Index:
    """The columns of a doubled system that belong to coordinates off the signed support, those of A first."""
    d = limit.x.size // 2
    return limit.cone.outside[~np.isin(limit.cone.outside % d, limit.support % d)]
