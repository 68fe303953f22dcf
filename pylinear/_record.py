"""One network trained from start to end, and what was recorded of it."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pylinear import _engine, _memory
from pylinear._check import Floats
from pylinear._flow import averaged, integrate
from pylinear._problem import Layers, Problem, parts
from pylinear._stop import Stop
from pylinear.theory._unbalanced import squares_of, strength_of


@dataclass(frozen=True, eq=False)
class Record:
    """What was recorded of one network; T recorded times. NaN from the time on at which it stopped.

    Attributes
    ----------
    mode_strengths : (T, K)
        u_alpha^T W32 W21 v_alpha.
    loss : (T,)
        Half the squared error.
    initial_strengths : (K,)
        Effective initial strengths; see `theory.initial_strength`.
    standing : callable
        Returns the layers at the end; see `last`.
    sizes : (int, int, int)
        Rows, hidden units and rows of the lower layer.
    hidden : (T, P, N2) or None
        Row p is W21 x_p.
    over_time : Layers or None
        At all times.
    maps : (T, K, K) or None
        u_alpha^T W32 W21 v_beta.
    status : str
        "ok", "diverged" or "interrupted".
    completed : int
        Presentations.
    resume : Resume or None
        Where to go on, if it was interrupted and is to go on.
    """

    mode_strengths: Floats
    loss: Floats
    initial_strengths: Floats
    standing: Callable[[], Layers]
    sizes: tuple[int, int, int]
    hidden: NDArray[Any] | None
    over_time: Layers | None
    maps: Floats | None
    status: str
    completed: int
    resume: Resume | None = None

    @cached_property
    def last(self) -> Layers:
        """The layers at the end. What a stopped network leaves of a block is computed upon the first use."""
        return self.standing()


class Resume(NamedTuple):
    """What an interrupted training goes on from to the last bit.

    Attributes
    ----------
    layers : Layers
        Where the block began in which it was interrupted.
    position : int
        Presentations until there.
    norms : (float, float)
        Bounds that the core keeps of the layers.
    done : int
        How many times have been recorded.
    """

    layers: Layers
    position: int
    norms: tuple[float, float]
    done: int


class Settled(NamedTuple):
    """The record of one run, the level of a ladder that it was computed at, if any, and the estimate of its error."""

    record: Record
    level: int | None
    error: float


class Trained(NamedTuple):
    """A network with what it began with and what became of it."""

    first: Layers
    record: Record


@dataclass(frozen=True)
class Task:
    """What is to be done with the networks of one run."""

    train: Callable[[Problem, Layers], Record]
    poll: Callable[[], None]  # called now and then by what takes long; may raise Interrupted
    parallel: bool  # whether a thread is free beside the one that asks

    def together(self, one: Callable[[], Trained], other: Callable[[], Trained]) -> tuple[Trained, Trained]:
        """Return what two functions return, called at the same time where a thread is free."""
        if not self.parallel:
            return one(), other()
        from concurrent.futures import ThreadPoolExecutor

        _memory.require_threads(1)
        with ThreadPoolExecutor(1) as pool:
            beside = pool.submit(one)
            second = other()
            return beside.result(), second


def difference(coarse: Trained, fine: Trained) -> float:
    """Return the largest difference of two nested networks over what was recorded, relative to the largest value.

    The units of the coarse network are the first ones of the fine one.
    """
    a, b = coarse.record, fine.record
    if a.completed != b.completed:
        return math.inf
    pairs: list[tuple[Any, Any]] = [(a.mode_strengths, b.mode_strengths), (a.loss, b.loss)]
    if a.hidden is not None and b.hidden is not None:
        pairs.append((a.hidden, b.hidden))
    if a.maps is not None and b.maps is not None:
        pairs.append((a.maps, b.maps))
    if a.over_time is not None and b.over_time is not None:
        pairs += zip(_moved(coarse.first, a.over_time), _moved(fine.first, b.over_time), strict=True)
    return max(_largest(*pair) for pair in pairs)


def difference_with_weights(coarse: Trained, fine: Trained) -> float:
    """Return the same, the weights at the end included."""
    if coarse.record.completed != fine.record.completed:
        return math.inf
    pairs = zip(_moved(coarse.first, coarse.record.last), _moved(fine.first, fine.record.last), strict=True)
    return max(difference(coarse, fine), *(_largest(*pair) for pair in pairs))


def _moved(first: Layers, last: Layers) -> list[Floats]:
    """Return how far each layer has moved: what nested networks begin with is not the same."""
    return [np.asarray(b, dtype=np.float64) - a.astype(b.dtype) for a, b in zip(first, last, strict=True)]


def _largest(coarse: NDArray[Any], fine: NDArray[Any]) -> float:
    padded = np.zeros(fine.shape)
    padded[tuple(slice(n) for n in coarse.shape)] = coarse
    known = ~np.isnan(fine)
    scale = np.abs(fine, where=known, out=np.zeros(fine.shape)).max(initial=0.0)
    off = np.abs(padded - fine, where=known, out=np.zeros(fine.shape)).max(initial=0.0)
    return float(off / scale) if scale > 0 else 0.0


def _initial_strengths(problem: Problem, layers: Layers, poll: Callable[[], None]) -> Floats:
    upper = np.zeros((layers.w32.shape[1], problem.synthesizers.shape[1]))
    with np.errstate(over="ignore", invalid="ignore"):
        for rows in parts(*layers.w32.shape):
            poll()
            upper += layers.w32[rows].T @ problem.synthesizers[rows]
        return strength_of(squares_of(layers.lower.T @ problem.inputs.analyzers, upper))


def mode_strengths(problem: Problem, w21: Floats, w32: Floats) -> Floats:
    """Return u_alpha^T W32 W21 v_alpha, (..., K), with W21 in orthonormal coordinates of the inputs."""
    hidden = w21 @ (problem.inputs.vectors @ problem.inputs.coefficients)
    return np.asarray(np.sum((problem.synthesizers.T @ w32) * np.swapaxes(hidden, -1, -2), axis=-1))


def observed(problem: Problem, w21: Floats, w32: Floats) -> tuple[Floats, float, Floats]:
    """Return mode strengths (K,), loss and map (K, K) for the same weights of one network."""
    shown = w32 @ (w21 @ problem.inputs.vectors)
    maps = np.asarray(problem.synthesizers.T @ shown @ problem.inputs.coefficients)
    return maps.diagonal(), float(np.sum((problem.outputs - shown) ** 2) / 2), maps


# Entries of the weights that are held at a time where their products are wanted and not they themselves.
_AT_ONCE = 2**22


@dataclass(frozen=True, eq=False)
class Grid:
    """When to record, in presentations, when to stop, and what to keep."""

    presentations: NDArray[np.int64]
    total: int
    keep: frozenset[str]


class Core:
    """Trains in the core, online or in batches."""

    def __init__(self, grid: Grid, dtype: str, rule: dict[str, Any], order: Any, threads: int, stop: Stop) -> None:
        self._grid, self._dtype, self._rule, self._order = grid, dtype, rule, order
        self.threads, self._stop = threads, stop
        self._training_sets: dict[Problem, _engine.TrainingSet] = {}

    def train(
        self,
        problem: Problem,
        layers: Layers,
        key: int,
        begun: Record | None = None,
        keep: Callable[[Record], None] | None = None,
    ) -> Record:
        """Return the record of one network; `key` is that of its order.

        It goes on from `begun`, if given. With `keep` it tells how far it has come whenever it is interrupted.
        """
        poll = self._stop.poll
        strengths = _initial_strengths(problem, layers, poll) if begun is None else begun.initial_strengths
        kept = _Kept(self._grid, problem, layers, self._dtype, strengths)
        resume = None if begun is None else begun.resume
        if begun is not None and resume is not None:
            kept.fill(begun, resume.done)
        network = self._network(problem, layers, key, resume)
        done = 0 if resume is None else resume.done
        total = max(1, self._grid.total)
        with self._stop.network(lambda: network.reached / total) as flag:
            while True:
                status, done = self._stretch(network, kept, done, flag)
                if status != "interrupted" or keep is None:
                    break
                resume = _resume(network, done)
                if self._stop.decided:
                    break
                keep(kept.copy().record(partial(Layers, *resume.layers), status, resume.position, resume))
                self._stop.go_on(flag)
        standing = _Standing(network) if status == "interrupted" else _copied(network, self._stop)
        return kept.record(standing, status, int(network.standing), resume if status == "interrupted" else None)

    def _network(self, problem: Problem, layers: Layers, key: int, resume: Resume | None) -> Any:
        training_set = self._training_sets.get(problem)
        if training_set is None:
            training_set = self._training_sets.setdefault(
                problem, _engine.TrainingSet(problem, self._dtype, poll=self._stop.poll)
            )
        order = _engine.Order(self._order, key)
        options = {"order": order, "stop": self._stop.ended, "poll": self._stop.poll}
        network = training_set.network(layers if resume is None else resume.layers, **self._rule, **options)
        if resume is not None:
            network.set_state(position=resume.position, w32_norm=resume.norms[0], lower_norm=resume.norms[1])
        return network

    def _stretch(self, network: Any, kept: _Kept, done: int, flag: Any) -> tuple[str, int]:
        """Train until the end or an interruption; return why it ended, and how many times have been recorded."""
        options = {"threads": self.threads, "stop": flag}
        for part in kept.parts(done):
            with kept.arrays(part) as arrays:
                count, status = network.record(self._grid.presentations[part], **arrays, **options)
            done += count
            if status != "ok":
                return status, done
        if network.position < self._grid.total:
            return network.record(np.array([self._grid.total]), **options)[1], done
        return "ok", done


def _resume(network: Any, done: int) -> Resume:
    position, _, w32_norm, lower_norm, lower, w32 = network.state()
    return Resume(Layers(lower, w32), position, (w32_norm, lower_norm), done)


class _Standing:
    """The layers of a network in the core, whoever asks for them first."""

    def __init__(self, network: Any) -> None:
        self._network, self._lock = network, Lock()

    def __call__(self) -> Layers:
        with self._lock:
            return Layers(self._network.lower(), self._network.w32())

    def __reduce__(self) -> Any:
        return partial, (Layers, *self())


def _copied(network: Any, stop: Stop) -> Callable[[], Layers]:
    """Return what returns the layers of a network that has come to its end: copies, unless that were to take longer."""
    layers = Layers(*(np.empty(w.shape, w.dtype) for w in network.views()))
    for into, place in zip(layers, network.views(), strict=True):
        for rows in parts(*place.shape):
            if stop.decided:
                return _Standing(network)
            into[rows] = place[rows]
    return partial(Layers, *layers)


class _Kept:
    """Arrays for what is recorded of one network, NaN until it is."""

    def __init__(self, grid: Grid, problem: Problem, layers: Layers, dtype: str, strengths: Floats) -> None:
        self._problem, self._layers, self._dtype, self._strengths = problem, layers, dtype, strengths
        times, modes, items = grid.presentations.size, problem.synthesizers.shape[1], problem.outputs.shape[1]
        self.mode_strengths, self.loss = np.full((times, modes), np.nan), np.full(times, np.nan)
        self.hidden: NDArray[Any] | None = None
        if "hidden" in grid.keep:
            self.hidden = np.full((times, items, layers.lower.shape[1]), np.nan, dtype)
        self.over_time = self._weights(times) if "weights" in grid.keep else None
        self.maps = np.full((times, modes, modes), np.nan) if "maps" in grid.keep else None

    def _weights(self, times: int) -> Layers:
        return Layers(*(np.full((times, *w.shape), np.nan, self._dtype) for w in self._layers))

    def fill(self, begun: Record, done: int) -> None:
        """Take over the first `done` records."""
        for name in ("mode_strengths", "loss", "hidden", "maps"):
            into, known = getattr(self, name), getattr(begun, name)
            if into is not None:
                into[:done] = known[:done]
        for into, known in zip(self.over_time or (), begun.over_time or (), strict=True):
            into[:done] = known[:done]

    def record(
        self, standing: Callable[[], Layers], status: str, completed: int, resume: Resume | None = None
    ) -> Record:
        """Return all of it."""
        return Record(
            mode_strengths=self.mode_strengths,
            loss=self.loss,
            initial_strengths=self._strengths,
            standing=standing,
            sizes=sizes_of(self._layers),
            hidden=self.hidden,
            over_time=self.over_time,
            maps=self.maps,
            status=status,
            completed=completed,
            resume=resume,
        )

    def copy(self) -> _Kept:
        """Return the same in arrays that nobody writes to."""
        other = copy.copy(self)
        for name in ("mode_strengths", "loss", "hidden", "maps"):
            array = getattr(self, name)
            setattr(other, name, None if array is None else array.copy())
        other.over_time = None if self.over_time is None else Layers(*(w.copy() for w in self.over_time))
        return other

    def parts(self, done: int) -> Iterator[slice]:
        """Return the records that are made together: few enough to hold weights for them which are not kept."""
        times = self.loss.size
        size = sum(w.size for w in self._layers) if self.maps is not None and self.over_time is None else 1
        step = max(1, _AT_ONCE // size)
        return (slice(first, min(first + step, times)) for first in range(done, times, step))

    @contextmanager
    def arrays(self, part: slice) -> Iterator[dict[str, Any]]:
        """Yield what the core fills in for a part of the records, and compute from it what the core does not."""
        weights = None
        if self.over_time is not None:
            weights = Layers(self.over_time.lower[part], self.over_time.w32[part])
        elif self.maps is not None:
            weights = self._weights(part.stop - part.start)
        yield {
            "mode_strengths": self.mode_strengths[part],
            "loss": self.loss[part],
            "hidden": None if self.hidden is None else self.hidden[part],
            "lower": None if weights is None else weights.lower,
            "w32": None if weights is None else weights.w32,
        }
        if self.maps is not None and weights is not None:
            self.maps[part] = mode_maps(self._problem, weights)


def sizes_of(layers: Layers) -> tuple[int, int, int]:
    """Return rows, hidden units and rows of the lower layer."""
    return (*layers.w32.shape, len(layers.lower))


def mode_maps(problem: Problem, layers: Layers) -> Floats:
    """Return u_alpha^T W32 W21 v_beta, (..., K, K)."""
    with np.errstate(over="ignore", invalid="ignore"):  # of a run that has diverged
        left = problem.synthesizers.T @ layers.w32
        return np.asarray(left @ (np.swapaxes(layers.lower, -1, -2) @ problem.inputs.analyzers), dtype=np.float64)


class Flow:
    """Integrates the averaged flow (7)-(8)."""

    threads = 1  # the integrator holds the interpreter's lock

    def __init__(self, grid: Grid, rate: float, rtol: float, poll: Callable[[], None]) -> None:
        self._grid, self._rate, self._rtol, self._poll = grid, rate, rtol, poll

    def train(
        self,
        problem: Problem,
        layers: Layers,
        key: int,
        begun: Record | None = None,
        keep: Callable[[Record], None] | None = None,
    ) -> Record:
        """Return the record of one network. What is not finished begins again."""
        grid, inputs, outputs = self._grid, problem.inputs, problem.outputs
        lengths = np.ones(inputs.size) if inputs.lengths is None else inputs.lengths
        times = np.append(grid.presentations, grid.total) * (self._rate / outputs.shape[1])
        w21 = np.ascontiguousarray(inputs.orthonormal(layers.lower).T)
        velocity = averaged(outputs @ inputs.vectors.T, inputs.vectors @ inputs.vectors.T)
        w21, w32 = integrate(velocity, times, w21, layers.w32, self._rtol, self._poll)
        strengths = _initial_strengths(problem, layers, self._poll)
        kept = _Kept(replace(grid, keep=grid.keep & {"maps"}), problem, layers, "float64", strengths)
        for t, weights in enumerate(zip(w21[:-1], w32[:-1], strict=True)):
            self._poll()
            kept.mode_strengths[t], kept.loss[t], maps = observed(problem, *weights)
            if kept.maps is not None:
                kept.maps[t] = maps
        over_time = Layers(np.ascontiguousarray(np.swapaxes(w21, 1, 2)) * lengths[:, None], w32)
        return Record(
            mode_strengths=kept.mode_strengths,
            loss=kept.loss,
            initial_strengths=strengths,
            standing=partial(Layers, over_time.lower[-1], w32[-1]),
            sizes=sizes_of(layers),
            hidden=np.swapaxes(w21[:-1] @ inputs.vectors, 1, 2) if "hidden" in grid.keep else None,
            over_time=Layers(over_time.lower[:-1], w32[:-1]) if "weights" in grid.keep else None,
            maps=kept.maps,
            status="ok",
            completed=grid.total,
        )
