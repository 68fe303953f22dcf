#include <bit>
#include <cmath>
#include <vector>

#include "check.hpp"
#include "core/rng.hpp"
#include "kernels/bits.hpp"

using namespace pylinear;

namespace {

const Key key = make_key(42);

/// The slow twin of the vector kernel: 64 independent bits, each set with probability threshold / 2^64.
std::uint64_t bernoulli_word(std::uint64_t block, std::uint32_t node, std::uint64_t threshold) {
  std::uint64_t below = 0, undecided = ~std::uint64_t{0};
  for (std::uint32_t depth = 0; threshold != 0 && undecided != 0; ++depth, threshold <<= 1) {
    const Counter words =
        philox({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), node, depth / 2}, key);
    const std::uint64_t draw =
        depth % 2 == 0 ? words[0] | std::uint64_t{words[1]} << 32 : words[2] | std::uint64_t{words[3]} << 32;
    if (threshold >> 63) below |= undecided & ~draw;
    undecided &= threshold >> 63 ? draw : ~draw;
  }
  return below;
}

std::uint64_t noise(Index i) { return bernoulli_word(static_cast<std::uint64_t>(i), 99, std::uint64_t{1} << 63); }

std::vector<const BitKernels*> tables() {
  std::vector<const BitKernels*> all{&bit_kernels_baseline(), &bit_kernels()};
#ifdef PYLINEAR_X86
  if (__builtin_cpu_supports("avx2")) all.push_back(&bit_kernels_avx2());
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
    all.push_back(&bit_kernels_avx512());
    if (__builtin_cpu_supports("avx512vpopcntdq")) all.push_back(&bit_kernels_avx512_popcount());
  }
#endif
  return all;
}

void check_twin() {
  // The share of set bits, within five standard deviations over 64 * 4000 draws.
  for (const double p : {0.5, 0.1, 0.3, 1e-3}) {
    const auto threshold = static_cast<std::uint64_t>(std::ldexp(p, 64));
    double set = 0, draws = 0;
    for (std::uint64_t block = 0; block < 4000; ++block, draws += 64) {
      set += std::popcount(bernoulli_word(block, 7, threshold));
    }
    CHECK(std::abs(set / draws - p) < 5 * std::sqrt(p * (1 - p) / draws));
  }
  CHECK(bernoulli_word(3, 5, 0) == 0);
  CHECK(bernoulli_word(3, 5, ~std::uint64_t{0}) == ~std::uint64_t{0});
}

void check_descend(const BitKernels& kernels) {
  constexpr std::uint64_t one = 1;
  // Thresholds whose last set bit is in every place where the kernel turns to another loop; blocks whose numbers pass
  // from one word of the counter to the next inside a group; more nodes than a batch.
  const std::uint64_t thresholds[] = {0,         one << 63, 3 * (one << 62), 7 * (one << 61),   one << 56, one << 54,
                                      one << 53, 1,         ~(one << 63),    0x1999999999999A00};
  constexpr Index stride = kGroup + 5, n = 200;
  for (const std::uint64_t threshold : thresholds) {
    for (const std::uint64_t block : {std::uint64_t{0}, (one << 32) - 3, (one << 50) + 1}) {
      for (const Index branching : {Index{1}, Index{3}}) {
        std::vector<std::uint64_t> parents(stride * n), children(stride * n, 1);
        for (std::size_t i = 0; i < parents.size(); ++i) parents[i] = noise(static_cast<Index>(i));
        Descent d{{key[0], key[1]}, block, threshold, 1000, 0, 90, branching, stride, parents.data(), children.data()};
        kernels.descend(d);
        d.begin = 90, d.end = n - 1;
        kernels.descend(d);
        for (Index i = 0; i < stride * n; ++i) {
          const Index c = i / stride, b = i % stride;
          std::uint64_t expected = 1;  // untouched
          if (b < kGroup && c < n - 1) {
            expected =
                parents[static_cast<std::size_t>(c / branching * stride + b)] ^
                bernoulli_word(block + static_cast<std::uint64_t>(b), static_cast<std::uint32_t>(1000 + c), threshold);
          }
          CHECK(children[static_cast<std::size_t>(i)] == expected);
        }
      }
    }
  }
}

template <class T>
void check_write_rows(const BitKernels& kernels) {
  for (const Index items : {Index{1}, Index{3}, Index{7}, Index{8}, Index{17}, Index{64}, Index{100}, kMostRowItems}) {
    for (const auto& [from, to] : {std::pair{0u, 64u}, {0u, 8u}, {56u, 64u}, {9u, 15u}, {31u, 33u}, {37u, 38u}}) {
      std::vector<std::uint64_t> words(static_cast<std::size_t>(2 * items));
      for (Index i = 0; i < 2 * items; ++i) words[static_cast<std::size_t>(i)] = noise(i);
      const Index row = items + 2, n = static_cast<Index>(to - from) * row;
      std::vector<T> out(static_cast<std::size_t>(n), T{7});
      std::get<WriteRows<T>>(kernels.write_rows)(words.data(), 2, items, from, to, out.data(), row);
      for (Index i = 0; i < n; ++i) {
        const Index item = i % row;
        T expected{7};  // untouched
        if (item < items) {
          expected = words[static_cast<std::size_t>(2 * item)] >> (from + i / row) & 1 ? T{-1} : T{1};
        }
        CHECK(out[static_cast<std::size_t>(i)] == expected);
      }
    }
  }
}

void check_count_differences(const BitKernels& kernels) {
  constexpr Index items = 7, stride = kMostPairsDepth + 3;
  for (const Index depth : {kPairsDepth, 3 * kPairsDepth, kMostPairsDepth}) {
    std::vector<std::uint64_t> words(items * stride);
    for (Index i = 0; i < items * stride; ++i) words[static_cast<std::size_t>(i)] = noise(i);
    // Two that differ everywhere: the most that a count must hold.
    for (Index k = 0; k < stride; ++k)
      words[static_cast<std::size_t>(k)] = ~words[static_cast<std::size_t>(stride + k)];
    std::vector<std::int64_t> counts(items * items, -5);
    kernels.count_differences({words.data(), stride, depth, 0, 3, 0, items, counts.data(), items});
    kernels.count_differences({words.data(), stride, depth, 3, items, 4, items, counts.data(), items});
    for (Index i = 0; i < items; ++i) {
      for (Index j = 0; j < items; ++j) {
        std::int64_t expected = -5;
        for (Index k = 0; k < depth && i < j; ++k) {
          expected += std::popcount(words[static_cast<std::size_t>(i * stride + k)] ^
                                    words[static_cast<std::size_t>(j * stride + k)]);
        }
        CHECK(counts[static_cast<std::size_t>(i * items + j)] == expected);
      }
    }
    CHECK(counts[1] == 64 * depth - 5);
  }
}

}  // namespace

int main() {
  check_twin();
  for (const BitKernels* kernels : tables()) {
    check_descend(*kernels);
    check_write_rows<std::int8_t>(*kernels);
    check_write_rows<float>(*kernels);
    check_write_rows<double>(*kernels);
    check_count_differences(*kernels);
  }
}
