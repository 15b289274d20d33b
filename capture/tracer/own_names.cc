// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/own_names.h"

#include <algorithm>

namespace vedette {

std::optional<OwnName> own_name(std::string_view path) {
  constexpr struct {
    std::string_view name, meaning;
    bool of_thread;
  } kOwn[] = {{"/proc/self", "", false},      {"/proc/thread-self", "", true},  {"/dev/fd", "fd", false},
              {"/dev/stdin", "fd/0", false}, {"/dev/stdout", "fd/1", false}, {"/dev/stderr", "fd/2", false}};
  for (const auto& own : kOwn) {
    const std::string_view rest = path.substr(std::min(own.name.size(), path.size()));
    if (!path.starts_with(own.name) || (!rest.empty() && rest[0] != '/')) continue;
    const std::string below = std::string(own.meaning) + std::string(rest);
    return OwnName{own.of_thread, below.starts_with('/') ? below.substr(1) : below};
  }
  return std::nullopt;
}

}  // namespace vedette
