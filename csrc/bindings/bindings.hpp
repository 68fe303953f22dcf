#pragma once

#include <pybind11/pybind11.h>

#include <atomic>
#include <functional>

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

void register_sampler(pybind11::module_& module);
void register_online(pybind11::module_& module);
void register_threads(pybind11::module_& module);

}  // namespace pylinear::bindings
