"""Experiments that are written down in TOML files."""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pylinear import _check
from pylinear._dataset import Dataset, toy
from pylinear._files import FileError
from pylinear._initial import Balanced, Decoupled, Gaussian
from pylinear._progress import Progress
from pylinear._read_table import read_table
from pylinear._run import Run
from pylinear._sweep import sweep
from pylinear._tasks import REQUIRED, TRAINING
from pylinear._train import train
from pylinear._tree import Tree

if TYPE_CHECKING:
    import xarray

# Where neither a file nor an option says otherwise.
FLIP, FEATURES, RNG = 0.1, 10_000, 0

EXAMPLE = f"""\
# pylinear train experiment.toml, pylinear gap experiment.toml, pylinear sweep experiment.toml
# All keys are here; what one is that is left out stands in brackets, or behind a #.

[data]
tree = [2, 2]                # children at each level; or table = "animals.csv", beside this file; or toy = "centred"
flip = {FLIP}                   # flip probability on the branches: one number, or one for each level ({FLIP})
features = {FEATURES:_}            # drawn from the tree ({FEATURES:,})

[train]                      # the arguments of pylinear.train; the first three must be given
hidden = 16
rate = 3e-4
epochs = 700
init = {{ gaussian = 1e-3 }}   # or {{ balanced = 1e-3 }}, or {{ decoupled = {{ c = 0.1, d = 0.2 }} }} (gaussian, 1e-4)
runs = 3                     # networks (1)
rng = {RNG}                      # seed of features, weights and orders ({RNG})
record = 100                 # times at most, or a list of epochs (200)
# order = "reshuffled"       # or "cyclic", "with_replacement", or a list of items, which count from 0
# update = "online"          # or "batch", "flow"
# reduce = "auto"            # or "exact", "krylov", "law", false
# tol = 1e-12
# keep = []                  # and any of "hidden", "weights", "maps"
# dtype = "float64"          # or "float32"
# route = "auto"             # or "blocked", "fused"
# threads = 2                # at most so many (all processors), and in a sweep for each training (1)

[sweep]                      # read by pylinear sweep alone: any of the keys above but keep and threads,
rate = [3e-4, 6e-4]          # each with the values to take
hidden = [16, 64]
"""

_INITS: dict[str, Callable[[Any], Any]] = {
    "gaussian": Gaussian,
    "balanced": Balanced,
    "decoupled": lambda value: Decoupled(**_exactly(value, ("c", "d"))),
}
# What sentences begin with that are about other keys.
_OTHER_NAMES = {"branching": "tree", "n_features": "features", "coding": "toy", "c": "init", "d": "init"}
_KEYS = {
    "data": ("tree", "flip", "features", "table", "toy"),
    "train": tuple(TRAINING),
    "sweep": ("tree", "flip", "features", "table", "toy", *(x for x in TRAINING if x not in {"keep", "threads"})),
}

T = TypeVar("T")


