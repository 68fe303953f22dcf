"""The gap between what was measured and the theory: its size, its causes, its prediction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from pylinear import _check
from pylinear._gap import Gap
from pylinear._gap_order import GapOrder
from pylinear.plots._page import Page, a_gap, bare, dashes, mark, mean_of_runs, own_axes, own_figure, shade, time_axis

_CAUSES = {
    "finite N": ("0.85", ""),
    "initial strength": ("0.6", "//"),
    "balance, coupling": ("C0", "\\\\"),
    "finite rate, mean": ("C3", ""),
    "finite rate, scatter": ("black", ".."),
}
_PANELS = {
    "finite rate, mean": "measured against the flow (7)-(8), mean",
    "finite rate, scatter": "scatter over orders",
    "unexplained": "measured against the modified flow, mean",
}


def gap_orders(orders: Mapping[str, GapOrder], figure: Page | None = None) -> tuple[Axes, ...]:
    """Return axes with gaps against the rate on logarithmic scales, and the powers that were fitted to them.

    Parameters
    ----------
    orders : mapping of str to GapOrder
        From `pylinear.gap_order`, by the name of what was varied beside the rate.
    figure : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    tuple of Axes
        One for each cause that is known: the largest gap over modes and time relative to s against rate x s1; the
        fitted power of the rate and its standard error in the legend.

    Raises
    ------
    TypeError
        If ``orders`` is not a mapping of names to `pylinear.GapOrder`, with one at least, or ``figure`` not a figure.

    Examples
    --------
    >>> import pylinear as pl
    >>> from matplotlib.figure import Figure
    >>> w = pl.Gaussian(0.1).draw(pl.toy(), hidden=8, rng=0)
    >>> runs = [pl.train(pl.toy(), hidden=8, rate=r, epochs=8 / r, init=w, order="cyclic") for r in (0.01, 0.02, 0.04)]
    >>> mean, unexplained = gap_orders({"cyclic": pl.gap_order(runs)}, Figure())
    >>> mean.get_xlabel()
    'rate x $s_1$'
    """
    named = isinstance(orders, Mapping) and all(isinstance(name, str) for name in orders)
    if not named or not orders or not all(isinstance(x, GapOrder) for x in orders.values()):
        raise TypeError(f"orders must be a mapping of names to pylinear.GapOrder; got {_check.show(orders)}")
    causes = [name for name in _PANELS if any(name in found.gaps for found in orders.values())]
    axes = own_figure(figure, (4.2 * len(causes), 4.2)).subplots(1, len(causes), squeeze=False, sharex=True)[0]
    for ax, cause in zip(axes, causes, strict=True):
        for number, (name, found) in enumerate(orders.items()):
            if cause not in found.gaps:
                continue
            power, error = found.powers[cause]
            x, y = found.rates * found.s1, found.gaps[cause]
            line = np.exp(np.log(y).mean()) * (x / np.exp(np.log(x).mean())) ** power
            label = f"{name}: {power:.2f} $\\pm$ {error:.2f}"
            ax.loglog(x, y, mark(number), color=shade(number), mfc="none", label=label)
            ax.loglog(x, line, color=shade(number), lw=1)
        # Labels at the rates themselves: powers of ten are too far apart for a sweep, and all else is crowded.
        steps = np.unique([found.rates * found.s1 for found in orders.values()])
        ax.set_xticks(steps, [f"{step:.3g}" for step in steps])
        ax.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
        ax.set_title(_PANELS[cause], loc="left", fontsize="medium")
        ax.set_xlabel("rate x $s_1$")
        ax.legend(frameon=False, title="power of the rate", alignment="left", fontsize="small", title_fontsize="small")
        bare(ax)
    axes[0].set_ylabel("largest gap / $s$")
    return tuple(axes)


def prediction(gap: Gap, figure: Page | None = None) -> tuple[Axes, Axes]:
    """Return axes with the gap to the flow, as it was measured and as the modified flow predicts it.

    Parameters
    ----------
    gap : Gap
        From `pylinear.gap`, of a run that the modified flow predicts.
    figure : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    to_flow, left : Axes
        Against epochs, relative to s: measured less averaged flow, with what the modified flow predicts of it in the
        mean over runs; and measured less modified flow. Thin lines are runs.

    Raises
    ------
    TypeError, ValueError
        If ``gap`` is not a Gap, or ``figure`` not a figure; if there is no modified flow for the order of the run.

    Examples
    --------
    >>> import pylinear as pl
    >>> from matplotlib.figure import Figure
    >>> run = pl.train(pl.toy(), hidden=16, rate=0.02, epochs=600, init=pl.Gaussian(1e-3), runs=3, rng=0)
    >>> to_flow, left = prediction(pl.gap(run), Figure())
    >>> left.get_xlabel()
    'time (epochs)'
    """
    gap = a_gap(gap)
    if gap.predicted is None:
        raise ValueError("gap must be of a run that the modified flow predicts; this one has no such curve")
    above, below = own_figure(figure, (7.5, 5.5)).subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [3, 2]})
    epochs, runs = gap.run.epochs, len(gap.run.status)
    for mode, s in enumerate(gap.s):
        thin: dict[str, Any] = {"color": shade(mode), "ls": dashes(mode), "lw": 0.7}
        for k in range(runs):
            label = f"mode {mode + 1}, $s$ = {s:.3g}" if k == 0 else None
            above.plot(epochs, (gap.measured - gap.flow)[k, :, mode] / s, label=label, **thin)
            below.plot(epochs, (gap.measured - gap.predicted)[k, :, mode] / s, **thin)
        foretold = mean_of_runs((gap.predicted - gap.flow)[:, :, mode]) / s
        label = "modified flow, mean over runs" if mode == gap.s.size - 1 else None
        above.plot(epochs, foretold, color="black", lw=2.0, ls=(0, (1, 2)), label=label)
    above.set_ylabel("measured - flow (7)-(8),\nin units of $s$")
    below.set_ylabel("measured -\nmodified flow")
    time_axis(below, epochs)
    legend = above.legend(frameon=False, fontsize="small")
    for line in legend.get_lines():
        line.set_linewidth(1.5)
    for ax in (above, below):
        ax.axhline(0, color="0.8", lw=0.8, zorder=0)
        bare(ax)
    return above, below


def budget(gap: Gap, ax: Axes | None = None) -> Axes:
    """Return axes with the causes of the gap stacked upon one another, a bar a mode.

    Parameters
    ----------
    gap : Gap
        From `pylinear.gap`.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
        Each part is the largest difference that its cause makes at any time, and for scatter one standard deviation,
        relative to s; see `pylinear.Gap.by_cause`. They come at different times and with different signs; what is not
        known or not finite in every mode is left out. Diamonds are the gap to the theory that assumes most, crosses
        what is left after the modified flow.

    Raises
    ------
    TypeError
        If ``gap`` is not a Gap, or ``ax`` not Axes.

    Examples
    --------
    >>> import pylinear as pl
    >>> from matplotlib.figure import Figure
    >>> run = pl.train(pl.toy(), hidden=16, rate=0.02, epochs=600, init=pl.Gaussian(1e-3), runs=3, rng=0)
    >>> budget(pl.gap(run), Figure().subplots()).get_xlabel()
    'mode'
    """
    gap, ax = a_gap(gap), own_axes(ax, (5.5, 4.2))
    causes, modes = gap.by_cause(), np.arange(1, gap.s.size + 1)
    floor = np.zeros(gap.s.size)
    for name, (color, hatch) in _CAUSES.items():
        if name in causes and np.isfinite(causes[name]).all():
            height = causes[name]
            ax.bar(modes, height, 0.6, floor, color=color, hatch=hatch, edgecolor="black", lw=0.6, label=name)
            floor = floor + height
    first, largest = next(iter(gap.against().items()))
    ax.plot(modes, largest, "D", color="white", mec="black", ms=6, label=f"gap to {first}")
    if "unexplained" in causes:
        ax.plot(modes, causes["unexplained"], "x", color="white", ms=8, mew=3.5)
        ax.plot(modes, causes["unexplained"], "x", color="black", ms=7, mew=1.5, label="unexplained")
    ax.set_xticks(modes)
    ax.set_xlabel("mode")
    ax.set_ylabel("largest difference / $s$")
    handles, labels = ax.get_legend_handles_labels()
    ax.legend(handles[::-1], labels[::-1], frameon=False, fontsize="small")
    bare(ax)
    return ax
