#pragma once

#include <cstddef>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "kernels/index.hpp"

namespace pylinear {

/// Zeroed memory of kPages bytes or more, from the system: pages that it makes when they are first touched, in large
/// units where it has them. To write the zeros, and to give small pages back one by one, takes longer than Ctrl-C may.
void* new_pages(std::size_t bytes);
void delete_pages(void* pages, std::size_t bytes) noexcept;
constexpr std::size_t kPages = std::size_t{32} << 20;

/// A zeroed block of T that starts on a cache line; it moves but never copies itself.
template <class T>
class Array {
 public:
  Array() = default;
  explicit Array(Index size) : size_(size) {
    if (size <= 0) return;
    if (size > std::numeric_limits<Index>::max() / static_cast<Index>(sizeof(T))) throw std::bad_alloc();
    const auto bytes = static_cast<std::size_t>(size) * sizeof(T);
    if (bytes >= kPages) {
      data_ = static_cast<T*>(new_pages(bytes));
    } else {
      data_ = static_cast<T*>(::operator new(bytes, std::align_val_t{kLine}));
      std::memset(data_, 0, bytes);
    }
  }
  Array(Array&& other) noexcept { swap(other); }
  Array& operator=(Array&& other) noexcept {
    swap(other);
    return *this;
  }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  ~Array() {
    if (const auto bytes = static_cast<std::size_t>(size_) * sizeof(T); bytes >= kPages && data_ != nullptr) {
      delete_pages(data_, bytes);
    } else {
      ::operator delete(data_, std::align_val_t{kLine});
    }
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  Index size() const { return size_; }
  T& operator[](Index i) { return data_[i]; }
  const T& operator[](Index i) const { return data_[i]; }

 private:
  void swap(Array& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }

  T* data_ = nullptr;
  Index size_ = 0;
};

}  // namespace pylinear
