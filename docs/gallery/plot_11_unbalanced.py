"""
Layers that are not balanced
============================

The sigmoid of the theory takes the two layers to start with the same strength in each mode. What if one starts with
more?
"""

# %%
# The plane of one mode
# ---------------------
# A mode that learns by itself is two numbers, c in the lower and d in the upper layer. Their product c d is the mode's
# strength, and :math:`c^2 - d^2` never changes. From near the origin, all paths are funnelled to the diagonal. Orange
# dots are networks with one hidden unit that learn online, every thirty epochs.
import matplotlib.pyplot as plt
import numpy as np

import pylinear as pl
from pylinear import plots, theory

one = pl.Dataset([[1.0]])
figure, ax = plt.subplots(figsize=(6.5, 7.2), layout="constrained")
plots.phase_portrait(1.0, ax)
for c, d in ((0.05, -0.02), (0.9, 0.05), (1.7, -1.2), (-0.3, -0.9)):
    weights = [[c]], [[d]]
    run = pl.train(one, hidden=1, rate=0.01, epochs=900, init=weights, record=range(0, 901, 30), keep=["weights"])
    lower, upper = run.weights_over_time
    ax.plot(lower[0, :, 0, 0], upper[0, :, 0, 0], "o", color="C1", ms=4, zorder=6)
ax.plot([], [], "o", color="C1", ms=4, label="networks that learn online")
ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2, frameon=False)
plt.show()

# %%
# From sigmoid to exponential
# ---------------------------
# The same initial strength, 0.001, made of layers that are more and more unequal. Two balanced layers learn along the
# sigmoid; with one layer far above the other, learning sets out at once and is exponential, as without a hidden layer.
# Lines are `pylinear.theory.mode_strength_unbalanced`, dots are trained networks.
figure, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
toy = pl.toy("signed")
s = toy.modes.s[0]
rate = 0.002
for number, ratio in enumerate((1, 100, 1000, 10_000)):
    c, d = (1e-3 * ratio) ** 0.5, (1e-3 / ratio) ** 0.5
    run = pl.train(toy, hidden=8, rate=rate, epochs=1000, init=pl.Decoupled(c, d), rng=0, record=40)
    t = np.linspace(0, 1000, 400)
    line = theory.mode_strength_unbalanced(t, s, (c + d) ** 2, (c - d) ** 2, tau=1 / rate)
    ax.plot(t, line / s, color=f"C{number}", label=f"{ratio:,}")
    ax.plot(run.epochs, run.mode_strengths[0, :, 0] / s, ".", color=f"C{number}")
ax.set_xlabel("time (epochs)")
ax.set_ylabel("strength of mode 1 / $s_1$")
ax.set_xlim(0, 1000)
ax.set_ylim(0)
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, title="c / d at the start", loc="lower right")
plt.show()
