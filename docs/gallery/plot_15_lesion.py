"""
A lesion, and learning again
============================

`pylinear.Simulation` is one network that goes on when it is told to, and may be changed in between. Here its rate falls
with time, half its hidden units die, and it learns again.
"""

# %%
# Learning with a falling rate
# ----------------------------
# A hook is called after every so many epochs. This one writes down what there is, and sets the rate.
import matplotlib.pyplot as plt
import numpy as np

import pylinear as pl

data = pl.Tree((2, 2), flip=0.1).sample(1000, rng=0)
start = 0.05 / data.modes.s[0]
weights = pl.Gaussian(1e-3).draw(data, hidden=16, rng=0)
sim = pl.Simulation(data, *weights, rate=start, rng=0)
records = []


def look(sim):
    """Record the modes and lower the rate."""
    records.append((sim.epochs, sim.rate / start, *(sim.mode_strengths / data.modes.s)))
    sim.rate = start / (1 + sim.epochs / 1000)


look(sim)
sim.advance(epochs=1000, every=10, hook=look)

# %%
# The lesion
# ----------
# ``sim.weights(writable=True)`` opens the weights where they are. Half of the hidden units lose what they send upwards.
with sim.weights(writable=True) as (w21, w32):
    w32[:, ::2] = 0
look(sim)
print("left of each mode:", (sim.mode_strengths / data.modes.s).round(2))

# %%
# No mode has to begin at nothing, and none waits for another: all are back in a fraction of the time that they took at
# first, though the rate is half of what it was.
sim.advance(epochs=500, every=10, hook=look)
epochs, rate, *modes = np.array(records).T

figure, (above, below) = plt.subplots(2, 1, figsize=(8.5, 5.5), sharex=True, height_ratios=[3, 1], layout="constrained")
for number, mode in enumerate(modes):
    above.plot(epochs, mode, color=f"C{number}", label=f"mode {number + 1}")
below.plot(epochs, rate, color="black")
for ax in (above, below):
    ax.axvline(1000, color="0.6", ls=":", zorder=0)
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_ylim(0)
above.annotate("lesion", (1000, 0.05), xytext=(-6, 0), textcoords="offset points", ha="right")
above.set_ylabel("mode strength / $s$")
above.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
below.set_ylabel("rate / rate\nat the start")
below.set_xlabel("time (epochs)")
below.set_xlim(0, epochs[-1])
plt.show()
