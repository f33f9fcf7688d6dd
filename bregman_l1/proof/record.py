"""`Proof`: what was proved of an answer, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from operator import index
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from bregman_l1._types import EPS, ROUNDINGS, Index
from bregman_l1.errors import InvalidProblemError
from bregman_l1.frozen import FrozenArrays
from bregman_l1.html import table, verdict
from bregman_l1.one_line import OneLine
from bregman_l1.proof.arithmetic import Dyadic, Enclosed, from_dyadic

if TYPE_CHECKING:
    from flint import arb

Target = Literal["y", "rounded y"]
Balls = tuple[Dyadic | None, ...]
TARGETS: tuple[Target, ...] = ("y", "rounded y")
# Roundings of the terms of A x that a y' may differ by from y.
MOST_ROUNDINGS = ROUNDINGS / EPS


class Unproved(Exception):  # noqa: N818 - no error: what cannot be proved may still be right
    """A step that could not be made, and why; it ends an attempt and becomes the last step of its `Proof`."""

    def __init__(self, step: str, why: str) -> None:
        super().__init__(why)
        self.step = Step(name=step, passed=False, meaning=why)


class Imprecise(Unproved):
    """The same, where more bits may help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(OneLine):
    """One step of a proof.

    Attributes
    ----------
    name : str
        What it is about.
    passed : bool
        Whether it was made.
    meaning : str
        What it proves, or why it could not be made.
    decisive : bool
        Whether a proof stands or falls with it. A step that is not decisive states a property of the problem.
    """

    name: str
    passed: bool
    meaning: str
    decisive: bool = True

    @property
    def outcome(self) -> str:
        """The same in a word: "proved", "NOT PROVED", or "no" for a property that the problem does not have."""
        return "proved" if self.passed else "NOT PROVED" if self.decisive else "no"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RightHandSide(FrozenArrays):
    """Which equations A x = y' an answer is proved for.

    Attributes
    ----------
    which : {"y", "rounded y"}
        y itself, every float taken as the rational it is, or a y' that differs from it by rounding.
    roundings : float
        max_i |y' - y|_i / (|A||x| + |y|)_i in units of 2^-52, rounded up; 0 for y itself.
    columns : ndarray of int, optional
    values : tuple of Fraction, optional
        y' = A[:, columns] @ values, exactly; None for y itself.
    """

    which: Target
    roundings: float
    columns: Index | None = None
    values: tuple[Fraction, ...] | None = None

    def __str__(self) -> str:
        return "y itself" if self.which == "y" else f"a y' within {self.roundings:.2g} roundings of y"


