"""
A trillion features
===================

How does learning depend on the size of a network? For sizes that fit no memory, only inner products of the features are
needed, and a network with the same law as the large one. A training takes the time of a small one.
"""

# %%
# Wider and wider
# ---------------
# Ten networks of each width learn the same tree, known by its covariance as if there were a trillion features. Weights
# are scaled such that the expected initial strength is the same for all widths.
import matplotlib.pyplot as plt

import pylinear as pl

FEATURES = 10**12
tree = pl.Tree((2, 2, 2), flip=0.1)
data = pl.Dataset.from_gram(FEATURES * tree.covariance, n_features=FEATURES)
rate = 0.05 / data.modes.s[0]

runs = {}
for hidden in (16, 1000, 10**9):
    scale = (2e-9 / hidden) ** 0.5
    runs[hidden] = pl.train(data, hidden=hidden, rate=rate, epochs=1800, init=pl.Gaussian(scale), runs=10, rng=0)
    kept = runs[hidden].reduction
    print(f"{FEATURES:,} x {hidden:,}: {kept.rows} output and {kept.hidden} hidden units were trained")

# %%
# What width takes away
# ---------------------
# With few hidden units each network has initial strengths of its own, and modes of one strength are coupled. Both go
# away as the network grows: a billion hidden units all learn in the same way, each mode along the one curve of the
# theory, from the initial strength that is expected. What is left is the lag of the steps, which a smaller rate would
# remove.
figure, panels = plt.subplots(1, 3, figsize=(13, 4.6), sharex=True, sharey=True, layout="constrained")
levels = data.modes.s[[0, 1, 2, 4]]
for ax, (hidden, run) in zip(panels, runs.items(), strict=True):
    for k in range(10):
        label = "10 networks" if k == 0 else None
        curves = ax.plot(run.epochs, run.mode_strengths[k] / data.modes.s[0], color="C3", lw=0.6)
        curves[0].set_label(label)
    theory = pl.theory.mode_strength(run.epochs[:, None], levels, a0=1e-9, tau=1 / rate) / data.modes.s[0]
    lines = ax.plot(run.epochs, theory, color="black", lw=1.2, ls=(0, (4, 3)))
    lines[0].set_label("(10), expected initial strength")
    ax.set_title(f"{hidden:,} hidden units", loc="left")
    ax.set_xlabel("time (epochs)")
    ax.set_xlim(0, run.epochs[-1])
    ax.spines[["top", "right"]].set_visible(False)
panels[0].set_ylabel("mode strength / $s_1$")
figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
plt.show()
