"""Pictures with their tables, in a folder."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pylinear._figures._table import Table, write_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Say = Callable[[str], None]


@dataclass(frozen=True)
class Picture:
    """One picture: what it shows, how that is computed, drawn, and written as a table.

    Attributes
    ----------
    name : str
        Of its files.
    about : str
        What it shows, for the line that announces it.
    compute : () -> data
        What is drawn.
    draw : (plots, data, figure) -> object
        Draws it with `pylinear.plots`, the only part that needs matplotlib.
    table : data -> Table
        All numbers in the drawing.
    size : tuple of float
        Width and height in inches.
    """

    name: str
    about: str
    compute: Callable[[], Any]
    draw: Callable[[ModuleType, Any, Figure], object]
    table: Callable[[Any], Table]
    size: tuple[float, float]


def can_draw(say: Say) -> bool:
    """Return whether there is matplotlib, and say so if there is not."""
    if importlib.util.find_spec("matplotlib") is not None:
        return True
    say('No pictures: matplotlib is not installed. Install "pylinear-dynamics[plot]" from the checkout to get them.')
    return False


def write_pictures(pictures: Sequence[Picture], folder: Path, say: Say) -> list[str]:
    """Write NAME.csv of every picture into `folder`, and with matplotlib NAME.png and NAME.svg; return the names."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = can_draw(say)
    written = []
    for number, picture in enumerate(pictures, start=1):
        say(f"{number}/{len(pictures)} {picture.name}: {picture.about}")
        data = picture.compute()
        write_table(picture.table(data), folder / f"{picture.name}.csv")
        written.append(f"{picture.name}.csv")
        if drawn:
            written += draw_picture(picture, data, folder)
    return written


def draw_picture(picture: Picture, data: object, folder: Path) -> list[str]:
    """Write NAME.png and NAME.svg into `folder`, and return the names."""
    from pylinear import plots
    from pylinear.plots._page import write_files

    return write_files(lambda figure: picture.draw(plots, data, figure), picture.size, folder, picture.name)
