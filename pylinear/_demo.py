"""The main job: the paper's Figure 3, with online learning in place of the averaged dynamics."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pylinear._gap import Gap, gap
from pylinear._initial import Gaussian
from pylinear._train import train
from pylinear._tree import Tree

FEATURES = 10_000
RUNS = 10
HIDDEN = 16
SCALE = 1e-3
RATE_TIMES_S1 = 0.05
EPOCHS = 700


def figure3() -> Gap:
    """Return the gap of the paper's Figure 3: three levels, binary branching, flip probability 0.1."""
    tree = Tree((2, 2), flip=0.1)
    data = tree.sample(FEATURES, rng=0)
    rate = RATE_TIMES_S1 / float(tree.singular_values(FEATURES)[0])
    run = train(data, hidden=HIDDEN, rate=rate, epochs=EPOCHS, init=Gaussian(SCALE), runs=RUNS, rng=0, record=200)
    return gap(run)


def write_curves(result: Gap, path: Path) -> None:
    """Write every curve as a table: one row per run, mode and time."""
    epochs = result.run.epochs
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["run", "mode", "epoch", "online", "eq10_paper_a0", "eq10_effective_a0", "flow"])
        for k, mode, t in np.ndindex(result.measured.shape[0], result.s.size, epochs.size):
            curves = (result.measured[k, t], result.paper[t], result.effective[k, t], result.flow[k, t])
            writer.writerow([k + 1, mode + 1, f"{epochs[t]:.10g}", *(f"{curve[mode]:.10g}" for curve in curves)])


def write_table(result: Gap, path: Path) -> None:
    """Write the table of the gap: one row a mode."""
    columns = {**result.against(), **result.by_cause()}
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["mode", "s", *columns])
        for mode, s in enumerate(result.s):
            writer.writerow([mode + 1, f"{s:.6f}", *(f"{values[mode]:.6f}" for values in columns.values())])


def run_demo(folder: Path, say: Callable[[str], None]) -> tuple[Gap, list[str]]:
    """Compute Figure 3, write picture, curves and table into `folder`, and return the gap and what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    say("Training 10 networks of 4-16-10,000 units online, one item at a time ...")
    result = figure3()
    write_curves(result, folder / "figure3.csv")
    write_table(result, folder / "gap.csv")
    written = ["figure3.csv", "gap.csv"]
    if importlib.util.find_spec("matplotlib") is None:
        say('No picture: matplotlib is not installed. Install "pylinear-dynamics[plot]" from the checkout to get one.')
        return result, written
    import matplotlib as mpl

    mpl.use("Agg")
    from pylinear import plots

    ax = plots.learning_curves(result)
    ax.set_title("Tree of 4 items, 10,000 features: online learning and theory", loc="left")
    figure = ax.get_figure()
    if figure is not None:
        for suffix in ("png", "svg"):
            figure.savefig(folder / f"figure3.{suffix}", dpi=150)  # type: ignore[union-attr]
            written.append(f"figure3.{suffix}")
    return result, written
