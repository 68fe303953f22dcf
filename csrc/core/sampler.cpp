#include "core/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace pylinear {

Tree make_tree(std::vector<Index> branching, double flip) {
  if (!(flip >= 0 && flip <= 0.5)) throw std::invalid_argument("flip must be between 0 and 0.5");
  if (branching.empty() || std::any_of(branching.begin(), branching.end(), [](Index b) { return b < 1; })) {
    throw std::invalid_argument("branching must be one or more numbers of at least 1");
  }
  // No more digits than a double has: the same whole number on every machine, and in Python.
  const auto threshold = static_cast<std::uint64_t>(std::ldexp(flip, 64));
  std::vector<std::uint64_t> thresholds(branching.size(), threshold);
  return {std::move(branching), std::move(thresholds)};
}

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

namespace {

constexpr std::uint64_t kWordBits = kBlockFeatures;

// Groups of blocks in a tile of the Gram matrix: an item then has 4 KB of words, and a pair stays in the nearest cache.
constexpr Index kTileGroups = kMostPairsDepth / kGroup;
// Items on a side of the squares of pairs that are counted together, whose words stay in the second cache.
constexpr Index kSquare = 32;

/// The words of all nodes in some groups of blocks, level by level: node c has `stride` words from words[c * stride].
class Diffusion {
 public:
  Diffusion(const Features& features, Index groups)
      : features_(features),
        stride_(groups * kGroup),
        n_leaves_(features.tree.n_leaves()),
        n_nodes_(features.tree.n_nodes()),
        words_(n_nodes_ * stride_) {}

  Index stride() const { return stride_; }
  std::uint64_t* leaves() { return words_.data() + (n_nodes_ - n_leaves_) * stride_; }

  /// Computes group `group` of the words, for the blocks from first_block on; false if it was stopped on the way.
  bool descend(Index group, std::uint64_t first_block, Stop& stop, int rank) {
    constexpr std::uint64_t half = std::uint64_t{1} << 63, origin[kGroup] = {};
    std::uint64_t* words = words_.data() + group * kGroup;
    Descent d{{features_.key[0], features_.key[1]}, first_block, half, 0, 0, 1, 1, stride_, origin, words};
    bool going = descend_level(d, 1, stop, rank);
    Index parents = 0, n_parents = 1;
    for (std::size_t level = 0; level < features_.tree.branching.size() && going; ++level) {
      d.threshold = features_.tree.threshold[level];
      d.branching = features_.tree.branching[level];
      d.first_node = static_cast<std::uint32_t>(parents + n_parents);
      d.parents = words + parents * stride_;
      parents += n_parents;
      n_parents *= d.branching;
      d.children = words + parents * stride_;
      going = descend_level(d, n_parents, stop, rank);
    }
    return going;
  }

 private:
  bool descend_level(Descent& d, Index n, Stop& stop, int rank) {
    constexpr Index batch = 4096;
    for (d.begin = 0; d.begin < n; d.begin = d.end) {
      d.end = std::min(d.begin + batch, n);
      kernels_.descend(d);
      if (stop.reached(rank, static_cast<double>(d.end - d.begin) * 1000)) return false;
    }
    return true;
  }

  const Features& features_;
  const BitKernels& kernels_ = bit_kernels();
  Index stride_, n_leaves_, n_nodes_;
  Array<std::uint64_t> words_;
};

std::vector<Diffusion> scratch(const Features& features, Index groups, int threads) {
  std::vector<Diffusion> all;
  for (int rank = 0; rank < threads; ++rank) all.emplace_back(features, groups);
  return all;
}

Index ceil_div(Index n, Index d) { return (n + d - 1) / d; }

/// Block of the first feature, and what comes before it in that block.
std::uint64_t first_block(const Features& f) { return f.first / kWordBits; }
Index lead(const Features& f) { return static_cast<Index>(f.first % kWordBits); }

}  // namespace

template <class T>
bool sample(const Features& f, T* out, int threads, Stop& stop) {
  constexpr Index step = kGroup * kBlockFeatures;
  const WriteRows<T> write_rows = std::get<WriteRows<T>>(bit_kernels().write_rows);
  const Index n_leaves = f.tree.n_leaves(), begin = lead(f), end = begin + f.n, n_tasks = ceil_div(end, step);
  threads = static_cast<int>(std::max<Index>(1, std::min<Index>(threads, n_tasks)));
  std::vector<Diffusion> diffusions = scratch(f, 1, threads);
  const auto draw = [&](Index task, int rank) {
    Diffusion& diffusion = diffusions[static_cast<std::size_t>(rank)];
    if (!diffusion.descend(0, first_block(f) + static_cast<std::uint64_t>(task * kGroup), stop, rank)) return;
    // Features are counted from that which begins the first block.
    const Index to = std::min(task * step + step, end);
    for (Index from = std::max(task * step, begin), next = from; from < to; from = next) {
      next = std::min((from / kBlockFeatures + 1) * kBlockFeatures, to);
      const auto bit = static_cast<unsigned>(from % kBlockFeatures), n = static_cast<unsigned>(next - from);
      const std::uint64_t* words = diffusion.leaves() + from % step / kBlockFeatures;
      for (Index item = 0; item < n_leaves; item += kMostRowItems) {
        write_rows(words + item * kGroup, kGroup, std::min(kMostRowItems, n_leaves - item), bit, bit + n,
                   out + (from - begin) * n_leaves + item, n_leaves);
        if (stop.reached(rank, static_cast<double>(kMostRowItems * n))) return;
      }
    }
  };
  Team(threads).share(n_tasks, draw, &stop);
  return !stop.decided();
}

