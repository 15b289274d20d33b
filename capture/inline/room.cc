// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/room.h"

#include <sys/syscall.h>
#include <sys/uio.h>

#include <algorithm>
#include <iterator>

#include "capture/kernel/proc.h"

namespace vedette {
namespace {

constexpr MemoryRange kPagesPlace = {VEDETTE_AGENT_BASE, VEDETTE_AGENT_BASE + VEDETTE_AGENT_BYTES};

bool has_page(const Task& task) { return image_of(*task.space) != nullptr && lowest_mapping(task.tid) == VEDETTE_AGENT_BASE; }

// process_vm_writev into the agent's range: of this process or another, it lies at the same place in all.
bool writes_agent(Task& task, const SyscallInfo& at) {
  iovec remote[VEDETTE_VECTOR_MAX] = {};
  const size_t wanted = std::min<uint64_t>(at.seccomp.args[4], std::size(remote)) * sizeof(iovec);
  const size_t count = task.memory.read(at.seccomp.args[3], remote, wanted) / sizeof(iovec);
  return std::any_of(remote, remote + count, [](const iovec& one) {
    const uint64_t start = untagged(reinterpret_cast<uint64_t>(one.iov_base));
    return is_in_agent(start) || (start < VEDETTE_AGENT_BASE && one.iov_len > VEDETTE_AGENT_BASE - start);
  });
}

}  // namespace

bool InlineRoom::is_attack(Task& task, const SyscallInfo& at) {
  return names_agent(at) || (at.arch == kAuditNative && at.seccomp.nr == SYS_process_vm_writev && writes_agent(task, at));
}

bool InlineRoom::makes_room(Task& task, const SyscallInfo& at) {
  if (task.is_distrusted()) return true;
  for (const MemoryUse& use : memory_uses(at)) {
    if (use.deed == MemoryDeed::Asks && at.arch == kAuditNative) {
      if (use.range.start < VEDETTE_AGENT_LIMIT) decline_hint(task);
    } else if (!grants(task, use)) {
      return false;
    }
  }
  return true;
}

bool InlineRoom::grants(Task& task, const MemoryUse& use) {
  const InlineImage* const image = image_of(*task.space);
  const bool is_ours = image != nullptr && image->holds(use.range);
  const bool is_place = overlap(use.range, kPagesPlace);
  if (!is_ours && !is_place) return true;
  const bool is_page = is_place && has_page(task);
  if (use.deed == MemoryDeed::Changes) return !is_ours && !is_page;
  // The kernel refuses, or gives another place to, what does not insist.
  if (use.deed != MemoryDeed::Replaces && (!is_place || is_page)) return true;
  if (task.space.shared() || use.range.end > kRingRegion) return false;
  yield_place(task);
  return true;
}

void InlineRoom::decline_hint(Task& task) {
  Result<Registers> registers = ptrace_registers(task.tid);
  if (!registers) return;
  auto own = std::make_unique<ArgumentRegisters>(*registers, false);
  registers->set_argument(0, 0);
  if (ptrace_set_registers(task.tid, *registers)) task.own_arguments = std::move(own);
}

// Nothing of ours is in the image any more, but for stubs that nobody jumps to; calls from its gates would
// pass, but ptrace stops them.
void InlineRoom::yield_place(Task& task) {
  if (InlineImage* const image = image_of(*task.space)) {
    code_.patcher().revert(task, *image);
    rings_.take_off(task);
    rings_.drop(task);
    task.space->data.reset();
  }
  inline_part(task).closed = true;
  task.space->sealing_told = true;  // what is told here is all that it need hear
  task.distrust();
  context_->note_stops(task, IntegrityReason::UNFIT);
  context_->notice(task.tid, Notice::TIER_DEGRADED, "", "the program maps memory where the agent's page lies: each of its calls stops");
}

}  // namespace vedette
