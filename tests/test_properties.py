"""Every inequality and every invariance of the theory, on systems that hypothesis makes up."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bregman_l1 import solve
from bregman_l1.errors import NotAdmissibleError
from bregman_l1.problems import BregmanProjection
from bregman_l1.system import LinearSystem
from bregman_l1.theory import Analysis, analyze

# What the certified path itself may be off by, in the logarithm.
PATH = 1e-8

examples = settings(max_examples=30, deadline=None, derandomize=True)
log_alphas = st.floats(min_value=-700.0, max_value=-0.5)


@st.composite
def systems(draw: st.DrawFn) -> LinearSystem:
    """A feasible system: Gaussian, integer with ties and dependent rows, or nonnegative with a row of ones."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    n_rows = draw(st.integers(2, 5))
    n_columns = draw(st.integers(n_rows + 1, 11))
    kind = draw(st.sampled_from(["gaussian", "integer", "calibration"]))
    if kind == "gaussian":
        A = rng.standard_normal((n_rows, n_columns))
    elif kind == "integer":
        A = rng.integers(-3, 4, (n_rows, n_columns)).astype(float)
    else:
        A = rng.integers(0, 4, (n_rows, n_columns)).astype(float)
        A[0] = 1.0
    x = np.zeros(n_columns)
    size = draw(st.integers(1, n_rows))
    x[rng.choice(n_columns, size, replace=False)] = rng.integers(1, 5, size)
    assume((A @ x).any())
    return LinearSystem(A, A @ x)


def moving(system: LinearSystem) -> Analysis:
    analysis = analyze(system)
    assume(analysis.moves)
    return analysis


@examples
@given(systems(), log_alphas)
def test_enclosures_contain_the_path(system, log_alpha):
    analysis = moving(system)
    total = analysis.deviation_enclosure(log_alpha=log_alpha)
    truth = analysis.log_deviation(log_alpha=log_alpha)
    assert total.log_lower - PATH <= truth <= total.log_upper + PATH
    off = analysis.enclosure(log_alpha=log_alpha)
    log_x = solve(BregmanProjection(system, log_alpha=log_alpha)).log_x
    assert off.log_lower - PATH <= np.logaddexp.reduce(log_x[analysis.limit.cone.outside]) <= off.log_upper + PATH


@examples
@given(systems(), log_alphas)
def test_theorem_holds_in_its_corrected_form(system, log_alpha):
    analysis = moving(system)
    assume(analysis.unique)
    try:
        upper = analysis.log_upper_bound(log_alpha=log_alpha)
        lower = analysis.log_lower_bound(log_alpha=log_alpha)
    except NotAdmissibleError:
        assume(False)
    assert analysis.log_deviation(log_alpha=log_alpha) <= upper + PATH
    assert lower <= analysis.log_largest_off_support(log_alpha=log_alpha) + PATH


@examples
@given(systems())
def test_constants_are_ordered_and_attained(system):
    analysis = moving(system)
    assert analysis.rho.value < 1
    assert analysis.rho.exact
    assert analysis.rate > 0
    assume(analysis.unique)
    assert analysis.rho.lower <= analysis.rho_minus.upper + 1e-12
    assert analysis.rho_minus.lower <= analysis.rho_tilde.upper + 1e-12
    assert analysis.rho_tilde.exact
    n = analysis.rho_tilde.witness
    off = analysis.limit.cone.outside
    assert np.abs(system.matvec(n)).max() < 1e-11
    assert n[off].min() >= 0
    assert abs(np.abs(n[analysis.support]).sum() - analysis.rho_tilde.value) < 1e-11


@examples
@given(systems(), log_alphas)
def test_the_asymptote_never_exceeds_the_upper_bound(system, log_alpha):
    analysis = moving(system)
    upper = analysis.encloser.log_upper(log_alpha)
    assert upper >= analysis.log_leading_constant + analysis.rate * log_alpha - 1e-9


@examples
@given(systems())
def test_exponents_are_the_slack_of_the_limiting_dual(system):
    analysis = moving(system)
    laws = analysis.power_laws
    finite = np.isfinite(laws.exponents)
    assert np.abs(1 - system.rmatvec(laws.dual) - laws.exponents)[finite].max() < 1e-8
    assert laws.exponents.min() == 0
    assert np.isclose(laws.exponents[analysis.limit.cone.outside].min(), analysis.rate, atol=1e-9)


@examples
@given(systems(), log_alphas, st.floats(0.01, 100.0))
def test_scaling_the_target_scales_the_answer(system, log_alpha, scale):
    analysis = moving(system)
    scaled = analyze(LinearSystem(system.matrix, scale * system.y))
    assert np.allclose(scaled.x_star, scale * analysis.x_star, rtol=1e-8, atol=1e-12)
    assert np.isclose(scaled.rate, analysis.rate, atol=1e-9)
    shifted = scaled.encloser.log_upper(log_alpha + np.log(scale))
    assert np.isclose(shifted, analysis.encloser.log_upper(log_alpha) + np.log(scale), atol=1e-6)


@examples
@given(systems(), st.integers(0, 1000))
def test_permuting_columns_permutes_the_exponents(system, seed):
    analysis = moving(system)
    order = np.random.default_rng(seed).permutation(system.shape[1])
    permuted = analyze(system.restrict(order))
    assert np.allclose(permuted.exponents, analysis.exponents[order], atol=1e-8)
    assert np.allclose(permuted.x_star, analysis.x_star[order], atol=1e-9)


@examples
@given(systems(), st.integers(0, 1000))
def test_row_operations_change_nothing(system, seed):
    analysis = moving(system)
    mix = np.linalg.qr(np.random.default_rng(seed).standard_normal((system.shape[0],) * 2))[0]
    mixed = analyze(LinearSystem(mix @ np.asarray(system.matrix), mix @ system.y))
    assert np.isclose(mixed.rate, analysis.rate, atol=1e-8)
    assert np.allclose(mixed.exponents, analysis.exponents, atol=1e-7)


@examples
@given(systems(), st.floats(-30.0, -3.0))
def test_guaranteed_alpha_keeps_its_promise(system, log_error):
    analysis = moving(system)
    plan = analysis.alpha_for(float(np.exp(log_error)))
    assert plan.log_guaranteed <= plan.log_exact + 1e-9
    assert analysis.log_deviation(log_alpha=plan.log_guaranteed) <= log_error + PATH
