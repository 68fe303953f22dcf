#include <algorithm>
#include <set>
#include <stdexcept>

#include "check.hpp"
#include "core/schedule.hpp"

using namespace pylinear;

int main() {
  const Key key = make_key(1);
  Schedule cyclic(Order::cyclic, 5, key);
  for (std::uint64_t t = 0; t < 20; ++t) CHECK(cyclic.item(t) == static_cast<Index>(t % 5));

  Schedule reshuffled(Order::reshuffled, 5, key);
  std::set<std::vector<Index>> seen;
  for (std::uint64_t epoch = 0; epoch < 200; ++epoch) {
    std::vector<Index> items;
    for (std::uint64_t t = 0; t < 5; ++t) items.push_back(reshuffled.item(5 * epoch + t));
    seen.insert(items);
    std::sort(items.begin(), items.end());
    CHECK((items == std::vector<Index>{0, 1, 2, 3, 4}));
  }
  // 200 draws of 120 permutations leave about 120 e^(-200/120) = 23 out.
  CHECK(seen.size() > 80);

  // Any presentation, in any order of asking.
  Schedule again(Order::reshuffled, 5, key);
  for (const std::uint64_t t : {std::uint64_t{777}, std::uint64_t{3}, std::uint64_t{776}}) {
    CHECK(again.item(t) == reshuffled.item(t));
  }

  Schedule independent(Order::with_replacement, 3, key);
  double counts[3] = {};
  for (std::uint64_t t = 0; t < 30000; ++t) ++counts[independent.item(t)];
  for (const double count : counts) CHECK(std::abs(count - 10000) < 5 * 82);

  Schedule given(Order::given, 3, key, {2, 2, 0});
  CHECK(given.item(1) == 2);
  CHECK(given.item(5) == 0);

  // An order that begins at presentation 7: counted from there, and no permutation is drawn again.
  Schedule shifted(Order::cyclic, 5, key, {}, 3);
  for (std::uint64_t t = 7; t < 20; ++t) CHECK(shifted.item(t) == static_cast<Index>((t - 7) % 5));
  Schedule later(Order::reshuffled, 5, key, {}, 3);
  for (std::uint64_t t = 7; t < 40; ++t) CHECK(later.item(t) == reshuffled.item(t + 3));
  Schedule longer(Order::given, 3, key, {2, 1, 0, 0}, 1);
  CHECK(longer.item(7) == 2);
  CHECK(longer.item(8) == 1);
  for (Schedule* schedule : {&shifted, &later, &longer}) {
    std::vector<Index> several(9);
    schedule->items(7, 9, several.data());
    for (std::uint64_t i = 0; i < 9; ++i) CHECK(several[i] == schedule->item(7 + i));
  }

  // A block ends before a repeat, at the limit, and nowhere else.
  std::vector<Index> items;
  given.block(0, 10, items);
  CHECK((items == std::vector<Index>{2}));
  given.block(1, 10, items);
  CHECK((items == std::vector<Index>{2, 0}));
  cyclic.block(3, 10, items);
  CHECK((items == std::vector<Index>{3, 4, 0, 1, 2}));
  cyclic.block(3, 2, items);
  CHECK((items == std::vector<Index>{3, 4}));

  int refused = 0;
  for (const auto& make : {+[] { Schedule(Order::cyclic, 0, {}); }, +[] { Schedule(Order::given, 3, {}); },
                           +[] { Schedule(Order::given, 3, {}, {3}); }, +[] { Schedule(Order::cyclic, 3, {}, {1}); }}) {
    try {
      make();
    } catch (const std::invalid_argument&) {
      ++refused;
    }
  }
  CHECK(refused == 4);
}
