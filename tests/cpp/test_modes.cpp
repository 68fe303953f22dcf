#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "check.hpp"
#include "core/modes.hpp"

using namespace pylinear;

namespace {

double noise(Index i, std::uint32_t stream) {
  return philox({static_cast<std::uint32_t>(i), 0, 0, 0}, {stream, 7})[0] / 4294967296.0 - 0.5;
}

std::vector<double> random_outputs(Index n_features, Index n_items) {
  std::vector<double> y;
  for (Index i = 0; i < n_features * n_items; ++i) y.push_back(noise(i, 1));
  return y;
}

/// U diag(s) V^T must be the outputs, U and V orthonormal, strengths decreasing and signs as they are said to be.
template <class T>
void check_decomposition(const std::vector<T>& y, Index n_items, Index n_modes, double tolerance) {
  const Modes modes = modes_of(y, n_items);
  CHECK(modes.n_modes() == n_modes);
  const auto data = one_hot_set(y, n_items, modes);
  CHECK(data->n_items == n_items && data->n_inputs == n_items && data->inputs == nullptr && data->n_modes == n_modes);
  const auto s = [&](Index alpha) { return modes.s[static_cast<std::size_t>(alpha)]; };
  for (Index i = 0; i < data->n_features; ++i) {
    for (Index p = 0; p < n_items; ++p) {
      double sum = 0;
      for (Index alpha = 0; alpha < n_modes; ++alpha) {
        sum += static_cast<double>(data->synthesizers[i * n_modes + alpha]) * s(alpha) *
               data->coefficients[p * n_modes + alpha];
      }
      CHECK(std::abs(sum - static_cast<double>(data->outputs[i * n_items + p])) < tolerance * s(0));
    }
  }
  for (Index alpha = 0; alpha < n_modes; ++alpha) {
    CHECK(alpha == 0 || s(alpha) <= s(alpha - 1));
    for (Index beta = 0; beta <= alpha; ++beta) {
      double vv = 0, uu = 0;
      for (Index p = 0; p < n_items; ++p)
        vv += data->coefficients[p * n_modes + alpha] * data->coefficients[p * n_modes + beta];
      for (Index i = 0; i < data->n_features; ++i) {
        uu += static_cast<double>(data->synthesizers[i * n_modes + alpha]) *
              static_cast<double>(data->synthesizers[i * n_modes + beta]);
      }
      CHECK(std::abs(vv - (alpha == beta)) < 1e-14 * static_cast<double>(n_items));
      CHECK(std::abs(uu - (alpha == beta)) < 1e3 * tolerance);
    }
    double largest = 0;
    for (Index p = 0; p < n_items; ++p) {
      const double v = modes.v[static_cast<std::size_t>(p * n_modes + alpha)];
      if (std::abs(v) > largest * (1 + 1e-6)) largest = std::abs(v);
    }
    for (Index p = 0; p < n_items; ++p) {
      const double v = modes.v[static_cast<std::size_t>(p * n_modes + alpha)];
      if (std::abs(v) < largest * (1 - 1e-6)) continue;
      CHECK(v > 0);
      break;
    }
  }
}

/// A network whose weights are the modes themselves has their strengths.
void check_strengths() {
  const std::vector<double> y{2, 0, 0, 0, 1, 0, 0, 0, 3};
  const Modes modes = modes_of(y, 3);
  CHECK((modes.s == std::vector<double>{3, 2, 1}));
  CHECK((modes.v == std::vector<double>{0, 1, 0, 0, 0, 1, 1, 0, 0}));
  Network<double> network(one_hot_set(y, 3, modes), Route::fused, Update::online, 3, 0.1,
                          Schedule(Order::cyclic, 3, make_key(0)));
  for (Index i = 0; i < 3; ++i) {
    network.lower()[i * network.stride() + i] = 1;
    for (Index j = 0; j < 3; ++j) network.w32()[i * network.stride() + j] = y[static_cast<std::size_t>(i * 3 + j)];
  }
  network.weights_changed();
  double strengths[3], loss;
  Record<double> record{{0}, strengths, &loss, nullptr, nullptr, nullptr};
  Stop stop;
  CHECK(network.record(record, 1, stop) == Status::ok);
  CHECK(strengths[0] == 3 && strengths[1] == 2 && strengths[2] == 1 && loss == 0);
}

}  // namespace

int main() {
  for (const auto& [n_features, n_items] : {std::array<Index, 2>{1, 1}, {50, 1}, {100, 4}, {300, 33}, {7, 7}}) {
    check_decomposition(random_outputs(n_features, n_items), n_items, n_items, 1e-14);
  }
  const std::vector<double> y = random_outputs(60, 9);
  check_decomposition(std::vector<float>(y.begin(), y.end()), 9, 9, 1e-6);
  // Fewer features than items, items that are alike, and a mode 1e-5 as strong as the first.
  check_decomposition(random_outputs(3, 8), 8, 3, 1e-14);
  check_decomposition(std::vector<double>{1, 1, -1, -1, 1, 1, 1, 1}, 4, 2, 1e-15);
  check_decomposition(std::vector<double>{1, 1, 1, 1 + 2e-5}, 2, 2, 1e-14);
  CHECK(modes_of(std::vector<double>(12), 4).n_modes() == 0);
  check_strengths();
  CHECK(refuses([&] { modes_of(y, 0); }));
  CHECK(refuses([&] { modes_of(y, 7); }));
  CHECK(refuses([&] { modes_of(std::vector<double>{}, 3); }));
  CHECK(refuses([&] { modes_of(std::vector<double>{1, std::numeric_limits<double>::infinity()}, 2); }));
  CHECK(refuses([&] { modes_of(std::vector<double>{1, std::numeric_limits<double>::quiet_NaN()}, 2); }));
  CHECK(refuses([&] { one_hot_set(y, 9, modes_of(random_outputs(60, 4), 4)); }));
}
