"""One mode of a decoupled network in the plane of its two strengths, c in W21 and d in W32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pylinear import theory
from pylinear._check import Floats
from pylinear._figures._table import Table

# Where the trajectories begin, in units of sqrt|s|: near the origin on both sides of the diagonal, where they are
# funnelled to it; beyond the hyperbola, where they move away from it.
_STARTS = ((0.1, -0.04), (-0.02, 0.1), (-0.12, 0.0), (0.0, -0.12), (-0.6, 1.4), (1.4, -0.9), (1.9, 1.3), (-1.2, -2.0))


class Trajectory(NamedTuple):
    """Strengths c and d of one mode at times t, in units of tau."""

    t: Floats
    c: Floats
    d: Floats


@dataclass(frozen=True, eq=False)
class Phase:
    """The plane of c and d for a mode of association strength s.

    Attributes
    ----------
    s : float
        Association strength.
    reach : float
        How far the plane goes from the origin, in c and in d.
    grid : (G,) float64
        Values of c, and of d, at which the velocities are known.
    velocity : (2, G, G) float64
        tau dc/dt and tau dd/dt: entry (i, j) at d = grid[i], c = grid[j].
    trajectories : tuple of Trajectory
        Exact, from points all over the plane.
    """

    s: float
    reach: float
    grid: Floats
    velocity: Floats
    trajectories: tuple[Trajectory, ...]

    def table(self) -> Table:
        """Return the trajectories, one row a time."""
        columns = ("trajectory", "t_over_tau", "c", "d", "a", "K")
        rows = (
            (number, t, c, d, c * d, c**2 - d**2)
            for number, path in enumerate(self.trajectories, start=1)
            for t, c, d in zip(*path, strict=True)
        )
        return Table(columns, rows)


def phase(s: float) -> Phase:
    """Return the plane for an association strength other than 0."""
    unit = np.sqrt(abs(s))
    reach = 2.2 * unit
    grid = np.linspace(-reach, reach, 21)
    c, d = np.meshgrid(grid, grid)
    velocity = np.stack([(s - c * d) * d, (s - c * d) * c])
    # For s < 0 the two diagonals change places.
    side = np.sign(s)
    t = np.linspace(0.0, 9.0 / abs(s), 181)
    starts = ((unit * c0, side * unit * d0) for c0, d0 in _STARTS)
    return Phase(s, reach, grid, velocity, tuple(trajectory(t, c0, d0, s) for c0, d0 in starts))


def trajectory(t: Floats, c0: float, d0: float, s: float) -> Trajectory:
    r"""Return c and d at times t, in units of tau, from (c0, d0), which must not be the origin.

    Notes
    -----
    From a = c d and the conserved :math:`K = c^2 - d^2`, the larger of both has the square
    :math:`(\sqrt{4a^2 + K^2} + |K|) / 2`. It never passes 0 and keeps its sign; the other is a over it.
    """
    k = c0**2 - d0**2
    a = theory.mode_strength_unbalanced(t, s, (c0 + d0) ** 2, (c0 - d0) ** 2)
    larger = np.sqrt((np.hypot(2 * a, k) + abs(k)) / 2)
    if k >= 0:
        c = np.copysign(larger, c0)
        return Trajectory(t, c, a / c)
    d = np.copysign(larger, d0)
    return Trajectory(t, a / d, d)
