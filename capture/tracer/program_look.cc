// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/program_look.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "capture/kernel/fd.h"
#include "capture/kernel/proc.h"
#include "capture/kernel/remote_memory.h"
#include "capture/tracer/own_names.h"

namespace vedette {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr size_t kMountsMax = 1 << 20;
constexpr size_t kMapsMax = 1 << 16;  // of an image that has not run yet
constexpr size_t kAuxvMax = 4096;
constexpr size_t kNameMax = 4096;
constexpr std::string_view kMemfd = "/memfd:";
#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000
#endif

int64_t read_clock(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

bool statx_of(PathAt path, struct statx& into) {
  return ::syscall(SYS_statx, path.folder, path.name, 0, STATX_BASIC_STATS | STATX_MNT_ID, &into) == 0;
}

std::string device_of(uint64_t mount, PathAt mounts) {
  std::string text;
  if (!read_file(mounts, text, kMountsMax)) return {};
  for (std::string_view rest = text; !rest.empty();) {
    const std::optional<MountLine> line = read_mount_line(take_line(rest));
    if (line && line->id == mount) return std::string(line->device);
  }
  return {};
}

// A program's name, as the task means it.
ProcPath path_of(Tid tid, std::string_view name) {
  if (const std::optional<OwnName> own = own_name(name)) return ProcPath(tid, own->below);
  return ProcPath(tid, (name.starts_with('/') ? "root" : "cwd/") + std::string(name));
}

}  // namespace

// The coarse clock is the one files' times come from: what is written from now on is not older than this.
StartTime::StartTime() : begun_ns_(read_clock(CLOCK_BOOTTIME)) { offset_ns_ = read_clock(CLOCK_REALTIME_COARSE) - begun_ns_; }

uint64_t StartTime::now_ns() {
  offset_ns_ = std::min(offset_ns_, read_clock(CLOCK_REALTIME_COARSE) - read_clock(CLOCK_BOOTTIME));
  return static_cast<uint64_t>(begun_ns_ + offset_ns_);
}

ProgramLook::ProgramLook() {
  struct statx facts;
  if (!statx_of("/", facts)) return;
  root_mount_ = facts.stx_mnt_id;
  root_device_ = device_of(root_mount_, ProcPath("self/mountinfo"));
}

std::optional<ProgramFile> ProgramLook::at_link(Tid tid, std::string_view link) const {
  return look(ProcPath(tid, link), ProcPath(tid, "mountinfo"));
}

std::optional<ProgramFile> ProgramLook::at_name(Tid tid, std::string_view name) const {
  const ProcPath path = path_of(tid, name);
  const Fd file = path.fits() ? open_at(path, O_PATH) : Fd();
  if (!file.is_open()) return std::nullopt;
  return look(ProcPath("self/fd/" + std::to_string(file.get())), ProcPath(tid, "mountinfo"));
}

std::optional<ProgramFile> ProgramLook::look(PathAt path, PathAt mounts) const {
  struct statx facts;
  ProgramFile file;
  if (!statx_of(path, facts) || !read_link(path, file.path)) return std::nullopt;
  file.dev = static_cast<uint64_t>(facts.stx_dev_major) << 32 | facts.stx_dev_minor;
  file.ino = facts.stx_ino;
  file.ctime_ns = static_cast<uint64_t>(facts.stx_ctime.tv_sec * kSecond + facts.stx_ctime.tv_nsec);
  file.has_name = facts.stx_nlink != 0;
  file.is_regular = S_ISREG(facts.stx_mode);
  file.is_executable = (facts.stx_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0;
  file.is_memfd = file.path.starts_with(kMemfd);
  file.in_root_mount = (facts.stx_mask & STATX_MNT_ID) == 0 || is_root_mount(facts.stx_mnt_id, mounts);
  return file;
}

// Another mount namespace numbers the same mounts anew: there the file system counts.
bool ProgramLook::is_root_mount(uint64_t mount, PathAt mounts) const {
  if (mount == root_mount_ || root_mount_ == 0) return true;
  return !root_device_.empty() && device_of(mount, mounts) == root_device_;
}

std::vector<std::string> ProgramLook::code_of(Tid tid) const {
  std::vector<std::string> names;
  std::string text;
  if (!read_file(ProcPath(tid, "maps"), text, kMapsMax)) return names;
  for (std::string_view rest = text; !rest.empty();) {
    const std::optional<MapLine> map = read_map_line(take_line(rest));
    if (map && map->is_executable() && map->name.starts_with('/')) names.emplace_back(map->name);
  }
  return names;
}

std::optional<std::string> ProgramLook::named_by_exec(Tid tid) const {
  std::string auxv;
  if (!read_file(ProcPath(tid, "auxv"), auxv, kAuxvMax)) return std::nullopt;
  uint64_t address = 0;
  for (size_t at = 0; at + sizeof(Elf64_auxv_t) <= auxv.size(); at += sizeof(Elf64_auxv_t)) {
    Elf64_auxv_t entry;
    std::memcpy(&entry, auxv.data() + at, sizeof entry);
    if (entry.a_type == AT_EXECFN) address = entry.a_un.a_val;
  }
  if (address == 0) return std::nullopt;  // a 32-bit image: its vector is of half the width
  char name[kNameMax];
  RemoteMemory memory(tid);
  const size_t size = memory.read(address, name, sizeof name);
  const void* const end = std::memchr(name, 0, size);
  if (end == nullptr) return std::nullopt;
  return std::string(name, static_cast<size_t>(static_cast<const char*>(end) - name));
}

}  // namespace vedette
