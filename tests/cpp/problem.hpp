#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "core/network.hpp"

// A problem, its slow solution, and networks that are to solve it.

namespace pylinear {

/// A repeatable number in -0.5 .. 0.5.
inline double noise(std::uint32_t i, std::uint32_t stream) {
  return philox({i, 0, 0, 0}, {stream, 99})[0] / 4294967296.0 - 0.5;
}

struct Problem {
  Index n_features, hidden, n_items;
  bool correlated = false;
  std::vector<double> y, x, w21, w32;

  Problem(Index n3, Index n2, Index p) : n_features(n3), hidden(n2), n_items(p) {
    for (Index i = 0; i < n3 * p; ++i) y.push_back(noise(static_cast<std::uint32_t>(i), 1));
    for (Index i = 0; i < n2 * p; ++i) w21.push_back(0.3 * noise(static_cast<std::uint32_t>(i), 2));
    for (Index i = 0; i < n3 * n2; ++i) w32.push_back(0.3 * noise(static_cast<std::uint32_t>(i), 3));
    for (Index i = 0; i < p * p; ++i) x.push_back(i % (p + 1) == 0 ? 1.0 : 0.0);
  }

  /// Inputs that overlap: not for the blocked route.
  void correlate() {
    correlated = true;
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += 0.3 * noise(static_cast<std::uint32_t>(i), 4);
  }

  std::vector<double> hidden_of(Index item) const {
    std::vector<double> h(static_cast<std::size_t>(hidden));
    for (Index n = 0; n < n_items; ++n) {
      for (Index j = 0; j < hidden; ++j) h[at(j)] += x[at(item * n_items + n)] * w21[at(n * hidden + j)];
    }
    return h;
  }

  /// Half the squared error, and the strength of the mode with u = (1, ..., 1) and v the sum of the inputs.
  std::pair<double, double> loss_and_strength() const {
    double loss = 0, strength = 0;
    for (Index p = 0; p < n_items; ++p) {
      const std::vector<double> h = hidden_of(p);
      for (Index i = 0; i < n_features; ++i) {
        double shown = 0;
        for (Index j = 0; j < hidden; ++j) shown += w32[at(i * hidden + j)] * h[at(j)];
        strength += shown;
        loss += (y[at(i * n_items + p)] - shown) * (y[at(i * n_items + p)] - shown) / 2;
      }
    }
    return {loss, strength};
  }

  /// (3)-(4), as printed; w21 is stored transposed.
  void present(Index item, double rate) {
    std::vector<double> h = hidden_of(item), g(h.size());
    for (Index i = 0; i < n_features; ++i) {
      double delta = y[at(i * n_items + item)];
      for (Index j = 0; j < hidden; ++j) delta -= w32[at(i * hidden + j)] * h[at(j)];
      for (Index j = 0; j < hidden; ++j) {
        g[at(j)] += delta * w32[at(i * hidden + j)];
        w32[at(i * hidden + j)] += rate * delta * h[at(j)];
      }
    }
    for (Index n = 0; n < n_items; ++n) {
      for (Index j = 0; j < hidden; ++j) w21[at(n * hidden + j)] += rate * g[at(j)] * x[at(item * n_items + n)];
    }
  }

  /// All items at once, from the old weights.
  void batch(double rate) {
    const Problem old = *this;
    for (Index p = 0; p < n_items; ++p) {
      Problem one = old;
      one.present(p, rate);
      for (std::size_t i = 0; i < w21.size(); ++i) w21[i] += one.w21[i] - old.w21[i];
      for (std::size_t i = 0; i < w32.size(); ++i) w32[i] += one.w32[i] - old.w32[i];
    }
  }

  static std::size_t at(Index i) { return static_cast<std::size_t>(i); }
};

template <class T>
std::shared_ptr<const TrainingSet<T>> training_set(const Problem& problem, Rows rows) {
  struct Arrays {
    std::vector<T> y, x, u;
    std::vector<double> squares, coefficients;
  };
  auto arrays = std::make_shared<Arrays>();
  arrays->y.assign(problem.y.begin() + rows.first * problem.n_items, problem.y.begin() + rows.end * problem.n_items);
  arrays->x.assign(problem.x.begin(), problem.x.end());
  arrays->u.assign(static_cast<std::size_t>(problem.n_features), T{1});
  arrays->squares.assign(static_cast<std::size_t>(problem.n_items), 1.0);
  arrays->coefficients.assign(static_cast<std::size_t>(problem.n_items), 1.0);
  const T* x = problem.correlated ? arrays->x.data() : nullptr;
  return std::make_shared<const TrainingSet<T>>(
      TrainingSet<T>{problem.n_items, problem.n_items, problem.n_features, 1, rows.end - rows.first, arrays->y.data(),
                     x, arrays->squares.data(), arrays->u.data(), arrays->coefficients.data(), arrays});
}

/// Gives a network the weights of the problem.
template <class T>
void begin(Network<T>& network, const Problem& problem) {
  const Rows rows = network.rows();
  for (Index j = 0; j < problem.hidden; ++j) {
    for (Index p = 0; p < problem.n_items; ++p) {
      network.lower()[p * network.stride() + j] = static_cast<T>(problem.w21[Problem::at(p * problem.hidden + j)]);
    }
    for (Index i = rows.first; i < rows.end; ++i) {
      network.w32()[(i - rows.first) * network.stride() + j] =
          static_cast<T>(problem.w32[Problem::at(i * problem.hidden + j)]);
    }
  }
  network.weights_changed();
}

template <class T>
Network<T> make_network(const Problem& problem, Route route, double rate, Schedule schedule,
                        Update update = Update::online, Group group = {}) {
  Network<T> network(training_set<T>(problem, rows_of(problem.n_features, group)), route, update, problem.hidden, rate,
                     std::move(schedule), std::move(group));
  begin(network, problem);
  return network;
}

template <class T>
double distance(Network<T>& network, const Problem& problem) {
  double largest = 0;
  for (Index j = 0; j < problem.hidden; ++j) {
    for (Index p = 0; p < problem.n_items; ++p) {
      largest = std::max(largest, std::abs(static_cast<double>(network.lower()[p * network.stride() + j]) -
                                           problem.w21[Problem::at(p * problem.hidden + j)]));
    }
    for (Index i = 0; i < problem.n_features; ++i) {
      largest = std::max(largest, std::abs(static_cast<double>(network.w32()[i * network.stride() + j]) -
                                           problem.w32[Problem::at(i * problem.hidden + j)]));
    }
  }
  return largest;
}

}  // namespace pylinear
