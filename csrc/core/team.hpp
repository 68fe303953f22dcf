#pragma once

#include <atomic>
#include <barrier>
#include <chrono>
#include <exception>
#include <functional>

namespace pylinear {

/// Tells a computation to stop at its next safe point: a flag that any thread may raise, or a question that the
/// calling thread asks every few milliseconds (in Python: has Ctrl-C been pressed?).
class Stop {
 public:
  explicit Stop(const std::atomic<bool>* flag = nullptr, std::function<bool()> ask = nullptr)
      : flag_(flag), ask_(std::move(ask)) {}
  /// Whether to stop now, asked by the calling thread after every `work` operations or so.
  bool poll(double work);

 private:
  const std::atomic<bool>* flag_;
  std::function<bool()> ask_;
  bool stopped_ = false;
  double work_ = 0;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

class Member;

/// Runs body on `threads` threads, the caller being member 0, and joins them before it returns. The first exception
/// thrown inside `Member::alone` is thrown again here.
void run_team(int threads, const std::function<void(Member&)>& body);

/// What one thread of a team knows of the others.
class Member {
 public:
  int rank() const { return rank_; }
  int size() const { return size_; }
  /// Waits for all, lets member 0 run f, waits again. False once f has thrown: leave the body.
  template <class F>
  bool alone(F&& f) {
    if (size_ > 1) shared_->barrier.arrive_and_wait();
    if (rank_ == 0) {
      try {
        f();
      } catch (...) {
        shared_->error = std::current_exception();
      }
    }
    if (size_ > 1) shared_->barrier.arrive_and_wait();
    return shared_->error == nullptr;
  }

 private:
  friend void run_team(int threads, const std::function<void(Member&)>& body);
  struct Shared {
    explicit Shared(int threads) : barrier(threads) {}
    std::barrier<> barrier;
    std::exception_ptr error;
  };
  Member(int rank, int size, Shared* shared) : rank_(rank), size_(size), shared_(shared) {}

  int rank_;
  int size_;
  Shared* shared_;
};

}  // namespace pylinear
