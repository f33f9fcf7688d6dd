"""The systems on which falsehoods were certified or answers refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from .cases import Case

SAVED = Path(__file__).parent / "dyadic.json"
E30 = 2.0**-30


def _known() -> dict[str, Case]:
    rows = {
        "nearly equal rows": ([[1, 1], [1, 1 + E30]], [2, 2 + 1.5 * E30], -0.0),
        "nearly equal rows, infeasible": ([[1, 1], [1, 1 + E30]], [2, 2 + 5 * E30], -0.0),
        "equal rows, inconsistent": ([[1], [1]], [1, 1 + E30], -0.0),
        "rounding of the tableau": (
            [
                [2, 2, 2, 1, 3],
                [1.9999999813735485, 1.999999973922968, 1.9999999813735485, 0.9999999850988388, 2.9999999701977676],
            ],
            [23, 22.99999976530671],
            -1e4,
        ),
        "feasible, once refused": (
            [
                [2, 3, 4, 2, 4, 1, 0, 1, 5, 3],
                [2, 4, 4, 2, 5, 5, -1, 1, 7, 10],
                [2, 0, 4, 0, 1, -1, 1, 5, -3, 0],
                [-1, -1, 1, 1, -1, 1, 0, 2, 1, 0],
                [1, 1, 1, 0, 1, 0, 0, 0, -1, 2],
            ],
            [0, -1, 1, 0, 0],
            -1.0,
        ),
        "near tie": ([[1, 1 - E30]], [1], -1e4),
        "A of 1e308": ([[1e308, 1e308, -1e308], [1, 1e308, 1e308]], [1e308, 1e308], -10.0),
        "A of 1e-300, y of 1e300": ([[1e-300, 2e-300]], [1e300], -10.0),
        "subnormal A": ([[5e-324, 1.0], [1.0, 5e-324]], [1.0, 1.0], -10.0),
    }
    written = {
        name: Case(name=name, A=np.array(A, float), y=np.array(y, float), log_alpha=log_alpha)
        for name, (A, y, log_alpha) in rows.items()
    }
    return written | {case.name: case for case in _saved_dyadic()}


def _saved_dyadic() -> list[Case]:
    """Systems of small integers over 2^bits, once certified with log x off by hundreds."""
    cases = []
    for number, data in enumerate(json.loads(SAVED.read_text(encoding="utf-8"))):
        A = np.zeros(data["shape"])
        for i, j, value in data["entries"]:
            A[i, j] = value / 2.0 ** data["bits"]
        y = np.array(data["y"]) / 2.0 ** data["bits"]
        cases.append(Case(name=f"dyadic {number}", A=A, y=y, log_alpha=data["log_alpha"]))
    return cases


KNOWN = _known()
