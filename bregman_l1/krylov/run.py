"""One run by products: its budget, its bar, and what is claimed where a limit ends it."""

from __future__ import annotations

import logging
from dataclasses import replace
from time import perf_counter
from typing import Protocol

import numpy as np

from bregman_l1.budget import Budget
from bregman_l1.claim import Claim
from bregman_l1.krylov.products import CountedProducts, StoppedError
from bregman_l1.outcome import Outcome
from bregman_l1.progress import ProgressBar
from bregman_l1.system import LinearSystem

_LOG = logging.getLogger(__name__)


class Search(Protocol):
    """A search by products, which knows the best that it has met."""

    def solved(self, products: CountedProducts) -> Claim:
        """Search to the end."""

    def claim(self, outcome: Outcome) -> Claim:
        """The best met so far as an answer."""


def ran(search: Search, system: LinearSystem, max_iter: int | None, time_limit: float | None) -> Claim:
    """What a search claims within so many applications of A or A' and seconds; a bar counts the applications."""
    started, budget = perf_counter(), Budget(max_iter, time_limit)
    with np.errstate(all="ignore"), ProgressBar(max_iter) as bar:
        try:
            claim = search.solved(CountedProducts(system, budget, bar))
        except StoppedError as stopped:
            claim = search.claim(stopped.outcome)
    _LOG.debug("%r: %s after %d applications", system, claim.outcome.value, budget.used)
    return replace(claim, iterations=budget.used, solve_time=perf_counter() - started)
