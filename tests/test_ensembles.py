"""Random systems: what each ensemble promises, and that a recipe repeats its instance."""

import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp
from published import publish
from scipy.optimize import linprog

from bregman_l1.errors import StudyError
from bregman_l1.experiments import compare, ensembles
from bregman_l1.experiments.ensembles import ENSEMBLES, Ensemble, Recipe, draw, from_recipe, register_ensemble

SIZES = {name: {"N": 12, "d": 40, "s": 3} for name in ENSEMBLES} | {"transport": {"N": 11, "d": 30, "s": 3}}


def dense(system):
    return system.matrix.toarray() if sp.issparse(system.matrix) else system.matrix


@pytest.mark.parametrize("name", ENSEMBLES)
def test_recipe_repeats_the_instance_bit_for_bit(name):
    instance = draw(name, **SIZES[name], noise=0.1, seed=5)
    repeated = from_recipe(instance.recipe.to_dict())
    assert np.array_equal(dense(repeated.system), dense(instance.system))
    assert np.array_equal(repeated.system.y, instance.system.y)
    assert np.array_equal(repeated.x0, instance.x0)
    assert repeated.recipe == instance.recipe


@pytest.mark.parametrize("name", ENSEMBLES)
def test_shape_support_and_spread_are_those_of_the_recipe(name):
    instance = draw(name, **SIZES[name], kappa=50.0, seed=2)
    values = instance.x0[instance.x0 > 0]
    assert instance.system.shape == (SIZES[name]["N"], SIZES[name]["d"])
    assert values.size == SIZES[name]["s"]
    assert values.max() / values.min() == pytest.approx(50.0, rel=1e-14)
    assert np.allclose(instance.system.matvec(instance.x0), instance.system.y, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ENSEMBLES)
def test_noisy_target_has_a_nonnegative_solution(name):
    instance = draw(name, **SIZES[name], noise=0.5, seed=3)
    found = linprog(np.zeros(instance.system.shape[1]), A_eq=dense(instance.system), b_eq=instance.system.y)
    assert found.status == 0
    assert not np.allclose(instance.system.y, instance.system.matvec(instance.x0))


def test_noise_inside_the_cone_is_left_as_it_is():
    quiet, noisy = (draw("gaussian", N=8, d=60, s=3, noise=noise, seed=4) for noise in (0.0, 0.1))
    noise = (noisy.system.y - quiet.system.y) / 0.1
    doubled = draw("gaussian", N=8, d=60, s=3, noise=0.2, seed=4)
    assert np.allclose(doubled.system.y - quiet.system.y, 0.2 * noise, atol=1e-12)


def test_noise_and_spread_leave_matrix_and_support_alone():
    first, second = draw(N=6, d=20, s=3, seed=9), draw(N=6, d=20, s=3, seed=9, noise=1.0, kappa=100.0)
    assert np.array_equal(first.system.matrix, second.system.matrix)
    assert np.array_equal(first.x0 > 0, second.x0 > 0)


def test_different_seeds_give_different_matrices():
    assert not np.array_equal(draw(N=3, d=9, s=2, seed=0).system.matrix, draw(N=3, d=9, s=2, seed=1).system.matrix)


def test_entries_follow_their_distributions():
    assert set(np.unique(draw("rademacher", N=10, d=30, s=2).system.matrix)) == {-1.0, 1.0}
    uniform = draw("uniform", N=50, d=400, s=2).system.matrix
    assert uniform.min() >= 0
    assert uniform.max() <= 1
    assert uniform.mean() == pytest.approx(0.5, abs=0.01)
    gaussian = draw("gaussian", N=50, d=400, s=2).system.matrix
    assert gaussian.std() == pytest.approx(1.0, abs=0.02)


def test_partial_dct_rows_are_orthogonal_cosines():
    A = draw("partial-dct", N=12, d=40, s=2).system.matrix
    assert np.allclose(A @ A.T, 40 / 12 * np.eye(12), atol=1e-12)
    k = np.arange(40)
    cosine = np.cos(np.pi * (2 * k + 1) * np.arange(1, 40)[:, None] / 80)
    match = np.abs(A @ cosine.T) / (np.linalg.norm(A, axis=1)[:, None] * np.linalg.norm(cosine, axis=1))
    assert np.allclose(match.max(axis=1), 1.0)


