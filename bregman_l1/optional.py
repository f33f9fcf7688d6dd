"""Packages that only some features need: imported when asked for, or named with the command that installs them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from bregman_l1.errors import MissingPackageError

if TYPE_CHECKING:
    from types import ModuleType

# What pip calls a package, where it is not the name it is imported by.
_ON_PYPI = {"sklearn": "scikit-learn"}


def require(module: str, features: str) -> ModuleType:
    """Import a module of an optional package.

    Parameters
    ----------
    module : str
        The module, such as ``"matplotlib.pyplot"``.
    features : str
        What needs it, in the plural, as the message should call it.

    Returns
    -------
    module
        What ``import`` would give.

    Raises
    ------
    MissingPackageError
        If the package is not installed. One that is installed and cannot be imported raises what it raises.

    Examples
    --------
    >>> require("json", "records").dumps([1])
    '[1]'
    >>> require("no_such_package.pictures", "pictures")
    Traceback (most recent call last):
    ...
    bregman_l1.errors.MissingPackageError: pictures need no_such_package: pip install no_such_package
    """
    package = module.partition(".")[0]
    try:
        import_module(package)  # a module that is in memory does not ask whether its package is
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        name = _ON_PYPI.get(package, package)
        raise MissingPackageError(f"{features} need {name}: pip install {name}") from error
    return import_module(module)
