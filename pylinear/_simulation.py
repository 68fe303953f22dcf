"""One network, trained online from call to call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from os import PathLike
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pylinear import _check, _engine, _memory
from pylinear._check import Floats
from pylinear._checkpoint import Checkpoint, read
from pylinear._dataset import Dataset
from pylinear._files import believed
from pylinear._initial import Weights
from pylinear._problem import Layers, Problem, input_side
from pylinear._random import RNG, Use, philox_key, seed_of
from pylinear._ranks import Ranks, rank_and_size
from pylinear._rule import (
    MOST_PRESENTATIONS,
    Order,
    Route,
    best_route,
    check_epochs,
    check_order,
    check_rate,
    check_route,
    with_outputs,
)
from pylinear._stop import Entered


class Simulation:
    r"""A network with one hidden layer that learns by online backpropagation, at the caller's pace.

    At each presentation of an item with input x and output y, with h = W21 x and from the old weights,
    W21 += rate W32^T (y - W32 h) x^T and W32 += rate (y - W32 h) h^T: the paper's (3)-(4).

    Parameters
    ----------
    data : Dataset
        What to learn.
    w21 : (N2, N1) array_like
        Initial input-to-hidden weights. Copied.
    w32 : (N3, N2) array_like
        Initial hidden-to-output weights. Copied.
    rate : float
        Learning rate, lambda in the paper; above 0.
    order : {"reshuffled", "cyclic", "with_replacement"} or sequence of int
        Which item each presentation shows: a new permutation every epoch, the items in turn, an independent draw, or
        the items given, from the beginning again when they are exhausted.
    rng : int, SeedSequence, BitGenerator, Generator or None
        For the order. ``rng`` of the object is the whole number that stands for it.
    dtype : {"float64", "float32"}
        Type of the weights and of all arithmetic.
    threads : int, optional
        At most so many threads; all processors by default. The result does not depend on it.
    route : {"auto", "blocked", "fused"}
        How it is computed, not what: "blocked" handles many presentations in one pass over W32 and needs mutually
        orthogonal inputs; "fused" makes one pass a presentation. The two agree to roundoff. "auto" takes the faster.
    update : {"online", "batch"}
        "online": at each presentation. "batch": once an epoch, by the sum over all items from the old weights; there
        is no order then.
    comm : mpi4py.MPI.Intracomm, optional
        Processes that share the rows of W32: see Notes.

    Attributes
    ----------
    presentations : int
        Presentations so far.
    epochs : float
        The same in epochs of P presentations.
    status : str
        "ok", or "diverged" once a presentation would have brought a weight, or the squared error of all items, to the
        largest number of the type; the weights are then those before it. Another rate, other weights or other data make
        it "ok" again.
    rows : slice
        The rows of W32 in this process: all, without ``comm``.

    Raises
    ------
    EngineMissingError
        If pylinear was installed without its compiled core.
    MemoryError
        If there is not enough memory; nothing has been allocated.

    Notes
    -----
    Several threads may use one simulation: each waits until the one before it has ended its call, or looks at ``until``
    and ``hook``. Other simulations run at the same time, since the interpreter's lock is free while one trains.

    With ``comm``, every process makes the same simulation and the same calls on it. Each holds the rows of W32 in
    `rows` and all of W21; ``w32`` may be given whole or as these rows. After each pass over W32 the processes tell each
    other their sums, which all of them then add in the same order, so that weights and records are, to the last bit,
    those of one process. To read `loss`, `mode_strengths` or `hidden`, to set weights and to save are calls, too, which
    all of them must make. Ctrl-C in one of them during a call ends the call in all, after the same presentation. Run
    with ``python -m mpi4py``, which ends all processes when one fails, or is interrupted between calls.

    Examples
    --------
    >>> import numpy as np, pylinear as pl
    >>> data = pl.toy()
    >>> w21, w32 = pl.Gaussian(0.01).draw(data, hidden=8, rng=np.random.default_rng(0))
    >>> sim = pl.Simulation(data, w21, w32, rate=0.05, rng=0)
    >>> sim.advance(epochs=200)
    >>> sim.epochs, round(sim.loss, 3)
    (200.0, 0.0)
    """

    def __init__(
        self,
        data: Dataset,
        w21: ArrayLike,
        w32: ArrayLike,
        *,
        rate: float,
        order: Order = "reshuffled",
        rng: RNG = None,
        dtype: Literal["float64", "float32"] = "float64",
        threads: int | None = None,
        route: Route = "auto",
        update: Literal["online", "batch"] = "online",
        comm: Any = None,
    ) -> None:
        _engine.core()
        with_outputs(data)
        self.dtype = _check.dtype_name(dtype)
        self._rate = check_rate(rate, self.dtype)
        self.threads, self._asked_threads = _check.threads(threads), threads
        self.update = _check.choice("update", update, ("online", "batch"))
        self._asked_route = check_route(route, data, self.update)
        self._ranks = Ranks(comm, data.n_features)
        self.rng = self._ranks.same(seed_of(rng)) if rng is None else seed_of(rng)
        self._order = _engine.Order(check_order(order, data.n_items, self.update), philox_key(self.rng, Use.ORDER))
        start = _check.array("w21", w21, (None, data.n_inputs), self._kind)
        self.hidden_units = start.shape[0]
        # The core trains without the interpreter's lock, so that another thread could come in between.
        self._lock = threading.RLock()
        self._presentations = 0
        self._begin(data, start, self._own_rows(w32, data.n_features, copy=False))  # the core copies it

    @property
    def _kind(self) -> type:
        return np.dtype(self.dtype).type

    @property
    def rows(self) -> slice:
        """The rows of W32 that this process has."""
        return self._ranks.rows

    def _own_rows(self, w32: ArrayLike, n_features: int, *, copy: bool = True) -> NDArray[Any]:
        """Return the argument `w32`, of which these rows may have been given alone."""
        n = self.rows.stop - self.rows.start
        whole = _check.rows(w32) != n
        shape = n_features if whole else n, self.hidden_units
        value = _check.array("w32", w32, shape, self._kind, copy=copy)
        return value[self.rows] if whole else value

    def _begin(self, data: Dataset, start: NDArray[Any], w32: NDArray[Any], lower: NDArray[Any] | None = None) -> None:
        """Make the core's network for data, W21 and these rows of W32; if that fails, nothing has changed."""
        rows, ranks = self.rows, self._ranks
        route = best_route(self._asked_route, data, self.update, data.n_features)
        inputs = input_side(data, reduce=False)
        sizes = data.n_features, data.n_items, inputs.size
        needed = _engine.network_bytes(
            sizes, route, self.update, self.hidden_units, self.dtype, self.threads, ranks.size
        )
        _memory.require("this network", needed + _engine.training_set_bytes(*sizes[:2], self.dtype))
        ranks.check_same(self._told(data, start))
        problem = Problem(inputs, data.outputs[rows], data.modes.u[rows])
        self._network = _engine.TrainingSet(problem, self.dtype, data.n_features).network(
            Layers(inputs.lower(start) if lower is None else lower, w32),
            route=route,
            update=self.update,
            rate=self._rate,
            order=self._order,
            position=self._presentations,
            **ranks.arguments,
        )
        self._data, self._start, self._inputs, self.route = data, start, inputs, route
        self._changed()

    def _told(self, data: Dataset, start: NDArray[Any]) -> dict[str, Any]:
        """Return what all processes of a group must have been told alike."""
        arrays = {"w21": start, "order": self._order.order, "outputs": data.outputs, "inputs": data.inputs}
        settings = {"rate": self._rate, "route": self._asked_route, "instruction_set": _engine.core().instruction_set()}
        return {**arrays, **settings, **{x: getattr(self, x) for x in ("rng", "dtype", "update", "hidden_units")}}

    def _changed(self) -> None:
        """Forget what was so before a change."""
        self.status = "ok"
        self._seen: tuple[Floats, float] | None = None

    def __repr__(self) -> str:
        shape = f"{self.data.n_inputs}-{self.hidden_units}-{self.data.n_features}"
        return f"Simulation({shape} network after {self.presentations} presentations, {self.status})"

    def advance(
        self,
        *,
        epochs: float | None = None,
        presentations: int | None = None,
        until: Callable[[Simulation], object] | None = None,
        every: float | None = None,
        hook: Callable[[Simulation], object] | None = None,
    ) -> None:
        """Train for `epochs` or for `presentations`, or until something holds.

        How a training is cut into calls makes no difference to its result. It may to its cost: on the blocked route a
        call that ends inside a block of up to 128 presentations copies the weights, and the next call computes the
        block again from its start. To step by single presentations, choose the fused route.

        Ctrl-C raises KeyboardInterrupt, as a rule within some hundredths of a second. What it leaves of a block is
        computed before anything is read or trained, so the network stands after a whole number of presentations.

        Parameters
        ----------
        epochs : float, optional
            Epochs of P presentations, rounded to whole presentations.
        presentations : int, optional
            Presentations. Give one of the two, or ``until`` without them.
        until : callable, optional
            Called with the simulation before the first presentation and whenever ``hook`` is; what it returns, if true,
            ends the call.
        every : float, optional
            Epochs between two calls of ``hook`` and ``until``, 1 by default. They are counted from the simulation's
            first presentation, so that it makes no difference where earlier calls ended.
        hook : callable, optional
            Called with the simulation after every so many epochs, and at the end. An exception that it raises ends
            the call where it is.

        Raises
        ------
        TypeError, ValueError
            If the length is not given exactly once, or is negative or not a number; nothing has been trained then.
        RuntimeError
            If called from a signal handler in the middle of a call on the same object, or while its weights are open.

        Examples
        --------
        >>> import numpy as np, pylinear as pl
        >>> data = pl.toy()
        >>> w21, w32 = pl.Gaussian(0.01).draw(data, hidden=8, rng=np.random.default_rng(0))
        >>> sim = pl.Simulation(data, w21, w32, rate=0.05, rng=0)
        >>> losses = []
        >>> sim.advance(until=lambda sim: sim.loss < 0.01, every=10, hook=lambda sim: losses.append(sim.loss))
        >>> sim.epochs, len(losses), losses[-1] < 0.01
        (110.0, 11, True)
        """
        _check.function("until", until)
        _check.function("hook", hook)
        count = self._length(epochs, presentations, until)
        if until is None and hook is None:
            if every is not None:
                raise TypeError("advance needs every only with until or hook")
            self._record(count if self.status == "ok" else 0)
            return
        step = self._step(1.0 if every is None else every)
        with self._ranks.together():
            if until is not None and until(self):
                return
            end = self.presentations + count
            while self.status == "ok" and (at := self.presentations) < end:
                self._record(min(step - at % step, end - at))
                if hook is not None:
                    hook(self)
                if until is not None and until(self):
                    return

    def _length(self, epochs: float | None, presentations: int | None, until: object) -> int:
        """Return the presentations that a call asks for."""
        if (epochs is None) == (presentations is None) and (until is None or epochs is not None):
            raise TypeError("advance needs either epochs or presentations")
        if epochs is not None:
            count = check_epochs("epochs", epochs, self.data.n_items)
        elif presentations is not None:
            count = _check.integer("presentations", presentations, 0, MOST_PRESENTATIONS)
        else:
            return MOST_PRESENTATIONS
        return self._whole("advance", count)

    def _step(self, every: float) -> int:
        step = self._whole("every", check_epochs("every", every, self.data.n_items))
        if step == 0:
            one = f"{1 / self.data.n_items:g} epochs"
            raise ValueError(f"every must be at least one presentation, {one}; got {every:g}")
        return step

    def _whole(self, name: str, count: int) -> int:
        if self.update == "batch" and count % self.data.n_items:
            epochs = count / self.data.n_items
            raise ValueError(f"{name} must be by whole epochs for update='batch'; got {epochs:g}")
        return count

    def __reduce_ex__(self, _: Any) -> Any:
        raise TypeError("a Simulation cannot be pickled or copied: save it to a file, and load that")

    def _idle(self) -> AbstractContextManager[Any]:
        """Return the lock on the core's network, for a ``with`` statement, which no interrupt can leave held."""
        # A signal handler runs in the thread that is training, which would wait for itself.
        if self._lock._is_owned():  # type: ignore[attr-defined]
            raise RuntimeError("this simulation is in the middle of a call of its own; use it when that has returned")
        return self._lock

    def _record(self, count: int = 0, **into: NDArray[Any]) -> None:
        """Train for `count` presentations, then record into the arrays given."""
        ranks = self._ranks
        with ranks.together(), self._idle():
            network = self._network
            until = np.array([network.position + count])
            self._seen = None if count else self._seen
            # A limit that threadpoolctl has set meanwhile counts.
            n_threads = min(self.threads, _check.threads(self._asked_threads))
            try:
                _, status = network.record(until, threads=n_threads, stop=ranks.new_flag(), **into)
            finally:
                self._presentations = int(network.standing)
            if status == "diverged":
                self.status = "diverged"
            if status == "ok" and "loss" in into:
                self._seen = into["mode_strengths"][0], float(into["loss"][0])
        if status == "interrupted":
            raise KeyboardInterrupt("a process of the group was interrupted")

    @property
    def presentations(self) -> int:
        """Presentations so far; while a call is under way elsewhere, those before it."""
        return self._presentations

    @property
    def epochs(self) -> float:
        """Epochs so far, of P presentations each."""
        return self.presentations / self.data.n_items

    @property
    def rate(self) -> float:
        """Learning rate. Another one holds from the next presentation on."""
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        checked = check_rate(rate, self.dtype)
        # The same again must not cut a block in two.
        self._ranks.check_same({"rate": checked})
        if checked != self._rate:
            with self._idle():
                network = self._network
                network.set_rate(checked)
                self._rate = checked
                self._changed()

    @property
    def order(self) -> str | NDArray[np.int64]:
        """Order of presentation. Another one begins with the next presentation: items given, with the first of them."""
        return self._order.order

    @order.setter
    def order(self, order: Order) -> None:
        checked = check_order(order, self.data.n_items, self.update)
        self._ranks.check_same({"order": checked})
        if np.array_equal(checked, self._order.order):
            return
        with self._idle():
            network = self._network
            period = self.data.n_items if isinstance(checked, str) else len(checked)
            shift = self._order.shift
            # Never less than before: an epoch's permutation is drawn by its number, and none may come twice.
            shift += -(int(network.position) + shift) % period
            asked = _engine.Order(checked, self._order.key, shift)
            network.set_order(**asked.arguments)
            self._order = asked

    @property
    def data(self) -> Dataset:
        """What is learned. Other data of the same sizes are learned from the next presentation on."""
        return self._data

    @data.setter
    def data(self, data: Dataset) -> None:
        old, new = self._data, with_outputs(data)
        sizes = new.n_items, new.n_inputs, new.n_features
        if sizes != (old.n_items, old.n_inputs, old.n_features):
            raise ValueError(
                f"data must have {old.n_items} items, {old.n_inputs} inputs and {old.n_features} features; got {sizes}"
            )
        check_route(self._asked_route, new, self.update)
        with self._ranks.together(), self._idle():
            network = self._network
            lower, w32 = network.views()
            self._presentations = int(network.position)
            if (old.one_hot and new.one_hot) or np.array_equal(old.inputs, new.inputs):
                self._begin(new, self._start, w32, np.array(lower))
            else:
                self._begin(new, self._inputs.w21(np.array(lower), self._start), w32)

    @property
    def w21(self) -> NDArray[Any]:
        """Input-to-hidden weights, (N2, N1), a copy. Others can be set: they are copied."""
        with self._idle():
            network = self._network
            return self._inputs.w21(network.lower(), self._start)

    @w21.setter
    def w21(self, w21: ArrayLike) -> None:
        value = _check.array("w21", w21, self._start.shape, self._kind)
        with self.weights(writable=True) as weights:
            weights.w21[:] = value

    @property
    def w32(self) -> NDArray[Any]:
        """Hidden-to-output weights, (N3, N2), a copy. Others can be set: they are copied."""
        with self._idle():
            network = self._network
            return np.asarray(network.w32())

    @w32.setter
    def w32(self, w32: ArrayLike) -> None:
        value = self._own_rows(w32, self.data.n_features, copy=False)
        with self.weights(writable=True) as weights:
            weights.w32[:] = value

    def weights(self, *, writable: bool = False) -> AbstractContextManager[Weights]:
        """Open the weights where they are: ``with sim.weights() as (w21, w32)``.

        W32 is not copied, nor is W21 where the inputs are one-hot or not orthogonal. Until the block ends, other
        threads that use the simulation wait. Afterwards the arrays show what the weights have become since, or were
        last; to keep values, copy them.

        Parameters
        ----------
        writable : bool
            Whether the weights may be changed. Training goes on from what they are when the block ends.

        Yields
        ------
        Weights
            w21 (N2, N1) and w32 (N3, N2), not contiguous.

        Raises
        ------
        ValueError
            At the end of the block, if a weight is not finite then. The simulation stands as "diverged" until
            others are set, as after a MemoryError there.

        Examples
        --------
        >>> import numpy as np, pylinear as pl
        >>> data = pl.toy()
        >>> sim = pl.Simulation(data, np.ones((3, 4)), np.ones((5, 3)), rate=0.01)
        >>> with sim.weights(writable=True) as (w21, w32):
        ...     w32[:, 1] = 0  # a lesion
        >>> sim.w32[0].tolist()
        [1.0, 0.0, 1.0]
        """
        return Entered(self._opened(_check.switch("writable", writable)))

    @contextmanager
    def _opened(self, writable: bool) -> Iterator[Weights]:
        with self._idle():
            network = self._network
            lower, w32 = network.views()
            in_place = self._inputs.span is None
            w21 = lower.T if in_place else self._inputs.w21(np.array(lower), self._start)
            if not writable:
                w21.flags.writeable = w32.flags.writeable = False
            try:
                yield Weights(w21, w32)
            finally:
                w21.flags.writeable = w32.flags.writeable = False
                if writable:
                    self._changed()
                    self.status = "diverged"  # unless all that follows is well
                    if not in_place:
                        lower[:], self._start = self._inputs.lower(w21), w21.copy()
                    self._check_written(w21, network.weights_changed()[0])
                    self.status = "ok"

    def _check_written(self, w21: NDArray[Any], w32_norm: float) -> None:
        """Raise, in all processes of a group alike, unless training can go on from what has been written."""
        self._ranks.check_same({"w21": w21})
        for name, size in (("w21", np.sum(np.abs(w21))), ("w32", w32_norm)):
            if not np.isfinite(size):
                raise ValueError(f"{name} must be finite when the block ends; set it anew before training goes on")

    @property
    def hidden(self) -> NDArray[Any]:
        """Hidden representations, (N2, P): column p is W21 x_p."""
        out = np.empty((1, self.data.n_items, self.hidden_units), dtype=self.dtype)
        self._record(hidden=out)
        return np.asarray(out[0].T)

    @property
    def mode_strengths(self) -> Floats:
        """Strength of each mode, (K,): u_alpha^T W32 W21 v_alpha."""
        return self._observe()[0].copy()

    @property
    def loss(self) -> float:
        """Half the squared error, summed over items and features."""
        return self._observe()[1]

    def _observe(self) -> tuple[Floats, float]:
        # Another thread may forget what has been seen at any time.
        if (seen := self._seen) is not None:
            return seen
        strengths, loss = np.empty((1, self.data.modes.s.size)), np.empty(1)
        self._record(mode_strengths=strengths, loss=loss)
        return strengths[0], float(loss[0])

    def save(self, path: str | PathLike[str]) -> None:
        """Write all that training goes on from to a file.

        The file stands there complete or not at all: if anything fails, and if the process is killed, what was at
        ``path`` before is still there. It is an npz archive without pickled objects.

        Parameters
        ----------
        path : str or path
            Where to; a file that is there is replaced.

        Raises
        ------
        OSError
            If it cannot be written.

        Notes
        -----
        With ``comm``, the first process gathers W32 and writes it, and the file is that of one process: it can be
        loaded in any number of them.
        """
        place = _check.path("path", path)
        with self._ranks.together(), self._idle():
            network = self._network
            position, until, *norms, lower, w32 = network.state()
            if not np.isfinite(norms).all():
                raise ValueError("weights must be finite to be saved; set them anew first")
            arguments = {"rate": self._rate, "order": self.order, "rng": self.rng, "update": self.update}
            whole = self._ranks.all_rows(w32)
            if whole is not None:
                checkpoint = Checkpoint(
                    data=self._data,
                    arguments={**arguments, "dtype": self.dtype, "route": self.route},
                    start=self._start,
                    lower=lower,
                    w32=whole,
                    shift=self._order.shift,
                    position=position,
                    until=until,
                    norms=(norms[0], norms[1]),
                    status=self.status,
                    asked_route=self._asked_route,
                )
            self._ranks.first_alone(lambda: checkpoint.write(place))

    @classmethod
    def load(cls, path: str | PathLike[str], *, threads: int | None = None, comm: Any = None) -> Simulation:
        """Return the simulation that `save` has written: what it does from here on is what the saved one would do.

        Parameters
        ----------
        path : str or path
            A file.
        threads, comm
            As for a new simulation; any will do.

        Raises
        ------
        FileError
            If it is no such file, of another format version, or damaged: all of it is checked before it is believed.
        OSError
            If it cannot be read.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np, pylinear as pl
        >>> sim = pl.Simulation(pl.toy(), np.ones((3, 4)), np.ones((5, 3)), rate=0.01)
        >>> sim.advance(presentations=50)
        >>> path = Path(tempfile.mkdtemp()) / "run.npz"
        >>> sim.save(path)
        >>> again = pl.Simulation.load(path)
        >>> for one in (sim, again):
        ...     one.advance(epochs=30)
        >>> bool((sim.w32 == again.w32).all())
        True
        """
        place = _check.path("path", path)
        _check.threads(threads)
        if comm is not None:
            rank_and_size(comm)
        saved = read(place)
        Ranks(comm, saved.data.n_features)
        # Whatever is refused from here on is the file's.
        with believed(place):
            sim = cls(saved.data, saved.start, saved.w32, **saved.arguments, threads=threads, comm=comm)
            sim._resume(saved)
        return sim

    def _resume(self, saved: Checkpoint) -> None:
        """Go on from a checkpoint, with whose data and weights this was made."""
        self._asked_route = saved.asked_route
        self._order = replace(self._order, shift=saved.shift)
        with self._idle():
            network = self._network
            network.set_order(**self._order.arguments)
            lower, _ = network.views()
            lower[:] = _check.array("lower", saved.lower, lower.shape, self._kind, copy=False)
            network.set_state(position=saved.position, w32_norm=saved.norms[0], lower_norm=saved.norms[1])
        self._record(saved.until - saved.position)
        self.status = saved.status
