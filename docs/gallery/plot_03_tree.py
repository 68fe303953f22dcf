"""
What a tree has for modes
=========================

Data that come from a hierarchy have modes that mirror it, and association strengths that fall from the trunk to the
twigs. This is the part of the theory that needs no network, the paper's Figures 4 and 5.
"""

# %%
# A feature diffuses
# ------------------
# A feature begins at the root as +1 or -1 and is handed down; on each branch it may flip. Below is one feature that
# flips on the dashed branches, and what follows for many: the object analyzers, each of which tells apart the items on
# two sides of a branching, and the covariance of items, a block for every node.
import matplotlib.pyplot as plt
import numpy as np

import pylinear as pl
from pylinear import plots

tree = pl.Tree((2, 2, 2), flip=0.1)
feature = [[1], [1, -1], [1, 1, -1, 1], [1, 1, 1, -1, -1, -1, 1, 1]]
figure, axes = plt.subplots(1, 3, figsize=(13.5, 4.2), width_ratios=(1.3, 1, 1), layout="constrained")
plots.diffusion(tree, feature, axes[0])
plots.object_analyzers(tree, axes[1])
plots.covariance(tree, axes[2])
plt.show()

# %%
# Few features
# ------------
# The association strengths of the theory, (13), are those of infinitely many features. How many is that? Samples of 200
# features of 32 items scatter about them, and at the lowest level lie below: the sum of all squares is fixed, and what
# chance adds to the upper levels is taken from there. `pylinear.Tree.singular_value_statistics` says so without
# drawing any.
deep = pl.Tree((2,) * 5, flip=0.1)
samples = np.sqrt([np.linalg.eigvalsh(deep.gram(200, rng=seed))[::-1].clip(0) for seed in range(20)])
figure, ax = plt.subplots(figsize=(7.5, 4.8), layout="constrained")
plots.singular_values(deep, 200, samples, ax)
plt.show()

# %%
# The last level, in the limit and as expected in such samples:
print("(13):    ", deep.singular_values(200).round(2)[-1])
print("expected:", deep.singular_value_statistics(200).mean.round(2)[-1])
print("measured:", samples[:, -deep.multiplicities[-1] :].mean().round(2))
