"""Exceptions and warnings, all of them in one tree.

::

    BregmanError
    ├── InvalidSystemError (ValueError)      A or y cannot be used; says which entry
    │   └── InfeasibleError                  no x >= 0 solves A x = y; says which rows, with a proof
    ├── InvalidProblemError (ValueError)     alpha, cost, support or a candidate vector is wrong
    │   ├── PositionalScalesError (TypeError)  alphas were given by position: alphas= or log_alphas= ?
    │   ├── UndefinedConstantError           the null-space constant does not exist for this system
    │   └── UnsupportedStorageError          A is stored so that it cannot tell what is asked, such as its columns
    ├── NotAdmissibleError (ValueError)      a bound was asked for outside the range in which it holds
    ├── StudyError (ValueError)              an ensemble, comparison, study file or record store is wrong
    ├── InputFileError (ValueError)          a file cannot be read as what it should hold, or written
    ├── MissingPackageError (ImportError)    a feature needs a package that is not installed; says which
    └── BackendError                         a solver gave no answer; carries its native status
        ├── UnknownBackendError (ValueError)
        ├── BackendNotInstalledError (ImportError)
        ├── UnsupportedProblemError (ValueError)
        ├── LostClusterError                 the dask cluster died; holds the dual reached
        └── InvalidOptionError (TypeError, ValueError)

    BregmanWarning (UserWarning)
    ├── NotCertifiedWarning                  an answer is returned that its certificate does not support
    ├── NotProvedWarning                     a proof was asked for and not found
    └── RechunkWarning                       the blocks of a dask array are changed in every pass over it
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bregman_l1._types import Index, Vector
    from bregman_l1.foreign import Labels
    from bregman_l1.proof.record import Proof


WHAT_TO_TRY = (
    "try another backend; if none succeeds, the system is within rounding of infeasible: relax y, for instance "
    "to nearest_feasible(system).y + 1e-6 * A.sum(axis=1)"
)


class BregmanError(Exception):
    """Root of every exception this package raises on purpose."""


class InvalidSystemError(BregmanError, ValueError):
    """The pair (A, y) cannot be used; the message names the entry, row or column at fault."""


class InfeasibleError(InvalidSystemError):
    """No nonnegative x solves A x = y.

    Attributes
    ----------
    farkas : ndarray of shape (N,)
        A vector z, verified before the error was raised, with A'z <= 0 and y'z > 0: for every
        x >= 0 it gives z'Ax <= 0 < z'y, so that A x = y is impossible. Where the error is about x that
        vanish where a prior does, A'z <= 0 holds on the other columns, which are all that count there.
    rows : ndarray of int
        The equations that contradict each other, those where z is not zero: they alone have no solution x >= 0. None
        of them can be spared, unless looking for fewer would have taken longer than finding out.
    row_names : tuple of hashable, optional
        What these equations are called, if the rows of the system have names.
    proof : Proof, optional
        That no x >= 0 solves A x = y exactly, in rationals; where it was asked for.
    """

    def __init__(
        self, message: str, farkas: Vector, row_names: Labels | None = None, proof: Proof | None = None
    ) -> None:
        super().__init__(message)
        self.farkas, self.row_names, self.proof = farkas, row_names, proof

    @property
    def rows(self) -> Index:
        """The equations that contradict each other."""
        return np.flatnonzero(self.farkas)

    def __reduce__(self) -> tuple[type[InfeasibleError], tuple[str, Vector, Labels | None, Proof | None]]:
        return type(self), (str(self), self.farkas, self.row_names, self.proof)


class InvalidProblemError(BregmanError, ValueError):
    """A parameter of a problem, or a vector offered as its answer, is wrong."""


class PositionalScalesError(InvalidProblemError, TypeError):
    """Alphas were given by position, where they could as well be logarithms."""


class UndefinedConstantError(InvalidProblemError):
    """The null-space constant asked for does not exist: its kernel cone is trivial or unbounded."""


class UnsupportedStorageError(InvalidProblemError):
    """A is stored so that it cannot tell what is needed of it; the message says what that is, and the way out."""


class NotAdmissibleError(BregmanError, ValueError):
    """A bound was asked for outside the range in which it is proved."""


class StudyError(BregmanError, ValueError):
    """An ensemble, a comparison, a study file or a record store cannot be used as it is."""


class InputFileError(BregmanError, ValueError):
    """A file cannot be read as what it is supposed to hold, or cannot be written."""


class MissingPackageError(BregmanError, ImportError):
    """A feature needs a package that is not installed; the message says how to install it."""


class BackendError(BregmanError):
    """A solver ended without an answer.

    Attributes
    ----------
    raw_status : str
        What the solver itself said, empty where it said nothing.
    """

    def __init__(self, message: str, raw_status: str = "") -> None:
        super().__init__(message)
        self.raw_status = raw_status


class UnknownBackendError(BackendError, ValueError):
    """No backend has this name; the message lists those that exist."""


class BackendNotInstalledError(BackendError, ImportError):
    """The backend exists, its solver is not installed; the message says what to install."""


class UnsupportedProblemError(BackendError, ValueError):
    """The backend cannot solve this problem; the message says why and names one that can."""


class LostClusterError(BackendError):
    """The dask cluster that holds A is lost, or a block ends every worker that takes it up.

    Attributes
    ----------
    dual : ndarray of shape (N,) or None
        The multiplier that the run had reached, None before the first. Of a projection it is the whole state:
        ``solve(problem, start_dual=error.dual)`` goes on from there, on another cluster too.
    """

    def __init__(self, message: str, raw_status: str = "", dual: Vector | None = None) -> None:
        super().__init__(message, raw_status)
        self.dual = dual

    def __reduce__(self) -> tuple[type[LostClusterError], tuple[str, str, Vector | None]]:
        return type(self), (str(self), self.raw_status, self.dual)


class InvalidOptionError(BackendError, TypeError, ValueError):
    """An option the backend does not know, or a value it cannot have; the message lists what there is."""


class BregmanWarning(UserWarning):
    """Root of every warning this package emits."""


class NotCertifiedWarning(BregmanWarning):
    """The answer returned is not supported by its certificate; read ``solution.certificate``."""


class NotProvedWarning(BregmanWarning):
    """The answer returned could not be proved; read ``.proof``."""


class RechunkWarning(BregmanWarning):
    """The blocks of a dask array do not do as they are: what changing them costs, and how it is done once."""
