#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
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
  Index n_rows;                 // features in the arrays below: all, or those of one process of a Group
  const T* outputs;             // n_rows x n_items: outputs[i * n_items + p] is feature i of item p
  const T* inputs;              // n_items x n_inputs: row p is the input vector of item p; null: mutually orthogonal
  const double* input_squares;  // n_items: |x_p|^2
  const T* synthesizers;        // n_rows x n_modes: column alpha is u_alpha
  const double* coefficients;   // n_items x n_modes: v_alpha = sum_p coefficients[p, alpha] x_p
  std::shared_ptr<const void> owner;
};

/// blocked: a block of distinct items with mutually orthogonal inputs is one pass over W32. fused: a presentation is
/// one pass over W32 and one over W21. Both give the trajectory of equations (3) and (4).
enum class Route { blocked, fused };

/// online: equations (3) and (4). batch: their sum over all items, from the old weights, once an epoch; always blocked.
enum class Update { online, batch };

/// Presentations in the longest block: with more of them the b x b work beside each pass over W32 begins to show.
constexpr Index kLongestBlock = 128;

/// Input units in a segment of W21, whose share of the next hidden representation is added up by itself.
constexpr Index kInputs = 256;

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

/// Processes that train one network together. Each has the rows of W32 in a range of segments, and all of the lower
/// layer; after each pass over W32 they tell each other the sums of all segments, and everything else each computes for
/// itself, from the same numbers.
struct Group {
  int rank = 0, size = 1;
  /// Called in all processes at once: completes a buffer of which process r has brought bytes bounds[r] to
  /// bounds[r + 1].
  std::function<void(std::byte* buffer, const std::vector<Index>& bounds)> gather = nullptr;
};

/// Rows of W32, from `first` to before `end`.
struct Rows {
  Index first, end;
};

/// The rows of W32 that one of the processes of a group has; none, if there are more processes than segments.
Rows rows_of(Index n_features, const Group& group);

/// What of a network its trajectory follows from, besides its weights where `position` is.
struct State {
  std::uint64_t position;  // the start of a block
  std::uint64_t until;     // where the network stands: inside that block, if a call has ended there
  double w32_norm, lower_norm;
};

/// One network with one hidden layer, trained one presentation, or one batch of all items, at a time.
///
/// The rows of W32 are split into segments whose sums over features are added up row by row, and then segment by
/// segment. The split depends on the sizes alone, so the trajectory is the same for any number of threads.
template <class T>
class Network {
 public:
  Network(std::shared_ptr<const TrainingSet<T>> data, Route route, Update update, Index hidden, double rate,
          Schedule schedule, Group group = {});

  /// Bytes that a network of these sizes takes at the most, its snapshot and what observing it needs included; in each
  /// process of a group.
  static double bytes(Route route, Update update, Index n_features, Index n_items, Index n_inputs, Index hidden,
                      int threads, int processes = 1);

  /// Entries from one row of a weight array to the next.
  Index stride() const { return stride_; }
  Index hidden() const { return hidden_; }
  const TrainingSet<T>& data() const { return *data_; }
  /// W32, or the rows of it that this process has. The arrays of weights stay where they are while the network lives.
  T* w32() { return w32_.data(); }
  Rows rows() const { return rows_; }
  /// The lower layer. With inputs: W21 transposed, one row an input unit. For mutually orthogonal ones: W21 X
  /// transposed, one row an item; the rest of W21 cannot change, and for one-hot inputs there is none.
  T* lower() { return lower_.data(); }
  Index lower_rows() const { return lower_rows_; }
  /// To be called when the weights have been written. False if it was stopped: then to be called again.
  bool weights_changed(Stop& stop);
  void weights_changed();
  /// To be called before a presentation unlike those before: a new rate or order begins with a block of its own.
  void set_rate(double rate);
  void set_schedule(Schedule schedule);

  State state() const;
  /// The weights at the position that `state` tells.
  const T* state_w32() const { return snapshot_ ? snapshot_->w32.data() : w32_.data(); }
  const T* state_lower() const { return snapshot_ ? snapshot_->lower.data() : lower_.data(); }
  /// Goes back to a state; its weights have been written. Advancing to where it stood is left to the caller.
  void set_state(const State& state);

  std::uint64_t position() const { return position_; }
  /// Where the network stands when what a stopped call has begun is ended.
  std::uint64_t standing() const {
    return position_ + (block_.open ? block_.shown.size() : std::size_t{presentation_open_});
  }
  /// How far a call that is under way has come; any thread may ask.
  std::uint64_t reached() const { return std::atomic_ref(reached_).load(std::memory_order_relaxed); }
  /// Ends what a stopped call has begun, so that weights and position are those after a whole number of presentations
  /// again: to be called before any of them is read. False if it was stopped, too.
  bool settle(Stop& stop);
  Status advance(std::uint64_t until, int threads, Stop& stop);
  Status record(Record<T>& record, int threads, Stop& stop);

 private:
  struct Snapshot {
    Array<T> w32, lower;
    double w32_norm, lower_norm;
    std::uint64_t position;
  };

  /// What each segment has of something: `bytes` at data + segment * stride.
  struct Share {
    void* data;
    Index stride, bytes;
  };

  bool exchange(std::initializer_list<Share> shares, bool stop = false);
  double measured_w32_norm(Stop* stop = nullptr);
  void make_room();
  void measure_outputs();

  int useful_threads(const Record<T>& record, int threads) const;
  bool close(Team& team, Stop& stop);
  void drive(Team& team, std::uint64_t until, Stop& stop);
  void take_snapshot(Snapshot& snapshot) const;
  void restore(const Snapshot& snapshot);

