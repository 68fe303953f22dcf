// Every allocation of the core fails once, and so do starts of threads. What was asked for throws std::bad_alloc or
// does without; nothing leaks or waits; and the same call again, on the same object, gives the bits of a run in which
// nothing has failed.

#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <thread>

#include "check.hpp"
#include "core/modes.hpp"
#include "core/sampler.hpp"
#include "failing.hpp"
#include "problem.hpp"

using namespace pylinear;

namespace {

long n_failed = 0, n_borne = 0;

using Bits = std::string;

template <class T>
void append(Bits& bits, const T* numbers, Index n) {
  bits.append(reinterpret_cast<const char*>(numbers), static_cast<std::size_t>(n) * sizeof(T));
}

/// Calls `call` with the allocation of this number failing, and returns whether it has thrown std::bad_alloc.
template <class F>
bool runs_out(long number, bool and_all_after, F&& call) {
  fail_allocation(number, and_all_after);
  bool out = false;
  try {
    call();
  } catch (const std::bad_alloc&) {
    out = true;
  }
  fail_nothing();
  n_failed += allocations_failed() > 0;
  n_borne += allocations_failed() > 0 && !out;
  CHECK(!out || allocations_failed() > 0);
  return out;
}

/// Fails each allocation of `call`, whose results `bits` takes away.
template <class F, class G>
void check_from_nothing(F&& call, G&& bits) {
  call();
  const Bits expected = bits();
  for (const bool and_all_after : {false, true}) {
    for (long number = 0;; ++number) {
      const long held = blocks_held();
      const bool out = runs_out(number, and_all_after, call);
      CHECK(bits() == expected || out);
      CHECK(blocks_held() == held);
      if (allocations_failed() == 0) break;
      call();
      CHECK(bits() == expected);
    }
  }
}

// ---- networks

struct Case {
  Problem problem;
  Route route;
  Update update;
  int threads;
  Order order = Order::reshuffled;
};

Schedule schedule_of(const Case& c) {
  const std::vector<Index> given{0, 0, c.problem.n_items - 1};
  return {c.order, c.problem.n_items, make_key(3), c.order == Order::given ? given : std::vector<Index>{}};
}

template <class T>
Network<T> fresh(const Case& c) {
  return make_network<T>(c.problem, c.route, 1e-3, schedule_of(c), c.update);
}

template <class T>
Bits bits_of(Network<T>& network) {
  Bits bits;
  append(bits, network.w32(), (network.rows().end - network.rows().first) * network.stride());
  append(bits, network.lower(), network.lower_rows() * network.stride());
  return bits;
}

/// The weights after so many presentations, in one call in which nothing fails.
template <class T>
Bits expected_at(const Case& c, std::uint64_t position) {
  Network<T> network = fresh<T>(c);
  Stop stop;
  CHECK(network.advance(position, c.threads, stop) == Status::ok);
  return bits_of(network);
}

/// A call that records everything at `until`, and what it has recorded.
template <class T>
class Call {
 public:
  Call(const Case& c, std::uint64_t until) : threads_(c.threads) {
    const Index n2 = c.problem.hidden, p = c.problem.n_items;
    hidden_.resize(static_cast<std::size_t>(p * n2));
    lower_.resize(hidden_.size());
    w32_.resize(static_cast<std::size_t>(c.problem.n_features * n2));
    to_.emplace(Record<T>{{until}, &strength_, &loss_, hidden_.data(), lower_.data(), w32_.data()});
  }
  void operator()(Network<T>& network) {
    to_->done = 0;
    CHECK(network.record(*to_, threads_, stop_) == Status::ok);
    CHECK(to_->done == 1);
  }
  Bits bits() const {
    Bits bits;
    append(bits, &strength_, 1);
    append(bits, &loss_, 1);
    append(bits, hidden_.data(), static_cast<Index>(hidden_.size()));
    append(bits, lower_.data(), static_cast<Index>(lower_.size()));
    append(bits, w32_.data(), static_cast<Index>(w32_.size()));
    return bits;
  }

