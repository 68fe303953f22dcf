"""What people type: the loops that the engine is held against and measured beside."""

from __future__ import annotations

import numpy as np


def naive(data, w21, w32, rate, items):
    """Return the weights after showing `items` one by one, by (3)-(4) as printed, both from the old weights."""
    w21, w32 = w21.copy(), w32.copy()
    for item in items:
        x = data.inputs[:, item]
        h = w21 @ x
        delta = data.outputs[:, item] - w32 @ h
        back = w32.T @ delta
        w32 += rate * np.outer(delta, h)
        w21 += rate * np.outer(back, x)
    return w21, w32


def diffusion(branching, flip, n_features, rng):
    """Return (n_features, P) features of +1 and -1 from a regular tree, level by level in numpy."""
    values = rng.choice([-1, 1], size=(n_features, 1))
    for children, e in zip(branching, flip, strict=True):
        values = np.repeat(values, children, axis=1)
        values = values * np.where(rng.random(values.shape) < e, -1, 1)
    return values
