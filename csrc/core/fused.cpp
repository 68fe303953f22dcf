// One presentation at a time, for any inputs: a pass over the rows of W32 (kernels.hpp: RowPass), then one over those
// of W21 (InputPass). The blocked route comes here too when a block might overflow.

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/network.hpp"

namespace pylinear {

template <class T>
void Network<T>::hidden_of_item(Index item, T* h) {
  std::fill_n(h, stride_, T{0});
  kernels_.forward(
      {data_->n_inputs, lower_.data(), stride_, nullptr, data_->inputs + item * data_->n_inputs, 0, nullptr, h});
}

template <class T>
void Network<T>::open_presentation() {
  item_ = schedule_.item(position_);
  const double rate = static_cast<double>(rate_), limit = std::numeric_limits<T>::max() / 16;
  const double x = std::sqrt(data_->input_squares[item_]);
  if (route_ == Route::blocked) {
    std::copy_n(lower_.data() + item_ * stride_, stride_, h_.data());
    step_ = Step::probe;
    return;
  }
  if (!hidden_known_) hidden_of_item(item_, h_.data());
  hidden_known_ = true;
  const double h = frobenius(h_.data(), stride_);
  const double delta = item_norms_[static_cast<std::size_t>(item_)] + w32_norm_ * h;
  const double g = w32_norm_ * delta, w21 = lower_norm_ + rate * g * x;
  const bool finite = delta * delta <= limit && g <= limit && w32_norm_ + rate * delta * h <= limit &&
                      w21 * std::max(1.0, largest_input_) <= limit;
  step_ = finite ? Step::present : Step::probe;
}

template <class T>
void Network<T>::pass_presentation(Index segment, bool write) {
  const Index row = first_row(segment);
  T* carried = carried_.data() + segment * stride_;
  std::fill_n(carried, stride_, T{0});
  const RowPass<T> pass{first_row(segment + 1) - row,
                        w32_.data() + row * stride_,
                        stride_,
                        data_->outputs + row * data_->n_items + item_,
                        data_->n_items,
                        h_.data(),
                        rate_,
                        carried};
  squares_[segment] = write ? kernels_.present(pass) : kernels_.probe(pass);
}

template <class T>
void Network<T>::close_presentation(bool written) {
  T* g = carried_.data();
  double squares = static_cast<double>(squares_[0]);
  for (Index segment = 1; segment < n_segments_; ++segment) {
    squares += static_cast<double>(squares_[segment]);
    for (Index j = 0; j < stride_; ++j) g[j] += carried_[segment * stride_ + j];
  }
  const double rate = static_cast<double>(rate_), x = std::sqrt(data_->input_squares[item_]);
  // The bound has grown with every block; whether this is the end is decided by the norm itself.
  if (!written) w32_norm_ = frobenius(w32_.data(), w32_.size());
  const double w32_norm = w32_norm_ + rate * std::sqrt(squares) * frobenius(h_.data(), stride_);
  const double g_norm = frobenius(g, stride_);
  if (!written) {
    const double limit = std::numeric_limits<T>::max() / 16;
    const double lower = frobenius(lower_.data(), lower_.size()) + rate * g_norm * x * std::max(1.0, x);
    if (squares <= limit && g_norm <= limit && w32_norm <= limit && lower * std::max(1.0, largest_input_) <= limit) {
      probed_ = true;
    } else {
      status_ = Status::diverged;
    }
    return;
  }
  probed_ = false;
  w32_norm_ = w32_norm;
  lower_norm_ += rate * g_norm * x;
  ++position_;
  if (route_ == Route::blocked) {
    T* row = lower_.data() + item_ * stride_;
    const auto step = static_cast<T>(rate * data_->input_squares[item_]);
    for (Index j = 0; j < stride_; ++j) row[j] += step * g[j];
    return;
  }
  const Index n_inputs = data_->n_inputs;
  std::fill_n(h_next_.data(), stride_, T{0});
  kernels_.update_and_forward({n_inputs, lower_.data(), stride_, data_->inputs + item_ * n_inputs,
                               data_->inputs + schedule_.item(position_) * n_inputs, rate_, g, h_next_.data()});
  std::swap(h_, h_next_);
}

template void Network<float>::hidden_of_item(Index, float*);
template void Network<double>::hidden_of_item(Index, double*);
template void Network<float>::open_presentation();
template void Network<double>::open_presentation();
template void Network<float>::pass_presentation(Index, bool);
template void Network<double>::pass_presentation(Index, bool);
template void Network<float>::close_presentation(bool);
template void Network<double>::close_presentation(bool);

}  // namespace pylinear
