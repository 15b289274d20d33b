// SPDX-License-Identifier: Apache-2.0
// One of the bins of a batch while it is being filled: bytes that are only appended, or taken back from the
// end. A vector would do but for its cost: it fills what it grows by with zeros, and what is appended here is
// some fifty bytes, a million times a second.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

namespace vedette {

class Bin {
 public:
  Bin() = default;
  Bin(const Bin& other) { append(other.data(), other.size()); }
  Bin& operator=(const Bin&) = delete;

  const uint8_t* data() const { return bytes_.get(); }
  size_t size() const { return size_; }

  // Room at the end, to be written by the caller; good until the next append.
  uint8_t* extend(size_t size) {
    if (size > capacity_ - size_) grow(size);
    uint8_t* const at = bytes_.get() + size_;
    size_ += size;
    return at;
  }
  void append(const void* from, size_t size) {
    if (size != 0) std::memcpy(extend(size), from, size);
  }
  template <typename T>
  void append(const T& value) {
    std::memcpy(extend(sizeof value), &value, sizeof value);
  }
  // Only ever to what it was before.
  void shrink(size_t size) { size_ = size; }
  void clear() { size_ = 0; }

 private:
  static constexpr size_t kFirst = 4096;
  void grow(size_t size) {
    size_t capacity = capacity_ == 0 ? kFirst : capacity_;
    while (capacity - size_ < size) capacity *= 2;
    std::unique_ptr<uint8_t[]> larger(new uint8_t[capacity]);
    if (size_ != 0) std::memcpy(larger.get(), bytes_.get(), size_);
    bytes_ = std::move(larger);
    capacity_ = capacity;
  }

  std::unique_ptr<uint8_t[]> bytes_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace vedette
