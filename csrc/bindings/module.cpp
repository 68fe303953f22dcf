#include <pybind11/pybind11.h>

#include <memory>

#include "bindings/bindings.hpp"
#include "kernels/kernels.hpp"

namespace py = pybind11;

PYBIND11_MODULE(_pylinear_core, module, py::mod_gil_not_used()) {
  using namespace pylinear::bindings;
  module.doc() = "The compiled core of pylinear. Use it through the public names.";
  module.attr("version") = PYLINEAR_VERSION;
  module.attr("build") = PYLINEAR_BUILD;
  module.def("instruction_set", [] { return pylinear::kernels<double>().name; });
  py::class_<StopFlag> flag(module, "StopFlag");
  bind_construction(flag, +[] { return std::make_unique<StopFlag>(); });
  flag.def("set", [](StopFlag& self) { self.raised = true; })
      .def("clear", [](StopFlag& self) { self.raised = false; })
      .def_property_readonly("raised", [](const StopFlag& self) { return self.raised.load(); });
  register_sampler(module);
  register_online(module);
  register_threads(module);
}
