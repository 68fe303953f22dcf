"""Where pictures are drawn, and how they are written to files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from pylinear import _check
from pylinear._gap import Gap
from pylinear._tree import Tree

Page = Figure | SubFigure


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


def write_files(draw: Callable[[Figure], object], size: tuple[float, float], folder: Path, name: str) -> list[str]:
    """Draw a figure of that size, in inches, into NAME.png and NAME.svg, and return their names.

    In matplotlib's own style, whatever the user's is, and in no window.
    """
    written = []
    with style.context(["default", {"svg.hashsalt": "pylinear"}]):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        for suffix, metadata in (("png", None), ("svg", {"Date": None})):
            figure.savefig(folder / f"{name}.{suffix}", dpi=150, metadata=metadata)
            written.append(f"{name}.{suffix}")
    return written
