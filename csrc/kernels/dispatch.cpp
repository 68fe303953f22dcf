#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "kernels/kernels.hpp"

namespace pylinear {

namespace {

template <class T>
const Kernels<T>& choose() {
#ifdef PYLINEAR_X86
  const char* cap_text = std::getenv("PYLINEAR_ISA");
  const std::string_view cap = cap_text == nullptr ? "avx512" : cap_text;
  if (cap != "baseline" && cap != "avx2" && cap != "avx512") {
    throw std::invalid_argument("PYLINEAR_ISA must be baseline, avx2 or avx512; got " + std::string(cap));
  }
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && cap != "baseline";
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512dq") && cap != "avx2";
  if (avx512) return kernels_avx512<T>();
  if (avx2) return kernels_avx2<T>();
#endif
  return kernels_baseline<T>();
}

}  // namespace

template <class T>
const Kernels<T>& kernels() {
  static const Kernels<T>& chosen = choose<T>();
  return chosen;
}

template const Kernels<double>& kernels<double>();
template const Kernels<float>& kernels<float>();

}  // namespace pylinear
