// SPDX-License-Identifier: Apache-2.0
#include "capture/outsiders/sight.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <memory>
#include <string>
#include <string_view>

#include "capture/kernel/fd.h"

namespace vedette {
namespace {

constexpr size_t kTextMax = 8192;

pid_t pid_in(std::string_view text) {
  pid_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

std::optional<Sight> Sight::of(Tid number) {
  std::string status;
  if (!read_file(ProcPath(number, "status"), status, kTextMax)) return std::nullopt;
  return Sight{status_tid(status, "Tgid"), status_tid(status, "PPid"), status_tid(status, "TracerPid"), status_field(status, "State").starts_with('Z')};
}

// The kernel names the thread that traces, not its process.
bool Sight::is_ours() const { return tracer == Tid(static_cast<pid_t>(::syscall(SYS_gettid))); }

std::vector<Tid> numbers_in(PathAt path) {
  std::vector<Tid> numbers;
  Fd opened = open_at(path, O_RDONLY | O_DIRECTORY);
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opened.is_open() ? ::fdopendir(opened.release()) : nullptr, ::closedir);
  while (folder != nullptr) {
    const dirent* const entry = ::readdir(folder.get());
    if (entry == nullptr) break;
    if (const pid_t found = pid_in(entry->d_name); found > 0) numbers.push_back(Tid(found));
  }
  return numbers;
}

}  // namespace vedette
