"""How the time of an epoch grows with the sizes and the threads: draws docs/growth.png.

Run as ``python benchmarks/growth.py``; it takes some minutes.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt

import pylinear as pl
from baselines import numpy_loop, problem
from beside import seconds

BASE = {"n_features": 10_000, "hidden": 128, "n_items": 32}
AXES = {
    "n_features": ("output features $N_3$", [100, 1_000, 10_000, 100_000, 1_000_000]),
    "hidden": ("hidden units $N_2$", [4, 16, 64, 256, 1024]),
    "n_items": ("items $P$", [2, 8, 32, 128, 512]),
}
SIGMA = 1e-5
NUMPY, DIRECT, KRYLOV = "numpy loop", "pylinear, direct", "pylinear, krylov"


def shortest(f, budget: float = 1.0) -> float:
    """Return the shortest of as many calls as fit `budget` seconds, two at the least."""
    times = [seconds(f), seconds(f)]
    while sum(times) < budget and len(times) < 20:
        times.append(seconds(f))
    return min(times)


def numpy_epoch(data, w21, w32, rate) -> float:
    """Return the seconds of an epoch, from a few presentations."""
    shown = min(4, data.n_items)
    return shortest(lambda: numpy_loop(data, w21, w32, rate, range(shown))) / shown * data.n_items


def direct_epoch(data, w21, w32, rate, threads=None) -> float:
    sim = pl.Simulation(data, w21, w32, rate=rate, order="cyclic", threads=threads)
    sim.advance(epochs=1)
    epochs = max(1, int(0.01 / seconds(lambda: sim.advance(epochs=1))))
    return shortest(lambda: sim.advance(epochs=epochs)) / epochs


def krylov_epoch(data, hidden, rate) -> float:
    """Return the seconds of an epoch beyond those that make a training ready."""

    def train(epochs):
        pl.train(
            data, hidden=hidden, rate=rate, epochs=epochs, init=pl.Gaussian(SIGMA), rng=0, reduce="krylov", record=1
        )

    few, many = 10, 410
    return max(shortest(lambda: train(many)) - shortest(lambda: train(few)), 1e-9) / (many - few)


def main() -> None:
    figure, panels = plt.subplots(1, 4, figsize=(13, 3.4), sharey=True, layout="constrained")
    for panel, (axis, (label, values)) in zip(panels, AXES.items(), strict=False):
        times = {NUMPY: [], DIRECT: [], KRYLOV: []}
        for value in values:
            sizes = BASE | {axis: value}
            data, w21, w32, rate = problem(**sizes, sigma=SIGMA)
            times[DIRECT].append(direct_epoch(data, w21, w32, rate))
            times[KRYLOV].append(krylov_epoch(data, sizes["hidden"], rate))
            times[NUMPY].append(numpy_epoch(data, w21, w32, rate))
            print(sizes, {name: f"{t[-1]:.3g} s" for name, t in times.items()}, flush=True)
        for name, marker in zip(times, "osD", strict=True):
            panel.loglog(values, times[name], marker=marker, label=name)
        panel.set_xlabel(label)
    most = pl.info()["threads"]
    threads = sorted({1, 2, most} & set(range(1, most + 1)))
    arguments = problem(**BASE, sigma=SIGMA)
    panels[3].loglog(threads, [direct_epoch(*arguments, n) for n in threads], "s-", color="C1")
    panels[3].set_xticks(threads, [str(n) for n in threads])
    panels[3].minorticks_off()
    panels[3].set_xlabel("threads")
    panels[0].set_ylabel("one epoch [s]")
    panels[0].legend(frameon=False)
    others = "$N_3$ = {n_features:,}, $N_2$ = {hidden}, $P$ = {n_items}".format(**BASE)
    figure.suptitle(f"Where not varied: {others}", fontsize="medium")
    path = Path(__file__).parent.parent / "docs" / "growth.png"
    figure.savefig(path, dpi=110)
    print(f"wrote {path.name}")


if __name__ == "__main__":
    main()
