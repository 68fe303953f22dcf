#pragma once

#include <pybind11/pybind11.h>

#include <atomic>
#include <functional>
#include <utility>

#include "core/team.hpp"

namespace pylinear::bindings {

/// Raised by one Python thread to stop the computations that others wait for.
struct StopFlag {
  std::atomic<bool> raised{false};
};

/// Stops when the flag is raised or a Python signal handler raises; built with the GIL held, polled without.
inline Stop make_stop(const StopFlag* flag) {
  return Stop(flag == nullptr ? nullptr : &flag->raised, [] {
    const pybind11::gil_scoped_acquire gil;
    return PyErr_CheckSignals() != 0;
  });
}

/// Hands on the exception that a signal handler has raised while the GIL was away.
inline void rethrow_signal() {
  if (PyErr_Occurred() != nullptr) throw pybind11::error_already_set();
}

/// Lets Python construct a class by `make`, which returns its holder. Unlike with pybind11::init, the program does not
/// end, nor is the object released twice, where there is no memory to write down the new object.
template <class Class, class Holder, class... Args, class... Extra>
void bind_construction(Class& bound, Holder (*make)(Args...), const Extra&... extra) {
  bound.def(
      "__init__",
      [make](pybind11::detail::value_and_holder& self, Args... args) {
        Holder made = make(std::forward<Args>(args)...);
        self.value_ptr() = made.get();
        try {
          self.type->init_instance(self.inst, &made);
        } catch (...) {
          self.value_ptr() = nullptr;
          throw;
        }
      },
      pybind11::detail::is_new_style_constructor(), extra...);
}

void register_sampler(pybind11::module_& module);
void register_online(pybind11::module_& module);
void register_threads(pybind11::module_& module);

}  // namespace pylinear::bindings
