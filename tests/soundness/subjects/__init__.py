"""What the campaign puts to the test: each subject makes claims about a case and has them judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from ..cases import FAMILIES, ILL_CONDITIONED, Case
from ..records import Record
from .backends import every_backend
from .corruption import spoilt_answers
from .depths import at_a_depth
from .linear_proofs import proved_linear
from .paths import along_paths
from .projections import at_other_tolerances, solved
from .proofs import proved
from .sharing import interrupts, pickles, processes, threads
from .theory import analysed
from .training import trained


class Subject(NamedTuple):
    """What it does with a case, the families it is for, and how many of them it has in each round."""

    examine: Callable[[Case], Iterable[Record]]
    families: tuple[str, ...]
    share: int


ALL = tuple(FAMILIES)
ORDINARY = tuple(name for name in FAMILIES if name not in ILL_CONDITIONED)
WITHOUT_BLOCKS = tuple(name for name in ORDINARY if name != "blocks")
# Of moderate size and few columns, without a prior of their own.
PLAIN = tuple(name for name in WITHOUT_BLOCKS if name not in ("small_right_hand_side", "priors", "dyadic", "one_row"))

SUBJECTS = {
    "solve": Subject(solved, ALL, len(ALL)),
    "proofs": Subject(proved, ALL, len(ALL)),
    "linear proofs": Subject(proved_linear, PLAIN, 8),
    "tolerances": Subject(at_other_tolerances, ORDINARY, 3),
    "certify": Subject(spoilt_answers, ALL, 8),
    "theory": Subject(analysed, PLAIN, 8),
    "depths": Subject(at_a_depth, ALL, 8),
    "backends": Subject(every_backend, PLAIN, 4),
    "training": Subject(trained, PLAIN, 2),
    "paths": Subject(along_paths, WITHOUT_BLOCKS, 3),
    "threads": Subject(threads, ORDINARY, 1),
    "processes": Subject(processes, PLAIN, 1),
    "interrupts": Subject(interrupts, ORDINARY, 2),
    "pickles": Subject(pickles, ORDINARY, 1),
}
