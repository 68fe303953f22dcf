"""Independent definitions, in plain Python and numpy, of what the engines compute."""

from __future__ import annotations

import numpy as np

from pylinear._random import Use, philox_key

MASK = 0xFFFFFFFF


def philox(counter, key):
    """Philox4x32-10 on Python integers."""
    c, k = list(counter), list(key)
    for _ in range(10):
        left, right = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(right >> 32) ^ c[1] ^ k[0], right & MASK, (left >> 32) ^ c[3] ^ k[1], left & MASK]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return tuple(c)


def below(n, seed, run, draw, epoch):
    key = philox_key(seed, Use.ORDER, run)
    w = philox((draw & MASK, draw >> 32, epoch & MASK, epoch >> 32), (key & MASK, key >> 32))
    return ((w[1] << 32 | w[0]) * n) >> 64


def presented(order, n_items, seed, count, run=0):
    """The first `count` items of an order."""
    if not isinstance(order, str):
        return [order[t % len(order)] for t in range(count)]
    if order == "cyclic":
        return [t % n_items for t in range(count)]
    if order == "with_replacement":
        return [below(n_items, seed, run, t, 0) for t in range(count)]
    out = []
    for epoch in range(-(-count // n_items)):
        items = list(range(n_items))
        for k in range(n_items - 1, 0, -1):
            other = below(k + 1, seed, run, k, epoch)
            items[k], items[other] = items[other], items[k]
        out += items
    return out[:count]


def batch(data, w21, w32, rate, epochs):
    """(3)-(4) summed over all items, from the old weights, once an epoch."""
    w21, w32 = w21.copy(), w32.copy()
    for _ in range(epochs):
        error = data.outputs - w32 @ w21 @ data.inputs
        back = w32.T @ error @ data.inputs.T
        w32 += rate * error @ (w21 @ data.inputs).T
        w21 += rate * back
    return w21, w32


def sequential(data, w21, w32, rate, items):
    """The mistake of updating W21 from the W32 that has just been updated."""
    w21, w32 = w21.copy(), w32.copy()
    for item in items:
        x = data.inputs[:, item]
        h = w21 @ x
        delta = data.outputs[:, item] - w32 @ h
        w32 += rate * np.outer(delta, h)
        w21 += rate * np.outer(w32.T @ delta, x)
    return w21, w32


def relative(a, b):
    """Largest difference, relative to the largest entry of b."""
    return np.abs(np.asarray(a) - b).max() / np.abs(b).max()
