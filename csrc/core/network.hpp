#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "core/array.hpp"
#include "core/schedule.hpp"
#include "core/team.hpp"
#include "kernels/kernels.hpp"

namespace pylinear {

/// What is learned, shared by many networks. Row-major arrays that `owner` keeps alive.
template <class T>
struct TrainingSet {
  Index n_items, n_inputs, n_features, n_modes;
  const T* outputs;             // n_features x n_items: outputs[i * n_items + p] is feature i of item p
  const T* inputs;              // n_items x n_inputs: row p is the input vector of item p; null on the blocked route
  const double* input_squares;  // n_items: |x_p|^2
  const T* synthesizers;        // n_features x n_modes: column alpha is u_alpha
  const double* coefficients;   // n_items x n_modes: v_alpha = sum_p coefficients[p, alpha] x_p
  std::shared_ptr<const void> owner;
};

/// The square root of the sum of the squares of n numbers, also where the squares themselves would overflow.
template <class T>
double frobenius(const T* numbers, Index n) {
  double squares = 0;
  for (Index i = 0; i < n; ++i) squares += static_cast<double>(numbers[i]) * static_cast<double>(numbers[i]);
  if (squares < std::numeric_limits<double>::max()) return std::sqrt(squares);
  double largest = 0;
  for (Index i = 0; i < n; ++i) largest = std::max(largest, std::abs(static_cast<double>(numbers[i])));
  squares = 0;
  for (Index i = 0; i < n; ++i) {
    const double scaled = static_cast<double>(numbers[i]) / largest;
    squares += scaled * scaled;
  }
  return largest * std::sqrt(squares);
}

/// blocked: mutually orthogonal inputs; a block of distinct items is one pass over W32. fused: any inputs; a
/// presentation is one pass over W32 and one over W21. Both give the trajectory of equations (3) and (4).
enum class Route { blocked, fused };

enum class Status { ok, diverged, interrupted };

/// Where the observations of a run go; a null pointer is not written.
template <class T>
struct Record {
  std::vector<std::uint64_t> presentations;  // T of them, not decreasing
  double* mode_strengths;                    // T x n_modes: u_alpha^T W32 W21 v_alpha
  double* loss;                              // T: half the squared error, summed over the items
  T* hidden;                                 // T x n_items x hidden: row p is W21 x_p
  T* lower;                                  // T x lower_rows x hidden: see Network::lower
  T* w32;                                    // T x n_features x hidden
  Index done = 0;                            // how many of the T have been written
};

/// One network with one hidden layer, trained one presentation at a time.
///
/// The rows of W32 are split into segments whose sums over features are added up row by row, and then segment by
/// segment. The split depends on the sizes alone, so the trajectory is the same for any number of threads.
template <class T>
class Network {
 public:
  Network(std::shared_ptr<const TrainingSet<T>> data, Route route, Index hidden, double rate, Schedule schedule);

  /// Bytes that a network of these sizes takes at the most, its snapshot and what observing it needs included.
  static double bytes(Route route, Index n_features, Index n_items, Index n_inputs, Index hidden, int threads);

  /// Entries from one row of a weight array to the next: the hidden units, padded with zeros to whole cache lines.
  Index stride() const { return stride_; }
  Index hidden() const { return hidden_; }
  const TrainingSet<T>& data() const { return *data_; }
  /// n_features rows.
  T* w32() { return w32_.data(); }
  /// The lower layer. fused: W21 transposed, one row an input unit. blocked: W21 X transposed, one row an item; the
  /// rest of W21 cannot change, and for one-hot inputs there is none.
  T* lower() { return lower_.data(); }
  Index lower_rows() const { return lower_rows_; }
  /// To be called when the weights have been written.
  void weights_changed();

  std::uint64_t position() const { return position_; }
  Status advance(std::uint64_t until, int threads, Stop& stop);
  Status record(Record<T>& record, int threads, Stop& stop);

