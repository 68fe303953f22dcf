#pragma once

#include "kernels/index.hpp"

namespace pylinear {

/// The visit of a block of b presentations to some rows of W32. With the hidden representations h_c, for each row w:
/// r_c = y_c - w h_c, then g_c += r_c w, s_cd += r_c r_d and w += sum_c r_c z_c, all from the old row. For b = 1 and
/// z = rate h these are equations (3) and (4) of Saxe et al. (2013); for more, see core/blocked.cpp.
template <class T>
struct RowVisit {
  static constexpr Index kMost = 4;  // presentations
  Index b;
  Index rows;
  T* w32;  // rows x stride: row i belongs to feature i
  Index stride;
  Index units;  // hidden units, padded to whole registers with columns that hold zeros and stay so
  const T* y;   // y[i * y_stride + items[c]]: what feature i should be for item c
  Index y_stride;
  const Index* items;
  const T* h;  // b rows of h_stride, as are z and g
  const T* z;
  T* g;
  Index h_stride;
  T* s;  // kMost x kMost, row by row
};

/// r[i * r_stride + c] -= w_i h_c for rows w_i and up to RowVisit::kMost rows h_c.
template <class T>
struct Dots {
  Index b, rows, units;  // units: see RowVisit
  const T* w;
  Index w_stride;
  const T* h;
  Index h_stride;
  T* r;
  Index r_stride;
};

/// The update of W21 after a presentation and the hidden representation of the next, in one visit:
/// w_n += rate x_n g, then h_next += x_next_n w_n, over the input units n.
template <class T>
struct InputPass {
  Index n_inputs;
  T* w21t;  // n_inputs x stride, the transpose of W21
  Index stride;
  Index units;
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

  /// C[i * c_row + c] += sum_k A[i * a_row + k * a_col] * B[k * b_row + c] for i < m, k < depth, c < width, and any
  /// width that is a multiple of the lanes. The terms are added to C one by one in the order of k.
  void (*product)(Index m, Index depth, Index width, const T* a, Index a_row, Index a_col, const T* b, Index b_row,
                  T* c, Index c_row) noexcept;
  void (*subtract_dots)(const Dots<T>&) noexcept;
  void (*visit)(const RowVisit<T>&) noexcept;
  /// The same without a change to W32.
  void (*probe)(const RowVisit<T>&) noexcept;
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

}  // namespace pylinear
