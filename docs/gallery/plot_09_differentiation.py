"""
From one lump to eight items
============================

Children, and networks, tell animals from plants before they tell a robin from a canary. In a linear network that is the
order in which modes are learned, seen from its hidden layer.
"""

# sphinx_gallery_thumbnail_number = 2

# %%
# Eight items
# -----------
# Names on the leaves of a tree, and weights so small that one level is learned before the next begins to move.
import matplotlib.pyplot as plt
import numpy as np

import pylinear as pl
from pylinear import plots

items = ["Robin", "Canary", "Salmon", "Sunfish", "Oak", "Maple", "Rose", "Daisy"]
sample = pl.Tree((2, 2, 2), flip=0.1).sample(2000, rng=2)
data = pl.Dataset(sample.outputs, items=items)
rate = 0.03 / data.modes.s[0]
run = pl.train(data, hidden=64, rate=rate, epochs=1800, init=pl.Gaussian(1e-6), rng=0, record=600, keep=["hidden"])

# %%
# Similarity
# ----------
# Inner products of the items' hidden representations at four times. At first all items are one; then there are two
# kinds, then four, then eight.
times = [560, 850, 1120, 1800]
figure, panels = plt.subplots(1, 4, figsize=(13, 3.9), layout="constrained")
for ax, epoch in zip(panels, times, strict=True):
    hidden = run.hidden[0, np.argmin(np.abs(run.epochs - epoch))]
    similarity = hidden.T @ hidden
    image = ax.imshow(similarity / similarity.max(), cmap="Blues", vmin=0, vmax=1)
    ax.set_title(f"epoch {epoch}", loc="left")
    ax.set_xticks(range(8), items, rotation=90)
    ax.set_yticks(range(8), items if ax is panels[0] else [""] * 8)
figure.colorbar(image, ax=panels, label="inner product / largest", shrink=0.8)
plt.show()

# %%
# One tree, drawn by a network
# ----------------------------
# The same representations along one direction of the hidden layer, the one in which the items end evenly spaced. They
# begin as one, and branch where the tree does.
places = np.arange(8) - 3.5
direction = np.linalg.pinv(run.hidden[0, -1].T) @ places
figure, ax = plt.subplots(figsize=(8.5, 4.6), layout="constrained")
ax.plot(run.epochs, np.einsum("j,tji->ti", direction, run.hidden[0]), lw=1.8)
for place, name in zip(places, items, strict=True):
    ax.annotate(name, (run.epochs[-1], place), xytext=(5, 0), textcoords="offset points", va="center")
ax.set_xlabel("time (epochs)")
ax.set_ylabel("place along the direction\n(arbitrary units)")
ax.set_xlim(300, run.epochs[-1])
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# When are they told apart?
# -------------------------
# The distance of two representations against time, by where the branches of the two items meet.
figure, ax = plt.subplots(figsize=(8, 4.2), layout="constrained")
pairs = {"at the root": (0, 4), "one level below": (0, 2), "at the last branching": (0, 1)}
for number, (name, (first, second)) in enumerate(pairs.items()):
    apart = np.linalg.norm(run.hidden[0, :, :, first] - run.hidden[0, :, :, second], axis=1)
    label = f"{name}: {items[first]} and {items[second]}"
    ax.plot(run.epochs, apart / apart[-1], color=f"C{number}", label=label)
    print(f"{label}: half apart at epoch {np.interp(0.5, apart / apart[-1], run.epochs):.0f}")
ax.set_xlabel("time (epochs)")
ax.set_ylabel("distance / distance at the end")
ax.set_xlim(0, run.epochs[-1])
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, title="branches meet")
plt.show()

# %%
# Four items in a plane
# ---------------------
# Where there are only four items, two directions show three quarters of the variance. Thick lines are the items of the
# paper's example in the first two principal components, thin ones a balanced network; the marks are where the items are
# as each mode is half learned.
toy = pl.train(pl.toy(), hidden=64, rate=0.02, epochs=1000, init=pl.Gaussian(1e-7), rng=0, record=500, keep=["hidden"])
figure, ax = plt.subplots(figsize=(7.5, 6), layout="constrained")
plots.hidden_trajectories(toy, ax)
plt.show()
