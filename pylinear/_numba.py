"""The diffusion sampler without a compiler: the same integers as csrc/core/sampler.cpp, bit for bit."""

from __future__ import annotations

import numba
import numpy as np

_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_64 = np.uint64(64)  # features in a block

# Blocks whose words are kept together while pairs of items are compared.
GRAM_BLOCKS = 16


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
def _tree_sizes(branching):  # type: ignore[no-untyped-def]
    """Return the numbers of nodes and of leaves."""
    n_nodes = 1
    leaves = 1
    for b in branching:
        leaves *= b
        n_nodes += leaves
    return n_nodes, leaves


@numba.njit(nogil=True)
def _diffuse(branching, threshold, key, block, words):  # type: ignore[no-untyped-def]
    """Fill `words` (n_nodes,), level by level, with the signs of a block of 64 features; the leaves come last."""
    k0 = key & _LOW
    k1 = key >> _32
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


@numba.njit(nogil=True)
def _blocks(first, n):  # type: ignore[no-untyped-def]
    """Return the blocks, uint64, that hold features first .. first + n - 1."""
    return range(first // _64, (first + np.uint64(n) + _64 - np.uint64(1)) // _64)


@numba.njit(nogil=True)
def sample(branching, threshold, key, first, out):  # type: ignore[no-untyped-def]
    """Fill `out` (n, n_leaves) with features first .. first + n - 1; see csrc/core/sampler.hpp."""
    n_nodes, leaves = _tree_sizes(branching)
    words = np.empty(n_nodes, dtype=np.uint64)
    last = first + np.uint64(out.shape[0])
    for block in _blocks(first, out.shape[0]):
        _diffuse(branching, threshold, key, block, words)
        begin = block * _64
        for i in range(max(begin, first), min(begin + _64, last)):
            shift = np.uint64(i) - begin
            for item in range(leaves):
                out[np.int64(np.uint64(i) - first), item] = 1 - 2 * np.int8(
                    (words[n_nodes - leaves + item] >> shift) & np.uint64(1)
                )


@numba.njit(nogil=True)
def sample_bits(branching, threshold, key, first, n, out):  # type: ignore[no-untyped-def]
    """Fill `out` (n_leaves, ceil(n / 64)) with the bits of features first .. first + n - 1."""
    n_nodes, leaves = _tree_sizes(branching)
    words = np.empty(n_nodes, dtype=np.uint64)
    n_words = out.shape[1]
    shift = first % _64
    out[:] = 0
    for block in _blocks(first, n):
        _diffuse(branching, threshold, key, block, words)
        w = np.int64(block - first // _64)
        for item in range(leaves):
            word = words[n_nodes - leaves + item]
            if w < n_words:
                out[item, w] |= word >> shift
            if w > 0 and shift > 0:
                out[item, w - 1] |= word << (_64 - shift)
    past = np.uint64(64 * n_words - n)
    for item in range(leaves):
        out[item, n_words - 1] = (out[item, n_words - 1] << past) >> past


@numba.njit(nogil=True)
def _popcount(x):  # type: ignore[no-untyped-def]
    """Return the number of set bits, in the form in which LLVM sees the instruction."""
    x -= (x >> np.uint64(1)) & np.uint64(0x5555555555555555)
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))


@numba.njit(nogil=True)
def count_differences(branching, threshold, key, first, n, counts):  # type: ignore[no-untyped-def]
    """Add to counts[i, j], i < j, in how many of features first .. first + n - 1 items i and j differ."""
    n_nodes, leaves = _tree_sizes(branching)
    words = np.empty((GRAM_BLOCKS, n_nodes), dtype=np.uint64)
    tile = np.empty((leaves, GRAM_BLOCKS), dtype=np.uint64)
    blocks = _blocks(first, n)
    for start in range(0, len(blocks), GRAM_BLOCKS):
        tile[:] = 0
        for b in range(min(GRAM_BLOCKS, len(blocks) - start)):
            block = first // _64 + np.uint64(start + b)
            _diffuse(branching, threshold, key, block, words[b])
            # Features outside the range are made the same for all items.
            inside = ~np.uint64(0)
            if block * _64 < first:
                inside <<= first - block * _64
            if block * _64 + _64 > first + np.uint64(n):
                inside &= ~np.uint64(0) >> (block * _64 + _64 - first - np.uint64(n))
            for item in range(leaves):
                tile[item, b] = words[b, n_nodes - leaves + item] & inside
        for i in range(leaves):
            for j in range(i + 1, leaves):
                differ = 0
                for b in range(GRAM_BLOCKS):
                    differ += _popcount(tile[i, b] ^ tile[j, b])
                counts[i, j] += differ