template bool sample<std::int8_t>(const Features&, std::int8_t*, int, Stop&);
template bool sample<float>(const Features&, float*, int, Stop&);
template bool sample<double>(const Features&, double*, int, Stop&);

bool sample_bits(const Features& f, std::uint64_t* out, int threads, Stop& stop) {
  // Where features begin inside a block, a word of the output has its bits from two, and a group makes one fewer.
  const Index shift = lead(f), step = shift == 0 ? kGroup : kGroup - 1;
  const Index n_leaves = f.tree.n_leaves(), n_words = ceil_div(f.n, kBlockFeatures), n_tasks = ceil_div(n_words, step);
  const std::uint64_t last = ~std::uint64_t{0} >> (n_words * kBlockFeatures - f.n);
  threads = static_cast<int>(std::max<Index>(1, std::min<Index>(threads, n_tasks)));
  std::vector<Diffusion> diffusions = scratch(f, 1, threads);
  const auto draw = [&](Index task, int rank) {
    Diffusion& diffusion = diffusions[static_cast<std::size_t>(rank)];
    if (!diffusion.descend(0, first_block(f) + static_cast<std::uint64_t>(task * step), stop, rank)) return;
    const Index first = task * step, n = std::min(step, n_words - first);
    const auto write = [&](Index item) {
      const std::uint64_t* words = diffusion.leaves() + item * kGroup;
      std::uint64_t* row = out + item * n_words + first;
      for (Index w = 0; w < n; ++w) {
        row[w] = shift == 0 ? words[w] : words[w] >> shift | words[w + 1] << (kBlockFeatures - shift);
      }
      if (first + n == n_words) row[n - 1] &= last;
    };
    // The rows are far apart: each of these words may be the first in a page that the system has yet to make.
    constexpr Index pages = 16;
    for (Index item = 0; item < n_leaves; item += pages) {
      if (stop.reached(rank, 1e5)) return;
      for (Index k = item; k < std::min(item + pages, n_leaves); ++k) write(k);
    }
  };
  Team(threads).share(n_tasks, draw, &stop);
  return !stop.decided();
}

bool gram(const Features& f, std::int64_t* out, int threads, Stop& stop) {
  const Index n_leaves = f.tree.n_leaves(), begin = lead(f), end = begin + f.n;
  const Index n_blocks = ceil_div(end, kBlockFeatures), step = kTileGroups * kGroup, n_tasks = ceil_div(n_blocks, step);
  const BitKernels& kernels = bit_kernels();
  threads = static_cast<int>(std::max<Index>(1, std::min<Index>(threads, n_tasks)));
  std::vector<Diffusion> diffusions = scratch(f, round_up(std::min(n_blocks, step), kPairsDepth) / kGroup, threads);
  // The first member counts in the output itself.
  std::vector<Array<std::int64_t>> counts;
  for (int rank = 1; rank < threads; ++rank) counts.emplace_back(n_leaves * n_leaves);
  std::fill_n(out, n_leaves * n_leaves, 0);
  const auto count = [&](Index task, int rank) {
    Diffusion& diffusion = diffusions[static_cast<std::size_t>(rank)];
    std::uint64_t* words = diffusion.leaves();
    const Index stride = diffusion.stride(), first = task * step, n = std::min(step, n_blocks - first);
    const Index groups = ceil_div(n, kGroup), depth = round_up(n, kPairsDepth);
    for (Index group = 0; group < groups; ++group) {
      const auto block = first_block(f) + static_cast<std::uint64_t>(first + group * kGroup);
      if (!diffusion.descend(group, block, stop, rank)) return;
    }
    // Features outside the range are made the same for all items.
    for (Index item = 0; item < n_leaves; ++item) {
      std::uint64_t* row = words + item * stride;
      if (first == 0) row[0] = row[0] >> begin << begin;
      if (first + n == n_blocks) {
        row[n - 1] &= ~std::uint64_t{0} >> (n_blocks * kBlockFeatures - end);
        std::fill(row + n, row + depth, 0);
      }
    }
    Pairs pairs{words, stride, depth, 0, 0, 0, 0, rank == 0 ? out : nullptr, n_leaves};
    if (rank > 0) pairs.counts = counts[static_cast<std::size_t>(rank - 1)].data();
    for (pairs.first_i = 0; pairs.first_i < n_leaves; pairs.first_i = pairs.end_i) {
      pairs.end_i = std::min(pairs.first_i + kSquare, n_leaves);
      for (pairs.first_j = pairs.first_i; pairs.first_j < n_leaves; pairs.first_j = pairs.end_j) {
        pairs.end_j = std::min(pairs.first_j + kSquare, n_leaves);
        kernels.count_differences(pairs);
        if (stop.reached(rank, static_cast<double>(kSquare * kSquare * depth))) return;
      }
    }
  };
  Team(threads).share(n_tasks, count, &stop);
  if (stop.decided()) return false;
  // Each feature adds 1 where two items agree and -1 where they differ.
  for (Index i = 0; i < n_leaves; ++i) {
    out[i * n_leaves + i] = f.n;
    for (Index j = i + 1; j < n_leaves; ++j) {
      std::int64_t differ = out[i * n_leaves + j];
      for (const auto& other : counts) differ += other[i * n_leaves + j];
      out[i * n_leaves + j] = out[j * n_leaves + i] = f.n - 2 * differ;
    }
  }
  return true;
}

}  // namespace pylinear
