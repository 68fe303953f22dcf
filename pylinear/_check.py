"""What every public argument goes through: one clear sentence for bad input, before anything is allocated."""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pylinear import _memory

Floats = NDArray[np.float64]
DTypeName = Literal["float64", "float32"]

# No single size may exceed this; products of sizes are taken in Python's integers, and refused as memory.
LARGEST_SIZE = 2**40


def show(value: object) -> str:
    """Return a short text for `value`, safe to put at the end of a sentence."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    text = " ".join(repr(value).split())
    kind = "" if type(value) in (str, int, float, type(None)) else f" ({type(value).__name__})"
    return (text if len(text) <= 60 else text[:57] + "...") + kind


def integer(name: str, value: object, low: int = 1, high: int = LARGEST_SIZE) -> int:
    """Return `value` as an int between `low` and `high`."""
    allowed = f"{name} must be a whole number from {low} to {high}; got {show(value)}"
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Integral):
        raise TypeError(allowed)
    if not low <= int(value) <= high:
        raise ValueError(allowed)
    return int(value)


def real(name: str, value: object, low: float, high: float = math.inf, *, above: bool = False) -> float:
    """Return `value` as a finite float in [low, high], or in (low, high] with `above`."""
    edge = "above" if above else "of at least"
    span = f"a finite number {edge} {low:g}" if high == math.inf else f"between {low:g} and {high:g}"
    allowed = f"{name} must be {span}; got {show(value)}"
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        raise TypeError(allowed)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or number > high or number < low or (above and number == low):
        raise ValueError(allowed)
    return number


def choice(name: str, value: object, allowed: Iterable[str]) -> str:
    """Return `value` if it is one of the strings `allowed`."""
    options = list(allowed)
    message = f"{name} must be one of {', '.join(map(repr, options))}; got {show(value)}"
    if not isinstance(value, str):
        raise TypeError(message)
    if value not in options:
        raise ValueError(message)
    return value


def array(
    name: str,
    value: object,
    shape: tuple[int | None, ...] | None,
    dtype: type = np.float64,
    *,
    copy: bool = True,
    infinite: bool = False,
) -> NDArray[Any]:
    """Return `value` as C-contiguous finite floats, copied if asked or needed.

    None in `shape` stands for any length from 1 on, None in its place for any shape at all. With `infinite`, +inf may
    be among them.
    """
    wanted = "n" if shape is None else "x".join("n" if n is None else str(n) for n in shape) or "a single number"
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} must not be a masked array: fill or drop the masked entries first")
    try:
        raw = np.asarray(value)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(f"{name} must be an array of shape {wanted}; got rows of unequal length") from None
    if raw.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers; got dtype {raw.dtype}")
    fits = shape is None or (
        raw.ndim == len(shape)
        and all(have >= 1 if want is None else have == want for have, want in zip(raw.shape, shape, strict=True))
    )
    if not fits:
        raise ValueError(f"{name} must be an array of shape {wanted}; got shape {raw.shape}")
    _memory.require(f"a copy of {name}", raw.size * np.dtype(dtype).itemsize)
    with np.errstate(over="ignore"):
        out: NDArray[Any] = np.array(raw, dtype=dtype, order="C", copy=True if copy else None)
    finite = np.isfinite(out)
    if infinite:
        finite |= out == math.inf
    if not finite.all():
        first = tuple(int(i) for i in np.argwhere(~finite)[0])
        where, seen = ", ".join(map(str, first)), raw[first]
        wanted = "a number or inf" if infinite else "finite"
        raise ValueError(f"{name} must be {wanted} in {np.dtype(dtype)}; got {seen} at [{where}]")
    return out


def item_numbers(name: str, value: object, n_items: int, others: str) -> NDArray[np.int64]:
    """Return `value` as an array of item numbers; `others` are what else it might have been."""
    plain = rank(value) == 1 and not isinstance(value, np.ma.MaskedArray)
    items = np.asarray(value) if plain else np.empty(0)
    if items.dtype.kind not in "iu" or items.ndim != 1 or not items.size:
        raise TypeError(f"{name} must be {others} or a sequence of item numbers; got {show(value)}")
    wrong = items[(items < 0) | (items >= n_items)]
    if wrong.size:
        raise ValueError(f"{name} must name items from 0 to {n_items - 1}; got {wrong[0]}")
    return items.astype(np.int64)


def rank(value: object) -> int:
    """Return the number of axes of an array_like; -1 if its rows are of unequal length."""
    try:
        return np.ndim(value)  # type: ignore[arg-type]
    except ValueError:
        return -1


def rows(value: object) -> int:
    """Return the length of the first axis of an array_like; -1 if it has none."""
    try:
        return len(value)  # type: ignore[arg-type]
    except TypeError:
        return -1


def names(name: str, value: object, count: int) -> tuple[str, ...]:
    """Return `value` as a tuple of `count` non-empty strings."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"{name} must be a sequence of {count} names; got {show(value)}")
    out = tuple(value)
    if not all(isinstance(x, str) and x for x in out):
        wrong = next(x for x in out if not (isinstance(x, str) and x))
        raise TypeError(f"{name} must be non-empty strings; got {show(wrong)}")
    if len(out) != count:
        raise ValueError(f"{name} must be {count} names, one each; got {len(out)}")
    return out


def dtype_name(value: object) -> DTypeName:
    """Return "float64" or "float32"."""
    return "float32" if choice("dtype", value, ("float64", "float32")) == "float32" else "float64"


def threads(value: object) -> int:
    """Return a number of threads; None stands for PYLINEAR_NUM_THREADS, or the processors this process may use."""
    asked = os.environ.get("PYLINEAR_NUM_THREADS")
    if value is None and asked:
        if not (asked.isascii() and asked.isdigit() and 1 <= int(asked) <= 1024):
            raise ValueError(f"PYLINEAR_NUM_THREADS must be a whole number from 1 to 1024; got {show(asked)}")
        return int(asked)
    if value is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return integer("threads", value, 1, 1024)