  bool by_rows() const;
  bool open_block(Team& team, std::uint64_t until);
  bool pass_block(Team& team, Stop& stop);
  void show_block(Team& team);
  void invert(Team& team);
  bool block_stays_in_range();
  void subtract_rest(const T* rows, Index n, T* out, Index out_stride);
  void visit_panel(Index segment, Index row, Index rows, T* residual);
  void visit_rows(Index segment, Index row, Index rows);
  void close_block(Team& team);
  void close_batch(Team& team);
  void exchange_block(Stop& stop, double work);
  void add_segments(Team& team);
  void errors_gram(Index first, Index rows);

  bool errors_stay_in_range(double w32, double lower) const;
  bool open_presentation(Team& team, Stop& stop);
  bool present(Team& team, Stop& stop, bool may_leave);
  bool present_freely(std::uint64_t until);
  bool presentation_stays_in_range();
  void begin_visits();
  bool visit_left(Team& team, bool write, Stop& stop, bool may_leave);
  T sum_of_visits(Stop& stop);
  bool survives(Team& team, Stop& stop);
  void learn_lower(Team& team);
  void hidden_of_item(Index item, T* h);
  RowVisit<T> row_visit(Index segment, const Index* item);

  bool observe(Team& team, Record<T>& record, Stop& stop);
  bool observe_segment(Index segment, int rank, Stop& stop);
  void all_hidden(T* out);

  static constexpr Index kSquares = RowVisit<T>::kMost * RowVisit<T>::kMost;

  Index first_row(Index segment) const { return std::min(segment * segment_rows_, data_->n_features); }
  T* w32_row(Index row) { return w32_.data() + (row - rows_.first) * stride_; }
  const T* outputs_row(Index row) const { return data_->outputs + (row - rows_.first) * data_->n_items; }
  Index residual_size() const;

  std::shared_ptr<const TrainingSet<T>> data_;
  const Kernels<T>& kernels_;
  Route route_;
  Update update_;
  // Hidden units; the same in whole registers, of which the last ones hold zeros; from one row to the next.
  Index hidden_, units_, stride_;
  Index lower_rows_;
  T rate_;
  Schedule schedule_;
  // The segments of this process, and their rows.
  Group group_;
  Rows rows_;
  Index first_segment_ = 0, own_segments_ = 0;

  Array<T> w32_, lower_;
  std::uint64_t position_ = 0;  // while a block is open: where it began
  mutable std::uint64_t reached_ = 0;
  // Upper bounds of the Frobenius norms, from which it follows whether a block or presentation can overflow.
  double w32_norm_ = 0, lower_norm_ = 0;
  // On the blocked route a call may end inside a block. The block is then computed again from its start by the next
  // call, so that the trajectory does not depend on where the calls ended.
  std::optional<Snapshot> snapshot_;
  // Of a network so small that it is trained first and looked at afterwards; on the blocked route, memory for the next.
  std::optional<Snapshot> spare_;
  Status status_ = Status::ok;
  int threads_ = 1;  // of the last call

  Index n_segments_, segment_rows_, panel_rows_, longest_block_, block_stride_ = 0;
  bool told_to_stop_ = false;  // by any process of the group
  std::vector<std::byte> exchanged_;
  std::vector<Index> bounds_;    // a process: where its part of what is exchanged begins
  std::vector<double> norms_;    // a segment: of its rows of W32
  std::vector<Index> next_row_;  // a segment: the first row that the open block or presentation has not visited
  std::vector<double> item_norms_;
  double outputs_norm_ = 0, largest_input_ = 0;
  bool squares_keep_digits_ = true;  // whether a block may form squares of the outputs and of the rate

  // One presentation: its item, hidden representation, rate times it, and each segment's share of the sums.
  bool presentation_open_ = false;     // some rows may have been visited
  Index item_ = 0, hidden_item_ = -1;  // hidden_item_: whose hidden representation, with the weights of now, h_ is
  Array<T> h_, rate_h_, g_, squares_, h_next_;
  std::vector<Index> coming_;

  // One block of b presentations; see blocked.cpp for the symbols. Rows and columns stand in the order of presentation.
  // b x stride_: one row a presentation. b x b: block_stride_ entries from row to row.
  struct Block {
    std::vector<Index> shown;
    Index by_product = 0;         // columns of R that come from whole registers; the rest from dot products
    Array<T> h, rate_h;           // b x stride_: hidden representations at the start of the block; rate times them
    Array<T> minus_h;             // column panels of -H, hidden x width each
    Array<T> minus_k;             // b x b, upper: -H^T H, then that times the rate
    Array<T> inverse;             // b x b, upper: T^-1
    Array<T> z;                   // b x stride_: rate T^-1 H^T
    Array<T> g;                   // a segment: b x stride_, R^T W32
    Array<T> s;                   // a segment: b x b, R^T R
    Array<T> left;                // b x b: T^-T S
    Array<T> errors;              // b x b: T^-T S T^-1, the errors' Gram matrix
    Array<T> mix_g, mix_h;        // b x b, upper: what the new H takes from G and from the old H
    std::vector<double> squares;  // a segment: |R|^2
    bool open = false;            // some rows may have been visited
    double h_norm = 0, inverse_norm = 0;
  } block_;

  Array<T> residuals_;  // a thread: one panel of R = Y - W32 H
  // One observation: all hidden representations, in column panels too, and each segment's strengths and loss.
  Array<T> seen_h_, seen_panels_, seen_products_;
  std::vector<double> seen_strengths_, seen_loss_;
};

}  // namespace pylinear
