"""The tasks of a sweep: checked, named, computed, and kept one file each."""

from __future__ import annotations

import inspect
import math
import numbers
from collections.abc import Iterable, Mapping
from itertools import islice, product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pylinear import _blas, _check, _configuration, _executor, _files
from pylinear._dataset import Dataset, distinct
from pylinear._labelled import AXES, recorded
from pylinear._plan import planned
from pylinear._random import seed_of
from pylinear._rule import check_data
from pylinear._run import TrainingInterrupted
from pylinear._train import train
from pylinear._tree import Tree

KIND = "task of a sweep"
_DATA = ("data", "tree", "flip", "features")
# The arguments of `train` that say how, each with its default, and those of them that have none.
TRAINING = {
    name: parameter.default
    for name, parameter in inspect.signature(train).parameters.items()
    if name not in {"data", "checkpoint", "progress"}
}
REQUIRED = tuple(name for name, default in TRAINING.items() if default is inspect.Parameter.empty)
# No result depends on the threads.
VARIED = (*_DATA, *(name for name in TRAINING if name != "threads"))
_MOST_TASKS = 10**6

Source = Dataset | tuple[Tree, int]


class SweepTask(NamedTuple):
    """One training.

    Attributes
    ----------
    name : str
        The values of what varies, for sentences.
    configuration : dict
        Everything that its result follows from, as plain values.
    source : Dataset, or Tree and number of features
        What to learn; features are drawn with the task's own seed.
    arguments : dict
        Of `train`.
    """

    name: str
    configuration: dict[str, Any]
    source: Source
    arguments: dict[str, Any]

    def path(self, folder: Path) -> Path:
        """Return the file of its result."""
        return folder / f"{_configuration.digest(self.configuration)}.npz"


class Result(NamedTuple):
    """What was recorded in one training, by the names of `_labelled.AXES`, and the status of each run."""

    arrays: dict[str, NDArray[Any]]
    status: list[str]


# What every training records, and the kind of its numbers.
_KINDS = {
    **dict.fromkeys(("mode_strength", "loss", "initial_strength", "association_strength", "epoch"), "f"),
    **dict.fromkeys(("presentation", "completed"), "i"),
}


def check_result(task: SweepTask, result: object) -> Result:
    """Return `result` if it can be that of the task, by its names, kinds and shapes; else ValueError."""
    if not isinstance(result, Result):
        raise ValueError(f"got {_executor.shown(result)}")
    arrays, status = result
    kinds = {**_KINDS, "map": "f"} if "maps" in task.arguments.get("keep", ()) else _KINDS
    if not isinstance(arrays, dict) or set(arrays) != set(kinds):
        raise ValueError(f"it must have {', '.join(kinds)}; got {_check.show(list(arrays))}")
    sizes: dict[str, int] = {"run": task.configuration["runs"]}
    for name, kind in kinds.items():
        array = arrays[name]
        if not isinstance(array, np.ndarray) or array.dtype.kind != kind or array.ndim != len(AXES[name]):
            raise ValueError(f"{name} must have the axes {', '.join(AXES[name])}; got {_check.show(array)}")
        for axis, size in zip(AXES[name], array.shape, strict=True):
            wanted = sizes.setdefault(axis.removeprefix("other_"), size)
            if size != wanted:
                raise ValueError(f"{name} must have {wanted} along the axis {axis}; got {size}")
    if not isinstance(status, list) or [type(x) for x in status] != [str] * sizes["run"]:
        raise ValueError(f"status must be one text for each of {sizes['run']} runs; got {_check.show(status)}")
    return result


def compute(source: Source, arguments: dict[str, Any]) -> Result:
    """Train; the result does not depend on where."""
    # All that is computed with BLAS, the modes of the data included.
    with _blas.one_thread():
        if not isinstance(source, Dataset):
            tree, features = source
            source = tree.sample(features, rng=arguments["rng"], threads=arguments["threads"])
        try:
            run = train(source, **arguments)
        except TrainingInterrupted:
            raise KeyboardInterrupt from None
        return Result(recorded(run), list(run.status))


def write(task: SweepTask, result: Result, folder: Path) -> None:
    """Put a result into its file."""
    header = {"configuration": task.configuration, "status": result.status}
    _files.write(task.path(folder), KIND, header, result.arrays)


def read(task: SweepTask, folder: Path) -> Result | None:
    """Return the result of a task, None where there is no file; FileError for one that is damaged or another's."""
    path = task.path(folder)
    try:
        about, arrays = _files.read(path, KIND)
    except FileNotFoundError:
        return None
    with _files.believed(path):
        if about["configuration"] != task.configuration:
            raise ValueError("it holds the result of another task")
        return check_result(task, Result(arrays, about["status"]))


def check_names(over: Mapping[str, Any], same: Mapping[str, Any]) -> None:
    """Raise unless everything that a training needs is given, once, and nothing else."""
    if not isinstance(over, Mapping):
        raise TypeError(f"over must be a mapping from names of arguments to their values; got {_check.show(over)}")
    if not over:
        raise ValueError("over must name at least one argument that varies; got none")
    for name in (*over, *same):
        if name not in VARIED:
            where = "over must name arguments: " if name in over else ""
            raise ValueError(where + _check.unknown("argument of a sweep", name, VARIED))
        if name in over and name in same:
            raise ValueError(f"{name} must be given once; got it both as what varies and for all tasks")
    if "keep" in over:
        raise ValueError("keep must be the same for all tasks; got it as what varies")
    given = {*over, *same}
    if len(given & {"data", "tree"}) != 1:
        raise ValueError("data or tree must be given, and not both")
    extra = given & {"flip", "features"}
    if "data" in given and extra:
        raise ValueError(f"{sorted(extra)[0]} must be left out where data are given; it belongs to a tree")
    for name in (*REQUIRED, "rng", *(["features"] if "tree" in given else [])):
        if name not in given:
            raise ValueError(f"{name} must be given, as what varies or for all tasks")


