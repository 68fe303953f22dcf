// What is recorded of a network: with Y^ = W32 W21 X, mode strength alpha is u_alpha^T Y^ c_alpha, where
// v_alpha = X c_alpha, and the loss is |Y - Y^|^2 / 2. Neither needs a singular value decomposition or W21 itself.

#include <algorithm>
#include <atomic>

#include "core/network.hpp"
#include "core/panels.hpp"

namespace pylinear {

template <class T>
void Network<T>::all_hidden(T* out) {
  if (data_->inputs == nullptr) {
    std::copy_n(lower_.data(), lower_.size(), out);
    return;
  }
  for (Index p = 0; p < data_->n_items; ++p) hidden_of_item(p, out + p * stride_);
}

template <class T>
bool Network<T>::observe_segment(Index segment, int rank, Stop& stop) {
  const Index n_items = data_->n_items, n_modes = data_->n_modes;
  const Index stride = row_stride<T>(round_up(n_items, kernels_.lanes));
  T* shown = residuals_.data() + rank * residual_size();
  T* products = seen_products_.data() + rank * n_modes * stride;
  std::fill_n(products, n_modes * stride, T{0});
  double squares = 0;
  const Index end = first_row(segment + 1);
  for (Index row = first_row(segment); row < end; row += panel_rows_) {
    const Index rows = std::min(panel_rows_, end - row);
    if (group_.size == 1 && stop.reached(rank, 4.0 * static_cast<double>(rows * stride_ * n_items))) return false;
    std::fill_n(shown, rows * stride, T{0});
    for_panels(kernels_, n_items, [&](Index first, Index width) {
      kernels_.product(rows, hidden_, width, w32_row(row), stride_, 1, seen_panels_.data() + first * hidden_, width,
                       shown + first, stride);
      kernels_.product(n_modes, rows, width, data_->synthesizers + (row - rows_.first) * n_modes, 1, n_modes,
                       shown + first, stride, products + first, stride);
    });
    const T* y = outputs_row(row);
    for (Index i = 0; i < rows; ++i) {
      for (Index p = 0; p < n_items; ++p) {
        const double error = static_cast<double>(y[i * n_items + p]) - static_cast<double>(shown[i * stride + p]);
        squares += error * error;
      }
    }
  }
  double* strengths = seen_strengths_.data() + segment * n_modes;
  std::fill_n(strengths, n_modes, 0.0);
  for (Index alpha = 0; alpha < n_modes; ++alpha) {
    for (Index p = 0; p < n_items; ++p) {
      strengths[alpha] += static_cast<double>(products[alpha * stride + p]) * data_->coefficients[p * n_modes + alpha];
    }
  }
  seen_loss_[static_cast<std::size_t>(segment)] = squares / 2;
  return true;
}

template <class T>
bool Network<T>::observe(Team& team, Record<T>& record, Stop& stop) {
  const Index n_items = data_->n_items, n_modes = data_->n_modes, t = record.done;
  if (record.loss != nullptr || record.hidden != nullptr) {
    if (seen_h_.size() == 0) seen_h_ = Array<T>(n_items * stride_);
    all_hidden(seen_h_.data());
  }
  if (record.loss != nullptr) {
    const Index products = team.size() * n_modes * row_stride<T>(round_up(n_items, kernels_.lanes));
    if (seen_panels_.size() == 0) seen_panels_ = Array<T>(hidden_ * round_up(n_items, kernels_.lanes));
    if (seen_products_.size() < products) seen_products_ = Array<T>(products);
    seen_strengths_.resize(static_cast<std::size_t>(n_segments_ * n_modes));
    seen_loss_.resize(static_cast<std::size_t>(n_segments_));
    pack_columns(
        kernels_, hidden_, n_items, T{1}, [&](Index p) { return seen_h_.data() + p * stride_; }, seen_panels_.data());
    std::atomic<bool> complete{true};
    const auto observe_part = [&](Index task, int rank) {
      if (!observe_segment(first_segment_ + task, rank, stop)) complete.store(false, std::memory_order_relaxed);
    };
    team.share(own_segments_, observe_part, group_.size == 1 ? &stop : nullptr);
    // Once it has been decided to stop, parts may not even have been begun.
    if (!complete.load() || (group_.size == 1 && stop.decided())) return false;
    const auto size = static_cast<Index>(sizeof(double));
    if (exchange({{seen_strengths_.data(), n_modes * size, n_modes * size}, {seen_loss_.data(), size, size}},
                 group_.size > 1 && stop.poll(4 * static_cast<double>(w32_.size() * n_items)))) {
      return false;
    }
    record.loss[t] = 0;
    double* strengths = record.mode_strengths + t * n_modes;
    std::fill_n(strengths, n_modes, 0.0);
    for (Index segment = 0; segment < n_segments_; ++segment) {
      record.loss[t] += seen_loss_[static_cast<std::size_t>(segment)];
      for (Index alpha = 0; alpha < n_modes; ++alpha) {
        strengths[alpha] += seen_strengths_[static_cast<std::size_t>(segment * n_modes + alpha)];
      }
    }
  }
  const auto copy_rows = [&](const T* from, Index rows, T* to) {
    if (to == nullptr) return;
    for (Index i = 0; i < rows; ++i) std::copy_n(from + i * stride_, hidden_, to + (t * rows + i) * hidden_);
  };
  copy_rows(seen_h_.data(), n_items, record.hidden);
  copy_rows(lower_.data(), lower_rows_, record.lower);
  copy_rows(w32_.data(), rows_.end - rows_.first, record.w32);
  ++record.done;
  return true;
}

template bool Network<float>::observe(Team&, Record<float>&, Stop&);
template bool Network<double>::observe(Team&, Record<double>&, Stop&);
template void Network<float>::all_hidden(float*);
template void Network<double>::all_hidden(double*);

}  // namespace pylinear
