"""Every public callable of pylinear, and one valid call of it: all of the matrix of bad input that is written by hand.

A call is its owner, made anew each time, and its arguments; where some exclude others there are several. A callable or
parameter that is missing here fails `missing`, and so does one that there is no more.
"""

from __future__ import annotations

import functools
import inspect
import re
import types
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import pylinear as pl
from pylinear import _tasks, plots, theory

MODULES = {"": pl, "theory.": theory, "plots.": plots}
# What pylinear makes and hands out: nobody else calls their constructors, which take what was computed as it is.
RESULTS = {
    "Curves",
    "Gap",
    "GapOrder",
    "Modes",
    "Power",
    "Reduction",
    "Run",
    "SingularValueStatistics",
    "TrainingInterrupted",
    "Weights",
    "theory.ModeCoordinates",
    "theory.ModeSquares",
}
# A large number asks for much work there, which is theirs to ask for.
WORK = {"epochs", "presentations", "runs", "n_features", "features", "members", "every", "record"}


@dataclass(frozen=True)
class Made:
    """An argument that is made anew for each call, since calls change it."""

    make: Callable[[], Any]


@dataclass(frozen=True)
class OfOwner:
    """An argument that belongs to the owner of its call."""

    make: Callable[[Any], Any]


@dataclass(frozen=True)
class Call:
    """One valid call: what makes the owner, an attribute of which is called or set, and the arguments."""

    owner: Callable[[], Any]
    arguments: Mapping[str, Any]
    again: bool = False  # whether arguments that have the same value in an earlier call are given all values again


class AtOnce:
    """An executor that computes in the caller's own thread."""

    def submit(self, function, /, *arguments):
        future = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


def _owned(owner: Callable[[], Any], /, **arguments: Any) -> Call:
    return Call(owner, arguments)


def _of(module: Any, /, **arguments: Any) -> Call:
    return Call(lambda: module, arguments)


OUTPUTS = np.array([[1.0, 1.0, 0.0, -0.5], [0.0, 1.0, 2.0, 0.0], [0.5, 0.0, 0.0, 1.0]])
DATA = pl.Dataset(OUTPUTS)
W21, W32 = np.full((2, 4), 0.125), np.full((3, 2), 0.125)
# Balanced with W21, as exact_flow needs them.
BALANCED = np.array([[0.25, 0.25], [0.0, 0.0], [0.0, 0.0]])


def tree() -> pl.Tree:
    return pl.Tree((2, 2), 0.1)


def simulation() -> pl.Simulation:
    return pl.Simulation(DATA, W21, W32, rate=0.01, rng=0, threads=1)


@functools.cache
def run() -> pl.Run:
    return pl.train(DATA, hidden=3, rate=0.02, epochs=6, init=pl.Gaussian(0.1), rng=0, record=3, keep=["hidden"])


@functools.cache
def gap() -> pl.Gap:
    return pl.gap(run())


@functools.cache
def runs() -> list[pl.Run]:
    return [
        pl.train(DATA, hidden=2, rate=r, epochs=0.2 / r, init=(W21, W32), order="cyclic", record=3)
        for r in (0.01, 0.02, 0.04)
    ]


def recorder() -> pl.ZarrRecorder:
    return pl.ZarrRecorder("recording.zarr", simulation(), chunk=4)


def saved() -> str:
    simulation().save("saved.npz")
    return "saved.npz"


def table() -> str:
    Path("animals.csv").write_text("item,can fly,can swim\nRobin,1,0\nSalmon,0,1\nDuck,1,1\n")
    return "animals.csv"


_blank: list[Any] = []


def axes() -> Any:
    """Return axes without anything in them: those from before, if nothing has come into them, since it takes long."""
    if not _blank or len(_blank[0].get_children()) > _blank[1]:
        new = Figure().subplots()
        _blank[:] = new, len(new.get_children())
    return _blank[0]


SAMPLED = {"n_features": 70, "rng": 1, "first": 3, "engine": "auto", "threads": 1}
LEARNED = {
    **{"hidden": 2, "rate": 0.01, "epochs": 2, "init": (W21, W32), "order": "cyclic", "update": "online"},
    **{"reduce": False, "tol": 1e-9, "runs": 1, "rng": 0, "record": 3, "keep": ["maps"], "dtype": "float64"},
}
TRAINED = {**LEARNED, "threads": 1, "route": "auto"}
DRAWN = {"tree": Made(tree), "features": 9, "flip": 0.2}
FLOW = {"t": np.array([0.0, 0.5]), "w21": W21, "w32": W32}
SWITCHES = dict.fromkeys(("decorrelated", "coordinates", "diagonal", "balanced"), False)

