"""Values that no argument expects; each is given away as a copy, which its reader may change."""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.sparse.linalg import aslinearoperator

from fuzz.effort import FACTOR


class Elsewhere:
    """An object whose every conversion fails, like that of a tensor on another device."""

    def _refuse(self, *_: object, **__: object) -> Any:
        raise RuntimeError("no conversion")

    __float__ = __int__ = __index__ = __len__ = __iter__ = __array__ = __bool__ = _refuse


def _cyclic() -> list[Any]:
    loop: list[Any] = [1.0]
    loop.append(loop)
    return loop


def _matrix(rows: int) -> np.matrix:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return np.asmatrix(np.ones((rows, 3)))


def _frame(dtype: Any = float, **axes: list[Any]) -> pd.DataFrame:
    return pd.DataFrame([[1, 2, 3], [4, 5, 7]], dtype=dtype, **axes)


_NUMBERS = [
    True, False, np.True_, 0, 1, -1, 2, -0.0, 0.5, 1e-320, 1e308, -1e308, float("inf"), float("-inf"), float("nan"),
    10**400, -(10**400), 1j, complex("nan"), np.complex128(1.0), np.float16(0.5), np.float32(0.25), np.int8(1),
    np.longdouble("1e4000"), np.longdouble("1e-4000"), np.longdouble(0.5), np.uint64(2**64 - 1), np.float64("nan"),
    Decimal("0.5"), Decimal("NaN"), Decimal("sNaN"), Decimal("1e400"), Fraction(1, 3), Fraction(10**400, 3),
    Fraction(1, 10**400), datetime.datetime(2025, 1, 1), np.datetime64("2025-01-01"), np.timedelta64(3, "s"),
    np.datetime64("NaT"), pd.NaT, pd.NA, pd.Timestamp("2025-01-01"),
]  # fmt: skip
_TEXTS = [
    "", "auto", "0.5", "nan", "newton", "no such thing", "\x00", "\ud800", "x" * 300, b"", b"0.5", b"\xff\x00",
    bytearray(b"1"),
]  # fmt: skip
_OBJECTS = [
    None, object(), ..., NotImplemented, float, np.ndarray, len, lambda: 1.0, Elsewhere(), Exception("no"), range(0),
    range(3), slice(None),
]  # fmt: skip
_COLLECTIONS = [
    [], {}, set(), (), [[]], [None], [1.0, None, 3.0], ["a", "b", "c"], [1.0, 2.0], [1.0, 2.0, 3.0], (0.5, 0.25, 0.125),
    [0], [0, 0], [-1], [0.5], [True, False, True], [1, 2, 10**400], [1.0, "2", 3.0], [[1.0, 2.0], [3.0]],
    [[1.0, 2.0, 3.0]], [1.0, [2.0], 3.0], [1j, 0, 0], [Decimal("1.5"), Fraction(1, 3), 2], [Decimal("sNaN")] * 3,
    [np.nan, 1.0, np.inf], {"a": 1.0}, {0: 1.0, 1: 2.0}, {1.0, 2.0}, frozenset([0]), _cyclic(), [Elsewhere()] * 3,
    [np.array(1.0)] * 3, [np.ones(2), np.ones(3)], [b"1", b"2", b"3"], [pd.Series([1.0])] * 3, ["", ""],
]  # fmt: skip
_ARRAYS = [
    np.array(0.5), np.array(None), np.array("0.5"), np.array(1), np.array(np.nan), np.empty(0), np.empty((0, 3)),
    np.empty((2, 0)), np.ones(3), np.ones(2), np.ones((2, 3)), np.ones((1, 3)), np.ones((2, 3, 4)), -np.ones(3),
    np.zeros(3), np.full(3, np.nan), np.array([1.0, np.inf, 2.0]), np.full(3, 1e308), np.full((2, 3), 1e308),
    np.full(3, 1e-320), np.ones(3, dtype=complex), np.ones(3, dtype=np.float16), np.ones(3, dtype=np.float32),
    np.arange(3), np.array([1, 2, 2**64 - 1], dtype=np.uint64), np.full(3, np.longdouble("1e4000")),
    np.array([True, False, True]), np.array([1.0, "a", None], dtype=object), np.ones(3, dtype=object),
    np.array(["a", "b", "c"]), np.array([b"a"]), np.array(["2025-01-01"] * 3, dtype="M8[D]"),
    np.ones(3, dtype=[("x", float), ("y", int)]), np.ones(3, dtype=">f8"), np.ones(6)[::2], np.broadcast_to(1.0, (3,)),
    np.ones((3, 2)).T, _matrix(1), _matrix(2), np.ma.masked_array([1.0, 2.0, 3.0], mask=[0, 1, 0]),
    np.ma.masked_array([1.0, 2.0, 3.0]), np.rec.array([(1.0, 2.0)], dtype=[("a", float), ("b", float)]),
]  # fmt: skip
_SPARSE = [
    *(sp.eye_array(2, 3, format=kind) for kind in ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")),
    sp.csr_matrix((2, 3)), sp.csr_matrix(np.ones((1, 3))), sp.coo_array(np.ones(3)), sp.csr_array((0, 3)),
    sp.csr_array(np.ones((2, 3), dtype=complex)), sp.csr_array([[1.0, np.nan, 0.0]]),
    sp.csr_array(np.ones((2, 3), dtype=bool)), aslinearoperator(np.ones((2, 3))),
]  # fmt: skip
_FRAMES = [
    pd.DataFrame(), _frame(), _frame(index=["r", "r"], columns=["a", "b", "a"]), _frame("Int64"),
    _frame(object, index=[None, float("nan")]), pd.DataFrame({"a": [1.0, 2.0], "b": ["x", None]}),
    pd.DataFrame({("a", 1): [1.0], ("a", 2): [2.0]}), pd.Series(dtype=float),
    pd.Series([1.0, 2.0, 3.0], index=["a", "a", "b"]), pd.Series([1.0, 2.0, 3.0], index=["a", "b", "c"]),
    pd.Series([1.0, 2.0, 3.0], index=["c", "b", "a"]), pd.Series([1, None, 3], dtype="Int64"),
    pd.Series([1.0, 2.0], index=[1, 0]), pd.Series(["a", "b", "c"]), pd.Series([1j, 2, 3]),
    pd.Series(["a", "b", "a"], dtype="category"), pd.Series([1, 2, 3], dtype="category"),
    pd.Series(pd.date_range("2025", periods=3)), pd.Index([1.0, 2.0, 3.0]), pd.RangeIndex(3),
    pd.array([1, None, 3], dtype="Int64"), pd.Series([True, False, None], dtype="boolean"),
    pd.Series([1.0, 2.0], dtype="Sparse[float]"),
]  # fmt: skip
# What can be used once.
_ITERATORS: list[Callable[[], Any]] = [
    lambda: (value for value in (1.0, 2.0, 3.0)), lambda: iter([0.1, 0.01]), lambda: zip([1.0], [2.0], strict=True),
]  # fmt: skip


def _tensors() -> list[Any]:
    """Those of torch, which takes seconds to import: in long runs only."""
    if FACTOR <= 1:
        return []
    import torch

    return [
        torch.tensor(0.5), torch.ones(3), torch.ones(3, requires_grad=True), torch.ones(2, 3), torch.empty(0),
        torch.ones(3, dtype=torch.bfloat16), torch.ones(3, dtype=torch.complex64), torch.empty(3, device="meta"),
        torch.tensor(0.5, device="meta"), torch.eye(3).to_sparse(), torch.float64,
    ]  # fmt: skip


THOUGHT_OF = [*_NUMBERS, *_TEXTS, *_OBJECTS, *_COLLECTIONS, *_ARRAYS, *_SPARSE, *_FRAMES, *_tensors()]
"""Values that have met someone unprepared before."""

_thought_of = st.sampled_from(THOUGHT_OF).map(deepcopy) | st.sampled_from(_ITERATORS).map(lambda make: make())
_number = st.one_of(st.floats(), st.integers(-(2**70), 2**70), st.floats(width=32).map(np.float32))
_text = st.text(st.characters(exclude_characters="/"), max_size=12)  # none is a file outside the directory of the test
_array = npst.arrays(npst.scalar_dtypes(), npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
_floats = npst.arrays(np.float64, st.sampled_from([(2,), (3,), (2, 3)]))
_nested = st.recursive(st.none() | _number | _text, lambda part: st.lists(part, max_size=3), max_leaves=8)
_made_up = st.one_of(_number, _text, st.binary(max_size=8), st.lists(_number, max_size=4), _array, _floats, _nested)

values = st.one_of(_thought_of, _thought_of, _made_up)
"""Anything at all."""


def is_small(value: Any) -> bool:
    """Whether a value is no number beyond 50."""
    try:
        return not abs(complex(value)) > 50
    except Exception:
        return True


small_values = values.filter(is_small)
"""Anything but a large number."""
