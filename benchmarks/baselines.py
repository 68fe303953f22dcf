"""What people type: the loops that the engine is held against and measured beside."""

from __future__ import annotations

import numba
import numpy as np

import pylinear as pl


def problem(n_features, hidden, n_items, inputs=None, sigma=0.01):
    """Return a dataset of +1 and -1, weights to begin with, and a rate that is well inside stability."""
    rng = np.random.default_rng(0)
    data = pl.Dataset(rng.choice([-1.0, 1.0], size=(n_features, n_items)), inputs)
    return data, *pl.Gaussian(sigma).draw(data, hidden, rng), 0.05 / data.modes.s[0]


def numpy_loop(data, w21, w32, rate, items):
    """Show `items` one by one, by (3)-(4) as printed, both from the old weights; the weights are changed in place."""
    for item in items:
        x = data.inputs[:, item]
        h = w21 @ x
        delta = data.outputs[:, item] - w32 @ h
        back = w32.T @ delta
        w32 += rate * np.outer(delta, h)
        w21 += rate * np.outer(back, x)


def naive(data, w21, w32, rate, items):
    """Return the weights after the same."""
    w21, w32 = w21.copy(), w32.copy()
    numpy_loop(data, w21, w32, rate, items)
    return w21, w32


def blas_calls(data, w21, w32, rate, items):
    """Do the same with scipy's BLAS and one-hot inputs, each product in place and without a temporary."""
    from scipy.linalg.blas import dgemv, dger

    upper = w32.T  # in Fortran's order, as BLAS wants it to work in place
    for item in items:
        h = w21[:, item].copy()
        delta = dgemv(-1.0, upper, h, 1.0, data.outputs[:, item].copy(), trans=1, overwrite_y=1)
        w21[:, item] += rate * dgemv(1.0, upper, delta)
        dger(rate, h, delta, a=upper, overwrite_a=1)


@numba.njit(parallel=True, fastmath=True)
def _fused(outputs, w21, w32, rate, items, threads):
    n_features, hidden = w32.shape
    for item in items:
        h = w21[:, item].copy()
        carried = np.zeros((threads, hidden))
        for part in numba.prange(threads):
            g = carried[part]
            for i in range(n_features * part // threads, n_features * (part + 1) // threads):
                delta = outputs[i, item]
                for j in range(hidden):
                    delta -= w32[i, j] * h[j]
                step = rate * delta
                for j in range(hidden):
                    g[j] += delta * w32[i, j]
                    w32[i, j] += step * h[j]
        w21[:, item] += rate * carried.sum(axis=0)


def numba_fused(data, w21, w32, rate, items):
    """Do the same with one-hot inputs in a compiled loop over the rows, which reads and writes each once."""
    _fused(data.outputs, w21, w32, rate, np.asarray(items), numba.get_num_threads())


def torch_loop(data, w21, w32, rate, items):
    """Do the same with one-hot inputs and torch's rank-one updates in place."""
    import torch

    outputs, w21, w32 = (torch.from_numpy(a) for a in (data.outputs.copy(), w21, w32))
    for item in items:
        h = w21[:, item].clone()
        delta = outputs[:, item] - w32 @ h
        w21[:, item] += rate * (w32.T @ delta)
        w32.addr_(delta, h, alpha=rate)


def jax_scan(data, w21, w32, rate, items):
    """Return the weights after the same with one-hot inputs, in a compiled scan."""
    import jax

    jax.config.update("jax_enable_x64", True)
    outputs = jax.numpy.asarray(data.outputs)

    def step(weights, item):
        lower, upper = weights
        h = lower[:, item]
        delta = outputs[:, item] - upper @ h
        lower = lower.at[:, item].add(rate * (upper.T @ delta))
        return (lower, upper + rate * jax.numpy.outer(delta, h)), None

    scan = jax.jit(lambda weights, items: jax.lax.scan(step, weights, items)[0], donate_argnums=0)
    return scan((jax.numpy.asarray(w21), jax.numpy.asarray(w32)), jax.numpy.asarray(items))


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
