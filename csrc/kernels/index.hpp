#pragma once

#include <cstddef>

namespace pylinear {

using Index = std::ptrdiff_t;

constexpr Index round_up(Index n, Index multiple) { return (n + multiple - 1) / multiple * multiple; }

/// Bytes of one cache line, and of the widest vector register.
constexpr Index kLine = 64;

}  // namespace pylinear
