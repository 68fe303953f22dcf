#include <stdexcept>
#include <vector>

#include "check.hpp"
#include "core/team.hpp"

using namespace pylinear;

int main() {
  for (const int size : {1, 2, 5}) {
    std::vector<int> visits(static_cast<std::size_t>(size));
    int alone = 0;
    run_team(size, [&](Member& member) {
      CHECK(member.size() == size);
      for (int round = 0; round < 100; ++round) {
        ++visits[static_cast<std::size_t>(member.rank())];
        // What all have written, one may read; what one writes, all may read.
        CHECK(member.alone([&] {
          for (const int count : visits) CHECK(count == round + 1);
          ++alone;
        }));
        CHECK(alone == round + 1);
      }
    });
    CHECK(alone == 100);
  }

  bool caught = false;
  int went_on = 0;
  try {
    run_team(3, [&](Member& member) {
      if (!member.alone([] { throw std::runtime_error("no"); })) return;
      ++went_on;
    });
  } catch (const std::runtime_error&) {
    caught = true;
  }
  CHECK(caught);
  CHECK(went_on == 0);

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
