"""What every public argument goes through: one clear sentence for bad input, before anything is allocated."""

from __future__ import annotations

import math
import numbers
import os
import reprlib
from collections.abc import Iterable, Mapping, Set, Sized
from itertools import islice
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pylinear import _memory

Floats = NDArray[np.float64]
DTypeName = Literal["float64", "float32"]

# No single size may exceed this; products of sizes are taken in Python's integers, and refused as memory.
LARGEST_SIZE = 2**40
MOST_THREADS = 1024
# More than any system takes; an error with the path in it is to be of a length that can be read.
LONGEST_PATH = 2**12
# DLPack's numbers for devices whose memory the processor reads: its own, and what CUDA and ROCm pin or share.
_HOST_MEMORY = 1, 3, 11, 13


def show(value: object) -> str:
    """Return a short text for `value`, safe to put at the end of a sentence, whatever it is and however large."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    kind = "" if type(value) in (str, int, float, type(None)) else f" ({type(value).__name__})"
    return short(value, 60) + kind


def short(value: object, most: int) -> str:
    """Return at most so many characters for `value`, on one line."""
    text = " ".join(_SHORT.repr(value).split())
    return text if len(text) <= most else text[: most - 3] + "..."


class _Short(reprlib.Repr):
    """Writes down the beginning of what is long, without the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = self.maxdeque = 30

    def repr_str(self, x: str, level: int) -> str:
        return repr(x[:100])

    def repr_bytes(self, x: bytes, level: int) -> str:
        return repr(x[:100])

    def repr_int(self, x: int, level: int) -> str:
        # Python itself refuses to write down a number of more than some thousand digits.
        return repr(x) if x.bit_length() < 2000 else f"a number of some {x.bit_length() * 3 // 10} digits"

    def repr_instance(self, x: Any, level: int) -> str:
        try:
            return repr(x)
        except Exception:
            return "what cannot be shown"


_SHORT = _Short()


def integer(name: str, value: object, low: int = 1, high: int = LARGEST_SIZE) -> int:
    """Return `value` as an int between `low` and `high`."""
    error: type[Exception] = ValueError
    if not is_number(value, numbers.Integral):
        error = TypeError
    elif low <= (number := int(value)) <= high:  # type: ignore[call-overload]
        return int(number)
    raise error(f"{name} must be a whole number from {low} to {high}; got {show(value)}")


def real(name: str, value: object, low: float, high: float = math.inf, *, above: bool = False) -> float:
    """Return `value` as a finite float in [low, high], or in (low, high] with `above`."""
    error: type[Exception] = ValueError
    if not is_number(value, numbers.Real):
        error = TypeError
    else:
        try:
            number = float(value)  # type: ignore[arg-type]
        except OverflowError:
            number = math.inf
        if math.isfinite(number) and low <= number <= high and not (above and number == low):
            return number
    edge = "above" if above else "of at least"
    span = f"a finite number {edge} {low:g}" if high == math.inf else f"between {low:g} and {high:g}"
    raise error(f"{name} must be {span}; got {show(value)}")


def is_number(value: object, kind: type) -> bool:
    """Return whether `value` is of a kind of numbers: switches are of none, nor are numpy's durations."""
    return isinstance(value, kind) and not isinstance(value, bool | np.bool_ | np.timedelta64)


def choice(name: str, value: object, allowed: Iterable[str]) -> str:
    """Return `value` if it is one of the strings `allowed`."""
    options = list(allowed)
    message = f"{name} must be one of {', '.join(map(repr, options))}; got {show(value)}"
    if not isinstance(value, str):
        raise TypeError(message)
    if value not in options:
        raise ValueError(message)
    return str(value)


def unknown(what: str, name: object, allowed: Iterable[str]) -> str:
    """Return a sentence that says of a name that it is none of those allowed."""
    import difflib

    options = list(allowed)
    nearest = difflib.get_close_matches(name[:100], options, 1, 0.5) if isinstance(name, str) else []
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"there are {', '.join(options)}"
    return f"{show(name)} is no {what}; {hint}"


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
    raw = _read(name, value, wanted)
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


