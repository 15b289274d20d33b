// SPDX-License-Identifier: Apache-2.0
// Files in which the kernel says what a control group uses
// (cgroup-v2.rst; cgroup-v1/*.rst), and what it counts of the network. All are opened before the workload
// runs, and read again by their descriptors: what is mounted over a name later leads nobody astray, and
// keeps nobody waiting.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "capture/agent/usage.h"
#include "capture/kernel/fd.h"

namespace vedette {

class CgroupFiles {
 public:
  // `root`: where control groups are mounted; `proc`: /proc/self. A file that is not there is left out.
  explicit CgroupFiles(const std::string& root = "/sys/fs/cgroup", const std::string& proc = "/proc/self");
  // Adds what they say now.
  void read(std::vector<Amount>& amounts) const;
  // Processes of the group in our pid namespace, at most so many.
  std::vector<int> processes(size_t max) const;

  struct Row;

 private:
  struct File {
    Fd fd;
    std::vector<const Row*> rows;
  };
  void add(const Row& row, const std::vector<std::string>& folders);
  std::vector<File> files_;
  std::vector<std::string> names_;  // of these files
  Fd members_;
};

}  // namespace vedette
