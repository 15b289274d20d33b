// SPDX-License-Identifier: Apache-2.0
// Paths as strings, the way Falco joins them: nothing is looked up, ".." takes the name before it away,
// doubled slashes and "." vanish. What the kernel made of the path is fd.realpath.
#pragma once

#include <string>
#include <string_view>

namespace vedette {

// `path` as seen from `directory`; replaces `into`. An absolute path ignores the directory. Without a known
// directory (empty) a relative path stays as it is.
void join_path(std::string_view directory, std::string_view path, std::string& into);

// Whether a joined path is the folder's own, or of something that lies in it.
inline bool is_at_or_below(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

}  // namespace vedette
