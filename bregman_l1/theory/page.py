"""An `Analysis` as one readable page, and as plain data."""

from __future__ import annotations

from functools import partial
from textwrap import wrap
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import numpy as np

from bregman_l1.errors import NotAdmissibleError
from bregman_l1.html import table, together
from bregman_l1.problems.nullspace import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bregman_l1._types import Vector
    from bregman_l1.proof import Proof
    from bregman_l1.theory.analysis import Analysis
    from bregman_l1.theory.constants import Constant

_T = TypeVar("_T")
Row = tuple[str, str, str]
"""A line of the page: name, value, remark."""

_CONSTANTS: tuple[Kind, ...] = get_args(Kind)
_SHOWN = 8
_NAME, _VALUE, _REMARK = 18, 22, 76
_LOG_TEN = float(np.log(10.0))


def as_text(analysis: Analysis, levels: Vector) -> str:
    """Return the page: limit, constants, rate, and bounds beside the deviation at each log(alpha)."""
    sections = ["\n".join([title, *map(_line, found)]) for title, found in _sections(analysis).items()]
    if levels.size and analysis.moves:
        sections.append(_table(analysis, levels))
    return "\n\n".join(sections)


def as_html(analysis: Analysis) -> str:
    """Return the page for a notebook."""
    return together(*(table(found, caption=title) for title, found in _sections(analysis).items()))


def as_dict(analysis: Analysis, levels: Vector) -> dict[str, Any]:
    """Return the page as plain numbers, strings and lists; None for those that do not exist or are not computed."""
    leading = analysis.log_leading_constants
    return {
        "shape": list(analysis.system.shape),
        "depth": analysis.depth,
        "signed": analysis.is_signed,
        "support": analysis.support.tolist(),
        "x_star": analysis.x_star.tolist(),
        "unique": analysis.unique,
        "assumed_ties": analysis.assumed_ties,
        "kappa": analysis.kappa,
        "rate": analysis.rate,
        **{name: analysis.known(name).to_dict() for name in _CONSTANTS},
        "exponents": analysis.exponents.tolist(),
        "log_coefficients": analysis.log_coefficients.tolist(),
        "log_leading_constants": {
            "off_support": leading.off_support,
            "total": leading.total,
            "maximum_off_support": leading.maximum_off_support,
        },
        "proofs": {name: proof.to_dict() for name, proof in analysis.proofs.items()},
        "levels": [_level(analysis, float(t)) for t in levels],
    }


def _sections(analysis: Analysis) -> dict[str, list[Row]]:
    n_rows, n_columns = analysis.system.shape
    sections = {
        f"The limit of x(alpha) as alpha -> 0 (A is {n_rows} x {n_columns})": [*_limit(analysis)],
        "Null-space constants of S": [_constant(name, analysis.known(name)) for name in _CONSTANTS],
        "Asymptotics (exact limits as alpha -> 0)": [*_asymptotics(analysis)],
    }
    proofs = [_proof(name, proof) for name, proof in analysis.proofs.items()]
    return sections | ({"Proofs in rationals": proofs} if proofs else {})


def _line(row: Row) -> str:
    name, value, remark = row
    first, *rest = wrap(remark, _REMARK) or [""]
    indent = " " * (_NAME + _VALUE + 4)
    return "\n".join([f"  {name:<{_NAME}} {value:<{_VALUE}} {first}".rstrip(), *(indent + line for line in rest)])


def _limit(analysis: Analysis) -> Iterator[Row]:
    size, shown = analysis.support.size, ", ".join(map(str, analysis.support[:_SHOWN]))
    if not analysis.limit.potential.is_logarithmic:
        yield "depth", f"{analysis.depth:g}", "Theorem II.2 and the enclosures are of depth 2"
    yield "support", f"|S| = {size}: {shown}{', ...' if size > _SHOWN else ''}", ""
    weighted = "" if analysis.limit.has_unit_cost else "x* minimises a weighted one (see Analysis.x_star)"
    yield "l1 norm", f"{np.abs(analysis.x_star).sum():.12g}", weighted
    yield "max / min on S", f"kappa = {analysis.kappa:.6g}", ""
    if not analysis.unique:
        yield (
            "minimiser",
            "NOT UNIQUE",
            "There are several (Assumption II.1(c) fails); this is the one nearest to the prior, S the union of their "
            "supports. Theorem II.2 does not apply; the rate, the exponents and the constant do.",
        )
    elif analysis.moves:
        yield "minimiser", "unique", f"A_S is injective, and the uniqueness margin is {analysis.limit.margin:.6g} > 0"
    else:
        yield "minimiser", "ONE POINT", f"x(alpha) is the same for every alpha{_assumption(analysis)}"
    if analysis.assumed_ties:
        yield (
            "ASSUMED TIES",
            str(analysis.assumed_ties),
            "Reduced costs that are equal within rounding count as equal: the system is too large to decide it in "
            "rationals.",
        )


