"""
A sweep, and what it finds
==========================

How does the time of learning depend on the number of hidden units and on chance? `pylinear.sweep` trains every
combination of what varies, on all processors, and returns one labelled dataset.
"""

# %%
# Eighty networks
# ---------------
# Five widths, sixteen seeds, and for each seed features, weights and an order of its own. Each training has a file in
# the folder, so that the same call again, or a larger one, computes only what is missing.
import tempfile

import matplotlib.pyplot as plt
import numpy as np

import pylinear as pl

SCALE = 3e-4
tree = pl.Tree((2, 2), flip=0.1)
options = {"tree": tree, "features": 1000, "rate": 1e-3, "epochs": 900, "init": pl.Gaussian(SCALE), "record": 300}
with tempfile.TemporaryDirectory() as folder:
    result = pl.sweep({"hidden": [4, 8, 16, 64, 256], "rng": range(16)}, **options, folder=folder)
print(dict(result.sizes))

# %%
# Half times
# ----------
# Dimensions have names. The epoch at which a mode is half learned, for every task:
learned = (result.mode_strength / result.association_strength).isel(run=0)
epochs = result.epoch.values
half = np.apply_along_axis(lambda curve: np.interp(0.5, curve, epochs), -1, learned.transpose(..., "time").values)
half = learned.isel(time=0).copy(data=half)
print(half.mean("rng").round(0).to_pandas())

# %%
# More hidden units, less chance
# ------------------------------
# Wider networks start with more, and learn earlier: lines are (12) with the expected initial strength, the number of
# hidden units times the variance of a weight, halved. And they are less at the mercy of their weights: bars are one
# standard deviation over seeds. The narrowest networks are later than that, since their modes are coupled.
figure, ax = plt.subplots(figsize=(8, 4.6), layout="constrained")
widths = np.geomspace(4, 256, 50)
limit = np.repeat(tree.singular_values(1000), tree.multiplicities)
for number, mode in enumerate((1, 2, 3)):
    one = half.sel(mode=mode)
    shift = 1.04 ** (number - 1)
    ax.errorbar(half.hidden * shift, one.mean("rng"), one.std("rng"), fmt="o", color=f"C{number}", capsize=3, ms=5)
    line = pl.theory.half_time(limit[mode - 1], widths * SCALE**2 / 2, tau=1 / 1e-3)
    ax.plot(widths, line, color=f"C{number}", label=f"mode {mode}")
ax.set_xscale("log")
ax.set_xticks(half.hidden.values, [str(x) for x in half.hidden.values])
ax.tick_params(axis="x", which="minor", bottom=False)
ax.set_xlabel("hidden units")
ax.set_ylabel("half time (epochs)")
ax.set_ylim(0)
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), title="dots: networks\nlines: (12)")
plt.show()
