"""Where and with what a comparison was made."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Any

from threadpoolctl import threadpool_info

import bregman_l1
from bregman_l1._backends.registry import backends


def environment(threads: int) -> dict[str, Any]:
    """Return versions, machine and thread count as plain values.

    Parameters
    ----------
    threads : int
        BLAS and OpenMP threads allowed.

    Returns
    -------
    dict
        ``python``, ``machine``, ``cores``, ``threads``, ``blas`` and ``versions`` by package and backend.

    Examples
    --------
    >>> environment(1)["threads"]
    1
    """
    versions = {"bregman_l1": bregman_l1.__version__} | {name: version(name) for name in ("numpy", "scipy", "cvxpy")}
    versions |= {backend.name: backend.version for backend in backends() if backend.installed and backend.version}
    return {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {platform.processor() or 'unknown processor'}",
        "cores": os.cpu_count(),
        "threads": threads,
        "blas": sorted({f"{pool['internal_api']} {pool['version']}" for pool in threadpool_info()}),
        "versions": versions,
    }