def _assumption(analysis: Analysis) -> str:
    """Which assumption of the theorem that says: one on nonnegative kernel vectors, none on signed ones."""
    return "" if analysis.is_signed else " (Assumption II.1(b) fails)"


def _constant(name: str, constant: Constant) -> Row:
    if constant.reason:
        return name, "-", constant.reason
    return name, str(constant), "exact, attained by a kernel vector" if constant.exact else "bracket"


def _proof(name: str, proof: Proof) -> Row:
    if not proof.ok:
        return name, "NOT PROVED", proof.reason
    about = [f"{step.name}: {step.outcome}" for step in proof.steps if not step.decisive]
    target = [] if proof.right_hand_side is None else [f"for {proof.right_hand_side}"]
    return name, "proved", "; ".join([*target, *about])


def _asymptotics(analysis: Analysis) -> Iterator[Row]:
    if not analysis.moves:
        yield "rate", "inf", "x(alpha) = x* for every alpha"
        return
    leading = analysis.log_leading_constants
    decaying = analysis.exponents[np.isfinite(analysis.exponents) & (analysis.exponents > 0)]
    forced = int(np.isinf(analysis.exponents).sum())
    if np.isnan(analysis.rate):
        yield "rate", "-", "the leading parts of x_plus and x_minus cancel: ||x(alpha) - x*|| is of smaller order"
    else:
        entry = "|x(alpha)_j|" if analysis.is_signed else "x(alpha)_j"
        yield "rate", f"alpha^{analysis.rate:.12g}", "||x(alpha) - x*|| ~ alpha^rate"
        yield "l1 off S", f"exp({leading.off_support:.9g})", "the limit of ||x(alpha) off S||_1 / alpha^rate"
        yield "l1", f"exp({leading.total:.9g})", "the limit of ||x(alpha) - x*||_1 / alpha^rate"
        yield "largest off S", f"exp({leading.maximum_off_support:.9g})", f"the limit of max_j {entry} / alpha^rate"
    if decaying.size:
        yield "exponents off S", f"{decaying.min():.6g} to {decaying.max():.6g}", "s in |x(alpha)_j| ~ c_j alpha^s_j"
    if np.isnan(analysis.exponents).any():
        yield (
            "cancelling",
            str(np.isnan(analysis.exponents).sum()),
            "coordinates whose two parts agree to leading order",
        )
    if forced:
        yield "forced zeros", str(forced), "coordinates that vanish in every solution"


def _table(analysis: Analysis, levels: Any) -> str:
    head = (
        f"  {'alpha':>10}  {'||x - x*||_1':>12}  {'between':>24}  {'(II.3)':>10}  {'(II.4) corrected':>16}  "
        f"{'printed':>10}"
    )
    rows = [_table_row(_level(analysis, float(t))) for t in levels]
    dash = "not claimed there" if _has_bounds(analysis) else "the null-space constants are not computed"
    notes = ["  (II.3) bounds ||x(alpha) - x*||_1 from above, (II.4) bounds the largest entry off S from below;"]
    notes.append(f"  a dash: {dash}. The printed form of (II.4) is false in general.")
    return "\n".join(["The deviation and its bounds", head, *rows, *notes])


def _table_row(level: dict[str, Any]) -> str:
    claimed = level["log_upper"] is not None
    enclosure = f"[{_power(level['log_lower'])}, {_power(level['log_upper'])}]" if claimed else "-"
    return (
        f"  {_power(level['log_alpha']):>10}  {_power(level['log_deviation']):>12}  {enclosure:>24}  "
        f"{_power(level['log_upper_bound']):>10}  {_power(level['log_lower_bound']):>16}  "
        f"{_power(level['log_printed_lower_bound']):>10}"
    )


def _level(analysis: Analysis, log_alpha: float) -> dict[str, Any]:
    enclosure = _if_claimed(analysis.deviation_enclosure, log_alpha)
    bounds: dict[str, Callable[..., float]] = {
        "log_upper_bound": analysis.log_upper_bound,
        "log_lower_bound": analysis.log_lower_bound,
        "log_printed_lower_bound": partial(analysis.log_lower_bound, form="printed"),
    }
    has_bounds = _has_bounds(analysis)
    return {
        "log_alpha": log_alpha,
        "log_lower": None if enclosure is None else enclosure.log_lower,
        "log_upper": None if enclosure is None else enclosure.log_upper,
        "log_deviation": analysis.log_deviation(log_alpha=log_alpha),
        **{name: _if_claimed(bound, log_alpha) if has_bounds else None for name, bound in bounds.items()},
    }


def _has_bounds(analysis: Analysis) -> bool:
    """Whether the bounds of the theorem can be had, where it claims them, without computing what takes long."""
    return all(map(analysis.is_at_hand, _CONSTANTS))


def _if_claimed(bound: Callable[..., _T], log_alpha: float) -> _T | None:
    try:
        return bound(log_alpha=log_alpha)
    except NotAdmissibleError:
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
