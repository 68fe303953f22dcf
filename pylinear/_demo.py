"""The main job: the paper's Figure 3, with online learning in place of the averaged dynamics."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from pylinear._figures import _paper
from pylinear._figures._gaps import curves_table, gap_table
from pylinear._figures._table import write_table
from pylinear._figures._write import Picture, Say, write_pictures
from pylinear._gap import Gap

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _draw(plots: ModuleType, result: Gap, figure: Figure) -> None:
    ax = plots.learning_curves(result, figure.subplots())
    ax.set_title("Tree of 4 items, 10,000 features: online learning and theory", loc="left")


def run_demo(folder: Path, say: Say) -> tuple[Gap, list[str]]:
    """Compute Figure 3, write picture, curves and table into `folder`, and return the gap and what was written."""
    results: list[Gap] = []

    def compute() -> Gap:
        results.append(_paper.learned_tree("online"))
        return results[0]

    about = "10 networks of 4-16-10,000 units learn online, one item at a time"
    written = write_pictures([Picture("figure3", about, compute, _draw, curves_table, (7.0, 4.5))], folder, say)
    write_table(gap_table(results[0]), folder / "gap.csv")
    return results[0], [*written, "gap.csv"]
