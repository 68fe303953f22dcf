#include <stdexcept>
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

  // Tasks of one rank never overlap, however uneven they are.
  {
    Team team(4);
    std::vector<std::atomic<bool>> busy(4);
    std::atomic<int> done{0};
    team.share(200, [&](Index task, int rank) {
      CHECK(!busy[static_cast<std::size_t>(rank)].exchange(true));
      if (task % 50 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
      ++done;
      busy[static_cast<std::size_t>(rank)] = false;
    });
    CHECK(done == 200);
  }

  // What a task throws comes back to the caller once all have ended, and the team goes on.
  {
    Team team(3);
    for (const Index bad : {0, 5, 11}) {
      bool caught = false;
      std::atomic<int> done{0};
      try {
        team.share(12, [&](Index task, int) {
          if (task == bad) throw std::runtime_error("no");
          ++done;
        });
      } catch (const std::runtime_error&) {
        caught = true;
      }
      CHECK(caught);
      CHECK(done == 11);
    }
  }

  // The caller asks whether to stop while it waits for the others.
  {
    Team team(2);
    std::atomic<int> asked{0};
    Stop stop(nullptr, [&] { return ++asked == 2; });
    team.share(
        2,
        [&](Index, int rank) {
          for (int i = 0; rank == 1 && i < 5000 && !stop.decided(); ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        },
        &stop);
    CHECK(stop.decided() || asked == 0);
  }

  // More tasks than one round holds.
  std::vector<char> many(600'000);
  Team team(3);
  team.share(static_cast<Index>(many.size()), [&](Index task, int) { ++many[static_cast<std::size_t>(task)]; });
  for (const char count : many) CHECK(count == 1);

  // Of what has not been begun when it is decided to stop, nothing is: neither of this round nor of those to come.
  for (const int size : {1, 3}) {
    Team stopped(size);
    std::atomic<int> begun{0};
    Stop before(nullptr, [] { return true; });
    while (!before.poll(1e6)) {
    }
    stopped.share(static_cast<Index>(many.size()), [&](Index, int) { ++begun; }, &before);
    CHECK(begun == 0);
    Stop later(nullptr, [&] { return begun.load() > 10; });
    stopped.share(
        static_cast<Index>(many.size()),
        [&](Index, int rank) {
          ++begun;
          later.reached(rank, 1e6);
          std::this_thread::sleep_for(std::chrono::microseconds(50));
        },
        &later);
    CHECK(later.decided());
    CHECK(begun < static_cast<int>(many.size()) / 2);
  }

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
