#pragma once

#include <algorithm>

#include "kernels/kernels.hpp"

namespace pylinear {

// A packed matrix of `rows` rows stands as column panels one after the other: the panel that begins at column `first`
// holds its rows, `width` numbers each, from first * rows on. Columns past the last are zero.

/// Calls f(first, width) for each panel of a matrix of `columns` columns.
template <class T, class F>
void for_panels(const Kernels<T>& kernels, Index columns, F&& f) {
  for (Index q = 0; q * kernels.width < columns; ++q) f(q * kernels.width, panel_width(kernels, columns, q));
}

/// Packs the rows x columns matrix whose entries are element(row, column).
template <class T, class F>
void pack(const Kernels<T>& kernels, Index rows, Index columns, T* out, F&& element) {
  for_panels(kernels, columns, [&](Index first, Index width) {
    const Index filled = std::min(width, columns - first);
    T* to = out + first * rows;
    for (Index i = 0; i < rows; ++i, to += width) {
      for (Index c = 0; c < filled; ++c) to[c] = element(i, first + c);
      std::fill(to + filled, to + width, T{0});
    }
  });
}

/// Calls f(row, column, entry) for each entry of a packed matrix, padding left out.
template <class T, class F>
void for_packed(const Kernels<T>& kernels, Index rows, Index columns, const T* packed, F&& f) {
  for_panels(kernels, columns, [&](Index first, Index width) {
    const T* from = packed + first * rows;
    for (Index i = 0; i < rows; ++i, from += width) {
      for (Index c = 0; c < std::min(width, columns - first); ++c) f(i, first + c, from[c]);
    }
  });
}

/// C += A B, with A row-major (`a_row` numbers from row to row, `a_col` from column to column), B packed and C packed.
template <class T>
void multiply_packed(const Kernels<T>& kernels, Index m, Index depth, Index columns, const T* a, Index a_row,
                     Index a_col, const T* b, T* c) {
  for_panels(kernels, columns, [&](Index first, Index width) {
    kernels.product(m, depth, width, a, a_row, a_col, b + first * depth, c + first * m, width);
  });
}

/// C += A B, with A and B packed and C packed: the sum over k runs through the panels of A.
template <class T>
void multiply_both_packed(const Kernels<T>& kernels, Index m, Index depth, Index columns, const T* a, const T* b,
                          T* c) {
  for_panels(kernels, columns, [&](Index first, Index width) {
    for_panels(kernels, depth, [&](Index k, Index a_width) {
      kernels.product(m, std::min(a_width, depth - k), width, a + k * m, a_width, 1, b + first * depth + k * width,
                      c + first * m, width);
    });
  });
}

}  // namespace pylinear
