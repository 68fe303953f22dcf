"""
What a smaller network keeps
============================

A network with thousands of features and hundreds of hidden units learns eight items within a few directions of its
weights. `pylinear.train` finds them and trains those alone. What stays the same, and what does not?
"""

# %%
# The same data four times
# ------------------------
# As it stands; rotated, so that most weights are zero and can be left out ("exact"); projected on the fewest directions
# with which what is recorded is the same ("krylov"); and a small network *drawn* such that what it does has the same
# distribution ("law").
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import ks_2samp

import pylinear as pl

data = pl.Tree((2, 2, 2), flip=0.1).sample(2000, rng=0)
rate = 0.05 / data.modes.s[0]
how = {"hidden": 64, "rate": rate, "epochs": 800, "init": pl.Gaussian(1e-3), "rng": 0}
runs = {reduce: pl.train(data, reduce=reduce, **how) for reduce in (False, "exact", "krylov", "law")}

print("            output units  hidden units")
for name, run in runs.items():
    print(f"{name or 'direct':10}  {run.reduction.rows:12}  {run.reduction.hidden:12}")

# %%
# The same trajectory, the same law
# ---------------------------------
# "exact" and "krylov" follow the direct network to roundoff, all the way through learning (left). "law" is another
# network: it must be compared as one compares samples. On the right are the times at which 100 networks have learned
# half of the last mode, for networks that were computed exactly and for others drawn in law.
figure, (left, right) = plt.subplots(1, 2, figsize=(11.5, 4.4), layout="constrained")
direct = runs[False]
for name, style in (("exact", "C0-"), ("krylov", "C1--")):
    apart = np.abs(runs[name].mode_strengths[0] - direct.mode_strengths[0]).max(axis=1) / data.modes.s[0]
    left.semilogy(direct.epochs, np.maximum(apart, 1e-18), style, label=name)
left.semilogy(direct.epochs, np.abs(direct.mode_strengths[0]) / data.modes.s[0], color="0.7", lw=1)
left.plot([], [], color="0.7", lw=1, label="the mode strengths themselves")
left.set_ylim(1e-18, 1e5)
left.set_xlabel("time (epochs)")
left.set_ylabel("largest difference to the direct network,\nin units of $s_1$")
left.legend(frameon=False, loc="upper left")

halves = {}
for number, name in enumerate(("exact", "law")):
    many = pl.train(data, reduce=name, runs=100, **{**how, "rng": 1})
    learned = many.mode_strengths[:, :, -1] / data.modes.s[-1]
    halves[name] = np.sort([np.interp(0.5, curve, many.epochs) for curve in learned])
    right.step(halves[name], np.arange(1, 101) / 100, color=f"C{number * 2}", label=f"{name}, 100 networks")
right.set_xlabel("half time of the last mode (epochs)")
right.set_ylabel("part of the networks")
right.legend(frameon=False, loc="upper left")
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Mean and standard deviation of these times. A test of Kolmogorov and Smirnov does not tell the two samples apart:
for name, times in halves.items():
    print(f"{name:6} {times.mean():.0f} +- {times.std():.0f} epochs")
print(f"p = {ks_2samp(*halves.values()).pvalue:.2f}")
