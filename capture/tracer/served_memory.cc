// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/served_memory.h"

#include <cerrno>
#include <utility>

#include "capture/decode/decoder.h"
#include "capture/decode/syscalls.h"
#include "capture/tracer/task_memory.h"

namespace vedette {
namespace {

bool makes_userfaultfd(const Event& event) {
  return event.id == EventId::userfaultfd || (event.id == EventId::ioctl && static_cast<uint32_t>(event.call.args[1]) == kNewUserfaultfd);
}

// Not of an exec that succeeded: the memory is another image's. Nor where the kernel has read something else
// than what the program passed, or nothing, or where its answer is that it could not read either. A 32-bit
// call's numbers are translated already.
bool can_be_read_again(const PendingCall& call) {
  const Event& event = call.sighting.event;
  const bool executes = event.id == EventId::execve || event.id == EventId::execveat;
  const bool is_ours = (event.flags & kRefused) != 0 || call.registers_changed || call.sealed.is_filled();
  return event.call.returned && event.call.result != -EFAULT && event.call.abi == kNativeAbi && !is_ours && (!executes || event.failed());
}

}  // namespace

void expect_served_memory(Context& context, const Task& task, const Event& event) {
  if (!makes_userfaultfd(event) || task.space->served) return;
  task.space->served = true;
  context.tasks.each([&](Task& one) {
    if (one.space == task.space) one.memory.never_wait();
  });
}

void read_again(Context& context, Task& task, PendingCall& call) {
  Event& event = call.sighting.event;
  if (!task.space->served || (event.flags & kFault) == 0) return;
  if (can_be_read_again(call)) {
    TaskMemory memory(task.memory);
    const Call as_called = event.call;
    (void)decode_enter(as_called, memory, context.limits, event);
    context.state.before_call(call.sighting);
  }
  const bool is_known = (event.flags & kFault) == 0 || event.call.result == -EFAULT;
  if (is_known || std::exchange(task.space->served_told, true)) return;
  context.notice(task.tid, Notice::UNCERTAIN, event.info().name,
                 "what a call passed could not be read: it lay in memory that the program serves itself (userfaultfd)");
}

}  // namespace vedette
