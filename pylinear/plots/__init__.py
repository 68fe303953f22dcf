"""Pictures. Every function draws into the axes or figure it is given, or into new ones, and returns the axes.

Needs matplotlib (``pylinear-dynamics[plot]``), and is the only part of pylinear that imports it. No function trains
anything or changes a global style.
"""

from pylinear.plots._curves import deep_against_shallow, learning_curves, stepwise
from pylinear.plots._gaps import budget, gap_orders, prediction
from pylinear.plots._hidden import hidden_trajectories
from pylinear.plots._matrices import covariance, decomposition, object_analyzers
from pylinear.plots._phase import phase_portrait
from pylinear.plots._trees import diffusion, singular_values

__all__ = [
    "budget",
    "covariance",
    "decomposition",
    "deep_against_shallow",
    "diffusion",
    "gap_orders",
    "hidden_trajectories",
    "learning_curves",
    "object_analyzers",
    "phase_portrait",
    "prediction",
    "singular_values",
    "stepwise",
]