 private:
  int threads_;
  double strength_ = 0, loss_ = 0;
  std::vector<T> hidden_, lower_, w32_;
  std::optional<Record<T>> to_;
  Stop stop_;
};

/// One of several calls on one network fails, then is made again.
template <class T>
void check_call(const Case& c, const std::vector<std::uint64_t>& ends, std::size_t failing, bool and_all_after) {
  Network<T> whole = fresh<T>(c);
  Bits expected;
  for (const std::uint64_t until : ends) {
    Call<T> call(c, until);
    call(whole);
    expected += call.bits();
  }
  std::map<std::uint64_t, Bits> states;
  for (long number = 0;; ++number) {
    long before = blocks_held();
    bool ended = false;
    {
      Network<T> network = fresh<T>(c);
      Bits bits;
      for (std::size_t k = 0; k < ends.size(); ++k) {
        const std::uint64_t seen = network.position();
        Call<T> call(c, ends[k]);
        if (k != failing || runs_out(number, and_all_after, [&] { call(network); })) {
          // What the caller has seen is still so, and the state is that of a whole number of presentations.
          CHECK(network.position() >= seen);
          if (k == failing && !states.contains(network.position())) {
            before -= blocks_held();
            states[network.position()] = expected_at<T>(c, network.position());
            before += blocks_held();
          }
          CHECK(k != failing || bits_of(network) == states[network.position()]);
          call(network);
        }
        if (k == failing) ended = allocations_failed() == 0;
        bits += call.bits();
      }
      CHECK(bits == expected);
    }
    CHECK(blocks_held() == before);
    if (ended) return;
  }
}

template <class T>
void check_construction(const Case& c) {
  const auto data = training_set<T>(c.problem, rows_of(c.problem.n_features, {}));
  std::optional<Network<T>> network;
  check_from_nothing([&] { network.emplace(data, c.route, c.update, c.problem.hidden, 1e-3, schedule_of(c)); },
                     [&] {
                       network.reset();
                       return Bits{};
                     });
}

template <class T>
void check_network(const Case& c) {
  check_construction<T>(c);
  const auto p = static_cast<std::uint64_t>(c.problem.n_items);
  // Inside a block, twice; at its end; and so many that a large network takes a team for them.
  const std::uint64_t last = c.problem.n_features < 1000 ? 2 * p + 1 : 22 * p + 1;
  std::vector<std::uint64_t> ends{p / 2, p / 2 + 1, p, last};
  if (c.update == Update::batch) ends = {p, last + p - 1};
  for (std::size_t failing = 0; failing < ends.size(); ++failing) check_call<T>(c, ends, failing, c.threads > 1);
}

void check_networks() {
  // Small, with more inputs than a part of W21 holds, and large enough for a team.
  Problem small(30, 3, 5), wide(9, 2, 270), large(1000, 16, 6), large_correlated(5500, 16, 4);
  Problem correlated = small;
  correlated.correlate();
  wide.correlate();
  large_correlated.correlate();
  for (const int threads : {1, 2, 4}) {
    check_network<double>({large, Route::blocked, Update::online, threads});
    check_network<float>({large, Route::blocked, Update::batch, threads});
    check_network<double>({large_correlated, Route::fused, Update::online, threads});
  }
  check_network<float>({small, Route::blocked, Update::online, 1});
  check_network<double>({small, Route::blocked, Update::online, 1, Order::given});
  check_network<double>({small, Route::fused, Update::online, 1});
  check_network<double>({correlated, Route::fused, Update::online, 1, Order::with_replacement});
  check_network<float>({wide, Route::fused, Update::online, 1});
  check_network<double>({wide, Route::blocked, Update::batch, 1});
}

// ---- groups

/// Hands on what the two members of a group bring, until one of them has failed.
class Wire {
 public:
  Group group(int rank) {
    return {rank, 2, [this, rank](std::byte* buffer, const std::vector<Index>& bounds) {
              brought_[rank] = buffer;
              meet();
              const auto other = static_cast<std::size_t>(1 - rank);
              const Index first = bounds[other], size = bounds[other + 1] - first;
              std::memcpy(buffer + first, brought_[other] + first, static_cast<std::size_t>(size));
              meet();
            }};
  }
  void break_off() {
    const std::lock_guard lock(mutex_);
    broken_ = true;
    changed_.notify_all();
  }

