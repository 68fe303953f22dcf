"""
Does the order of presentation matter?
======================================

The averaged theory has no order. A network that learns one item at a time has: a fixed cycle, a new permutation every
epoch, draws with replacement, or whatever a curriculum says.
"""

# %%
# Four orders
# -----------
# Networks with the same initial weights learn eight items. Where the order is random there are twenty of them.
import matplotlib.pyplot as plt
import numpy as np

import pylinear as pl

data = pl.Tree((2, 2, 2), flip=0.1).sample(1000, rng=0)
weights = pl.Gaussian(1e-3).draw(data, hidden=32, rng=0)
rate = 0.1 / data.modes.s[0]
how = {"hidden": 32, "rate": rate, "epochs": 400, "init": weights, "rng": 0, "record": 401}
orders = {
    "a fixed cycle": pl.train(data, order="cyclic", **how),
    "reshuffled every epoch": pl.train(data, order="reshuffled", runs=20, **how),
    "with replacement": pl.train(data, order="with_replacement", runs=20, **how),
    "each item five times in a row": pl.train(data, order=np.repeat(np.arange(8), 5), **how),
}
flow = pl.train(data, update="flow", **how)

# %%
# Away from the average
# ---------------------
# The strengths of modes 1 and 2 less those of the averaged flow. A fixed cycle and reshuffling are late by as much, and
# reshuffled runs can hardly be told from one another. Drawn with replacement, some items come more often than others
# for a while, and networks scatter a hundred times as widely. With each item five times in a row, some items have been
# seen more often than others at most times, so that curves are jagged; but what they say on the whole is the same.
figure, panels = plt.subplots(2, 2, figsize=(11, 6.6), sharex=True, sharey=True, layout="constrained")
for ax, (name, run) in zip(panels.flat, orders.items(), strict=True):
    for mode in (0, 1):
        off = (run.mode_strengths - flow.mode_strengths)[:, :, mode] / data.modes.s[mode]
        lines = ax.plot(run.epochs, off.T, color=f"C{mode}", lw=0.7)
        lines[0].set_label(f"mode {mode + 1}")
    ax.axhline(0, color="0.8", lw=0.8, zorder=0)
    ax.set_title(name, loc="left", fontsize="medium")
    ax.set_xlim(0, 300)
    ax.spines[["top", "right"]].set_visible(False)
for ax in panels[1]:
    ax.set_xlabel("time (epochs)")
for ax in panels[:, 0]:
    ax.set_ylabel("measured - flow, in units of $s$")
panels[0, 1].legend(frameon=False)
plt.show()

# %%
# The largest distances from the flow, over time and runs, and the largest standard deviation over runs, in units of s:
for name, run in orders.items():
    off = (run.mode_strengths - flow.mode_strengths)[:, :, 0] / data.modes.s[0]
    print(f"{name:30} {np.abs(off).max():.3f} {off.std(axis=0).max():.4f}")