 private:
  // What all threads do next to their rows of W32: nothing, a whole block, or one presentation; `probe` only computes
  // what `present` would do, for when it may be the presentation that overflows.
  enum class Step { none, block, probe, present };
  struct Snapshot {
    Array<T> w32, lower;
    double w32_norm;
    std::uint64_t position;
  };

  int useful_threads(const Record<T>& record, int threads) const;
  bool drive(Member& member, std::uint64_t until, Stop& stop);
  void open(std::uint64_t until, Stop& stop);
  void close();
  void pass(Member& member);
  void restore_snapshot();

  bool open_block(std::uint64_t until);
  void prepare_block();
  bool block_stays_in_range() const;
  void pass_block(Index segment, T* residual);
  void close_block();

  void open_presentation();
  void pass_presentation(Index segment, bool write);
  void close_presentation(bool written);
  void hidden_of_item(Index item, T* h);

  void observe(Member& member, Record<T>& record);
  void pass_observation(Index segment, int rank);
  void all_hidden(T* out);

  Index first_row(Index segment) const { return std::min(segment * segment_rows_, data_->n_features); }
  Index residual_size() const;

  std::shared_ptr<const TrainingSet<T>> data_;
  const Kernels<T>& kernels_;
  Route route_;
  Index hidden_, stride_, lower_rows_;
  T rate_;
  Schedule schedule_;

  Array<T> w32_, lower_;
  std::uint64_t position_ = 0;
  // Upper bounds of the Frobenius norms, from which it follows whether a block or presentation can overflow.
  double w32_norm_ = 0, lower_norm_ = 0;
  // On the blocked route a call may end inside a block. The block is then computed again from its start by the next
  // call, so that the trajectory does not depend on where the calls ended.
  std::optional<Snapshot> snapshot_;

  Step step_ = Step::none;
  bool probed_ = false;
  bool hidden_known_ = false;  // fused: h_ belongs to the item of presentation position_
  Status status_ = Status::ok;
  std::uint64_t reported_ = 0;

  Index n_segments_, segment_rows_, panel_rows_, longest_block_, block_g_size_ = 0, block_s_size_ = 0;
  std::vector<double> item_norms_;
  double outputs_norm_ = 0, largest_input_ = 0;

  // One presentation: its item, hidden representation, and each segment's share of the sums over features.
  Index item_ = 0;
  Array<T> h_, h_next_, carried_, squares_;

  // One block of b presentations; see blocked.cpp for the symbols and panels.hpp for "packed". Columns are the block's
  // items in ascending order, so that a block of all items reads the outputs as they stand.
  struct Block {
    std::vector<Index> shown, items, order, rank;  // as presented; ascending; columns as presented; their places in it
    Array<T> h;                                    // b x stride: hidden representations at the start of the block
    Array<T> minus_h;                              // packed hidden x b: -H
    Array<T> rate_h;                               // packed b x stride: rate H^T
    Array<T> k;                                    // packed b x b: -K
    Array<T> inverse_t;                            // b x b: entry (c, p) is T^-1 at (p, c)
    Array<T> inverse;                              // packed b x b: T^-1
    Array<T> z;                                    // packed b x stride: rate T^-1 H^T
    Array<T> g;                                    // a segment: packed hidden x b; W32^T R
    Array<T> s;                                    // a segment: packed b x b; R^T R
    Array<T> s_left;                               // packed b x b: T^-T S
    Array<T> s_errors;                             // packed b x b: T^-T S T^-1, the errors' Gram matrix
    Array<T> g_rows;                               // packed b x stride: (W32^T R)^T
    Array<T> mix;                                  // b x b
    double h_norm = 0, inverse_norm = 0, z_norm = 0;
  } block_;

  Array<T> residuals_;  // a thread: one panel of R = Y - W32 H, packed
  // One observation: all hidden representations, packed, and each segment's share of the strengths and the loss.
  Array<T> seen_h_, seen_packed_, seen_products_;
  std::vector<double> seen_strengths_, seen_loss_;
};

}  // namespace pylinear
