"""
Shallow, deep, deeper
=====================

With a hidden layer, learning comes in stages: a mode lies dormant for long, and is then learned fast. Without one, all
modes are learned at once. What do more layers do?
"""

# sphinx_gallery_thumbnail_number = 2

# %%
# With a hidden layer, and without
# --------------------------------
# Seven properties of four items, learned online with a hidden layer (dots on the upper panel) and without (lower
# panel), and the theory of both (lines).
import matplotlib.pyplot as plt
import numpy as np

import pylinear as pl
from pylinear import plots, theory

has = [[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
data = pl.Dataset(has, items=["Canary", "Salmon", "Oak", "Rose"])
run = pl.train(data, hidden=64, rate=0.01, epochs=1200, init=pl.Gaussian(1e-4), rng=0)
plots.deep_against_shallow(pl.gap(run), plt.figure(figsize=(8.5, 5), layout="constrained"))
plt.show()

# %%
# More layers
# -----------
# `pylinear.theory.deep_strength` is the strength of a mode in a balanced network of any depth. Every curve below starts
# from 0.001. Dots are chains of L numbers, which is what a mode of such a network is, trained by a loop of gradient
# descent. On the right, how long a mode lies dormant: without a hidden layer it hardly matters how small it starts,
# with one its logarithm does, and with more layers a power of it.
L = (1, 2, 3, 4)
t = np.linspace(0, 25, 501)


def chain(layers, step=0.005):
    """Return the product of a chain of weights that learns 1, at the times of t."""
    w = np.full(layers, 1e-3 ** (1 / layers))
    strengths = []
    for _ in t:
        strengths.append(np.prod(w))
        for _ in range(round((t[1] - t[0]) / step)):
            w = w + step * (1 - np.prod(w)) * np.prod(w) / w
    return np.array(strengths)


figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.4), layout="constrained")
for layers in L:
    color = f"C{layers - 1}"
    label = f"L = {layers}" + (", no hidden layer" if layers == 1 else "")
    left.plot(t, theory.deep_strength(t, s=1.0, a0=1e-3, layers=layers), color=color, label=label)
    left.plot(t[::10], chain(layers)[::10], ".", color=color, ms=5)
left.set_xlabel(r"time ($\tau$)")
left.set_ylabel("mode strength / $s$")
left.set_xlim(0, 25)
left.legend(frameon=False, loc="lower right")

a0 = np.geomspace(1e-6, 1e-1, 60)
for layers in L:
    right.loglog(a0, theory.deep_time(0.5, 1.0, a0, layers), color=f"C{layers - 1}", label=f"L = {layers}")
right.set_xlabel("initial strength / $s$")
right.set_ylabel(r"time to half the strength ($\tau$)")
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
right.legend(frameon=False)
plt.show()

# %%
# The duration of the rise over the time to its middle, from an initial strength of 1e-4, for one to four layers:
print([round(float(theory.stage_ratio(1.0, 1e-4, layers)), 2) for layers in L])
