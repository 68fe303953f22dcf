#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/kernels.hpp"

namespace pylinear {

/// Entries from one row of a matrix to the next: whole cache lines, and an odd number of them where rows are long,
/// since rows a power of two apart share the few places that the nearest cache has for them.
template <class T>
Index row_stride(Index columns) {
  constexpr Index kEntries = kLine / static_cast<Index>(sizeof(T));
  const Index lines = (columns + kEntries - 1) / kEntries;
  return (lines < 16 ? lines : lines | 1) * kEntries;
}

/// Calls f(first, width) for each panel of a matrix of `columns` columns: panels are as wide as the kernels take them,
/// the last one as wide as it must be, in whole registers.
template <class T, class F>
void for_panels(const Kernels<T>& kernels, Index columns, F&& f) {
  for (Index first = 0; first < columns; first += kernels.width) {
    f(first, std::min(kernels.width, round_up(columns - first, kernels.lanes)));
  }
}

/// Writes column panels of the depth x columns matrix whose column c is `sign` times the array row(c), one after the
/// other: that of column `first` stands at first * depth, `width` numbers a row, zero past the last column.
template <class T, class Row>
void pack_columns(const Kernels<T>& kernels, Index depth, Index columns, T sign, Row&& row, T* out) {
  constexpr Index kGroup = 4;  // columns side by side, so that a cache line is written at once or nearly
  for_panels(kernels, columns, [&](Index first, Index width) {
    T* panel = out + first * depth;
    if (first + width > columns) std::fill_n(panel, depth * width, T{0});
    for (Index c = 0; c < std::min(width, columns - first); c += kGroup) {
      const Index group = std::min(kGroup, columns - first - c);
      const T* from[kGroup];
      for (Index l = 0; l < kGroup; ++l) from[l] = row(first + c + std::min(l, group - 1));
      if (group == kGroup) {
        for (Index k = 0; k < depth; ++k) {
          for (Index l = 0; l < kGroup; ++l) panel[k * width + c + l] = sign * from[l][k];
        }
      } else {
        for (Index k = 0; k < depth; ++k) {
          for (Index l = 0; l < group; ++l) panel[k * width + c + l] = sign * from[l][k];
        }
      }
    }
  });
}

/// The sum of the squares of n numbers. Eight sums side by side, because one would be eight times slower.
template <class T>
double sum_of_squares(const T* numbers, Index n) {
  double parts[8] = {};
  Index i = 0;
  for (; i + 8 <= n; i += 8) {
    for (Index l = 0; l < 8; ++l) parts[l] += static_cast<double>(numbers[i + l]) * static_cast<double>(numbers[i + l]);
  }
  for (; i < n; ++i) parts[0] += static_cast<double>(numbers[i]) * static_cast<double>(numbers[i]);
  return ((parts[0] + parts[1]) + (parts[2] + parts[3])) + ((parts[4] + parts[5]) + (parts[6] + parts[7]));
}

/// The square root of that, also where the squares themselves would overflow or vanish.
template <class T>
double frobenius(const T* numbers, Index n) {
  const double squares = sum_of_squares(numbers, n);
  if (squares > 1e-200 && squares < std::numeric_limits<double>::max()) return std::sqrt(squares);
  double largest = 0;
  for (Index i = 0; i < n; ++i) largest = std::max(largest, std::abs(static_cast<double>(numbers[i])));
  if (largest == 0) return std::isnan(squares) ? squares : 0;
  double scaled_squares = 0;
  for (Index i = 0; i < n; ++i) {
    const double scaled = static_cast<double>(numbers[i]) / largest;
    scaled_squares += scaled * scaled;
  }
  return largest * std::sqrt(scaled_squares);
}

}  // namespace pylinear
