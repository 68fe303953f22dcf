"""The one module that knows which engines exist: the compiled core, and numba for the sampler without it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from threading import Event
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pylinear import _check, _memory
from pylinear._problem import parts

if TYPE_CHECKING:
    from pylinear._problem import Layers, Problem

try:
    from pylinear import _pylinear_core as _core
except ImportError:  # the pure-Python wheel
    _core = None  # type: ignore[assignment]

NO_CORE = (
    "the compiled core of pylinear is not installed, so networks cannot be trained: "
    "install a C++20 compiler (on Debian: apt install g++) and then install pylinear again"
)
SHADOWED = (
    "Python has imported pylinear from the folder of its source, where there is no compiled core: "
    "run Python from another folder or as 'python -P', or install with 'make dev' where a C++20 compiler is"
)
IN_CHECKOUT = os.path.exists(os.path.join(os.path.dirname(__file__), "..", "csrc"))


class EngineMissingError(RuntimeError):
    """Raised where the compiled core is needed and was not built."""


def core() -> ModuleType:
    """Return the compiled core, or raise EngineMissingError with the way to get it."""
    if _core is None:
        raise EngineMissingError(SHADOWED if IN_CHECKOUT else NO_CORE)
    return _core


def thread_limit() -> int | None:
    """Return the most threads that threadpoolctl lets calls from this thread use; None without a limit."""
    return None if _core is None else _core.thread_limit() or None


def engines() -> tuple[str, ...]:
    """Return the names of the sampler's engines that are installed, fastest first."""
    return ("numba",) if _core is None else ("native", "numba")


@cache
def _warn_fallback() -> None:
    warnings.warn("pylinear's compiled core is not installed; sampling with numba", RuntimeWarning, stacklevel=5)


def choose_sampler(engine: object) -> str:
    """Return "native" or "numba" for the argument `engine`."""
    chosen = _check.choice("engine", engine, ("auto", "native", "numba"))
    if chosen == "native":
        core()
    if chosen != "auto":
        return chosen
    if _core is None:
        _warn_fallback()
    return engines()[0]


def _numba_loops() -> Any:
    from pylinear import _numba

    return _numba


