// SPDX-License-Identifier: Apache-2.0
// A string that many objects share: argv and paths of fork copies, a file's name in its dups. Immutable, counted. A Mark
// is where the encoder put an object in the current batch, kept in the object so that finding it again is a comparison.
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

}  // namespace vedette