def test_transport_columns_join_every_source_to_every_sink_once():
    A = dense(draw("transport", N=7, d=12, s=3).system)
    sources, sinks = np.nonzero(A[:3].T)[1], np.nonzero(A[3:].T)[1]
    assert sorted(zip(sources, sinks, strict=True)) == [(i, j) for i in range(3) for j in range(4)]


@pytest.mark.parametrize("name", ["sparse", "expander"])
def test_sparse_ensembles_are_stored_sparse_with_equal_column_degrees(name):
    system = draw(name, N=40, d=100, s=4, density=0.1).system
    assert system.is_sparse
    assert set(np.diff(system.matrix.indptr)) == {4}
    if name == "expander":
        assert set(system.matrix.data) == {1.0}


def test_digits_are_images():
    A = draw("digits", N=30, d=100, s=4).system.matrix
    assert A.min() >= 0
    assert A.max() <= 1
    assert set(np.unique(A * 16)) <= set(range(17))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ensemble": "gausian"}, "did you mean 'gaussian'"),
        ({"s": 21}, "support size s must lie in 1 ... N = 20, got 21"),
        ({"s": 0}, "support size"),
        ({"N": 60}, "no second solution"),
        ({"N": 61}, "no second solution"),
        ({"N": 0}, "N must be at least 1"),
        ({"N": 20.5}, "N must be an integer"),
        ({"kappa": 0.5}, "kappa"),
        ({"kappa": float("nan")}, "kappa must be a finite number"),
        ({"kappa": 10**400}, "kappa must be a finite number"),
        ({"noise": -1.0}, "noise"),
        ({"density": 0.0}, "density"),
        ({"seed": -1}, "seed"),
        ({"ensemble": "transport"}, "d = 100 would do"),
        ({"ensemble": "digits", "N": 62, "d": 100}, "61 pixels"),
    ],
)
def test_impossible_recipes_are_refused(changes, message):
    with pytest.raises(StudyError, match=message):
        Recipe(**{"N": 20, "d": 60, "s": 4, **changes})


def test_recipe_with_an_unknown_entry_names_the_nearest():
    with pytest.raises(StudyError, match="'kapa'; did you mean 'kappa'"):
        from_recipe({"N": 5, "d": 9, "s": 2, "kapa": 1.0})
    with pytest.raises(StudyError, match="needs d, s"):
        from_recipe({"N": 5})


def test_missing_scikit_learn_is_said_before_anything_is_drawn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match="pip install scikit-learn"):
        Recipe(ensemble="digits", N=10, d=20, s=2)


def blocks(recipe, rng):
    """Two blocks side by side."""
    return np.hstack([np.eye(recipe.N), rng.standard_normal((recipe.N, recipe.d - recipe.N))])


SIZE = {"N": 5, "d": 12, "s": 2}

MODULE = """
import numpy as np
from bregman_l1.experiments.ensembles import Ensemble, register_ensemble
from bregman_l1 import StudyError


def wide(recipe, rng):
    return np.hstack([np.eye(recipe.N), rng.random((recipe.N, recipe.d - recipe.N))])


def even(recipe):
    if recipe.N % 2:
        raise StudyError("N must be even")


@register_ensemble("checked-wide", check=even)
def checked(recipe, rng):
    return wide(recipe, rng)


number = 3
"""


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr(ensembles, "_known", known := dict(ensembles._known))
    monkeypatch.setattr(ensembles, "ENSEMBLES", known)
    points = {"wide": "wide", "number": "number", "gaussian": "wide", "lost": "missing"}
    publish(tmp_path, monkeypatch, module="my_l1_ensembles", source=MODULE, group="bregman_l1.ensembles", **points)


