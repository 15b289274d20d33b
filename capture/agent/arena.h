// SPDX-License-Identifier: Apache-2.0
// The batch's string arena. A string that was written a short while ago is not written again: a direct-mapped
// cache by hash remembers where the last one of each hash lies. A miss costs a few bytes of batch, never a
// wrong string.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "capture/agent/bin.h"
#include "capture/wire/batch.h"

namespace vedette {

class Arena {
 public:
  Arena();
  // Where the bytes lie; of size 0 too, which is a value.
  Span put(std::string_view bytes);
  size_t size() const { return bytes_.size(); }
  const Bin& bytes() const { return bytes_; }
  void clear();
  // Takes back what was put since the arena had this size.
  void shrink(size_t size);

 private:
  static constexpr size_t kCacheSize = 1024;
  static constexpr size_t kCachedMax = 512;  // longer strings seldom repeat
  struct Entry {
    uint32_t generation;
    uint32_t offset;
    uint32_t size;
  };
  Span append(std::string_view bytes);

  Bin bytes_;
  std::vector<Entry> cache_;
  uint32_t generation_ = 1;
};

}  // namespace vedette
