#include <bit>
#include <cmath>

#include "check.hpp"
#include "core/sampler.hpp"

using namespace pylinear;

int main() {
  const Key key = make_key(42);

  // The share of set bits, within five standard deviations over 64 * 4000 draws.
  for (const double p : {0.5, 0.1, 0.3, 1e-3}) {
    const auto threshold = static_cast<std::uint64_t>(std::ldexp(p, 64));
    double set = 0, draws = 0;
    for (std::uint64_t block = 0; block < 4000; ++block, draws += 64) {
      set += std::popcount(bernoulli_word(key, block, 7, threshold));
    }
    CHECK(std::abs(set / draws - p) < 5 * std::sqrt(p * (1 - p) / draws));
  }
  CHECK(bernoulli_word(key, 3, 5, 0) == 0);

  // A probability as close to 1 as 64 bits go, and lanes that differ.
  CHECK(bernoulli_word(key, 3, 5, ~std::uint64_t{0}) == ~std::uint64_t{0});
  CHECK(bernoulli_word(key, 3, 5, std::uint64_t{1} << 63) != bernoulli_word(key, 4, 5, std::uint64_t{1} << 63));
  CHECK(bernoulli_word(key, 3, 5, std::uint64_t{1} << 63) != bernoulli_word(key, 3, 6, std::uint64_t{1} << 63));

  const Tree tree{{2, 3}, {std::uint64_t{1} << 62, 0}};
  CHECK(tree.n_nodes() == 9);
  CHECK(tree.n_leaves() == 6);
  std::uint64_t words[9];
  diffuse(tree, key, 11, words);
  // No flips below level 1: three leaves of a branch are one.
  for (int leaf = 0; leaf < 6; ++leaf) CHECK(words[3 + leaf] == words[1 + leaf / 3]);
  CHECK(words[1] != words[2]);

  // The same features whole and in parts, whatever the type and the number of threads.
  constexpr Index n = 1000;
  Array<double> whole(n * 6);
  Array<std::int8_t> part(77 * 6);
  Stop stop;
  CHECK(sample(tree, key, 0, n, whole.data(), 1, stop));
  CHECK(sample(tree, key, 130, 77, part.data(), 3, stop));
  for (Index i = 0; i < 77 * 6; ++i) CHECK(whole[130 * 6 + i] == part[i]);

  std::atomic<bool> flag{true};
  Stop stopped(&flag);
  CHECK(!sample(tree, key, 0, n, whole.data(), 1, stopped));
}
