"""What a study names by its path, ``"package.module:name"``, so that every process can find it."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from importlib import import_module, invalidate_caches
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bregman_l1.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Iterator


def imported(kind: str, path: str) -> Any:
    """Import what a path stands for.

    Parameters
    ----------
    kind : str
        What it should be, as the message should call it.
    path : str
        Module and name, with a colon between.

    Raises
    ------
    StudyError
        If the module cannot be imported, whatever it raises, or does not have the name.

    Examples
    --------
    >>> imported("measure", "math:sqrt")(4.0)
    2.0
    """
    module, _, name = path.partition(":")
    try:
        return attrgetter(name)(import_module(module))
    except Exception as error:  # whatever importing the code of others may raise
        said = str(error) if isinstance(error, ImportError | AttributeError) else f"{type(error).__name__}: {error}"
        hint = " (is the directory of its module on PYTHONPATH?)" if isinstance(error, ModuleNotFoundError) else ""
        raise StudyError(f"the {kind} {path!r} cannot be imported: {said}{hint}") from error


@contextmanager
def importable_from(*directories: Path) -> Iterator[None]:
    """Have the modules in some directories found, as those beside a script are, while the context lasts.

    Worker processes started meanwhile find them too: they begin with the path of this process.

    Parameters
    ----------
    *directories : Path
        Where to look, before everything else.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as directory:
    ...     _ = Path(directory, "my_sizes.py").write_text("small = 3")
    ...     with importable_from(Path(directory)):
    ...         imported("size", "my_sizes:small")
    3
    """
    added = [str(directory.resolve()) for directory in directories]
    sys.path[:0] = added
    # A directory that was looked into before is looked into again.
    invalidate_caches()
    try:
        yield
    finally:
        for directory in added:
            sys.path.remove(directory)
