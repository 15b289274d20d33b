// SPDX-License-Identifier: Apache-2.0
// A string that many objects share: argv and paths of fork copies, a file's name in its dups. Immutable,
// counted. A Mark is where the encoder put an object in the current batch, kept in the object so that finding
// it again is a comparison.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "capture/state/ref.h"

namespace vedette {

struct Mark {
  uint32_t batch = 0;  // number of the batch in which `index` holds; 0: none
  uint32_t index = 0;
};

struct Text : Counted {
  explicit Text(std::string_view from) : value(from) {}
  const std::string value;
  mutable Mark mark;
};

inline std::string_view view(const Ref<Text>& text) {
  return text ? std::string_view(text->value) : std::string_view();
}

// Remembers the texts made last, so that one who makes an equal one gets the same: a thousand processes with
// one environment keep it once. Bounded, and holds nothing long alive.
class TextPool {
 public:
  Ref<Text> share(std::string_view text);

 private:
  static constexpr size_t kRemembered = 128;
  Ref<Text> last_;  // the same file is opened again and again
  Ref<Text> recent_[kRemembered];
};

}  // namespace vedette
