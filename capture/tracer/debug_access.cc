// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/debug_access.h"

#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <string>

#include "capture/kernel/capabilities.h"
#include "capture/kernel/proc.h"

namespace vedette {
namespace {

constexpr size_t kStatusMax = 8192;
constexpr int kGenerationsMax = 64;

// Real, effective and saved.
struct Ids {
  std::array<unsigned, 3> number = {};
};

struct Identity {
  Ids user, group;
  uint64_t effective = 0, permitted = 0;  // capabilities

  static bool read(Tid tid, Identity& into) {
    std::string status;
    if (!read_file(ProcPath(tid, "status"), status, kStatusMax)) return false;
    const auto ids = [&](std::string_view name, Ids& ids) {
      const std::string text(status_field(status, name));
      return std::sscanf(text.c_str(), "%u %u %u", &ids.number[0], &ids.number[1], &ids.number[2]) == 3;
    };
    into.effective = status_mask(status, "CapEff");
    into.permitted = status_mask(status, "CapPrm");
    return ids("Uid", into.user) && ids("Gid", into.group);
  }
  bool may_trace_all() const { return (effective & 1ull << static_cast<int>(Capability::SysPtrace)) != 0; }
};

// The kernel gives the files of a process that must not be looked into to root.
bool is_dumpable(Tid tid, unsigned user) {
  struct stat facts;
  return user == 0 || (stat_at(ProcPath(tid, "environ"), facts) && facts.st_uid == user);
}

// Yama: 0 none of it, 1 descendants only, 2 only who may trace all, 3 nobody.
int yama_scope() {
  std::string text;
  constexpr size_t kMax = 16;
  if (!read_file(ProcPath("sys/kernel/yama/ptrace_scope"), text, kMax) || text.empty()) return 0;
  return text[0] - '0';
}

bool descends_from(Tid task, Tid ancestor) {
  for (int i = 0; i < kGenerationsMax && task.is_set(); ++i) {
    task = parent_of(task);
    if (task == ancestor) return true;
  }
  return false;
}

}  // namespace

Tid parent_of(Tid tid) {
  std::string status;
  return read_file(ProcPath(tid, "status"), status, kStatusMax) ? status_tid(status, "PPid") : Tid();
}

bool may_debug(Tid debugger, Tid target) {
  Identity mine, theirs;
  if (!Identity::read(debugger, mine) || !Identity::read(target, theirs)) return false;
  const int scope = yama_scope();
  if (scope == 3) return false;
  if (mine.may_trace_all()) return true;
  if (scope == 2 || (scope == 1 && !descends_from(target, debugger))) return false;
  for (unsigned i = 0; i < 3; ++i) {
    if (theirs.user.number[i] != mine.user.number[0] || theirs.group.number[i] != mine.group.number[0]) return false;
  }
  return is_dumpable(target, theirs.user.number[1]) && (theirs.permitted & ~mine.permitted) == 0;
}

}  // namespace vedette
