"""
Worms with bones
================

Half-learned networks believe what is not so. A property that many animals have is at first ascribed to all, and
withdrawn when the mode comes that says otherwise. A network without a hidden layer has no such illusions.
"""

# %%
# Sixteen items
# -------------
# Animals and plants, and animals with bones and without. One property is of interest, "has bones": all
# vertebrates have it, and the worm does not.
import matplotlib.pyplot as plt
import numpy as np

import pylinear as pl

vertebrates = ["Robin", "Canary", "Hawk", "Salmon", "Trout", "Cat", "Dog"]
items = [*vertebrates, "Worm", "Oak", "Maple", "Pine", "Rose", "Daisy", "Tulip", "Fern", "Moss"]
animal = np.array([name in vertebrates or name == "Worm" for name in items], float)
bones = np.array([name in vertebrates for name in items], float)
# Eight properties of all animals, eight of all plants, two that vertebrates share, three of the worm alone.
worm = animal - bones
outputs = np.vstack([[animal] * 8, [1 - animal] * 8, [bones] * 2, [worm] * 3])
features = [*(f"animal {k}" for k in range(8)), *(f"plant {k}" for k in range(8)), "has bones", "has a skull"]
data = pl.Dataset(outputs, items=items, features=[*features, *(f"worm {k}" for k in range(3))])
print("association strengths:", data.modes.s.round(2)[: data.modes.rank])

# %%
# What the network says of the worm
# ---------------------------------
# Kept maps give the answers at all times, here for ten networks. The line in black is the theory: the sum over modes of
# the strength (10), from each mode's initial strength in the first network, times what the mode says of worms and
# bones. In grey, the same answer for the robin, which has bones.
how = {"hidden": 32, "rate": 0.005, "epochs": 1100, "init": pl.Gaussian(1e-3), "runs": 10, "rng": 0}
run = pl.train(data, keep=["maps"], **how)
u, s, v = data.modes.u, data.modes.s, data.modes.v
bone, worm_item = data.features.index("has bones"), items.index("Worm")
answers = np.einsum("a,ktab,b->kt", u[bone], run.maps, v[worm_item])
rank = data.modes.rank
a = pl.theory.mode_strength(run.epochs[:, None], s[:rank], run.initial_strengths[0, :rank], tau=1 / run.rate)
predicted = a @ (u[bone, :rank] * v[worm_item, :rank])

figure, ax = plt.subplots(figsize=(9.5, 4.5), layout="constrained")
lines = ax.plot(run.epochs, answers.T, color="C3", lw=0.8)
lines[0].set_label("worm, 10 networks that learn online")
robin = np.einsum("a,ktab,b->kt", u[bone], run.maps, v[items.index("Robin")])
lines = ax.plot(run.epochs, robin.T, color="0.6", lw=0.8)
lines[0].set_label("robin, the same networks")
ax.plot(run.epochs, predicted, color="black", lw=1.5, ls=(0, (4, 3)), label="worm, (10)")
ax.axhline(0, color="C0", lw=1.5, label="worm, without a hidden layer")
ax.set_xlabel("time (epochs)")
ax.set_ylabel('answer "has bones"')
ax.set_xlim(0, run.epochs[-1])
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %%
# The largest answer for the worm, in the mean over networks, and the last:
print(f"at its height {answers.max(axis=1).mean():.2f}, in the end {answers[:, -1].mean():.2f}")
