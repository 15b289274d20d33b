// SPDX-License-Identifier: Apache-2.0
// Joining is appending, component by component; see path.h.
#include "capture/state/path.h"

namespace vedette {

namespace {

// Appends each name of `path` with a slash before it; ".." removes the last one, and stops at the top.
void append_names(std::string_view path, std::string& into) {
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    path.remove_prefix(slash == path.npos ? path.size() : slash + 1);
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      into.resize(into.empty() ? 0 : into.rfind('/'));
    } else {
      into += '/';
      into += name;
    }
  }
}

// Most paths are: every name in them stays, and there is one slash before each.
bool is_joined(std::string_view path) {
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '/' && (i + 1 == path.size() || path[i + 1] == '/' || path[i + 1] == '.')) return false;
  }
  return path.starts_with('/');
}

}  // namespace

void join_path(std::string_view directory, std::string_view path, std::string& into) {
  if (is_joined(path)) return void(into = path);
  into.clear();
  const bool is_absolute = path.starts_with('/');
  if (!is_absolute && !directory.starts_with('/')) {
    into = path;
    return;
  }
  if (!is_absolute) append_names(directory, into);
  append_names(path, into);
  if (into.empty()) into = "/";
}

}  // namespace vedette
