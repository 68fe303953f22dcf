"""The arguments that say how a network learns, checked where every caller finds them."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pylinear import _check
from pylinear._dataset import Dataset

Order = Literal["cyclic", "reshuffled", "with_replacement"] | ArrayLike
Route = Literal["auto", "blocked", "fused"]

# Presentations are counted in 64 bits, and given to numpy as signed ones.
MOST_PRESENTATIONS = 2**62


def check_data(data: object) -> Dataset:
    """Return `data` if it is a dataset."""
    if not isinstance(data, Dataset):
        raise TypeError(f"data must be a pylinear.Dataset; got {_check.show(data)}")
    return data


def with_outputs(data: object) -> Dataset:
    """Return `data` if it is a dataset that holds its outputs."""
    checked = check_data(data)
    if not checked.has_outputs:
        raise ValueError("data must have outputs, which data made by from_gram do not: train it with pylinear.train")
    return checked


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
    number = _check.real("rate", rate, 0.0, above=True)
    return _check.real("rate", number, float(limits.tiny), float(limits.max))
