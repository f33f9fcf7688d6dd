"""The files a command is to write, looked at before it computes."""

from __future__ import annotations

import os
from pathlib import Path

from bregman_l1.errors import StudyError
from bregman_l1.experiments.tables import require_pyarrow
from bregman_l1.plotting._matplotlib import pyplot
from bregman_l1.suggestions import refuse_unknown


def check_outputs(*, csv: Path | None = None, parquet: Path | None = None, picture: Path | None = None) -> None:
    """Refuse, before any work, what could not be written after it."""
    for path in (csv, parquet, picture):
        if path is not None:
            _refuse_unless_writable(path)
    if parquet is not None:
        require_pyarrow()
    if picture is not None:
        known = pyplot().matplotlib.backend_bases.FigureCanvasBase.get_supported_filetypes()
        refuse_unknown("picture format", picture.suffix.removeprefix(".") or picture.name, known)


def _refuse_unless_writable(path: Path) -> None:
    try:
        has_parent, is_directory = path.absolute().parent.is_dir(), path.is_dir()
        may_write = os.access(path if path.exists() else path.parent, os.W_OK)
    except (OSError, ValueError) as error:  # no file can be called so
        raise StudyError(f"{path} cannot be written: {error}") from error
    if not has_parent:
        raise StudyError(f"{path} cannot be written: there is no directory {path.absolute().parent}")
    if is_directory or not may_write:
        raise StudyError(f"{path} cannot be written: it is a directory, or you may not write there")
