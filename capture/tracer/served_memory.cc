// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/served_memory.h"

#include <cerrno>
#include <string_view>
#include <utility>

#include "capture/decode/decoder.h"
#include "capture/decode/syscalls.h"
#include "capture/tracer/task_memory.h"

namespace vedette {
namespace {

constexpr std::string_view kServed = "what a call passed could not be read: it lay in memory that the program serves itself (userfaultfd)";
// Or the call failed before the kernel had looked.
constexpr std::string_view kClosed = "what a call passed could not be read: it lay in memory that the kernel shows to no other program (memfd_secret)";

bool makes_userfaultfd(const Event& event) {
  return event.id == EventId::userfaultfd || (event.id == EventId::ioctl && static_cast<uint32_t>(event.call.args[1]) == kNewUserfaultfd);
}

bool executes(EventId id) { return id == EventId::execve || id == EventId::execveat; }

// Not of an exec that succeeded: the memory is another image's. Nor where the kernel has read something else
// than what the program passed, or nothing, or where its answer is that it could not read either. A 32-bit
// call's numbers are translated already.
bool can_be_read_again(const PendingCall& call) {
  const Event& event = call.sighting.event;
  const bool is_ours = (event.flags & kRefused) != 0 || call.registers_changed || call.sealed.is_filled();
  return event.call.returned && event.call.result != -EFAULT && event.call.abi == kNativeAbi && !is_ours && (!executes(event.id) || event.failed());
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
  if ((event.flags & kFault) == 0) return;
  const bool is_served = task.space->served;
  if (is_served && can_be_read_again(call)) {
    TaskMemory memory(task.memory);
    const Call as_called = event.call;
    (void)decode_enter(as_called, memory, context.limits, event);
    context.state.before_call(call.sighting);
  }
  // Which program was executed, the kernel says.
  const bool is_known = (event.flags & kFault) == 0 || event.call.result == -EFAULT || (executes(event.id) && !event.failed());
  if (is_known || std::exchange(task.space->served_told, true)) return;
  context.notice(task.tid, Notice::UNCERTAIN, event.info().name, is_served ? kServed : kClosed);
}

}  // namespace vedette
