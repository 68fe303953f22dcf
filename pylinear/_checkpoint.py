"""The state of a simulation as a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pylinear import _check, _engine, _files
from pylinear._dataset import Dataset
from pylinear._tree import Tree

_KIND = "simulation"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a simulation goes on from to the last bit.

    The weights are those at presentation `position`, where a block begins; the simulation stands at `until`, which is
    further on if a call has ended inside that block.
    """

    data: Dataset
    arguments: dict[str, Any]
    start: NDArray[Any]
    lower: NDArray[Any]
    w32: NDArray[Any]
    shift: int
    position: int
    until: int
    norms: tuple[float, float]
    status: str
    asked_route: str

    def write(self, path: _files.StrPath) -> None:
        """Write it to a file."""
        plain = dict(self.arguments)
        order = plain.pop("order")
        named = isinstance(order, str)
        header = {
            **plain,
            "rng": str(plain["rng"]),
            "order": order if named else None,
            "shift": self.shift,
            "position": self.position,
            "until": self.until,
            "norms": [norm.hex() for norm in self.norms],  # which may be inf
            "status": self.status,
            "asked_route": self.asked_route,
            "data": _about(self.data),
        }
        arrays = {"w32": self.w32, "lower": self.lower, "start": self.start, **_arrays(self.data)}
        _files.write(path, _KIND, header, arrays if named else {**arrays, "order": order})


def read(path: str) -> Checkpoint:
    """Return the checkpoint in a file."""
    header, arrays = _files.read(path, _KIND)
    with _files.believed(path):
        return _checkpoint(header, arrays)


def _checkpoint(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Checkpoint:
    order = arrays["order"] if header["order"] is None else header["order"]
    plain = {name: header[name] for name in ("rate", "dtype", "route", "update")}
    checkpoint = Checkpoint(
        data=_data(header["data"], arrays),
        arguments={**plain, "order": order, "rng": int(header["rng"])},
        start=arrays["start"],
        lower=arrays["lower"],
        w32=arrays["w32"],
        shift=_check.integer("shift", header["shift"], 0, 2**63),
        position=_check.integer("position", header["position"], 0, 2**63),
        until=header["until"],
        norms=(float.fromhex(header["norms"][0]), float.fromhex(header["norms"][1])),
        status=_check.choice("status", header["status"], ("ok", "diverged")),
        asked_route=header["asked_route"],
    )
    if not 0 <= checkpoint.until - checkpoint.position < _engine.core().longest_block:
        raise ValueError("it stands outside the block that it has begun")
    return checkpoint


def _about(data: Dataset) -> dict[str, Any]:
    tree = data.tree
    return {
        "rng": None if data.rng is None else str(data.rng),
        "engine": data.engine,
        "tree": None if tree is None else {"branching": tree.branching, "flip": tree.flip},
    }


def _arrays(data: Dataset) -> dict[str, NDArray[Any]]:
    import json

    arrays = {"outputs": data.outputs}
    if not data.one_hot:
        arrays["inputs"] = data.inputs
    # Names, where some were given: there may be too many of them for a header.
    return arrays | {
        name: np.frombuffer(json.dumps(getattr(data, name)).encode(), np.uint8)
        for name in ("items", "features")
        if name in vars(data)
    }


def _data(about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Dataset:
    import json

    if about["tree"] is not None:
        tree = Tree(about["tree"]["branching"], about["tree"]["flip"])
        _check.array("outputs", arrays["outputs"], (None, tree.n_items), arrays["outputs"].dtype.type, copy=False)
        return Dataset._of_sample(arrays["outputs"], int(about["rng"]), about["engine"], tree)
    names = {name: json.loads(arrays[name].tobytes()) if name in arrays else None for name in ("items", "features")}
    return Dataset(arrays["outputs"], arrays.get("inputs"), **names)
