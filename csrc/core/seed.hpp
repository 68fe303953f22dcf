#pragma once

#include <cstdint>

#include "core/rng.hpp"

namespace pylinear {

/// What a stream of random numbers is for: no two uses of one seed share numbers.
enum class Use : std::uint32_t { diffusion, weights, order };

/// The key that Python derives from rng=seed: 64 bits of numpy's SeedSequence(seed, spawn_key=(use, index)). That is
/// M. E. O'Neill's seed_seq_fe, https://www.pcg-random.org/posts/developing-a-seed_seq-alternative.html (2015).
constexpr Key key_of(std::uint64_t seed, Use use, std::uint32_t index = 0) {
  constexpr std::uint32_t kWords = 6, kPool = 4;
  const std::uint32_t entropy[kWords] = {static_cast<std::uint32_t>(seed),
                                         static_cast<std::uint32_t>(seed >> 32),
                                         0,
                                         0,
                                         static_cast<std::uint32_t>(use),
                                         index};
  std::uint32_t factor = 0x43b0d7e5;
  const auto hashed = [&factor](std::uint32_t word, std::uint32_t step) {
    word ^= factor;
    factor *= step;
    word *= factor;
    return word ^ word >> 16;
  };
  std::uint32_t pool[kPool] = {};
  for (std::uint32_t i = 0; i < kPool; ++i) pool[i] = hashed(entropy[i], 0x931e8875);
  const auto mix_in = [&](std::uint32_t& place, std::uint32_t word) {
    place = 0xca01f9dd * place - 0x4973f715 * hashed(word, 0x931e8875);
    place ^= place >> 16;
  };
  for (std::uint32_t from = 0; from < kPool; ++from) {
    for (std::uint32_t to = 0; to < kPool; ++to) {
      if (to != from) mix_in(pool[to], pool[from]);
    }
  }
  for (std::uint32_t from = kPool; from < kWords; ++from) {
    for (std::uint32_t& place : pool) mix_in(place, entropy[from]);
  }
  factor = 0x8b51f9dd;
  const std::uint32_t low = hashed(pool[0], 0x58f38ded);
  return {low, hashed(pool[1], 0x58f38ded)};
}

}  // namespace pylinear
