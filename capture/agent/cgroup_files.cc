// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/cgroup_files.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

namespace vedette {

// Where an amount stands in a file.
enum class Form : uint8_t {
  First,    // the first word of the file, or of the second line, counted by `word`
  Named,    // "NAME 12"
  Devices,  // "8:0 rbytes=1 wbytes=2", a line for each device: their sum
  Sectors,  // "8:0 Read 1": their sum
  Netstat,  // two lines "TcpExt: NAME ..." and "TcpExt: 12 ..."
};

struct CgroupFiles::Row {
  std::string_view controller;  // of version 1; empty: version 2
  std::string_view file;
  Form form;
  std::string_view key;
  uint64_t word;  // of First
  std::string_view amount;
  uint64_t times = 1, per = 1;
};

namespace {

using Row = CgroupFiles::Row;

constexpr size_t kFileMax = 16 << 10;
constexpr size_t kMembersMax = 64 << 10;
// Where a process may have few descriptors, none is taken for this.
constexpr rlim_t kDescriptorsMin = 128;
// Version 1 says this much or more where there is no limit.
constexpr uint64_t kUnlimited = uint64_t{1} << 62;
constexpr uint64_t kTickUs = 10'000;  // USER_HZ is 100 everywhere

constexpr Row kVersion2[] = {
    {"", "cpu.stat", Form::Named, "user_usec", 0, "cpu_user_us"},
    {"", "cpu.stat", Form::Named, "system_usec", 0, "cpu_system_us"},
    {"", "cpu.stat", Form::Named, "nr_periods", 0, "cpu_periods"},
    {"", "cpu.stat", Form::Named, "nr_throttled", 0, "cpu_throttled_periods"},
    {"", "cpu.stat", Form::Named, "throttled_usec", 0, "cpu_throttled_us"},
    {"", "cpu.max", Form::First, "", 0, "cpu_quota_us"},
    {"", "cpu.max", Form::First, "", 1, "cpu_period_us"},
    {"", "memory.current", Form::First, "", 0, "memory"},
    {"", "memory.max", Form::First, "", 0, "memory_limit"},
    {"", "memory.stat", Form::Named, "inactive_file", 0, "memory_inactive_file"},
    {"", "memory.events", Form::Named, "oom_kill", 0, "oom_kills"},
    {"", "pids.max", Form::First, "", 0, "threads_limit"},
    {"", "io.stat", Form::Devices, "rbytes=", 0, "io_read"},
    {"", "io.stat", Form::Devices, "wbytes=", 0, "io_written"},
};
constexpr Row kVersion1[] = {
    {"cpuacct", "cpuacct.stat", Form::Named, "user", 0, "cpu_user_us", kTickUs},
    {"cpuacct", "cpuacct.stat", Form::Named, "system", 0, "cpu_system_us", kTickUs},
    {"cpu", "cpu.stat", Form::Named, "nr_periods", 0, "cpu_periods"},
    {"cpu", "cpu.stat", Form::Named, "nr_throttled", 0, "cpu_throttled_periods"},
    {"cpu", "cpu.stat", Form::Named, "throttled_time", 0, "cpu_throttled_us", 1, 1000},
    {"cpu", "cpu.cfs_quota_us", Form::First, "", 0, "cpu_quota_us"},
    {"cpu", "cpu.cfs_period_us", Form::First, "", 0, "cpu_period_us"},
    {"memory", "memory.usage_in_bytes", Form::First, "", 0, "memory"},
    {"memory", "memory.limit_in_bytes", Form::First, "", 0, "memory_limit"},
    {"memory", "memory.stat", Form::Named, "total_inactive_file", 0, "memory_inactive_file"},
    {"memory", "memory.oom_control", Form::Named, "oom_kill", 0, "oom_kills"},
    {"pids", "pids.max", Form::First, "", 0, "threads_limit"},
    {"blkio", "blkio.throttle.io_service_bytes", Form::Sectors, "Read", 0, "io_read"},
    {"blkio", "blkio.throttle.io_service_bytes", Form::Sectors, "Write", 0, "io_written"},
};
constexpr Row kNetwork[] = {
    {"", "net/netstat", Form::Netstat, "ListenOverflows", 0, "listen_overflows"},
    {"", "net/netstat", Form::Netstat, "ListenDrops", 0, "listen_drops"},
};

// What does not wait: a pipe of this name has nobody at its other end.
Fd open_file(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat found{};
  if (!fd.is_open() || ::fstat(fd.get(), &found) != 0 || !S_ISREG(found.st_mode)) return {};
  return fd;
}

std::string read_again(const Fd& fd, size_t max) {
  std::string text(max, '\0');
  size_t size = 0;
  while (size < max) {
    const ssize_t got = ::pread(fd.get(), text.data() + size, max - size, static_cast<off_t>(size));
    if (got <= 0) break;
    size += static_cast<size_t>(got);
  }
  text.resize(size);
  return text;
}

std::string_view take(std::string_view& text, char end) {
  const size_t at = text.find(end);
  const std::string_view word = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return word;
}

// "max", and what else is no number, is none.
std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value >= kUnlimited) return std::nullopt;
  return value;
}

