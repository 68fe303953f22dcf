#pragma once

#include <cstdint>
#include <vector>

#include "core/array.hpp"
#include "core/rng.hpp"

namespace pylinear {

enum class Order { cyclic, reshuffled, with_replacement, given };

/// Which item is shown at each presentation. The answer depends on (order, key, presentation) alone, so that a run
/// can be cut anywhere; `given` repeats its sequence when it is exhausted.
///
/// All is counted from `shift` presentations before the first, so that an order can begin in the middle of a run.
class Schedule {
 public:
  Schedule(Order order, Index n_items, Key key, std::vector<Index> given = {}, std::uint64_t shift = 0);

  Index n_items() const { return n_items_; }
  Index item(std::uint64_t presentation);
  /// Those of `n` presentations from `start` on.
  void items(std::uint64_t start, Index n, Index* out);
  /// The presentations from `start` on that form one block: distinct items, at most `limit` of them.
  void block(std::uint64_t start, Index limit, std::vector<Index>& items);

 private:
  void shuffle(std::uint64_t epoch);

  Order order_;
  Index n_items_;
  Key key_;
  std::vector<Index> given_;
  std::uint64_t shift_;
  std::vector<Index> permutation_;
  std::uint64_t epoch_ = ~std::uint64_t{0};
  std::vector<std::uint64_t> seen_;
  std::uint64_t stamp_ = 0;
};

}  // namespace pylinear
