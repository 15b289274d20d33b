// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/proc_truth.h"

#include <sys/stat.h>

#include "capture/kernel/proc.h"

namespace vedette {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

uint64_t in_ns(const timespec& time) {
  return static_cast<uint64_t>(time.tv_sec) * kSecond + static_cast<uint64_t>(time.tv_nsec);
}

ProcPath path_of(uint32_t pid, const char* name) { return ProcPath(Tid(static_cast<pid_t>(pid)), name); }

}  // namespace

bool ProcTruth::link(uint32_t pid, const char* name, std::string& into) {
  const ProcPath path = path_of(pid, name);
  return path.fits() && static_cast<bool>(read_link(path.c_str(), into));
}

bool ProcTruth::text(uint32_t pid, const char* name, std::string& into, size_t max) {
  const ProcPath path = path_of(pid, name);
  return path.fits() && static_cast<bool>(read_file(path.c_str(), into, max));
}

std::optional<FileFacts> ProcTruth::facts(uint32_t pid, const char* name) {
  const ProcPath path = path_of(pid, name);
  struct stat facts;
  if (!path.fits() || ::stat(path.c_str(), &facts) < 0) return std::nullopt;
  return FileFacts{.dev = facts.st_dev, .ino = facts.st_ino, .mode = facts.st_mode, .uid = facts.st_uid,
                   .gid = facts.st_gid, .size = static_cast<uint64_t>(facts.st_size),
                   .ctime_ns = in_ns(facts.st_ctim), .mtime_ns = in_ns(facts.st_mtim)};
}

}  // namespace vedette
