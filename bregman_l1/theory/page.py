"""An `Analysis` as one readable page, and as plain data."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from bregman_l1.errors import NotAdmissibleError, UndefinedConstantError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bregman_l1._types import Vector
    from bregman_l1.theory.analysis import Analysis
    from bregman_l1.theory.constants import Constant

_SHOWN = 8
_LOG_TEN = float(np.log(10.0))


def as_text(analysis: Analysis, levels: Vector) -> str:
    """Return the page: limit, constants, rate, and bounds beside the deviation at each log(alpha)."""
    sections = [_limit(analysis), _constants(analysis), _asymptotics(analysis)]
    if levels.size and analysis.moves:
        sections.append(_table(analysis, levels))
    return "\n\n".join(sections)


def as_html(analysis: Analysis) -> str:
    """Return the page for a notebook."""
    return f'<pre style="font-family: monospace">{escape(as_text(analysis, np.zeros(0)))}</pre>'


def as_dict(analysis: Analysis, levels: Vector) -> dict[str, Any]:
    """Return the page as plain numbers, strings and lists; numbers that do not exist are None."""
    constants = {name: _constant(analysis, name) for name in _CONSTANTS}
    leading = analysis.log_leading_constants
    return {
        "shape": list(analysis.system.shape),
        "support": analysis.support.tolist(),
        "x_star": analysis.x_star.tolist(),
        "unique": analysis.unique,
        "assumed_ties": analysis.assumed_ties,
        "kappa": analysis.kappa,
        "rate": analysis.rate,
        **{name: None if constant is None else constant.to_dict() for name, constant in constants.items()},
        "exponents": analysis.exponents.tolist(),
        "log_coefficients": analysis.log_coefficients.tolist(),
        "log_leading_constants": {
            "off_support": leading.off_support,
            "total": leading.total,
            "maximum_off_support": leading.maximum_off_support,
        },
        "levels": [_level(analysis, float(t)) for t in levels],
    }


_CONSTANTS = ("rho", "rho_tilde", "rho_minus")


def _limit(analysis: Analysis) -> str:
    n_rows, n_columns = analysis.system.shape
    size, shown = analysis.support.size, ", ".join(map(str, analysis.support[:_SHOWN]))
    ellipsis = ", ..." if size > _SHOWN else ""
    lines = [
        f"The limit of x(alpha) as alpha -> 0 (A is {n_rows} x {n_columns})",
        f"  support            |S| = {size}: {shown}{ellipsis}",
        f"  l1 norm            {analysis.x_star.sum():.12g}",
        f"  max / min on S     kappa = {analysis.kappa:.6g}",
    ]
    if not analysis.unique:
        lines.append("  NOT UNIQUE         several minimisers (Assumption II.1(c) fails); this is the one of largest")
        lines.append("                     entropy, S the union of their supports. Theorem II.2 does not apply; the")
        lines.append("                     rate, the exponents, the constant and the enclosure do.")
    elif analysis.moves:
        lines.append(f"  unique             A_S is injective, and the uniqueness margin is {analysis.rate:.6g} > 0")
    else:
        lines.append("  ONE POINT          x(alpha) is the same for every alpha (Assumption II.1(b) fails)")
    if analysis.assumed_ties:
        lines.append(f"  ASSUMED TIES       {analysis.assumed_ties} reduced costs that are equal within rounding count")
        lines.append("                     as equal: the system is too large to decide it in rationals")
    return "\n".join(lines)


def _constants(analysis: Analysis) -> str:
    lines = ["Null-space constants of S"]
    for name in _CONSTANTS:
        constant = _constant(analysis, name)
        if constant is None:
            lines.append(f"  {name:<18} does not exist")
        else:
            kind = "exact, attained by a kernel vector" if constant.exact else "rigorous bracket"
            lines.append(f"  {name:<18} {constant!s:<22} {kind}")
    return "\n".join(lines)


def _asymptotics(analysis: Analysis) -> str:
    if not analysis.moves:
        return "Asymptotics\n  x(alpha) = x* for every alpha"
    leading = analysis.log_leading_constants
    decaying = analysis.exponents[np.isfinite(analysis.exponents) & (analysis.exponents > 0)]
    forced = int(np.isinf(analysis.exponents).sum())
    lines = [
        "Asymptotics (exact limits as alpha -> 0)",
        f"  rate               ||x(alpha) - x*|| ~ alpha^{analysis.rate:.12g}",
        f"  l1 off S           / alpha^rate -> exp({leading.off_support:.9g})",
        f"  l1                 / alpha^rate -> exp({leading.total:.9g})",
        f"  largest off S      / alpha^rate -> exp({leading.maximum_off_support:.9g})",
        f"  exponents off S    from {decaying.min():.6g} to {decaying.max():.6g}",
    ]
    if forced:
        lines.append(f"  forced zeros       {forced} coordinates vanish in every solution")
    return "\n".join(lines)


def _table(analysis: Analysis, levels: Any) -> str:
    head = (
        f"  {'alpha':>10}  {'||x - x*||_1':>12}  {'proved to lie in':>24}  {'(II.3)':>10}  {'(II.4) corrected':>16}  "
        f"{'printed':>10}"
    )
    rows = [_table_row(_level(analysis, float(t))) for t in levels]
    notes = ["  (II.3) bounds ||x(alpha) - x*||_1 from above, (II.4) bounds the largest entry off S from below;"]
    notes.append("  a dash: not claimed there. The printed form of (II.4) is false in general.")
    return "\n".join(["The deviation and its bounds", head, *rows, *notes])


def _table_row(level: dict[str, Any]) -> str:
    enclosure = f"[{_power(level['log_lower'])}, {_power(level['log_upper'])}]"
    return (
        f"  {_power(level['log_alpha']):>10}  {_power(level['log_deviation']):>12}  {enclosure:>24}  "
        f"{_power(level['log_upper_bound']):>10}  {_power(level['log_lower_bound']):>16}  "
        f"{_power(level['log_printed_lower_bound']):>10}"
    )


def _level(analysis: Analysis, log_alpha: float) -> dict[str, Any]:
    enclosure = analysis.deviation_enclosure(log_alpha=log_alpha)
    return {
        "log_alpha": log_alpha,
        "log_lower": enclosure.log_lower,
        "log_upper": enclosure.log_upper,
        "log_deviation": analysis.log_deviation(log_alpha=log_alpha),
        "log_upper_bound": _or_none(lambda: analysis.log_upper_bound(log_alpha=log_alpha)),
        "log_lower_bound": _or_none(lambda: analysis.log_lower_bound(log_alpha=log_alpha)),
        "log_printed_lower_bound": _or_none(lambda: analysis.log_lower_bound(log_alpha=log_alpha, form="printed")),
    }


def _constant(analysis: Analysis, name: str) -> Constant | None:
    constant: Constant | None = _or_none(lambda: getattr(analysis, name))
    return constant


def _or_none(make: Callable[[], Any]) -> Any:
    """Return what ``make`` does, None where the theory gives no number."""
    try:
        return make()
    except (NotAdmissibleError, UndefinedConstantError):
        return None


def _power(log_value: float | None) -> str:
    """Write a number of any size, given by its logarithm, in scientific notation."""
    if log_value is None:
        return "-"
    if not np.isfinite(log_value):
        return "0" if log_value < 0 else "inf"
    exponent = int(np.floor(log_value / _LOG_TEN))
    mantissa = np.exp(log_value - exponent * _LOG_TEN)
    if mantissa >= 9.9995:
        exponent, mantissa = exponent + 1, 1.0
    return f"{mantissa:.3f}e{exponent:+03d}"
