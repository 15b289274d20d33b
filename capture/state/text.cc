// SPDX-License-Identifier: Apache-2.0
// The pool is a direct-mapped cache: an entry a hash value, the newest wins.
#include "capture/state/text.h"

#include <functional>

namespace vedette {

Ref<Text> TextPool::share(std::string_view text) {
  if (last_ && last_->value == text) return last_;
  Ref<Text>& entry = recent_[std::hash<std::string_view>{}(text) % kRemembered];
  if (!entry || entry->value != text) entry = make_ref<Text>(text);
  return last_ = entry;
}

}  // namespace vedette
