#include "core/schedule.hpp"

#include <numeric>
#include <stdexcept>
#include <utility>

namespace pylinear {

namespace {

/// A whole number in 0 .. n - 1 from one draw; each value is off its probability by less than n / 2^64.
Index below(Index n, Key key, std::uint64_t draw, std::uint64_t epoch) {
  const Counter w = philox({static_cast<std::uint32_t>(draw), static_cast<std::uint32_t>(draw >> 32),
                            static_cast<std::uint32_t>(epoch), static_cast<std::uint32_t>(epoch >> 32)},
                           key);
  const auto bound = static_cast<std::uint64_t>(n);
  // The high half of the 128-bit product (w[1]:w[0]) * bound, from two products that fit: bound is below 2^32.
  const std::uint64_t low = w[0] * bound >> 32;
  return static_cast<Index>((w[1] * bound + low) >> 32);
}

}  // namespace

Schedule::Schedule(Order order, Index n_items, Key key, std::vector<Index> given, std::uint64_t shift)
    : order_(order), n_items_(n_items), key_(key), given_(std::move(given)), shift_(shift) {
  if (n_items < 1 || n_items >= Index{1} << 32) throw std::invalid_argument("a schedule needs 1 to 2^32 - 1 items");
  if ((order == Order::given) == given_.empty()) throw std::invalid_argument("only a given order has a sequence");
  for (const Index item : given_) {
    if (item < 0 || item >= n_items) throw std::invalid_argument("a given order names an item that does not exist");
  }
  seen_.resize(static_cast<std::size_t>(n_items));
}

void Schedule::shuffle(std::uint64_t epoch) {
  permutation_.resize(static_cast<std::size_t>(n_items_));
  std::iota(permutation_.begin(), permutation_.end(), Index{0});
  // Fisher & Yates, from the identity each time: the permutation of an epoch does not depend on earlier epochs.
  for (Index k = n_items_ - 1; k > 0; --k) {
    const Index other = below(k + 1, key_, static_cast<std::uint64_t>(k), epoch);
    std::swap(permutation_[static_cast<std::size_t>(k)], permutation_[static_cast<std::size_t>(other)]);
  }
  epoch_ = epoch;
}

Index Schedule::item(std::uint64_t presentation) {
  const auto n = static_cast<std::uint64_t>(n_items_);
  presentation += shift_;
  switch (order_) {
    case Order::cyclic:
      return static_cast<Index>(presentation % n);
    case Order::reshuffled:
      if (epoch_ != presentation / n) shuffle(presentation / n);
      return permutation_[presentation % n];
    case Order::with_replacement:
      return below(n_items_, key_, presentation, 0);
    case Order::given:
      break;
  }
  return given_[presentation % given_.size()];
}

void Schedule::items(std::uint64_t start, Index n, Index* out) {
  const auto period = static_cast<std::uint64_t>(n_items_);
  std::uint64_t place = (start + shift_) % period, epoch = (start + shift_) / period;
  for (Index i = 0; i < n; ++i) {
    if (order_ == Order::cyclic) {
      out[i] = static_cast<Index>(place);
    } else if (order_ == Order::reshuffled) {
      if (epoch_ != epoch) shuffle(epoch);
      out[i] = permutation_[place];
    } else {
      out[i] = item(start + static_cast<std::uint64_t>(i));
    }
    if (++place == period) {
      place = 0;
      ++epoch;
    }
  }
}

void Schedule::block(std::uint64_t start, Index limit, std::vector<Index>& items) {
  items.clear();
  ++stamp_;
  for (std::uint64_t t = start; static_cast<Index>(items.size()) < limit; ++t) {
    const Index next = item(t);
    if (std::exchange(seen_[static_cast<std::size_t>(next)], stamp_) == stamp_) return;
    items.push_back(next);
  }
}

}  // namespace pylinear
