"""Proofs at rising precision: the first that suffices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from bregman_l1.exact import at_precision
from bregman_l1.proof.record import Unproved

_T = TypeVar("_T")


def first_proved(prove: Callable[[int], _T], precisions: Sequence[int], worth_more: type[Unproved] = Unproved) -> _T:
    """Return what ``prove(bits)`` proves with balls of the first of some precisions that suffices.

    Raises
    ------
    Unproved
        If none does: by the last, or by the first where that is not ``worth_more`` bits.
    """
    for bits in precisions[:-1]:
        with suppress(worth_more), at_precision(bits):
            return prove(bits)
    with at_precision(precisions[-1]):
        return prove(precisions[-1])
