#include "core/sampler.hpp"

#include <pybind11/stl.h>

#include "bindings/arrays.hpp"
#include "bindings/bindings.hpp"

namespace pylinear::bindings {

namespace {

template <class T>
void bind_sample(py::module_& module) {
  module.def(
      "sample",
      [](std::vector<Index> branching, std::vector<std::uint64_t> threshold, std::uint64_t key, std::uint64_t first,
         ArrayArg<T> out, int threads) {
        const Tree tree{std::move(branching), std::move(threshold)};
        if (tree.branching.size() != tree.threshold.size()) throw std::invalid_argument("one threshold per level");
        const Index n = out.ndim() == 2 ? out.shape(0) : 0;
        require_shape(out, {n, tree.n_leaves()}, "out");
        Stop stop = make_stop(nullptr);
        {
          T* data = out.mutable_data();
          const py::gil_scoped_release release;
          sample(tree, make_key(key), first, n, data, threads, stop);
        }
        rethrow_signal();
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
      "philox", [](Counter counter, Key key) { return philox(counter, key); }, py::arg("counter"), py::arg("key"),
      "The four 32-bit words of Philox4x32-10.");
}

}  // namespace pylinear::bindings