CALLS: dict[str, list[Call]] = {
    "Balanced": [_of(pl, a0=0.1), _of(pl, a0=np.array([0.1, 0.2, 0.3]))],
    "Balanced.draw": [_owned(lambda: pl.Balanced(0.1), data=DATA, hidden=2, rng=0)],
    "Dataset": [
        _of(pl, outputs=OUTPUTS, inputs=np.eye(4) + 0.25, items=["a", "b", "c", "d"], features=("x", "y", "z")),
        _of(pl, outputs=OUTPUTS.tolist()),
    ],
    "Dataset.from_gram": [
        _of(pl.Dataset, gram=OUTPUTS.T @ OUTPUTS, n_features=5, inputs=np.eye(4), items=["a", "b", "c", "d"])
    ],
    "Decoupled": [_of(pl, c=0.1, d=np.array([0.1, 0.2, 0.3]))],
    "Decoupled.draw": [_owned(lambda: pl.Decoupled(0.1, 0.2), data=DATA, hidden=2, rng=0)],
    "Gap.against": [_owned(gap)],
    "Gap.by_cause": [_owned(gap)],
    "Gap.by_move": [_owned(gap)],
    "Gap.by_rate": [_owned(gap)],
    "Gap.loss_gaps": [_owned(gap)],
    "Gap.map_gaps": [_owned(lambda: pl.gap(pl.train(DATA, **TRAINED)))],
    "Gap.moves_table": [_owned(gap)],
    "Gap.to_xarray": [_owned(gap)],
    "Gaussian": [_of(pl, scale=0.1)],
    "Gaussian.draw": [_owned(lambda: pl.Gaussian(0.1), data=DATA, hidden=2, rng=0)],
    "Run.initial_weights": [_owned(run, run=0)],
    "Run.to_xarray": [_owned(run)],
    "Simulation": [
        _of(
            pl,
            **{"data": DATA, "w21": W21, "w32": W32, "rate": 0.01, "order": [0, 2, 1, 3], "rng": 0, "comm": None},
            **{"dtype": "float64", "threads": 1, "route": "fused", "update": "online"},
        )
    ],
    "Simulation.advance": [
        _owned(simulation, epochs=2.0),
        _owned(simulation, presentations=5),
        _owned(simulation, epochs=2.0, until=Made(lambda: len_of), every=0.5, hook=Made(lambda: len_of)),
    ],
    "Simulation.data": [_owned(simulation, data=pl.Dataset(2 * OUTPUTS))],
    "Simulation.load": [_of(pl.Simulation, path=Made(saved), threads=1, comm=None)],
    "Simulation.order": [_owned(simulation, order="cyclic"), _owned(simulation, order=np.array([3, 1, 0]))],
    "Simulation.rate": [_owned(simulation, rate=0.02)],
    "Simulation.save": [_owned(simulation, path="other.npz")],
    "Simulation.w21": [_owned(simulation, w21=2 * W21)],
    "Simulation.w32": [_owned(simulation, w32=2 * W32)],
    "Simulation.weights": [_owned(simulation, writable=True)],
    "Tree": [_of(pl, branching=(2, 2), flip=0.1), _of(pl, branching=[3, 2], flip=[0.1, 0.2])],
    "Tree.gram": [_owned(tree, **SAMPLED, comm=None), _owned(tree, **SAMPLED, executor=Made(AtOnce))],
    "Tree.sample": [_owned(tree, **SAMPLED, dtype="float64")],
    "Tree.sample_bits": [_owned(tree, **SAMPLED)],
    "Tree.singular_value_statistics": [_owned(tree, n_features=100)],
    "Tree.singular_values": [_owned(tree, n_features=100)],
    "ZarrRecorder": [
        _of(pl, path="other.zarr", sim=Made(simulation), keep=["hidden"], chunk=4),
    ],
    "ZarrRecorder.__call__": [_owned(recorder, sim=OfOwner(lambda recorder: recorder._sim))],
    "ZarrRecorder.close": [_owned(recorder)],
    "ZarrRecorder.flush": [_owned(recorder)],
    "ZarrRecorder.to_xarray": [_owned(recorder)],
    "gap": [_of(pl, run=Made(run), tree=Made(tree))],
    "gap_order": [_of(pl, runs=Made(runs))],
    "info": [_of(pl)],
    "read_table": [_of(pl, path=Made(table), delimiter=",")],
    "sweep": [
        _of(
            pl,
            **{"over": {"rate": [0.01]}, "folder": "sweep", "executor": Made(AtOnce), "threads": 1, "progress": None},
            **{**{x: value for x, value in LEARNED.items() if x != "rate"}, "route": "auto", "data": DATA},
        ),
        _of(
            pl,
            **{"over": {"runs": [1, 2]}, "folder": "sweep", "executor": Made(AtOnce), "hidden": 2, "epochs": 2},
            **{"rate": 0.01, "rng": 0, **DRAWN},
        ),
    ],
    "toy": [_of(pl, coding="signed")],
    "train": [_of(pl, data=DATA, **TRAINED, checkpoint="checkpoint.npz", progress=None)],
    "theory.batch_delay": [_of(theory, a=np.array([0.5, 0.75]), s=1.0, a0=0.125)],
    "theory.deep_strength": [_of(theory, t=np.array([0.5, 2.0]), s=1.0, a0=0.125, layers=3, tau=2.0)],
    "theory.deep_time": [_of(theory, a=np.array([0.5, 0.75]), s=1.0, a0=0.125, layers=3, tau=2.0)],
    "theory.exact_flow": [_of(theory, **{**FLOW, "w32": BALANCED}, sigma_yx=OUTPUTS, tau=1.0)],
    "theory.exact_flow_gram": [_of(theory, **{**FLOW, "w32": BALANCED}, sigma_yx=OUTPUTS, tau=1.0)],
    "theory.flow": [_of(theory, **FLOW, data=DATA, tau=1.0, rtol=1e-6)],
    "theory.half_time": [_of(theory, s=np.array([1.0, 2.0]), a0=0.125, tau=2.0)],
    "theory.half_time_unbalanced": [_of(theory, s=np.array([1.0, 2.0]), p0=0.125, q0=0.25, tau=2.0)],
    "theory.initial_strength": [_of(theory, w21=W21, w32=W32, u=np.eye(3)[:, :2], v=np.eye(4)[:, :2])],
    "theory.learning_time": [_of(theory, s=np.array([1.0, 2.0]), eps=0.125, tau=2.0)],
    "theory.max_rate": [_of(theory, data=DATA, update="batch", layers=2)],
    "theory.mode_squares": [_of(theory, w21=W21, w32=W32, u=np.eye(3)[:, :2], v=np.eye(4)[:, :2])],
    "theory.mode_strength": [_of(theory, t=np.array([0.5, 2.0]), s=1.0, a0=0.125, tau=2.0)],
    "theory.mode_strength_unbalanced": [_of(theory, t=np.array([0.5, 2.0]), s=1.0, p0=0.125, q0=0.25, tau=2.0)],
    "theory.modified_flow": [
        _of(theory, **FLOW, data=DATA, rate=0.01, order="batch", rtol=1e-6),
        _of(theory, **FLOW, data=DATA, rate=0.01, order=[3, 2, 0, 1]),
    ],
    "theory.shallow_strength": [_of(theory, t=np.array([0.5, 2.0]), s=1.0, b0=0.125, tau=2.0)],
    "theory.simplified_flow": [_of(theory, **FLOW, data=DATA, tau=1.0, rtol=1e-6, **SWITCHES)],
    "theory.stage_ratio": [_of(theory, s=np.array([1.0, 2.0]), a0=0.125, layers=2)],
    "theory.stochastic_flow": [_of(theory, **FLOW, data=DATA, rate=0.01, members=3, rng=0)],
    "theory.to_mode_coordinates": [_of(theory, w21=W21, w32=W32, data=DATA)],
    "theory.transition_time": [_of(theory, s=np.array([1.0, 2.0]), tau=2.0, layers=2)],
    "theory.tree_covariance": [_of(theory, parent=[-1, 0, 0, 1], flip=[0.0, 0.1, 0.2, 0.1])],
    "plots.budget": [_of(plots, gap=Made(gap), ax=Made(axes))],
    "plots.covariance": [_of(plots, tree=Made(tree), ax=Made(axes))],
    "plots.decomposition": [_of(plots, data=DATA, figure=Made(Figure))],
    "plots.deep_against_shallow": [_of(plots, gap=Made(gap), figure=Made(Figure), number=0)],
    "plots.diffusion": [_of(plots, tree=Made(tree), values=[[1], [1, -1], [1, 1, -1, -1]], ax=Made(axes))],
    "plots.gap_orders": [_of(plots, orders=Made(lambda: {"cyclic": pl.gap_order(runs())}), figure=Made(Figure))],
    "plots.hidden_trajectories": [_of(plots, run=Made(run), ax=Made(axes), number=0)],
    "plots.learning_curves": [_of(plots, gap=Made(gap), ax=Made(axes), theories=("paper",))],
    "plots.object_analyzers": [_of(plots, tree=Made(tree), ax=Made(axes))],
    "plots.phase_portrait": [_of(plots, s=1.0, ax=Made(axes))],
    "plots.prediction": [_of(plots, gap=Made(gap), figure=Made(Figure))],
    "plots.singular_values": [
        _of(plots, tree=Made(tree), n_features=70, samples=np.array([[9.0, 8.0, 7.0, 6.0]]), ax=Made(axes))
    ],
    "plots.stepwise": [_of(plots, gap=Made(gap), figure=Made(Figure), number=0)],
}

