"""What the result of a training follows from, as plain values, and the name that its file has by them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pylinear._dataset import Dataset
from pylinear._initial import Gaussian, Given, Initial
from pylinear._tree import Tree

# To be raised whenever the same configuration comes to give other numbers, or other names for them.
RESULTS = 1


def digest(configuration: dict[str, Any]) -> str:
    """Return the name of a configuration: 32 hexadecimal digits, the same for the same values in any order."""
    import hashlib
    import json

    text = json.dumps(configuration, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def of_array(array: NDArray[Any]) -> dict[str, Any]:
    """Return what tells an array from all others."""
    import hashlib

    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    sha256 = hashlib.sha256(little.reshape(-1).view(np.uint8).data).hexdigest()
    return {"shape": list(array.shape), "dtype": little.dtype.str, "sha256": sha256}


def of_data(data: Dataset) -> dict[str, Any]:
    """Return what tells a dataset from all others, names of items and features apart."""
    inputs = "one-hot" if data.one_hot else of_array(data.inputs)
    if data.has_outputs:
        return {"outputs": of_array(data.outputs), "inputs": inputs}
    return {"gram": of_array(data.gram), "features": data.n_features, "inputs": inputs}


def of_tree(tree: Tree) -> dict[str, Any]:
    """Return what a tree is."""
    return {"branching": list(tree.branching), "flip": list(tree.flip)}


def of_initial(init: Initial) -> dict[str, Any]:
    """Return what initial weights follow from besides the seed."""
    if isinstance(init, Gaussian):
        return {"gaussian": init.scale}
    if isinstance(init, Given):
        return {"w21": of_array(init.w21), "w32": of_array(init.w32)}
    return {"decoupled": {name: np.asarray(getattr(init, name)).tolist() for name in ("c", "d")}}
