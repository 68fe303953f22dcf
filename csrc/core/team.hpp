#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <thread>
#include <type_traits>
#include <vector>

#include "kernels/index.hpp"

namespace pylinear {

/// Tells a computation to stop at its next safe point: a flag that any thread may raise, or a question that the
/// calling thread asks every few milliseconds (in Python: has Ctrl-C been pressed?).
class Stop {
 public:
  explicit Stop(const std::atomic<bool>* flag = nullptr, std::function<bool()> ask = nullptr)
      : flag_(flag), ask_(std::move(ask)) {}
  /// Whether to stop now, asked by the calling thread after every `work` operations or so.
  bool poll(double work);
  /// Whether it has been decided to stop; any thread may ask.
  bool decided() const { return stopped_.load(std::memory_order_relaxed); }
  /// The same inside a task, after `work` operations: member 0 of a team polls, and the others hear of it.
  bool reached(int rank, double work) { return rank == 0 ? poll(work) : decided(); }

 private:
  const std::atomic<bool>* flag_;
  std::function<bool()> ask_;
  std::atomic<bool> stopped_{false};
  double work_ = 0;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

/// The calling thread and some others that share its work, from construction to destruction.
///
/// Work comes as numbered tasks. Each thread begins with a range of its own, so that it meets the same data in every
/// round, and then takes what the others have left: a thread that the system has put to sleep delays a round by the
/// task it holds and by nothing else. Between rounds the others spin for some microseconds, then sleep.
class Team {
 public:
  /// Starts threads - 1 threads, or as many as there are.
  explicit Team(int threads);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  /// Runs f(task, rank) for tasks 0 .. n - 1, each on the thread `rank`, the caller being rank 0, and returns when all
  /// are done. The first exception that a task throws is thrown again then. With a stop, the caller asks it while it
  /// waits for the others, and once it has been decided to stop no task is begun.
  template <class F>
  void share(Index n, F&& f, Stop* stop = nullptr) {
    if (workers_.empty() || n == 1) {
      for (Index task = 0; task < n && (stop == nullptr || !stop->decided()); ++task) f(task, 0);
      return;
    }
    const auto call = [](void* body, Index task, int rank) {
      (*static_cast<std::remove_reference_t<F>*>(body))(task, rank);
    };
    run(n, call, const_cast<void*>(static_cast<const void*>(&f)), stop);
  }

 private:
  using Body = void (*)(void*, Index, int);
  struct alignas(kLine) Ticket {
    std::atomic<std::uint64_t> value{0};
  };

  void run(Index n, Body body, void* argument, Stop* stop);
  void work(int rank);
  void wait_for_the_others(Stop* stop);
  void wait_for_rounds(int rank);

  std::vector<std::thread> workers_;
  std::vector<Ticket> tickets_;
  std::atomic<Body> body_{nullptr};
  std::atomic<void*> argument_{nullptr};
  std::atomic<const Stop*> stop_{nullptr};
  std::atomic<Index> first_{0};
  alignas(kLine) std::atomic<std::uint32_t> round_{0};
  alignas(kLine) std::atomic<Index> left_{0};
  std::atomic<bool> ended_{false}, failed_{false};
  std::exception_ptr error_;
};

}  // namespace pylinear
