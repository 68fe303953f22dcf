"""The arguments of a training, checked, and what follows from them before anything is computed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pylinear import _check, _configuration, _engine, _memory
from pylinear._dataset import Dataset
from pylinear._initial import Decoupled, Gaussian, Given, Initial, strengths_of
from pylinear._record import Grid
from pylinear._reduction import Reduce, Reducer, Work, check_projection, check_reduce
from pylinear._rule import check_data, check_epochs, check_order, check_rate, check_route


@dataclass(frozen=True, eq=False)
class Plan:
    """The checked arguments of one call."""

    data: Dataset
    hidden: int
    dtype: str
    update: str
    order: str | NDArray[np.int64]
    route: str
    runs: int
    rate: float
    tol: float
    grid: Grid
    threads: int

    @property
    def workers(self) -> int:
        return min(self.threads, self.runs)

    @property
    def threads_inside(self) -> int:
        return max(1, self.threads // self.workers)

    @property
    def work(self) -> Work:
        # The flow takes some thousands of evaluations, each about as much as an epoch.
        presentations = 5_000 * self.data.n_items if self.update == "flow" else self.grid.total
        return Work(presentations, self.grid.presentations.size, 1e-5 if self.dtype == "float32" else 0.0)

    def configuration(self, learned: dict[str, Any], init: Initial, reduce: Reduce, seed: int) -> dict[str, Any]:
        """Return what the trajectory of run k follows from, k apart, and what is recorded of it, as plain values.

        `learned` is what the data follow from.
        """
        order = self.order if isinstance(self.order, str) else _configuration.of_array(self.order)
        return {
            "results": _configuration.RESULTS,
            **learned,
            "init": _configuration.of_initial(init),
            "order": order,
            "reduce": reduce,
            "rng": str(seed),
            "epochs": self.grid.total / self.data.n_items,
            "record": _configuration.of_array(self.grid.presentations),
            "keep": sorted(self.grid.keep),
            **{name: getattr(self, name) for name in ("hidden", "rate", "update", "dtype", "route", "tol")},
        }

    def check_memory(self, reducer: Reducer, *, twice: bool) -> None:
        """Raise MemoryError unless there is room for the networks, and for all that is kept of them, maybe `twice`."""
        data, times = self.data, self.grid.presentations.size
        item = np.dtype(self.dtype).itemsize
        (rows, hidden, lower), begin = reducer.largest, reducer.bytes_to_begin
        weights = (lower + rows) * hidden * item
        record = 8 * times * (min(data.n_features, data.n_items) + 1)
        full_size = self.hidden * (data.n_inputs + data.n_features) if reducer.kind != "law" else weights
        record += times * (weights + full_size * item) if "weights" in self.grid.keep else 0
        record += times * (hidden + self.hidden) * data.n_items * item if "hidden" in self.grid.keep else 0
        record += 2 * times * 8 * min(data.n_features, data.n_items) ** 2 if "maps" in self.grid.keep else 0
        sizes = rows, data.n_items, lower
        network = _engine.network_bytes(
            sizes, self.route, "batch" if self.update == "batch" else "online", hidden, self.dtype, self.threads_inside
        )
        if self.update == "flow":
            network += 24.0 * times * (rows * (hidden + data.n_items) + lower * hidden)
        shared = self.workers * (network + begin) + _engine.training_set_bytes(rows, data.n_items, self.dtype)
        each = (2 if twice else 1) * (weights + record)
        _memory.require(f"{self.runs} runs with {self.hidden} hidden units", self.runs * each + shared)


def planned(
    data: object,
    *,
    hidden: object,
    rate: object,
    epochs: object,
    init: object,
    order: object,
    update: object,
    reduce: object,
    tol: object,
    runs: object,
    record: object,
    keep: object,
    dtype: object,
    threads: object,
    route: object,
) -> tuple[Plan, Initial, Reduce]:
    """Return the arguments of `train`, once it is known that they are allowed, before anything is computed from them.

    Of features that diffuse down a tree only their number counts.
    """
    data = check_data(data)
    total = check_epochs("epochs", epochs, data.n_items)
    plan = Plan(
        data=data,
        hidden=_check.integer("hidden", hidden),
        dtype=_check.dtype_name(dtype),
        update=_check.choice("update", update, ("online", "batch", "flow")),
        order=check_order(order, data.n_items, str(update)),
        route=check_route(route, data, str(update)),
        runs=_check.integer("runs", runs),
        rate=check_rate(rate, str(dtype)),
        tol=_check.real("tol", tol, 0.0, 1.0, above=True),
        grid=Grid(_times(record, total, data.n_items, whole_epochs=update == "batch"), total, _keep(keep)),
        threads=_check.threads(threads),
    )
    _check_update(plan)
    first = _initial(init, plan)
    chosen = check_reduce(reduce, data, first)
    if chosen == "krylov":
        check_projection(plan.tol, plan.work)
    return plan, first, chosen


def _check_update(plan: Plan) -> None:
    """Raise if the update knows nothing of what is asked for."""
    n_items, grid = plan.data.n_items, plan.grid
    if plan.update == "batch":
        for name, times in (("epochs", np.array([grid.total])), ("record", grid.presentations)):
            between = times[times % n_items != 0]
            if between.size:
                raise ValueError(f"{name} must be whole epochs for update='batch'; got {between[0] / n_items:g}")
    if plan.update != "flow":
        return
    if plan.dtype != "float64":
        raise ValueError("dtype must be 'float64' for update='flow'")
    if not 1e-12 <= plan.tol <= 1e-2:
        raise ValueError(f"tol must be between 1e-12 and 0.01 for update='flow'; got {plan.tol:g}")


def _initial(init: object, plan: Plan) -> Initial:
    """Return the argument `init` as something that knows the weights of every run."""
    if isinstance(init, Gaussian | Decoupled):
        # A wrong number of strengths is found now, not in a thread.
        if isinstance(init, Decoupled):
            data = plan.data
            strengths_of(init, min(data.n_features, data.n_items) if data.one_hot else data.modes.s.size)
        return init
    if not isinstance(init, tuple | list) or len(init) != 2:
        raise TypeError(f"init must be a Gaussian, Decoupled, Balanced or (w21, w32); got {_check.show(init)}")
    per_run = (plan.runs,) if _check.rank(init[0]) == 3 else ()
    w21 = _check.array("w21 of init", init[0], (*per_run, plan.hidden, plan.data.n_inputs))
    return Given(w21, _check.array("w32 of init", init[1], (*per_run, plan.data.n_features, plan.hidden)))


def _keep(keep: object) -> frozenset[str]:
    if isinstance(keep, str) or not isinstance(keep, Collection):
        raise TypeError(f"keep must be a collection of 'hidden', 'weights' and 'maps'; got {_check.show(keep)}")
    return frozenset(_check.choice("keep", x, ("hidden", "weights", "maps")) for x in keep)


def _times(record: Any, total: int, n_items: int, *, whole_epochs: bool) -> NDArray[np.int64]:
    """Return the presentations to record at; with `whole_epochs`, no others."""
    if _check.rank(record) == 0:
        count = _check.integer("record", record, 1, 2**31)
        count = min(count, total + 1)
        if count == 1:
            return np.array([total])
        _memory.require(f"a record of {count} times", 32 * count)
        epochs, rest = divmod(total, n_items)
        if rest and epochs and count > 2:  # as for the whole epochs, and at the end
            return np.append(_evenly(epochs, n_items, count - 1, whole_epochs=False), total)
        if rest or not epochs:
            return _spread(total, count)
        return _evenly(epochs, n_items, count, whole_epochs=whole_epochs)
    epochs_asked = _check.array("record", record, (None,))
    points = np.round(epochs_asked * n_items)
    if points[0] < 0 or points[-1] > total or np.any(np.diff(points) < 0):
        got = f"{points[0] / n_items:g} to {points[-1] / n_items:g}"
        raise ValueError(f"record must be epochs from 0 to {total / n_items:g} that do not decrease; got {got}")
    return np.unique(points.astype(np.int64))


def _evenly(epochs: int, n_items: int, count: int, *, whole_epochs: bool) -> NDArray[np.int64]:
    """Return at most `count` presentations in so many epochs: the ends of epochs, or equally many in each."""
    if whole_epochs or epochs >= count - 1:
        return _spread(epochs, min(count, epochs + 1)) * n_items
    each = min((count - 1) // epochs, n_items)
    i = np.arange(epochs * each + 1, dtype=np.int64)
    return np.asarray(i // each * n_items + i % each * n_items // each)


def _spread(last: int, count: int) -> NDArray[np.int64]:
    """Return `count` whole numbers, evenly spaced from 0 to `last`."""
    # In whole numbers, since floating point would miss presentations above 2^53, and in two steps, since the product of
    # a presentation and an index may exceed 2^63.
    i = np.arange(count, dtype=np.int64)
    whole, part = divmod(last, count - 1)
    return np.asarray(whole * i + part * i // (count - 1))
