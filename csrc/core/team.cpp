#include "core/team.hpp"

#include <algorithm>
#include <utility>

namespace pylinear {

bool Stop::poll(double work) {
  if (decided()) return true;
  bool stop = flag_ != nullptr && flag_->load(std::memory_order_relaxed);
  // Reading the clock costs as much as several presentations of a toy network, so it waits for work worth timing.
  work_ += work;
  if (!stop && ask_ != nullptr && work_ >= 1e5) {
    work_ = 0;
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ >= std::chrono::milliseconds(5)) {
      last_ = now;
      stop = ask_();
    }
  }
  if (stop) stopped_.store(true, std::memory_order_relaxed);
  return stop;
}

namespace {

// The tasks of one range that are left: the round that they belong to, the next one, and the one after the last. A
// ticket is changed only as a whole, so a thread that comes late can take nothing but a task that is still to be done.
constexpr int kTaskBits = 18;
constexpr Index kMostTasks = (Index{1} << kTaskBits) - 1;

std::uint64_t ticket_of(std::uint32_t round, Index next, Index end) {
  return std::uint64_t{round} << (2 * kTaskBits) | static_cast<std::uint64_t>(next) << kTaskBits |
         static_cast<std::uint64_t>(end);
}

Index next_of(std::uint64_t ticket) { return static_cast<Index>(ticket >> kTaskBits) & kMostTasks; }
Index end_of(std::uint64_t ticket) { return static_cast<Index>(ticket) & kMostTasks; }

/// Takes all tasks that are left, and returns how many there were.
Index take_all(std::atomic<std::uint64_t>& ticket) {
  std::uint64_t seen = ticket.load(std::memory_order_acquire);
  for (;;) {
    const Index left = end_of(seen) - next_of(seen);
    if (left <= 0) return 0;
    const auto taken = seen + (static_cast<std::uint64_t>(left) << kTaskBits);
    if (ticket.compare_exchange_weak(seen, taken, std::memory_order_acq_rel)) return left;
  }
}

/// Pauses before a waiting thread goes to sleep: some ten microseconds where one takes a hundred cycles or more, which
/// is less than it takes to wake it; elsewhere less.
constexpr int kPauses = 200;

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#else
  std::atomic_signal_fence(std::memory_order_seq_cst);
#endif
}

/// Returns when `value` is no longer `old`.
template <class T>
void wait_while(const std::atomic<T>& value, T old) {
  for (int i = 0; i < kPauses; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    pause();
  }
  value.wait(old, std::memory_order_acquire);
}

}  // namespace

Team::Team(int threads) : tickets_(static_cast<std::size_t>(threads)) {
  workers_.reserve(static_cast<std::size_t>(threads));
  try {
    for (int rank = 1; rank < threads; ++rank) workers_.emplace_back([this, rank] { wait_for_rounds(rank); });
  } catch (const std::exception&) {
    // No more threads, or no memory for them: those that there are do the work.
  }
}

Team::~Team() {
  ended_.store(true, std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void Team::wait_for_rounds(int rank) {
  for (std::uint32_t seen = 0;;) {
    wait_while(round_, seen);
    seen = round_.load(std::memory_order_acquire);
    if (ended_.load(std::memory_order_relaxed)) return;
    work(rank);
  }
}

void Team::run(Index n, Body body, void* argument, Stop* stop) {
  for (Index first = 0; first < n; first += kMostTasks) {
    const Index count = std::min(n - first, kMostTasks);
    const auto round = round_.load(std::memory_order_relaxed) + 1;
    body_.store(body, std::memory_order_relaxed);
    argument_.store(argument, std::memory_order_relaxed);
    stop_.store(stop, std::memory_order_relaxed);
    first_.store(first, std::memory_order_relaxed);
    left_.store(count, std::memory_order_relaxed);
    const Index threads = size();
    for (Index rank = 0; rank < threads; ++rank) {
      tickets_[static_cast<std::size_t>(rank)].value.store(
          ticket_of(round, count * rank / threads, count * (rank + 1) / threads), std::memory_order_release);
    }
    round_.store(round, std::memory_order_release);
    round_.notify_all();
    work(0);
    wait_for_the_others(stop);
    if (failed_.exchange(false)) std::rethrow_exception(std::exchange(error_, nullptr));
    if (stop != nullptr && stop->decided()) return;
  }
}

void Team::wait_for_the_others(Stop* stop) {
  for (int i = 0; i < kPauses; ++i) {
    if (left_.load(std::memory_order_acquire) == 0) return;
    pause();
  }
  for (Index left; (left = left_.load(std::memory_order_acquire)) != 0;) {
    if (stop == nullptr) {
      left_.wait(left, std::memory_order_acquire);
    } else {
      stop->poll(1e6);
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }
}

void Team::work(int rank) {
  const int threads = size();
  for (int k = 0; k < threads; ++k) {
    std::atomic<std::uint64_t>& ticket = tickets_[static_cast<std::size_t>((rank + k) % threads)].value;
    std::uint64_t seen = ticket.load(std::memory_order_acquire);
    for (;;) {
      const Index next = next_of(seen);
      if (next >= end_of(seen)) break;
      if (!ticket.compare_exchange_weak(seen, seen + (std::uint64_t{1} << kTaskBits), std::memory_order_acq_rel)) {
        continue;
      }
      // The round, and its stop, stay what they are until this task is done.
      Index done = 1;
      if (const Stop* stop = stop_.load(std::memory_order_relaxed); stop != nullptr && stop->decided()) {
        // One by one, a million tasks take tenths of a second to be left.
        done += take_all(ticket);
      } else {
        try {
          body_.load(std::memory_order_relaxed)(argument_.load(std::memory_order_relaxed),
                                                first_.load(std::memory_order_relaxed) + next, rank);
        } catch (...) {
          if (!failed_.exchange(true)) error_ = std::current_exception();
        }
      }
      if (left_.fetch_sub(done, std::memory_order_acq_rel) == done) left_.notify_one();
      seen = ticket.load(std::memory_order_acquire);
    }
  }
}

}  // namespace pylinear
