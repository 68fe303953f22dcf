// Replaces operator new and pthread_create, such that one allocation, or one start of a thread, of pylinear's can be
// made to fail: those of the program that this is linked into, or, loaded before everything else (LD_PRELOAD), those
// of the compiled core.

#include "failing.hpp"

#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

std::atomic<bool> counting{false}, from_then_on{false};
std::atomic<long> begun{0}, failed{0}, failing{-1}, threads_begun{0}, threads_failed{0}, threads_left{-1};
std::atomic<long> blocks{0};

constexpr int kMostSites = 4096;
std::atomic<std::uint64_t> sites[kMostSites];

/// Whether the code that calls from this address is the core's, or the program's that this is part of.
bool ours(void* caller) {
  Dl_info there{}, here{};
  if (dladdr(caller, &there) == 0 || there.dli_fname == nullptr) return false;
  dladdr(reinterpret_cast<void*>(&ours), &here);
  return there.dli_fbase == here.dli_fbase || std::strstr(there.dli_fname, "_pylinear_core") != nullptr;
}

/// Remembers the way that has led here, if it is a new one.
void remember_site() {
  void* frames[12];
  const int n = backtrace(frames, 12);
  std::uint64_t hash = 14695981039346656037U;
  // Only those of our own code: those of an interpreter say nothing.
  for (int i = 2; i < n && ours(frames[i]); ++i) {
    hash = (hash ^ reinterpret_cast<std::uint64_t>(frames[i])) * 1099511628211U;
  }
  for (std::atomic<std::uint64_t>& site : sites) {
    std::uint64_t none = 0;
    if (site.compare_exchange_strong(none, hash) || none == hash) return;
  }
}

bool fails(void* caller) {
  if (!counting.load(std::memory_order_relaxed) || !ours(caller)) return false;
  const long number = begun.fetch_add(1), first = failing.load();
  if (first < 0 || number < first || (number > first && !from_then_on)) return false;
  ++failed;
  remember_site();
  return true;
}

void* allocate(std::size_t size, std::size_t alignment, void* caller) {
  if (fails(caller)) throw std::bad_alloc();
  const std::size_t rounded = (std::max<std::size_t>(size, 1) + alignment - 1) / alignment * alignment;
  void* block = alignment <= alignof(std::max_align_t) ? std::malloc(rounded) : std::aligned_alloc(alignment, rounded);
  if (block == nullptr) throw std::bad_alloc();
  ++blocks;
  return block;
}

void release(void* block) {
  if (block == nullptr) return;
  --blocks;
  std::free(block);
}

}  // namespace

#define PYLINEAR_VISIBLE __attribute__((visibility("default")))

extern "C" {

PYLINEAR_VISIBLE void fail_allocation(long number, int and_all_after) {
  begun = failed = 0;
  failing = number;
  from_then_on = and_all_after != 0;
  counting = true;
}
PYLINEAR_VISIBLE void fail_threads(long after) {
  threads_begun = threads_failed = 0;
  threads_left = after;
}
PYLINEAR_VISIBLE void fail_nothing() {
  counting = false;
  failing = threads_left = -1;
}
PYLINEAR_VISIBLE long allocations_begun() { return begun; }
PYLINEAR_VISIBLE long allocations_failed() { return failed; }
PYLINEAR_VISIBLE long starts_failed() { return threads_failed; }
PYLINEAR_VISIBLE long blocks_held() { return blocks; }
PYLINEAR_VISIBLE long sites_seen() {
  return std::count_if(std::begin(sites), std::end(sites), [](const auto& site) { return site.load() != 0; });
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
PYLINEAR_VISIBLE int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*),
                                    void* argument) {
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto create = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  // std::thread is started by the C++ library; threads of others are none of ours.
  Dl_info there{};
  const bool standard = dladdr(__builtin_return_address(0), &there) != 0 && there.dli_fname != nullptr &&
                        std::strstr(there.dli_fname, "libstdc++") != nullptr;
  if (standard && threads_left >= 0 && threads_begun++ >= threads_left) {
    ++threads_failed;
    return EAGAIN;
  }
  return create(thread, attributes, body, argument);
}
#endif
}

PYLINEAR_VISIBLE void* operator new(std::size_t n) {
  return allocate(n, alignof(std::max_align_t), __builtin_return_address(0));
}
PYLINEAR_VISIBLE void* operator new[](std::size_t n) {
  return allocate(n, alignof(std::max_align_t), __builtin_return_address(0));
}
PYLINEAR_VISIBLE void* operator new(std::size_t n, std::align_val_t a) {
  return allocate(n, static_cast<std::size_t>(a), __builtin_return_address(0));
}
PYLINEAR_VISIBLE void* operator new(std::size_t n, const std::nothrow_t&) noexcept {
  try {
    return allocate(n, alignof(std::max_align_t), __builtin_return_address(0));
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
PYLINEAR_VISIBLE void operator delete(void* p) noexcept { release(p); }
PYLINEAR_VISIBLE void operator delete[](void* p) noexcept { release(p); }
PYLINEAR_VISIBLE void operator delete(void* p, std::size_t) noexcept { release(p); }
PYLINEAR_VISIBLE void operator delete[](void* p, std::size_t) noexcept { release(p); }
PYLINEAR_VISIBLE void operator delete(void* p, std::align_val_t) noexcept { release(p); }
PYLINEAR_VISIBLE void operator delete(void* p, std::size_t, std::align_val_t) noexcept { release(p); }
PYLINEAR_VISIBLE void operator delete(void* p, const std::nothrow_t&) noexcept { release(p); }
