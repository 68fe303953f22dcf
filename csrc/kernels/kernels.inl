// The kernels, included once per instruction set with
//   PYLINEAR_TABLE        the name of the table's accessor
//   PYLINEAR_NAME         the instruction set, as text
//   PYLINEAR_BYTES        bytes of a vector register
//   PYLINEAR_TILE_ROWS    rows of the widest register tile
//   PYLINEAR_TILE_VECTORS vectors in a row of the widest register tile
//   PYLINEAR_VISIT_ROWS   rows that a visit of single rows takes at once
// Everything but the accessor lives in an unnamed namespace: inline functions compiled with different flags would
// otherwise be merged by the linker, and a machine without AVX-512 could be handed the AVX-512 copy.

#include <cstdint>
#include <type_traits>

#include "kernels/kernels.hpp"

namespace pylinear {
namespace {

template <class T>
struct Simd;
template <>
struct Simd<double> {
  typedef double type __attribute__((vector_size(PYLINEAR_BYTES), aligned(8), may_alias));
  typedef double four __attribute__((vector_size(32), aligned(8), may_alias));
};
template <>
struct Simd<float> {
  typedef float type __attribute__((vector_size(PYLINEAR_BYTES), aligned(4), may_alias));
  typedef float four __attribute__((vector_size(16), aligned(4), may_alias));
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
struct Whole;
template <>
struct Whole<double> {
  typedef std::int64_t type __attribute__((vector_size(PYLINEAR_BYTES)));
};
template <>
struct Whole<float> {
  typedef std::int32_t type __attribute__((vector_size(PYLINEAR_BYTES)));
};

// Which lanes of two vectors a step of `sums` puts side by side: for groups of 2 M lanes, the lower M (or the upper) of
// one, then those of the other.
template <class T, Index M, bool Upper>
typename Whole<T>::type mask() {
  typename Whole<T>::type lanes{};
  for (Index i = 0; i < kLanes<T>; ++i) {
    const Index group = i / (2 * M) * (2 * M), place = i % (2 * M);
    lanes[i] = static_cast<std::remove_reference_t<decltype(lanes[i])>>(group + (Upper ? M : 0) +
                                                                        (place < M ? place : kLanes<T> + place - M));
  }
  return lanes;
}

// The sums over the lanes of N vectors, at most as many as there are lanes, in lanes 0 .. N - 1 of one.
template <class T, int N, Index M = 1>
[[gnu::always_inline]] inline Vec<T> sums(const Vec<T>* v) {
  if constexpr (M == kLanes<T>) {
    return v[0];
  } else {
    constexpr int kHalf = (N + 1) / 2;
    Vec<T> folded[kHalf];
#pragma GCC unroll 16
    for (int i = 0; i < kHalf; ++i) {
      const Vec<T> one = v[2 * i], other = v[2 * i + 1 < N ? 2 * i + 1 : 2 * i];
      folded[i] =
          __builtin_shuffle(one, other, mask<T, M, false>()) + __builtin_shuffle(one, other, mask<T, M, true>());
    }
    return sums<T, kHalf, 2 * M>(folded);
  }
}

// The same for any number of vectors; `out` has room for whole vectors.
template <class T, int N>
[[gnu::always_inline]] inline void store_sums(const Vec<T>* v, T* out) {
  constexpr int kFirst = N < kLanes<T> ? N : static_cast<int>(kLanes<T>);
  at(out) = sums<T, kFirst>(v);
  if constexpr (kFirst < N) store_sums<T, N - kFirst>(v + kFirst, out + kFirst);
}

// C[R x V vectors] += A[R x depth] B[depth x V vectors], with C in registers throughout.
template <class T, int R, int V>
void tile(Index depth, const T* __restrict a, Index a_row, Index a_col, const T* __restrict b, Index b_row,
          T* __restrict c, Index c_row) noexcept {
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
    for (int v = 0; v < V; ++v) row[v] = at(b + k * b_row + v * L);
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
void columns(Index m, Index depth, const T* a, Index a_row, Index a_col, const T* b, Index b_row, T* c,
             Index c_row) noexcept {
  constexpr int R = PYLINEAR_TILE_ROWS;
  static_assert(R == 6, "the rest below covers tiles of six rows");
  Index i = 0;
  for (; i + R <= m; i += R) tile<T, R, V>(depth, a + i * a_row, a_row, a_col, b, b_row, c + i * c_row, c_row);
  const T* rest = a + i * a_row;
  T* c_rest = c + i * c_row;
  switch (m - i) {
    case 5:
      return tile<T, 5, V>(depth, rest, a_row, a_col, b, b_row, c_rest, c_row);
    case 4:
      return tile<T, 4, V>(depth, rest, a_row, a_col, b, b_row, c_rest, c_row);
    case 3:
      return tile<T, 3, V>(depth, rest, a_row, a_col, b, b_row, c_rest, c_row);
    case 2:
      return tile<T, 2, V>(depth, rest, a_row, a_col, b, b_row, c_rest, c_row);
    case 1:
      return tile<T, 1, V>(depth, rest, a_row, a_col, b, b_row, c_rest, c_row);
    default:
      return;
  }
}

template <class T>
void product(Index m, Index depth, Index width, const T* a, Index a_row, Index a_col, const T* b, Index b_row, T* c,
             Index c_row) noexcept {
  constexpr Index L = kLanes<T>;
  constexpr int V = PYLINEAR_TILE_VECTORS;
  static_assert(V == 2 || V == 4);
  for (; width >= V * L; width -= V * L, b += V * L, c += V * L) {
    columns<T, V>(m, depth, a, a_row, a_col, b, b_row, c, c_row);
  }
  if constexpr (V == 4) {
    if (width == 3 * L) return columns<T, 3>(m, depth, a, a_row, a_col, b, b_row, c, c_row);
    if (width == 2 * L) return columns<T, 2>(m, depth, a, a_row, a_col, b, b_row, c, c_row);
  }
  if (width == L) columns<T, 1>(m, depth, a, a_row, a_col, b, b_row, c, c_row);
}

// d[i * B + c] = w_i h_c for R rows from w on.
template <class T, int B, int R>
[[gnu::always_inline]] inline void dots(const T* __restrict w, Index stride, Index units, const T* __restrict h,
                                        Index h_stride, T* d) noexcept {
  constexpr Index L = kLanes<T>;
  Vec<T> acc[R * B];
#pragma GCC unroll 16
  for (int n = 0; n < R * B; ++n) acc[n] = Vec<T>{};
  for (Index j = 0; j < units; j += L) {
    Vec<T> hidden[B];
#pragma GCC unroll 16
    for (int c = 0; c < B; ++c) hidden[c] = at(h + c * h_stride + j);
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
      const Vec<T> row = at(w + i * stride + j);
#pragma GCC unroll 16
      for (int c = 0; c < B; ++c) acc[i * B + c] += row * hidden[c];
    }
  }
  store_sums<T, R * B>(acc, d);
}

// Room for the sums of R rows and B presentations, stored as whole vectors.
template <class T, int B, int R>
constexpr Index kSums = (R * B + kLanes<T> - 1) / kLanes<T> * kLanes<T>;

template <class T>
using Four = typename Simd<T>::four;

// R rows at once: first their errors, then, while the rows are in the nearest cache, the sums and the update.
// y[i * B + c] is what they should be.
template <class T, int B, int R, bool Write>
[[gnu::always_inline]] inline void visit_rows(const RowVisit<T>& p, Index first, const T* y, Four<T> (&s)[B]) noexcept {
  constexpr Index L = kLanes<T>;
  const Index stride = p.stride, units = p.units, h_stride = p.h_stride;
  T* __restrict w = p.w32 + first * stride;
  T* __restrict g = p.g;
  const T* __restrict z = p.z;
  alignas(kLine) T r[kSums<T, B, R> + 4];
  dots<T, B, R>(w, stride, units, p.h, h_stride, r);
#pragma GCC unroll 16
  for (int n = 0; n < R * B; n += L) at(r + n) = at(y + n) - at(r + n);
  // From here on read number by number: left to itself, the compiler takes the vectors apart with shuffles, of which a
  // core does one a cycle, where it does two loads.
  asm volatile("" : "+m"(r));
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 16
    for (int c = 0; c < B; ++c) s[c] += r[i * B + c] * *reinterpret_cast<const Four<T>*>(r + i * B);
  }
  for (Index j = 0; j < units; j += L) {
    Vec<T> carried[B], step[B];
#pragma GCC unroll 16
    for (int c = 0; c < B; ++c) {
      carried[c] = at(g + c * h_stride + j);
      if constexpr (Write) step[c] = at(z + c * h_stride + j);
    }
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
      const Vec<T> old = at(w + i * stride + j);
      Vec<T> fresh = old;
#pragma GCC unroll 16
      for (int c = 0; c < B; ++c) {
        carried[c] += r[i * B + c] * old;
        if constexpr (Write) fresh += r[i * B + c] * step[c];
      }
      if constexpr (Write) at(w + i * stride + j) = fresh;
    }
#pragma GCC unroll 16
    for (int c = 0; c < B; ++c) at(g + c * h_stride + j) = carried[c];
  }
}

template <class T, int B, bool Write>
void visit_of(const RowVisit<T>& visit) noexcept {
  constexpr int R = PYLINEAR_VISIT_ROWS;
  constexpr Index kChunk = 64;
  const RowVisit<T> p = visit;
  Four<T> s[B] = {};
  // What is wanted of some rows, side by side: a vector read from numbers just written one by one would wait for them.
  alignas(kLine) T y[kChunk * B + kSums<T, B, R>];
  const T* wanted[B];
  for (int c = 0; c < B; ++c) wanted[c] = p.y + p.items[c];
  for (Index chunk = 0; chunk < p.rows; chunk += kChunk) {
    const Index end = chunk + kChunk < p.rows ? chunk + kChunk : p.rows;
    for (Index i = chunk; i < end; ++i) {
      for (int c = 0; c < B; ++c) y[(i - chunk) * B + c] = wanted[c][i * p.y_stride];
    }
    Index i = chunk;
    for (; i + R <= end; i += R) visit_rows<T, B, R, Write>(p, i, y + (i - chunk) * B, s);
    for (; i < end; ++i) visit_rows<T, B, 1, Write>(p, i, y + (i - chunk) * B, s);
  }
  for (int c = 0; c < B; ++c) {
    for (int e = 0; e < B; ++e) visit.s[c * RowVisit<T>::kMost + e] += s[c][e];
  }
}

template <class T, bool Write>
void visit(const RowVisit<T>& p) noexcept {
  switch (p.b) {
    case 1:
      return visit_of<T, 1, Write>(p);
    case 2:
      return visit_of<T, 2, Write>(p);
    case 3:
      return visit_of<T, 3, Write>(p);
    default:
      return visit_of<T, 4, Write>(p);
  }
}

template <class T, int B, int R>
[[gnu::always_inline]] inline void subtract_rows(const Dots<T>& p, Index first) noexcept {
  alignas(kLine) T d[kSums<T, B, R>];
  dots<T, B, R>(p.w + first * p.w_stride, p.w_stride, p.units, p.h, p.h_stride, d);
  for (int i = 0; i < R; ++i) {
    for (int c = 0; c < B; ++c) p.r[(first + i) * p.r_stride + c] -= d[i * B + c];
  }
}

template <class T, int B>
void subtract_of(const Dots<T>& p) noexcept {
  constexpr int R = PYLINEAR_VISIT_ROWS;
  Index i = 0;
  for (; i + R <= p.rows; i += R) subtract_rows<T, B, R>(p, i);
  for (; i < p.rows; ++i) subtract_rows<T, B, 1>(p, i);
}

template <class T>
void subtract_dots(const Dots<T>& p) noexcept {
  switch (p.b) {
    case 1:
      return subtract_of<T, 1>(p);
    case 2:
      return subtract_of<T, 2>(p);
    case 3:
      return subtract_of<T, 3>(p);
    default:
      return subtract_of<T, 4>(p);
  }
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
    for (Index j = 0; j < p.units; j += L) {
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
constexpr Kernels<T> kTable{PYLINEAR_NAME,   kLanes<T>,           PYLINEAR_TILE_VECTORS * kLanes<T>,
                            product<T>,      subtract_dots<T>,    visit<T, true>,
                            visit<T, false>, input_pass<T, true>, input_pass<T, false>};

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
