// One presentation at a time: a visit to the rows of W32 (kernels.hpp: RowVisit), then to those of W21 (InputPass) or,
// for mutually orthogonal inputs, to the hidden representation of the item alone. The blocked route comes here too when
// a block might overflow.

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/network.hpp"
#include "core/panels.hpp"

namespace pylinear {

namespace {

/// Presentations of a small network between two looks at whether it is still finite.
constexpr Index kUnseen = 256;

}  // namespace

template <class T>
void Network<T>::hidden_of_item(Index item, T* h) {
  // In the parts and the order of learn_lower, to the same bits.
  const T* x = data_->inputs + item * data_->n_inputs;
  std::fill_n(h, stride_, T{0});
  for (Index first = 0; first < data_->n_inputs; first += kInputs) {
    T* sum = first == 0 ? h : h_next_.data();
    std::fill_n(sum, stride_, T{0});
    kernels_.forward({std::min(kInputs, data_->n_inputs - first), lower_.data() + first * stride_, stride_, units_,
                      nullptr, x + first, 0, nullptr, sum});
    for (Index j = 0; first > 0 && j < units_; ++j) h[j] += sum[j];
  }
}

template <class T>
RowVisit<T> Network<T>::row_visit(Index segment, const Index* item) {
  const Index row = first_row(segment);
  return {1,
          first_row(segment + 1) - row,
          w32_row(row),
          stride_,
          units_,
          outputs_row(row),
          data_->n_items,
          item,
          h_.data(),
          rate_h_.data(),
          g_.data() + segment * stride_,
          stride_,
          squares_.data() + segment * kSquares};
}

template <class T>
bool Network<T>::open_presentation(Team& team, Stop& stop) {
  item_ = schedule_.item(position_);
  if (data_->inputs == nullptr) {
    std::copy_n(lower_.data() + item_ * stride_, stride_, h_.data());
  } else if (hidden_item_ != item_) {
    hidden_of_item(item_, h_.data());
  }
  hidden_item_ = data_->inputs == nullptr ? -1 : item_;
  for (Index j = 0; j < units_; ++j) rate_h_[j] = rate_ * h_[j];
  if (!presentation_stays_in_range() && !survives(team, stop)) return false;
  begin_visits();
  presentation_open_ = true;
  return true;
}

template <class T>
bool Network<T>::present(Team& team, Stop& stop, bool may_leave) {
  // As for a block: a stop leaves the presentation open, and the next call goes on with the rows that are left.
  if (!presentation_open_ && !open_presentation(team, stop)) {
    status_ = Status::diverged;
    return true;
  }
  if (!visit_left(team, true, stop, may_leave)) {
    status_ = Status::interrupted;
    return false;
  }
  presentation_open_ = false;
  const double squares = static_cast<double>(sum_of_visits(stop));
  const double rate = static_cast<double>(rate_), x = std::sqrt(data_->input_squares[item_]);
  w32_norm_ += rate * std::sqrt(squares) * frobenius(h_.data(), units_);
  lower_norm_ += rate * frobenius(g_.data(), units_) * x * std::max(1.0, data_->inputs == nullptr ? x : 1.0);
  ++position_;
  learn_lower(team);
  return true;
}

template <class T>
bool Network<T>::errors_stay_in_range(double w32, double lower) const {
  // Of layers with such norms. The items that are not shown count, too: whoever looks at the network next sees them
  // all.
  const double inputs =
      data_->inputs == nullptr ? 1.0 : std::max(1.0, largest_input_ * std::sqrt(static_cast<double>(data_->n_items)));
  const double error = outputs_norm_ + w32 * lower * inputs;
  return error * error <= std::numeric_limits<T>::max() / 16;
}

template <class T>
bool Network<T>::presentation_stays_in_range() {
  const double rate = static_cast<double>(rate_), limit = std::numeric_limits<T>::max() / 16;
  const double x = std::sqrt(data_->input_squares[item_]);
  const double h = frobenius(h_.data(), units_);
  const double delta = item_norms_[static_cast<std::size_t>(item_)] + w32_norm_ * h;
  const double g = w32_norm_ * delta, lower = lower_norm_ + rate * g * x * std::max(1.0, x);
  const double w32 = w32_norm_ + rate * delta * h;
  return delta * delta <= limit && g <= limit && w32 <= limit && lower * std::max(1.0, largest_input_) <= limit &&
         errors_stay_in_range(w32, lower);
}

template <class T>
void Network<T>::begin_visits() {
  for (Index segment = first_segment_; segment < first_segment_ + own_segments_; ++segment) {
    next_row_[static_cast<std::size_t>(segment)] = first_row(segment);
  }
}

template <class T>
bool Network<T>::visit_left(Team& team, bool write, Stop& stop, bool may_leave) {
  const Index most = 4 * panel_rows_;
  // Where segments are short a stop can wait for the presentation, and nobody has to ask for it more often.
  const bool in_parts = may_leave && group_.size == 1 && segment_rows_ > most;
  const auto visit = [&](Index task, int rank) {
    const Index segment = first_segment_ + task, end = first_row(segment + 1);
    Index& row = next_row_[static_cast<std::size_t>(segment)];
    RowVisit<T> part = row_visit(segment, &item_);
    if (row == first_row(segment)) {
      std::fill_n(part.g, units_, T{0});
      part.s[0] = 0;
    }
    while (row < end) {
      part.rows = in_parts ? std::min(most, end - row) : end - row;
      part.w32 = w32_row(row);
      part.y = outputs_row(row);
      (write ? kernels_.visit : kernels_.probe)(part);
      row += part.rows;
      if (in_parts && stop.reached(rank, 6.0 * static_cast<double>(part.rows * stride_))) return;
    }
  };
  team.share(own_segments_, visit, in_parts ? &stop : nullptr);
  for (Index segment = first_segment_; in_parts && segment < first_segment_ + own_segments_; ++segment) {
    if (next_row_[static_cast<std::size_t>(segment)] < first_row(segment + 1)) return false;
  }
  return true;
}

template <class T>
T Network<T>::sum_of_visits(Stop& stop) {
  const auto size = static_cast<Index>(sizeof(T));
  if (group_.size > 1) {
    const bool stopped = stop.poll(6 * static_cast<double>(w32_.size()));
    told_to_stop_ |=
        exchange({{g_.data(), stride_ * size, units_ * size}, {squares_.data(), kSquares * size, size}}, stopped);
  }
  T squares = squares_[0];
  for (Index segment = 1; segment < n_segments_; ++segment) {
    squares += squares_[segment * kSquares];
    for (Index j = 0; j < units_; ++j) g_[j] += g_[segment * stride_ + j];
  }
  return squares;
}

template <class T>
bool Network<T>::survives(Team& team, Stop& stop) {
  begin_visits();
  visit_left(team, false, stop, false);
  const double squares = static_cast<double>(sum_of_visits(stop));
  const double rate = static_cast<double>(rate_), limit = std::numeric_limits<T>::max() / 16;
  const double x = std::sqrt(data_->input_squares[item_]);
  // The bounds have grown with every presentation; whether this is the end is decided by the norms themselves.
  w32_norm_ = measured_w32_norm();
  lower_norm_ = frobenius(lower_.data(), lower_.size());
  const double g = frobenius(g_.data(), units_);
  const double w32 = w32_norm_ + rate * std::sqrt(squares) * frobenius(h_.data(), units_);
  const double lower = lower_norm_ + rate * g * x * std::max(1.0, x);
  return squares <= limit && g <= limit && w32 <= limit && lower * std::max(1.0, largest_input_) <= limit &&
         errors_stay_in_range(w32, lower);
}

template <class T>
void Network<T>::learn_lower(Team& team) {
  if (data_->inputs == nullptr) {
    T* row = lower_.data() + item_ * stride_;
    const auto step = static_cast<T>(static_cast<double>(rate_) * data_->input_squares[item_]);
    for (Index j = 0; j < units_; ++j) row[j] += step * g_[j];
    return;
  }
  const Index n_inputs = data_->n_inputs, parts = (n_inputs + kInputs - 1) / kInputs;
  hidden_item_ = schedule_.item(position_);
  team.share(parts, [&](Index part, int) {
    T* h = h_next_.data() + part * stride_;
    std::fill_n(h, units_, T{0});
    const Index first = part * kInputs;
    kernels_.update_and_forward({std::min(kInputs, n_inputs - first), lower_.data() + first * stride_, stride_, units_,
                                 data_->inputs + item_ * n_inputs + first,
                                 data_->inputs + hidden_item_ * n_inputs + first, rate_, g_.data(), h});
  });
  std::copy_n(h_next_.data(), units_, h_.data());
  for (Index part = 1; part < parts; ++part) {
    for (Index j = 0; j < units_; ++j) h_[j] += h_next_[part * stride_ + j];
  }
}

template <class T>
bool Network<T>::present_freely(std::uint64_t until) {
  // What bounds every single presentation costs more than a presentation of a toy network. Here some hundred go
  // without; if one of them has overflowed, it shows in the weights or in the squared errors, and they are repeated
  // with care.
  if (!spare_) spare_.emplace();
  take_snapshot(*spare_);
  const Index n = static_cast<Index>(std::min<std::uint64_t>(until - position_, kUnseen));
  coming_.resize(static_cast<std::size_t>(n));
  schedule_.items(position_, n, coming_.data());
  std::fill_n(squares_.data(), squares_.size(), T{0});
  T largest = 0;
  for (const Index item : coming_) {
    T* row = lower_.data() + item * stride_;
    for (Index j = 0; j < units_; ++j) rate_h_[j] = rate_ * row[j];
    std::fill_n(g_.data(), units_, T{0});
    for (Index segment = 0; segment < n_segments_; ++segment) {
      RowVisit<T> visit = row_visit(segment, &item);
      visit.h = row;
      if (segment > 0) std::fill_n(visit.g, units_, T{0});
      kernels_.visit(visit);
      for (Index j = 0; segment > 0 && j < units_; ++j) g_[j] += visit.g[j];
    }
    const auto step = static_cast<T>(static_cast<double>(rate_) * data_->input_squares[item]);
    for (Index j = 0; j < units_; ++j) {
      row[j] += step * g_[j];
      largest = std::max(largest, std::abs(g_[j]));
    }
  }
  position_ += static_cast<std::uint64_t>(n);
  w32_norm_ = measured_w32_norm();
  lower_norm_ = frobenius(lower_.data(), lower_.size());
  double squares = static_cast<double>(largest);
  for (Index segment = 0; segment < n_segments_; ++segment) {
    squares += static_cast<double>(squares_[segment * kSquares]);
  }
  // Far from where presentations are looked at one by one, so that only those looks decide.
  const double limit = 1e-8 * std::numeric_limits<T>::max() / std::max(1.0, largest_input_);
  if (squares <= limit && w32_norm_ <= limit && lower_norm_ <= limit &&
      errors_stay_in_range(1e4 * w32_norm_, lower_norm_)) {
    return true;
  }
  restore(*spare_);
  return false;
}

template bool Network<float>::errors_stay_in_range(double, double) const;
template bool Network<double>::errors_stay_in_range(double, double) const;
template bool Network<float>::present(Team&, Stop&, bool);
template bool Network<double>::present(Team&, Stop&, bool);
template bool Network<float>::present_freely(std::uint64_t);
template bool Network<double>::present_freely(std::uint64_t);
template void Network<float>::hidden_of_item(Index, float*);
template void Network<double>::hidden_of_item(Index, double*);
template RowVisit<float> Network<float>::row_visit(Index, const Index*);
template RowVisit<double> Network<double>::row_visit(Index, const Index*);

}  // namespace pylinear
