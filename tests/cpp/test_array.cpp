// Zeroed arrays of the kinds there are: none, of the allocator, and of pages from the system.

#include <cstdint>
#include <limits>
#include <utility>

#include "check.hpp"
#include "core/array.hpp"

using namespace pylinear;

namespace {

constexpr Index kLarge = static_cast<Index>(kPages / sizeof(double));

bool is_zero_and_aligned(const Array<double>& array) {
  for (Index i = 0; i < array.size(); ++i) {
    if (array[i] != 0) return false;
  }
  return reinterpret_cast<std::uintptr_t>(array.data()) % kLine == 0;
}

/// Whether there is no memory for so many numbers.
bool runs_out(Index size) {
  try {
    Array<double> array(size);
  } catch (const std::bad_alloc&) {
    return true;
  }
  return false;
}

}  // namespace

int main() {
  for (const Index size : {Index{1}, Index{3}, kLarge - 1, kLarge, kLarge + 1}) {
    // The second time it is memory that was written before.
    for (int time = 0; time < 2; ++time) {
      Array<double> array(size);
      CHECK(array.size() == size && is_zero_and_aligned(array));
      array[0] = array[size - 1] = 1;
    }
  }
  for (const Index size : {Index{0}, Index{-1}}) CHECK(Array<double>(size).data() == nullptr);

  // More than there are addresses, and more bytes than can be counted.
  CHECK(runs_out(Index{1} << 56));
  CHECK(runs_out(std::numeric_limits<Index>::max()));

  // What is moved from has what the other had, small pages or large.
  Array<double> small(2), large(kLarge);
  const double* where = large.data();
  large[kLarge - 1] = 7;
  small = std::move(large);
  CHECK(small.data() == where && small[kLarge - 1] == 7 && large.size() == 2);
  Array<double> other(std::move(small));
  CHECK(other.data() == where && small.data() == nullptr && small.size() == 0);
}
