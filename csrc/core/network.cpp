#include "core/network.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "core/panels.hpp"

namespace pylinear {

namespace {

/// Segments have kFewRows rows or more while there are up to kFew of them, then kManyRows or more, until there are
/// kSegments: each is a task for a thread, and adds a reduction of its sums to a block. Two, four or eight of them
/// share out evenly.
constexpr Index kFewRows = 96, kFew = 8, kManyRows = 504, kSegments = 32;

/// Rows of a segment come in whole tiles of six and in the fours of a visit.
constexpr Index kRowQuantum = 12;

/// Rows of the tallest panel.
constexpr Index kMostPanelRows = 192;

/// A network of at most so many weights is trained some hundred presentations at a time, and only then looked at.
constexpr Index kSmall = 16384;

Index wanted_segments(Index rows) {
  const auto few = std::clamp<Index>(rows / kFewRows, 1, kFew);
  return std::max(static_cast<Index>(std::bit_floor(static_cast<std::size_t>(few))),
                  std::min(rows / kManyRows / 2 * 2, kSegments));
}

/// How W32 is cut into segments: by its size alone.
struct Cut {
  explicit Cut(Index n_features)
      : rows(round_up((n_features + wanted_segments(n_features) - 1) / wanted_segments(n_features), kRowQuantum)),
        segments((n_features + rows - 1) / rows) {}
  /// The first segment of a process.
  Index first(Index rank, const Group& group) const { return segments * rank / group.size; }

