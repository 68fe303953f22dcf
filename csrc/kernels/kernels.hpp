#pragma once

#include "kernels/index.hpp"

namespace pylinear {

/// One presentation's visit to some rows of W32: delta_i = y_i - W32_i h, g += delta_i W32_i and, when written,
/// W32_i += rate delta_i h, with both sums from the old row: equations (3) and (4) of Saxe et al. (2013).
template <class T>
struct RowPass {
  Index rows;
  T* w32;        // rows x stride, row i belongs to feature i
  Index stride;  // a multiple of the lanes; columns past the hidden units hold zeros and stay so
  const T* y;    // y[i * y_stride]: what feature i should be for the item shown
  Index y_stride;
  const T* h;  // stride entries: the hidden representation of the item
  T rate;
  T* g;  // stride entries, added to: the error carried back to the hidden units
};

/// The update of W21 after a presentation and the hidden representation of the next, in one visit:
/// w_n += rate x_n g, then h_next += x_next_n w_n, over the input units n.
template <class T>
struct InputPass {
  Index n_inputs;
  T* w21t;  // n_inputs x stride, the transpose of W21
  Index stride;
  const T* x;
  const T* x_next;
  T rate;
  const T* g;
  T* h_next;
};

/// The hot loops, compiled once per instruction set. Every sum runs in a fixed order.
template <class T>
struct Kernels {
  const char* name;
  Index lanes;  // numbers in a vector register
  Index width;  // columns of the widest panel

  /// C[i * c_row + c] += sum_k A[i * a_row + k * a_col] * B[k * width + c] for i < m, k < depth, c < width. `width` is
  /// a multiple of the lanes, at most Kernels::width. The terms are added to C one by one in the order of k.
  void (*product)(Index m, Index depth, Index width, const T* a, Index a_row, Index a_col, const T* b, T* c,
                  Index c_row) noexcept;
  /// Both return sum_i delta_i^2; `probe` leaves W32 as it is.
  T (*present)(const RowPass<T>&) noexcept;
  T (*probe)(const RowPass<T>&) noexcept;
  void (*update_and_forward)(const InputPass<T>&) noexcept;
  /// The second half of it alone, to the same bits; x, rate and g are not read.
  void (*forward)(const InputPass<T>&) noexcept;
};

/// The table for the best instruction set of this machine, or the one that PYLINEAR_ISA caps it at.
template <class T>
const Kernels<T>& kernels();

template <class T>
const Kernels<T>& kernels_baseline();
#ifdef PYLINEAR_X86
template <class T>
const Kernels<T>& kernels_avx2();
template <class T>
const Kernels<T>& kernels_avx512();
#endif

/// The width of panel q of `columns` columns, padded to whole registers; panels 0 .. q - 1 are of full width.
template <class T>
Index panel_width(const Kernels<T>& k, Index columns, Index q) {
  const Index left = columns - q * k.width;
  return left >= k.width ? k.width : round_up(left, k.lanes);
}

}  // namespace pylinear
