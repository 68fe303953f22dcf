"""Rotations of the output units that leave every trajectory as it is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pylinear._check import Floats
from pylinear._dataset import Dataset


class Reduced(NamedTuple):
    """The same problem in at most P + N2 output dimensions.

    Attributes
    ----------
    data : Dataset
        Q^T Y with the same inputs.
    w32 : ndarray
        Q^T W32.
    u : ndarray
        Q^T U.
    """

    data: Dataset
    w32: Floats
    u: Floats


def reduce_outputs(data: Dataset, w32: Floats, u: Floats) -> Reduced:
    """Return the problem in the coordinates of an orthonormal basis Q of the span of Y and W32.

    Learning moves W32 only within that span, so W21 and everything of the form u^T W32 stay exactly what they are.
    """
    if data.n_features <= data.n_items + w32.shape[1]:
        return Reduced(data, w32, u)
    outputs = data.outputs.astype(np.float64, copy=False)
    q, r = np.linalg.qr(np.hstack([outputs, w32]))
    inputs = None if data.one_hot else data.inputs
    return Reduced(Dataset(r[:, : data.n_items], inputs), r[:, data.n_items :], q.T @ u)