class _Source(NamedTuple):
    """What is to be learned: data, or features that are to be drawn from a tree."""

    data: Dataset | None
    tree: Tree | None
    features: int

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments of `sweep`."""
        return {"data": self.data} if self.tree is None else {"tree": self.tree, "features": self.features}


@dataclass(frozen=True, eq=False)
class Experiment:
    """A file that has been read.

    Attributes
    ----------
    path : Path
        The file.
    source : _Source
        What is to be learned.
    training : dict
        Other arguments of `train`; with "rng".
    varied : dict
        What a sweep varies, as it stands in the file.
    """

    path: Path
    source: _Source
    training: dict[str, Any]
    varied: _Section
    data: _Section

    def train(self, **more: Any) -> Run:
        """Train once; `more` are arguments that the file does not decide."""
        self._check_given(())
        with self._located():
            tree, data = self.source.tree, self.source.data
            if data is None:
                assert tree is not None
                data = tree.sample(self.source.features, rng=self.training["rng"])
            return train(data, **{**self.training, **more})

    def sweep(self, folder: Path, progress: Progress) -> xarray.Dataset:
        """Train with all combinations of what varies."""
        self.varied.check_keys()
        if not self.varied.values:
            raise ValueError(f"{self.path}, [sweep]: it must have at least one key that varies")
        over = _varied(self.varied, self.data)
        self._check_given(over)
        same = {x: value for x, value in {**self.source.arguments, **self.training}.items() if x not in over}
        with self._located(over):
            return sweep(over, folder=folder, progress=progress, **same)

    def _check_given(self, varied: Container[str]) -> None:
        for key in REQUIRED:
            if key not in self.training and key not in varied:
                raise ValueError(f"{self.path}, [train] {key}: it must be given")

    @contextlib.contextmanager
    def _located(self, varied: Container[str] = ()) -> Iterator[None]:
        """Begin the sentences of errors with the file, and with the key that they begin with."""
        try:
            yield
        except FileError:  # about another file, which it names
            raise
        except (TypeError, ValueError) as error:
            first = str(error).partition(" ")[0]
            key = _OTHER_NAMES.get(first, first)
            section = "sweep" if key in varied else "train" if key in self.training else "data"
            where = f", [{section}] {key}" if key in _KEYS[section] else ""
            raise ValueError(f"{self.path}{where}: {error}") from error


def read(path: Path) -> Experiment:
    """Return the experiment that a file describes; ValueError, with file and key, for what is not allowed in one."""
    sections = _sections(path)
    data = _Section(path, "data", sections.get("data", {}))
    training = _Section(path, "train", sections.get("train", {}))
    varied = _Section(path, "sweep", sections.get("sweep", {}))
    source = _source(data)
    arguments = {"rng": RNG, **training.values}
    if "init" in arguments:
        arguments["init"] = training.convert("init", _init)
    return Experiment(path, source, arguments, varied, data)


def _sections(path: Path) -> Mapping[str, Any]:
    try:
        sections = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:  # tomllib has its own, and those of numbers and texts that it reads
        raise ValueError(f"{path}: not a TOML file: {error}") from None
    for name, keys in sections.items():
        if name not in _KEYS:
            raise ValueError(f"{path}: {_check.unknown('section of an experiment', name, _KEYS)}")
        if not isinstance(keys, dict):
            raise ValueError(f"{path}: {name} must be a section, [{name}]; got {_check.show(keys)}")
        if name != "sweep":  # which a sweep alone reads
            _Section(path, name, keys).check_keys()
    return sections


class _Section(NamedTuple):
    path: Path
    name: str
    values: dict[str, Any]

    def check_keys(self) -> None:
        """Raise for a key that does not exist."""
        for key in self.values:
            if key not in _KEYS[self.name]:
                raise ValueError(f"{self.path}: {_check.unknown(f'key of [{self.name}]', key, _KEYS[self.name])}")

    def convert(self, key: str, conversion: Callable[[Any], T]) -> T:
        """Return a value as something else; errors name file and key."""
        try:
            return conversion(self.values[key])
        except (TypeError, ValueError, OSError) as error:
            raise ValueError(f"{self.path}, [{self.name}] {key}: {error}") from error


def _source(data: _Section) -> _Source:
    given = [key for key in ("tree", "table", "toy") if key in data.values]
    if len(given) != 1:
        raise ValueError(f"{data.path}, [data]: one of tree, table and toy must be given; got {given or 'none'}")
    for key in ("flip", "features"):
        if key in data.values and given != ["tree"]:
            raise ValueError(f"{data.path}, [data] {key}: it belongs to a tree, and none is given")
    if given == ["table"]:
        return _Source(data.convert("table", lambda name: _table(data.path, name)), None, 0)
    if given == ["toy"]:
        return _Source(data.convert("toy", toy), None, 0)
    values = {"features": FEATURES, **data.values}
    checked = data._replace(values=values)
    tree = checked.convert("tree", lambda branching: Tree(branching, FLIP))
    if "flip" in values:
        tree = checked.convert("flip", lambda flip: Tree(tree.branching, flip))
    return _Source(None, tree, checked.convert("features", lambda n: _check.integer("features", n)))


def _varied(varied: _Section, data: _Section) -> dict[str, Any]:
    """Return the values of [sweep], by the names of `sweep`'s arguments."""
    flip = data.values.get("flip", FLIP)
    conversions: dict[str, Callable[[Any], tuple[str, object]]] = {
        "tree": lambda branching: (f"{Tree(branching, flip).branching}", Tree(branching, flip)),
        "table": lambda name: (str(name), _table(varied.path, name)),
        "toy": lambda coding: (str(coding), toy(coding)),
        "init": lambda init: (_text(init), _init(init)),
    }
    out: dict[str, Any] = {}
    for key in varied.values:
        needed = "tree" if key in {"flip", "features"} else key
        if needed in _KEYS["data"] and needed not in data.values:
            raise ValueError(f"{varied.path}, [sweep] {key}: it can vary only where [data] has a {needed}")
        values = varied.convert(key, partial(_listed, conversion=conversions.get(key)))
        out["data" if key in {"table", "toy"} else key] = values
    return out


def _listed(values: object, conversion: Callable[[Any], tuple[str, object]] | None) -> Any:
    """Return a list, by labels where its values are converted."""
    if not isinstance(values, list) or not values:
        raise TypeError(f"it must be a list of the values to take; got {_check.show(values)}")
    if conversion is None:
        return values
    out = dict(map(conversion, values))
    if len(out) < len(values):
        raise ValueError(f"each value must be there once; got {_check.show(values)}")
    return out


def _text(init: object) -> str:
    """Return initial weights as they stand in a file."""
    if not isinstance(init, dict):
        return str(init)
    return ", ".join(f"{kind} = {x if not isinstance(x, dict) else f'{{ {_text(x)} }}'}" for kind, x in init.items())


def _table(path: Path, name: object) -> Dataset:
    if not isinstance(name, str):
        raise TypeError(f"table must be the name of a file; got {_check.show(name)}")
    return read_table(path.parent / name)


def _init(value: object) -> Gaussian | Decoupled:
    if not isinstance(value, dict) or len(value) != 1:
        raise TypeError(f"init must be a table with one of {', '.join(_INITS)}; got {_check.show(value)}")
    [(kind, strength)] = value.items()
    if kind not in _INITS:
        raise ValueError(_check.unknown("kind of initial weights", kind, _INITS))
    made: Gaussian | Decoupled = _INITS[kind](strength)
    return made


def _exactly(value: object, names: Iterable[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != set(names):
        raise TypeError(f"decoupled must be a table of {' and '.join(names)}; got {_check.show(value)}")
    return value
