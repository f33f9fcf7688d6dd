"""Arrays in files: .npy, .npz, .csv, .mtx to read, the first three to write. Nothing in a file is ever executed."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from bregman_l1.cli.csv_table import Table, read_csv
from bregman_l1.cli.market import read_market
from bregman_l1.errors import InputFileError
from bregman_l1.foreign import Labels
from bregman_l1.names import given_names, matched, shared_names
from bregman_l1.solution import Solution
from bregman_l1.system import LinearSystem

# A file that promises more bytes, rows or columns than this many times its size is taken for a trap (deflate ends
# at 1032).
_LARGEST_RATIO = 500


def read_system(matrix: Path, target: Path) -> LinearSystem:
    """Read A and y, with the names they have in .csv files; where both name the rows, y is put in the order of A.

    Raises
    ------
    InputFileError
        As `read_array` and `read_vector`, and if one file has one line more than the other, like a header.
    InvalidSystemError
        If they are no system, or their rows have different names.
    """
    A, (y, y_labels) = _read(matrix), _read_vector(target)
    order = matched(A.row_labels, y_labels)
    n_rows = A.values.shape[0] if A.values.ndim else 0
    longer = {1: target, -1: matrix}.get(y.size - n_rows)
    if longer is not None and longer.suffix.lower() == ".csv":
        raise InputFileError(
            f"{longer}: is line 1 a header? {matrix.name} has {n_rows} rows and {target.name} {y.size} numbers; "
            "df.to_csv(path, header=False, index=False) leaves a header out"
        )
    return LinearSystem(
        A.values,
        y if order is None else y[order],
        row_names=shared_names(A.row_labels, y_labels, order),
        column_names=given_names(A.column_labels),
    )


def read_array(path: str | Path) -> NDArray[Any] | sp.sparray:
    """Read a dense or sparse array from a .npy, .npz, .csv or .mtx file.

    Raises
    ------
    InputFileError
        If the file is missing, unreadable, of another kind, holds pickled objects or several arrays, or
        promises more data than it has; and as `read_csv`.
    """
    return _read(Path(path)).values


def read_vector(path: str | Path, names: Labels | None = None) -> NDArray[Any]:
    """Read a vector; a file holding one row or one column counts as one.

    If it is a .csv file that names its entries, they are put in the order of ``names``, those of the columns of A.

    Raises
    ------
    InputFileError
        As `read_array`, and if the file holds a matrix or a single number without a shape.
    InvalidSystemError
        If the names differ.
    """
    vector, labels = _read_vector(Path(path))
    order = matched(names, labels, vector=str(path), axis="column")
    return vector if order is None else vector[order]


def _read_vector(path: Path) -> tuple[NDArray[Any], Labels | None]:
    table = _read(path)
    array = table.values
    if not (array.ndim == 1 or (array.ndim == 2 and 1 in array.shape)):
        raise InputFileError(f"{path}: holds an array of shape {array.shape}; it must hold a vector")
    is_row = array.ndim == 2 and array.shape[1] > 1
    vector = np.asarray(array if isinstance(array, np.ndarray) else array.toarray()).ravel()
    return vector, table.column_labels if is_row else table.row_labels


def _read(path: Path) -> Table:
    readers = {".npy": _read_npy, ".npz": _read_npz, ".csv": read_csv, ".mtx": _read_mtx}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputFileError(f"{path}: cannot read files of kind {path.suffix!r}; use {', '.join(readers)}")
    try:
        found = reader(path)
        return found if isinstance(found, Table) else Table(values=found)
    except InputFileError:
        raise
    except FileNotFoundError as error:
        raise InputFileError(f"{path}: no such file") from error
    except Exception as error:  # what a damaged or foreign file makes of its readers is not theirs to list
        raise InputFileError(f"{path}: not a readable {path.suffix} file: {error}") from error


def check_output(path: Path) -> None:
    """Refuse, before any work, a file that `write_solution` could not write after it.

    Raises
    ------
    InputFileError
        If the suffix is not .csv, .npy or .npz, or the directory does not exist.
    """
    if path.suffix.lower() not in (".csv", ".npy", ".npz"):
        raise InputFileError(
            f"{path}: cannot be written: use .csv (x and its names), .npy (x) or .npz (x, log_x, dual and names)"
        )
    try:
        has_parent = path.absolute().parent.is_dir()
    except OSError as error:  # no directory can be called so
        raise InputFileError(f"{path}: cannot be written: {error.strerror}") from error
    if not has_parent:
        raise InputFileError(f"{path}: cannot be written: there is no directory {path.absolute().parent}")


def write_solution(path: Path, solution: Solution) -> None:
    """Write x to a .npy or .csv file, or the whole solution to a .npz file that `bregman_l1.load` reads."""
    try:
        {".csv": _write_csv, ".npy": _write_npy, ".npz": Solution.save}[path.suffix.lower()](solution, path)
    except InputFileError:
        raise
    except (OSError, ValueError) as error:
        raise InputFileError(f"{path}: cannot be written: {getattr(error, 'strerror', None) or error}") from error


def _write_csv(solution: Solution, path: Path) -> None:
    """Each entry of x after its name, as a series of pandas writes itself; a signed x as its data frame does."""
    names = range(solution.x.size) if solution.names is None else solution.names
    columns = {"x": solution.x} if solution.x_plus is None else solution.vectors
    with path.open("w", newline="", encoding="utf-8") as stream:
        lines = csv.writer(stream, lineterminator="\n")
        lines.writerow(["", *columns])
        lines.writerows(zip(names, *(column.tolist() for column in columns.values()), strict=True))


def _write_npy(solution: Solution, path: Path) -> None:
    with path.open("wb") as stream:
        np.save(stream, solution.x)


def _read_npy(path: Path) -> NDArray[Any]:
    # Mapping compares the header with the size of the file before anything is allocated.
    return np.array(np.lib.format.open_memmap(path, mode="r"))


def _read_npz(path: Path) -> NDArray[Any] | sp.csc_array:
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > _LARGEST_RATIO * path.stat().st_size:
        raise InputFileError(
            f"{path}: unpacks to {unpacked} bytes, more than {_LARGEST_RATIO} times its size; save it as .npy"
        )
    with np.load(path, allow_pickle=False) as archive_data:
        names = archive_data.files
        if "format" in names:
            return _compressed(path, sp.load_npz(path))
        if len(names) != 1:
            raise InputFileError(f"{path}: holds {len(names)} arrays ({', '.join(names)}); it must hold one")
        return np.array(archive_data[names[0]])


def _read_mtx(path: Path) -> NDArray[Any] | sp.csc_array:
    matrix = read_market(path)
    return matrix if isinstance(matrix, np.ndarray) else _compressed(path, matrix)


def _compressed(path: Path, matrix: Any) -> sp.csc_array:
    """Return the matrix by columns; its indices are checked first, for the conversion trusts them."""
    if sum(matrix.shape) > _LARGEST_RATIO * path.stat().st_size:
        raise InputFileError(f"{path}: a matrix of shape {matrix.shape} in {path.stat().st_size} bytes is nearly empty")
    if hasattr(matrix, "indptr"):
        # check_format takes a matrix for empty, and fine, if its last pointer is negative.
        if (matrix.indptr[1:] < matrix.indptr[:-1]).any():
            raise InputFileError(f"{path}: its index pointers decrease")
        matrix.check_format(full_check=True)
    return sp.csc_array(matrix)
