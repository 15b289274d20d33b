// SPDX-License-Identifier: Apache-2.0
#include "capture/outsiders/enlist.h"

#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>

#include "capture/kernel/proc.h"
#include "capture/tracer/inject.h"
#include "capture/tracer/own_filters.h"
#include "capture/tracer/stop.h"
#include "capture/wire/ring.h"

namespace vedette {
namespace {

constexpr uint64_t kNoFile = ~0ull;

// Makes the task's calls, one after another; the first that fails ends it.
class Recruiter {
 public:
  Recruiter(Task& task, uint64_t instruction) : task_(task), instruction_(instruction) {}

  int64_t call(uint64_t nr, std::array<uint64_t, 6> args) {
    const Result<int64_t> answer = inject_call(task_.tid, instruction_, {nr, args});
    return answer ? *answer : -answer.error().get();
  }

  // 0, or -errno; a thread's number when that thread has filters the others have not.
  int64_t install(std::span<const sock_filter> filter, bool may_set_no_new_privs, bool& set_no_new_privs) {
    const uint64_t size = sizeof(sock_fprog) + filter.size_bytes();
    const int64_t room = call(SYS_mmap, {0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, kNoFile, 0});
    if (room < 0) return room;
    const int64_t answer = write(static_cast<uint64_t>(room), filter)
                               ? install_at(static_cast<uint64_t>(room), may_set_no_new_privs, set_no_new_privs)
                               : -EFAULT;
    call(SYS_munmap, {static_cast<uint64_t>(room), size});
    return answer;
  }

 private:
  bool write(uint64_t room, std::span<const sock_filter> filter) {
    sock_fprog program{};
    program.len = static_cast<unsigned short>(filter.size());
    program.filter = reinterpret_cast<sock_filter*>(room + sizeof program);
    return task_.memory.write(room, &program, sizeof program) == sizeof program &&
           task_.memory.write(room + sizeof program, filter.data(), filter.size_bytes()) == filter.size_bytes();
  }

  int64_t install_at(uint64_t room, bool may_set_no_new_privs, bool& set_no_new_privs) {
    constexpr uint64_t kFlags = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    const int64_t answer = call(SYS_seccomp, {SECCOMP_SET_MODE_FILTER, kFlags, room});
    if (answer != -EACCES || !may_set_no_new_privs) return answer;
    if (const int64_t refused = call(SYS_prctl, {PR_SET_NO_NEW_PRIVS, 1}); refused < 0) return refused;
    set_no_new_privs = true;
    return call(SYS_seccomp, {SECCOMP_SET_MODE_FILTER, kFlags, room});
  }

  Task& task_;
  uint64_t instruction_;
};

void mark_all(Context& context, Task& task, bool has_filter) {
  context.tasks.each([&](Task& one) {
    if (one.process != task.process) return;
    has_filter ? one.enlisted() : one.cannot_enlist();
  });
}

}  // namespace

void enlist(Context& context, Task& task, const SyscallInfo& at) {
  if (!task.may_enlist() || context.filter.empty() || at.arch != kAuditNative) return;
  const uint64_t instruction = at.instruction_pointer - kSyscallBytes;
  uint8_t code[kSyscallBytes];
  if (task.memory.read(instruction, code, sizeof code) != sizeof code) return;
  if (std::memcmp(code, kSyscallCode, sizeof code) != 0) return;  // a new program's first instruction: its next call will do

  mark_all(context, task, false);
  if (context.hooks.guards_range() && lowest_mapping(task.tid).value_or(0) < VEDETTE_AGENT_LIMIT) {
    return context.notice(task.tid, Notice::TIER_DEGRADED, "seccomp", "a session's calls stop one by one: it lies where the agent's page goes");
  }
  if (has_own_filters(task)) {
    return context.notice(task.tid, Notice::TIER_DEGRADED, "seccomp", "a session's calls stop one by one: it has seccomp filters of its own");
  }
  bool set_no_new_privs = false;
  const int64_t answer = Recruiter(task, instruction).install(context.filter, context.no_new_privs, set_no_new_privs);
  if (set_no_new_privs) {
    context.notice(task.tid, Notice::NO_NEW_PRIVS, "seccomp", "setuid and file capabilities have no effect");
  }
  if (answer != 0) {
    return context.notice(task.tid, Notice::TIER_DEGRADED, "seccomp", "a session's calls stop one by one: it takes no filter", answer);
  }
  mark_all(context, task, true);
  bind(task);
}

}  // namespace vedette
