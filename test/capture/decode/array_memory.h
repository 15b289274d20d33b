// SPDX-License-Identifier: Apache-2.0
// A watched program's memory made of arrays: what is put gets an address of its own, with unmapped space
// behind it, so that reading on meets a fault just as it would past a mapping.
#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "capture/decode/memory.h"

namespace vedette {

class ArrayMemory : public Memory {
 public:
  static constexpr uint64_t kNowhere = 0xdead0000;  // never mapped

  uint64_t put(std::string_view bytes) {
    const uint64_t address = next_;
    regions_[address] = std::string(bytes);
    next_ += (bytes.size() + 0x1fff) & ~uint64_t{0xfff};
    return address;
  }
  uint64_t put_text(std::string_view text) { return put(std::string(text) + '\0'); }
  // So that the last byte lies right before an unmapped page.
  uint64_t put_before_fault(std::string_view bytes) {
    const uint64_t page_end = next_ + 0x1000;
    const uint64_t address = page_end - bytes.size();
    regions_[address] = std::string(bytes);
    next_ = page_end + 0x1000;
    return address;
  }
  template <typename T>
  uint64_t put_value(const T& value) {
    return put({reinterpret_cast<const char*>(&value), sizeof value});
  }
  template <typename T>
  uint64_t put_array(const std::vector<T>& values) {
    return put({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)});
  }
  template <typename T>
  void store(uint64_t address, const T& value) {
    const auto [start, bytes] = region(address);
    std::memcpy(bytes->data() + (address - start), &value, sizeof value);
  }

  size_t read(uint64_t address, void* into, size_t size) override {
    ++reads;
    const auto [start, bytes] = region(address);
    if (bytes == nullptr) return 0;
    const size_t there = std::min<size_t>(size, start + bytes->size() - address);
    std::memcpy(into, bytes->data() + (address - start), there);
    return there;
  }

  int reads = 0;

 private:
  std::pair<uint64_t, std::string*> region(uint64_t address) {
    auto at = regions_.upper_bound(address);
    if (at == regions_.begin()) return {0, nullptr};
    --at;
    if (address >= at->first + at->second.size()) return {0, nullptr};
    return {at->first, &at->second};
  }

  std::map<uint64_t, std::string> regions_;
  uint64_t next_ = 0x10000;
};

}  // namespace vedette
