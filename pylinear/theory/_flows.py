"""Flows of the weight matrices, integrated."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pylinear import _check, _memory
from pylinear._check import Floats
from pylinear._dataset import Dataset
from pylinear._flow import Velocity, averaged, ensemble, integrate, modified, pacing
from pylinear._random import RNG, as_generator
from pylinear.theory._domain import check_length, times_of

Order = Literal["batch", "cyclic", "reshuffled"] | ArrayLike


def flow(
    t: ArrayLike, w21: ArrayLike, w32: ArrayLike, data: Dataset, tau: float = 1.0, *, rtol: float = 1e-10
) -> tuple[NDArray[Any], NDArray[Any]]:
    r"""Weights at each time under the averaged dynamics, the paper's (7)-(8).

    Parameters
    ----------
    t : (T,) array_like
        Times, at least 0, in any order; the weights given are those at time 0.
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
    TypeError, ValueError
        If times or shapes do not fit, or the outputs of ``data`` are unknown.
    MemoryError
        If the weights at all times would not fit the memory.
    RuntimeError
        If the integrator cannot go on, at weights beyond the range of its steps.

    Notes
    -----
    :math:`\tau \dot W^{21} = W^{32 T} (\Sigma_{yx} - W^{32} W^{21} \Sigma_{xx})`,
    :math:`\tau \dot W^{32} = (\Sigma_{yx} - W^{32} W^{21} \Sigma_{xx}) W^{21 T}`, integrated by an embedded
    Runge-Kutta pair of order 8(5,3). :math:`W^{32 T} W^{32} - W^{21} W^{21 T}` is conserved. Where there are more
    features than items and hidden units, the integration takes place in the dimensions that the weights can reach, and
    its time does not depend on N3. A mode that is still below the roundoff of those that have been learned, 1e-16 of
    them, is lost in it: with weights of size w at the start that is so if :math:`w^{1 - s/s_1}` is below 1e-16.

    Examples
    --------
    >>> import pylinear as pl
    >>> data = pl.Dataset([[3.0, 1.0]])
    >>> w21, w32 = pl.Balanced(1e-3).draw(data, hidden=4, rng=0)
    >>> lower, upper = flow([0.0, 10.0], w21, w32, data)
    >>> (upper[-1] @ lower[-1]).round(6).tolist()
    [[3.0, 1.0]]
    """
    tau = _check.real("tau", tau, 0.0, above=True)
    start = _start(t, w21, w32, data, rtol)
    check_length(start.t, tau, data)
    return start.integrate(averaged(start.outputs @ data.inputs.T, data.sigma_xx), 1 / tau)


def modified_flow(
    t: ArrayLike,
    w21: ArrayLike,
    w32: ArrayLike,
    data: Dataset,
    rate: float,
    order: Order = "reshuffled",
    *,
    rtol: float = 1e-10,
) -> tuple[NDArray[Any], NDArray[Any]]:
    r"""Weights at each time as learning in steps leaves them, to first order in the rate beyond (7)-(8).

    Parameters
    ----------
    t : (T,) array_like
        Times in epochs, at least 0, in any order.
    w21, w32 : (N2, N1) and (N3, N2) array_like
        Weights at time 0.
    data : Dataset
        What is learned; inputs may be correlated.
    rate : float
        Learning rate, above 0.
    order : {"reshuffled", "cyclic", "batch"} or sequence of int
        How an epoch goes through the items: a new permutation every epoch (the mean over permutations), one after the
        other as they are numbered, all in one step, or the items given, over and over. A sequence is taken epoch by
        epoch where each of its epochs shows every item once, and else as a cycle, which must then be short beside the
        time of learning.
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
    TypeError, ValueError
        If times, shapes or item numbers do not fit, or the outputs of ``data`` are unknown. Order "with_replacement"
        has no such curve, since its fluctuations outweigh it; see `stochastic_flow`.
    MemoryError
        If the weights at all times would not fit the memory.
    RuntimeError
        If the integrator cannot go on: the modified flow of a rate far above `max_rate` may diverge.

    Notes
    -----
    With :math:`g_p` the gradient and :math:`H_p` the Hessian of item p's :math:`|\delta_p|^2/2`, the velocity in time
    rate x epochs is :math:`-\sum_p g_p + \lambda \sum_{pq} \Omega_{pq} H_q g_p`. For "batch" all entries of
    :math:`\Omega` are -1/2 (Barrett & Dherin 2021), for "reshuffled" those of the diagonal (Smith et al. 2021), and
    "cyclic" adds the commutators :math:`\frac{1}{2} \sum_{q > p} (H_q g_p - H_p g_q)` to the latter. What remains is of
    second order in the rate; for "reshuffled" in the mean over permutations, about which single runs scatter by the
    order 3/2.

    Examples
    --------
    >>> import pylinear as pl
    >>> data = pl.Dataset([[3.0, 1.0]])
    >>> w21, w32 = pl.Balanced(0.01).draw(data, hidden=4, rng=0)
    >>> run = pl.train(data, hidden=4, rate=0.02, epochs=60, init=(w21, w32), update="batch", record=[60])
    >>> lower, upper = modified_flow([60], w21, w32, data, rate=0.02, order="batch")
    >>> strength = data.modes.u[:, 0] @ upper[0] @ lower[0] @ data.modes.v[:, 0]
    >>> bool(abs(strength - run.mode_strengths[0, 0, 0]) < 5e-3)
    True
    """
    rate, start = _check.real("rate", rate, 0.0, above=True), _start(t, w21, w32, data, rtol)
    check_length(start.t, 1 / rate, data)
    chosen: str | NDArray[np.int64]
    if isinstance(order, str):
        if order == "with_replacement":
            raise ValueError("order must not be 'with_replacement', which has no curve; see theory.stochastic_flow")
        chosen = _check.choice("order", order, ("batch", "cyclic", "reshuffled"))
    else:
        chosen = _check.item_numbers("order", order, data.n_items, "'batch', 'cyclic', 'reshuffled'")
    return start.integrate(modified(data.inputs, start.outputs, rate, pacing(chosen, data.n_items)), rate)


def stochastic_flow(
    t: ArrayLike,
    w21: ArrayLike,
    w32: ArrayLike,
    data: Dataset,
    rate: float,
    *,
    members: int = 32,
    rng: RNG = None,
) -> tuple[NDArray[Any], NDArray[Any]]:
    r"""Weights at each time of an ensemble that scatters as online learning with replacement does.

    Parameters
    ----------
    t : (T,) array_like
        Times in epochs, at least 0, in any order.
    w21, w32 : (N2, N1) and (N3, N2) array_like
        Weights at time 0, of all members.
    data : Dataset
        What is learned; inputs may be correlated.
    rate : float
        Learning rate, above 0.
    members : int
        Number M of solutions; their standard deviation is known to one part in :math:`\sqrt{2M}`.
    rng : int, SeedSequence, BitGenerator, Generator or None
        For the noise.

    Returns
    -------
    w21 : (M, T, N2, N1) ndarray
        Input-to-hidden weights of each member at each time.
    w32 : (M, T, N3, N2) ndarray
        Hidden-to-output weights of each member at each time.

    Raises
    ------
    TypeError, ValueError
        If times or shapes do not fit, or the outputs of ``data`` are unknown.
    MemoryError
        If the weights of all members at all times would not fit the memory.

    Notes
    -----
    The stochastic modified equation of Li, Tai & E (2017) with one Brownian motion :math:`B_p` an item,

    .. math:: dW = -\Big(\sum_p g_p + \frac{\lambda}{2P} \sum_{pq} H_q g_p\Big) dt
        + \sqrt{\lambda} \sum_p g_p \Big(dB_p - \frac{1}{P} \sum_q dB_q\Big),

    in time rate x epochs, by a splitting with steps of at most 0.1 / s_1, or less for weights that are large at the
    start. It costs the same at any rate. Solutions that leave the range of floating point go on as inf and NaN.

    Examples
    --------
    >>> import pylinear as pl
    >>> data = pl.toy()
    >>> w21, w32 = pl.Gaussian(0.1).draw(data, hidden=8, rng=0)
    >>> lower, upper = stochastic_flow([0, 50], w21, w32, data, rate=0.02, members=16, rng=0)
    >>> lower.shape, upper.shape, bool(upper[:, 1].std(axis=0).max() > upper[:, 0].std(axis=0).max())
    ((16, 2, 8, 4), (16, 2, 5, 8), True)
    """
    rate = _check.real("rate", rate, 0.0, above=True)
    members = _check.integer("members", members)
    start = _start(t, w21, w32, data, 1e-10, members)
    check_length(start.t, 1 / rate, data)
    w21, w32 = (np.repeat(w[None], members, axis=0) for w in (start.w21, start.w32))
    lower, upper = (np.empty((members, start.t.size, *w.shape[1:])) for w in (w21, w32))
    times, order = np.unique(start.t, return_inverse=True)
    for t, state in enumerate(ensemble(data.inputs, start.outputs, rate, times, w21, w32, as_generator(rng))):
        for array, layer in zip((lower, upper), state, strict=True):
            array[:, order == t] = layer[:, None]
    return lower, start.lift(upper)


class _Start(NamedTuple):
    """Where a flow begins, its rows in the dimensions that it can reach."""

    t: Floats
    w21: Floats
    w32: Floats
    outputs: Floats
    rows: Floats | None  # (N3, n): orthonormal columns, or None for all rows as they are
    full: Floats
    rtol: float

    def integrate(self, velocity: Velocity, speed: float) -> tuple[Floats, Floats]:
        """Return the weights at full size at all times, of which there are `speed` in a unit of time."""
        lower, upper = integrate(velocity, self.t * speed, self.w21, self.w32, self.rtol)
        return lower, self.lift(upper)

    def lift(self, upper: Floats) -> Floats:
        """Return W32 (..., N3, N2) from its rows in the dimensions that it can reach."""
        return upper if self.rows is None else self.full + self.rows @ (upper - self.w32)


def _start(t: ArrayLike, w21: ArrayLike, w32: ArrayLike, data: Dataset, rtol: float, members: int = 1) -> _Start:
    """Return the checked arguments of a flow."""
    times = times_of(t)
    if not isinstance(data, Dataset):
        raise TypeError(f"data must be a pylinear.Dataset; got {_check.show(data)}")
    rtol = _check.real("rtol", rtol, 1e-13, 1e-2)
    w21 = _check.array("w21", w21, (None, data.n_inputs))
    w32 = _check.array("w32", w32, (data.n_features, w21.shape[0]))
    _memory.require("the weights at all times", 16 * members * (w21.size + w32.size) * max(1, times.size))
    outputs = np.asarray(data.outputs, dtype=np.float64)
    if data.n_features <= data.n_items + w21.shape[0]:
        return _Start(times, w21, w32, outputs, None, w32, rtol)
    rows, root = np.linalg.qr(np.hstack([outputs, w32]))
    reached = root[:, : data.n_items], root[:, data.n_items :]
    return _Start(times, w21, np.ascontiguousarray(reached[1]), reached[0], rows, w32, rtol)
