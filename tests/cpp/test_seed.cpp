#include "check.hpp"
#include "core/seed.hpp"

using pylinear::Key;
using pylinear::key_of;
using pylinear::Use;

int main() {
  // numpy.random.SeedSequence(seed, spawn_key=(use, index)).generate_state(2), of numpy 2.3.
  static_assert(key_of(0, Use::diffusion) == Key{0xf3b20e04, 0x2491a895});
  CHECK((key_of(7, Use::order) == Key{0x647531f6, 0x52aa9e37}));
  CHECK((key_of(~std::uint64_t{0}, Use::weights, 3) == Key{0x6b88cb55, 0x01ebe285}));
  CHECK((key_of(std::uint64_t{1} << 40, Use::diffusion, ~std::uint32_t{0}) == Key{0x684f1c6a, 0x934b2ddd}));
}
