#include "core/team.hpp"

#include <thread>
#include <vector>

namespace pylinear {

bool Stop::poll(double work) {
  if (stopped_ || (flag_ != nullptr && flag_->load(std::memory_order_relaxed))) return stopped_ = true;
  // Reading the clock costs as much as several presentations of a toy network, so it waits for work worth timing.
  work_ += work;
  if (ask_ == nullptr || work_ < 1e5) return false;
  work_ = 0;
  const auto now = std::chrono::steady_clock::now();
  if (now - last_ < std::chrono::milliseconds(5)) return false;
  last_ = now;
  return stopped_ = ask_();
}

void run_team(int threads, const std::function<void(Member&)>& body) {
  Member::Shared shared(threads);
  std::vector<std::thread> others;
  // The barrier counts on every thread, so none may enter the body until all of them exist.
  std::atomic<int> go{0};
  const auto wait_and_run = [&](int rank) {
    go.wait(0);
    if (go.load() < 0) return;
    Member member(rank, threads, &shared);
    body(member);
  };
  others.reserve(static_cast<std::size_t>(threads));
  try {
    for (int rank = 1; rank < threads; ++rank) others.emplace_back(wait_and_run, rank);
  } catch (...) {
    // No more threads, or no memory for them: the caller does the work alone.
    go.store(-1);
    go.notify_all();
    for (auto& thread : others) thread.join();
    return run_team(1, body);
  }
  go.store(1);
  go.notify_all();
  wait_and_run(0);
  for (auto& thread : others) thread.join();
  if (shared.error) std::rethrow_exception(shared.error);
}

}  // namespace pylinear
