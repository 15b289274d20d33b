// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/usage_reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <string>

#include "capture/kernel/proc.h"

namespace vedette {
namespace {

constexpr size_t kProcessesMax = 256;
constexpr size_t kListenersMax = 64;
constexpr uint64_t kDescriptorsMax = 4096;  // that are counted one by one, of a process
constexpr size_t kStatMax = 1024, kLimitsMax = 4096;
constexpr int kThreads = 20;  // field of proc_pid_stat(5)
constexpr uint64_t kThousand = 1000;

// Since Linux 6.2 the folder's size says it (proc_pid_fd(5)); it can only be 0 where that is so or it is
// empty.
uint64_t count_descriptors(Tid process) {
  const ProcPath path(process, "fd");
  struct stat found{};
  if (stat_at(path, found) && found.st_size > 0) return static_cast<uint64_t>(found.st_size);
  Fd folder = open_at(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (!folder.is_open()) return 0;
  DIR* const list = ::fdopendir(folder.get());
  if (list == nullptr) return 0;
  (void)folder.release();
  uint64_t count = 0;
  while (const dirent* const entry = ::readdir(list)) {
    if (entry->d_name[0] != '.' && ++count >= kDescriptorsMax) break;
  }
  ::closedir(list);
  return count;
}

// The soft limit; 0: it cannot be read, or there is none.
uint64_t descriptor_limit(Tid process) {
  static constexpr std::string_view kTitle = "Max open files";
  std::string text;
  if (!read_file(ProcPath(process, "limits"), text, kLimitsMax)) return 0;
  size_t at = text.find(kTitle);
  if (at == std::string::npos) return 0;
  at = text.find_first_not_of(' ', at + kTitle.size());
  uint64_t limit = 0;
  if (at != std::string::npos) (void)std::from_chars(text.data() + at, text.data() + text.size(), limit);
  return limit;
}

}  // namespace

Usage UsageReader::read() const {
  Usage usage;
  cgroup_.read(usage.amounts);
  uint64_t processes = 0, threads = 0, descriptors = 0, fullest = 0;
  for (const int pid : cgroup_.processes(kProcessesMax)) {
    std::string stat;
    if (!read_file(ProcPath(Tid(pid), "stat"), stat, kStatMax)) continue;  // it is gone
    const uint64_t open = count_descriptors(Tid(pid)), limit = descriptor_limit(Tid(pid));
    ++processes;
    threads += static_cast<uint64_t>(std::max<int64_t>(stat_field(stat, kThreads).value_or(0), 0));
    descriptors += open;
    if (limit > 0) fullest = std::max(fullest, open * kThousand / limit);
  }
  if (processes > 0) {
    for (const Amount amount : {Amount{"processes", processes}, {"threads", threads}, {"descriptors", descriptors}, {"descriptors_permille", fullest}})
      usage.amounts.push_back(amount);
  }
  usage.listeners = listeners_.read(kListenersMax);
  return usage;
}

}  // namespace vedette
