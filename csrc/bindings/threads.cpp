#include <pybind11/pybind11.h>

#include "bindings/bindings.hpp"

namespace {

/// At most so many threads for calls from this thread that do not say how many; 0 for no limit. Of each thread, so that
/// two which set and restore limits of their own at the same time are not in each other's way.
thread_local int limit = 0;

}  // namespace

// What threadpoolctl looks for in the module's file.
extern "C" {
PYBIND11_EXPORT int pylinear_get_num_threads() { return limit; }
PYBIND11_EXPORT void pylinear_set_num_threads(int threads) { limit = threads > 0 ? threads : 0; }
PYBIND11_EXPORT const char* pylinear_get_version() { return PYLINEAR_VERSION; }
}

namespace pylinear::bindings {

void register_threads(pybind11::module_& module) {
  module.def(
      "thread_limit", [] { return limit; },
      "The limit that threadpoolctl has set in the calling thread, 0 for none; kept by pylinear_set_num_threads.");
}

}  // namespace pylinear::bindings
