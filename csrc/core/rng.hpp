#pragma once

#include <array>
#include <cstdint>

namespace pylinear {

// Every random number of the core is one word of philox(counter, key). Nothing is drawn in sequence, so a number
// depends on what it is for and on nothing else. The four words of the counter mean
//
//   word      diffusion (kernels/bits.hpp)        order of presentation (schedule.hpp)
//   0         block of 64 features, low half      index of the draw within the epoch or stream, low half
//   1         block of 64 features, high half     index of the draw, high half
//   2         node of the tree, level by level    epoch, low half
//   3         index of the call for this node     epoch, high half
//
// and the two uses never share a key: each key comes from the seed by its own path.

using Counter = std::array<std::uint32_t, 4>;
using Key = std::array<std::uint32_t, 2>;

constexpr Key make_key(std::uint64_t key) {
  return {static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)};
}

/// Philox4x32-10 of Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
constexpr Counter philox(Counter x, Key key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t left = std::uint64_t{0xD2511F53} * x[0];
    const std::uint64_t right = std::uint64_t{0xCD9E8D57} * x[2];
    x = {static_cast<std::uint32_t>(right >> 32) ^ x[1] ^ key[0], static_cast<std::uint32_t>(right),
         static_cast<std::uint32_t>(left >> 32) ^ x[3] ^ key[1], static_cast<std::uint32_t>(left)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return x;
}

}  // namespace pylinear
