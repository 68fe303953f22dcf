// The blocked route. Let the columns of H be the hidden representations of b distinct items with mutually orthogonal
// inputs, in the order of presentation, as they stand before the block. No presentation of the block changes the hidden
// representation of another, so with K = H^T H and "upper" the strictly upper triangle,
//
//   T = I + rate upper(K),   R = Y - W32 H,   E = R T^-1,
//
// column n of E is the error at the presentation of item n, exactly, and the whole block amounts to
//
//   W32 += rate E H^T                           = R Z,  Z = rate T^-1 H^T
//   H   += rate (W32^T E + rate H upper(E^T E)) diag(|x|^2)
//
// with the old W32 and H on the right. Since W32^T E = (W32^T R) T^-1 and E^T E = T^-T (R^T R) T^-1, a visit to some
// rows of W32 needs no T: it forms R, adds to G = W32^T R and S = R^T R, and adds R Z to the rows while they are in the
// cache. All else is b x b or b x N2 and, but for T^-1 itself, shared among the threads by rows or columns.
//
// A batch is the same with T = I and without the last term: every presentation meets the weights of the block's start.
// H and G are stored transposed, one row a presentation.

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/network.hpp"
#include "core/panels.hpp"

namespace pylinear {

namespace {

/// Rows of a b x b matrix that are one task, and columns of a b x N2 matrix that are one.
constexpr Index kTaskRows = 12;

Index tasks(Index n, Index size) { return (n + size - 1) / size; }

}  // namespace

template <class T>
bool Network<T>::by_rows() const {
  return static_cast<Index>(block_.shown.size()) <= RowVisit<T>::kMost && update_ == Update::online;
}

template <class T>
bool Network<T>::open_block(Team& team, std::uint64_t until) {
  Block& block = block_;
  if (update_ == Update::batch) {
    block.shown.resize(static_cast<std::size_t>(data_->n_items));
    for (Index p = 0; p < data_->n_items; ++p) block.shown[static_cast<std::size_t>(p)] = p;
  } else {
    schedule_.block(position_, longest_block_, block.shown);
  }
  show_block(team);
  if (!block_stays_in_range()) return false;
  if (const std::uint64_t left = until - position_; left < block.shown.size()) {
    if (!spare_) spare_.emplace();
    take_snapshot(*spare_);
    snapshot_ = std::exchange(spare_, std::nullopt);
    block.shown.resize(left);
    show_block(team);
  }
  const auto b = static_cast<Index>(block.shown.size());
  if (update_ == Update::online) {
    team.share(tasks(stride_, kernels_.width), [&](Index task, int) {
      const Index unit = task * kernels_.width, width = std::min(kernels_.width, stride_ - unit);
      for (Index n = 0; n < b; ++n) std::fill_n(block.z.data() + n * stride_ + unit, width, T{0});
      for (Index n = 0; n < b; n += kTaskRows) {
        kernels_.product(std::min(kTaskRows, b - n), b - n, width, block.inverse.data() + n * block_stride_ + n,
                         block_stride_, 1, block.rate_h.data() + n * stride_ + unit, stride_,
                         block.z.data() + n * stride_ + unit, stride_);
      }
    });
  }
  for (Index segment = first_segment_; segment < first_segment_ + own_segments_; ++segment) {
    next_row_[static_cast<std::size_t>(segment)] = first_row(segment);
  }
  block.open = true;
  return true;
}

template <class T>
bool Network<T>::pass_block(Team& team, Stop& stop) {
  // Rows of W32 that have been visited cannot be restored to the last bit. A stop leaves the block open, and the next
  // call goes on with the rows that are left.
  Block& block = block_;
  const auto b = static_cast<Index>(block.shown.size());
  const double work = 6.0 * static_cast<double>(panel_rows_ * stride_ * b);
  const auto visit = [&](Index task, int rank) {
    const Index segment = first_segment_ + task;
    Index& row = next_row_[static_cast<std::size_t>(segment)];
    const Index end = first_row(segment + 1);
    if (row == first_row(segment)) {
      std::fill_n(block.g.data() + segment * longest_block_ * stride_, b * stride_, T{0});
      if (update_ == Update::online) {
        std::fill_n(block.s.data() + segment * longest_block_ * block_stride_, b * block_stride_, T{0});
      }
      std::fill_n(squares_.data() + segment * kSquares, kSquares, T{0});
      block.squares[static_cast<std::size_t>(segment)] = 0;
    }
    while (row < end) {
      const Index rows = std::min(by_rows() ? 4 * panel_rows_ : panel_rows_, end - row);
      if (by_rows()) {
        visit_rows(segment, row, rows);
      } else {
        visit_panel(segment, row, rows, residuals_.data() + rank * residual_size());
      }
      row += rows;
      // A group stops together, between blocks.
      if (group_.size == 1 && stop.reached(rank, work)) return;
    }
  };
  team.share(own_segments_, visit, group_.size == 1 ? &stop : nullptr);
  for (Index segment = first_segment_; segment < first_segment_ + own_segments_; ++segment) {
    if (next_row_[static_cast<std::size_t>(segment)] < first_row(segment + 1)) return false;
  }
  if (group_.size > 1) exchange_block(stop, 6.0 * static_cast<double>(w32_.size() * b));
  add_segments(team);
  if (update_ == Update::online) {
    close_block(team);
  } else {
    close_batch(team);
  }
  position_ += static_cast<std::uint64_t>(b);
  block.open = false;
  return true;
}

template <class T>
void Network<T>::exchange_block(Stop& stop, double work) {
  Block& block = block_;
  const auto size = static_cast<Index>(sizeof(T)), b = static_cast<Index>(block.shown.size());
  const Share g{block.g.data(), longest_block_ * stride_ * size, b * stride_ * size};
  Share squares{block.s.data(), longest_block_ * block_stride_ * size, b * block_stride_ * size};
  if (by_rows()) squares = {squares_.data(), kSquares * size, kSquares * size};
  if (update_ == Update::batch) squares = {block.squares.data(), sizeof(double), sizeof(double)};
  told_to_stop_ |= exchange({g, squares}, stop.poll(work));
}

template <class T>
void Network<T>::show_block(Team& team) {
  Block& block = block_;
  const auto b = static_cast<Index>(block.shown.size());
  // Columns of R that would fill less than half a register are left to dot products, which fill it with hidden units.
  const Index rest = b % kernels_.lanes;
  block.by_product = rest <= kernels_.lanes / 2 ? b - rest : b;
  if (by_rows()) block.by_product = 0;
  if (update_ == Update::batch && data_->inputs != nullptr) {
    all_hidden(block.h.data());
  } else {
    for (Index n = 0; n < b; ++n) {
      std::copy_n(lower_.data() + block.shown[static_cast<std::size_t>(n)] * stride_, stride_,
                  block.h.data() + n * stride_);
    }
  }
  const T* h = block.h.data();
  team.share(tasks(b, kTaskRows), [&](Index task, int) {
    const Index end = std::min(b, (task + 1) * kTaskRows) * stride_;
    for (Index i = task * kTaskRows * stride_; i < end; ++i) block.rate_h.data()[i] = rate_ * h[i];
  });
  team.share(tasks(block.by_product, kernels_.width), [&](Index task, int) {
    const Index first = task * kernels_.width, columns = std::min(kernels_.width, block.by_product - first);
    pack_columns(
        kernels_, hidden_, columns, T{-1}, [&](Index n) { return h + (first + n) * stride_; },
        block.minus_h.data() + first * hidden_);
  });
  block.h_norm = frobenius(h, b * stride_);
  block.inverse_norm = std::sqrt(static_cast<double>(b));
  if (update_ == Update::batch) {
    std::copy_n(block.rate_h.data(), b * stride_, block.z.data());
  } else {
    invert(team);
  }
}

template <class T>
void Network<T>::invert(Team& team) {
  Block& block = block_;
  const auto b = static_cast<Index>(block.shown.size());
  T* step = block.minus_k.data();
  T* inverse = block.inverse.data();
  const Index stride = block_stride_;
  team.share(tasks(b, kTaskRows), [&](Index task, int) {
    const Index row = task * kTaskRows, rows = std::min(kTaskRows, b - row);
    std::fill_n(step + row * stride, rows * stride, T{0});
    for_panels(kernels_, block.by_product, [&](Index first, Index width) {
      if (first + width <= row) return;
      kernels_.product(rows, hidden_, width, block.h.data() + row * stride_, stride_, 1,
                       block.minus_h.data() + first * hidden_, width, step + row * stride + first, stride);
    });
    subtract_rest(block.h.data() + row * stride_, rows, step + row * stride, stride);
    for (Index m = row; m < row + rows; ++m) {
      for (Index n = 0; n < stride; ++n) step[m * stride + n] = n > m ? rate_ * step[m * stride + n] : T{0};
    }
  });
  // T^-1 = I - rate upper(K) T^-1, a few rows at a time from the last one up.
  for (Index row = (tasks(b, kTaskRows) - 1) * kTaskRows; row >= 0; row -= kTaskRows) {
    const Index rows = std::min(kTaskRows, b - row), below = row + rows;
    std::fill_n(inverse + row * stride, rows * stride, T{0});
    for (Index m = row; m < below; ++m) inverse[m * stride + m] = 1;
    const Index first = row / kernels_.lanes * kernels_.lanes, width = round_up(b, kernels_.lanes) - first;
    kernels_.product(rows, b - below, width, step + row * stride + below, stride, 1, inverse + below * stride + first,
                     stride, inverse + row * stride + first, stride);
    for (Index m = below - 1; m >= row; --m) {
      kernels_.product(1, below - m - 1, width, step + m * stride + m + 1, stride, 1,
                       inverse + (m + 1) * stride + first, stride, inverse + m * stride + first, stride);
    }
  }
  block.inverse_norm = frobenius(inverse, b * stride);
}

template <class T>
bool Network<T>::block_stays_in_range() {
  // Every number that the block can form is bounded by a product of Frobenius norms. A run that converges is far below
  // the limit; one that is about to overflow goes on presentation by presentation.
  const Block& block = block_;
  const double rate = static_cast<double>(rate_), limit = std::numeric_limits<T>::max() / 16;
  const double square = largest_input_ * largest_input_;
  const auto in_range = [&] {
    const double r = outputs_norm_ + w32_norm_ * block.h_norm, e = r * block.inverse_norm;
    const double g = w32_norm_ * e + rate * block.h_norm * e * e;
    const double h = block.h_norm + rate * square * g;
    const double lower = lower_norm_ + rate * std::max(1.0, square) * g;
    const double w32 = w32_norm_ + rate * r * block.inverse_norm * block.h_norm;
    return r <= limit && g <= limit && h <= limit && lower <= limit && std::max(r * r, e * e) <= limit &&
           w32 <= limit && errors_stay_in_range(w32, lower);
  };
  if (update_ == Update::batch) {
    // The bounds have grown with every epoch; whether this is the end is decided by the norms themselves.
    if (!in_range()) weights_changed();
    if (!in_range()) status_ = Status::diverged;
    return status_ == Status::ok;
  }
  return in_range();
}

template <class T>
void Network<T>::subtract_rest(const T* rows, Index n, T* out, Index out_stride) {
  const auto b = static_cast<Index>(block_.shown.size());
  for (Index first = block_.by_product; first < b; first += RowVisit<T>::kMost) {
    kernels_.subtract_dots({std::min(RowVisit<T>::kMost, b - first), n, units_, rows, stride_,
                            block_.h.data() + first * stride_, stride_, out + first, out_stride});
  }
}

template <class T>
void Network<T>::visit_rows(Index segment, Index row, Index rows) {
  RowVisit<T> visit = row_visit(segment, block_.shown.data());
  const Index skipped = row - first_row(segment);
  visit.b = static_cast<Index>(block_.shown.size());
  visit.rows = rows;
  visit.w32 += skipped * stride_;
  visit.y += skipped * data_->n_items;
  visit.h = block_.h.data();
  visit.z = block_.z.data();
  visit.g = block_.g.data() + segment * longest_block_ * stride_;
  kernels_.visit(visit);
}

template <class T>
void Network<T>::visit_panel(Index segment, Index row, Index rows, T* residual) {
  Block& block = block_;
  const Index b = static_cast<Index>(block.shown.size()), stride = row_stride<T>(round_up(b, kernels_.lanes));
  T* w32 = w32_row(row);
  T* g = block.g.data() + segment * longest_block_ * stride_;
  for (Index i = 0; i < rows; ++i) {
    const T* y = outputs_row(row + i);
    T* r = residual + i * stride;
    for (Index n = 0; n < b; ++n) r[n] = y[block.shown[static_cast<std::size_t>(n)]];
    std::fill_n(r + b, stride - b, T{0});
  }
  for_panels(kernels_, block.by_product, [&](Index first, Index width) {
    kernels_.product(rows, hidden_, width, w32, stride_, 1, block.minus_h.data() + first * hidden_, width,
                     residual + first, stride);
  });
  subtract_rest(w32, rows, residual, stride);
  if (update_ == Update::batch) {
    block.squares[static_cast<std::size_t>(segment)] += sum_of_squares(residual, rows * stride);
  } else {
    // R^T R, of which the upper triangle is needed.
    T* s = block.s.data() + segment * longest_block_ * block_stride_;
    for_panels(kernels_, b, [&](Index first, Index width) {
      kernels_.product(std::min(b, first + width), rows, width, residual, 1, stride, residual + first, stride,
                       s + first, block_stride_);
    });
  }
  for_panels(kernels_, units_, [&](Index unit, Index width) {
    kernels_.product(b, rows, width, residual, 1, stride, w32 + unit, stride_, g + unit, stride_);
    kernels_.product(rows, b, width, residual, stride, 1, block.z.data() + unit, stride_, w32 + unit, stride_);
  });
}

template <class T>
void Network<T>::add_segments(Team& team) {
  Block& block = block_;
  const auto b = static_cast<Index>(block.shown.size());
  for (Index segment = 0; segment < n_segments_; ++segment) {
    T* s = block.s.data() + segment * longest_block_ * block_stride_;
    for (Index m = 0; by_rows() && m < b; ++m) {
      std::copy_n(squares_.data() + segment * kSquares + m * RowVisit<T>::kMost, b, s + m * block_stride_);
    }
    if (update_ == Update::batch) continue;
    double& squares = block.squares[static_cast<std::size_t>(segment)];
    squares = 0;
    for (Index m = 0; m < b; ++m) squares += static_cast<double>(s[m * block_stride_ + m]);
  }
  const auto add_rows = [&](Index n) {
    T* g = block.g.data() + n * stride_;
    for (Index segment = 1; segment < n_segments_; ++segment) {
      const T* part = g + segment * longest_block_ * stride_;
      for (Index j = 0; j < units_; ++j) g[j] += part[j];
    }
    if (update_ == Update::batch) return;
    T* s = block.s.data() + n * block_stride_;
    for (Index segment = 1; segment < n_segments_; ++segment) {
      const T* part = s + segment * longest_block_ * block_stride_;
      for (Index m = n; m < b; ++m) s[m] += part[m];
    }
    for (Index m = n + 1; m < b; ++m) block.s.data()[m * block_stride_ + n] = s[m];
  };
  team.share(tasks(b, kTaskRows), [&](Index task, int) {
    for (Index n = task * kTaskRows; n < std::min(b, (task + 1) * kTaskRows); ++n) add_rows(n);
  });
  double squares = 0;
  for (const double part : block.squares) squares += part;
  w32_norm_ += std::sqrt(squares) * block.inverse_norm * block.h_norm * static_cast<double>(rate_);
}

template <class T>
void Network<T>::errors_gram(Index first, Index rows) {
  // Rows of T^-T S T^-1, and of what the new hidden representations take from it and from T^-1.
  Block& block = block_;
  const Index b = static_cast<Index>(block.shown.size()), stride = block_stride_, width = round_up(b, kernels_.lanes);
  T* left = block.left.data() + first * stride;
  T* errors = block.errors.data() + first * stride;
  std::fill_n(left, rows * stride, T{0});
  std::fill_n(errors, rows * stride, T{0});
  kernels_.product(rows, first + rows, width, block.inverse.data() + first, 1, stride, block.s.data(), stride, left,
                   stride);
  for_panels(kernels_, b, [&](Index column, Index columns) {
    if (column + columns <= first) return;
    kernels_.product(rows, std::min(b, column + columns), columns, left, stride, 1, block.inverse.data() + column,
                     stride, errors + column, stride);
  });
  for (Index m = first; m < first + rows; ++m) {
    for (Index n = 0; n < b; ++n) {
      const double square = data_->input_squares[block.shown[static_cast<std::size_t>(n)]];
      const auto learning = static_cast<T>(static_cast<double>(rate_) * square);
      block.mix_g[m * stride + n] = learning * block.inverse[m * stride + n];
      block.mix_h[m * stride + n] = n > m ? learning * block.errors[m * stride + n] : T{0};
    }
  }
}

template <class T>
void Network<T>::close_block(Team& team) {
  Block& block = block_;
  const auto b = static_cast<Index>(block.shown.size());
  team.share(tasks(b, kTaskRows),
             [&](Index task, int) { errors_gram(task * kTaskRows, std::min(kTaskRows, b - task * kTaskRows)); });
  team.share(tasks(units_, kernels_.width), [&](Index task, int) {
    const Index unit = task * kernels_.width, width = std::min(kernels_.width, units_ - unit);
    for (Index n = 0; n < b; n += kTaskRows) {
      const Index rows = std::min(kTaskRows, b - n);
      T* h = block.h.data() + n * stride_ + unit;
      kernels_.product(rows, n + rows, width, block.mix_g.data() + n, 1, block_stride_, block.g.data() + unit, stride_,
                       h, stride_);
      kernels_.product(rows, n + rows, width, block.mix_h.data() + n, 1, block_stride_, block.rate_h.data() + unit,
                       stride_, h, stride_);
      for (Index m = n; m < n + rows; ++m) {
        std::copy_n(block.h.data() + m * stride_ + unit, width,
                    lower_.data() + block.shown[static_cast<std::size_t>(m)] * stride_ + unit);
      }
    }
  });
}

template <class T>
void Network<T>::close_batch(Team& team) {
  const Index b = data_->n_items;
  const T* g = block_.g.data();
  const double before = lower_norm_;
  team.share(tasks(units_, kernels_.width), [&](Index task, int) {
    const Index unit = task * kernels_.width, width = std::min(kernels_.width, units_ - unit);
    for (Index p = 0; p < b; ++p) {
      const double square = data_->inputs == nullptr ? data_->input_squares[p] : 1.0;
      const auto step = static_cast<T>(static_cast<double>(rate_) * square);
      T* scaled = block_.g.data() + p * stride_ + unit;
      for (Index j = 0; j < width; ++j) scaled[j] *= step;
    }
    if (data_->inputs != nullptr) {
      kernels_.product(lower_rows_, b, width, data_->inputs, 1, data_->n_inputs, g + unit, stride_,
                       lower_.data() + unit, stride_);
    } else {
      for (Index p = 0; p < b; ++p) {
        T* row = lower_.data() + p * stride_ + unit;
        for (Index j = 0; j < width; ++j) row[j] += g[p * stride_ + unit + j];
      }
    }
  });
  const double moved = frobenius(g, b * stride_) * (data_->inputs == nullptr ? 1.0 : largest_input_);
  lower_norm_ = before + moved * std::sqrt(static_cast<double>(b));
}

template bool Network<float>::open_block(Team&, std::uint64_t);
template bool Network<double>::open_block(Team&, std::uint64_t);
template bool Network<float>::pass_block(Team&, Stop&);
template bool Network<double>::pass_block(Team&, Stop&);

}  // namespace pylinear
