// SPDX-License-Identifier: Apache-2.0
// Has the kernel tell when a name in one of some paths is moved or removed, whoever does it: inotify on each
// folder of the path. The kernel tells right after it has made the change. It does so for file systems whose
// names nobody but this kernel changes, so paths on others (a network's, FUSE) are refused. A new file does
// not change what an old name means, and is not told.
//
// Folders in which much is moved and removed cost the kernel and us time for each change. When there is much
// of that, everything is let go, and nothing is watched for a while.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "capture/kernel/fd.h"
#include "capture/state/standing_paths.h"

namespace vedette {

class InotifyNameWatch final : public NameWatch {
 public:
  static constexpr size_t kFoldersMax = 256;
  static constexpr unsigned kChangesMax = 1000;           // of names that are not watched, in a second
  static constexpr uint64_t kRestNs = 10'000'000'000;

  bool watch(const std::string& path) override;
  void leave(const std::string& path) override;
  News take() override;

 private:
  struct Folder {
    int watch = -1;
    std::multimap<std::string, std::string, std::less<>> names;  // and the paths that go through each
  };

  bool watch_name(const std::string& folder, const std::string& name, const std::string& path);
  bool is_too_much();
  void let_go();

  Fd inotify_;
  std::map<std::string, Folder> folders_;
  std::unordered_map<int, std::string> by_watch_;
  uint64_t resting_until_ns_ = 0;
  uint64_t second_began_ns_ = 0;
  unsigned changes_ = 0;  // in this second
};

}  // namespace vedette
