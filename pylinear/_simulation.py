"""One network, trained online from call to call."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pylinear import _check, _engine, _memory
from pylinear._check import Floats
from pylinear._dataset import Dataset
from pylinear._problem import Layers, direct_problem, input_side
from pylinear._random import RNG, Use, philox_key, seed_of

Order = Literal["cyclic", "reshuffled", "with_replacement"] | ArrayLike
Route = Literal["auto", "blocked", "fused"]

# Presentations are counted in 64 bits, and given to numpy as signed ones.
MOST_PRESENTATIONS = 2**62


def check_data(data: object) -> Dataset:
    """Return `data` if it is a dataset."""
    if not isinstance(data, Dataset):
        raise TypeError(f"data must be a pylinear.Dataset; got {_check.show(data)}")
    return data


def check_order(order: Any, n_items: int, update: str) -> str | NDArray[np.int64]:
    """Return the name of an order, or a given order as an array of items."""
    if update != "online" and not (isinstance(order, str) and order == "reshuffled"):
        raise ValueError(f"order must be left out for update={update!r}, which has none")
    if isinstance(order, str):
        return _check.choice("order", order, ("cyclic", "reshuffled", "with_replacement"))
    names = "'cyclic', 'reshuffled', 'with_replacement'"
    return _check.item_numbers("order", order, n_items, names)


def check_route(route: object, data: Dataset, update: str) -> str:
    """Return the argument `route`, if it can be taken."""
    chosen = _check.choice("route", route, ("auto", "blocked", "fused"))
    if update == "batch" and chosen == "fused":
        raise ValueError("route must be 'blocked' or 'auto' for update='batch', which goes by blocks; got 'fused'")
    if update == "online" and chosen == "blocked" and not data.orthogonal:
        raise ValueError("route must be 'fused' or 'auto' for these inputs; 'blocked' needs mutually orthogonal inputs")
    return chosen


def best_route(route: str, data: Dataset, update: str, rows: int) -> Literal["blocked", "fused"]:
    """Return the route for a network with so many rows of W32."""
    if update == "batch":
        return "blocked"
    # A block costs as much beside its pass over W32 as some rows of it for each presentation, and some more (measured
    # for 2 to 64 items and 16 to 128 hidden units).
    few = rows <= data.n_items + 30
    return "fused" if route == "fused" or not data.orthogonal or (route == "auto" and few) else "blocked"


def check_epochs(name: str, epochs: object, n_items: int) -> int:
    """Return the presentations in `epochs`, which may be a fraction."""
    number = _check.real(name, epochs, 0.0, MOST_PRESENTATIONS / n_items)
    return round(number * n_items)


def check_rate(rate: object, dtype: str) -> float:
    """Return the learning rate, which must not vanish or overflow in the arithmetic of the run."""
    limits = np.finfo(dtype)
    return _check.real("rate", rate, float(limits.tiny), float(limits.max))


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

    Attributes
    ----------
    presentations : int
        Presentations so far.
    epochs : float
        The same in epochs of P presentations.
    status : str
        "ok", or "diverged" once a presentation would have brought a weight or squared error to the largest number of
        the type; the weights are then those before it.

    Raises
    ------
    EngineMissingError
        If pylinear was installed without its compiled core.
    MemoryError
        If there is not enough memory; nothing has been allocated.

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
    ) -> None:
        _engine.core()
        self.data = check_data(data)
        self.dtype = _check.dtype_name(dtype)
        self.rate = check_rate(rate, self.dtype)
        self.threads = _check.threads(threads)
        self.update = _check.choice("update", update, ("online", "batch"))
        self.route = best_route(check_route(route, data, self.update), data, self.update, data.n_features)
        self.order = check_order(order, data.n_items, self.update)
        if not data.has_outputs:
            raise ValueError(
                "data must have outputs, which data made by from_gram do not: train it with pylinear.train"
            )
        kind = np.dtype(self.dtype).type
        self._start = _check.array("w21", w21, (None, data.n_inputs), kind)
        self.hidden_units = self._start.shape[0]
        upper = _check.array("w32", w32, (data.n_features, self.hidden_units), kind, copy=False)  # the core copies it
        sizes = data.n_features, data.n_items, data.n_items if data.orthogonal else data.n_inputs
        networks = _engine.network_bytes(sizes, self.route, self.update, self.hidden_units, self.dtype, self.threads)
        _memory.require("this network", networks + _engine.training_set_bytes(*sizes[:2], self.dtype))
        self.rng = seed_of(rng)
        self.status = "ok"
        self._inputs = input_side(data, reduce=False)
        self._network = self._begun(upper)
        # The core trains without the interpreter's lock, so that another thread could come in between.
        self._lock = threading.Lock()
        self._owner: int | None = None
        self._presentations = 0

    def _begun(self, w32: NDArray[Any]) -> Any:
        """Return the core's network with the weights given."""
        training_set = _engine.TrainingSet(direct_problem(self.data, self._inputs), self.dtype)
        return training_set.network(
            Layers(self._inputs.lower(self._start), w32),
            route=self.route,
            update=self.update,
            rate=self.rate,
            order=self.order,
            key=philox_key(self.rng, Use.ORDER),
        )

    def __repr__(self) -> str:
        shape = f"{self.data.n_inputs}-{self.hidden_units}-{self.data.n_features}"
        return f"Simulation({shape} network after {self.presentations} presentations, {self.status})"

    def advance(self, *, epochs: float | None = None, presentations: int | None = None) -> None:
        """Train for `epochs` or for `presentations`.

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
            Presentations. Give one of the two.

        Raises
        ------
        TypeError, ValueError
            If not exactly one is given, or it is negative or not a number; nothing has been trained then.
        RuntimeError
            If called from a signal handler in the middle of a call on the same object.
        """
        if (epochs is None) == (presentations is None):
            raise TypeError("advance needs either epochs or presentations")
        if presentations is not None:
            count = _check.integer("presentations", presentations, 0, MOST_PRESENTATIONS)
        else:
            count = check_epochs("epochs", epochs, self.data.n_items)
        if self.update == "batch" and count % self.data.n_items:
            raise ValueError(f"advance must be by whole epochs for update='batch'; got {count / self.data.n_items:g}")
        self._record(count if self.status == "ok" else 0)

    def __reduce_ex__(self, _: Any) -> Any:
        raise TypeError("a Simulation cannot be pickled or copied: make another from its w21 and w32")

    @contextmanager
    def _at_rest(self) -> Iterator[Any]:
        """Give the core's network while no other thread is at it."""
        # A signal handler runs in the thread that is training, which would wait for itself.
        if self._owner == threading.get_ident():
            raise RuntimeError("this simulation is in the middle of a call of its own; use it when that has returned")
        with self._lock:
            self._owner = threading.get_ident()
            try:
                yield self._network
            finally:
                self._owner = None

    def _record(self, count: int = 0, **into: NDArray[Any]) -> None:
        """Train for `count` presentations, then record into the arrays given."""
        with self._at_rest() as network:
            until = np.array([network.position + count])
            _, status = network.record(until, threads=self.threads, stop=_engine.core().StopFlag(), **into)
            self._presentations = int(network.position)
        if status == "diverged":
            self.status = "diverged"

    @property
    def presentations(self) -> int:
        """Presentations so far; while a call is under way elsewhere, those before it."""
        # Not a mere look: what a stop has left open is computed first.
        if self._lock.acquire(blocking=False):
            try:
                self._presentations = int(self._network.position)
            finally:
                self._lock.release()
        return self._presentations

    @property
    def epochs(self) -> float:
        """Epochs so far, of P presentations each."""
        return self.presentations / self.data.n_items

    @property
    def w21(self) -> NDArray[Any]:
        """Input-to-hidden weights, (N2, N1), a copy."""
        with self._at_rest() as network:
            lower = network.lower()
        return self._inputs.w21(lower, self._start)

    @property
    def w32(self) -> NDArray[Any]:
        """Hidden-to-output weights, (N3, N2), a copy."""
        with self._at_rest() as network:
            return np.asarray(network.w32())

    @property
    def hidden(self) -> NDArray[Any]:
        """Hidden representations, (N2, P): column p is W21 x_p."""
        out = np.empty((1, self.data.n_items, self.hidden_units), dtype=self.dtype)
        self._record(hidden=out)
        return np.asarray(out[0].T)

    @property
    def mode_strengths(self) -> Floats:
        """Strength of each mode, (K,): u_alpha^T W32 W21 v_alpha."""
        return self._observe()[0]

    @property
    def loss(self) -> float:
        """Half the squared error, summed over items and features."""
        return float(self._observe()[1])

    def _observe(self) -> tuple[Floats, np.float64]:
        strengths, loss = np.empty((1, self.data.modes.s.size)), np.empty(1)
        self._record(mode_strengths=strengths, loss=loss)
        return strengths[0], loss[0]
