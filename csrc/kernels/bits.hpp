#pragma once

#include <cstdint>
#include <tuple>

#include "kernels/index.hpp"

namespace pylinear {

/// Features in a word: bit k of the word of block b belongs to feature 64 b + k, and is set where the feature is -1.
constexpr Index kBlockFeatures = 64;
/// Blocks that are computed side by side, on every instruction set: the words of a node lie in groups of so many.
constexpr Index kGroup = 8;

/// Nodes begin .. end - 1 of one level, for one group of blocks: the word of node c in block first_block + b is
/// children[c * stride + b] = parents[c / branching * stride + b] ^ flips, where each bit of `flips` is set with
/// probability threshold / 2^64.
struct Descent {
  std::uint32_t key[2];
  std::uint64_t first_block;
  std::uint64_t threshold;
  std::uint32_t first_node;  // number in the tree of the level's node 0
  Index begin, end;
  Index branching;
  Index stride;
  const std::uint64_t* parents;
  std::uint64_t* children;
};

/// Features from .. to - 1 of a block: out[(k - from) * row + item] is -1 where bit k of words[item * stride] is set,
/// and +1 elsewhere, for at most kMostRowItems items.
template <class T>
using WriteRows = void (*)(const std::uint64_t* words, Index stride, Index items, unsigned from, unsigned to, T* out,
                           Index row) noexcept;
constexpr Index kMostRowItems = 512;

/// counts[i * row + j] += the number of bits in which words i and j differ, for first_i <= i < end_i,
/// first_j <= j < end_j and i < j. Item i has `depth` words at words[i * stride].
struct Pairs {
  const std::uint64_t* words;
  Index stride;
  Index depth;  // a multiple of kPairsDepth, at most kMostPairsDepth
  Index first_i, end_i, first_j, end_j;
  std::int64_t* counts;
  Index row;
};
constexpr Index kPairsDepth = 128;
constexpr Index kMostPairsDepth = 512;

/// The hot loops on packed signs, compiled once per instruction set. They deal in integers only: all sets agree.
struct BitKernels {
  void (*descend)(const Descent&) noexcept;
  std::tuple<WriteRows<std::int8_t>, WriteRows<float>, WriteRows<double>> write_rows;
  void (*count_differences)(const Pairs&) noexcept;
};

/// The table for the best instruction set of this machine, or the one that PYLINEAR_ISA caps it at.
const BitKernels& bit_kernels();

const BitKernels& bit_kernels_baseline();
#ifdef PYLINEAR_X86
const BitKernels& bit_kernels_avx2();
const BitKernels& bit_kernels_avx512();
/// For processors with VPOPCNTDQ.
const BitKernels& bit_kernels_avx512_popcount();
#endif

}  // namespace pylinear
