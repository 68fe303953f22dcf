"""
Predicting what steps do
========================

Learning in steps is late against the averaged flow, by an amount of the order of the rate. The *modified flow* adds to
the flow what a step at one item does to the gradient of the next, and so predicts the gap before anything is trained.
"""

# %%
# Measured, and predicted
# -----------------------
# Ten networks learn 10,000 features of a tree with a rate of 0.1 in units of 1 / s of the first mode. Thin lines are
# what was measured less the flow from the same weights, the dotted line is the modified flow less the flow. What is
# left after the modified flow is drawn beneath, on a scale of its own.
import matplotlib.pyplot as plt
import numpy as np

import pylinear as pl
from pylinear import plots, theory

data = pl.Tree((2, 2), flip=0.1).sample(10_000, rng=0)
rate = 0.1 / data.modes.s[0]
run = pl.train(data, hidden=16, rate=rate, epochs=350, init=pl.Gaussian(1e-3), runs=10, rng=0)
report = pl.gap(run)
plots.prediction(report, plt.figure(figsize=(8.5, 6), layout="constrained"))
plt.show()

# %%
# The largest gaps to either, over time and runs, in units of s:
for name in "flow (7)-(8)", "modified flow":
    print(f"{name:13}", report.against()[name].round(4))

# %%
# What matters is who comes after whom
# ------------------------------------
# The modified flow knows the way through the items: below, the same four items in a cycle, in a new order each epoch,
# and all in one step. Lines are the predictions, dots what was measured from the same weights, for new orders in the
# mean over fifty networks.
items = pl.Dataset(np.random.default_rng(3).standard_normal((6, 4)))
start = pl.Gaussian(0.2).draw(items, hidden=5, rng=0)
step = 0.1 / items.modes.s[0]
epochs = 80
grid = np.arange(epochs + 1.0)
flow = theory.flow(grid, *start, items, tau=1 / step)


def strength(lower, upper):
    """Return the strength of the first mode at all times."""
    return np.einsum("f,tfh,thi,i->t", items.modes.u[:, 0], upper, lower, items.modes.v[:, 0]) / items.modes.s[0]


figure, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
for number, order in enumerate(("cyclic", "reshuffled", "batch")):
    predicted = theory.modified_flow(grid, *start, items, step, order)
    how = {"update": "batch"} if order == "batch" else {"order": order, "runs": 50 if order == "reshuffled" else 1}
    learned = pl.train(items, hidden=5, rate=step, epochs=epochs, init=start, rng=0, record=grid, **how)
    dots = learned.mode_strengths[:, :, 0].mean(axis=0) / items.modes.s[0] - strength(*flow)
    ax.plot(grid, strength(*predicted) - strength(*flow), color=f"C{number}", label=order)
    ax.plot(grid, dots, ".", color=f"C{number}", ms=5)
ax.axhline(0, color="0.8", lw=0.8, zorder=0)
ax.set_xlabel("time (epochs)")
ax.set_ylabel("strength of mode 1 less the flow's,\nin units of $s_1$")
ax.set_xlim(0, epochs)
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, title="way through the items")
plt.show()
