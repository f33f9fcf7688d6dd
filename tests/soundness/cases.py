"""One projection to compute, and how the families draw it: ``draw(family, seed, index)`` is reproducible by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Index = NDArray[np.int64]

# From where the prior is far above the solution, over the ranges of doubles, to where only logarithms remain.
LOG_ALPHAS = (50.0, 5.0, 0.0, -1.0, -4.6, -13.8, -23.0, -34.5, -69.0, -230.0, -690.8, -2302.6, -1e4)
RARE_LOG_ALPHA, RARE = -1e5, 0.02
# Numbers of this grain and size have exact sums of products with small integers.
GRAIN, SMALL = 2.0**46, 64.0


class Block(NamedTuple):
    """Rows and columns of a system that nothing else in it touches."""

    rows: Index
    columns: Index


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The name, the data and the prior, prior * exp(log_alpha * cost), of one projection.

    Where there are ``blocks`` they are all of the system, so that each can be judged on its own.
    """

    name: str
    A: Matrix
    y: Vector
    log_alpha: float
    cost: Vector | None = None
    prior: Vector | None = None
    blocks: tuple[Block, ...] = ()

    @property
    def family(self) -> str:
        """Who drew it."""
        return self.name.partition("/")[0]

    @property
    def costs(self) -> Vector:
        """The exponents of alpha, ones where none were given."""
        return np.ones(self.A.shape[1]) if self.cost is None else self.cost

    @property
    def priors(self) -> Vector:
        """The factors of the prior, ones where none were given."""
        return np.ones(self.A.shape[1]) if self.prior is None else self.prior

    @property
    def is_exact(self) -> bool:
        """Whether A and y are so short that y is what it was meant to be, A x without rounding."""
        return all(
            (part * GRAIN == np.round(part * GRAIN)).all() and np.abs(part).max() < SMALL for part in (self.A, self.y)
        )

    def part(self, block: Block) -> Case:
        """The projection that a block is."""
        rows, columns = block
        return Case(
            name=self.name,
            A=self.A[np.ix_(rows, columns)],
            y=self.y[rows],
            log_alpha=self.log_alpha,
            cost=None if self.cost is None else self.cost[columns],
            prior=None if self.prior is None else self.prior[columns],
        )


class System(NamedTuple):
    """What a family draws."""

    A: Matrix
    y: Vector
    cost: Vector | None = None
    prior: Vector | None = None
    blocks: tuple[Block, ...] = ()


Maker = Callable[[Generator], System]
FAMILIES: dict[str, Maker] = {}
ILL_CONDITIONED: set[str] = set()
"""Families that are so on purpose: honest answers may often be uncertified there."""


def family(make: Maker) -> Maker:
    """Register a generator under its name."""
    FAMILIES[make.__name__] = make
    return make


def ill_conditioned(make: Maker) -> Maker:
    """Register a generator of systems whose answers hang on the last digits of their data."""
    ILL_CONDITIONED.add(make.__name__)
    return family(make)


def draw(name: str, seed: int, index: int) -> Case:
    """Case number ``index`` of a family."""
    rng = np.random.default_rng([seed, index, *name.encode()])
    log_alpha = RARE_LOG_ALPHA if rng.random() < RARE else float(rng.choice(LOG_ALPHAS))
    system = FAMILIES[name](rng)
    return Case(
        name=f"{name}/{seed}/{index}",
        A=np.ascontiguousarray(system.A, dtype=float),
        y=np.asarray(system.y, dtype=float),
        log_alpha=log_alpha,
        cost=None if system.cost is None or not log_alpha else np.asarray(system.cost, float),  # unused at alpha = 1
        prior=None if system.prior is None else np.asarray(system.prior, dtype=float),
        blocks=system.blocks,
    )


def generator(case: Case, purpose: str) -> Generator:
    """The random numbers of a purpose, the same whenever this case is looked at again."""
    return np.random.default_rng([*case.name.encode(), *purpose.encode()])


def case_to_json(case: Case) -> dict[str, Any]:
    """The case with floats that lose nothing."""
    return {
        "name": case.name,
        "A": hexadecimal(case.A),
        "y": hexadecimal(case.y),
        "log_alpha": float(case.log_alpha).hex(),
        "cost": hexadecimal(case.cost),
        "prior": hexadecimal(case.prior),
        "blocks": [[block.rows.tolist(), block.columns.tolist()] for block in case.blocks],
    }


def case_from_json(data: dict[str, Any]) -> Case:
    """The case of a file."""
    return Case(
        name=data["name"],
        A=np.array(_floats(data["A"])),
        y=np.array(_floats(data["y"])),
        log_alpha=float.fromhex(data["log_alpha"]),
        cost=None if data["cost"] is None else np.array(_floats(data["cost"])),
        prior=None if data["prior"] is None else np.array(_floats(data["prior"])),
        blocks=tuple(Block(np.array(rows), np.array(columns)) for rows, columns in data["blocks"]),
    )


def hexadecimal(values: Any) -> Any:
    """Floats, in lists of lists, as texts."""
    if values is None:
        return None
    return [hexadecimal(row) for row in values] if np.ndim(values) else float(values).hex()


def _floats(values: Any) -> Any:
    return [_floats(row) for row in values] if isinstance(values, list) else float.fromhex(values)
