"""The jump ends where the walk ends, whatever the columns, the noise and the depth."""

from __future__ import annotations

import numpy as np
import pytest

from bregman_l1 import BregmanProjection, LinearSystem, certify, settings
from bregman_l1.budget import Budget
from bregman_l1.newton import project, scale_free
from bregman_l1.newton.barrier import Barrier
from bregman_l1.outcome import Outcome


def system_of(kind, seed):
    """A 60 x 600 system with 12 heavy entries."""
    rng = np.random.default_rng(seed)
    A, x, noise, cost = rng.standard_normal((60, 600)), np.zeros(600), 0.0, np.ones(600)
    x[rng.choice(600, 12, replace=False)] = rng.random(12) + 0.2
    match kind:
        case "integer":
            A, x = rng.integers(-2, 3, A.shape).astype(float), np.ceil(x)
        case "scaled columns":
            A = A * np.exp(1.5 * rng.standard_normal(600))
        case "cost":
            cost = rng.random(600) + 0.5
        case "noisy":
            noise = 0.05 * rng.standard_normal(60)
    return LinearSystem(A, A @ x + noise), cost


# Of each kind one that can jump to all depths: others have scales between which the layer is no projection.
JUMPING = {"gaussian": 2, "noisy": 2, "integer": 1, "scaled columns": 0, "cost": 1}


@pytest.mark.parametrize("kind", JUMPING)
@pytest.mark.parametrize("depth", [40.0, 690.0, 20000.0])
def test_jump_and_walk_agree(monkeypatch, kind, depth):
    system, cost = system_of(kind, JUMPING[kind])
    with monkeypatch.context() as patch:
        patch.setattr(scale_free, "walked", None)  # nothing else may answer
        jumped = project(system, -depth * cost)
    assert certify(BregmanProjection(system, log_alpha=-depth, cost=cost), log_x=jumped.log_x, dual=jumped.dual).ok
    monkeypatch.setattr(settings, "JUMP_FROM", np.inf)
    walked = project(system, -depth * cost)
    assert jumped.outcome is walked.outcome is Outcome.OPTIMAL
    assert np.abs(jumped.log_x - walked.log_x).max() <= 1e-9 * max(1.0, depth / 1000)


def test_barrier_finds_the_multipliers_of_a_program_in_closed_form():
    # min g'p + (1/t) sum p log p over sum p = 1 has p proportional to exp(-t g), and eta = -log sum exp(-t g) / t.
    g, t = np.array([0.3, 0.1, 0.7]), 40.0
    found = Barrier(np.ones((3, 1)), np.ones(1), g, np.full(3, 1 / 3), np.zeros(1), t).multipliers(Budget())
    assert found == pytest.approx(-np.log(np.exp(-t * g).sum()) / t, abs=0.2 / t)


def test_barrier_gives_up_on_a_program_without_solution():
    # 1'p = 1 and 1'p = 2 at once.
    barrier = Barrier(np.ones((3, 2)), np.array([1.0, 2.0]), np.arange(3.0), np.ones(3), np.zeros(2), 10.0)
    assert barrier.multipliers(Budget()) is None
