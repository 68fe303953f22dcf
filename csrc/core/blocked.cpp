// The blocked route. Let the columns of H be the hidden representations of b distinct items with mutually orthogonal
// inputs, as they stand before the block. No presentation of the block changes the hidden representation of another,
// so with K = H^T H, "upper" keeping the entries (m, n) whose item m is presented before item n, and
//
//   T = I + rate upper(K),   R = Y - W32 H,   E = R T^-1,
//
// column n of E is the error at the presentation of item n, exactly, and the whole block amounts to
//
//   W32 += rate E H^T                           = R Z,  Z = rate T^-1 H^T
//   H   += rate (W32^T E + rate H upper(E^T E)) diag(|x|^2)
//
// with the old W32 and H on the right. Since W32^T E = (W32^T R) T^-1 and E^T E = T^-T (R^T R) T^-1, a visit to some
// rows of W32 needs neither T nor the order of presentation: it forms R, adds to G = W32^T R and S = R^T R, and
// adds R Z to the rows while they are in the cache.

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/network.hpp"
#include "core/panels.hpp"

namespace pylinear {

template <class T>
bool Network<T>::open_block(std::uint64_t until) {
  schedule_.block(position_, longest_block_, block_.shown);
  prepare_block();
  if (!block_stays_in_range()) return false;
  const std::uint64_t left = until - position_;
  if (left < block_.shown.size()) {
    Snapshot snapshot{Array<T>(w32_.size()), Array<T>(lower_.size()), w32_norm_, position_};
    std::copy_n(w32_.data(), w32_.size(), snapshot.w32.data());
    std::copy_n(lower_.data(), lower_.size(), snapshot.lower.data());
    snapshot_ = std::move(snapshot);
    block_.shown.resize(left);
    prepare_block();
  }
  step_ = Step::block;
  return true;
}

template <class T>
void Network<T>::prepare_block() {
  Block& block = block_;
  const auto b = static_cast<Index>(block.shown.size());
  block.items = block.shown;
  std::sort(block.items.begin(), block.items.end());
  block.order.resize(block.shown.size());
  block.rank.resize(block.shown.size());
  for (std::size_t m = 0; m < block.shown.size(); ++m) {
    const auto found = std::lower_bound(block.items.begin(), block.items.end(), block.shown[m]);
    block.order[m] = found - block.items.begin();
    block.rank[static_cast<std::size_t>(block.order[m])] = static_cast<Index>(m);
  }

  T* h = block.h.data();
  for (Index c = 0; c < b; ++c) {
    const T* row = lower_.data() + block.items[static_cast<std::size_t>(c)] * stride_;
    std::copy_n(row, stride_, h + c * stride_);
  }
  block.h_norm = frobenius(h, b * stride_);
  pack(kernels_, hidden_, b, block.minus_h.data(), [&](Index j, Index c) { return -h[c * stride_ + j]; });
  pack(kernels_, b, stride_, block.rate_h.data(), [&](Index c, Index j) { return rate_ * h[c * stride_ + j]; });

  std::fill_n(block.k.data(), block.k.size(), T{0});
  multiply_packed(kernels_, b, hidden_, b, h, stride_, 1, block.minus_h.data(), block.k.data());
  T* inverse = block.inverse_t.data();
  T* step = block.mix.data();
  for_packed(kernels_, b, b, block.k.data(), [&](Index p, Index c, T entry) { step[p * b + c] = rate_ * entry; });
  // Row c of inverse_t holds the coefficients of E's column c in terms of R's columns: its own, less what the items
  // presented before it have taught it.
  for (Index n = 0; n < b; ++n) {
    const Index c = block.order[static_cast<std::size_t>(n)];
    T* row = inverse + c * b;
    std::fill_n(row, b, T{0});
    row[c] = 1;
    for (Index m = 0; m < n; ++m) {
      const Index p = block.order[static_cast<std::size_t>(m)];
      const T* earlier = inverse + p * b;
      const T factor = step[p * b + c];
      for (Index i = 0; i < b; ++i) row[i] += factor * earlier[i];
    }
  }
  block.inverse_norm = frobenius(inverse, b * b);
  pack(kernels_, b, b, block.inverse.data(), [&](Index p, Index c) { return inverse[c * b + p]; });

  std::fill_n(block.z.data(), b * stride_, T{0});
  multiply_packed(kernels_, b, b, stride_, inverse, 1, b, block.rate_h.data(), block.z.data());
  block.z_norm = frobenius(block.z.data(), b * stride_);
}

template <class T>
bool Network<T>::block_stays_in_range() const {
  // Every number that the block can form is bounded by a product of Frobenius norms. A run that converges is far below
  // the limit; one that is about to overflow goes on presentation by presentation.
  const Block& block = block_;
  const double rate = static_cast<double>(rate_), limit = std::numeric_limits<T>::max() / 16;
  // A block forms squares that single presentations do not. On scales where those lose digits, it is not taken.
  const double small =
      std::sqrt(static_cast<double>(std::numeric_limits<T>::min())) / std::numeric_limits<T>::epsilon();
  if (outputs_norm_ < small || rate < small || rate > 1 / small) return false;
  const double r = outputs_norm_ + w32_norm_ * block.h_norm;
  const double g =
      w32_norm_ * r * block.inverse_norm + rate * block.h_norm * r * r * block.inverse_norm * block.inverse_norm;
  const double h = block.h_norm + rate * largest_input_ * largest_input_ * g;
  const double s = r * r * std::max(1.0, block.inverse_norm * block.inverse_norm);
  return r <= limit && g <= limit && h <= limit && s <= limit && w32_norm_ + r * block.z_norm <= limit;
}

template <class T>
void Network<T>::pass_block(Index segment, T* residual) {
  const Index b = static_cast<Index>(block_.shown.size()), n_items = data_->n_items;
  T* g = block_.g.data() + segment * block_g_size_;
  T* s = block_.s.data() + segment * block_s_size_;
  std::fill_n(g, block_g_size_, T{0});
  std::fill_n(s, block_s_size_, T{0});
  const Index end = first_row(segment + 1);
  for (Index row = first_row(segment); row < end; row += panel_rows_) {
    const Index rows = std::min(panel_rows_, end - row);
    T* w32 = w32_.data() + row * stride_;
    const T* y = data_->outputs + row * n_items;
    if (b == n_items) {
      pack(kernels_, rows, b, residual, [&](Index i, Index c) { return y[i * n_items + c]; });
    } else {
      const Index* items = block_.items.data();
      pack(kernels_, rows, b, residual, [&](Index i, Index c) { return y[i * n_items + items[c]]; });
    }
    multiply_packed(kernels_, rows, hidden_, b, w32, stride_, 1, block_.minus_h.data(), residual);
    multiply_packed(kernels_, hidden_, rows, b, w32, 1, stride_, residual, g);
    for_panels(kernels_, b, [&](Index first, Index width) {
      const Index columns = std::min(width, b - first);
      const T* left = residual + first * rows;
      for_panels(kernels_, b, [&](Index second, Index to_width) {
        kernels_.product(columns, rows, to_width, left, 1, width, residual + second * rows,
                         s + second * b + first * to_width, to_width);
      });
      for_panels(kernels_, stride_, [&](Index unit, Index to_width) {
        kernels_.product(rows, columns, to_width, left, width, 1, block_.z.data() + unit * b + first * to_width,
                         w32 + unit, stride_);
      });
    });
  }
}

template <class T>
void Network<T>::close_block() {
  Block& block = block_;
  const auto b = static_cast<Index>(block.shown.size());
  T* g = block.g.data();
  T* s = block.s.data();
  for (Index segment = 1; segment < n_segments_; ++segment) {
    for (Index i = 0; i < block_g_size_; ++i) g[i] += g[segment * block_g_size_ + i];
    for (Index i = 0; i < block_s_size_; ++i) s[i] += s[segment * block_s_size_ + i];
  }
  double squares = 0;
  for_packed(kernels_, b, b, s, [&](Index p, Index c, T entry) { squares += p == c ? static_cast<double>(entry) : 0; });
  w32_norm_ += std::sqrt(squares) * block.z_norm;

  // The Gram matrix of the errors, T^-T S T^-1.
  std::fill_n(block.s_left.data(), block.s_left.size(), T{0});
  std::fill_n(block.s_errors.data(), block.s_errors.size(), T{0});
  multiply_packed(kernels_, b, b, b, block.inverse_t.data(), b, 1, s, block.s_left.data());
  multiply_both_packed(kernels_, b, b, b, block.s_left.data(), block.inverse.data(), block.s_errors.data());

  for_packed(kernels_, hidden_, b, g, [&](Index j, Index p, T entry) {
    const Index first = j / kernels_.width * kernels_.width;
    const Index width = panel_width(kernels_, stride_, j / kernels_.width);
    block.g_rows[first * b + p * width + j - first] = entry;
  });
  const auto add_to_h = [&](const T* packed) {
    for_panels(kernels_, stride_, [&](Index first, Index width) {
      kernels_.product(b, b, width, block.mix.data(), b, 1, packed + first * b, block.h.data() + first, stride_);
    });
  };
  const auto learning = [&](Index c) {
    const double square = data_->input_squares[block.items[static_cast<std::size_t>(c)]];
    return static_cast<T>(static_cast<double>(rate_) * square);
  };
  for (Index c = 0; c < b; ++c) {
    for (Index p = 0; p < b; ++p) block.mix[c * b + p] = learning(c) * block.inverse_t[c * b + p];
  }
  add_to_h(block.g_rows.data());
  for_packed(kernels_, b, b, block.s_errors.data(), [&](Index p, Index c, T entry) {
    const bool before = block.rank[static_cast<std::size_t>(p)] < block.rank[static_cast<std::size_t>(c)];
    block.mix[c * b + p] = before ? learning(c) * entry : T{0};
  });
  add_to_h(block.rate_h.data());
  for (Index c = 0; c < b; ++c) {
    T* row = lower_.data() + block.items[static_cast<std::size_t>(c)] * stride_;
    std::copy_n(block.h.data() + c * stride_, stride_, row);
  }
  position_ += block.shown.size();
}

template bool Network<float>::open_block(std::uint64_t);
template bool Network<double>::open_block(std::uint64_t);
template void Network<float>::prepare_block();
template void Network<double>::prepare_block();
template bool Network<float>::block_stays_in_range() const;
template bool Network<double>::block_stays_in_range() const;
template void Network<float>::pass_block(Index, float*);
template void Network<double>::pass_block(Index, double*);
template void Network<float>::close_block();
template void Network<double>::close_block();

}  // namespace pylinear
