"""What people type: the loops that the engine is held against and measured beside."""

from __future__ import annotations

import numba
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


@numba.njit
def diffusion_loop(branching, flip, out):
    """Fill `out` (n_features, P) with int8 features, node by node, in the loop that people type for numba."""
    n_nodes = 1
    width = 1
    for b in branching:
        width *= b
        n_nodes += width
    values = np.empty(n_nodes, dtype=np.int8)
    for i in range(out.shape[0]):
        values[0] = 1 if np.random.random() < 0.5 else -1  # noqa: NPY002 (numba's own generator)
        parent = 0
        child = 1
        n_parents = 1
        for level in range(branching.size):
            for _ in range(n_parents):
                for _ in range(branching[level]):
                    values[child] = -values[parent] if np.random.random() < flip[level] else values[parent]  # noqa: NPY002
                    child += 1
                parent += 1
            n_parents *= branching[level]
        out[i] = values[n_nodes - width :]
    return out
