"""Real images, recovered from half as many measurements, through files and the command line."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits
from typer.testing import CliRunner

from bregman_l1.cli import app

IMAGES = load_digits().data
# Digits with 16 to 23 of 64 pixels lit: 32 Gaussian measurements are enough for these.
SPARSE_ENOUGH = [1626, 1640, 1621]


@pytest.mark.parametrize("digit", SPARSE_ENOUGH)
@pytest.mark.parametrize("backend", ["newton", "ecos", "scs", "clarabel"])
def test_a_digit_is_recovered_from_half_its_pixels(tmp_path, digit, backend):
    truth = IMAGES[digit]
    A = np.random.default_rng(digit).standard_normal((truth.size // 2, truth.size)) / np.sqrt(truth.size // 2)
    np.save(tmp_path / "A.npy", A)
    np.save(tmp_path / "y.npy", A @ truth)
    out = tmp_path / "x.npy"
    paths = [str(tmp_path / "A.npy"), str(tmp_path / "y.npy")]
    result = CliRunner().invoke(
        app, ["solve", *paths, "--log-alpha", "-400", "--backend", backend, "--output", str(out)]
    )
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(np.load(out), truth, atol=1e-6)


@pytest.mark.parametrize("backend", ["highs", "ecos", "scs", "clarabel"])
def test_the_l1_minimiser_is_the_digit(tmp_path, backend):
    truth = IMAGES[SPARSE_ENOUGH[0]]
    A = np.random.default_rng(SPARSE_ENOUGH[0]).standard_normal((truth.size // 2, truth.size))
    np.savetxt(tmp_path / "A.csv", A, delimiter=",", fmt="%.18g")
    np.savetxt(tmp_path / "y.csv", A @ truth, fmt="%.18g")
    out = tmp_path / "x.npy"
    paths = [str(tmp_path / "A.csv"), str(tmp_path / "y.csv")]
    result = CliRunner().invoke(app, ["solve", *paths, "--problem", "l1", "--backend", backend, "--output", str(out)])
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(np.load(out), truth, atol=1e-9)
