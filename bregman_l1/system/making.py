"""What may be made dense of a matrix that is not stored so, and what would take too much memory."""

from __future__ import annotations

from bregman_l1 import settings
from bregman_l1.errors import UnsupportedStorageError

_GIB = 2**30


def refuse_beyond_budget(what: str, n_rows: int, n_columns: int) -> None:
    """Refuse to make an array of float64 that is larger than `settings.MOST_MADE_BYTES`.

    Raises
    ------
    UnsupportedStorageError
        Says how large it would be.

    Examples
    --------
    >>> refuse_beyond_budget("columns of A", 1000, 1000)
    """
    size = 8 * n_rows * n_columns
    if size > settings.MOST_MADE_BYTES:
        raise UnsupportedStorageError(
            f"{what} as a dense array of {n_rows} x {n_columns} entries would take {size / _GIB:.3g} GiB, more than "
            f"the {settings.MOST_MADE_BYTES / _GIB:.3g} GiB that are made unasked: solve() takes systems of this size "
            "for BregmanProjection and L1Minimization; for all else take fewer rows or columns"
        )
