"""Flows of the weight matrices, integrated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pylinear import _check, _memory
from pylinear._flow import integrate_flow
from pylinear.theory._domain import in_domain

if TYPE_CHECKING:
    from pylinear._dataset import Dataset


def flow(
    t: ArrayLike, w21: ArrayLike, w32: ArrayLike, data: Dataset, tau: float = 1.0, *, rtol: float = 1e-10
) -> tuple[NDArray[Any], NDArray[Any]]:
    r"""Weights at each time under the averaged dynamics, the paper's (7)-(8).

    Parameters
    ----------
    t : (T,) array_like
        Times, at least 0 and not decreasing; the weights given are those at time 0.
    w21 : (N2, N1) array_like
        Input-to-hidden weights at time 0.
    w32 : (N3, N2) array_like
        Hidden-to-output weights at time 0.
    data : Dataset
        For its correlations (sums over items); inputs may be correlated.
    tau : float
        Time constant, above 0: 1 / rate for t in epochs.
    rtol : float
        Relative tolerance of the integrator in each step, from 1e-13 to 1e-2.

    Returns
    -------
    w21 : (T, N2, N1) ndarray
        Input-to-hidden weights at each time.
    w32 : (T, N3, N2) ndarray
        Hidden-to-output weights at each time.

    Raises
    ------
    ValueError
        If times or shapes do not fit.
    MemoryError
        If the weights at all times would not fit the memory.

    Notes
    -----
    :math:`\tau \dot W^{21} = W^{32 T} (\Sigma_{yx} - W^{32} W^{21} \Sigma_{xx})`,
    :math:`\tau \dot W^{32} = (\Sigma_{yx} - W^{32} W^{21} \Sigma_{xx}) W^{21 T}`, integrated by an embedded
    Runge-Kutta pair of order 8(5,3). :math:`W^{32 T} W^{32} - W^{21} W^{21 T}` is conserved.
    """
    times = in_domain("t", t, 0.0, above=False, domain="at least 0")
    if times.ndim != 1 or np.any(np.diff(times) < 0):
        raise ValueError("t must be a sequence of times that do not decrease")
    if not hasattr(data, "sigma_yx"):
        raise TypeError(f"data must be a pylinear.Dataset; got {_check.show(data)}")
    tau = _check.real("tau", tau, 0.0, above=True)
    rtol = _check.real("rtol", rtol, 1e-13, 1e-2)
    w21 = _check.array("w21", w21, (None, data.n_inputs))
    w32 = _check.array("w32", w32, (data.n_features, w21.shape[0]))
    _memory.require("the weights at all times", 16 * (w21.size + w32.size) * max(1, times.size))
    return integrate_flow(times / tau, w21, w32, data.sigma_yx, data.sigma_xx, rtol)
