"""Which entries of x a flow activates, and when: the jumps of a training run from one saddle to the next.

From a small start entries stay small until their theta has risen from theta(alpha) to that of size one; all the while x
is near a saddle of the loss, a least-squares fit with the few entries that are active. The time this takes grows like
theta(1) - theta(alpha), log(1/alpha) at depth 2 and alpha^-((D-2)/D) - 1 above. In slow time, t in these units, the
trajectory tends to a path of jumps as alpha -> 0,

    nu' = c (y - A x),   A'nu <= 1,   x >= 0,   x_j = 0 where a_j'nu < 1,

and its mean over time, int_0^s x / s, is the minimiser of ||A x - y||^2 / 2 + penalty sum x for penalty = 1 / (c s)
as long as no entry has left again: then the entries activate where they enter the positive lasso path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bregman_l1._types import Index, Mask, Vector
from bregman_l1.entry import entry_points
from bregman_l1.flow.equation import FlowEquation
from bregman_l1.flow.integration import Reached, Trajectory
from bregman_l1.frozen import FrozenArrays
from bregman_l1.html import DOTS, shortened, table
from bregman_l1.optional import require

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """An entry of x that became active.

    Attributes
    ----------
    coordinate : int
        Which.
    sign : int
        1, or -1 for an entry of x_minus.
    time, slow_time : float
        When, in the units of u' = -grad ||A u^D - y||^2, and in those of theta(1) - theta(alpha): t / log(1/alpha) at
        depth 2, t / (alpha^-((D-2)/D) - 1) above; without an alpha, of the smallest entry of the prior.
    leaves, slow_leaves : float
        When it left again; infinite if it stayed.
    penalty : float
        The penalty of the positive lasso, ||A x - y||^2 / 2 + penalty sum x, to which the slow time belongs.
    """

    coordinate: int
    sign: int
    time: float
    slow_time: float
    leaves: float
    slow_leaves: float
    penalty: float

    @property
    def stays(self) -> bool:
        """Whether it was active until the end of the flow."""
        return bool(np.isinf(self.leaves))


@entry_points
@dataclass(frozen=True, slots=True, kw_only=True)
class Activations(FrozenArrays):
    """The activations of a flow in the order of their times: it has the length and the entries of a tuple of them.

    Attributes
    ----------
    level : float
        Entries above it count as active: a hundredth of the largest entry of the projection.
    entries : tuple of Activation
        The activations.
    """

    level: float
    entries: tuple[Activation, ...]

    _shown: ClassVar = ("coordinates", "slow_times", "level")

    def __getitem__(self, index: int) -> Activation:
        """One of the activations."""
        return self.entries[index]

    def __iter__(self) -> Iterator[Activation]:
        """Each of them, in the order of time."""
        return iter(self.entries)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.entries)

    @property
    def coordinates(self) -> Index:
        """Which entries, shape (m,)."""
        return np.array([entry.coordinate for entry in self.entries], dtype=np.intp)

    @property
    def slow_times(self) -> Vector:
        """When, in slow time, shape (m,)."""
        return np.array([entry.slow_time for entry in self.entries])

    @property
    def nobody_leaves(self) -> bool:
        """Whether every entry stayed, so that the lasso path activates the same entries at these penalties."""
        return all(entry.stays for entry in self.entries)

    def to_frame(self) -> pd.DataFrame:
        """Return the activations as the rows of a pandas DataFrame.

        Raises
        ------
        MissingPackageError
            If pandas is not installed.
        """
        names = Activation.__dataclass_fields__
        rows = [[getattr(entry, name) for name in names] for entry in self.entries]
        return require("pandas", "data frames").DataFrame(rows, columns=list(names))

    def __str__(self) -> str:
        lines = [f"entry  sign   slow time    penalty   leaves at   (active above {self.level:.3g})"]
        return "\n".join(lines + ["  ".join(cells) for cells in self._cells()])

    def _repr_html_(self) -> str:
        header = ("entry", "sign", "slow time", "penalty", "leaves at")
        rows = [tuple(cell.strip() for cell in cells) for cells in self._cells()]
        return table(shortened(rows, (DOTS,) * len(header)), header=header, caption=f"active above {self.level:.3g}")

    def _cells(self) -> Iterator[tuple[str, ...]]:
        for entry in self.entries:
            leaves = "" if entry.stays else f"{entry.slow_leaves:.4g}"
            yield (
                f"{entry.coordinate:5d}",
                f"{entry.sign:+4d}",
                f"{entry.slow_time:10.4g}",
                f"{entry.penalty:9.4g}",
                f"{leaves:>10}",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Excursion:
    """One stay of an entry above a level, by the clock."""

    entry: int
    begins: float
    ends: float


def excursions(trajectory: Trajectory, embedded: Callable[[Vector], Vector], log_level: Vector) -> list[Excursion]:
    """Return the stays of entries at or above their levels, of one entry in order."""

    def above(equation: FlowEquation, w: Vector) -> Mask:
        return np.asarray(embedded(equation.log_x(w)) >= log_level)

    at_steps = np.array([above(*point) for point in trajectory.points()])
    begun = {int(entry): 0.0 for entry in np.flatnonzero(at_steps[0])}
    found = []
    for step, entry in np.argwhere(at_steps[1:] != at_steps[:-1]).tolist():
        is_above = bool(at_steps[step + 1, entry])
        time = trajectory.moment(step, _same(above, entry, is_above))
        if is_above:
            begun[entry] = time
        else:
            found.append(Excursion(entry=entry, begins=begun.pop(entry), ends=time))
    return found + [Excursion(entry=entry, begins=time, ends=np.inf) for entry, time in begun.items()]


def _same(above: Callable[[FlowEquation, Vector], Mask], entry: int, is_above: bool) -> Reached:
    return lambda equation, w: bool(above(equation, w)[entry]) is is_above