def test_a_registered_ensemble_is_known_by_name_and_repeats(elsewhere):
    register_ensemble("blocks")(blocks)
    instance = draw("blocks", **SIZE, seed=3)
    assert np.array_equal(instance.system.matrix[:, :5], np.eye(5))
    repeated = from_recipe(instance.recipe.to_dict())
    assert np.array_equal(repeated.system.matrix, instance.system.matrix)
    assert ensembles.ENSEMBLES["blocks"].summary == "Two blocks side by side."
    assert compare(instance, backends="newton", alphas=[0.1], tolerances=[1e-9], repeats=1).runs[1].certified


def test_an_ensemble_itself_will_do(elsewhere):
    own = Ensemble(name="own blocks", summary="", matrix=blocks)
    instance = draw(own, **SIZE)
    assert instance.recipe.to_dict()["ensemble"] == "own blocks"
    assert np.array_equal(instance.system.matrix, from_recipe(instance.recipe).system.matrix)
    with pytest.raises(StudyError, match="unknown ensemble 'own blocks'.*by its path, 'my_module:my_ensemble'"):
        from_recipe(instance.recipe.to_dict())


def test_a_name_that_is_shipped_is_not_taken(elsewhere):
    with pytest.raises(StudyError, match="'gaussian' is shipped with this package"):
        register_ensemble("gaussian")
    with pytest.raises(StudyError, match="another ensemble is called 'gaussian'"):
        draw(Ensemble(name="gaussian", summary="", matrix=blocks), **SIZE)
    assert not np.array_equal(draw("gaussian", **SIZE).system.matrix[:, :5], np.eye(5))


@pytest.mark.parametrize("name", ["", "a:b", None])
def test_a_name_that_recipes_cannot_use_is_refused(name):
    with pytest.raises(StudyError, match="a word without a colon"):
        register_ensemble(name)


@pytest.mark.parametrize("name", ["wide", "my_l1_ensembles:wide", "my_l1_ensembles:checked"])
def test_an_ensemble_is_found_by_its_path_and_by_its_published_name(elsewhere, name):
    instance = draw(name, N=4, d=12, s=2)
    assert np.array_equal(instance.system.matrix[:, :4], np.eye(4))
    assert instance.recipe.to_dict()["ensemble"] == name


def test_the_check_of_an_ensemble_comes_with_its_path(elsewhere):
    with pytest.raises(StudyError, match="N must be even"):
        Recipe(ensemble="my_l1_ensembles:checked", **SIZE)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my_l1_ensembles:wid", "'my_l1_ensembles:wid' cannot be imported: module .* has no attribute 'wid'$"),
        ("no_such_module:wide", "is the directory of its module on PYTHONPATH"),
        ("my_l1_ensembles:number", "neither an Ensemble nor a function"),
        ("number", "neither an Ensemble nor a function"),
        ("lost", "cannot be imported"),
        ("wise", "did you mean 'wide'"),
        (3, "unknown ensemble 3"),
    ],
)
def test_an_ensemble_that_cannot_be_found_is_refused_with_the_reason(elsewhere, name, message):
    with pytest.raises(StudyError, match=message):
        Recipe(ensemble=name, **SIZE)


def test_an_ensemble_whose_matrix_has_another_shape_is_named():
    flat = Ensemble(name="flat", summary="", matrix=lambda recipe, rng: rng.random((recipe.N, 3)))
    with pytest.raises(StudyError, match=r"'flat' drew a matrix of shape \(5, 3\), not \(5, 12\)"):
        draw(flat, **SIZE)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_workers_find_an_ensemble_by_its_path(tmp_path, n_jobs):
    (tmp_path / "my_workers_ensembles.py").write_text(MODULE)
    (tmp_path / "study.toml").write_text(
        'measure = "recovery"\n[[grid]]\nensemble = "my_workers_ensembles:wide"\nN = 4\nd = [8, 9]\ns = 1\n'
    )
    code = (
        "from bregman_l1.experiments import load_study, sweep;"
        f"records = list(sweep(load_study('study.toml'), 'store', n_jobs={n_jobs}, progress=False));"
        "assert len(records) == 2 and all(record.result['certified'] for record in records), records"
    )
    path = os.pathsep.join((str(tmp_path), *sys.path))
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path})
