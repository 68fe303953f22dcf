"""
A table of one's own
====================

Any table with a row for each item and a column for each property can be learned. What are its modes, in which order do
they come, and what does that mean for what is known of a single item?
"""

# sphinx_gallery_thumbnail_number = 3

# %%
# The table
# ---------
# In a file, as it would be written by hand or by a spreadsheet.
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import pylinear as pl
from pylinear import plots

TABLE = """\
item,grows,moves,has skin,can fly,has feathers,can sing,can swim,has scales,has roots,has leaves,has bark,has petals
Canary,1,1,1,1,1,1,0,0,0,0,0,0
Robin,1,1,1,1,1,0,0,0,0,0,0,0
Salmon,1,1,1,0,0,0,1,1,0,0,0,0
Sunfish,1,1,1,0,0,0,1,1,0,0,0,0
Oak,1,0,0,0,0,0,0,0,1,1,1,0
Maple,1,0,0,0,0,0,0,0,1,1,1,0
Rose,1,0,0,0,0,0,0,0,1,1,0,1
Daisy,1,0,0,0,0,0,0,0,1,1,0,1
"""
path = Path(tempfile.mkdtemp()) / "living.csv"
path.write_text(TABLE)
data = pl.read_table(path)
print(data)

# %%
# Its modes
# ---------
# The rows of the last matrix say where each item stands on a mode, the columns of the second which properties go with
# it. The first mode is what all have in common, the second tells animals from plants, the next two birds from fish and
# trees from flowers. The canary and the robin differ in the canary's song alone, and their mode is the weakest.
plots.decomposition(data, plt.figure(figsize=(14.5, 5.2), layout="constrained"))
plt.show()

# %%
# Learning
# --------
# ``keep=["maps"]`` keeps the map between all pairs of modes, from which the network's answers follow at all times.
run = pl.train(data, hidden=64, rate=0.005, epochs=2000, init=pl.Gaussian(1e-3), runs=5, rng=0, keep=["maps"])
report = pl.gap(run)
figure, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
plots.learning_curves(report, ax, theories=["effective"])
plt.show()

# %%
# What is known of the canary
# ---------------------------
# The answers of the first network when it is shown the canary, against time. That it grows is known first, then that it
# moves and has skin; then what birds have; that it sings comes last. Meanwhile it is taken to have roots, and then to
# swim, for as long as the modes that deny it are missing: illusions of a half-learned world.
answers = data.modes.u @ run.maps[0] @ data.modes.v.T
canary = answers[:, :, data.items.index("Canary")]
shown = ["grows", "moves", "can fly", "can sing", "can swim", "has roots"]
figure, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
for number, name in enumerate(shown):
    style = "-" if data.outputs[data.features.index(name), 0] else "--"
    ax.plot(run.epochs, canary[:, data.features.index(name)], style, color=f"C{number}", label=name)
ax.set_xlabel("time (epochs)")
ax.set_ylabel("the network's answer for the canary")
ax.set_xlim(0, run.epochs[-1])
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), title="solid: true\ndashed: false")
plt.show()
