#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <thread>

#include "check.hpp"
#include "problem.hpp"

using namespace pylinear;

// Every Array counts here, but where the sanitizers do the counting.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define PYLINEAR_COUNTS
namespace {
std::atomic<std::size_t> held{0}, most_held{0};
constexpr std::size_t kHeader = 64;
}  // namespace
void* operator new(std::size_t n, std::align_val_t alignment) {
  const auto a = static_cast<std::size_t>(alignment);
  char* block = static_cast<char*>(std::aligned_alloc(a, kHeader + (n + a - 1) / a * a));
  if (block == nullptr) throw std::bad_alloc();
  *reinterpret_cast<std::size_t*>(block) = n;
  most_held = std::max<std::size_t>(most_held, held += n);
  return block + kHeader;
}
void operator delete(void* p, std::align_val_t) noexcept {
  if (p == nullptr) return;
  char* block = static_cast<char*>(p) - kHeader;
  held -= *reinterpret_cast<std::size_t*>(block);
  std::free(block);
}
void operator delete(void* p, std::size_t, std::align_val_t alignment) noexcept { operator delete(p, alignment); }
#endif

namespace {

template <class T>
void check_routes(Index n3, Index n2, Index p, double tolerance) {
  constexpr double rate = 0.02;
  for (const Order order : {Order::cyclic, Order::reshuffled, Order::with_replacement}) {
    for (const Route route : {Route::blocked, Route::fused}) {
      Problem problem(n3, n2, p);
      const Schedule schedule(order, p, make_key(5));
      auto network = make_network<T>(problem, route, rate, schedule);
      Schedule oracle = schedule;
      Stop stop;
      // Uneven calls, and more threads than there is work for.
      for (const std::uint64_t until : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{33}, std::uint64_t{300}}) {
        CHECK(network.advance(until, 3, stop) == Status::ok);
        CHECK(network.position() == until);
      }
      for (std::uint64_t t = 0; t < 300; ++t) problem.present(oracle.item(t), rate);
      CHECK(distance(network, problem) < tolerance);
    }
  }
}

template <class T>
void check_batch(Index n3, Index n2, Index p, bool correlated, double tolerance) {
  Problem problem(n3, n2, p);
  if (correlated) problem.correlate();
  const Schedule schedule(Order::cyclic, p, make_key(5));
  auto network = make_network<T>(problem, Route::blocked, 0.01, schedule, Update::batch);
  Stop stop;
  for (std::uint64_t epoch = 1; epoch <= 10; ++epoch) {
    CHECK(network.advance(epoch * static_cast<std::uint64_t>(p), 3, stop) == Status::ok);
    problem.batch(0.01);
  }
  CHECK(distance(network, problem) < tolerance);
}

/// Correlated inputs, more threads than one, everything recorded: held against the loop.
void check_fused_record() {
  Problem problem(3000, 70, 5);
  problem.correlate();
  auto network = make_network<double>(problem, Route::fused, 1e-3, Schedule(Order::cyclic, 5, make_key(1)));
  double strengths[3], loss[3];
  std::vector<double> hidden(3 * 5 * 70), lower(3 * 5 * 70), w32(std::size_t{3} * 3000 * 70);
  Record<double> record{{0, 7, 40}, strengths, loss, hidden.data(), lower.data(), w32.data()};
  Stop stop;
  CHECK(network.record(record, 3, stop) == Status::ok);
  CHECK(record.done == 3);
  std::uint64_t t = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    for (; t < record.presentations[k]; ++t) problem.present(static_cast<Index>(t % 5), 1e-3);
    const auto [expected_loss, expected_strength] = problem.loss_and_strength();
    CHECK(std::abs(loss[k] / expected_loss - 1) < 1e-12);
    CHECK(std::abs(strengths[k] - expected_strength) < 1e-10);
    const std::vector<double> h = problem.hidden_of(3);
    for (std::size_t j = 0; j < 70; ++j) CHECK(std::abs(hidden[(k * 5 + 3) * 70 + j] - h[j]) < 1e-13);
    for (std::size_t i = 0; i < problem.w32.size(); ++i)
      CHECK(std::abs(w32[k * 3000 * 70 + i] - problem.w32[i]) < 1e-13);
    for (std::size_t i = 0; i < problem.w21.size(); ++i)
      CHECK(std::abs(lower[k * 5 * 70 + i] - problem.w21[i]) < 1e-13);
  }
}

void check_threads() {
  Problem problem(4000, 24, 6);
  std::vector<double> first;
  for (const int threads : {1, 2, 3, 8}) {
    auto network = make_network<double>(problem, Route::blocked, 1e-3, Schedule(Order::reshuffled, 6, make_key(1)));
    Stop stop;
    CHECK(network.advance(120, threads, stop) == Status::ok);
    const std::vector<double> w32(network.w32(), network.w32() + problem.n_features * network.stride());
    if (first.empty()) first = w32;
    CHECK(w32 == first);
  }
}

