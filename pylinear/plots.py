"""Pictures. Every function draws into the axes it is given, or into new ones, and returns them.

Needs matplotlib (``pylinear-dynamics[plot]``), and is the only module that imports it.
"""

from __future__ import annotations

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from pylinear import _check
from pylinear._gap import Gap

__all__ = ["learning_curves"]


def learning_curves(gap: Gap, ax: Axes | None = None) -> Axes:
    """Return axes with every run's mode strengths under the theory, as in the paper's Figure 3.

    Parameters
    ----------
    gap : Gap
        From `pylinear.gap`.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
        Mode strength against epochs: thin red lines are runs, blue lines (10) with the paper's a0, and dashed
        black lines the averaged flow, in the mean over runs.
    """
    if not isinstance(gap, Gap):
        raise TypeError(f"gap must be a pylinear.Gap, from pylinear.gap; got {_check.show(gap)}")
    if ax is None:
        _, ax = plt.subplots(figsize=(7.0, 4.5), layout="constrained")
    epochs = gap.run.epochs
    runs = len(gap.run.status)
    for mode, s in enumerate(gap.s):
        first = mode == 0
        for k in range(runs):
            label = f"online learning, {runs} run{'s' * (runs > 1)}" if first and k == 0 else None
            ax.plot(epochs, gap.measured[k, :, mode], color="C3", lw=0.7, label=label)
        ax.plot(epochs, gap.paper[:, mode], color="C0", lw=1.8, label="(10), paper's $a_0$" if first else None)
        flow = np.nanmean(gap.flow[:, :, mode], axis=0)
        ax.plot(
            epochs,
            flow,
            color="black",
            lw=1.2,
            ls=(0, (4, 3)),
            label="averaged flow (7)-(8)" if first else None,
        )
        if first or gap.s[mode - 1] - s > 0.05 * gap.s[0]:
            last = mode
            while last + 1 < gap.s.size and s - gap.s[last + 1] <= 0.05 * gap.s[0]:
                last += 1
            name = f"mode {mode + 1}" if last == mode else f"modes {mode + 1}-{last + 1}"
            ax.annotate(name, (epochs[-1], s), xytext=(4, 0), textcoords="offset points", va="center")
    ax.set_xlabel("time (epochs)")
    ax.set_ylabel(r"mode strength $a_\alpha = u_\alpha^T W^{32} W^{21} v_\alpha$")
    ax.set_xlim(epochs[0], epochs[-1])
    ax.set_ylim(bottom=0)
    ax.spines[["top", "right"]].set_visible(False)
    # Between the first two plateaus, where a curve of a tree's modes hardly ever runs.
    ax.legend(frameon=False, loc="upper right", bbox_to_anchor=(1.0, 0.92))
    return ax