# Whether a figure of their own is left behind by calls that are refused.
for _name, _calls in CALLS.items():
    if _name.startswith("plots."):
        _own = {x: value for x, value in _calls[0].arguments.items() if x not in ("ax", "figure")}
        _calls.append(Call(lambda: plots, _own, again=True))


def len_of(sim: Any) -> bool:
    """Be called with a simulation."""
    return sim.epochs < 0


def fresh(value: Any, owner: Any) -> Any:
    """Return an argument for one call, with arrays of its own."""
    if isinstance(value, Made):
        return value.make()
    if isinstance(value, OfOwner):
        return value.make(owner)
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, list | tuple):
        return type(value)([fresh(x, owner) for x in value])
    return value


def target(name: str, owner: Any) -> Callable[..., Any]:
    """Return what is called under a name, for properties what sets them."""
    attribute = name.rpartition(".")[2]
    if not inspect.ismodule(owner) and isinstance(inspect.getattr_static(owner, attribute), property):
        return lambda **to: setattr(owner, attribute, to[attribute])
    return getattr(owner, attribute)


@functools.cache
def callables_by_name() -> dict[str, Any]:
    return dict(callables())


def callables() -> Iterator[tuple[str, Any]]:
    """Yield every public callable with its name: functions, constructors, methods, and properties that can be set."""
    for prefix, module in MODULES.items():
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isclass(thing):
                yield from _of_class(f"{prefix}{name}", thing)
            elif not inspect.ismodule(thing):
                yield f"{prefix}{name}", thing


