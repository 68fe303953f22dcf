#include "core/network.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "core/panels.hpp"

namespace pylinear {

namespace {

/// Presentations in the longest block: with more of them the b x b work beside each pass over W32 begins to show.
constexpr Index kLongestBlock = 128;

/// Rows in a segment, at the least, and segments at the most: each adds a reduction of its sums to a block.
constexpr Index kSegmentRows = 504, kSegments = 32;

}  // namespace

template <class T>
Network<T>::Network(std::shared_ptr<const TrainingSet<T>> data, Route route, Index hidden, double rate,
                    Schedule schedule)
    : data_(std::move(data)),
      kernels_(kernels<T>()),
      route_(route),
      hidden_(hidden),
      stride_(round_up(hidden, kLine / static_cast<Index>(sizeof(T)))),
      lower_rows_(route == Route::blocked ? data_->n_items : data_->n_inputs),
      rate_(static_cast<T>(rate)),
      schedule_(std::move(schedule)),
      w32_(data_->n_features * stride_),
      lower_(lower_rows_ * stride_),
      h_(stride_),
      h_next_(stride_) {
  if (hidden < 1) throw std::invalid_argument("a network needs at least one hidden unit");
  if ((route == Route::fused) != (data_->inputs != nullptr)) {
    throw std::invalid_argument("input vectors go with the fused route, and with no other");
  }
  // Whole tiles of six rows; a panel of W32 takes about 256 KiB, so that it stays in the second-level cache with what
  // is multiplied with it.
  const Index rows = data_->n_features;
  segment_rows_ = std::max(kSegmentRows, round_up((rows + kSegments - 1) / kSegments, 24));
  n_segments_ = (rows + segment_rows_ - 1) / segment_rows_;
  panel_rows_ = std::clamp<Index>((Index{256} << 10) / (stride_ * static_cast<Index>(sizeof(T))) / 24 * 24, 48, 192);
  panel_rows_ = std::min(panel_rows_, round_up(std::min(segment_rows_, rows), 6));

  longest_block_ = std::min(data_->n_items, kLongestBlock);
  carried_ = Array<T>(n_segments_ * stride_);
  squares_ = Array<T>(n_segments_);
  item_norms_.resize(static_cast<std::size_t>(data_->n_items));
  for (Index i = 0; i < rows; ++i) {
    for (Index p = 0; p < data_->n_items; ++p) {
      const auto y = static_cast<double>(data_->outputs[i * data_->n_items + p]);
      item_norms_[static_cast<std::size_t>(p)] += y * y;
    }
  }
  double squares = 0;
  for (double& norm : item_norms_) {
    squares += norm;
    norm = std::sqrt(norm);
  }
  outputs_norm_ = std::sqrt(squares);
  for (Index p = 0; p < data_->n_items; ++p) {
    largest_input_ = std::max(largest_input_, std::sqrt(data_->input_squares[p]));
  }
  if (route != Route::blocked) return;

  const Index b = longest_block_, padded = round_up(b, kernels_.lanes);
  block_.h = Array<T>(b * stride_);
  block_.minus_h = Array<T>(hidden_ * padded);
  block_.rate_h = Array<T>(b * stride_);
  block_.k = Array<T>(b * padded);
  block_.inverse_t = Array<T>(b * b);
  block_.inverse = Array<T>(b * padded);
  block_.z = Array<T>(b * stride_);
  block_g_size_ = hidden_ * padded;
  block_s_size_ = b * padded;
  block_.g = Array<T>(n_segments_ * block_g_size_);
  block_.s = Array<T>(n_segments_ * block_s_size_);
  block_.s_left = Array<T>(b * padded);
  block_.s_errors = Array<T>(b * padded);
  block_.g_rows = Array<T>(b * stride_);
  block_.mix = Array<T>(b * b);
}

template <class T>
void Network<T>::weights_changed() {
  snapshot_.reset();
  probed_ = hidden_known_ = false;
  w32_norm_ = frobenius(w32_.data(), w32_.size());
  lower_norm_ = frobenius(lower_.data(), lower_.size());
}

template <class T>
double Network<T>::bytes(Route route, Index n_features, Index n_items, Index n_inputs, Index hidden, int threads) {
  // In floating point, since it is asked before anyone knows that the sizes make sense.
  const auto rows = static_cast<double>(n_features), items = static_cast<double>(n_items);
  const auto lower = static_cast<double>(route == Route::blocked ? n_items : n_inputs);
  const double stride = static_cast<double>(hidden) + static_cast<double>(kLine) / sizeof(T);
  const double b = std::min(items, static_cast<double>(kLongestBlock)) + static_cast<double>(kLine) / sizeof(T);
  const double segments = std::min(static_cast<double>(kSegments), rows / static_cast<double>(kSegmentRows) + 1);
  const double weights = (rows + lower) * stride * (route == Route::blocked ? 2 : 1);
  const double block = route == Route::blocked ? segments * b * (stride + b) + 7 * b * (stride + b) : 0;
  const double observed = items * 2 * stride + threads * (items + b) * (items + 192);
  return static_cast<double>(sizeof(T)) * (weights + block + observed + segments * stride);
}

template <class T>
int Network<T>::useful_threads(const Record<T>& record, int threads) const {
  // A team costs tens of microseconds to start and a few to synchronise: it must have more to do than that.
  const std::uint64_t until = record.presentations.empty() ? position_ : record.presentations.back();
  const double presentations = static_cast<double>(until - std::min(until, position_));
  const double weights = static_cast<double>(data_->n_features) * static_cast<double>(stride_);
  const double observed = record.loss == nullptr ? 0 : static_cast<double>(record.presentations.size());
  const double together = route_ == Route::blocked ? static_cast<double>(longest_block_) : 1.0;
  const double flops = weights * (6 * presentations + 2 * observed * static_cast<double>(data_->n_items));
  if (6 * weights * together < 1e6 || flops < 1e7) return 1;
  return static_cast<int>(std::min<Index>(threads, n_segments_));
}

template <class T>
Index Network<T>::residual_size() const {
  return panel_rows_ * round_up(data_->n_items, kernels_.lanes);
}

template <class T>
void Network<T>::restore_snapshot() {
  if (!snapshot_) return;
  w32_ = std::move(snapshot_->w32);
  lower_ = std::move(snapshot_->lower);
  w32_norm_ = snapshot_->w32_norm;
  position_ = snapshot_->position;
  snapshot_.reset();
}

template <class T>
Status Network<T>::advance(std::uint64_t until, int threads, Stop& stop) {
  Record<T> at_end{{until}, nullptr, nullptr, nullptr, nullptr, nullptr};
  return record(at_end, threads, stop);
}

template <class T>
Status Network<T>::record(Record<T>& record, int threads, Stop& stop) {
  threads = std::max(1, useful_threads(record, threads));
  if (residuals_.size() < threads * residual_size()) residuals_ = Array<T>(threads * residual_size());
  step_ = Step::none;
  status_ = Status::ok;
  run_team(threads, [&](Member& member) {
    for (; record.done < static_cast<Index>(record.presentations.size());) {
      const auto until = record.presentations[static_cast<std::size_t>(record.done)];
      if (!drive(member, until, stop) || status_ != Status::ok) return;
      observe(member, record);
    }
  });
  return status_;
}

template <class T>
bool Network<T>::drive(Member& member, std::uint64_t until, Stop& stop) {
  if (!member.alone([&] {
        reported_ = position_;
        if (until > position_) restore_snapshot();
        open(until, stop);
      })) {
    return false;
  }
  while (step_ != Step::none) {
    pass(member);
    if (!member.alone([&] {
          close();
          open(until, stop);
        })) {
      return false;
    }
  }
  return true;
}

template <class T>
void Network<T>::open(std::uint64_t until, Stop& stop) {
  step_ = Step::none;
  if (status_ != Status::ok || position_ >= until) return;
  // A stop never moves the network back behind the presentation that the caller has already seen.
  const auto b = static_cast<double>(route_ == Route::blocked ? longest_block_ : 1);
  const double work = 6 * b * static_cast<double>(w32_.size()) + b * b * (b + static_cast<double>(stride_));
  if (stop.poll(work) && position_ >= reported_) {
    status_ = Status::interrupted;
    return;
  }
  if (probed_) {
    step_ = Step::present;
    return;
  }
  if (route_ == Route::blocked && open_block(until)) return;
  open_presentation();
}

template <class T>
void Network<T>::pass(Member& member) {
  T* residual = residuals_.data() + member.rank() * residual_size();
  const Index from = n_segments_ * member.rank() / member.size();
  const Index to = n_segments_ * (member.rank() + 1) / member.size();
  for (Index segment = from; segment < to; ++segment) {
    if (step_ == Step::block) {
      pass_block(segment, residual);
    } else {
      pass_presentation(segment, step_ == Step::present);
    }
  }
}

template <class T>
void Network<T>::close() {
  if (step_ == Step::block) return close_block();
  close_presentation(step_ == Step::present);
}

template class Network<float>;
template class Network<double>;

}  // namespace pylinear
