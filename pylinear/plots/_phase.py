"""One mode in the plane of its two strengths."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from pylinear import _check
from pylinear._figures import _phase
from pylinear.plots._page import own_axes


def phase_portrait(s: float = 1.0, ax: Axes | None = None) -> Axes:
    r"""Return axes with the dynamics of one decoupled mode in the plane of its strengths c in W21 and d in W32.

    Parameters
    ----------
    s : float
        Association strength, other than 0; 1e-6 to 1e6 in size.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
        Grey arrows: the direction of change. Red: c d = s, where learning ends. Dashed: the separatrix, c = -d for
        s > 0, from which the origin is reached and nothing learned. Thin lines: constant K = c^2 - d^2. Thick lines:
        exact trajectories, from their dots.

    Raises
    ------
    TypeError, ValueError
        If ``s`` is not such a number, or ``ax`` not Axes.

    Notes
    -----
    :math:`\tau\dot c = (s - c d) d`, :math:`\tau\dot d = (s - c d) c`. K is conserved, so that
    :math:`|c - d| = |K| / |c + d|`: a trajectory comes closer to the diagonal as c + d grows, and moves away where
    c d > s. For s < 0 the diagonals change places.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = phase_portrait(1.0, Figure().subplots())
    >>> ax.get_xlabel()
    'c, strength in $W^{21}$'
    """
    s = _check.real("s", s, -1e6, 1e6)
    if abs(s) < 1e-6:
        raise ValueError(f"s must be at least 1e-6 in size; got {_check.show(s)}")
    ax = own_axes(ax, (6.5, 6.5))
    shown = _phase.phase(s)
    _field(ax, shown)
    _curves(ax, shown)
    for number, path in enumerate(shown.trajectories):
        ax.plot(path.c, path.d, color="C0", lw=1.8, label="exact trajectories" if number == 0 else None, zorder=4)
        ax.plot(path.c[:1], path.d[:1], "o", color="C0", ms=5, zorder=5)
    ax.set_aspect("equal")
    ax.set_xlim(-shown.reach, shown.reach)
    ax.set_ylim(-shown.reach, shown.reach)
    ax.set_xlabel("c, strength in $W^{21}$")
    ax.set_ylabel("d, strength in $W^{32}$")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2, frameon=False)
    return ax


def _field(ax: Axes, shown: _phase.Phase) -> None:
    """Draw the direction of change, and the lines on which K is constant."""
    speed = np.hypot(*shown.velocity)
    along = np.divide(shown.velocity, speed, out=np.zeros_like(shown.velocity), where=speed > 0)
    grid = shown.grid
    ax.quiver(grid, grid, *along, color="0.55", pivot="mid", scale=32, width=0.0025, zorder=1)
    fine = np.linspace(-shown.reach, shown.reach, 201)
    k = fine[None, :] ** 2 - fine[:, None] ** 2
    sizes = abs(shown.s) * np.array([-3.0, -1.5, -0.5, -0.1, 0.1, 0.5, 1.5, 3.0])
    ax.contour(fine, fine, k, levels=sizes, colors="0.7", linewidths=0.7, linestyles="solid", zorder=1)
    ax.plot([], [], color="0.7", lw=0.7, label="$K = c^2 - d^2$ constant")


def _curves(ax: Axes, shown: _phase.Phase) -> None:
    """Draw where learning ends, and what keeps it from beginning."""
    s, reach = shown.s, shown.reach
    c = np.geomspace(abs(s) / reach, reach, 200)
    for side in (1.0, -1.0):
        ax.plot(
            side * c, s / (side * c), color="C3", lw=4, zorder=3, label="$c d = s$: learning ends" if side > 0 else None
        )
    ends = np.array([-reach, reach])
    text = "$c = -d$: nothing is learned" if s > 0 else "$c = d$: nothing is learned"
    ax.plot(ends, -np.sign(s) * ends, color="black", lw=1.5, ls=(0, (5, 3)), zorder=3, label=text)
