#pragma once

#include <pybind11/numpy.h>

#include <initializer_list>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/array.hpp"

namespace pylinear::bindings {

namespace py = pybind11;

/// A C-contiguous array of exactly this dtype: Python converts, visibly, before it calls.
template <class T>
using ArrayArg = py::array_t<T, py::array::c_style>;

/// Throws unless the array has this shape. The public classes have checked it already.
template <class T>
void require_shape(const py::array_t<T, py::array::c_style>& array, std::initializer_list<Index> shape,
                   const char* name) {
  bool same = array.ndim() == static_cast<Index>(shape.size());
  Index axis = 0;
  for (const Index length : shape) same = same && array.shape(axis++) == length;
  if (!same) throw std::invalid_argument(std::string(name) + " does not have the shape that the other arguments imply");
}

}  // namespace pylinear::bindings
