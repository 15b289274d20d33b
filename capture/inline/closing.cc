// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/closing.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstddef>
#include <vector>

#include "capture/inline/calls.h"
#include "capture/kernel/clock.h"

namespace vedette {
namespace {

bool opens_now(const RingSlot& slot) {
  RingRecord record;
  return slot.ring().in_flight(record) && is_open(record.nr);
}

// Who has begun an open asks behind it. That of a pipe may last: nobody waits for more than a moment.
void await_opens(const AddressSpace& space) {
  const InlineImage* const image = image_of(space);
  constexpr uint64_t kMomentNs = 1'000'000;
  const uint64_t deadline = monotonic_ns() + kMomentNs;
  const auto is_any_open = [image] {
    return image != nullptr && std::any_of(image->slots.begin(), image->slots.end(), [](const Ref<RingSlot>& slot) { return opens_now(*slot); });
  };
  while (is_any_open() && monotonic_ns() < deadline) ::sched_yield();
}

}  // namespace

bool installs_filter(const SyscallInfo& at) {
  if (at.seccomp.nr == SYS_prctl) return at.seccomp.args[0] == PR_SET_SECCOMP;
  return at.seccomp.nr == SYS_seccomp && at.seccomp.args[0] <= SECCOMP_SET_MODE_FILTER;
}

bool leaves_ipc_namespace(const SyscallInfo& at) {
  return at.seccomp.nr == SYS_setns || (at.seccomp.nr == SYS_unshare && (at.seccomp.args[0] & CLONE_NEWIPC) != 0);
}

bool tests_ip(Task& task, uint64_t program_address) {
  struct {
    uint16_t count;
    uint64_t instructions;
  } program = {};
  if (task.memory.read(program_address, &program, sizeof program) != sizeof program) return false;
  std::vector<sock_filter> code(std::min<size_t>(program.count, BPF_MAXINSNS));
  const size_t size = code.size() * sizeof(sock_filter);
  if (task.memory.read(program.instructions, code.data(), size) != size) return false;
  constexpr uint32_t kIpLow = offsetof(seccomp_data, instruction_pointer);
  return std::any_of(code.begin(), code.end(), [](const sock_filter& one) {
    return one.code == (BPF_LD | BPF_W | BPF_ABS) && (one.k == kIpLow || one.k == kIpLow + 4);
  });
}

void close_for_filter(Context& context, Task& task, const SyscallInfo& at) {
  const bool all = at.seccomp.nr == SYS_seccomp && (at.seccomp.args[1] & SECCOMP_FILTER_FLAG_TSYNC) != 0;
  context.tasks.each([&](Task& each) {
    if (&each != &task && (!all || each.space != task.space)) return;
    InlineTask& theirs = inline_part(each);
    theirs.closed = true;
    if (theirs.slot != nullptr) theirs.slot->ring().withhold_opens();
  });
  if (all) await_opens(*task.space);
}

}  // namespace vedette
