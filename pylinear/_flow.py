"""Velocities of the weights in continuous time, and their integration.

With g_p the gradient of half the squared error of item p and H_p its Hessian, an epoch of learning at a small rate is
the flow of the velocity

    - sum_p shares[p] g_p + rate * sum_{p, q} pairs[p, q] H_q g_p

for the time `rate`, to second order in the rate. The first term is the averaged flow (7)-(8). The second is what every
way of going through the items has of its own: the step at item q meets weights that the step at item p has moved, which
counts for each pair that comes in this order, less the half of it that a flow would have made by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pylinear._check import Floats

Velocity = Callable[[Floats, Floats], tuple[Floats, Floats]]


# Epochs in a cycle that counts as short beside the time of learning.
_LONGEST_CYCLE = 4


class Pacing(NamedTuple):
    """How a way of learning goes through the items in an epoch.

    Attributes
    ----------
    shares : (P,)
        Presentations of each item in an epoch, 1 on average.
    pairs : (P, P)
        Entry (p, q): how often, on average over an epoch, item q follows item p in it, less half of
        shares[p] shares[q].
    period : int
        Presentations after which it begins again; 1 if a mean over it makes no sense, without a period or with a long
        one.
    """

    shares: Floats
    pairs: Floats
    period: int


def pacing(order: str | NDArray[np.int64], n_items: int) -> Pacing:
    """Return the pacing of "batch", "cyclic", "reshuffled", "with_replacement" (its mean), or of items in a cycle."""
    ones, all_pairs = np.ones(n_items), np.ones((n_items, n_items))
    if isinstance(order, str):
        pairs = {
            "batch": -all_pairs / 2,
            "cyclic": np.triu(all_pairs, 1) - all_pairs / 2,
            "reshuffled": -np.eye(n_items) / 2,
            "with_replacement": -all_pairs / (2 * n_items),
        }
        return Pacing(ones, pairs[order], 1 if order == "with_replacement" else n_items)
    epochs = order.reshape(-1, n_items) if order.size % n_items == 0 else order[None]
    if order.size % n_items or np.any(np.sort(epochs, axis=1) != np.arange(n_items)):
        epochs = order[None]  # not one permutation after the other
    shares, following = np.zeros(n_items), np.zeros((n_items, n_items))
    for items in epochs:
        seen = np.zeros(n_items)
        for item in items:
            following[:, item] += seen
            seen[item] += 1
        following -= np.outer(seen, seen) / 2
        shares += seen
    period = epochs.shape[1] if epochs.shape[1] <= _LONGEST_CYCLE * n_items else 1
    return Pacing(shares * (n_items / order.size), following * (n_items / order.size), period)


def averaged(sigma_yx: Floats, sigma_xx: Floats) -> Velocity:
    """Return the velocity of (7)-(8) from the correlations, sums over items."""

    def velocity(w21: Floats, w32: Floats) -> tuple[Floats, Floats]:
        error = sigma_yx - w32 @ (w21 @ sigma_xx)
        return _transposed(w32) @ error, error @ _transposed(w21)

    return velocity


def modified(inputs: Floats, outputs: Floats, rate: float, pace: Pacing) -> Velocity:
    """Return the velocity to first order in the rate for inputs (N1, P) and outputs (N3, P).

    Weights may have leading axes.
    """
    squares = inputs.T @ inputs * pace.pairs

    def velocity(w21: Floats, w32: Floats) -> tuple[Floats, Floats]:
        hidden = w21 @ inputs
        errors = outputs - w32 @ hidden
        back = _transposed(w32) @ errors
        # With columns h_p, e_p, b_p of these and x_p of the inputs, g_p is (-b_p x_p^T, -e_p h_p^T), and H_q g_p is
        #   (e_p.e_q h_p - h_p.h_q b_p - x_p.x_q W32^T W32 b_p) x_q^T  and
        #   x_p.x_q e_q b_p^T - (h_p.h_q e_p + x_p.x_q W32 b_p) h_q^T.
        error_pairs = _transposed(errors) @ errors * pace.pairs
        hidden_pairs = _transposed(hidden) @ hidden * pace.pairs
        moved = w32 @ (back @ squares)
        lower = back * pace.shares + rate * (hidden @ error_pairs - back @ hidden_pairs - _transposed(w32) @ moved)
        upper = errors * pace.shares - rate * (errors @ hidden_pairs + moved)
        turned = errors @ squares.T @ _transposed(back)
        return lower @ inputs.T, upper @ _transposed(hidden) + rate * turned

    return velocity


def _transposed(matrices: Floats) -> Floats:
    return np.swapaxes(matrices, -1, -2)


_EPS, _TINY = float(np.finfo(float).eps), float(np.finfo(float).tiny)


class _Grown:
    """The event of a weight that exceeds a limit."""

    terminal = True

    def __init__(self, limit: float) -> None:
        self._limit = limit

    def __call__(self, _: float, state: Floats) -> float:
        """Return what changes its sign then."""
        return float(np.abs(state).max()) - self._limit


def integrate(
    velocity: Velocity, t: Floats, w21: Floats, w32: Floats, rtol: float, poll: Callable[[], None] = lambda: None
) -> tuple[Floats, Floats]:
    """Return the weights at each time, (T, N2, N1) and (T, N3, N2).

    Parameters
    ----------
    velocity : callable
        Of the two layers.
    t : (T,)
        Times, at least 0, in any order, in the units of the velocity.
    w21, w32 : (N2, N1) and (N3, N2)
        Weights at time 0.
    rtol : float
        Relative tolerance in each step.
    poll : callable
        Called at every evaluation; may raise to stop.
    """
    from scipy.integrate import solve_ivp

    def flat(_: float, state: Floats) -> Floats:
        poll()
        lower, upper = velocity(state[: w21.size].reshape(w21.shape), state[w21.size :].reshape(w32.shape))
        return np.concatenate([lower.ravel(), upper.ravel()])

    start = np.concatenate([w21.ravel(), w32.ravel()])
    once, index = np.unique(t, return_inverse=True)
    states = np.tile(start, (once.size, 1))
    now, done, state = 0.0, np.searchsorted(once, 0.0, side="right"), start
    while done < once.size:
        # Small weights matter as long as they are small: the absolute tolerance is set by the weights at the start, but
        # never below the roundoff of those that have grown.
        largest = float(np.abs(state).max())
        atol = max(rtol * max(float(np.abs(start).max()), _TINY), _EPS * largest)
        grown = _Grown(max(largest, atol / _EPS) * 1e3)
        # A trial step that is far too long overflows, and is rejected for it.
        with np.errstate(over="ignore", invalid="ignore"):
            solution = solve_ivp(
                flat, (now, once[-1]), state, "DOP853", once[done:], events=grown, rtol=rtol, atol=atol
            )
        if not solution.success:
            raise RuntimeError(f"the flow could not be integrated: {solution.message}")
        reached = len(solution.t)  # a list where it is none
        if reached:
            states[done : done + reached] = solution.y.T
        done += reached
        if solution.t_events is not None and solution.y_events is not None and solution.status == 1:
            now, state = solution.t_events[0][-1], solution.y_events[0][-1]
    states = states[index]
    return states[:, : w21.size].reshape(-1, *w21.shape), states[:, w21.size :].reshape(-1, *w32.shape)


# The longest step of an ensemble, in units of 1 / s_1.
_STEP = 0.1


def ensemble(
    inputs: Floats, outputs: Floats, rate: float, epochs: Floats, w21: Floats, w32: Floats, rng: np.random.Generator
) -> Iterator[tuple[Floats, Floats]]:
    """Yield the weights (members, ...) at each time of solutions of the stochastic modified equation.

    The items of an epoch drawn with replacement have the velocity of their mean, and a noise of order sqrt(rate)
    whose P sources push along the gradients of single items and cancel where all items are pushed alike. A solution
    that leaves the range of floating point goes on as inf and NaN.
    """
    velocity = modified(inputs, outputs, rate, pacing("with_replacement", inputs.shape[1]))
    # Modes grow at the rate 2 s_1; large weights relax at up to the rate of their Hessian, which is 2 s_1 at the end.
    squares = sum(float(np.max(np.linalg.norm(w, 2, axis=(-2, -1)))) ** 2 for w in (w21, w32))
    stiffest = squares * float(np.linalg.norm(inputs, 2)) ** 2 / 2
    fastest = max(float(np.linalg.norm(outputs @ inputs.T, 2)), stiffest)
    now = 0.0
    for time in epochs * rate:
        steps = int(np.ceil((time - now) * fastest / _STEP))
        # A caller must not be left with these settings while it has the weights.
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(steps):
                length = (time - now) / steps
                w21, w32 = _push(inputs, outputs, w21, w32, rate * length / 2, rng)
                w21, w32 = _drift(velocity, w21, w32, length)
                w21, w32 = _push(inputs, outputs, w21, w32, rate * length / 2, rng)
        now = time
        yield w21, w32


def _push(
    inputs: Floats, outputs: Floats, w21: Floats, w32: Floats, variance: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return the weights after the noise of some time."""
    hidden = w21 @ inputs
    strength = rng.normal(scale=np.sqrt(variance), size=(len(w21), 1, inputs.shape[1]))
    errors = (outputs - w32 @ hidden) * (strength - strength.mean(axis=-1, keepdims=True))
    return w21 + _transposed(w32) @ errors @ inputs.T, w32 + errors @ _transposed(hidden)


def _drift(velocity: Velocity, w21: Floats, w32: Floats, length: float) -> tuple[Floats, Floats]:
    """Return the weights after a time of the velocity, by the classical method of Runge and Kutta."""
    slope = velocity(w21, w32)
    lower, upper = slope
    for share, weight in ((0.5, 2.0), (0.5, 2.0), (1.0, 1.0)):
        slope = velocity(w21 + share * length * slope[0], w32 + share * length * slope[1])
        lower, upper = lower + weight * slope[0], upper + weight * slope[1]
    return w21 + length / 6 * lower, w32 + length / 6 * upper
