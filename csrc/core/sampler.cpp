#include "core/sampler.hpp"

#include <algorithm>
#include <atomic>

namespace pylinear {

Index Tree::n_leaves() const {
  Index leaves = 1;
  for (const Index b : branching) leaves *= b;
  return leaves;
}

Index Tree::n_nodes() const {
  Index nodes = 1, level = 1;
  for (const Index b : branching) nodes += (level *= b);
  return nodes;
}

std::uint64_t bernoulli_word(Key key, std::uint64_t block, std::uint32_t node, std::uint64_t threshold) {
  // Each lane compares a uniform binary fraction with threshold / 2^64, most significant bit first: at a set bit of the
  // threshold a lane that draws 0 is below it, at a clear bit a lane that draws 1 is above it, and all others go on.
  // The work ends with the undecided lanes, after nine words or so, or with the set bits of the threshold.
  std::uint64_t below = 0, undecided = ~std::uint64_t{0};
  Counter words{};
  for (std::uint32_t depth = 0; threshold != 0 && undecided != 0; ++depth, threshold <<= 1) {
    if (depth % 2 == 0) {
      words =
          philox({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), node, depth / 2}, key);
    }
    const std::uint64_t draw =
        depth % 2 == 0 ? words[0] | std::uint64_t{words[1]} << 32 : words[2] | std::uint64_t{words[3]} << 32;
    if (threshold >> 63) {
      below |= undecided & ~draw;
      undecided &= draw;
    } else {
      undecided &= ~draw;
    }
  }
  return below;
}

void diffuse(const Tree& tree, Key key, std::uint64_t block, std::uint64_t* words) {
  constexpr std::uint64_t half = std::uint64_t{1} << 63;
  words[0] = bernoulli_word(key, block, 0, half);
  Index parents = 0, n_parents = 1;
  for (std::size_t level = 0; level < tree.branching.size(); ++level) {
    const Index branching = tree.branching[level];
    const Index children = parents + n_parents;
    for (Index c = 0; c < n_parents * branching; ++c) {
      const auto node = static_cast<std::uint32_t>(children + c);
      words[node] = words[parents + c / branching] ^ bernoulli_word(key, block, node, tree.threshold[level]);
    }
    parents = children;
    n_parents *= branching;
  }
}

namespace {

/// Writes features from .. to - 1 of a block as rows of `out`; scratch has one byte a leaf.
template <class T>
void write_rows(const std::uint64_t* words, Index leaves, std::uint64_t from, std::uint64_t to, std::uint8_t* scratch,
                T* out) {
  // Eight features at a time, because a loop over bytes fills a vector register that one over words fills by an eighth.
  for (std::uint64_t eight = from / 8 * 8; eight < to; eight += 8) {
    for (Index item = 0; item < leaves; ++item) scratch[item] = static_cast<std::uint8_t>(words[item] >> eight);
    for (std::uint64_t k = std::max(eight, from); k < std::min(eight + 8, to); ++k) {
      T* row = out + static_cast<Index>(k - from) * leaves;
      const auto bit = static_cast<unsigned>(k - eight);
      for (Index item = 0; item < leaves; ++item) {
        row[item] = static_cast<T>(static_cast<std::int8_t>(1 - 2 * (scratch[item] >> bit & 1)));
      }
    }
  }
}

}  // namespace

template <class T>
bool sample(const Tree& tree, Key key, std::uint64_t first, Index n, T* out, int threads, Stop& stop) {
  const Index leaves = tree.n_leaves(), nodes = tree.n_nodes();
  const std::uint64_t last = first + static_cast<std::uint64_t>(n);
  Team team(static_cast<int>(std::min<Index>(threads, n / kBlockFeatures + 2)));
  const std::uint64_t first_block = first / kBlockFeatures;
  std::atomic<bool> stopped{false};
  Array<std::uint64_t> scratch(team.size() * nodes);
  Array<std::uint8_t> signs(team.size() * leaves);
  team.share(static_cast<Index>((last + kBlockFeatures - 1) / kBlockFeatures - first_block), [&](Index k, int rank) {
    if (stopped.load(std::memory_order_relaxed)) return;
    std::uint64_t* words = scratch.data() + rank * nodes;
    const std::uint64_t block = first_block + static_cast<std::uint64_t>(k), begin = block * kBlockFeatures;
    diffuse(tree, key, block, words);
    const std::uint64_t from = std::max(begin, first), to = std::min(begin + kBlockFeatures, last);
    write_rows(words + nodes - leaves, leaves, from - begin, to - begin, signs.data() + rank * leaves,
               out + static_cast<Index>(from - first) * leaves);
    if (rank == 0 && stop.poll(static_cast<double>(nodes) * 1000)) stopped.store(true);
  });
  return !stopped.load();
}

template bool sample<std::int8_t>(const Tree&, Key, std::uint64_t, Index, std::int8_t*, int, Stop&);
template bool sample<float>(const Tree&, Key, std::uint64_t, Index, float*, int, Stop&);
template bool sample<double>(const Tree&, Key, std::uint64_t, Index, double*, int, Stop&);

}  // namespace pylinear
