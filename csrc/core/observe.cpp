// What is recorded of a network: with Y^ = W32 W21 X, mode strength alpha is u_alpha^T Y^ c_alpha, where
// v_alpha = X c_alpha, and the loss is |Y - Y^|^2 / 2. Neither needs a singular value decomposition or W21 itself.

#include <algorithm>

#include "core/network.hpp"
#include "core/panels.hpp"

namespace pylinear {

template <class T>
void Network<T>::all_hidden(T* out) {
  if (route_ == Route::blocked) {
    std::copy_n(lower_.data(), lower_.size(), out);
    return;
  }
  for (Index p = 0; p < data_->n_items; ++p) hidden_of_item(p, out + p * stride_);
}

template <class T>
void Network<T>::pass_observation(Index segment, int rank) {
  const Index n_items = data_->n_items, n_modes = data_->n_modes, padded = round_up(n_items, kernels_.lanes);
  T* shown = residuals_.data() + rank * residual_size();
  T* products = seen_products_.data() + rank * n_modes * padded;
  std::fill_n(products, n_modes * padded, T{0});
  double squares = 0;
  const Index end = first_row(segment + 1);
  for (Index row = first_row(segment); row < end; row += panel_rows_) {
    const Index rows = std::min(panel_rows_, end - row);
    std::fill_n(shown, rows * padded, T{0});
    multiply_packed(kernels_, rows, hidden_, n_items, w32_.data() + row * stride_, stride_, 1, seen_packed_.data(),
                    shown);
    multiply_packed(kernels_, n_modes, rows, n_items, data_->synthesizers + row * n_modes, 1, n_modes, shown, products);
    const T* y = data_->outputs + row * n_items;
    for_packed(kernels_, rows, n_items, shown, [&](Index i, Index p, T output) {
      const double error = static_cast<double>(y[i * n_items + p]) - static_cast<double>(output);
      squares += error * error;
    });
  }
  double* strengths = seen_strengths_.data() + segment * n_modes;
  std::fill_n(strengths, n_modes, 0.0);
  for_packed(kernels_, n_modes, n_items, products, [&](Index alpha, Index p, T product) {
    strengths[alpha] += static_cast<double>(product) * data_->coefficients[p * n_modes + alpha];
  });
  seen_loss_[static_cast<std::size_t>(segment)] = squares / 2;
}

template <class T>
void Network<T>::observe(Member& member, Record<T>& record) {
  const Index n_items = data_->n_items, n_modes = data_->n_modes, padded = round_up(n_items, kernels_.lanes);
  if (!member.alone([&] {
        if (record.loss == nullptr && record.hidden == nullptr) return;
        if (seen_h_.size() == 0) seen_h_ = Array<T>(n_items * stride_);
        all_hidden(seen_h_.data());
        if (record.loss == nullptr) return;
        if (seen_packed_.size() == 0) seen_packed_ = Array<T>(hidden_ * padded);
        if (seen_products_.size() < member.size() * n_modes * padded) {
          seen_products_ = Array<T>(member.size() * n_modes * padded);
        }
        seen_strengths_.resize(static_cast<std::size_t>(n_segments_ * n_modes));
        seen_loss_.resize(static_cast<std::size_t>(n_segments_));
        pack(kernels_, hidden_, n_items, seen_packed_.data(),
             [&](Index j, Index p) { return seen_h_[p * stride_ + j]; });
      })) {
    return;
  }
  if (record.loss != nullptr) {
    const Index from = n_segments_ * member.rank() / member.size();
    const Index to = n_segments_ * (member.rank() + 1) / member.size();
    for (Index segment = from; segment < to; ++segment) pass_observation(segment, member.rank());
  }
  member.alone([&] {
    const Index t = record.done++;
    if (record.loss != nullptr) {
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
    copy_rows(w32_.data(), data_->n_features, record.w32);
  });
}

template void Network<float>::observe(Member&, Record<float>&);
template void Network<double>::observe(Member&, Record<double>&);

}  // namespace pylinear
