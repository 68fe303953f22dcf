#include "core/sampler.hpp"

#include <pybind11/stl.h>

#include "bindings/arrays.hpp"
#include "bindings/bindings.hpp"

namespace pylinear::bindings {

namespace {

using Levels = std::vector<Index>;
using Thresholds = std::vector<std::uint64_t>;

/// Runs one of the core's three loops over features without the GIL, and hands on what a signal handler raised.
template <class F>
void over_features(Levels branching, Thresholds threshold, std::uint64_t key, std::uint64_t first, Index n, F&& loop) {
  const Tree tree{std::move(branching), std::move(threshold)};
  if (tree.branching.size() != tree.threshold.size()) throw std::invalid_argument("one threshold per level");
  const Features features{tree, make_key(key), first, n};
  Stop stop = make_stop(nullptr);
  loop(features, stop);
  rethrow_signal();
}

template <class T>
void bind_sample(py::module_& module) {
  module.def(
      "sample",
      [](Levels branching, Thresholds threshold, std::uint64_t key, std::uint64_t first, ArrayArg<T> out, int threads) {
        const Index n = out.ndim() == 2 ? out.shape(0) : 0;
        over_features(std::move(branching), std::move(threshold), key, first, n, [&](const Features& f, Stop& stop) {
          require_shape(out, {n, f.tree.n_leaves()}, "out");
          T* data = out.mutable_data();
          const py::gil_scoped_release release;
          sample(f, data, threads, stop);
        });
      },
      py::arg("branching"), py::arg("threshold"), py::arg("key"), py::arg("first"), py::arg("out").noconvert(),
      py::arg("threads"), "Fill out with features first .. first + len(out) - 1 of the branching diffusion.");
}

}  // namespace

void register_sampler(py::module_& module) {
  bind_sample<std::int8_t>(module);
  bind_sample<float>(module);
  bind_sample<double>(module);
  module.def(
      "sample_bits",
      [](Levels branching, Thresholds threshold, std::uint64_t key, std::uint64_t first, Index n,
         ArrayArg<std::uint64_t> out, int threads) {
        over_features(std::move(branching), std::move(threshold), key, first, n, [&](const Features& f, Stop& stop) {
          require_shape(out, {f.tree.n_leaves(), round_up(n, kBlockFeatures) / kBlockFeatures}, "out");
          std::uint64_t* data = out.mutable_data();
          const py::gil_scoped_release release;
          sample_bits(f, data, threads, stop);
        });
      },
      py::arg("branching"), py::arg("threshold"), py::arg("key"), py::arg("first"), py::arg("n"),
      py::arg("out").noconvert(), py::arg("threads"), "Fill out with n features from first on, one bit each.");
  module.def(
      "gram",
      [](Levels branching, Thresholds threshold, std::uint64_t key, std::uint64_t first, Index n,
         ArrayArg<std::int64_t> out, int threads) {
        over_features(std::move(branching), std::move(threshold), key, first, n, [&](const Features& f, Stop& stop) {
          require_shape(out, {f.tree.n_leaves(), f.tree.n_leaves()}, "out");
          std::int64_t* data = out.mutable_data();
          const py::gil_scoped_release release;
          gram(f, data, threads, stop);
        });
      },
      py::arg("branching"), py::arg("threshold"), py::arg("key"), py::arg("first"), py::arg("n"),
      py::arg("out").noconvert(), py::arg("threads"), "Fill out with Y^T Y of n features from first on.");
  module.def(
      "philox", [](Counter counter, Key key) { return philox(counter, key); }, py::arg("counter"), py::arg("key"),
      "The four 32-bit words of Philox4x32-10.");
}

}  // namespace pylinear::bindings
