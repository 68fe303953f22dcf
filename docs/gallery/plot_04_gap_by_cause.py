"""
What the gap is due to
======================

Networks that learn online are off the closed form (10) for several reasons at once: the data are a sample, initial
weights are random, the layers are not balanced and modes not uncoupled, and learning takes steps. `pylinear.gap` says
how much each is worth. Here each is bought off in turn.
"""

# %%
# Four experiments
# ----------------
# Five networks of 16 hidden units learn 300 features with a large rate, and the same with a hundred times the features,
# with sixteen times the hidden units (and weights a fourth as large, which keeps the expected initial strength), and at
# a tenth of the rate.
import matplotlib.pyplot as plt

import pylinear as pl
from pylinear import plots


def measured(features=300, hidden=16, step=0.2):
    """Return the gap of five networks at rate x s1 = step."""
    data = pl.Tree((2, 2), flip=0.1).sample(features, rng=0)
    rate = step / data.modes.s[0]
    scale = 4e-3 / hidden**0.5
    epochs = round(36 / (step * data.modes.s[-1] / data.modes.s[0]))
    return pl.gap(pl.train(data, hidden=hidden, rate=rate, epochs=epochs, init=pl.Gaussian(scale), runs=5, rng=0))


gaps = {
    "300 features, 16 units, rate x $s_1$ = 0.2": measured(),
    "30,000 features": measured(features=30_000),
    "256 hidden units": measured(hidden=256),
    "rate x $s_1$ = 0.02": measured(step=0.02),
}

# %%
# The budget
# ----------
# A bar is a mode. Its parts are the largest differences that the causes make at any time; since they come at different
# times and may have different signs, a bar is longer than the gap itself, which is the diamond. The crosses are what is
# left when the modified flow has accounted for the rate.
#
# More features remove the finite N, more hidden units the differences of initial strength as well as the coupling of
# modes, and a smaller rate what is due to steps. None of them alone closes the gap.
figure, panels = plt.subplots(2, 2, figsize=(10, 7.5), sharex=True, sharey=True, layout="constrained")
for ax, (name, report) in zip(panels.flat, gaps.items(), strict=True):
    plots.budget(report, ax).set_title(name, loc="left", fontsize="medium")
    ax.get_legend().remove()
    ax.label_outer()
figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside right center", frameon=False)
plt.show()

# %%
# The numbers behind the last panel:
print(gaps["rate x $s_1$ = 0.02"])
