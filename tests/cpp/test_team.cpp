#include <vector>

#include "check.hpp"
#include "core/team.hpp"

using namespace pylinear;

int main() {
  // More threads than processors among them.
  for (const int size : {1, 2, 5, 16}) {
    Team team(size);
    CHECK(team.size() == size);
    for (const Index n : {0, 1, 2, 3, 7, 64}) {
      std::vector<int> done(static_cast<std::size_t>(n));
      for (int round = 1; round <= 200; ++round) {
        team.share(n, [&](Index task, int rank) {
          CHECK(rank >= 0 && rank < size);
          ++done[static_cast<std::size_t>(task)];
        });
        // What the tasks have written, the caller may read, and the next tasks too: each was run once.
        for (const int count : done) CHECK(count == round);
      }
    }
  }

  // More tasks than one round holds.
  std::vector<char> many(600'000);
  Team team(3);
  team.share(static_cast<Index>(many.size()), [&](Index task, int) { ++many[static_cast<std::size_t>(task)]; });
  for (const char count : many) CHECK(count == 1);

  std::atomic<bool> flag{false};
  Stop by_flag(&flag);
  CHECK(!by_flag.poll(1));
  flag = true;
  CHECK(by_flag.poll(1));

  int asked = 0;
  Stop by_question(nullptr, [&] { return ++asked == 2; });
  while (!by_question.poll(1e6)) {
  }
  CHECK(asked == 2);
  CHECK(by_question.poll(0));
}
