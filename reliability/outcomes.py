"""What became of a call: its result to the last bit, or its refusal, with the time and the memory that it took."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import re
import resource
import signal
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import pylinear as pl

# Seconds of the processor after which a call is interrupted, as by Ctrl-C.
LONGEST = 1.0


class Outcome(NamedTuple):
    """What a call returned or raised; the time [s] and the most memory [bytes] that it took beside what there was."""

    result: Any
    error: BaseException | None
    seconds: float
    memory: int
    interrupted: bool


class Alarm:
    """Interrupts a block that has computed for some time, and again, as Ctrl-C does."""

    def __init__(self) -> None:
        self.rung = False
        self._armed = False

    def __enter__(self) -> Alarm:
        signal.signal(signal.SIGPROF, self._ring)
        self._armed = True
        signal.setitimer(signal.ITIMER_PROF, LONGEST, LONGEST)
        return self

    def __exit__(self, *_: object) -> None:
        self._armed = False
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _ring(self, *_: object) -> None:
        if self._armed:
            self.rung = True
            raise KeyboardInterrupt


@contextlib.contextmanager
def little_memory(more: int = 2**31) -> Iterator[None]:
    """Let the process have no more than so many bytes beside those it has: what takes all memory takes no others'."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_size("VmSize") + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _size(what: str) -> int:
    """Return the memory of this process: asked for (VmSize), resident (VmRSS), at most since `_forget_peak` (VmHWM)."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(what))


def _forget_peak() -> None:
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def outcome(call: Callable[[], Any]) -> Outcome:
    """Return what became of a call.

    Memory is what numpy and Python tell tracemalloc, or what became resident in the process, in which the core's is:
    whichever is more.
    """
    resident = _size("VmRSS")
    _forget_peak()
    tracemalloc.start()
    result, error, alarm = None, None, Alarm()
    began = time.perf_counter()
    try:
        with alarm, warnings.catch_warnings():
            warnings.simplefilter("error")
            result = call()
    except BaseException as raised:
        error = raised.with_traceback(None)
    seconds = time.perf_counter() - began
    traced = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return Outcome(result, error, seconds, max(traced, _size("VmHWM") - resident), alarm.rung)


def fastest(make_call: Callable[[], Callable[[], Any]]) -> float:
    """Return the least time of ten calls, without the counting of memory: what is slow by itself is so each time."""
    times = []
    for _ in range(10):
        call = make_call()
        began = time.perf_counter()
        with contextlib.suppress(BaseException), Alarm(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call()
        times.append(time.perf_counter() - began)
    return min(times)


class Bits:
    """The bits of a result: everything that its user can see of it."""

    def __init__(self, result: Any) -> None:
        self._hash = hashlib.sha256()
        self.finite = True
        self._take(result)
        self.digest = self._hash.hexdigest()

    def _say(self, *words: object) -> None:
        self._hash.update(repr(words).encode())

    def _take(self, x: Any) -> None:
        module = type(x).__module__.partition(".")[0]
        if isinstance(x, np.ndarray | np.generic | float | complex):
            self._number(np.asarray(x))
        elif module == "xarray":
            self._take([(name, x[name].values) for name in sorted(x.variables)])
        elif isinstance(x, Mapping):
            self._take([*x.items()])
        elif isinstance(x, pl.Simulation):
            self._simulation(x)
        elif isinstance(x, pl.ZarrRecorder):
            self._take(x.to_xarray())
        elif isinstance(x, pl.Dataset):
            self._dataset(x)
        elif isinstance(x, pl.Run):
            finite = self.finite
            self._take([x.mode_strengths, x.loss, x.weights, x.presentations, x.rate, x.rng, x.status, x.order])
            self.finite |= finite and "diverged" in x.status
        elif isinstance(x, pl.Gap):
            self._take([x.run, x.s, x.paper_strength, [*x.theories]])
            self._take([(curves.strengths, curves.loss) for curves in x.theories.values()])
        elif isinstance(x, pl.Tree):
            self._take([x.branching, x.flip, x.covariance if x.n_items < 1000 else 0])
        elif module == "matplotlib":
            self._drawn(x)
        elif dataclasses.is_dataclass(x):
            self._take([getattr(x, field.name) for field in dataclasses.fields(x)])
        elif isinstance(x, tuple | list):
            self._say(len(x))
            for part in x:
                self._take(part)
        else:
            self._say(x)

    def _number(self, x: np.ndarray) -> None:
        if x.dtype.kind in "fc":
            self.finite &= bool(np.isfinite(x).all())
        # Whole numbers are the same in any type.
        x = x.astype(np.float64) if x.dtype.kind in "iu" else x
        self._say(x.shape, x.dtype.str, x.tolist() if x.dtype.kind in "OU" else x.tobytes())

    def _dataset(self, x: pl.Dataset) -> None:
        self._take(
            [
                x.n_features,
                x.inputs,
                x.items,
                x.features if x.n_features < 10**6 else (),
                x.rng,
                x.engine,
                x.gram,
                x.modes,
            ]
        )
        self._take(x.outputs if x.has_outputs else x.rotated_outputs)

    def _simulation(self, x: pl.Simulation) -> None:
        self._take([x.w21, x.w32, x.rate, x.order, x.dtype, x.update, x.presentations, x.status, x.rng, x.loss])
        self._take(x.data)
        finite = self.finite
        x.advance(epochs=3)
        self._take([x.w21, x.w32, x.presentations, x.mode_strengths])
        self.finite = finite  # whatever the rate made of it

    def _drawn(self, x: Any) -> None:
        figure = getattr(x, "figure", x)
        for ax in figure.axes:
            self._take([line.get_xydata() for line in ax.lines if line.get_xydata().size])
            self._take([np.asarray(image.get_array()) for image in ax.images])
            self._take([np.ma.filled(one.get_offsets(), 0.0) for one in ax.collections])
            self._take([patch.get_extents().bounds for patch in ax.patches])
            self._take([ax.get_xlim(), ax.get_ylim(), ax.get_xlabel(), ax.get_ylabel(), ax.get_title()])
            self._say([text.get_text() for text in ax.texts])


def used(result: Any, owner: Any) -> Any:
    """Return the result of a call, or what it has done to its owner; what it opens is opened and closed."""
    if hasattr(result, "__enter__") and not isinstance(result, pl.ZarrRecorder):
        with result as opened:
            return [np.array(x) for x in opened]
    return owner if result is None else result


def files() -> dict[str, tuple[int, int]]:
    """Return the files here, with their sizes and times."""
    return {
        os.path.join(folder, name): ((status := os.stat(os.path.join(folder, name))).st_size, status.st_mtime_ns)
        for folder, folders, names in os.walk(".")
        for name in (*folders, *names)
        if name not in folders
    } | {os.path.join(folder, name): (0, 0) for folder, folders, _ in os.walk(".") for name in folders}


def complaint(error: BaseException, names: list[str]) -> str:
    """Return what is wrong with a refusal, which must say one of the names; nothing if it is as it must be."""
    text = str(error)
    if isinstance(error, OSError) and not isinstance(error, ValueError):
        return "" if error.filename is not None and repr(error.filename) in text else f"no path in {error!r}"
    if isinstance(error, RuntimeError) and isinstance(error.__cause__, MemoryError):
        return complaint(error.__cause__, names)
    if isinstance(error, MemoryError):
        return "" if re.fullmatch(r".* would take [\d.]+ GB; [\d.]+ GB are available", text) else f"bare {error!r}"
    if type(error) not in (TypeError, ValueError, pl.FileError):
        return f"{type(error).__name__}: {text[:120]}"
    if "\n" in text or len(text) > 250:
        return f"a long message: {text[:120]!r}"
    if not any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in names):
        return f"the message does not name it: {text}"
    if not re.search(r"\b(must|needs|is no|is damaged|are refused)\b", text):
        return f"the message does not say what is allowed: {text}"
    return ""


def snapshot(value: Any) -> Any:
    """Return what a value is, as far as a call could change it."""
    if isinstance(value, np.ndarray):
        return value.shape, value.strides, value.dtype.str, value.flags.writeable, bytes(np.ascontiguousarray(value))
    if isinstance(value, list | tuple) and len(value) < 100:
        return [id(x) if isinstance(x, list) and x is value else snapshot(x) for x in value]
    return None


def spoil(value: Any) -> None:
    """Overwrite arrays that the caller still holds: what was made from them must not follow."""
    if isinstance(value, np.ndarray) and value.flags.writeable and value.dtype.kind in "iuf":
        value[...] = 77
    elif isinstance(value, list | tuple):
        for part in value:
            spoil(part)


def here() -> Path:
    return Path.cwd()
