"""What a recording in a zarr store says of itself: which simulation it is of, and how much of it is there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from pylinear import _check, _configuration, _files
from pylinear._dataset import Dataset
from pylinear._files import FileError
from pylinear._simulation import Simulation

_KIND = "pylinear recording 1"
# What zarr calls the file in which a group or an array is described.
_DOCUMENT = "zarr.json"
# Attributes of a store: those that are a simulation's for good, and those that it may change. The names stand in the
# sentence that refuses another simulation.
FOR_GOOD = ("n_features", "n_items", "n_inputs", "hidden_units", "update", "rng", "dtype", "keep")
AT_FIRST = ("rate", "order", "data")


def digest(data: Dataset) -> str:
    """Return what tells a dataset from all others."""
    return _configuration.digest(_configuration.of_data(data))


def about(sim: Simulation, keep: tuple[str, ...]) -> dict[str, Any]:
    """Return what a recording follows from, in types that JSON has."""
    from importlib.metadata import version

    data = sim.data
    return {
        "kind": _KIND,
        **{name: getattr(data, name) for name in ("n_features", "n_items", "n_inputs")},
        **{name: getattr(sim, name) for name in ("hidden_units", "rate", "update", "dtype", "route")},
        "order": sim.order if isinstance(sim.order, str) else sim.order.tolist(),
        "rng": str(sim.rng),
        "keep": list(keep),
        "data": digest(data),
        "data_changed": False,
        "version": version("pylinear-dynamics"),
    }


def check_same(path: str, names: tuple[str, ...], there: dict[str, Any], here: dict[str, Any]) -> None:
    """Raise unless a store is a recording, and these attributes of it are those of the simulation."""
    if there.get("kind") != _KIND:
        raise FileError(f"{path} must be a recording of pylinear or not be there; it is something else")
    for name in names:
        if there.get(name) == here[name]:
            continue
        told = f"{name} is {_check.show(there.get(name))} there and {_check.show(here[name])} here"
        if name == "data":  # nobody can read a digest
            told = "it learned other data"
        raise FileError(f"{path} must be a recording of this simulation; {told}")


def whole(path: str, there: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of a recording that has begun, once they are seen to be of the types that they have."""
    least = {"n_valid": 0, "records_in_a_chunk": 1}
    kinds = {"n_valid": int, "records_in_a_chunk": int, "data": str, "data_changed": bool}
    for name, kind in kinds.items():
        value = there.get(name)
        if type(value) is not kind or (name in least and there[name] < least[name]):
            raise FileError(f"{path} is damaged: {name} is {_check.show(value)}")
    return there


@contextlib.contextmanager
def believed(path: str) -> Iterator[None]:
    """Say of whatever is wrong with what has been read from a store that the store is damaged."""
    try:
        yield
    except (FileError, RecursionError, NotImplementedError):
        raise
    # A codec raises RuntimeError for bytes that it has not written.
    except (AttributeError, FileNotFoundError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise FileError(f"{path} is damaged: {' '.join(str(error).split())[:200]}") from error


def attributes(path: str) -> dict[str, Any] | None:
    """Return the attributes of a store; None if there is nothing, not even a file, at `path`."""
    import zarr

    try:
        if not os.listdir(path):
            return None
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        pass  # whatever it is, it is something else
    try:
        return dict(zarr.open_group(path, mode="r", use_consolidated=False).attrs)
    except (ValueError, KeyError, TypeError, OSError) as error:
        why = " ".join(str(error).split())[:100]
        raise FileError(f"{path} must be a recording of pylinear or not be there; it cannot be read: {why}") from None


def commit(path: str, n_valid: int, **changed: Any) -> None:
    """Tell how many records of a store are complete, and what else of its attributes has changed, in one step.

    The document that is replaced holds the lengths of all arrays, so that whoever opens the store sees all or none of
    a chunk, whatever lengths the arrays say that they have.
    """
    import json

    about, arrays = _document(path), {}
    for name in sorted(os.listdir(path)):
        if os.path.isfile(os.path.join(path, name, _DOCUMENT)):
            array = _document(os.path.join(path, name))
            axes = zip(array["dimension_names"], array["shape"], strict=True)
            arrays[name] = {**array, "shape": [n_valid if axis == "time" else n for axis, n in axes]}
    about["attributes"] |= {"n_valid": n_valid, **changed}
    about["consolidated_metadata"] = {"kind": "inline", "must_understand": False, "metadata": arrays}
    _files.write_bytes(os.path.join(path, _DOCUMENT), json.dumps(about, indent=2).encode())


def _document(folder: str) -> Any:
    import json

    with open(os.path.join(folder, _DOCUMENT), encoding="utf-8") as file:
        return json.load(file)
