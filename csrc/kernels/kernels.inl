// The kernels, included once per instruction set with
//   PYLINEAR_TABLE        the name of the table's accessor
//   PYLINEAR_NAME         the instruction set, as text
//   PYLINEAR_BYTES        bytes of a vector register
//   PYLINEAR_TILE_ROWS    rows of the widest register tile
//   PYLINEAR_TILE_VECTORS vectors in a row of the widest register tile
// Everything but the accessor lives in an unnamed namespace: inline functions compiled with different flags would
// otherwise be merged by the linker, and a machine without AVX-512 could be handed the AVX-512 copy.

#include "kernels/kernels.hpp"

namespace pylinear {
namespace {

template <class T>
struct Simd;
template <>
struct Simd<double> {
  typedef double type __attribute__((vector_size(PYLINEAR_BYTES), aligned(8), may_alias));
};
template <>
struct Simd<float> {
  typedef float type __attribute__((vector_size(PYLINEAR_BYTES), aligned(4), may_alias));
};
template <class T>
using Vec = typename Simd<T>::type;
template <class T>
constexpr Index kLanes = PYLINEAR_BYTES / static_cast<Index>(sizeof(T));

template <class T>
Vec<T>& at(T* p) {
  return *reinterpret_cast<Vec<T>*>(p);
}
template <class T>
const Vec<T>& at(const T* p) {
  return *reinterpret_cast<const Vec<T>*>(p);
}

template <class T>
T sum(Vec<T> v) {
  T total = 0;
  for (Index l = 0; l < kLanes<T>; ++l) total += v[l];
  return total;
}

// C[R x V vectors] += A[R x depth] B[depth x V vectors], with C in registers throughout.
template <class T, int R, int V>
void tile(Index depth, const T* __restrict a, Index a_row, Index a_col, const T* __restrict b, T* __restrict c,
          Index c_row) noexcept {
  constexpr Index L = kLanes<T>;
  Vec<T> acc[R][V];
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) acc[i][v] = at(c + i * c_row + v * L);
  }
  for (Index k = 0; k < depth; ++k) {
    Vec<T> row[V];
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) row[v] = at(b + (k * V + v) * L);
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
      const T scale = a[i * a_row + k * a_col];
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) acc[i][v] += scale * row[v];
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) at(c + i * c_row + v * L) = acc[i][v];
  }
}

template <class T, int V>
void product_of_width(Index m, Index depth, const T* a, Index a_row, Index a_col, const T* b, T* c,
                      Index c_row) noexcept {
  constexpr int R = PYLINEAR_TILE_ROWS;
  static_assert(R == 6, "the rest below covers tiles of six rows");
  Index i = 0;
  for (; i + R <= m; i += R) tile<T, R, V>(depth, a + i * a_row, a_row, a_col, b, c + i * c_row, c_row);
  const T* rest = a + i * a_row;
  T* c_rest = c + i * c_row;
  switch (m - i) {
    case 5:
      return tile<T, 5, V>(depth, rest, a_row, a_col, b, c_rest, c_row);
    case 4:
      return tile<T, 4, V>(depth, rest, a_row, a_col, b, c_rest, c_row);
    case 3:
      return tile<T, 3, V>(depth, rest, a_row, a_col, b, c_rest, c_row);
    case 2:
      return tile<T, 2, V>(depth, rest, a_row, a_col, b, c_rest, c_row);
    case 1:
      return tile<T, 1, V>(depth, rest, a_row, a_col, b, c_rest, c_row);
    default:
      return;
  }
}

template <class T>
void product(Index m, Index depth, Index width, const T* a, Index a_row, Index a_col, const T* b, T* c,
             Index c_row) noexcept {
  static_assert(PYLINEAR_TILE_VECTORS <= 4);
  switch (width / kLanes<T>) {
    case 1:
      return product_of_width<T, 1>(m, depth, a, a_row, a_col, b, c, c_row);
#if PYLINEAR_TILE_VECTORS >= 2
    case 2:
      return product_of_width<T, 2>(m, depth, a, a_row, a_col, b, c, c_row);
#endif
#if PYLINEAR_TILE_VECTORS >= 4
    case 3:
      return product_of_width<T, 3>(m, depth, a, a_row, a_col, b, c, c_row);
    case 4:
      return product_of_width<T, 4>(m, depth, a, a_row, a_col, b, c, c_row);
#endif
    default:
      return;
  }
}

// R rows at once: first their errors, then, while they are in the nearest cache, the sums and the update.
template <class T, int R, bool Write>
T row_group(const RowPass<T>& p, Index first) noexcept {
  constexpr Index L = kLanes<T>;
  T* __restrict w = p.w32 + first * p.stride;
  T* __restrict g = p.g;
  const T* __restrict h = p.h;
  Vec<T> acc[R] = {};
  for (Index j = 0; j < p.stride; j += L) {
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) acc[i] += at(w + i * p.stride + j) * at(h + j);
  }
  T delta[R], step[R], squares = 0;
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
    delta[i] = p.y[(first + i) * p.y_stride] - sum<T>(acc[i]);
    step[i] = p.rate * delta[i];
    squares += delta[i] * delta[i];
  }
  for (Index j = 0; j < p.stride; j += L) {
    Vec<T> carried = at(g + j);
    const Vec<T> hidden = at(h + j);
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
      const Vec<T> old = at(w + i * p.stride + j);
      carried += delta[i] * old;
      if constexpr (Write) at(w + i * p.stride + j) = old + step[i] * hidden;
    }
    at(g + j) = carried;
  }
  return squares;
}

template <class T, bool Write>
T row_pass(const RowPass<T>& p) noexcept {
  T squares = 0;
  Index i = 0;
  for (; i + 4 <= p.rows; i += 4) squares += row_group<T, 4, Write>(p, i);
  for (; i < p.rows; ++i) squares += row_group<T, 1, Write>(p, i);
  return squares;
}

template <class T, bool Update>
void input_pass(const InputPass<T>& p) noexcept {
  constexpr Index L = kLanes<T>;
  const T* __restrict g = p.g;
  T* __restrict h = p.h_next;
  for (Index n = 0; n < p.n_inputs; ++n) {
    T* __restrict w = p.w21t + n * p.stride;
    const T step = Update ? p.rate * p.x[n] : 0, next = p.x_next[n];
    // Most input units of a localist or sparse coding are silent.
    if (step == 0 && next == 0) continue;
    for (Index j = 0; j < p.stride; j += L) {
      Vec<T> row = at(w + j);
      if constexpr (Update) {
        row += step * at(g + j);
        at(w + j) = row;
      }
      at(h + j) += next * row;
    }
  }
}

template <class T>
constexpr Kernels<T> kTable{PYLINEAR_NAME,       kLanes<T>,           PYLINEAR_TILE_VECTORS * kLanes<T>,
                            product<T>,          row_pass<T, true>,   row_pass<T, false>,
                            input_pass<T, true>, input_pass<T, false>};

}  // namespace

template <>
const Kernels<double>& PYLINEAR_TABLE<double>() {
  return kTable<double>;
}
template <>
const Kernels<float>& PYLINEAR_TABLE<float>() {
  return kTable<float>;
}

}  // namespace pylinear
