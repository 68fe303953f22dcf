"""Matrices, their entries shaded by size and sign."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from pylinear import _check
from pylinear._check import Floats
from pylinear._dataset import Dataset
from pylinear._figures import _matrices
from pylinear._tree import Tree
from pylinear.plots._page import Page, a_tree, own_axes, own_figure

# More rows or columns than this have no room for an entry's number or sign, or for a name.
_MOST_WRITTEN = 16
_MOST_NAMED = 40
# Pictures of more entries would take minutes and show nothing.
_MOST_ENTRIES = 2**22


def decomposition(data: Dataset, figure: Page | None = None) -> tuple[Axes, Axes, Axes, Axes]:
    r"""Return axes with the input-output correlations as a product of modes, as in the paper's Figure 2.

    Parameters
    ----------
    data : Dataset
        With outputs; modes without a strength are left out.
    figure : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    sigma_yx, u, s, vt : Axes
        The matrices of :math:`\Sigma_{yx} = U S V^T`. Red is positive and blue negative; up to 16 rows and columns the
        numbers are written into the cells.

    Raises
    ------
    TypeError, ValueError
        If ``data`` is not a Dataset, has no outputs, no mode, or more entries than a picture can show; if ``figure``
        is not a figure.

    Examples
    --------
    >>> import pylinear as pl
    >>> from matplotlib.figure import Figure
    >>> sigma_yx, u, s, vt = decomposition(pl.toy(), Figure())
    >>> [label.get_text() for label in vt.get_yticklabels()]
    ['mode 1', 'mode 2', 'mode 3']
    """
    if not isinstance(data, Dataset):
        raise TypeError(f"data must be a pylinear.Dataset; got {_check.show(data)}")
    if not data.has_outputs:
        raise ValueError("data must have outputs; those of a dataset made by from_gram are not known")
    if data.n_features * data.n_inputs > _MOST_ENTRIES:
        raise ValueError(
            f"data must have at most {_MOST_ENTRIES} correlations to be drawn; got {data.n_features} x {data.n_inputs}"
        )
    parts = _matrices.decomposition(data)
    if not parts.s.size:
        raise ValueError("data must have a mode; all association strengths are 0")
    figure = own_figure(figure, (9.5, 3.6))
    n_columns, k = parts.sigma_yx.shape[1], parts.s.size
    sign = 0.45 + 0.03 * n_columns
    drawn = figure.subplots(1, 7, gridspec_kw={"width_ratios": [n_columns, sign, k, sign, k, sign, n_columns]})
    modes = tuple(f"mode {i + 1}" for i in range(k))
    short = tuple(str(i + 1) for i in range(k))
    signed_matrix(drawn[0], parts.sigma_yx, parts.features, parts.inputs)
    signed_matrix(drawn[2], parts.u, None, short)
    signed_matrix(drawn[4], np.diag(parts.s), None, short, blank=~np.eye(k, dtype=bool))
    signed_matrix(drawn[6], parts.v.T, modes, parts.inputs)
    titles = "correlations\n$\\Sigma_{yx}$", "feature\nsynthesizers $U$", "strengths\n$S$", "object analyzers\n$V^T$"
    for ax, title in zip(drawn[::2], titles, strict=True):
        ax.set_title(title, fontsize="medium")
    for ax, text in zip(drawn[1::2], ("=", "×", "×"), strict=True):
        ax.axis("off")
        ax.text(0.5, 0.5, text, ha="center", va="center", fontsize="x-large", transform=ax.transAxes)
    if parts.shared:
        figure.supxlabel(_note(parts), fontsize="medium")
    return tuple(drawn[::2])


def _note(parts: _matrices.Decomposition) -> str:
    """Return what is to be said of modes that share a strength."""
    blocks = (f"{b.start + 1}-{b.stop} share s = {parts.s[b.start]:.3g}" for b in parts.shared)
    return f"Modes {'; '.join(blocks)}: their order, and their basis, are conventions."


def object_analyzers(tree: Tree, ax: Axes | None = None) -> Axes:
    r"""Return axes with the object analyzers of a tree, one a row, as in the paper's Figure 4b.

    Parameters
    ----------
    tree : Tree
        Of at most 2,048 items.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
        Row alpha is mode alpha, by decreasing singular value; red is positive and blue negative. On the right, the
        level of the tree at which the pairs of items meet that the modes tell apart, where there is room for it.

    Raises
    ------
    TypeError, ValueError
        If ``tree`` is not a Tree, or has more items; if ``ax`` is not Axes.

    Examples
    --------
    >>> import pylinear as pl
    >>> from matplotlib.figure import Figure
    >>> ax = object_analyzers(pl.Tree((2, 2), 0.1), Figure().subplots())
    >>> [text.get_text() for text in ax.texts if "level" in text.get_text()]
    ['pairs meet\nat level 0', 'pairs meet\nat level 1']
    """
    tree = _drawable(tree)
    ax = own_axes(ax, (6.0, 4.5))
    numbers = tuple(str(i + 1) for i in range(tree.n_items))
    signed_matrix(ax, tree.object_analyzers.T, numbers, numbers, signs_only=True)
    ends = np.cumsum(tree.multiplicities)
    for level, (end, count) in enumerate(zip(ends.tolist(), tree.multiplicities.tolist(), strict=True)):
        if level:
            ax.axhline(end - count - 0.5, color="black", lw=1.5)
        if count > tree.n_items / 24:
            text = "same for all" if level == 0 else f"pairs meet\nat level {level - 1}"
            at = end - (count + 1) / 2
            ax.annotate(
                text, (tree.n_items - 0.5, at), xytext=(5, 0), textcoords="offset points", va="center", size="small"
            )
    ax.set_xlabel("item")
    ax.set_ylabel("mode")
    return ax


def covariance(tree: Tree, ax: Axes | None = None) -> Axes:
    """Return axes with the expected covariance of a tree's items, as in the paper's Figure 4c.

    Parameters
    ----------
    tree : Tree
        Of at most 2,048 items.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
        Dark is 1 and white 0; up to 16 items the numbers are written into the cells.

    Raises
    ------
    TypeError, ValueError
        If ``tree`` is not a Tree, or has more items; if ``ax`` is not Axes.

    Examples
    --------
    >>> import pylinear as pl
    >>> from matplotlib.figure import Figure
    >>> ax = covariance(pl.Tree((2, 2), 0.1), Figure().subplots())
    >>> ax.texts[1].get_text()
    '.64'
    """
    tree = _drawable(tree)
    ax = own_axes(ax, (5.0, 4.5))
    values = tree.covariance
    ax.imshow(values, cmap="Greys", vmin=0, vmax=1)
    if tree.n_items <= _MOST_WRITTEN:
        for (i, j), value in np.ndenumerate(values):
            text = f"{value:.2f}".removeprefix("0") if value < 0.995 else "1"
            ax.text(j, i, text, ha="center", va="center", size="x-small", color="white" if value > 0.55 else "black")
    numbers = tuple(str(i + 1) for i in range(tree.n_items))
    _name(ax, numbers, numbers)
    ax.tick_params(length=0)
    ax.set_xlabel("item")
    ax.set_ylabel("item")
    return ax


def _drawable(tree: object) -> Tree:
    checked = a_tree(tree)
    if checked.n_items**2 > _MOST_ENTRIES:
        raise ValueError(f"tree must have at most {2**11} items to be drawn; got {checked.n_items}")
    return checked


def signed_matrix(
    ax: Axes,
    values: Floats,
    rows: tuple[str, ...] | None,
    columns: tuple[str, ...],
    *,
    signs_only: bool = False,
    blank: object = None,
) -> None:
    """Draw a matrix: red for positive entries, blue for negative ones, the numbers or signs in the cells."""
    limit = float(np.abs(values).max())
    ax.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit)
    hidden = np.zeros(values.shape, bool) if blank is None else np.asarray(blank)
    if max(values.shape) <= _MOST_WRITTEN:
        for (i, j), value in np.ndenumerate(values):
            zero = abs(value) < 1e-9 * limit
            if hidden[i, j] or (zero and signs_only):
                continue
            sign = "−" if value < 0 and not zero else "+"
            text = sign if signs_only else "0" if zero else _number(value)
            dark = abs(value) > 0.65 * limit
            ax.text(j, i, text, ha="center", va="center", size="small", color="white" if dark else "black")
    _name(ax, rows, columns)
    ax.set_xticks(np.arange(values.shape[1] + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(values.shape[0] + 1) - 0.5, minor=True)
    if max(values.shape) <= _MOST_NAMED:
        ax.grid(which="minor", color="0.8", lw=0.5)
    ax.tick_params(which="both", length=0)


def _number(value: float) -> str:
    """Return a number as it is written into a cell: short where it is whole, without a sign where it shows as 0."""
    text = f"{value:.0f}" if float(value).is_integer() else f"{value:.2f}".replace("0.", ".", 1)
    return ".00" if text == "-.00" else text.replace("-", "−")


def _name(ax: Axes, rows: tuple[str, ...] | None, columns: tuple[str, ...]) -> None:
    """Name rows and columns where there is room for names, and number the first and the last where there is not."""
    if rows is None:
        ax.set_yticks([])
    elif len(rows) <= _MOST_NAMED:
        ax.set_yticks(range(len(rows)), rows)
    else:
        ax.set_yticks([0, len(rows) - 1], ["1", str(len(rows))])
    if len(columns) > _MOST_NAMED:
        ax.set_xticks([0, len(columns) - 1], ["1", str(len(columns))])
    else:
        ax.set_xticks(range(len(columns)), columns, rotation=90 if max(map(len, columns)) > 2 else 0)
