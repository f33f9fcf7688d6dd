"""`Solution`: an answer together with the evidence for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bregman_l1._types import Vector
from bregman_l1.certificate import Certificate
from bregman_l1.documented import DocumentedEnum
from bregman_l1.errors import UnsupportedStorageError
from bregman_l1.foreign import Labels, is_lazy
from bregman_l1.frozen import FrozenArrays, read_only
from bregman_l1.html import Markup, folded, table, together, verdict
from bregman_l1.one_line import brief
from bregman_l1.optional import require
from bregman_l1.parts import PARTS

if TYPE_CHECKING:
    import os
    from types import ModuleType

    import pandas as pd

    from bregman_l1.problems.base import Problem
    from bregman_l1.proof.record import Proof

_ENTRIES_SHOWN = 4
# Arrays of dask up to so many bytes are computed where a file or a table asks for their entries.
_COMPUTED_BYTES = 2**28


class Status(DocumentedEnum):
    """What is known of an answer, by our own certificate and not by the solver's word."""

    PROVED = (
        "proved",
        "The answer is certified, and every log x is proved in ball arithmetic to be right to ``tol``, for y itself or "
        "for the y' that ``solution.proof.right_hand_side`` names; of linear problems the answer, in rationals.",
    )

    CERTIFIED = (
        "certified",
        "The answer is right to ``tol`` in every log x for this A and some y' that differs from y by at most 64 "
        "roundings of the terms of A x, row by row; the certificate's remarks list what was decided by that margin.",
    )

    INACCURATE = (
        "inaccurate",
        "The solver finished, but a check failed: ``print(solution.certificate)`` says which and by how much. "
        "Try ``polish=True``, another backend (``newton`` for projections), or a looser ``tol``.",
    )

    ITERATION_LIMIT = (
        "iteration limit",
        "The iteration limit was reached first and the last iterate is not certified. Raise ``max_iter``.",
    )

    TIME_LIMIT = (
        "time limit",
        "The time limit was reached first and the last iterate is not certified. Raise ``time_limit``.",
    )

    @property
    def is_certified(self) -> bool:
        """Whether this is CERTIFIED, or PROVED, which is more."""
        return self in (Status.PROVED, Status.CERTIFIED)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solution(FrozenArrays):
    """An answer, its status and its certificate; its arrays are read-only.

    Where A is an array of dask the vectors of shape (d,) are, too, and not computed before somebody asks:
    ``solution.x.compute()``, ``solution.x.max()``. What prints a solution asks for none; `to_series`, `to_frame`,
    `to_dict` and `save` do if x and log x take up to 256 MB.

    Attributes
    ----------
    x : ndarray of shape (d,)
        The primal vector, x_plus - x_minus where it may have either sign. For a null-space constant, the attaining
        kernel vector.
    log_x : ndarray of shape (d,), optional
        log x, meaningful where x underflows; -inf for exact zeros, NaN where x is negative. Where x may have either
        sign it is log |x|.
    dual : ndarray of shape (N,), optional
        The multiplier lam of A x = y: lam = d(optimal value)/dy.
    value : float
        The optimal value.
    status : Status
        Our verdict.
    certificate : Certificate
        The evidence.
    backend : str
        Who made the claim.
    raw_status : str
        What it said of itself.
    iterations : int
        Iterations it took, polishing included.
    setup_time, solve_time : float
        Seconds spent preparing and solving, certification excluded.
    names : tuple of hashable, optional
        What the entries of x are called, if the columns of the system have names.
    problem : Problem, optional
        What it is the answer to; None for a solution that was loaded from a file.
    proof : Proof, optional
        The proof, where one was asked for.
    x_plus, x_minus, log_x_plus, log_x_minus : ndarray of shape (d,), optional
        The two nonnegative parts of an x of either sign and their logarithms; None where x is nonnegative by itself.
    """

    x: Vector
    log_x: Vector
    dual: Vector | None
    value: float
    status: Status
    certificate: Certificate
    backend: str
    raw_status: str
    iterations: int
    setup_time: float
    solve_time: float
    names: Labels | None = None
    problem: Problem | None = None
    proof: Proof | None = None
    x_plus: Vector | None = None
    x_minus: Vector | None = None
    log_x_plus: Vector | None = None
    log_x_minus: Vector | None = None

    _shown: ClassVar = ("status", "backend", "value", "iterations", "x")

    def __str__(self) -> str:
        text = (
            f"{self.status.value.upper()} by {self.backend} ({self.raw_status}), value {self.value:.12g}, "
            f"{self.iterations} iterations, {self.setup_time + self.solve_time:.3g} s\n{self.certificate}"
        )
        return text if self.proof is None else f"{text}\n{self.proof}"

    def to_series(self) -> pd.Series:
        """Return x as a pandas Series, indexed by the names of the columns of A where they have names.

        Raises
        ------
        MissingPackageError
            If pandas is not installed.
        UnsupportedStorageError
            If x is an array of dask, and large.

        Examples
        --------
        >>> import pandas as pd
        >>> from bregman_l1 import L1Minimization, LinearSystem, solve
        >>> system = LinearSystem(pd.DataFrame({"bread": [1.0], "milk": [2.0]}), [4.0])
        >>> solve(L1Minimization(system)).to_series()
        bread    0.0
        milk     2.0
        Name: x, dtype: float64
        """
        pandas = require("pandas", "data frames")
        return pandas.Series(in_memory(self).x, index=self._index(pandas), name="x", copy=True)

    @property
    def vectors(self) -> dict[str, Vector]:
        """The vectors of shape (d,) by name: ``x``, ``log_x`` and, where x may have either sign, its parts."""
        parts = {name: getattr(self, name) for name in ("x", "log_x", *PARTS)}
        return {name: vector for name, vector in parts.items() if vector is not None}

    @property
    def unknowns(self) -> dict[str, Vector]:
        """``x`` and ``log_x`` of the nonnegative unknowns, of shape (d,), or (2d,) for (x_plus, x_minus).

        They are what ``certify(problem, **solution.unknowns)`` takes.
        """
        if self.x_plus is None or self.x_minus is None or self.log_x_plus is None or self.log_x_minus is None:
            return {"x": self.x, "log_x": self.log_x}
        x, log_x = (self.x_plus, self.x_minus), (self.log_x_plus, self.log_x_minus)
        return {"x": read_only(np.concatenate(x)), "log_x": read_only(np.concatenate(log_x))}

    def to_frame(self) -> pd.DataFrame:
        """Return x and log x as the columns of a pandas DataFrame, its rows named as in `to_series`.

        Where x may have either sign there are also its parts, ``x_plus`` and so on.

        Raises
        ------
        MissingPackageError
            If pandas is not installed.
        UnsupportedStorageError
            If x is an array of dask, and large.

        Examples
        --------
        >>> from bregman_l1 import L1Minimization, LinearSystem, solve
        >>> solve(L1Minimization(LinearSystem([[1.0, 2.0]], [2.0]))).to_frame()
             x  log_x
        0  0.0   -inf
        1  1.0    0.0
        """
        pandas = require("pandas", "data frames")
        return pandas.DataFrame(in_memory(self).vectors, index=self._index(pandas), copy=True)

    def _index(self, pandas: ModuleType) -> pd.Index | None:
        return None if self.names is None else pandas.Index(list(self.names))  # tuples make a MultiIndex

    def to_dict(self) -> dict[str, Any]:
        """Return the solution as plain numbers, strings and lists, ready for JSON."""
        return {
            "status": self.status.value,
            "backend": self.backend,
            "raw_status": self.raw_status,
            "value": self.value,
            "iterations": self.iterations,
            "setup_time": self.setup_time,
            "solve_time": self.solve_time,
            **{name: vector.tolist() for name, vector in in_memory(self).vectors.items()},
            "names": None if self.names is None else [str(name) for name in self.names],
            "dual": None if self.dual is None else self.dual.tolist(),
            "certificate": self.certificate.to_dict(),
            "proof": None if self.proof is None else self.proof.to_dict(),
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the solution to a file; see `bregman_l1.save`."""
        from bregman_l1.saving import save

        save(self, path)

    def _repr_html_(self) -> str:
        # Without seconds and iterations: a notebook that is run again says the same.
        passed = sum(check.passed for check in self.certificate.checks.values())
        certificate = Markup(self.certificate._repr_html_())
        is_certified = self.status.is_certified
        rows = [
            ("backend", f"{self.backend} ({self.raw_status})"),
            ("value", f"{self.value:.12g}"),
            ("x", brief(self.x)),
            ("largest entries", self._largest_entries()),
        ]
        headline = verdict(is_certified, f"{self.status.value.upper()}: {self.certificate.subject}")
        advice = () if is_certified else ((self.status.__doc__ or "").replace("``", ""),)
        parts = [
            table(rows, caption=headline, notes=advice),
            folded(f"{passed} of {len(self.certificate.checks)} checks passed", certificate, is_open=not is_certified),
        ]
        if self.proof is not None:
            parts.append(folded(self.proof.verdict, Markup(self.proof._repr_html_()), is_open=not self.proof.ok))
        return together(*parts)

    def _largest_entries(self) -> str:
        if is_lazy(self.x):
            return "not computed"
        order = np.argsort(-np.abs(self.x), kind="stable")[:_ENTRIES_SHOWN]
        dots = ", ..." if self.x.size > _ENTRIES_SHOWN else ""
        labels = range(self.x.size) if self.names is None else self.names
        return ", ".join(f"x[{labels[j]!r}] = {self.x[j]:.6g}" for j in order) + dots


def in_memory(solution: Solution) -> Solution:
    """The solution with vectors of numpy, computed where they are arrays of dask.

    Raises
    ------
    UnsupportedStorageError
        If they are large.
    """
    lazy: dict[str, Any] = {name: vector for name, vector in solution.vectors.items() if is_lazy(vector)}
    size = sum(vector.nbytes for vector in lazy.values())
    if size > _COMPUTED_BYTES:
        raise UnsupportedStorageError(
            f"{' and '.join(lazy)} are arrays of dask and take {size:.3g} bytes, above the {_COMPUTED_BYTES:.3g} that "
            "are brought into memory unasked: compute them if they fit, as by solution.x.compute(), or write them from "
            "where they are, as by solution.x.to_zarr or dask.array.to_npy_stack"
        )
    return replace(solution, **{name: vector.compute() for name, vector in lazy.items()}) if lazy else solution