def _read(name: str, value: object, wanted: str) -> NDArray[Any]:
    """Return real numbers as they are given, in any type of an array."""
    parts = value if isinstance(value, list | tuple) and value and isinstance(value[0], np.ndarray) else [value]
    if any(isinstance(x, np.ma.MaskedArray) for x in parts):
        raise TypeError(f"{name} must not be a masked array: fill or drop the masked entries first")
    # numpy would make an array of a text as well, of four times its size.
    if not isinstance(value, str | bytes):
        value = plain(name, value)
        try:
            raw = np.asarray(value)
        except Exception:  # of whatever claims to be an array
            got = "rows of unequal length" if isinstance(value, list | tuple) else show(value)
            raise ValueError(f"{name} must be an array of shape {wanted}; got {got}") from None
        # A switch is no number, unlike the entries of a table of 0 and 1.
        if raw.dtype.kind in "iuf" or (raw.dtype.kind == "b" and raw.ndim):
            return raw
        value = raw if raw.ndim else value
    raise TypeError(f"{name} must hold real numbers; got {show(value)}")


def _length(value: object, taken: Sized) -> str:
    """Return how long a sequence is, of whose entries not all may have been taken."""
    return str(len(value) if isinstance(value, Sized) else len(taken)) + " or more" * (not isinstance(value, Sized))


def flips(name: str, value: object, count: int, what: str, entry: str = "flip") -> list[float]:
    """Return `count` flip probabilities, given as one for all or one per `what`; a wrong one is named as `entry`."""
    value = plain(name, value)
    if rank(value) == 0 or not isinstance(value, Iterable):
        return [real(name, value, 0.0, 0.5)] * count
    each = sequence(name, value, count, "numbers")
    if len(each) != count:
        raise ValueError(f"{name} must be one number or {count}, one per {what}; got {_length(value, each)}")
    return [real(entry.format(i), x, 0.0, 0.5) for i, x in enumerate(each)]


def item_numbers(name: str, value: object, n_items: int, others: str) -> NDArray[np.int64]:
    """Return `value` as an array of item numbers; `others` are what else it might have been."""
    value = plain(name, value)
    try:
        items = np.empty(0) if isinstance(value, np.ma.MaskedArray | bytes) else np.asarray(value)
    except Exception:  # of whatever claims to be an array
        items = np.empty(0)
    if items.dtype.kind not in "iu" or items.ndim != 1 or not items.size:
        raise TypeError(f"{name} must be {others} or a sequence of item numbers; got {show(value)}")
    wrong = items[(items < 0) | (items >= n_items)]
    if wrong.size:
        raise ValueError(f"{name} must name items from 0 to {n_items - 1}; got {wrong[0]}")
    return items.astype(np.int64)


def switch(name: str, value: object) -> bool:
    """Return a switch, which is on or off."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False; got {show(value)}")
    return bool(value)


def function(name: str, value: object) -> None:
    """Raise unless `value` can be called, or is None."""
    if value is not None and not callable(value):
        raise TypeError(f"{name} must be something to be called, or None; got {show(value)}")


def rank(value: object) -> int:
    """Return the number of axes of an array_like; -1 if its rows are of unequal length, or it cannot be read."""
    if isinstance(value, str | bytes):
        return 0
    try:
        return np.ndim(plain("it", value))
    except Exception:  # of whatever claims to be an array
        return -1


def rows(value: object) -> int:
    """Return the length of the first axis of an array_like; -1 if it has none."""
    try:
        return len(plain("it", value))
    except Exception:
        return -1


def path(name: str, value: object) -> str:
    """Return `value` as the text of a path."""
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"{name} must be a path; got {show(value)}")
    text = os.fsdecode(value)
    if not text or "\0" in text or len(text) > LONGEST_PATH:
        raise ValueError(f"{name} must be a path, of at most {LONGEST_PATH} characters; got {show(text)}")
    return text


def names(name: str, value: object, count: int) -> tuple[str, ...]:
    """Return `value` as a tuple of `count` non-empty strings."""
    out = tuple(sequence(name, value, count, f"{count} names"))
    if not all(isinstance(x, str) and x for x in out):
        wrong = next(x for x in out if not (isinstance(x, str) and x))
        raise TypeError(f"{name} must be non-empty strings; got {show(wrong)}")
    if len(out) != count:
        raise ValueError(f"{name} must be {count} names, one each; got {_length(value, out)}")
    return tuple(map(str, out))


def sequence(name: str, value: object, most: int, what: str) -> list[Any]:
    """Return the entries of a sequence, which is of `what`; one more than `most` if there are more.

    What is endless is not waited for, and what has no order is none.
    """
    value = plain(name, value)
    unordered = isinstance(value, str | bytes | Mapping | Set | np.ma.MaskedArray)
    # Of arrays those of one axis, of numbers.
    unfit = isinstance(value, np.ndarray) and (value.ndim != 1 or value.dtype.kind not in "biufU")
    if unordered or unfit or not isinstance(value, Iterable):
        raise TypeError(f"{name} must be a sequence of {what}; got {show(value)}")
    return list(islice(value, most + 1))


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
