"""The diffusion sampler without a compiler: the same integers as csrc/core/sampler.cpp, bit for bit."""

from __future__ import annotations

import numba
import numpy as np

_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)


@numba.njit(nogil=True)
def philox(c0, c1, c2, c3, k0, k1):  # type: ignore[no-untyped-def]
    """Return the four 32-bit words of Philox4x32-10; all arguments are uint64 that hold 32 bits."""
    for _ in range(10):
        left = np.uint64(0xD2511F53) * c0
        right = np.uint64(0xCD9E8D57) * c2
        c0, c1, c2, c3 = (right >> _32) ^ c1 ^ k0, right & _LOW, (left >> _32) ^ c3 ^ k1, left & _LOW
        k0 = (k0 + np.uint64(0x9E3779B9)) & _LOW
        k1 = (k1 + np.uint64(0xBB67AE85)) & _LOW
    return c0, c1, c2, c3


@numba.njit(nogil=True)
def _bernoulli_word(k0, k1, block, node, threshold):  # type: ignore[no-untyped-def]
    below = np.uint64(0)
    undecided = ~np.uint64(0)
    w0 = w1 = w2 = w3 = np.uint64(0)
    depth = np.uint64(0)
    one = np.uint64(1)
    while threshold != 0 and undecided != 0:
        if depth & one == 0:
            w0, w1, w2, w3 = philox(block & _LOW, block >> _32, node, depth >> one, k0, k1)
            draw = w0 | (w1 << _32)
        else:
            draw = w2 | (w3 << _32)
        if threshold >> np.uint64(63):
            below |= undecided & ~draw
            undecided &= draw
        else:
            undecided &= ~draw
        depth += one
        threshold <<= one
    return below


@numba.njit(nogil=True)
def sample(branching, threshold, key, first, out):  # type: ignore[no-untyped-def]
    """Fill `out` (n, n_leaves) with features first .. first + n - 1; see csrc/core/sampler.hpp."""
    k0 = key & _LOW
    k1 = key >> _32
    n_nodes = 1
    width = 1
    for b in branching:
        width *= b
        n_nodes += width
    leaves = n_nodes - width
    words = np.empty(n_nodes, dtype=np.uint64)
    last = first + np.uint64(out.shape[0])
    block_size = np.uint64(64)
    for block in range(first // block_size, (last + block_size - np.uint64(1)) // block_size):  # uint64, like first
        words[0] = _bernoulli_word(k0, k1, block, np.uint64(0), np.uint64(1) << np.uint64(63))
        parents = 0
        n_parents = 1
        for level in range(branching.size):
            children = parents + n_parents
            for c in range(n_parents * branching[level]):
                flips = _bernoulli_word(k0, k1, block, np.uint64(children + c), threshold[level])
                words[children + c] = words[parents + c // branching[level]] ^ flips
            parents = children
            n_parents *= branching[level]
        begin = block * block_size
        for i in range(max(begin, first), min(begin + block_size, last)):
            shift = np.uint64(i) - begin
            for item in range(width):
                out[np.int64(np.uint64(i) - first), item] = 1 - 2 * np.int8(
                    (words[leaves + item] >> shift) & np.uint64(1)
                )
