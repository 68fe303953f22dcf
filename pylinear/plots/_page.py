"""Where pictures are drawn, and how they are written to files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from pylinear import _check
from pylinear._check import Floats
from pylinear._files import replacing
from pylinear._gap import Gap
from pylinear._tree import Tree

Page = Figure | SubFigure
Dashes = str | tuple[int, tuple[float, ...]]

# matplotlib's own cycle but for its grey: grey lines are no modes, items or orders.
_SHADES = ("C0", "C1", "C2", "C3", "C4", "C5", "C6", "C8", "C9")
_MARKS = ("o", "s", "D", "^", "v", "P", "X")
_DASHES: tuple[Dashes, ...] = ("-", (0, (6, 1.5)), (0, (3, 1.5)), (0, (4, 1.5, 1, 1.5)), (0, (1, 1)))


def shade(number: int) -> str:
    """Return the colour of mode, item or order `number`, from 0."""
    return _SHADES[number % len(_SHADES)]


def mark(number: int) -> str:
    """Return the marker that goes with `shade`."""
    return _MARKS[number % len(_MARKS)]


def dashes(number: int) -> Dashes:
    """Return the line style that goes with `shade`."""
    return _DASHES[number % len(_DASHES)]


def own_axes(ax: object, size: tuple[float, float]) -> Axes:
    """Return the axes given, or new ones in a figure of that size, in inches."""
    if ax is None:
        return plt.subplots(figsize=size, layout="constrained")[1]
    if not isinstance(ax, Axes):
        raise TypeError(f"ax must be a matplotlib Axes; got {_check.show(ax)}")
    return ax


def own_figure(figure: object, size: tuple[float, float]) -> Page:
    """Return the figure given, or a new one of that size, in inches."""
    if figure is None:
        return plt.figure(figsize=size, layout="constrained")
    if not isinstance(figure, Figure | SubFigure):
        raise TypeError(f"figure must be a matplotlib Figure or SubFigure; got {_check.show(figure)}")
    return figure


def a_gap(gap: object) -> Gap:
    """Return `gap` if it is one."""
    if not isinstance(gap, Gap):
        raise TypeError(f"gap must be a pylinear.Gap, from pylinear.gap; got {_check.show(gap)}")
    return gap


def a_tree(tree: object) -> Tree:
    """Return `tree` if it is one."""
    if not isinstance(tree, Tree):
        raise TypeError(f"tree must be a pylinear.Tree; got {_check.show(tree)}")
    return tree


def bare(ax: Axes) -> None:
    """Take the frame's upper and right side away."""
    ax.spines[["top", "right"]].set_visible(False)


def time_axis(ax: Axes, epochs: Floats) -> None:
    """Let time run from the first record to the last."""
    ax.set_xlabel("time (epochs)")
    if epochs[-1] > epochs[0]:
        ax.set_xlim(epochs[0], epochs[-1])


def mean_of_runs(values: Floats) -> Floats:
    """Return the mean over the runs that are known at each time, (R, T) to (T,); NaN once all have stopped."""
    return np.asarray(np.ma.masked_invalid(values).mean(axis=0).filled(np.nan))


def write_files(draw: Callable[[Figure], object], size: tuple[float, float], folder: Path, name: str) -> list[str]:
    """Draw a figure of that size, in inches, into NAME.png and NAME.svg, and return their names.

    In matplotlib's own style, whatever the user's is, and in no window.
    """
    written = []
    with style.context(["default", {"svg.hashsalt": "pylinear"}]):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        for suffix, metadata in (("png", None), ("svg", {"Date": None})):
            with replacing(folder / f"{name}.{suffix}") as file:
                figure.savefig(file, format=suffix, dpi=150, metadata=metadata)
            written.append(f"{name}.{suffix}")
    return written
