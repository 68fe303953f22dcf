"""The gap between what was measured and the theory, in pictures."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from pylinear._check import Floats
from pylinear._dataset import Dataset
from pylinear._figures._learning import CURVES, curves
from pylinear._figures._table import Table
from pylinear._figures._write import Picture
from pylinear._gap import Gap, gap
from pylinear._gap_order import GapOrder, gap_order
from pylinear._initial import Gaussian
from pylinear._run import Run
from pylinear._train import train
from pylinear._tree import Tree

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Orders = dict[str, GapOrder]
Settings = dict[tuple[float, int], Gap]

STEPS = (0.1, 0.05, 0.025, 0.0125)
RUNS = 100
SCALE = 1e-4


def _orders() -> Orders:
    rng = np.random.default_rng(0)
    data = Dataset(rng.standard_normal((6, 4)))
    weights = Gaussian(0.2).draw(data, hidden=5, rng=rng)
    ways: dict[str, dict[str, Any]] = {
        "batch": {"update": "batch"},
        "cyclic": {"order": "cyclic"},
        "reshuffled": {"order": "reshuffled", "runs": RUNS},
        "with replacement": {"order": "with_replacement", "runs": RUNS},
    }
    return {name: gap_order([_slow(data, weights, step, how) for step in STEPS]) for name, how in ways.items()}


def _slow(data: Dataset, weights: tuple[Floats, Floats], step: float, how: dict[str, Any]) -> Run:
    """Return runs at one rate, over the same time rate x epochs at any."""
    s = data.modes.s
    rate = step / float(s[0])
    epochs = round(12 / (float(s[-1]) * rate))
    record = np.linspace(0, epochs, 200).round()
    return train(data, hidden=5, rate=rate, epochs=epochs, init=weights, rng=1, record=record, **how)


def _orders_table(orders: Orders) -> Table:
    rows = (
        (name, rate * found.s1, cause, values[i], *found.powers[cause])
        for name, found in orders.items()
        for cause, values in found.gaps.items()
        for i, rate in enumerate(found.rates)
    )
    return Table(("order", "rate_times_s1", "cause", "gap", "power", "error_of_power"), rows)


@cache
def figure3_gap(step: float, hidden: int) -> Gap:
    """Return the gap of ten networks on the paper's tree and 10,000 features, at rate x s1 = `step`."""
    data = Tree((2, 2), flip=0.1).sample(10_000, rng=0)
    first, last = float(data.modes.s[0]), float(data.modes.s[-1])
    rate = step / first
    epochs = round(0.8 * np.log(last / (hidden * SCALE**2 / 2)) / (last * rate))
    return gap(train(data, hidden=hidden, rate=rate, epochs=epochs, init=Gaussian(SCALE), runs=10, rng=0, record=200))


def gap_table(result: Gap) -> Table:
    """Return the tables of a gap as one: one row a mode, one for the loss, and one for the map where it was kept."""
    against, causes = result.against(), result.by_cause()
    rows: list[tuple[object, ...]] = [
        (mode + 1, s, *(x[mode] for x in against.values()), *(x[mode] for x in causes.values()))
        for mode, s in enumerate(result.s)
    ]
    wholes = {"loss": result.loss_gaps()}
    if result.run.maps is not None:
        wholes["map"] = result.map_gaps()
    for name, gaps in wholes.items():
        largest = (float(np.max(x[result.counted], initial=0.0)) for x in gaps.values())
        rows.append((name, np.nan, *largest, *(np.nan for _ in causes)))
    return Table(("mode", "s", *against, *causes), rows)


def curves_table(result: Gap) -> Table:
    """Return all curves of a gap: one row a run, mode and time."""
    return Table(("run", "mode", "epoch", "measured", *CURVES), curves(result))


def prediction_table(shown: Gap) -> Table:
    """Return what is left of a gap after the flow and the modified flow: one row a run, mode and time."""
    columns = ("run", "mode", "epoch", "measured_minus_flow", "modified_minus_flow", "measured_minus_modified")
    return Table(columns, _prediction_rows(shown))


def _prediction_rows(shown: Gap) -> Iterator[tuple[object, ...]]:
    assert shown.predicted is not None
    for k, mode, t in np.ndindex(shown.measured.shape[0], shown.s.size, shown.run.epochs.size):
        measured, flow, modified = (x[k, t, mode] for x in (shown.measured, shown.flow, shown.predicted))
        yield k + 1, mode + 1, shown.run.epochs[t], measured - flow, modified - flow, measured - modified


def _settings() -> Settings:
    return {(step, hidden): figure3_gap(step, hidden) for step, hidden in product((0.1, 0.025), (16, 128))}


def _settings_table(settings: Settings) -> Table:
    first = next(iter(settings.values()))
    rows = (
        (step, hidden, mode + 1, s, *(x[mode] for x in (*shown.by_cause().values(), *shown.against().values())))
        for (step, hidden), shown in settings.items()
        for mode, s in enumerate(shown.s)
    )
    return Table(
        ("rate_times_s1", "hidden", "mode", "s", *first.by_cause(), *(f"against {x}" for x in first.against())), rows
    )


def _draw_budget(plots: ModuleType, settings: Settings, figure: Figure) -> None:
    panels = figure.subplots(1, len(settings), sharey=True)
    for ax, ((step, hidden), shown) in zip(panels, settings.items(), strict=True):
        plots.budget(shown, ax).set_title(
            f"rate x $s_1$ = {step:g}, {hidden} hidden units", loc="left", fontsize="medium"
        )
        if ax is not panels[-1]:
            ax.get_legend().remove()
        ax.label_outer()


PICTURES = (
    Picture(
        "gap_orders",
        "gap against rate for four ways through the items, with fitted powers",
        _orders,
        lambda plots, orders, figure: plots.gap_orders(orders, figure),
        _orders_table,
        (13.0, 4.4),
    ),
    Picture(
        "prediction",
        "the gap to the flow, measured and predicted, and what is left",
        lambda: figure3_gap(0.1, 16),
        lambda plots, shown, figure: plots.prediction(shown, figure),
        prediction_table,
        (8.0, 6.0),
    ),
    Picture(
        "budget",
        "the causes of the gap at two rates and two widths",
        _settings,
        _draw_budget,
        _settings_table,
        (13.5, 4.6),
    ),
)
