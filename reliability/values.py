"""The values that every argument is given, and of each what may become of it.

A value is made from the valid one of its call, if it can be. There are four kinds:

- "taken": another appearance of the valid value, which must give the same result to the last bit;
- "alike": the same, or a refusal;
- "refused": what no argument takes;
- "judged": plain numbers, texts, switches and None, which the documentation of an argument decides about.
"""

from __future__ import annotations

import array
import copy
import itertools
import pathlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np


class Value(NamedTuple):
    """A value under its name, the kind of it, and for "taken" and "alike" the ordinary value that it stands for."""

    name: str
    kind: str
    value: Any
    plain: Any = None


class Text(str):
    """A text of another class."""


class Unspeakable:
    """An object that cannot be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no words for it")


class Unreadable:
    """An object that promises to be an array and is none."""

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("no array after all")


class Wordy:
    """An object that is shown in many lines."""

    def __repr__(self) -> str:
        return "a\nb\n" * 10**5


class Anything:
    """A class that takes whatever it is called with."""

    def __init__(self, *_: Any) -> None:
        pass


class Holder:
    """An object that is an array to those who ask."""

    def __init__(self, held: np.ndarray) -> None:
        self._held = held

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.array(self._held, dtype=dtype)


class Foreign:
    """An array of another library, that is one by DLPack."""

    def __init__(self, held: np.ndarray) -> None:
        self._held = held

    def __dlpack__(self, **asked: Any) -> Any:
        return self._held.__dlpack__(**asked)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._held.__dlpack_device__()


def _masked() -> np.ndarray:
    return np.ma.array([0.25, 0.5], mask=[True, False])


def _circular() -> list[Any]:
    out: list[Any] = []
    out.append(out)
    return out


# What no argument takes. Each is made anew, since some can be used once.
REFUSED: dict[str, Callable[[], Any]] = {
    "object": object,
    "unspeakable object": Unspeakable,
    "unreadable object": Unreadable,
    "wordy object": Wordy,
    "dict": lambda: {"x": object()},
    "set": lambda: {object()},
    "bytes": lambda: b"abc",
    "complex": lambda: 0.5 + 1j,
    "complex array": lambda: np.ones((2, 2), complex),
    "NaN": lambda: float("nan"),
    "numpy's NaN": lambda: np.float32("nan"),
    "10**400": lambda: 10**400,
    "10**5000": lambda: 10**5000,
    "date": lambda: np.datetime64("2020-01-01"),
    "duration": lambda: np.timedelta64(3, "D"),
    "structured array": lambda: np.zeros(2, [("x", float)]),
    "array of texts": lambda: np.array(["a", "b"]),
    "array of objects": lambda: np.array([[1, None]], dtype=object),
    "array of NaN": lambda: np.full((2, 2), np.nan),
    "masked array": _masked,
    "ragged list": lambda: [[1, 2], [3]],
    "circular list": _circular,
    "list of None": lambda: [None, None],
    "generator of objects": lambda: (object() for _ in range(2)),
    "endless iterator": lambda: itertools.repeat(2),
}
# What the documentation of an argument decides about.
JUDGED: dict[str, Any] = {
    "inf": float("inf"),
    "-inf": float("-inf"),
    "0": 0,
    "-1": -1,
    "-0.5": -0.5,
    "0.7": 0.7,
    "3": 3,
    "2**31": 2**31,
    "2**63": 2**63,
    "1e-320": 1e-320,
    "1e308": 1e308,
    "True": True,
    "False": False,
    "None": None,
    "text": "x",
    "empty text": "",
    "text of a number": "3",
    "text of 10**7": "x" * 10**7,
    "text with a line end": "a\nb",
    "text with NUL": "a\0b",
    "empty list": [],
    "empty tuple": (),
    "empty dict": {},
    "empty array": np.empty(0),
    "empty matrix": np.empty((0, 3)),
    "vector": np.array([0.25, 0.5, 0.75]),
    "matrix": np.array([[0.25, 0.5], [0.125, 0.25]]),
    "5 axes": np.full((1, 2, 1, 2, 1), 0.5),
    "list of 10**5": [0.5] * 10**5,
    "callable": lambda *_: None,
    "type": Anything,
}


def values_for(base: Any) -> Iterator[Value]:
    """Yield all values for an argument whose valid value is `base`."""
    for name, make in REFUSED.items():
        yield Value(name, "refused", make())
    for name, value in JUDGED.items():
        yield Value(name, "judged", value)
    if isinstance(base, list | tuple):
        yield from _spoiled_sequences(base)
    numbers = _as_array(base)
    if numbers is not None and numbers.ndim:
        yield from _arrays(base, numbers)
    elif isinstance(base, int | float) and not isinstance(base, bool):
        yield from _scalars(base)
    elif isinstance(base, str):
        yield Value("text of another class", "alike", Text(base), base)
        yield Value("numpy's text", "alike", np.str_(base), base)
        yield Value("path", "alike", pathlib.Path(base), base)
        yield Value("text in bytes", "alike", base.encode(), base)
        yield Value("text in capitals", "alike", base.upper(), base)
    elif isinstance(base, bool):
        yield Value("numpy's bool", "alike", np.bool_(base), base)
        yield Value("array of a bool", "alike", np.array(base), base)
    if isinstance(base, list | tuple):
        yield Value("generator", "alike", (x for x in copy.deepcopy(base)), base)
        other = tuple if isinstance(base, list) else list
        yield Value("tuple for list", "alike", other(copy.deepcopy(base)), base)
    if isinstance(base, dict):
        yield Value("other mapping", "alike", MappingProxyType(base), base)
        yield Value("wrong key", "refused", dict(zip(itertools.count(), base.values(), strict=False)))
        yield Value("wrong value", "refused", dict.fromkeys(base, object()))
        for name, make in REFUSED.items():
            yield Value(f"{name} among the values", "refused", {x: [make()] for x in base})


def _as_array(base: Any) -> np.ndarray | None:
    """Return numbers as an array, None for what is something else."""
    if isinstance(base, bool | str) or not isinstance(base, np.ndarray | list | tuple | int | float):
        return None
    try:
        out = np.array(base)
    except ValueError:
        return None
    return out if out.dtype.kind in "iuf" else None


def _scalars(base: float) -> Iterator[Value]:
    """Yield a number in other types."""
    whole = isinstance(base, int)
    for kind in ("int64", "uint8", ">i4") if whole else ("float64", "float32", "float16", "longdouble", ">f8"):
        number = np.dtype(kind).type(base)
        yield Value(f"{kind} number", "alike", number, number.item() if kind != "longdouble" else float(number))
        held = np.array(base, kind)
        yield Value(f"{kind} without axes", "alike", held, held.item() if kind != "longdouble" else float(held))
    yield Value("masked number", "refused", np.ma.array(base, mask=True))
    yield Value("object without axes", "refused", np.array(base, object))
    yield Value("number in a list", "alike", [base], np.array([base]))
    if whole:
        yield Value("whole float", "alike", float(base), base)
    else:
        yield Value("fraction", "alike", Fraction(base), base)


def _arrays(base: Any, numbers: np.ndarray) -> Iterator[Value]:
    """Yield an array in other layouts and types, and with something wrong in it."""
    yield from _layouts(numbers)
    for kind in ("float32", "float16", "longdouble", "int8", "uint16", "bool"):
        with np.errstate(all="ignore"):
            other = numbers.astype(kind)
        plain = other.astype(np.int64 if numbers.dtype.kind in "iu" else np.float64)
        yield Value(kind, "alike", other, plain)
    yield Value("nested lists", "alike", numbers.tolist(), numbers)
    yield Value("matrix class", "alike", numbers.copy().view(Subclass), numbers)
    yield Value("holder", "alike", Holder(numbers), numbers)
    yield Value("masked nowhere", "refused", np.ma.array(numbers))
    yield Value("complex", "refused", numbers + 0j)
    yield Value("objects", "refused", numbers.astype(object))
    yield Value("texts", "refused", numbers.astype(str))
    yield Value("texts in lists", "refused", numbers.astype(str).tolist())
    if numbers.ndim == 1:
        yield Value("memoryview", "alike", memoryview(numbers.astype(numbers.dtype)), numbers)
        yield Value("array of the stdlib", "alike", array.array(numbers.dtype.char, numbers.tolist()), numbers)
    for name, wrong in (("NaN", np.nan), ("inf", np.inf), ("-inf", -np.inf)):
        spoiled = numbers.astype(float)
        spoiled.flat[-1] = wrong
        yield Value(f"{name} inside", "judged" if name == "inf" else "refused", spoiled)
    yield Value("one axis more", "judged", numbers[None])
    yield Value("one axis less", "judged", numbers[0])
    yield Value("turned signs", "judged", -numbers)
    for axis in range(numbers.ndim):
        yield Value(f"one more along axis {axis}", "judged", np.concatenate([numbers, numbers.take([0], axis)], axis))
        yield Value(f"none along axis {axis}", "judged", numbers.take([], axis))


class Subclass(np.ndarray):
    """An array of another class."""


def _layouts(numbers: np.ndarray) -> Iterator[Value]:
    """Yield an array as it may lie in memory."""
    swapped = numbers.dtype.newbyteorder(">")
    frozen = numbers.copy()
    frozen.flags.writeable = False
    backwards = numbers[::-1].copy()[::-1]
    gaps = np.repeat(numbers, 2, axis=-1)[..., ::2]
    unaligned = np.frombuffer(b"\0" + numbers.tobytes(), np.int8)[1:].view(numbers.dtype).reshape(numbers.shape)
    for name, value in (
        ("big-endian", numbers.astype(swapped)),
        ("read-only", frozen),
        ("backwards", backwards),
        ("with gaps", gaps),
        ("by columns", numbers.copy(order="F")),
        ("not aligned", unaligned),
        ("of another library", Foreign(numbers.copy())),
    ):
        yield Value(name, "taken", value, numbers)
    # Such overlap needs equal entries, which not every argument can have: what an ordinary copy does counts.
    same = np.broadcast_to(numbers.flat[0].copy(), numbers.shape)
    yield Value("overlapping", "equal", same, same.copy())
    rows = np.lib.stride_tricks.as_strided(
        numbers.copy(), numbers.shape, (0,) * (numbers.ndim - 1) + numbers.strides[-1:]
    )
    yield Value("overlapping rows", "equal", rows, rows.copy())


def _spoiled_sequences(base: Any) -> Iterator[Value]:
    """Yield a sequence whose last entry is wrong."""
    for name in ("object", "complex", "NaN", "unspeakable object", "10**5000", "circular list", "structured array"):
        yield Value(f"{name} in it", "refused", type(base)([*base[:-1], REFUSED[name]()]))
    texts = isinstance(base[-1], str)
    for wrong in (None, "" if texts else "x", b"x"):
        yield Value(f"{wrong!r} in it", "refused", type(base)([*base[:-1], wrong]))
    yield Value("True in it", "alike", type(base)([*base[:-1], True]), type(base)([*base[:-1], 1]))
    for wrong in (-1, 2**31, 2**63):
        yield Value(f"{wrong} in it", "judged", type(base)([*base[:-1], wrong]))
    yield Value("one less", "judged", base[:-1])
    yield Value("one more", "judged", type(base)([*base, base[-1]]))
