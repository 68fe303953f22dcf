"""Hidden representations."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from matplotlib.axes import Axes

from pylinear import _check
from pylinear._check import Floats
from pylinear._figures import _hidden
from pylinear._run import Run
from pylinear.plots._page import bare, mark, own_axes, shade

_MOST_ITEMS = 64
# More names than this would cover one another.
_MOST_NAMED = 16
# Half times of more modes would leave no room for the picture beneath the legend.
_MOST_MARKED = 6


def hidden_trajectories(run: Run, ax: Axes | None = None, *, number: int = 0) -> Axes:
    r"""Return axes with the way of every item's hidden representation through training.

    Parameters
    ----------
    run : Run
        Of `pylinear.train` with ``keep=("hidden",)``, on data with one-hot inputs and at most 64 items; up to 16 are
        named.
    ax : Axes, optional
        Where to draw.
    number : int
        Number of the run.

    Returns
    -------
    Axes
        Thick lines: representations, in the first two principal components of all items at all times together. Thin
        black lines: a balanced network's. Marks: where the items are as each mode is half learned, by (12).

    Raises
    ------
    TypeError, ValueError
        If ``run`` is not a Run, kept no hidden representations or only equal ones, was recorded at fewer than two
        times, or had other than one-hot inputs or more than 64 items; if there is no run of that number, or ``ax`` is
        not Axes.

    Notes
    -----
    :math:`h_p(t) = R\,\mathrm{diag}(\sqrt{a_\alpha(t)})\,V^T x_p` in a balanced network, with an orthogonal R that no
    comparison of items sees: items are told apart as the modes come that tell them apart. Where the second and third
    component account for the same variance, to a tenth, any direction between them is as good as either; the one drawn
    then is the one along which the items end farthest apart, pair for pair.

    Examples
    --------
    >>> import pylinear as pl
    >>> from matplotlib.figure import Figure
    >>> run = pl.train(pl.toy(), hidden=16, rate=0.02, epochs=600, init=pl.Gaussian(1e-3), rng=0, keep=("hidden",))
    >>> ax = hidden_trajectories(run, Figure().subplots())
    >>> [text.get_text() for text in ax.texts]
    ['Canary', 'Salmon', 'Oak', 'Rose']
    """
    number = _check_run(run, number)
    ax = own_axes(ax, (6.0, 5.0))
    shown = _hidden.trajectories(run, number)
    for p, item in enumerate(shown.items):
        ax.plot(*shown.points[:, p].T, color=shade(p), lw=3.0, alpha=0.7)
        ax.plot(*shown.theory[:, p].T, color="black", lw=0.8, label="balanced network" if p == 0 else None)
        if len(shown.items) > _MOST_NAMED:
            continue
        upward = 1 if shown.points[-1, p, 1] >= 0 else -1
        ax.annotate(
            item,
            shown.points[-1, p],
            xytext=(0, 6 * upward),
            textcoords="offset points",
            ha="center",
            va="bottom" if upward > 0 else "top",
        )
    ax.plot(*shown.points[0].mean(axis=0), "o", color="black", ms=5, label="start", zorder=5)
    _mark_half_times(ax, shown)
    first, second = (f"{name} ({share:.0%} of variance)" for name, share in zip(shown.axes, shown.shares, strict=True))
    ax.set_xlabel(first)
    ax.set_ylabel(second)
    ax.margins(0.12)
    bare(ax)
    ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2)
    return ax


def _check_run(run: object, number: object) -> int:
    """Return the number of the run, once it is known that there is something to draw."""
    if not isinstance(run, Run):
        raise TypeError(f"run must be a pylinear.Run, from pylinear.train; got {_check.show(run)}")
    if "hidden" not in run.kept:
        raise ValueError("run must have kept hidden representations: train with keep=('hidden',)")
    if not run.data.one_hot:
        raise ValueError("run must be of one-hot inputs, for representations to follow the object analyzers")
    if run.data.n_items > _MOST_ITEMS:
        raise ValueError(f"run must be of at most {_MOST_ITEMS} items to be drawn; got {run.data.n_items}")
    number = _check.integer("number", number, 0, len(run.status) - 1)
    recorded = np.isfinite(run.loss[number])
    if recorded.sum() < 2:
        raise ValueError(f"run must have been recorded at two times at least; run {number} was not")
    if run.hidden is None or np.ptp(run.hidden[number][recorded], axis=(0, 2)).max() == 0:
        raise ValueError(f"run must have representations that differ; those of run {number} are all the same")
    return number


def _mark_half_times(ax: Axes, shown: _hidden.Trajectories) -> None:
    """Mark where all items are at the half time of each mode, with one mark for modes that are as fast."""
    for number, (modes, epoch) in enumerate(_together(shown.half_times)[:_MOST_MARKED]):
        at = int(np.argmin(np.abs(shown.epochs - epoch)))
        text = f"mode {modes[0]}" if len(modes) == 1 else f"modes {modes[0]}-{modes[-1]}"
        label = f"half time (12) of {text}, epoch {epoch:.0f}"
        ax.plot(*shown.points[at].T, mark(number), color="white", mec="black", ms=7, label=label, zorder=5)


def _together(half_times: Floats) -> list[tuple[list[int], float]]:
    """Return the numbers of neighbouring modes whose half times are within 5 %, and their mean half time."""
    groups: dict[int, list[int]] = defaultdict(list)
    first = 0
    for mode in np.flatnonzero(np.isfinite(half_times)).tolist():
        if first not in groups or half_times[mode] > 1.05 * half_times[groups[first][0]]:
            first = mode
        groups[first].append(mode)
    return [([m + 1 for m in group], float(half_times[group].mean())) for group in groups.values()]
