#pragma once

#include <cstdint>
#include <vector>

#include "core/array.hpp"
#include "core/rng.hpp"
#include "core/team.hpp"

namespace pylinear {

// A block is 64 consecutive features: bit k of each of its words belongs to feature 64 * block + k, and a set bit
// means that the feature is -1 at that node. The bits of a block depend on (key, block) alone.
constexpr Index kBlockFeatures = 64;

/// A regular tree and, for each level below the root, its flip probability times 2^64.
struct Tree {
  std::vector<Index> branching;
  std::vector<std::uint64_t> threshold;

  Index n_nodes() const;
  Index n_leaves() const;
};

/// 64 independent bits, each set with probability threshold / 2^64, that belong to one node of one block.
std::uint64_t bernoulli_word(Key key, std::uint64_t block, std::uint32_t node, std::uint64_t threshold);

/// Branching diffusion of one block: words[n_nodes], level by level; the leaves are the last n_leaves words.
void diffuse(const Tree& tree, Key key, std::uint64_t block, std::uint64_t* words);

/// Features first .. first + n of the process as rows of +1 and -1: out[i * n_leaves + item].
/// False if it was stopped before the end.
template <class T>
bool sample(const Tree& tree, Key key, std::uint64_t first, Index n, T* out, int threads, Stop& stop);

}  // namespace pylinear
