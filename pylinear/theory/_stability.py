"""The largest learning rates with which what has been learned is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from pylinear import _check
from pylinear._check import Floats
from pylinear.theory._domain import layers_of

if TYPE_CHECKING:
    from pylinear._dataset import Dataset


def max_rate(data: Dataset, update: Literal["online", "batch"] = "online", layers: int = 2) -> float:
    r"""Largest learning rate with which a network stays where it has learned ``data``.

    Parameters
    ----------
    data : Dataset
        What is learned. Inputs may be correlated.
    update : {"online", "batch"}
        One presentation after the other, or once an epoch by the sum over all items.
    layers : {1, 2}
        Weight layers: 2 with a hidden layer, 1 without.

    Returns
    -------
    float
        Rate in the sense of `pylinear.train`, for the squared error halved and summed over items.

    Raises
    ------
    TypeError, ValueError
        If an argument is outside its domain, or there is nothing to learn.

    Notes
    -----
    With :math:`B = \Sigma_{yx} \Sigma_{xx}^+ = U\,\mathrm{diag}(b) V^T`, the map that is learned, and
    :math:`|B| = V\,\mathrm{diag}(b) V^T`, errors at the balanced minimum are fed back through
    :math:`M = X^T (b_1 I + |B|) X`, P x P. "batch": :math:`2/\lambda_{max}(M)`, for one-hot inputs :math:`1/s_1`.
    "online": :math:`2/\max_\mu M_{\mu\mu}`, for one-hot inputs :math:`2/(s_1 + \max_\mu |h_\mu|^2)` with
    :math:`|h_\mu|^2 = \sum_\alpha s_\alpha v_{\mu\alpha}^2`. Without a hidden layer :math:`M = X^T X`.

    Both bounds are about small deviations from the balanced minimum, which small initial weights lead to, with at least
    as many hidden units as modes. The batch bound is that of linear stability. The online bound suffices for any order
    if all items can be learned at once, because no presentation then leads further away from the minimum; with one-hot
    inputs of trees it was measured to be sharp to 5 %, with correlated inputs it may be far from it.

    Above the bounds the network leaves this minimum, which need not be the end of learning. One-hot batches oscillate
    around it, and diverge above twice the bound at the latest. With correlated inputs, and online, the network may also
    come to rest at another, flatter minimum, where the layers are not balanced. Up to half the batch bound, a balanced
    mode grows to its strength without overshoot.

    References
    ----------
    Gidel, Bach & Lacoste-Julien, "Implicit regularization of discrete gradient dynamics in linear neural networks"
    (NeurIPS 2019), for the regime without overshoot.

    Examples
    --------
    >>> import pylinear as pl
    >>> data = pl.toy("signed")
    >>> s1 = float(data.modes.s[0])
    >>> round(max_rate(data, "batch") * s1, 6), round(max_rate(data) * s1, 3)
    (1.0, 1.123)
    """
    if not hasattr(data, "rotated_outputs"):
        raise TypeError(f"data must be a pylinear.Dataset; got {_check.show(data)}")
    update_name = _check.choice("update", update, ("online", "batch"))
    layers = layers_of(layers, 2)
    if layers == 2 and not data.modes.s.any():
        raise ValueError("data must have a mode to learn; all association strengths are 0")
    if data.one_hot:
        if layers == 1:
            return 2.0
        s, v = data.modes.s, data.modes.v
        return 2 / float(s[0] + (s[0] if update_name == "batch" else np.max(v**2 @ s)))
    factor = data.inputs if layers == 1 else _root_of_feedback(data)
    if update_name == "batch":
        return 2 / float(np.linalg.norm(factor, 2)) ** 2
    return 2 / float(np.max(np.sum(factor**2, axis=0)))


def _root_of_feedback(data: Dataset) -> Floats:
    """Return a matrix of P columns whose Gram matrix is M."""
    _, x = data.input_span
    # The rows of x are orthogonal. Only the triangular factor of the outputs matters, since B^T B is all of B in |B|.
    outputs = np.linalg.qr(data.rotated_outputs, mode="r")
    _, b, vt = np.linalg.svd(outputs @ (x.T / np.sum(x**2, axis=1)), full_matrices=False)
    return np.concatenate([np.sqrt(b[0]) * x, np.sqrt(b)[:, None] * (vt @ x)])