@dataclass(frozen=True)
class Diffusion:
    """Features `first`, `first` + 1, ... of a tree, and what draws them; `threshold` is flip * 2^64 per level."""

    engine: str
    branching: tuple[int, ...]
    threshold: tuple[int, ...]
    key: int
    first: int
    threads: int

    def sample(self, out: NDArray[Any]) -> None:
        """Fill `out` (n, P) with n features as +1 and -1."""
        if self.engine == "native":
            core().sample(**self._native(), out=out)
            return
        loops = _numba_loops()
        # Parts of about a million values: long enough not to count, short enough for Ctrl-C.
        size = max(64, 2**20 // out.shape[1] // 64 * 64)
        tree = self._arrays()

        def part(rank: int, start: int) -> None:
            loops.sample(*tree, np.uint64(self.first + start), out[start : start + size])

        self._share(len(out), size, part)

    def sample_bits(self, n: int, out: NDArray[np.uint64]) -> None:
        """Fill `out` (P, ceil(n / 64)) with n features as bits."""
        if self.engine == "native":
            core().sample_bits(**self._native(), n=n, out=out)
            return
        loops = _numba_loops()
        size = max(64, 2**20 // len(out) // 64 * 64)
        tree = self._arrays()

        def part(rank: int, start: int) -> None:
            count = min(size, n - start)
            columns = out[:, start // 64 : -(-(start + count) // 64)]
            loops.sample_bits(*tree, np.uint64(self.first + start), count, columns)

        self._share(n, size, part)

    def gram(self, n: int, out: NDArray[np.int64]) -> None:
        """Fill `out` (P, P) with Y^T Y of n features."""
        if self.engine == "native":
            core().gram(**self._native(), n=n, out=out)
            return
        loops = _numba_loops()
        # Whole tiles of about a million pairs of words.
        tile = 64 * loops.GRAM_BLOCKS
        size = max(1, 2**20 * 64 // (len(out) ** 2 + 64) // tile) * tile
        tree = self._arrays()
        counts = np.zeros((self.threads, *out.shape), dtype=np.int64)

        def part(rank: int, start: int) -> None:
            loops.count_differences(*tree, np.uint64(self.first + start), min(size, n - start), counts[rank])

        self._share(n, size, part)
        differ = counts.sum(axis=0)
        # Each feature adds 1 where two items agree and -1 where they differ.
        out[:] = n - 2 * (differ + differ.T)

    def _native(self) -> dict[str, Any]:
        everything = {field.name: getattr(self, field.name) for field in fields(self)}
        del everything["engine"]
        return everything

    def _arrays(self) -> tuple[object, ...]:
        return np.array(self.branching, dtype=np.int64), np.array(self.threshold, dtype=np.uint64), np.uint64(self.key)

    def _share(self, n: int, size: int, part: Callable[[int, int], None]) -> None:
        """Call part(rank, start) for start = 0, size, ... below n; rank tells the threads apart."""
        from concurrent.futures import ThreadPoolExecutor

        leave = Event()

        def run(rank: int) -> None:
            for start in range(rank * size, n, self.threads * size):
                if leave.is_set():
                    return
                part(rank, start)

        _memory.require_threads(self.threads)
        pool = ThreadPoolExecutor(self.threads)
        try:
            for future in [pool.submit(run, rank) for rank in range(self.threads)]:
                future.result()
        finally:
            leave.set()
            pool.shutdown()


def _network_class(dtype: str) -> Any:
    return getattr(core(), f"Network{dtype[-2:]}")


def network_bytes(
    sizes: tuple[int, int, int], route: str, update: str, hidden: int, dtype: str, threads: int, processes: int = 1
) -> float:
    """Return the bytes that one network takes, with the float64 weights that it is made from and copied to.

    `sizes` are the rows of W32, the items, and the rows of the lower layer; of several processes, each takes so much.
    """
    rows, _, lower = sizes
    network = float(_network_class(dtype).bytes(route, update, *sizes, hidden, threads, processes))
    return network + 16.0 * hidden * (rows / processes + lower)


def training_set_bytes(rows: int, n_items: int, dtype: str) -> int:
    """Return the bytes of the arrays that all networks on one dataset share, and of those they are made from."""
    # The decomposition holds three float64 arrays of the outputs' size; float32 ones are copies of their own.
    return rows * n_items * (24 if dtype == "float64" else 32)


@dataclass(frozen=True, eq=False)
class Order:
    """An order of presentation, by name or as items, with the key of its draws.

    It is counted from `shift` presentations before the first.
    """

    order: str | NDArray[np.int64]
    key: int
    shift: int = 0

    @property
    def arguments(self) -> dict[str, Any]:
        """The same as the core takes it."""
        named = isinstance(self.order, str)
        name, given = (self.order, np.empty(0, np.int64)) if named else ("given", self.order)
        return {"order": name, "key": self.key, "given": given, "shift": self.shift}


class TrainingSet:
    """A problem as the core reads it: arrays of one dtype, shared by any number of networks."""

    def __init__(
        self,
        problem: Problem,
        dtype: str,
        n_features: int | None = None,
        poll: Callable[[], None] = lambda: None,
    ) -> None:
        inputs = problem.inputs
        self.dtype = np.dtype(dtype)
        self._network = _network_class(dtype)
        self._training_set = getattr(core(), f"TrainingSet{dtype[-2:]}")(
            outputs=self._shared("outputs", problem.outputs, poll),
            inputs=None if inputs.read is None else self._shared("inputs", inputs.read.T, poll),
            input_squares=inputs.squares,
            synthesizers=self._shared("u", problem.synthesizers, poll),
            coefficients=np.ascontiguousarray(inputs.coefficients, dtype=np.float64),
            n_features=len(problem.outputs) if n_features is None else n_features,
        )

    def network(
        self,
        layers: Layers,
        *,
        route: str,
        update: str,
        rate: float,
        order: Order,
        position: int = 0,
        stop: Any = None,
        poll: Callable[[], None] = lambda: None,
        **ranks: Any,
    ) -> Any:
        """Return a core network with these weights after so many presentations; `ranks` tell who shares it.

        `poll` is called now and then, and may raise; where `stop` is raised it has to.
        """
        network = self._network(
            data=self._training_set,
            route=route,
            update=update,
            hidden=layers.w32.shape[1],
            rate=rate,
            **order.arguments,
            **ranks,
        )
        for name, array, place in zip(("w21", "w32"), layers, network.views(), strict=True):
            self._copy(name, array, place, poll)
        while not network.begin(position, core().StopFlag() if stop is None else stop):
            poll()
        return network

    def _shared(self, name: str, array: NDArray[Any], poll: Callable[[], None]) -> NDArray[Any]:
        """Return `array` as the core reads it: itself, or a copy where it is of another type."""
        if array.dtype == self.dtype and array.flags.c_contiguous:
            return self.cast(name, array)
        out = np.empty(array.shape, self.dtype)
        self._copy(name, array, out, poll)
        return out

    def _copy(self, name: str, array: NDArray[Any], place: NDArray[Any], poll: Callable[[], None]) -> None:
        """Write `array` to where the core has it."""
        if array.shape != place.shape:
            raise ValueError(f"{name} must be an array of shape {place.shape}; got shape {array.shape}")
        try:
            for rows in parts(*array.shape):
                poll()
                place[rows] = self.cast(name, array[rows])
        except ValueError:
            self.cast(name, array)  # tells which entry of all it was
            raise

    def cast(self, name: str, array: NDArray[Any]) -> NDArray[Any]:
        """Return `array` in the type of the run, or raise if that is too small for a number in it."""
        return _check.array(name, array, None, self.dtype.type, copy=False)
