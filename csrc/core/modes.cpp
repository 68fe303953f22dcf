#include "core/modes.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <utility>

namespace pylinear {

namespace {

/// Modes weaker than this, relative to the strongest, are lost in the roundoff of the squares outputs^T outputs.
constexpr double kWeakest = 1e-7;

/// A square matrix by rows.
struct Square {
  Index n;
  std::vector<double> numbers = std::vector<double>(static_cast<std::size_t>(n * n));

  double* row(Index i) { return numbers.data() + i * n; }
  double product(Index i, Index j) { return std::inner_product(row(i), row(i) + n, row(j), 0.0); }
  /// Turns two rows by the angle of this tangent.
  void turn(Index i, Index j, double tangent) {
    const double cosine = 1 / std::sqrt(tangent * tangent + 1), sine = cosine * tangent;
    for (double *a = row(i), *b = row(j), *end = a + n; a != end; ++a, ++b) {
      const double old = *a;
      *a = cosine * old - sine * *b;
      *b = sine * old + cosine * *b;
    }
  }
};

template <class T>
Index count_features(const std::vector<T>& outputs, Index n_items) {
  const auto size = static_cast<Index>(outputs.size());
  if (n_items < 1 || size < 1 || size % n_items != 0) {
    throw std::invalid_argument("outputs must be n_items numbers for each of one or more features");
  }
  return size / n_items;
}

template <class T>
Square gram_of(const std::vector<T>& outputs, Index n_items) {
  Square gram{n_items};
  for (auto y = outputs.begin(); y != outputs.end(); y += n_items) {
    for (Index i = 0; i < n_items; ++i) {
      for (Index j = 0; j < n_items; ++j) gram.row(i)[j] += static_cast<double>(y[i]) * static_cast<double>(y[j]);
    }
  }
  for (Index i = 0; i < n_items; ++i) {
    if (!std::isfinite(gram.row(i)[i]))
      throw std::invalid_argument("outputs must be finite, and so must their squares");
  }
  return gram;
}

/// Jacobi's method from one side: turns pairs of rows of a symmetric positive semidefinite matrix until all are
/// orthogonal. What turns them, which is returned, has its eigenvectors as rows.
Square eigenvectors(Square& matrix) {
  constexpr double kRoundoff = std::numeric_limits<double>::epsilon();
  const Index n = matrix.n;
  Square turned{n};
  double largest = 0;
  for (Index i = 0; i < n; ++i) {
    turned.row(i)[i] = 1;
    largest = std::max(largest, std::sqrt(matrix.product(i, i)));
  }
  // Some ten sweeps are enough; the bound is for rows that roundoff keeps from coming to rest.
  bool resting = false;
  for (int sweep = 0; sweep < 60 && !resting; ++sweep) {
    resting = true;
    for (Index i = 0; i < n; ++i) {
      for (Index j = i + 1; j < n; ++j) {
        const double ii = matrix.product(i, i), jj = matrix.product(j, j), ij = matrix.product(i, j);
        const double lengths = std::sqrt(ii) * std::sqrt(jj);
        if (std::abs(ij) <= 4 * kRoundoff * lengths || lengths <= kRoundoff * kRoundoff * largest * largest) continue;
        const double half = (jj - ii) / (2 * ij);
        const double tangent = std::copysign(1 / (std::abs(half) + std::hypot(half, 1.0)), half);
        matrix.turn(i, j, tangent);
        turned.turn(i, j, tangent);
        resting = false;
      }
    }
  }
  return turned;
}

/// outputs v for one vector of items.
template <class T>
std::vector<double> features_of(const std::vector<T>& outputs, const double* v, Index n_items, Index v_stride) {
  std::vector<double> shown;
  shown.reserve(outputs.size() / static_cast<std::size_t>(n_items));
  for (auto y = outputs.begin(); y != outputs.end(); y += n_items) {
    double sum = 0;
    for (Index p = 0; p < n_items; ++p) sum += static_cast<double>(y[p]) * v[p * v_stride];
    shown.push_back(sum);
  }
  return shown;
}

/// 1 or -1, which makes the first of the largest entries positive: entries equal by symmetry differ in their last
/// digits.
double sign_of(const double* v, Index n) {
  double largest = 0;
  for (Index p = 0; p < n; ++p) largest = std::max(largest, std::abs(v[p]));
  const double* first = std::find_if(v, v + n, [&](double x) { return std::abs(x) > largest * (1 - 1e-6); });
  return *first < 0 ? -1.0 : 1.0;
}

}  // namespace

template <class T>
Modes modes_of(const std::vector<T>& outputs, Index n_items) {
  count_features(outputs, n_items);
  Square gram = gram_of(outputs, n_items);
  Square vectors = eigenvectors(gram);
  std::vector<std::pair<double, Index>> order;
  for (Index i = 0; i < n_items; ++i) {
    const std::vector<double> shown = features_of(outputs, vectors.row(i), n_items, 1);
    order.emplace_back(std::sqrt(std::inner_product(shown.begin(), shown.end(), shown.begin(), 0.0)), i);
  }
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  const double weakest = kWeakest * order.front().first;
  std::erase_if(order, [&](const auto& mode) { return mode.first <= weakest; });
  Modes modes;
  for (const auto& mode : order) modes.s.push_back(mode.first);
  for (Index p = 0; p < n_items; ++p) {
    for (const auto& mode : order) {
      const double* v = vectors.row(mode.second);
      modes.v.push_back(sign_of(v, n_items) * v[p]);
    }
  }
  return modes;
}

template <class T>
std::shared_ptr<const TrainingSet<T>> one_hot_set(std::vector<T> outputs, Index n_items, const Modes& modes) {
  const Index n_features = count_features(outputs, n_items), n_modes = modes.n_modes();
  if (static_cast<Index>(modes.v.size()) != n_items * n_modes) {
    throw std::invalid_argument("modes must be those of outputs with as many items");
  }
  struct Arrays {
    std::vector<T> outputs, synthesizers;
    std::vector<double> squares, coefficients;
  };
  auto arrays = std::make_shared<Arrays>();
  arrays->squares.assign(static_cast<std::size_t>(n_items), 1.0);
  arrays->coefficients = modes.v;
  arrays->synthesizers.resize(static_cast<std::size_t>(n_features * n_modes));
  for (Index alpha = 0; alpha < n_modes; ++alpha) {
    const std::vector<double> shown = features_of(outputs, modes.v.data() + alpha, n_items, n_modes);
    T* u = arrays->synthesizers.data() + alpha;
    for (const double feature : shown) {
      *u = static_cast<T>(feature / modes.s[static_cast<std::size_t>(alpha)]);
      u += n_modes;
    }
  }
  arrays->outputs = std::move(outputs);
  return std::make_shared<const TrainingSet<T>>(TrainingSet<T>{.n_items = n_items,
                                                               .n_inputs = n_items,
                                                               .n_features = n_features,
                                                               .n_modes = n_modes,
                                                               .n_rows = n_features,
                                                               .outputs = arrays->outputs.data(),
                                                               .inputs = nullptr,
                                                               .input_squares = arrays->squares.data(),
                                                               .synthesizers = arrays->synthesizers.data(),
                                                               .coefficients = arrays->coefficients.data(),
                                                               .owner = arrays});
}

template Modes modes_of(const std::vector<float>&, Index);
template Modes modes_of(const std::vector<double>&, Index);
template std::shared_ptr<const TrainingSet<float>> one_hot_set(std::vector<float>, Index, const Modes&);
template std::shared_ptr<const TrainingSet<double>> one_hot_set(std::vector<double>, Index, const Modes&);

}  // namespace pylinear
