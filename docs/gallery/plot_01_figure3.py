"""
Figure 3, learned online
========================

The best known picture of the theory holds networks against the sigmoids of its closed form (10). The paper's own
Figure 3 does so for *averaged* dynamics. Here ten networks learn the same data the way the paper describes it: one item
after the other.
"""

# %%
# The data
# --------
# Ten thousand features diffuse down a tree with four leaves, the items. Each feature is +1 or -1 at the root and flips
# with probability 0.1 on every branch. Two numbers say how strong the modes of such data are: those that the tree has
# in the limit of many features, by level, and those of this sample.
import matplotlib.pyplot as plt

import pylinear as pl
from pylinear import plots

tree = pl.Tree((2, 2), flip=0.1)
data = tree.sample(10_000, rng=0)
print("in the limit: ", tree.singular_values(10_000).round(1))
print("in the sample:", data.modes.s.round(1))

# %%
# The networks
# ------------
# Sixteen hidden units, small random weights, and a learning rate of 0.05 in units of 1 / s of the strongest mode. Every
# network has weights and an order of presentation of its own.
rate = 0.05 / data.modes.s[0]
run = pl.train(data, hidden=16, rate=rate, epochs=700, init=pl.Gaussian(1e-3), runs=10, rng=0)

# %%
# The comparison
# --------------
# `pylinear.gap` computes what each theory says of the same networks. On the left, (10) with one initial strength for
# all of them, as in the paper; on the right, (10) with the initial strength that each mode of each network really has.
report = pl.gap(run)
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.6), sharey=True, layout="constrained")
plots.learning_curves(report, left, theories=["paper"])
plots.learning_curves(report, right, theories=["effective"]).set_ylabel("")
plt.show()

# %%
# How far apart they are, as the largest distance over time and networks, in units of each mode's strength. The initial
# strength is most of it. The next column needs no assumption about the weights, but still takes time to be continuous;
# and the last, which knows the learning rate, leaves next to nothing.
for name, distance in report.against().items():
    print(f"{name:19}", distance.round(3))
