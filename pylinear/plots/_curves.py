"""Courses of learning."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes

from pylinear import _check
from pylinear._check import Floats
from pylinear._figures import _learning
from pylinear._gap import Gap
from pylinear._run import Run
from pylinear.plots._page import Page, a_gap, bare, dashes, mean_of_runs, own_axes, own_figure, shade, time_axis

Theory = Literal["paper", "effective", "flow"]

_THEORIES: dict[str, tuple[str, dict[str, Any]]] = {
    "paper": ("(10), paper's $a_0$", {"color": "C0", "lw": 1.8}),
    "effective": ("(10), each run's effective $a_0$", {"color": "C0", "lw": 1.0, "ls": (0, (3, 2))}),
    "flow": ("averaged flow (7)-(8)", {"color": "black", "lw": 1.2, "ls": (0, (4, 3))}),
}
_LEARNING = {"online": "online learning", "batch": "learning in batches", "flow": "averaged dynamics (7)-(8)"}


def learning_curves(gap: Gap, ax: Axes | None = None, *, theories: Collection[Theory] = ("paper", "flow")) -> Axes:
    """Return axes with every run's mode strengths under the theory, as in the paper's Figure 3.

    Parameters
    ----------
    gap : Gap
        From `pylinear.gap`.
    ax : Axes, optional
        Where to draw.
    theories : collection of {"paper", "effective", "flow"}
        What to draw beside what was measured; see `pylinear.Gap`.

    Returns
    -------
    Axes
        Mode strength against epochs: thin red lines are runs; blue lines (10) with the paper's a0; dashed blue lines
        (10) with every run's effective a0; dashed black lines the averaged flow, in the mean over runs.

    Raises
    ------
    TypeError, ValueError
        If ``gap`` is not a Gap, ``ax`` not Axes, or ``theories`` not a collection of those names.

    Examples
    --------
    >>> import pylinear as pl
    >>> from matplotlib.figure import Figure
    >>> run = pl.train(pl.toy(), hidden=16, rate=0.02, epochs=600, init=pl.Gaussian(1e-3), runs=3, rng=0)
    >>> learning_curves(pl.gap(run), Figure().subplots()).get_xlabel()
    'time (epochs)'
    """
    gap = a_gap(gap)
    if isinstance(theories, str) or not isinstance(theories, Collection):
        raise TypeError(
            f"theories must be a collection of 'paper', 'effective' and 'flow'; got {_check.show(theories)}"
        )
    chosen = [_check.choice("theories", name, _THEORIES) for name in theories]
    ax = own_axes(ax, (7.0, 4.5))
    epochs, runs = gap.run.epochs, len(gap.run.status)
    label = f"{_LEARNING[gap.run.update]}, {runs} run{'s' * (runs > 1)}"
    for mode in range(gap.s.size):
        for k in range(runs):
            ax.plot(epochs, gap.measured[k, :, mode], color="C3", lw=0.7, label=label if mode == k == 0 else None)
        for name in chosen:
            text, style = _THEORIES[name]
            for number, curve in enumerate(_curves(gap, name, mode)):
                ax.plot(epochs, curve, label=text if mode == number == 0 else None, **style)
    _name_plateaus(ax, gap.s, epochs[-1])
    ax.set_ylabel(r"mode strength $a_\alpha = u_\alpha^T W^{32} W^{21} v_\alpha$")
    time_axis(ax, epochs)
    ax.set_ylim(bottom=0)
    bare(ax)
    # Between the first two plateaus, where a curve of a tree's modes hardly ever runs.
    ax.legend(frameon=False, loc="upper right", bbox_to_anchor=(1.0, 0.92))
    return ax


def _curves(gap: Gap, name: str, mode: int) -> Iterator[Floats]:
    """Yield what is drawn of one theory."""
    if name == "paper":
        yield gap.paper[:, mode]
    elif name == "effective":
        yield from gap.effective[:, :, mode]
    else:
        yield mean_of_runs(gap.flow[:, :, mode])


def _number_of_run(gap: Gap, number: object) -> int:
    return _check.integer("number", number, 0, len(gap.run.status) - 1)


def _name_plateaus(ax: Axes, s: Floats, end: float) -> None:
    """Name the modes at their final strengths, those that lie too close together in one."""
    near = 0.05 * s[0]
    mode = 0
    while mode < s.size:
        last = mode
        while last + 1 < s.size and s[mode] - s[last + 1] <= near:
            last += 1
        name = f"mode {mode + 1}" if last == mode else f"modes {mode + 1}-{last + 1}"
        ax.annotate(name, (end, s[mode]), xytext=(4, 0), textcoords="offset points", va="center")
        mode = last + 1


def stepwise(gap: Gap, figure: Page | None = None, *, number: int = 0) -> tuple[Axes, Axes]:
    """Return axes with one run's modes as they are learned one after the other, and with its loss beneath.

    Parameters
    ----------
    gap : Gap
        From `pylinear.gap`.
    figure : Figure or SubFigure, optional
        Where to draw.
    number : int
        Number of the run.

    Returns
    -------
    strengths, loss : Axes
        Thick grey lines are what was measured; thin black lines (10) with the effective a0, and the loss that follows.
        Dotted lines mark (12), the time at which each mode is half learned.

    Raises
    ------
    TypeError, ValueError
        If ``gap`` is not a Gap, ``figure`` not a figure, or there is no run of that number.

    Examples
    --------
    >>> import pylinear as pl
    >>> from matplotlib.figure import Figure
    >>> trained = pl.train(pl.toy(), hidden=16, rate=0.02, epochs=600, init=pl.Gaussian(1e-3), rng=0)
    >>> strengths, loss = stepwise(pl.gap(trained), Figure())
    >>> loss.get_xlabel()
    'time (epochs)'
    """
    gap = a_gap(gap)
    number = _number_of_run(gap, number)
    figure = own_figure(figure, (7.0, 5.0))
    shown = _learning.stages(gap, number)
    above, below = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [3, 2]})
    for ax, measured, predicted in (
        (above, shown.measured, shown.predicted),
        (below, shown.loss[:, None], shown.predicted_loss[:, None]),
    ):
        ax.plot(shown.epochs, measured, color="0.7", lw=4, label=["one run"] + [None] * (measured.shape[1] - 1))
        ax.plot(shown.epochs, predicted, color="black", lw=1, label=["theory: (10)"] + [None] * (measured.shape[1] - 1))
        for half in shown.half_times[np.isfinite(shown.half_times)]:
            ax.axvline(half, color="C3", lw=1, ls=":")
        ax.set_ylim(bottom=0)
        bare(ax)
    _name_plateaus(above, shown.s, shown.epochs[-1])
    above.plot([], [], color="C3", lw=1, ls=":", label="half times (12)")
    above.set_ylabel(r"mode strength $a_\alpha$")
    above.legend(frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3)
    below.set_ylabel("loss (half the\nsquared error)")
    time_axis(below, shown.epochs)
    return above, below


def deep_against_shallow(gap: Gap, figure: Page | None = None, *, number: int = 0) -> tuple[Axes, Axes]:
    """Return axes with the same data learned with a hidden layer, and without.

    Parameters
    ----------
    gap : Gap
        From `pylinear.gap`: a network with a hidden layer, on items whose inputs are orthogonal and of one length, and
        each of which was shown once an epoch.
    figure : Figure or SubFigure, optional
        Where to draw.
    number : int
        Number of the run.

    Returns
    -------
    deep, shallow : Axes
        The part of each mode that has been learned, against epochs. Dots are networks, lines the theory. Without a
        hidden layer, and from weights of 0, all modes follow one curve: for inputs of squared length kappa the dots
        are at 1 - (1 - rate kappa)^k after epoch k, exactly and whatever the order within each epoch.

    Raises
    ------
    TypeError, ValueError
        If ``gap`` is not a Gap, ``figure`` not a figure, or there is no run of that number; if the inputs are not
        orthogonal and of one length, the order does not show every item once an epoch, or the network without a hidden
        layer would not learn at this rate.

    Examples
    --------
    >>> import pylinear as pl
    >>> from matplotlib.figure import Figure
    >>> trained = pl.train(pl.toy(), hidden=16, rate=0.02, epochs=600, init=pl.Gaussian(1e-3), rng=0)
    >>> deep, shallow = deep_against_shallow(pl.gap(trained), Figure())
    >>> shallow.get_legend().get_texts()[0].get_text()
    'all modes:  2.89'
    """
    gap = a_gap(gap)
    number = _number_of_run(gap, number)
    _check_shallow(gap)
    figure = own_figure(figure, (8.5, 5.0))
    shown = _learning.depth(gap, number)
    deep, shallow = figure.subplots(2, 1, sharex=True, sharey=True)
    every = slice(None, None, max(1, shown.epochs.size // 60))
    for mode, ratio in enumerate(shown.deep_ratios):
        # A mode that begins beyond the half has no stage.
        label = f"mode {mode + 1}, $s$ = {shown.s[mode]:.3g}:  " + (f"{ratio:.2f}" if np.isfinite(ratio) else "none")
        deep.plot(shown.epochs, shown.deep_theory[:, mode], color=shade(mode), ls=dashes(mode), lw=1.2, label=label)
        deep.plot(shown.epochs[every], shown.deep[every, mode], ".", color=shade(mode), ms=4)
    label = f"all modes:  {shown.shallow_ratio:.2f}"
    shallow.plot(shown.epochs, shown.shallow_theory, color="black", lw=1.2, label=label)
    shallow.plot(shown.epochs[every], shown.shallow[every], ".", color="black", ms=4)
    titles = (
        (deep, "with a hidden layer: a network (dots) and (10)"),
        (shallow, "without: learned item by item (dots) and in continuous time"),
    )
    for ax, title in titles:
        ax.set_title(title, loc="left")
        ax.set_ylabel(r"part learned, $a_\alpha / s_\alpha$")
        bare(ax)
        place = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5), "title": "transition time\nover half time"}
        ax.legend(frameon=False, alignment="left", **place)
    time_axis(shallow, shown.epochs)
    shallow.set_ylim(bottom=0)
    return deep, shallow


def _check_shallow(gap: Gap) -> None:
    """Raise unless all modes of a network without a hidden layer follow one curve to their ends."""
    data, kappa = gap.run.data, gap.kappa
    squares = np.ones(1) if data.one_hot else np.sum(data.inputs**2, axis=0)
    if not data.orthogonal or np.ptp(squares) > 1e-12 * kappa:
        raise ValueError("gap must be of orthogonal inputs of one length, for all modes to share one curve")
    if not _every_item_once_an_epoch(gap.run):
        raise ValueError("gap must be of a run that shows every item once an epoch, for all modes to share one curve")
    if gap.run.rate * kappa >= 2:
        raise ValueError(
            f"gap must be of a rate below {2 / kappa:g}, at which a network without a hidden layer diverges; "
            f"got {gap.run.rate:g}"
        )


def _every_item_once_an_epoch(run: Run) -> bool:
    if isinstance(run.order, str):
        return run.order != "with_replacement"
    if run.order.size % run.data.n_items:
        return False
    epochs = np.sort(run.order.reshape(-1, run.data.n_items), axis=1)
    return bool(np.all(epochs == np.arange(run.data.n_items)))
