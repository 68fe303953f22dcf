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
MOST_THREADS = 1024
# DLPack's numbers for devices whose memory the processor reads: its own, and what CUDA and ROCm pin or share.
_HOST_MEMORY = 1, 3, 11, 13


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


def unknown(what: str, name: object, allowed: Iterable[str]) -> str:
    """Return a sentence that says of a name that it is none of those allowed."""
    import difflib

    options = list(allowed)
    nearest = difflib.get_close_matches(str(name), options, 1, 0.5)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"there are {', '.join(options)}"
    return f"{name!r} is no {what}; {hint}"


def plain(name: str, value: Any) -> Any:
    """Return an array of another library as a numpy array over the same memory, through DLPack; all else as it is.

    So are lists of such arrays.
    """
    if isinstance(value, list | tuple) and value and _foreign(value[0]):
        return [plain(name, part) for part in value]
    if not _foreign(value):
        return value
    kind = f"{type(value).__module__.partition('.')[0]} {type(value).__name__}"
    try:
        device = int(value.__dlpack_device__()[0])
        if device not in _HOST_MEMORY:
            raise TypeError(
                f"{name} must be in the memory of the processor; got a {kind} on another device (DLPack type {device}):"
                " move it there first (.cpu() in torch, jax.device_get)"
            )
        # Of torch's: a view whose signs are yet to be turned would be handed over as if they were not to be.
        if hasattr(value, "is_neg") and value.is_neg():
            raise BufferError("a negative view, use tensor.resolve_neg()")
        return np.from_dlpack(value)
    except (BufferError, RuntimeError, ValueError, AttributeError, AssertionError) as error:
        why = " ".join(str(error).split()).rstrip(".")[:70]
        raise TypeError(
            f"{name} must be dense, without gradient and of a type that numpy has; got a {kind} ({why}):"
            " use .detach() or .float() in torch, .astype in jax"
        ) from None


def _foreign(value: object) -> bool:
    # What numpy has made speaks DLPack too, and keeps its own type, so that masked arrays are seen.
    return hasattr(value, "__dlpack__") and not isinstance(value, np.ndarray | np.generic)


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
    value = plain(name, value)
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
    value = plain(name, value)
    sequence = rank(value) == 1 and not isinstance(value, np.ma.MaskedArray)
    items = np.asarray(value) if sequence else np.empty(0)
    if items.dtype.kind not in "iu" or items.ndim != 1 or not items.size:
        raise TypeError(f"{name} must be {others} or a sequence of item numbers; got {show(value)}")
    wrong = items[(items < 0) | (items >= n_items)]
    if wrong.size:
        raise ValueError(f"{name} must name items from 0 to {n_items - 1}; got {wrong[0]}")
    return items.astype(np.int64)


def rank(value: object) -> int:
    """Return the number of axes of an array_like; -1 if its rows are of unequal length, or it cannot be read."""
    try:
        return np.ndim(plain("it", value))
    except (ValueError, TypeError):
        return -1


def rows(value: object) -> int:
    """Return the length of the first axis of an array_like; -1 if it has none."""
    try:
        return len(plain("it", value))
    except TypeError:
        return -1


def path(name: str, value: object) -> str:
    """Return `value` as the text of a path."""
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"{name} must be a path; got {show(value)}")
    text = os.fsdecode(value)
    if not text or "\0" in text:
        raise ValueError(f"{name} must be a path; got {show(text)}")
    return text


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
    """Return a number of threads; None stands for `threads_by_default`, or the limit of threadpoolctl if that is less.

    The limit is that of the calling thread.
    """
    if value is not None:
        return integer("threads", value, 1, MOST_THREADS)
    from pylinear import _engine  # which takes its own checks from here

    return min(threads_by_default(), _engine.thread_limit() or MOST_THREADS)


def threads_by_default() -> int:
    """Return PYLINEAR_NUM_THREADS, or the number of processors that this process may use."""
    asked = os.environ.get("PYLINEAR_NUM_THREADS")
    if not asked:
        return processors()
    if not (asked.isascii() and asked.isdigit() and 1 <= int(asked) <= MOST_THREADS):
        raise ValueError(f"PYLINEAR_NUM_THREADS must be a whole number from 1 to {MOST_THREADS}; got {show(asked)}")
    return int(asked)


def processors() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