void check_stop_and_divergence() {
  Problem problem(50, 4, 3);
  std::atomic<bool> flag{true};
  Stop stop(&flag);
  auto network = make_network<double>(problem, Route::blocked, 1e-3, Schedule(Order::cyclic, 3, make_key(1)));
  CHECK(network.advance(10, 1, stop) == Status::interrupted);
  CHECK(network.position() == 0);
  for (const Route route : {Route::blocked, Route::fused}) {
    auto wild = make_network<float>(problem, route, 50.0, Schedule(Order::cyclic, 3, make_key(1)));
    Stop none;
    CHECK(wild.advance(1000, 1, none) == Status::diverged);
    for (Index i = 0; i < problem.n_features * wild.stride(); ++i) CHECK(std::isfinite(wild.w32()[i]));
  }
}

/// Stopped again and again in the middle of blocks or presentations, a training ends with the same bits.
void check_interruptions(Route route) {
  // So many features that a segment is visited in parts.
  Problem problem(60000, 48, 12);
  std::vector<double> expected;
  for (const bool interrupt : {false, true}) {
    auto network = make_network<double>(problem, route, 1e-4, Schedule(Order::reshuffled, 12, make_key(1)));
    std::uint64_t stops = 0, left_open = 0;
    for (Status status = Status::interrupted; status != Status::ok;) {
      std::atomic<bool> flag{false}, ended{false};
      std::thread timer([&] {
        for (int i = 0; i < 20 && !ended; ++i) std::this_thread::sleep_for(std::chrono::microseconds(100));
        flag = interrupt;
      });
      Stop stop(&flag);
      status = network.advance(200, 2, stop);
      ended = true;
      timer.join();
      stops += status == Status::interrupted;
      left_open += network.standing() > network.position();
      // What is left is done by whoever comes first, the next call or one that reads the weights.
      const std::uint64_t standing = network.standing();
      if (stops % 2 == 0) {
        Stop never;
        CHECK(network.settle(never));
        CHECK(network.position() == standing);
      }
    }
    CHECK(network.position() == 200);
    CHECK(left_open > 0 || !interrupt);
    const std::vector<double> w32(network.w32(), network.w32() + problem.n_features * network.stride());
    if (!interrupt) expected = w32;
    CHECK(w32 == expected);
  }
}

#ifdef PYLINEAR_COUNTS
/// What `bytes` promises is enough, with a snapshot, several threads and everything observed.
void check_bytes(Index n3, Index n2, Index p, bool correlated, Route route, Update update) {
  Problem problem(n3, n2, p);
  if (correlated) problem.correlate();
  most_held = held.load();
  const std::size_t before = held;
  auto network = make_network<double>(problem, route, 1e-9, Schedule(Order::reshuffled, p, make_key(1)), update);
  std::vector<double> strengths(2), loss(2);
  const auto epoch = static_cast<std::uint64_t>(p);
  const std::uint64_t second = update == Update::batch ? 2 * epoch : epoch + epoch / 2;
  Record<double> record{{epoch, second}, strengths.data(), loss.data(), nullptr, nullptr, nullptr};
  Stop stop;
  CHECK(network.record(record, 3, stop) == Status::ok);
  CHECK(static_cast<double>(most_held - before) <= Network<double>::bytes(route, update, n3, p, p, n2, 3));
}
#endif

void check_refusals() {
  const Problem problem(6, 2, 4);
  for (const Index items : {3, 9}) {
    CHECK(refuses([&] { make_network<double>(problem, Route::fused, 0.1, Schedule(Order::cyclic, items, {})); }));
  }
  for (const double rate : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    CHECK(refuses([&] { make_network<double>(problem, Route::fused, rate, Schedule(Order::cyclic, 4, {})); }));
  }
  auto network = make_network<double>(problem, Route::fused, 0.1, Schedule(Order::cyclic, 4, {}));
  Record<double> record{{4, 3}, nullptr, nullptr, nullptr, nullptr, nullptr};
  Stop stop;
  CHECK(refuses([&] { network.record(record, 1, stop); }));
  CHECK(network.position() == 0);
}

}  // namespace

int main() {
#ifdef PYLINEAR_COUNTS
  for (const auto& [n3, n2, p] :
       {std::array<Index, 3>{1, 1, 1}, {1, 1, 300}, {700, 3, 129}, {5000, 130, 8}, {97, 17, 65}}) {
    for (const bool correlated : {false, true}) {
      check_bytes(n3, n2, p, correlated, Route::fused, Update::online);
      check_bytes(n3, n2, p, correlated, Route::blocked, Update::batch);
    }
    check_bytes(n3, n2, p, false, Route::blocked, Update::online);
  }
#endif
  std::printf("instruction set: %s\n", kernels<double>().name);
  for (const Index hidden : {1, 5, 8, 33}) {
    for (const Index items : {1, 4, 9, 40, 150}) {
      check_routes<double>(61, hidden, items, 1e-13);
      check_routes<float>(61, hidden, items, 2e-5);
    }
  }
  check_routes<double>(1, 3, 4, 1e-13);
  check_routes<double>(1500, 7, 5, 1e-12);
  for (const bool correlated : {false, true}) {
    check_batch<double>(61, 5, 3, correlated, 1e-13);
    check_batch<double>(700, 33, 9, correlated, 1e-12);
    check_batch<double>(40, 8, 150, correlated, 1e-12);
    check_batch<float>(61, 8, 9, correlated, 2e-5);
  }
  check_threads();
  check_fused_record();
  check_stop_and_divergence();
  check_interruptions(Route::blocked);
  check_interruptions(Route::fused);
  check_refusals();
}