def axes(over: Mapping[str, Any]) -> dict[str, dict[Any, Any]]:
    """Return the values of what varies by their labels: numbers are their own, so are texts, others get one."""
    return {name: _by_label(name, values) for name, values in over.items()}


def _by_label(name: str, values: Any) -> dict[Any, Any]:
    single = isinstance(values, str | Dataset | Tree) or (isinstance(values, np.ndarray) and not values.ndim)
    if single or not isinstance(values, Iterable):
        got = _check.show(values)
        raise TypeError(f"{name} must be a sequence of the values to take, or a mapping to them; got {got}")
    if isinstance(values, Mapping):
        _check.names(name, list(values), len(values))
        out = dict(values)
    else:
        listed = [x.item() if isinstance(x, np.generic) else x for x in islice(values, _MOST_TASKS + 1)]
        if len(listed) > _MOST_TASKS:
            raise ValueError(f"{name} must take at most {_MOST_TASKS} values; got more")
        plain = all(isinstance(x, numbers.Real) and not isinstance(x, bool) for x in listed)
        out = dict(zip(listed if plain else distinct(map(_text, listed)), listed, strict=True))
        if len(out) < len(listed):
            raise ValueError(f"{name} must take each value once; got {_check.show(listed)}")
    if not out:
        raise ValueError(f"{name} must take at least one value; got none")
    return out


def _text(value: object) -> str:
    if not isinstance(value, str):
        return _check.short(value, 80)
    return value if len(value) <= 80 else f"{value[:77]}..."


def tasks(over: Mapping[str, Mapping[Any, Any]], same: Mapping[str, Any], threads: int) -> list[SweepTask]:
    """Return the tasks in the order of their places in an array, once all their arguments are known to be allowed."""
    count = math.prod(len(values) for values in over.values())
    if count > _MOST_TASKS:
        raise ValueError(f"over must lead to at most {_MOST_TASKS} tasks; got {count}")
    sources = _Sources()
    out: dict[str, SweepTask] = {}
    with _blas.one_thread():
        for place in product(*(values.items() for values in over.values())):
            name = ", ".join(f"{x}={_text(label)}" for x, (label, _) in zip(over, place, strict=True))
            given = {**same, **{x: value for x, (_, value) in zip(over, place, strict=True)}}
            try:
                task = _task(name, given, threads, sources)
            except (TypeError, ValueError) as error:
                raise type(error)(f"{error}; in the task {name}") from None
            twin = out.setdefault(_configuration.digest(task.configuration), task)
            if twin is not task:
                raise ValueError(f"over must lead to different tasks; {twin.name} and {name} are the same")
    return list(out.values())


def _task(name: str, given: Mapping[str, Any], threads: int, sources: _Sources) -> SweepTask:
    arguments = {x: value for x, value in given.items() if x not in _DATA}
    arguments.update(rng=_seed(given["rng"]), threads=threads)
    source, looks_like, about = sources.of(given)
    checked = {x: value for x, value in {**TRAINING, **arguments}.items() if x != "rng"}
    plan, init, reduce = planned(looks_like, **checked)
    if plan.grid.keep - {"maps"}:
        raise ValueError(f"keep must be empty or ['maps'] in a sweep; got {_check.show(given['keep'])}")
    configuration = {**plan.configuration(about, init, reduce, arguments["rng"]), "runs": plan.runs}
    return SweepTask(name, configuration, source, arguments)


def _seed(rng: object) -> int:
    message = f"rng must be a whole number of at least 0 in a sweep, so that it is found again; got {_check.show(rng)}"
    if not _check.is_number(rng, numbers.Integral):
        raise TypeError(message)
    if rng < 0:  # type: ignore[operator]
        raise ValueError(message)
    return seed_of(int(rng))  # type: ignore[call-overload]


class _Sources:
    """What the tasks learn, each looked at once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Dataset, Dataset, dict[str, Any]]] = {}

    def of(self, given: Mapping[str, Any]) -> tuple[Source, Dataset, dict[str, Any]]:
        """Return what a task learns, a dataset that looks like it, and its configuration."""
        if "data" in given:
            data = check_data(given["data"])
            if id(data) not in self._known:
                bare = _bare(data)
                self._known[id(data)] = data, bare, {"data": _configuration.of_data(bare)}
            _, bare, about = self._known[id(data)]
            return bare, bare, about
        tree = given["tree"]
        if not isinstance(tree, Tree):
            raise TypeError(f"tree must be a pylinear.Tree; got {_check.show(tree)}")
        if "flip" in given:
            tree = Tree(tree.branching, given["flip"])
        features = _check.integer("features", given["features"])
        # Of the size, and in no memory: features are drawn where they are learned.
        looks_like = Dataset._of_sample(np.broadcast_to(np.int8(1), (features, tree.n_items)), 0, "", tree)
        return (tree, features), looks_like, {"tree": _configuration.of_tree(tree), "features": features}


def _bare(data: Dataset) -> Dataset:
    """Return the same data without what has been computed from them, which depends on the threads that BLAS had."""
    inputs = None if data.one_hot else data.inputs
    if data.has_outputs:
        return Dataset(data.outputs, inputs)
    return Dataset.from_gram(data.gram, data.n_features, inputs)
