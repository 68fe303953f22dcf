"""The averaged flow (7)-(8), integrated."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pylinear._check import Floats


def integrate_flow(
    t: Floats,
    w21: Floats,
    w32: Floats,
    sigma_yx: Floats,
    sigma_xx: Floats,
    rtol: float,
    poll: Callable[[], None] = lambda: None,
) -> tuple[Floats, Floats]:
    """Return what `theory.flow` does, from the correlations alone.

    Parameters
    ----------
    t : (T,)
        Times in units of tau.
    w21, w32 : (N2, N1) and (N3, N2)
        Weights at time 0.
    sigma_yx, sigma_xx : (N3, N1) and (N1, N1)
        Correlations, as sums over items.
    rtol : float
        Relative tolerance in each step.
    poll : callable
        Called at every evaluation; may raise to stop.
    """
    from scipy.integrate import solve_ivp

    def velocity(_: float, state: Floats) -> Floats:
        poll()
        lower, upper = state[: w21.size].reshape(w21.shape), state[w21.size :].reshape(w32.shape)
        error = sigma_yx - upper @ (lower @ sigma_xx)
        return np.concatenate([(upper.T @ error).ravel(), (error @ lower.T).ravel()])

    start = np.concatenate([w21.ravel(), w32.ravel()])
    if not t.size or t[-1] == 0:
        states = np.tile(start, (t.size, 1))
    else:
        # Small weights matter as long as they are small: the absolute tolerance is set by the weights at the start.
        atol = rtol * max(float(np.abs(start).max()), np.finfo(float).tiny)
        once, index = np.unique(t, return_inverse=True)
        # A trial step that is far too long overflows, and is rejected for it.
        with np.errstate(over="ignore", invalid="ignore"):
            solution = solve_ivp(velocity, (0.0, once[-1]), start, method="DOP853", t_eval=once, rtol=rtol, atol=atol)
        if not solution.success:
            raise RuntimeError(f"the flow could not be integrated: {solution.message}")
        states = solution.y.T[index]
    return states[:, : w21.size].reshape(-1, *w21.shape), states[:, w21.size :].reshape(-1, *w32.shape)
