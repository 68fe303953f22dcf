"""
How the gap falls with the learning rate
========================================

The averaged flow is the limit of small learning rates. How fast is it reached? That depends on what one asks (the mean
over orders of presentation, or how they scatter) and on the order.
"""

# %%
# One problem, four ways through its items
# ----------------------------------------
# Four items with random outputs, the same initial weights throughout, and four rates. Each training covers the same
# time rate x epochs, so that the networks of all rates go the same way. Random orders are repeated with forty networks.
import matplotlib.pyplot as plt
import numpy as np

import pylinear as pl
from pylinear import plots

rng = np.random.default_rng(0)
data = pl.Dataset(rng.standard_normal((6, 4)))
weights = pl.Gaussian(0.2).draw(data, hidden=5, rng=rng)
strongest, weakest = data.modes.s[[0, -1]]


def runs(**how):
    """Yield the runs of one way through the items, rate by rate."""
    for step in (0.1, 0.05, 0.025, 0.0125):
        rate = step / strongest
        epochs = round(12 / (weakest * rate))
        record = np.linspace(0, epochs, 120).round()
        yield pl.train(data, hidden=5, rate=rate, epochs=epochs, init=weights, rng=1, record=record, **how)


orders = {
    "batch": pl.gap_order(runs(update="batch")),
    "cyclic": pl.gap_order(runs(order="cyclic")),
    "reshuffled": pl.gap_order(runs(order="reshuffled", runs=40)),
    "with replacement": pl.gap_order(runs(order="with_replacement", runs=40)),
}

# %%
# Powers of the rate
# ------------------
# The gap to the flow falls with the first power of the rate, in batches as well as online (left). Runs scatter with the
# power 3/2 if every epoch shows each item once, and with 1/2 if items are drawn with replacement (middle): at small
# rates the order of presentation matters more than that there are steps at all. What the modified flow leaves is of the
# second power (right). There the mean over forty reshuffled runs is itself only known to a sixth of their scatter.
plots.gap_orders(orders, plt.figure(figsize=(13, 4.4), layout="constrained"))
plt.show()

# %%
# The table behind one of the lines:
print(orders["cyclic"])