  Index rows, segments;
};

}  // namespace

Rows rows_of(Index n_features, const Group& group) {
  const Cut cut(n_features);
  const auto start = [&](Index rank) { return std::min(cut.first(rank, group) * cut.rows, n_features); };
  return {start(group.rank), start(group.rank + 1)};
}

template <class T>
Network<T>::Network(std::shared_ptr<const TrainingSet<T>> data, Route route, Update update, Index hidden, double rate,
                    Schedule schedule, Group group)
    : data_(std::move(data)),
      kernels_(kernels<T>()),
      route_(route),
      update_(update),
      hidden_(hidden),
      units_(round_up(hidden, kLine / static_cast<Index>(sizeof(T)))),
      stride_(row_stride<T>(hidden)),
      lower_rows_(data_->inputs == nullptr ? data_->n_items : data_->n_inputs),
      rate_(static_cast<T>(rate)),
      schedule_(std::move(schedule)),
      group_(std::move(group)),
      rows_(rows_of(data_->n_features, group_)),
      w32_((rows_.end - rows_.first) * stride_),
      lower_(lower_rows_ * stride_),
      h_(stride_),
      rate_h_(stride_) {
  if (data_->n_features < 1 || hidden < 1) {
    throw std::invalid_argument("a network needs at least one feature and one hidden unit");
  }
  if (schedule_.n_items() != data_->n_items) throw std::invalid_argument("a schedule of other items than the data's");
  if (!(rate > 0) || !std::isfinite(rate)) throw std::invalid_argument("a rate must be above 0 and finite");
  if (update == Update::batch && route != Route::blocked) {
    throw std::invalid_argument("a batch is a block: there is no fused route for it");
  }
  if (update == Update::online && route == Route::blocked && data_->inputs != nullptr) {
    throw std::invalid_argument("the blocked route is for mutually orthogonal inputs");
  }
  // A panel of W32 takes up to 256 KiB where it can, so that it stays in the second-level cache with what is multiplied
  // with it.
  const Cut cut(data_->n_features);
  segment_rows_ = cut.rows;
  n_segments_ = cut.segments;
  first_segment_ = cut.first(group_.rank, group_);
  own_segments_ = cut.first(group_.rank + 1, group_) - first_segment_;
  if (n_segments_ < group_.size) throw std::invalid_argument("more processes than segments of W32");
  if (data_->n_rows != rows_.end - rows_.first) throw std::invalid_argument("outputs of other rows than the network's");
  const Index n_items = data_->n_items;
  const Index panel = (Index{256} << 10) / (stride_ * static_cast<Index>(sizeof(T)));
  panel_rows_ = std::min(std::clamp<Index>(panel / kRowQuantum * kRowQuantum, 48, kMostPanelRows), segment_rows_);

  longest_block_ = update == Update::batch ? n_items : std::min(n_items, kLongestBlock);
  g_ = Array<T>(n_segments_ * stride_);
  squares_ = Array<T>(n_segments_ * kSquares);
  norms_.resize(static_cast<std::size_t>(n_segments_));
  next_row_.resize(static_cast<std::size_t>(n_segments_));
  make_room();
  measure_outputs();
  for (Index p = 0; p < n_items; ++p) largest_input_ = std::max(largest_input_, std::sqrt(data_->input_squares[p]));
  set_rate(rate);
  if (route != Route::blocked) return;

  const Index b = longest_block_;
  block_.h = Array<T>(b * stride_);
  block_.rate_h = Array<T>(b * stride_);
  block_.minus_h = Array<T>(hidden_ * round_up(b, kernels_.lanes));
  block_.z = Array<T>(b * stride_);
  block_.g = Array<T>(n_segments_ * b * stride_);
  block_.squares.resize(static_cast<std::size_t>(n_segments_));
  if (update == Update::batch) return;
  block_.s = Array<T>(n_segments_ * b * block_stride_);
  for (Array<T>* matrix :
       {&block_.minus_k, &block_.inverse, &block_.left, &block_.errors, &block_.mix_g, &block_.mix_h}) {
    *matrix = Array<T>(b * block_stride_);
  }
}

template <class T>
void Network<T>::make_room() {
  // Whatever is needed between the first weight that a presentation changes and the last is there beforehand: what
  // runs out of memory must not leave half a presentation behind.
  const Index b = longest_block_, size = static_cast<Index>(sizeof(T));
  block_stride_ = row_stride<T>(b);
  if (route_ == Route::blocked) block_.shown.reserve(static_cast<std::size_t>(b));
  if (data_->inputs != nullptr) h_next_ = Array<T>((data_->n_inputs + kInputs - 1) / kInputs * stride_);
  if (group_.size == 1) return;
  bounds_.resize(static_cast<std::size_t>(group_.size) + 1);
  const Index told = std::max(data_->n_items, data_->n_modes + 1) * static_cast<Index>(sizeof(double));
  const Index block = route_ == Route::blocked ? (b * (stride_ + block_stride_) + kSquares) * size : 0;
  exchanged_.reserve(static_cast<std::size_t>((std::max({told, block, (units_ + 1) * size}) + 1) * n_segments_));
}

template <class T>
void Network<T>::measure_outputs() {
  const Index n_items = data_->n_items;
  std::vector<double> squares(static_cast<std::size_t>(n_segments_ * n_items));
  for (Index segment = first_segment_; segment < first_segment_ + own_segments_; ++segment) {
    for (Index row = first_row(segment); row < first_row(segment + 1); ++row) {
      for (Index p = 0; p < n_items; ++p) {
        const auto y = static_cast<double>(outputs_row(row)[p]);
        squares[static_cast<std::size_t>(segment * n_items + p)] += y * y;
      }
    }
  }
  const Index bytes = n_items * static_cast<Index>(sizeof(double));
  exchange({{squares.data(), bytes, bytes}});
  item_norms_.resize(static_cast<std::size_t>(n_items));
  double all = 0;
  for (Index p = 0; p < n_items; ++p) {
    double& norm = item_norms_[static_cast<std::size_t>(p)];
    for (Index segment = 0; segment < n_segments_; ++segment) {
      norm += squares[static_cast<std::size_t>(segment * n_items + p)];
    }
    all += norm;
    norm = std::sqrt(norm);
  }
  outputs_norm_ = std::sqrt(all);
}

template <class T>
double Network<T>::measured_w32_norm(Stop* stop) {
  for (Index segment = first_segment_; segment < first_segment_ + own_segments_; ++segment) {
    const Index row = first_row(segment), size = (first_row(segment + 1) - row) * stride_;
    norms_[static_cast<std::size_t>(segment)] = frobenius(w32_row(row), size);
    // What is measured in vain then is not looked at.
    if (stop != nullptr && group_.size == 1 && stop->poll(static_cast<double>(size))) return 0;
  }
  exchange({{norms_.data(), sizeof(double), sizeof(double)}});
  return frobenius(norms_.data(), n_segments_);
}

template <class T>
bool Network<T>::exchange(std::initializer_list<Share> shares, bool stop) {
  if (group_.size == 1) return stop;
  Index record = 1;
  for (const Share& share : shares) record += share.bytes;
  const Cut cut(data_->n_features);
  for (int rank = 0; rank <= group_.size; ++rank) {
    bounds_[static_cast<std::size_t>(rank)] = record * cut.first(rank, group_);
  }
  exchanged_.resize(static_cast<std::size_t>(record * n_segments_));
  const auto for_shares = [&](Index segment, auto copy) {
    std::byte* at = exchanged_.data() + segment * record;
    for (const Share& share : shares) {
      copy(static_cast<std::byte*>(share.data) + segment * share.stride, at, static_cast<std::size_t>(share.bytes));
      at += share.bytes;
    }
    return at;
  };
  for (Index segment = first_segment_; segment < first_segment_ + own_segments_; ++segment) {
    *for_shares(segment, [](std::byte* own, std::byte* at, std::size_t n) { std::memcpy(at, own, n); }) =
        std::byte{stop};
  }
  group_.gather(exchanged_.data(), bounds_);
  bool any = false;
  for (Index segment = 0; segment < n_segments_; ++segment) {
    const std::byte* stops =
        for_shares(segment, [](std::byte* own, std::byte* at, std::size_t n) { std::memcpy(own, at, n); });
    any = any || *stops != std::byte{0};
  }
  return any;
}

template <class T>
bool Network<T>::weights_changed(Stop& stop) {
  snapshot_.reset();
  block_.open = presentation_open_ = false;
  hidden_item_ = -1;
  w32_norm_ = measured_w32_norm(&stop);
  lower_norm_ = frobenius(lower_.data(), lower_.size());
  return !stop.decided();
}

template <class T>
void Network<T>::weights_changed() {
  Stop never;
  weights_changed(never);
}

template <class T>
void Network<T>::set_rate(double rate) {
  snapshot_.reset();
  rate_ = static_cast<T>(rate);
  // A block forms squares that single presentations do not. On scales where those lose digits, none is taken.
  const double small =
      std::sqrt(static_cast<double>(std::numeric_limits<T>::min())) / std::numeric_limits<T>::epsilon();
  squares_keep_digits_ = update_ == Update::batch || (outputs_norm_ >= small && rate >= small && rate <= 1 / small);
}

template <class T>
void Network<T>::set_schedule(Schedule schedule) {
  snapshot_.reset();
  schedule_ = std::move(schedule);
}

template <class T>
State Network<T>::state() const {
  if (snapshot_) return {snapshot_->position, position_, snapshot_->w32_norm, snapshot_->lower_norm};
  return {position_, position_, w32_norm_, lower_norm_};
}

template <class T>
void Network<T>::set_state(const State& state) {
  snapshot_.reset();
  block_.open = presentation_open_ = false;
  hidden_item_ = -1;
  position_ = state.position;
  reached_ = state.position;
  w32_norm_ = state.w32_norm;
  lower_norm_ = state.lower_norm;
}

template <class T>
double Network<T>::bytes(Route route, Update update, Index n_features, Index n_items, Index n_inputs, Index hidden,
                         int threads, int processes) {
  // In floating point, since it is asked before anyone knows that the sizes make sense.
  const auto rows = static_cast<double>(n_features), items = static_cast<double>(n_items);
  const auto lower = static_cast<double>(std::max(n_items, n_inputs));
  const double line = static_cast<double>(kLine) / sizeof(T), stride = static_cast<double>(hidden) * 17 / 16 + line;
  const double longest = update == Update::batch ? items : std::min(items, static_cast<double>(kLongestBlock));
  const double b = longest * 17 / 16 + line;
  const double most = std::max(static_cast<double>(kFew), rows / static_cast<double>(kManyRows));
  const double shares = std::min({static_cast<double>(kSegments), most, rows / static_cast<double>(kFewRows) + 1});
  const bool snapshot = route == Route::blocked && update == Update::online;
  const double own = processes == 1 ? rows : std::min(rows, rows / processes + rows / shares + kRowQuantum);
  const double weights = (own + lower) * stride * (snapshot ? 2 : 1) + (snapshot ? 0 : 2.0 * kSmall);
  const double sums = shares * (b * stride + (update == Update::online ? b * b : 0));
  const double block = route == Route::blocked ? sums + 6 * b * stride + (update == Update::online ? 6 * b * b : 0) : 0;
  const double team = std::min<double>(threads, std::max(shares, lower / static_cast<double>(kManyRows) + 1));
  const double row = items * 17 / 16 + 2 * line;
  const double observed = 2 * (items + line) * stride + team * row * (items + static_cast<double>(kMostPanelRows)) +
                          (lower / static_cast<double>(kInputs) + 1) * stride;
  const double exchanged = processes == 1 ? 0 : sums + shares * (stride + items);
  return static_cast<double>(sizeof(T)) * (weights + block + observed + exchanged + 2 * shares * stride);
}

template <class T>
int Network<T>::useful_threads(const Record<T>& record, int threads) const {
  // A team costs tens of microseconds to start and a few to synchronise: it must have more to do than that.
  const std::uint64_t until = record.presentations.empty() ? position_ : record.presentations.back();
  const double presentations = static_cast<double>(until - std::min(until, position_));
  const double weights =
      static_cast<double>(rows_.end - rows_.first + (data_->inputs == nullptr ? 0 : data_->n_inputs)) *
      static_cast<double>(stride_);
  const double observed = record.loss == nullptr ? 0 : static_cast<double>(record.presentations.size());
  const double together = route_ == Route::blocked ? static_cast<double>(longest_block_) : 1.0;
  const double flops = weights * (6 * presentations + 2 * observed * static_cast<double>(data_->n_items));
  if (6 * weights * together < 5e5 || flops < 1e7) return 1;
  return static_cast<int>(std::min<Index>(std::max(1, threads), std::max(own_segments_, lower_rows_ / kManyRows)));
}

template <class T>
Index Network<T>::residual_size() const {
  return panel_rows_ * row_stride<T>(round_up(data_->n_items, kernels_.lanes));
}

template <class T>
void Network<T>::take_snapshot(Snapshot& snapshot) const {
  if (snapshot.w32.size() == 0) snapshot = {Array<T>(w32_.size()), Array<T>(lower_.size()), 0, 0, 0};
  std::copy_n(w32_.data(), w32_.size(), snapshot.w32.data());
  std::copy_n(lower_.data(), lower_.size(), snapshot.lower.data());
  snapshot.w32_norm = w32_norm_;
  snapshot.lower_norm = lower_norm_;
  snapshot.position = position_;
}

template <class T>
void Network<T>::restore(const Snapshot& snapshot) {
  std::copy_n(snapshot.w32.data(), w32_.size(), w32_.data());
  std::copy_n(snapshot.lower.data(), lower_.size(), lower_.data());
  w32_norm_ = snapshot.w32_norm;
  lower_norm_ = snapshot.lower_norm;
  position_ = snapshot.position;
}

template <class T>
Status Network<T>::advance(std::uint64_t until, int threads, Stop& stop) {
  Record<T> at_end{{until}, nullptr, nullptr, nullptr, nullptr, nullptr};
  return record(at_end, threads, stop);
}

template <class T>
Status Network<T>::record(Record<T>& record, int threads, Stop& stop) {
  if (!std::is_sorted(record.presentations.begin(), record.presentations.end())) {
    throw std::invalid_argument("presentations to record at must not decrease");
  }
  Team team(useful_threads(record, threads));
  if (residuals_.size() < team.size() * residual_size()) residuals_ = Array<T>(team.size() * residual_size());
  status_ = Status::ok;
  threads_ = team.size();
  while (record.done < static_cast<Index>(record.presentations.size())) {
    drive(team, record.presentations[static_cast<std::size_t>(record.done)], stop);
    if (status_ != Status::ok) break;
    if (!observe(team, record, stop)) status_ = Status::interrupted;
  }
  return status_;
}

template <class T>
bool Network<T>::settle(Stop& stop) {
  if (!block_.open && !presentation_open_) return true;
  Team team(threads_);
  return close(team, stop);
}

template <class T>
bool Network<T>::close(Team& team, Stop& stop) {
  if (presentation_open_) return present(team, stop, true);
  return !block_.open || pass_block(team, stop);
}

template <class T>
void Network<T>::drive(Team& team, std::uint64_t until, Stop& stop) {
  if (update_ == Update::batch && until % static_cast<std::uint64_t>(data_->n_items) != 0) {
    throw std::invalid_argument("a batch is an epoch: there is nothing between");
  }
  if (!close(team, stop)) {
    status_ = Status::interrupted;
    return;
  }
  const std::uint64_t seen = position_;
  if (until > position_ && snapshot_) {
    restore(*snapshot_);
    // The memory stays for the snapshot of this call: without it, the network could not come back to `seen`.
    spare_ = std::exchange(snapshot_, std::nullopt);
  }
  const auto b = static_cast<double>(route_ == Route::blocked ? longest_block_ : 1);
  const double work =
      route_ == Route::blocked ? b * b * (b + static_cast<double>(stride_)) : 6 * static_cast<double>(w32_.size());
  const bool small = w32_.size() + lower_.size() <= kSmall && data_->inputs == nullptr && group_.size == 1;
  told_to_stop_ = false;
  while (status_ == Status::ok && position_ < until) {
    std::atomic_ref(reached_).store(position_, std::memory_order_relaxed);
    // A stop never moves the network back behind the presentation that the caller has already seen.
    if (position_ >= seen && (group_.size == 1 ? stop.poll(work) : told_to_stop_)) {
      status_ = Status::interrupted;
    } else if (route_ == Route::blocked) {
      if (squares_keep_digits_ && open_block(team, until)) {
        if (!pass_block(team, stop)) status_ = Status::interrupted;
      } else if (status_ == Status::ok) {
        present(team, stop, position_ >= seen);
      }
    } else if (!small || !present_freely(until)) {
      present(team, stop, true);
    }
  }
  std::atomic_ref(reached_).store(position_, std::memory_order_relaxed);
  if (route_ == Route::blocked) spare_.reset();
}

template class Network<float>;
template class Network<double>;

}  // namespace pylinear
