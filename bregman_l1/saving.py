"""Results in files, to be loaded as they were: a .npz archive of arrays and one JSON text. Nothing in it is executed.

``meta.json`` holds the format, its version and a tree of plain values. In it a list is a tuple, and an object one of

    {"array": name}                          the array ``name.npy`` of the archive
    {"csc": {...}, "shape": [N, d]}          a sparse matrix by its three arrays
    {"record": kind, "fields": {...}}        an object of ours by its parts
    {"records": kind, "columns": {...}}      several of one kind, each part a list or an array of one more dimension
    {"mapping": {...}}                       a mapping of texts

Members are stored, not deflated, and carry a checksum that is verified before anything is read from them.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import fields
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from secrets import token_hex
from typing import IO, Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from bregman_l1.certificate import Certificate, Check
from bregman_l1.entry import entry_point
from bregman_l1.errors import InputFileError, InvalidProblemError
from bregman_l1.frozen import frozen, restored
from bregman_l1.path import ProjectionPath
from bregman_l1.polyhedron.kernel_cone import BasePoint
from bregman_l1.proof.arithmetic import Enclosed
from bregman_l1.proof.record import Proof, ProvedSupport, RightHandSide, Step
from bregman_l1.solution import Solution, Status, in_memory
from bregman_l1.system import LinearSystem
from bregman_l1.theory.analysis import Analysis
from bregman_l1.theory.asymptotics import Layer, LeadingConstants, PowerLaws
from bregman_l1.theory.constants import Constant
from bregman_l1.theory.limit import LeadingFace, Limit
from bregman_l1.theory.signed_analysis import SignedAnalysis
from bregman_l1.theory.support_constants import SupportConstants

__all__ = ["load", "save"]

_FORMAT, _VERSION = "bregman_l1 result", 3
_META = "meta.json"
_REAL_KINDS = "biuf"
_RESULTS = (Solution, ProjectionPath, Analysis)
_CONSTANTS = dict.fromkeys(("rho", "rho_tilde", "rho_minus"), "Constant")
_COMPUTED = {"power_laws": "PowerLaws", "log_leading_constants": "LeadingConstants"}


@entry_point
def save(result: Solution | ProjectionPath | Analysis, path: str | os.PathLike[str]) -> None:
    """Write a solution, a path or an analysis to a file that `load` reads.

    The file is a .npz archive: numpy.load gives its arrays by name, for a solution ``x``, ``log_x`` and ``dual``. It
    is written beside its place and then moved there, so that a file of this name is whole, or still the one before.

    Parameters
    ----------
    result : Solution, ProjectionPath or Analysis
        A path and an analysis take their system with them; an analysis keeps the constants computed so far. A
        solution leaves its problem behind, which holds a system, and keeps its proof.
    path : str or path-like
        The file; nothing is added to its name. One that exists is replaced.

    Raises
    ------
    InvalidProblemError
        If the result is something else, or has names that are neither text nor numbers nor tuples of them; if the
        path is no path.
    UnsupportedStorageError
        If the vectors of a solution are arrays of dask, and large.
    InputFileError
        If the file cannot be written: for instance because the path is that of a directory or a device.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from bregman_l1 import BregmanProjection, LinearSystem, load, save, solve
    >>> solution = solve(BregmanProjection(LinearSystem([[1.0, 0.5]], [1.0]), alpha=1e-6))
    >>> with TemporaryDirectory() as directory:
    ...     save(solution, f"{directory}/solution.npz")
    ...     again = load(f"{directory}/solution.npz")
    >>> again.status, bool((again.log_x == solution.log_x).all())
    (<Status.CERTIFIED: 'certified'>, True)
    """
    if not isinstance(result, _RESULTS):
        raise InvalidProblemError(f"a Solution, ProjectionPath or Analysis can be saved, got {type(result).__name__}")
    result = in_memory(result) if isinstance(result, Solution) else result
    arrays: dict[str, NDArray[Any]] = {}
    tree = _tree(result, "", arrays)
    meta = json.dumps({"format": _FORMAT, "version": _VERSION, "result": tree})
    name = _name(path)
    try:
        _replace(_regular_file(name), lambda stream: _write(stream, meta, arrays))
    except (OSError, ValueError) as error:
        raise InputFileError(f"{name}: cannot be written: {getattr(error, 'strerror', None) or error}") from error


@entry_point
def load(path: str | os.PathLike[str]) -> Solution | ProjectionPath | Analysis:
    """Read what `save` wrote, bit for bit.

    The certificate is the one that was saved. Whoever does not trust the file has it computed anew, by
    ``certify(problem, log_x=solution.log_x, dual=solution.dual)``.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    Solution, ProjectionPath or Analysis
        Equal to what was saved; an analysis computes none of its saved constants again.

    Raises
    ------
    InputFileError
        If the file is missing, was written by something else or by a newer version, or is damaged.
    InvalidProblemError
        If the path is no path.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from bregman_l1 import LinearSystem, analyze, load
    >>> with TemporaryDirectory() as directory:
    ...     analyze(LinearSystem([[1.0, 0.5]], [1.0])).save(f"{directory}/analysis.npz")
    ...     load(f"{directory}/analysis.npz")
    Analysis(LinearSystem(N=1, d=2, dense), |S|=1, rate=0.5)
    """
    name = _name(path)
    try:
        file = _regular_file(name)
        with zipfile.ZipFile(file) as archive:
            result = _read(name, archive, file.stat().st_size)
    except InputFileError:
        raise
    except FileNotFoundError as error:
        raise InputFileError(f"{name}: no such file") from error
    except Exception as error:  # what a damaged or foreign file makes of its readers is not theirs to list
        raise InputFileError(f"{name}: not a readable result of bregman_l1: {error}") from error
    if not isinstance(result, _RESULTS):
        raise InputFileError(f"{name}: holds no Solution, ProjectionPath or Analysis")
    if not _agrees(result):
        raise InputFileError(f"{name}: its arrays are not of one length")
    return result


def _agrees(result: Solution | ProjectionPath | Analysis) -> bool:
    """Whether the arrays of a result have the lengths that they should."""
    if isinstance(result, Solution):
        n_names = result.x.size if result.names is None else len(result.names)
        return {vector.size for vector in result.vectors.values()} == {n_names}
    d = result.system.shape[1]
    if isinstance(result, Analysis):
        return result.x_star.size == result.cost.size == d
    sizes = {result.cost.size, result.prior.size, *(solution.x.size for solution in result)}
    return sizes == {d} and result.log_alphas.size == len(result) and all(map(_agrees, result))


def _name(path: str | os.PathLike[str]) -> str:
    try:
        return os.fsdecode(path)
    except TypeError as error:
        raise InvalidProblemError(f"path must be a text or path-like, got {type(path).__name__}") from error


def _regular_file(name: str) -> Path:
    """The file that a name leads to through links, there or not; root could replace a device by a file."""
    file = Path(os.path.realpath(name))
    if file.exists() and not file.is_file():
        raise OSError("it is a directory or a device")
    return file


def _replace(target: Path, write: Callable[[IO[bytes]], None]) -> None:
    """Write a file beside the one of this name, and put it in its place when it is whole and on disk."""
    part = target.with_name(f".{target.name}.{token_hex(4)}.part")
    try:
        with part.open("xb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(target)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _write(stream: IO[bytes], meta: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo(_META), meta)
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _read(name: str, archive: zipfile.ZipFile, size: int) -> Any:
    if _META not in archive.namelist():
        raise InputFileError(f"{name}: was not written by bregman_l1's save")
    if sum(member.file_size for member in archive.infolist()) > size:
        raise InputFileError(f"{name}: promises more data than it has")
    meta = json.loads(archive.read(_META))
    if meta["format"] != _FORMAT:
        raise InputFileError(f"{name}: was not written by bregman_l1's save")
    if meta["version"] > _VERSION:
        raise InputFileError(
            f"{name}: written by a newer version of bregman_l1 (format {meta['version']}; this one reads up to "
            f"{_VERSION}): upgrade bregman_l1"
        )

    def array(name: str) -> NDArray[Any]:
        # Read as a whole first: the checksum is verified at the end of a member.
        member = BytesIO(archive.read(f"{name}.npy"))
        found = np.asarray(np.lib.format.read_array(member, allow_pickle=False))
        if found.dtype.kind not in _REAL_KINDS:
            raise ValueError(f"{name} has dtype {found.dtype}")
        return found

    return _value(meta["result"], array)


_ANALYSIS = {
    "limit": "Limit", "time_limit": "float", "layer": "Layer | None", "proofs": "Mapping[str, Proof] | None",
}  # fmt: skip
_SIGNED = {"system": "LinearSystem", "doubled": "Analysis"}


class _Form(NamedTuple):
    """How an object of ours is taken apart, and made of its parts again, which are of these kinds."""

    parts: Callable[[Any], dict[str, Any]]
    made: Callable[..., Any]
    kinds: Mapping[str, str]


def _record(kind: type[Any], **computed: str) -> _Form:
    """A dataclass: its fields, and those of its properties that are known, of the kinds of which they are."""

    def parts(record: Any) -> dict[str, Any]:
        return {field.name: getattr(record, field.name) for field in fields(kind)} | _known(record, computed)

    def made(**parts: Any) -> Any:
        known = {name: parts.pop(name) for name in computed if name in parts}
        return _knowing(kind(**parts), known)

    return _Form(parts, made, _kinds_of(kind) | computed)


def _kinds_of(kind: type[Any]) -> dict[str, str]:
    return {field.name: str(field.type) for field in fields(kind)}


def _known(record: object, computed: Iterable[str]) -> dict[str, Any]:
    return {name: vars(record)[name] for name in computed if name in vars(record)}


def _knowing(record: Any, known: Mapping[str, Any]) -> Any:
    for name, value in known.items():
        vars(record)[name] = frozen(value)
    return record


def _system_parts(system: LinearSystem) -> dict[str, Any]:
    return {"A": system.matrix, "y": system.y, "row_names": system.row_names, "column_names": system.column_names}


def _limit_parts(limit: Limit) -> dict[str, Any]:
    names = ("system", "cost", "prior", "x", "unique", "support", "assumed_ties", "depth")
    return {name: getattr(limit, name) for name in names} | _known(limit, ("leading",))


def _limit(*, support: NDArray[np.intp], leading: LeadingFace | None = None, **parts: Any) -> Limit:
    limit = Limit.around(support=support, **{"prior": np.ones(parts["system"].shape[1])} | parts)
    return limit if leading is None else _knowing(limit, {"leading": leading})


def _analysis_parts(analysis: Analysis) -> dict[str, Any]:
    state, constants = vars(analysis), vars(analysis)["_constants"]
    parts = {name: state.get(f"_{name}") for name in ("limit", "layer", "proofs")}
    return parts | {"time_limit": constants.time_limit} | _known(constants, _CONSTANTS) | _known(analysis, _COMPUTED)


def _analysis(
    *, limit: Limit, time_limit: float, layer: Layer | None, proofs: dict[str, Proof] | None = None, **known: Any
) -> Analysis:
    proved = {} if proofs is None else {"_proofs": proofs}
    computed = {name: known.pop(name) for name in _COMPUTED if name in known}
    constants = _knowing(SupportConstants(limit, time_limit=time_limit), known)
    return restored(Analysis, {"_limit": limit, **proved, "_constants": constants, "_layer": layer, **computed})


def _signed_parts(analysis: SignedAnalysis) -> dict[str, Any]:
    computed = _known(vars(analysis)["_constants"], _CONSTANTS) | _known(analysis, _COMPUTED)
    return {"system": analysis.system, "doubled": analysis.doubled} | computed


def _signed_analysis(*, system: LinearSystem, doubled: Analysis, **known: Any) -> SignedAnalysis:
    analysis = SignedAnalysis.of(system, doubled)
    _knowing(vars(analysis)["_constants"], {name: value for name, value in known.items() if name in _CONSTANTS})
    _knowing(analysis, {name: value for name, value in known.items() if name in _COMPUTED})
    return analysis


def _without(form: _Form, left: str) -> _Form:
    """The same form, one part left behind."""
    return form._replace(parts=lambda value: {name: part for name, part in form.parts(value).items() if name != left})


_FORMS = {
    "Solution": _without(_record(Solution), "problem"),  # it holds a whole system
    "Fraction": _Form(lambda value: {"text": str(value)}, lambda text: Fraction(text), {"text": "str"}),
    **{kind.__name__: _record(kind) for kind in (Proof, Step, Enclosed, RightHandSide, ProvedSupport)},
    **{kind.__name__: _record(kind) for kind in (Certificate, Check, Constant, PowerLaws, LeadingConstants)},
    **{kind.__name__: _record(kind) for kind in (Layer, LeadingFace, BasePoint)},
    "ProjectionPath": _record(ProjectionPath, log_deviation="Vector"),
    "Status": _Form(lambda status: {"value": status.value}, Status, {"value": "str"}),
    "LinearSystem": _Form(_system_parts, LinearSystem, {}),
    "Limit": _Form(_limit_parts, _limit, _kinds_of(Limit) | {"support": "Index", "leading": "LeadingFace | None"}),
    "Analysis": _Form(_analysis_parts, _analysis, _ANALYSIS | _CONSTANTS | _COMPUTED),
    "SignedAnalysis": _Form(_signed_parts, _signed_analysis, _SIGNED | _CONSTANTS | _COMPUTED),
}
_PLAIN: dict[str, tuple[type, ...]] = {
    "None": (type(None),), "bool": (bool,), "int": (int,), "float": (float, int), "str": (str,), "Labels": (tuple,),
}  # fmt: skip
_DIMENSIONS = {"Vector": 1, "Index": 1, "Mask": 1, "Matrix": 2}


def _is_of(kind: str, value: Any) -> bool:
    """Whether a value is of a kind, as an annotation names it; kinds that are not ours are not looked into."""
    if " | " in kind:
        return any(_is_of(each, value) for each in kind.split(" | "))
    if kind.startswith("tuple["):
        return isinstance(value, tuple) and all(_is_of(kind[6:-6], each) for each in value)
    if kind.startswith("Mapping[str, "):
        return isinstance(value, Mapping) and all(_is_of(kind[13:-1], each) for each in value.values())
    if kind in _DIMENSIONS:
        return isinstance(value, np.ndarray) and value.ndim == _DIMENSIONS[kind]
    if kind in _PLAIN:
        return isinstance(value, _PLAIN[kind])
    return kind not in _FORMS or type(value).__name__ == kind


def _made(kind: str, parts: Mapping[str, Any]) -> Any:
    form = _FORMS[kind]
    wrong = [name for name, value in parts.items() if not _is_of(form.kinds.get(name, ""), value)]
    if wrong:
        raise ValueError(f"{wrong[0]} of a {kind} is of another kind")
    return form.made(**parts)


def _tree(value: Any, name: str, arrays: dict[str, NDArray[Any]]) -> Any:
    """Return a value as plain values, its arrays put among ``arrays`` under names that begin with ``name``."""

    def inner(parts: Mapping[str, Any]) -> dict[str, Any]:
        return {key: _tree(part, f"{name}.{key}" if name else key, arrays) for key, part in parts.items()}

    kind = type(value).__name__
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in _REAL_KINDS:
        arrays[name] = value
        return {"array": name}
    if isinstance(value, sp.csc_array):
        parts = {"data": value.data, "indices": value.indices, "indptr": value.indptr}
        return {"csc": inner(parts), "shape": list(value.shape)}
    if kind in _FORMS:
        return {"record": kind, "fields": inner(_FORMS[kind].parts(value))}
    if isinstance(value, tuple) and value and all(type(member) is Solution for member in value):
        return {"records": "Solution", "columns": inner(_columns([_FORMS["Solution"].parts(one) for one in value]))}
    if isinstance(value, tuple):
        return list(inner({str(i): member for i, member in enumerate(value)}).values())
    if isinstance(value, Mapping):
        return {"mapping": inner(value)}
    raise InvalidProblemError(f"{name} holds a {kind}, which cannot be saved; numbers, texts and tuples of them can")


def _columns(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Turn equal parts of several records into one array where they are arrays of one shape, else into a tuple."""
    columns = {key: tuple(record[key] for record in records) for key in records[0]}
    return {key: np.stack(column) if _is_stack(column) else column for key, column in columns.items()}


def _is_stack(column: tuple[Any, ...]) -> bool:
    return all(isinstance(one, np.ndarray) and one.shape == column[0].shape for one in column)


def _value(tree: Any, array: Callable[[str], NDArray[Any]]) -> Any:
    """Return what `_tree` took apart, with ``array`` to look up the arrays."""

    def inner(parts: Mapping[str, Any]) -> dict[str, Any]:
        return {key: _value(part, array) for key, part in parts.items()}

    match tree:
        case list():
            return tuple(_value(part, array) for part in tree)
        case {"array": name}:
            return array(name)
        case {"csc": parts, "shape": shape}:
            found = inner(parts)
            return sp.csc_array((found["data"], found["indices"], found["indptr"]), shape)
        case {"mapping": parts}:
            return inner(parts)
        case {"record": kind, "fields": parts}:
            return _made(kind, inner(parts))
        case {"records": kind, "columns": parts}:
            columns = inner(parts)
            rows = zip(*columns.values(), strict=True)
            return tuple(_made(kind, dict(zip(columns, row, strict=True))) for row in rows)
        case dict():
            raise ValueError(f"it holds an object of unknown form, {', '.join(tree)}")
    return tree
