#include <limits>
#include <stdexcept>

#include "check.hpp"
#include "core/sampler.hpp"

using namespace pylinear;

namespace {

constexpr Index kItems = 6;
const Tree tree{{2, 3}, {std::uint64_t{1} << 62, 0}};
const Key key = make_key(42);

/// Bits and Gram matrix of a range of features beside its rows of +1 and -1.
void check_range(std::uint64_t first, Index n, int threads) {
  const Features features{tree, key, first, n};
  const Index n_words = (n + kBlockFeatures - 1) / kBlockFeatures;
  Array<double> rows(n * kItems);
  Array<std::uint64_t> bits(kItems * n_words);
  Array<std::int64_t> gram_of(kItems * kItems), expected(kItems * kItems);
  for (Index i = 0; i < bits.size(); ++i) bits[i] = ~std::uint64_t{0};
  for (Index i = 0; i < gram_of.size(); ++i) gram_of[i] = 99;
  Stop stop;
  CHECK(sample(features, rows.data(), 1, stop));
  CHECK(sample_bits(features, bits.data(), threads, stop));
  CHECK(gram(features, gram_of.data(), threads, stop));
  for (Index i = 0; i < n_words * kBlockFeatures; ++i) {
    for (Index p = 0; p < kItems; ++p) {
      const bool minus = bits[p * n_words + i / kBlockFeatures] >> i % kBlockFeatures & 1;
      CHECK(minus == (i < n && rows[i * kItems + p] == -1));
      for (Index q = 0; q < kItems && i < n; ++q) {
        expected[p * kItems + q] += static_cast<std::int64_t>(rows[i * kItems + p] * rows[i * kItems + q]);
      }
    }
  }
  for (Index i = 0; i < gram_of.size(); ++i) CHECK(gram_of[i] == expected[i]);
}

}  // namespace

int main() {
  CHECK(tree.n_nodes() == 9);
  CHECK(tree.n_leaves() == kItems);

  const Tree even = make_tree({2, 3}, 0.1);
  CHECK(even.branching == tree.branching);
  // floor(0.1 * 2^64), 0.1 being the double next to it; 0.5 is half of all numbers.
  CHECK((even.threshold == std::vector<std::uint64_t>{0x1999999999999a00, 0x1999999999999a00}));
  CHECK(make_tree({2}, 0.5).threshold[0] == std::uint64_t{1} << 63);
  for (const double flip : {-0.1, 0.51, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK(refuses([&] { make_tree({2}, flip); }));
  }
  CHECK(refuses([] { make_tree({}, 0.1); }));
  CHECK(refuses([] { make_tree({2, 0}, 0.1); }));

  constexpr Index n = 1000;
  Array<double> whole(n * kItems);
  Stop stop;
  CHECK(sample({tree, key, 0, n}, whole.data(), 1, stop));
  // No flips below level 1: three leaves of a branch are one.
  bool branches_differ = false;
  for (Index i = 0; i < n; ++i) {
    const double* row = whole.data() + i * kItems;
    CHECK(row[0] == row[1] && row[1] == row[2] && row[3] == row[4] && row[4] == row[5]);
    branches_differ = branches_differ || row[0] != row[3];
  }
  CHECK(branches_differ);

  // The same features whole and in parts, whatever the type and the number of threads.
  for (const int threads : {1, 3}) {
    Array<std::int8_t> part(877 * kItems);
    CHECK(sample({tree, key, 67, 877}, part.data(), threads, stop));
    for (Index i = 0; i < part.size(); ++i) CHECK(whole[67 * kItems + i] == part[i]);
  }
  for (const int threads : {1, 3}) {
    check_range(0, 64, threads);
    check_range(0, 65'536, threads);
    check_range(70, 3, threads);
    check_range(63, 100'000, threads);
    check_range((std::uint64_t{1} << 38) - 1, 1, threads);
  }

  std::atomic<bool> flag{true};
  Stop stopped(&flag);
  Array<std::uint64_t> bits(kItems * n);
  Array<std::int64_t> products(kItems * kItems);
  CHECK(!sample({tree, key, 0, n}, whole.data(), 1, stopped));
  CHECK(!sample_bits({tree, key, 0, n}, bits.data(), 2, stopped));
  CHECK(!gram({tree, key, 0, n}, products.data(), 2, stopped));
}
