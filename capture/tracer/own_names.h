// SPDX-License-Identifier: Apache-2.0
// Names that mean "whoever asks": looked up by us for a task, they must mean the task.
//
//   /proc/self/exe          "exe" of its process          /dev/fd/3     "fd/3"
//   /proc/thread-self/fd/3  "fd/3" of its thread          /dev/stdin    "fd/0"
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vedette {

struct OwnName {
  bool of_thread;
  std::string below;  // its folder of /proc; empty: the folder itself
};

// Nothing: it means the same whoever asks.
std::optional<OwnName> own_name(std::string_view path);

}  // namespace vedette