std::optional<uint64_t> word_of(std::string_view text, uint64_t word) {
  std::string_view line = take(text, '\n');
  while (word-- > 0) take(line, ' ');
  return number(take(line, ' '));
}

std::optional<uint64_t> named_in(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    if (take(line, ' ') == key) return number(line);
  }
  return std::nullopt;
}

uint64_t sum_of(std::string_view text, std::string_view key, bool is_next_word) {
  uint64_t sum = 0;
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    while (!line.empty()) {
      const std::string_view word = take(line, ' ');
      if (is_next_word && word == key) sum += number(take(line, ' ')).value_or(0);
      else if (!is_next_word && word.starts_with(key)) sum += number(word.substr(key.size())).value_or(0);
    }
  }
  return sum;
}

std::optional<uint64_t> netstat_in(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    std::string_view names = take(text, '\n'), values = take(text, '\n');
    if (!names.starts_with("TcpExt: ")) continue;
    while (!names.empty()) {
      const std::string_view name = take(names, ' '), value = take(values, ' ');
      if (name == key) return number(value);
    }
  }
  return std::nullopt;
}

std::optional<uint64_t> amount_in(std::string_view text, const Row& row) {
  switch (row.form) {
    case Form::First: return word_of(text, row.word);
    case Form::Named: return named_in(text, row.key);
    case Form::Devices: return sum_of(text, row.key, false);
    case Form::Sectors: return sum_of(text, row.key, true);
    case Form::Netstat: return netstat_in(text, row.key);
  }
  return std::nullopt;
}

bool lists(std::string_view controllers, std::string_view one) {
  while (!controllers.empty())
    if (take(controllers, ',') == one) return true;
  return false;
}

// Our group below a controller's folder, by lines "4:memory:/path"; version 2 has an empty controller.
std::string group_of(std::string_view groups, std::string_view controller) {
  while (!groups.empty()) {
    std::string_view line = take(groups, '\n');
    take(line, ':');
    const std::string_view controllers = take(line, ':');
    if (controller.empty() ? controllers.empty() : lists(controllers, controller)) return std::string(line);
  }
  return "";
}

bool may_take_descriptors() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= kDescriptorsMin;
}

}  // namespace

// A container often sees its own group at the root of the mount, whatever path the kernel has for it.
CgroupFiles::CgroupFiles(const std::string& root, const std::string& proc) {
  if (!may_take_descriptors()) return;
  const std::string groups = read_again(open_file(proc + "/cgroup"), kFileMax);
  const auto folders = [&](std::string_view controller) {
    const std::string folder = controller.empty() ? root : root + "/" + std::string(controller);
    return std::vector<std::string>{folder + group_of(groups, controller), folder};
  };
  const bool is_version2 = open_file(root + "/cgroup.controllers").is_open();
  if (is_version2) for (const Row& row : kVersion2) add(row, folders(""));
  else for (const Row& row : kVersion1) add(row, folders(row.controller));
  for (const Row& row : kNetwork) add(row, {proc});
  for (const std::string& folder : folders(is_version2 ? "" : "memory")) {
    if (!members_.is_open()) members_ = open_file(folder + "/cgroup.procs");
  }
}

void CgroupFiles::add(const Row& row, const std::vector<std::string>& folders) {
  for (const std::string& folder : folders) {
    const std::string path = folder + "/" + std::string(row.file);
    const auto known = std::find(names_.begin(), names_.end(), path);
    if (known != names_.end()) return files_[static_cast<size_t>(known - names_.begin())].rows.push_back(&row);
    Fd fd = open_file(path);
    if (!fd.is_open()) continue;
    files_.push_back({std::move(fd), {&row}});
    return names_.push_back(path);
  }
}

void CgroupFiles::read(std::vector<Amount>& amounts) const {
  for (const File& file : files_) {
    const std::string text = read_again(file.fd, kFileMax);
    for (const Row* const row : file.rows) {
      if (const std::optional<uint64_t> value = amount_in(text, *row)) amounts.push_back({row->amount, *value * row->times / row->per});
    }
  }
}

std::vector<int> CgroupFiles::processes(size_t max) const {
  std::vector<int> found;
  if (!members_.is_open()) return found;
  const std::string text = read_again(members_, kMembersMax);
  std::string_view rest = text;
  while (!rest.empty() && found.size() < max) {
    if (const std::optional<uint64_t> pid = number(take(rest, '\n')); pid && *pid > 0) found.push_back(static_cast<int>(*pid));
  }
  return found;
}

}  // namespace vedette
