r"""Closed forms, flows, stability and statistics of learning in linear networks.

Functions that take ``tau`` count time t in its units: with the sums of (1) for correlations, t counts epochs if
``tau = 1 / rate`` and presentations if ``tau = P / rate``. Functions that take a ``rate`` count epochs. References by
number are to Saxe, McClelland & Ganguli, "Learning hierarchical category structure in deep neural networks" (CogSci
2013).
"""

from pylinear.theory._deep import deep_strength, deep_time, stage_ratio
from pylinear.theory._exact import exact_flow, exact_flow_gram
from pylinear.theory._flows import flow, modified_flow, stochastic_flow
from pylinear.theory._modes import (
    half_time,
    learning_time,
    mode_strength,
    shallow_strength,
    transition_time,
)
from pylinear.theory._moves import ModeCoordinates, simplified_flow, to_mode_coordinates
from pylinear.theory._stability import max_rate
from pylinear.theory._steps import batch_delay
from pylinear.theory._trees import tree_covariance
from pylinear.theory._unbalanced import (
    ModeSquares,
    half_time_unbalanced,
    initial_strength,
    mode_squares,
    mode_strength_unbalanced,
)

__all__ = [
    "ModeCoordinates",
    "ModeSquares",
    "batch_delay",
    "deep_strength",
    "deep_time",
    "exact_flow",
    "exact_flow_gram",
    "flow",
    "half_time",
    "half_time_unbalanced",
    "initial_strength",
    "learning_time",
    "max_rate",
    "mode_squares",
    "mode_strength",
    "mode_strength_unbalanced",
    "modified_flow",
    "shallow_strength",
    "simplified_flow",
    "stage_ratio",
    "stochastic_flow",
    "to_mode_coordinates",
    "transition_time",
    "tree_covariance",
]
