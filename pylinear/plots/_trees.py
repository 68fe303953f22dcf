"""Trees, and the singular values of what is sampled from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from pylinear import _check
from pylinear._check import Floats
from pylinear._figures import _levels
from pylinear._figures._matrices import levels_of_modes
from pylinear._tree import Tree
from pylinear.plots._page import a_tree, bare, own_axes

_MOST_ITEMS = 256
# Nodes of more items than this are too small for a sign.
_MOST_SIGNS = 32

_FLIPPED: dict[str, Any] = {"color": "C3", "lw": 2.0, "ls": (0, (2, 1))}
_KEPT: dict[str, Any] = {"color": "0.4", "lw": 1.0}


def diffusion(tree: Tree, values: Sequence[ArrayLike], ax: Axes | None = None) -> Axes:
    """Return axes with a tree and one feature that diffused down it, as in the paper's Figure 4a.

    Parameters
    ----------
    tree : Tree
        Of at most 256 items.
    values : sequence of D array_like
        The feature at every node, +1 or -1: one value for the root, then those of each level from left to right.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
        Dark nodes are +1 and white ones -1; dashed branches are those along which the sign flipped.

    Raises
    ------
    TypeError, ValueError
        If ``tree`` is not a Tree, or has more items; if ``values`` are other than +1 or -1, one for every node; if
        ``ax`` is not Axes.

    Examples
    --------
    >>> import pylinear as pl
    >>> from matplotlib.figure import Figure
    >>> ax = diffusion(pl.Tree((2, 2), 0.1), [[1], [1, -1], [1, 1, -1, -1]], Figure().subplots())
    >>> [text.get_text() for text in ax.texts]
    ['+', '+', '−', '+', '+', '−', '−']
    """
    tree = a_tree(tree)
    if tree.n_items > _MOST_ITEMS:
        raise ValueError(f"tree must have at most {_MOST_ITEMS} items to be drawn; got {tree.n_items}")
    signs = _signs(tree, values)
    ax = own_axes(ax, (6.0, 4.0))
    places = _places(tree)
    for level, children in enumerate(tree.branching):
        for child, x in enumerate(places[level + 1]):
            parent = child // children
            flipped = signs[level + 1][child] != signs[level][parent]
            branch = _FLIPPED if flipped else _KEPT
            ax.plot([places[level][parent], x], [level, level + 1], zorder=1, **branch)
    size = 180 if tree.n_items <= _MOST_SIGNS else 20
    for level, (xs, row) in enumerate(zip(places, signs, strict=True)):
        colors = np.where(row > 0, "0.25", "white")
        ax.scatter(xs, np.full(row.size, level), s=size, c=colors, edgecolors="black", zorder=2)
        if tree.n_items <= _MOST_SIGNS:
            for x, sign in zip(xs, row, strict=True):
                shade = "white" if sign > 0 else "black"
                ax.text(x, level, "+" if sign > 0 else "−", color=shade, ha="center", va="center")
    ax.plot([], [], label="the sign flips", **_FLIPPED)
    ax.legend(frameon=False, loc="upper right")
    ax.set_yticks(range(tree.n_levels), [f"level {level}" for level in range(tree.n_levels)])
    ax.set_ylim(tree.n_levels - 0.6, -0.5)
    ax.set_xlabel("item")
    ax.spines[["top", "right", "bottom", "left"]].set_visible(False)
    ax.tick_params(length=0)
    numbered = range(tree.n_items) if tree.n_items <= _MOST_SIGNS else (0, tree.n_items - 1)
    ax.set_xticks(numbered, [str(p + 1) for p in numbered])
    return ax


def _signs(tree: Tree, values: object) -> list[NDArray[np.float64]]:
    """Return the values of all nodes, checked."""
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise TypeError(f"values must be a sequence of {tree.n_levels} arrays, one a level; got {_check.show(values)}")
    if len(values) != tree.n_levels:
        raise ValueError(f"values must be {tree.n_levels} arrays, one a level; got {len(values)}")
    nodes = np.cumprod((1, *tree.branching)).tolist()
    signs = [_check.array("values", row, (count,)) for row, count in zip(values, nodes, strict=True)]
    for row in signs:
        if not np.isin(row, (-1, 1)).all():
            raise ValueError(f"values must be +1 or -1; got {row[np.abs(row) != 1][0]:g}")
    return signs


def _places(tree: Tree) -> list[Floats]:
    """Return where the nodes of each level stand: items at 0, 1, ..., the others in the middle of their children."""
    places = [np.arange(float(tree.n_items))]
    for children in reversed(tree.branching):
        places.append(places[-1].reshape(-1, children).mean(axis=1))
    return places[::-1]


def singular_values(tree: Tree, n_features: int, samples: ArrayLike, ax: Axes | None = None) -> Axes:
    """Return axes with the singular values of samples by level of the tree, as in the paper's Figure 5.

    Parameters
    ----------
    tree : Tree
        Where the samples come from.
    n_features : int
        Number N of features of each sample.
    samples : (R, P) array_like
        Singular values of R samples, each decreasing, with zeros behind the last where there are fewer than P.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
        Singular value against level: black, (13) with Delta_k under the sum; light and dashed, as it is printed; dots,
        the samples, each level with as many as share its value in theory; bars, the mean and
        the standard deviation that are expected of them.

    Raises
    ------
    TypeError, ValueError
        If ``tree`` is not a Tree, ``n_features`` not a whole number above 0, or ``ax`` not Axes; if a row of
        ``samples`` increases or goes below 0.

    Examples
    --------
    >>> import numpy as np
    >>> import pylinear as pl
    >>> from matplotlib.figure import Figure
    >>> tree = pl.Tree((2, 2), 0.1)
    >>> samples = [np.linalg.svd(tree.sample(200, rng=k).outputs)[1] for k in range(5)]
    >>> singular_values(tree, 200, samples, Figure().subplots()).get_xlabel()
    'level of the hierarchy, $l$'
    """
    tree = a_tree(tree)
    values = _check.array("samples", samples, (None, tree.n_items))
    if values.min() < 0 or np.any(np.diff(values, axis=1) > 0):
        raise ValueError("samples must be singular values, at least 0 and decreasing in every row")
    shown = _levels.levels(tree, _check.integer("n_features", n_features), values)
    ax = own_axes(ax, (6.5, 4.5))
    level = np.arange(tree.n_levels)
    ax.plot(
        level, shown.theory, color="black", lw=1.5, marker="o", ms=6, mfc="white", label="(13), corrected", zorder=4
    )
    ax.plot(level, shown.printed, color="0.6", lw=1, ls=(0, (4, 3)), marker="x", ms=5, label="(13) as printed")
    _dots(ax, shown)
    _band(ax, shown)
    ax.set_xticks(level)
    ax.set_xlabel("level of the hierarchy, $l$")
    ax.set_ylabel("singular value $s_l$")
    ax.set_ylim(bottom=0)
    bare(ax)
    ax.legend(frameon=False, loc="upper right")
    return ax


def _dots(ax: Axes, shown: _levels.Levels) -> None:
    """Draw every singular value of every sample, beside one another at their level."""
    level = levels_of_modes(shown.tree)
    runs = len(shown.samples)
    aside = 0.12 + 0.2 * np.arange(runs) / max(1, runs - 1)
    x = level + aside[:, None]
    label = f"{runs} sample{'s' * (runs > 1)} of {shown.n_features} features"
    ax.plot(x.ravel(), shown.samples.ravel(), ".", color="C3", ms=2.5, alpha=0.6, label=label)


def _band(ax: Axes, shown: _levels.Levels) -> None:
    """Draw where the singular values of each level are expected in a sample of so many features."""
    mean, deviation = shown.band()
    if np.isnan(mean).all():
        return
    level = np.arange(mean.size)
    style: dict[str, Any] = {"color": "C0", "lw": 1.5, "capsize": 3, "marker": "_", "ms": 8, "ls": "none"}
    label = f"expected of {shown.n_features} features, $\\pm$ one standard deviation"
    ax.errorbar(level - 0.15, mean, deviation, label=label, **style)
