#include "core/array.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace pylinear {

#if defined(__linux__)

void* new_pages(std::size_t bytes) {
  void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  // Advice: a system without large pages goes on with small ones.
  madvise(pages, bytes, MADV_HUGEPAGE);
  return pages;
}

void delete_pages(void* pages, std::size_t bytes) noexcept { munmap(pages, bytes); }

#else

void* new_pages(std::size_t bytes) {
  void* block = ::operator new(bytes, std::align_val_t{kLine});
  return std::memset(block, 0, bytes);
}

void delete_pages(void* pages, std::size_t) noexcept { ::operator delete(pages, std::align_val_t{kLine}); }

#endif

}  // namespace pylinear