 private:
  void meet() {
    std::unique_lock lock(mutex_);
    const long meeting = meetings_;
    if (++arrived_ == 2) {
      arrived_ = 0;
      ++meetings_;
      changed_.notify_all();
    }
    changed_.wait(lock, [&] { return broken_ || meetings_ != meeting; });
    if (meetings_ == meeting) throw std::runtime_error("the other one has failed");
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::byte* brought_[2] = {};
  int arrived_ = 0;
  long meetings_ = 0;
  bool broken_ = false;
};

/// Two members train; where one fails, it must stand after a whole number of presentations. Whether none has failed.
bool train_group(const Case& c, const std::shared_ptr<const TrainingSet<double>> (&sets)[2], long number,
                 const Bits& expected) {
  Wire wire;
  std::atomic<bool> complete{true};
  Bits parts[2];
  const auto member = [&](int rank) {
    std::optional<Network<double>> network;
    bool begun = false;
    Stop stop;
    try {
      network.emplace(sets[rank], c.route, c.update, c.problem.hidden, 1e-3, schedule_of(c), wire.group(rank));
      begin(*network, c.problem);
      begun = true;
      CHECK(network->advance(3 * static_cast<std::uint64_t>(c.problem.n_items), 1, stop) == Status::ok);
      const Index rows = network->rows().end - network->rows().first;
      append(parts[rank], network->w32(), rows * network->stride());
    } catch (const std::bad_alloc&) {
      complete = false;
      wire.break_off();
      if (!begun) return;
      Network<double> alone = fresh<double>(c);
      CHECK(alone.advance(network->position(), 1, stop) == Status::ok);
      const Rows rows = network->rows();
      const auto size = static_cast<std::size_t>((rows.end - rows.first) * alone.stride()) * sizeof(double);
      CHECK(std::memcmp(network->w32(), alone.w32() + rows.first * alone.stride(), size) == 0);
    } catch (const std::runtime_error&) {
      complete = false;
    }
  };
  std::atomic<bool> ready{false};
  std::thread other([&] {
    ready.wait(false);
    member(1);
  });
  fail_allocation(number, 0);
  ready = true;
  ready.notify_all();
  member(0);
  other.join();
  fail_nothing();
  n_failed += allocations_failed() > 0;
  if (complete) CHECK(parts[0] + parts[1] == expected);
  return allocations_failed() == 0;
}

void check_group(const Case& c) {
  Network<double> alone = fresh<double>(c);
  Stop stop;
  CHECK(alone.advance(3 * static_cast<std::uint64_t>(c.problem.n_items), 1, stop) == Status::ok);
  Bits expected;
  append(expected, alone.w32(), c.problem.n_features * alone.stride());
  std::shared_ptr<const TrainingSet<double>> sets[2];
  for (int rank = 0; rank < 2; ++rank) {
    sets[rank] = training_set<double>(c.problem, rows_of(c.problem.n_features, {rank, 2}));
  }
  for (long number = 0; !train_group(c, sets, number, expected); ++number) {
    CHECK(train_group(c, sets, -1, expected));
  }
}

void check_groups() {
  Problem problem(400, 5, 6), correlated(400, 5, 6);
  correlated.correlate();
  check_group({problem, Route::blocked, Update::online, 1});
  check_group({problem, Route::blocked, Update::batch, 1});
  check_group({correlated, Route::fused, Update::online, 1});
}

// ---- the rest

void check_sampler() {
  const Tree tree = make_tree({2, 3, 2}, 0.1);
  const Index n = 3000, leaves = tree.n_leaves();
  const Key key = make_key(7);
  Array<double> rows(n * leaves);
  Array<std::uint64_t> words(leaves * ((n + 63) / 64));
  Array<std::int64_t> products(leaves * leaves);
  Stop stop;
  for (const int threads : {1, 2, 4}) {
    check_from_nothing(
        [&] {
          CHECK(sample({tree, key, 5, n}, rows.data(), threads, stop));
          CHECK(sample_bits({tree, key, 5, n}, words.data(), threads, stop));
          CHECK(gram({tree, key, 5, n}, products.data(), threads, stop));
        },
        [&] {
          Bits bits;
          append(bits, rows.data(), rows.size());
          append(bits, words.data(), words.size());
          append(bits, products.data(), products.size());
          rows[0] = 0;
          words[0] = 0;
          products[0] = 0;
          return bits;
        });
  }
}

void check_setting_up() {
  const std::vector<double> outputs{1, 2, 3, -1, 0.5, 4, 2, 2, 1};
  std::optional<Modes> modes;
  std::shared_ptr<const TrainingSet<double>> set;
  check_from_nothing(
      [&] {
        modes = modes_of(outputs, 3);
        set = one_hot_set(std::vector<double>(outputs), 3, *modes);
        Schedule(Order::given, 3, make_key(0), {0, 1, 2});
        CHECK(make_tree({2, 2}, 0.1).n_leaves() == 4);
      },
      [&] {
        Bits bits;
        if (set) append(bits, set->synthesizers, 9);
        modes.reset();
        set.reset();
        return bits;
      });
}

/// With fewer threads than were asked for, or none, the bits are the same.
void check_starts_of_threads() {
  const Case c{Problem(1000, 16, 6), Route::blocked, Update::online, 4};
  const Bits expected = expected_at<double>(c, 133);
  long refused = 0;
  for (long left = 0; left <= 3; ++left) {
    fail_threads(left);
    CHECK(expected_at<double>(c, 133) == expected);
    fail_nothing();
    refused += starts_failed();
  }
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  CHECK(refused == 3);
#endif
}

}  // namespace

int main() {
  check_networks();
  check_groups();
  check_sampler();
  check_setting_up();
  check_starts_of_threads();
  std::printf("%ld allocations failed on %ld ways, %ld of them borne\n", n_failed, sites_seen(), n_borne);
}
