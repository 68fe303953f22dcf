#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "kernels/bits.hpp"
#include "kernels/kernels.hpp"

namespace pylinear {

namespace {

enum class Isa { baseline, avx2, avx512 };

Isa isa() {
#ifdef PYLINEAR_X86
  const char* cap_text = std::getenv("PYLINEAR_ISA");
  const std::string_view cap = cap_text == nullptr || *cap_text == 0 ? "avx512" : cap_text;
  if (cap != "baseline" && cap != "avx2" && cap != "avx512") {
    throw std::invalid_argument("PYLINEAR_ISA must be baseline, avx2 or avx512; got " + std::string(cap));
  }
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && cap != "baseline";
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512dq") && cap != "avx2";
  return avx512 ? Isa::avx512 : avx2 ? Isa::avx2 : Isa::baseline;
#else
  return Isa::baseline;
#endif
}

template <class T>
const Kernels<T>& choose() {
#ifdef PYLINEAR_X86
  if (isa() == Isa::avx512) return kernels_avx512<T>();
  if (isa() == Isa::avx2) return kernels_avx2<T>();
#endif
  return kernels_baseline<T>();
}

const BitKernels& choose_bits() {
#ifdef PYLINEAR_X86
  if (isa() == Isa::avx512) {
    return __builtin_cpu_supports("avx512vpopcntdq") ? bit_kernels_avx512_popcount() : bit_kernels_avx512();
  }
  if (isa() == Isa::avx2) return bit_kernels_avx2();
#endif
  return bit_kernels_baseline();
}

}  // namespace

template <class T>
const Kernels<T>& kernels() {
  static const Kernels<T>& chosen = choose<T>();
  return chosen;
}

const BitKernels& bit_kernels() {
  static const BitKernels& chosen = choose_bits();
  return chosen;
}

template const Kernels<double>& kernels<double>();
template const Kernels<float>& kernels<float>();

}  // namespace pylinear
