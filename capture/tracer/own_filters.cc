// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/own_filters.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <string>

#include "capture/kernel/arch.h"
#include "capture/kernel/classic_bpf.h"
#include "capture/kernel/proc.h"
#include "capture/tracer/context.h"

namespace vedette {
namespace {

// Filters that a task has: "Seccomp:" says whether, "Seccomp_filters:" (Linux 5.9) how many. What cannot be
// known is many.
int filters_of(PathAt status_path) {
  std::string status;
  constexpr size_t kStatusMax = 8192;
  if (!read_file(status_path, status, kStatusMax)) return INT_MAX;
  const uint64_t mode = status_number(status, "Seccomp", SECCOMP_MODE_DISABLED);
  if (mode == SECCOMP_MODE_DISABLED) return 0;
  return mode == SECCOMP_MODE_FILTER ? static_cast<int>(status_number(status, "Seccomp_filters", INT_MAX)) : INT_MAX;
}

int own_filters_of(const Task& task) {
  static const int containers = filters_of(ProcPath("self/status"));
  const int theirs = filters_of(ProcPath(task.tid, "status"));
  return theirs == INT_MAX ? INT_MAX : theirs - containers - (task.has_filter ? 1 : 0);
}

// Where the program is, of a call that installs one; 0: it installs none.
uint64_t program_of(const Call& call, EventId id) {
  if (id == EventId::seccomp) return call.args[0] == SECCOMP_SET_MODE_FILTER ? call.args[2] : 0;
  return call.args[0] == PR_SET_SECCOMP && call.args[1] == SECCOMP_MODE_FILTER ? call.args[2] : 0;
}

// struct sock_fprog: a length, and a pointer of the convention's width.
std::vector<sock_filter> read_program(Task& task, uint64_t at, bool is_32) {
  uint16_t length = 0;
  uint64_t instructions = 0;
  const uint64_t pointer = at + (is_32 ? sizeof(uint32_t) : sizeof(uint64_t));
  const size_t width = is_32 ? sizeof(uint32_t) : sizeof(uint64_t);
  if (task.memory.read(at, &length, sizeof length) != sizeof length || task.memory.read(pointer, &instructions, width) != width) return {};
  std::vector<sock_filter> program(std::min<size_t>(length, BPF_MAXINSNS));
  const size_t bytes = program.size() * sizeof(sock_filter);
  return task.memory.read(instructions, program.data(), bytes) == bytes ? program : std::vector<sock_filter>();
}

}  // namespace

bool has_own_filters(const Task& task) { return own_filters_of(task) > 0; }

bool own_filters_allow(const Task& task, const InjectedCall& call, Abi abi, uint64_t ip) {
  const int count = own_filters_of(task);
  if (count <= 0) return true;
  if (!task.filters || task.filters->depth != count) return false;
  seccomp_data data{};
  data.nr = static_cast<int>(call.nr);
  data.arch = abi == Abi::I386 ? AUDIT_ARCH_I386 : kAuditNative;
  data.instruction_pointer = ip;
  std::copy(call.args.begin(), call.args.end(), data.args);
  for (const OwnFilter* one = task.filters.get(); one != nullptr; one = one->below.get()) {
    const uint32_t action = run_filter(one->program, data).value_or(SECCOMP_RET_KILL_PROCESS) & SECCOMP_RET_ACTION_FULL;
    if (action != SECCOMP_RET_ALLOW && action != SECCOMP_RET_LOG) return false;
  }
  return true;
}

void note_own_filter(Context& context, Task& task, const Event& event) {
  const Call& call = event.call;
  const uint64_t at = program_of(call, event.id);
  const bool for_all = event.id == EventId::seccomp && (call.args[1] & SECCOMP_FILTER_FLAG_TSYNC) != 0;
  if (at == 0 || (for_all && call.result != 0)) return;  // the thread that could not take it
  const Ref<OwnFilter> filter = make_ref<OwnFilter>();
  filter->program = read_program(task, at, call.abi == Abi::I386);
  filter->below = task.filters;
  filter->depth = task.filters ? task.filters->depth + 1 : 1;
  context.tasks.each([&](Task& one) {
    if (&one == &task || (for_all && one.process == task.process)) one.filters = filter;
  });
}

}  // namespace vedette