def _of_class(name: str, cls: type) -> Iterator[tuple[str, Any]]:
    if name not in RESULTS and not issubclass(cls, BaseException):
        yield name, cls
    if issubclass(cls, BaseException | tuple):
        return
    for attribute in dir(cls):
        thing = inspect.getattr_static(cls, attribute)
        public = not attribute.startswith("_") or attribute == "__call__"
        called = isinstance(thing, types.FunctionType | classmethod | staticmethod)
        if (called and public) or (isinstance(thing, property) and thing.fset is not None):
            yield f"{name}.{attribute}", thing


def parameters(name: str, thing: Any) -> dict[str, inspect.Parameter]:
    """Return the parameters of a callable as its signature has them; a sweep passes on those of `train`."""
    if isinstance(thing, property):
        return {name.rpartition(".")[2]: [*inspect.signature(thing.fset).parameters.values()][1]}
    bound = thing.__func__ if isinstance(thing, classmethod | staticmethod) else thing
    known = dict(inspect.signature(bound).parameters)
    if isinstance(thing, types.FunctionType | classmethod) and re.fullmatch(r"[A-Z]\w*\.\w+", name):
        known.pop(next(iter(known)))
    if known.pop("same", None) is not None:
        known |= {x: inspect.signature(pl.train).parameters.get(x) for x in _tasks.VARIED}
    return known


def missing() -> list[str]:
    """Return what the table lacks, and what it has in vain."""
    out, found = [], dict(callables())
    out += [f"{name} has no call" for name in found if name not in CALLS]
    out += [f"there is no {name}" for name in CALLS if name not in found]
    for name in CALLS.keys() & found.keys():
        known = parameters(name, found[name]).keys()
        given = {x for call in CALLS[name] for x in call.arguments}
        out += [f"{name} has no value for {x}" for x in sorted(known - given)]
        out += [f"{name} has no parameter {x}" for x in sorted(given - known)]
    return out
