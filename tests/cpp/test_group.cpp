// Networks that share the rows of W32, each on a thread that stands for a process, against one that has them all.

#include <atomic>
#include <barrier>
#include <chrono>
#include <cstring>
#include <mutex>
#include <thread>

#include "check.hpp"
#include "problem.hpp"

using namespace pylinear;

namespace {

/// Tells all members of a group what each of them has brought.
class Wire {
 public:
  explicit Wire(int size) : size_(size), arrived_(size) {}

  Group group(int rank) {
    return {rank, size_, [this, rank](std::byte* buffer, const std::vector<Index>& bounds) {
              const auto first = bounds[static_cast<std::size_t>(rank)],
                         end = bounds[static_cast<std::size_t>(rank) + 1];
              {
                const std::lock_guard lock(mutex_);
                shared_.resize(static_cast<std::size_t>(bounds.back()));
                std::memcpy(shared_.data() + first, buffer + first, static_cast<std::size_t>(end - first));
              }
              arrived_.arrive_and_wait();
              std::memcpy(buffer, shared_.data(), shared_.size());
              arrived_.arrive_and_wait();
            }};
  }

 private:
  int size_;
  std::mutex mutex_;
  std::vector<std::byte> shared_;
  std::barrier<> arrived_;
};

struct Case {
  Problem problem;
  Route route;
  Update update;
  double rate;
};

struct Result {
  std::vector<double> w32, lower, seen;
  std::uint64_t position = 0;
  Status status = Status::ok;
};

template <class T>
Result train(const Case& c, Group group) {
  const Index n_items = c.problem.n_items;
  auto network = make_network<T>(c.problem, c.route, c.rate, Schedule(Order::reshuffled, n_items, make_key(3)),
                                 c.update, std::move(group));
  const auto epoch = static_cast<std::uint64_t>(n_items);
  const std::uint64_t part = c.update == Update::batch ? epoch : epoch / 2 + 1;
  Result result;
  result.seen.resize(12);
  Record<T> record{{part, 3 * epoch, 4 * epoch, 4 * epoch, 5 * epoch, 6 * epoch},
                   result.seen.data(),
                   result.seen.data() + 6,
                   nullptr,
                   nullptr,
                   nullptr};
  Stop stop;
  result.status = network.record(record, 2, stop);
  result.position = network.position();
  const Rows rows = network.rows();
  for (Index i = 0; i < rows.end - rows.first; ++i) {
    for (Index j = 0; j < c.problem.hidden; ++j) result.w32.push_back(network.w32()[i * network.stride() + j]);
  }
  for (Index i = 0; i < network.lower_rows(); ++i) {
    for (Index j = 0; j < c.problem.hidden; ++j) result.lower.push_back(network.lower()[i * network.stride() + j]);
  }
  return result;
}

/// A number that is no number is the same as itself here.
bool same(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0);
}

template <class T>
void check_group(const Case& c, Status status) {
  const Result alone = train<T>(c, {});
  CHECK(alone.status == status);
  for (const int size : {2, 3}) {
    Wire wire(size);
    std::vector<Result> results(static_cast<std::size_t>(size));
    std::vector<std::thread> members;
    for (int rank = 0; rank < size; ++rank) {
      members.emplace_back([&, rank] { results[static_cast<std::size_t>(rank)] = train<T>(c, wire.group(rank)); });
    }
    for (std::thread& member : members) member.join();
    std::vector<double> w32;
    for (const Result& result : results) {
      w32.insert(w32.end(), result.w32.begin(), result.w32.end());
      CHECK(result.status == alone.status);
      CHECK(result.position == alone.position);
      CHECK(same(result.lower, alone.lower));
      CHECK(same(result.seen, alone.seen));
    }
    CHECK(same(w32, alone.w32));
  }
}

void check_one_stops_all() {
  const Problem problem(700, 3, 4);
  Wire wire(2);
  std::atomic<bool> flag{false};
  std::vector<std::uint64_t> positions(2);
  const auto run = [&](int rank) {
    auto network = make_network<double>(problem, Route::blocked, 1e-6, Schedule(Order::cyclic, 4, make_key(0)),
                                        Update::online, wire.group(rank));
    Stop stop(rank == 1 ? &flag : nullptr);
    CHECK(network.advance(1'000'000'000, 1, stop) == Status::interrupted);
    positions[static_cast<std::size_t>(rank)] = network.position();
    Stop none;
    CHECK(network.advance(network.position() + 4, 1, none) == Status::ok);
  };
  std::thread other([&] { run(1); });
  std::thread timer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    flag = true;
  });
  run(0);
  other.join();
  timer.join();
  CHECK(positions[0] == positions[1]);
}

}  // namespace

int main() {
  Problem problem(800, 5, 6), correlated(800, 5, 6);
  correlated.correlate();
  for (const double rate : {0.01, 3.0}) {
    const Status status = rate < 1 ? Status::ok : Status::diverged;
    for (const Case& c :
         {Case{problem, Route::blocked, Update::online, rate}, Case{problem, Route::fused, Update::online, rate},
          Case{problem, Route::blocked, Update::batch, rate}, Case{correlated, Route::fused, Update::online, rate}}) {
      check_group<double>(c, status);
      check_group<float>(c, status);
    }
  }
  // Blocks of four and fewer go row by row.
  check_group<double>({Problem(1000, 7, 3), Route::blocked, Update::online, 0.01}, Status::ok);
  check_one_stops_all();

  Wire wire(2);
  const Problem small(12, 2, 2);
  const Schedule cyclic(Order::cyclic, 2, {});
  CHECK(refuses([&] { make_network<double>(small, Route::fused, 0.1, cyclic, Update::online, wire.group(0)); }));
}
