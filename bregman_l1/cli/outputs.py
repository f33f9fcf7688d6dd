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
        if path is not None and not path.absolute().parent.is_dir():
            raise StudyError(f"{path} cannot be written: there is no directory {path.absolute().parent}")
        if path is not None and (path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK)):
            raise StudyError(f"{path} cannot be written: it is a directory, or you may not write there")
    if parquet is not None:
        require_pyarrow()
    if picture is not None:
        known = pyplot().matplotlib.backend_bases.FigureCanvasBase.get_supported_filetypes()
        refuse_unknown("picture format", picture.suffix.removeprefix(".") or picture.name, known)
