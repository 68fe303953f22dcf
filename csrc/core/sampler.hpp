#pragma once

#include <cstdint>
#include <vector>

#include "core/array.hpp"
#include "core/rng.hpp"
#include "core/team.hpp"
#include "kernels/bits.hpp"

namespace pylinear {

/// A regular tree and, for each level below the root, its flip probability times 2^64.
struct Tree {
  std::vector<Index> branching;
  std::vector<std::uint64_t> threshold;

  Index n_nodes() const;
  Index n_leaves() const;
};

/// The tree with one flip probability, 0 to 0.5, on all branches.
Tree make_tree(std::vector<Index> branching, double flip);

/// Features first .. first + n - 1 of the process that (tree, key) define. The signs of a block of 64 features
/// (kernels/bits.hpp) depend on (tree, key, block) alone.
struct Features {
  const Tree& tree;
  Key key;
  std::uint64_t first;
  Index n;
};

// All three return false if they were stopped before the end.

/// The features as rows of +1 and -1: out[i * n_leaves + item].
template <class T>
bool sample(const Features& features, T* out, int threads, Stop& stop);

/// The features as columns of bits: bit k of out[item * n_words + w], n_words = ceil(n / 64), is set where feature
/// first + 64 w + k is -1; bits past the last feature are 0.
bool sample_bits(const Features& features, std::uint64_t* out, int threads, Stop& stop);

/// Y^T Y: out[i * n_leaves + j] is the sum over the features of the product of items i and j.
bool gram(const Features& features, std::int64_t* out, int threads, Stop& stop);

}  // namespace pylinear