Y_ITSELF = RightHandSide(which="y", roundings=0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProvedSupport(FrozenArrays):
    """Which entries are zero, and the vector that proves it.

    Attributes
    ----------
    zeros : ndarray of int
        The entries that are zero at every feasible point; all others are positive.
    exposing : tuple of Fraction, optional
        z with A'z <= 0, y'z = 0 and (A'z)_j < 0 exactly at the zeros; None where there are none. Where a prior has
        zeros it speaks of the other columns.
    """

    zeros: Index
    exposing: tuple[Fraction, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Proof(FrozenArrays):
    """What was proved of an answer, in ball arithmetic and in rationals; made by `prove`.

    ``print(proof)`` shows a table of its steps; ``proof.ok`` is the verdict.

    Attributes
    ----------
    subject : str
        What was proved.
    steps : tuple of Step
        The steps in their order.
    seconds : float
        The time that it took.
    digits : int
        So many digits of every log x are proved: its radius is below 10**-digits max(1, |log x|). 0 if none are.
    bits : int
        The working precision that it took; 0 where rationals did.
    log_x : Enclosed, optional
        Midpoints and radii of log x as floats, rounded outward: |log x_j - mid_j| <= rad_j; -inf for zeros. Of shape
        (d,), or (2d,), for x_plus and x_minus, where x may have either sign. None where nothing was proved of it.
    right_hand_side : RightHandSide, optional
        The equations that it is proved for.
    support : ProvedSupport, optional
        The zeros, with their proof.
    error : float
        A bound, rounded up, of |log x - log x'| at the answer x' that was to be proved, each entry beyond 1000, or
        beyond |log alpha|, in proportion; NaN where there was none.
    x : tuple of Fraction, optional
        The answer itself where it is rational: to an l1 minimisation or of a null-space constant.
    value : tuple of Fraction, optional
        Two fractions that enclose the optimal value where they are known, equal where it is known exactly.
    dual : tuple of Fraction, optional
        mu with A'mu <= c and equality where x is positive, which proves an l1 minimiser.
    farkas : tuple of Fraction, optional
        z with A'z <= 0 < y'z where it was proved that no x >= 0 solves A x = y.
    balls : tuple, optional
        Midpoint and radius of log x at the working precision, as fractions; `ball` makes balls of them.
    """

    subject: str
    steps: tuple[Step, ...]
    seconds: float
    digits: int = 0
    bits: int = 0
    log_x: Enclosed | None = None
    right_hand_side: RightHandSide | None = None
    support: ProvedSupport | None = None
    error: float = np.nan
    x: tuple[Fraction, ...] | None = None
    value: tuple[Fraction, Fraction] | None = None
    dual: tuple[Fraction, ...] | None = None
    farkas: tuple[Fraction, ...] | None = None
    balls: Balls | None = None

    _shown: ClassVar = ("ok", "subject", "digits", "right_hand_side", "failed")

    @property
    def ok(self) -> bool:
        """Whether every decisive step was made."""
        return all(step.passed for step in self.steps if step.decisive)

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the decisive steps that could not be made."""
        return tuple(step.name for step in self.steps if step.decisive and not step.passed)

    @property
    def reason(self) -> str:
        """What the first decisive step that could not be made says; empty where all were made."""
        return next((step.meaning for step in self.steps if step.decisive and not step.passed), "")

    @property
    def verdict(self) -> str:
        """The outcome in one line."""
        if not self.ok:
            return f"NOT PROVED: {self.subject} (failed: {', '.join(self.failed)})"
        return f"PROVED: {self.subject}{self._digits_and_target}"

    def ball(self, j: int) -> arb:
        """Return log x_j at the working precision, -inf where x_j is zero.

        Raises
        ------
        InvalidProblemError
            If there is no such entry, or nothing was proved of log x.
        """
        from flint import arb

        if self.balls is None:
            raise InvalidProblemError("nothing was proved of log x: see .steps")
        try:
            ball = self.balls[index(j)]
        except (IndexError, TypeError) as error:
            raise InvalidProblemError(f"x has the entries 0 to {len(self.balls) - 1}, got {j!r}") from error
        return arb("-inf") if ball is None else from_dyadic(ball)

    def __str__(self) -> str:
        width = max((len(step.name) for step in self.steps), default=0)
        lines = (f"  {step.name:<{width}}  {step.outcome:<10}  {step.meaning}" for step in self.steps)
        return "\n".join([self.verdict, *lines])

    def _repr_html_(self) -> str:
        rows = []
        for step in self.steps:
            outcome = verdict(step.passed, step.outcome) if step.passed or step.decisive else step.outcome
            rows.append((step.name, outcome, step.meaning))
        return table(rows, header=("step", "outcome", "meaning"), caption=verdict(self.ok, self.verdict))

    def to_dict(self) -> dict[str, Any]:
        """The proof as plain numbers, strings and lists, ready for JSON; fractions as strings."""
        target, support = self.right_hand_side, self.support
        return {
            "subject": self.subject,
            "ok": self.ok,
            "steps": {step.name: {"passed": step.passed, "meaning": step.meaning} for step in self.steps},
            "digits": self.digits,
            "bits": self.bits,
            "right_hand_side": None if target is None else {"which": target.which, "roundings": target.roundings},
            "zeros": None if support is None else support.zeros.tolist(),
            "log_x": None if self.log_x is None else [part.tolist() for part in self.log_x],
            "x": None if self.x is None else [str(entry) for entry in self.x],
            "value": None if self.value is None else [str(end) for end in self.value],
            "dual": None if self.dual is None else [str(entry) for entry in self.dual],
            "farkas": None if self.farkas is None else [str(entry) for entry in self.farkas],
        }

    @property
    def _digits_and_target(self) -> str:
        digits = f", {self.digits} digits" if self.digits else ""
        return digits + ("" if self.right_hand_side is None else f", for {self.right_hand_side}")
