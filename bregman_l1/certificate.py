"""A certificate: named residuals of an answer, each held against its tolerance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

from bregman_l1.html import table, verdict
from bregman_l1.one_line import OneLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(OneLine):
    """One measured residual of an answer.

    Attributes
    ----------
    value : float
        The residual; smaller is better.
    tolerance : float
        The largest value that passes.
    meaning : str
        What is measured, with its formula, in one line.
    decisive : bool
        Whether a certificate stands or falls with this check. A check that is not decisive states a
        property of the problem (a minimiser that is not unique is still a minimiser).

    Examples
    --------
    >>> Check(value=1e-12, tolerance=1e-9, meaning="max |A x - y|").passed
    True
    """

    value: float
    tolerance: float
    meaning: str
    decisive: bool = True

    _shown: ClassVar = ("passed", "value", "tolerance", "meaning")

    @property
    def passed(self) -> bool:
        """Whether value <= tolerance; a NaN never passes."""
        return bool(self.value <= self.tolerance)

    @property
    def outcome(self) -> str:
        """The same in a word: "passed", "FAILED", or "no" for a property that the problem does not have."""
        return "passed" if self.passed else "FAILED" if self.decisive else "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate(OneLine):
    """Every check an answer was put to, and the verdict.

    ``print(certificate)`` shows a table; ``certificate.ok`` is the verdict; ``certificate.checks`` maps
    each name to its `Check`.

    Attributes
    ----------
    subject : str
        What was certified.
    checks : mapping of str to Check
        The checks by name, in the order of reading.
    remarks : tuple of str
        Sentences that explain a failed check or state a fact found on the way.

    Examples
    --------
    >>> check = Check(value=2e-3, tolerance=1e-9, meaning="max |A x - y|")
    >>> certificate = Certificate(subject="an example", checks={"primal feasibility": check})
    >>> certificate.ok
    False
    >>> print(certificate)
    NOT CERTIFIED: an example (failed: primal feasibility)
      check               value    tolerance
      primal feasibility  0.002    1e-09      FAILED  max |A x - y|
    """

    subject: str
    checks: Mapping[str, Check]
    remarks: tuple[str, ...] = field(default=())

    _shown: ClassVar = ("ok", "subject", "checks", "failed")

    def __post_init__(self) -> None:
        object.__setattr__(self, "checks", MappingProxyType(dict(self.checks)))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.subject, dict(self.checks), self.remarks)

    @property
    def ok(self) -> bool:
        """Whether every decisive check passed."""
        return all(check.passed for check in self.checks.values() if check.decisive)

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the decisive checks that did not pass."""
        return tuple(name for name, check in self.checks.items() if check.decisive and not check.passed)

    @property
    def verdict(self) -> str:
        """The outcome in one line."""
        if self.ok:
            return f"CERTIFIED: {self.subject}"
        return f"NOT CERTIFIED: {self.subject} (failed: {', '.join(self.failed)})"

    def __str__(self) -> str:
        width = max((len(name) for name in self.checks), default=0)
        lines = [self.verdict, f"  {'check':<{width}}  {'value':<7}  tolerance"]
        for name, check in self.checks.items():
            numbers = f"{check.value:<7.2g}  {check.tolerance:<9.2g}"
            lines.append(f"  {name:<{width}}  {numbers}  {check.outcome:<6}  {check.meaning}")
        return "\n".join([*lines, *(f"  {remark}" for remark in self.remarks)])

    def _repr_html_(self) -> str:
        rows = []
        for name, check in self.checks.items():
            outcome = verdict(check.passed, check.outcome) if check.passed or check.decisive else check.outcome
            rows.append((name, f"{check.value:.2g}", f"{check.tolerance:.2g}", outcome, check.meaning))
        header = ("check", "value", "tolerance", "outcome", "meaning")
        return table(rows, header=header, caption=verdict(self.ok, self.verdict), notes=self.remarks)

    def to_dict(self) -> dict[str, Any]:
        """The certificate as plain numbers and strings, ready for JSON."""
        return {
            "subject": self.subject,
            "ok": self.ok,
            "checks": {
                name: {
                    "value": check.value,
                    "tolerance": check.tolerance,
                    "passed": check.passed,
                    "decisive": check.decisive,
                    "meaning": check.meaning,
                }
                for name, check in self.checks.items()
            },
            "remarks": list(self.remarks),
        }


def not_finite(subject: str) -> Certificate:
    """The certificate of an answer with entries that are NaN or infinite: it fails, and nothing else is measured.

    Examples
    --------
    >>> not_finite("an example").failed
    ('finiteness',)
    """
    check = Check(value=math.inf, tolerance=0.0, meaning="entries that are NaN or infinite")
    return Certificate(subject=subject, checks={"finiteness": check})


def _rebuild(subject: str, checks: dict[str, Check], remarks: tuple[str, ...]) -> Certificate:
    return Certificate(subject=subject, checks=checks, remarks=remarks)
