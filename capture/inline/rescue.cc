// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/rescue.h"

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "capture/decode/decoder.h"
#include "capture/inline/calls.h"
#include "capture/inline/no_memory.h"
#include "capture/inline/x86_64/registers.h"
#include "capture/tracer/interruption.h"
#include "capture/tracer/task_memory.h"

namespace vedette {
namespace {

// What the record has from before the call, before what stands in the program's memory now.
class KeptMemory final : public Memory {
 public:
  KeptMemory(const Ring& ring, uint32_t nr, Memory& rest)
      : has_inputs_(keeps_inputs(nr) && ring.current_inputs(inputs_, !is_open(nr))), rest_(rest) {}
  size_t read(uint64_t address, void* into, size_t size) override {
    const size_t kept = has_inputs_ ? inputs_.read(address, into, size) : 0;
    return kept != 0 ? kept : rest_.read(address, into, size);
  }

 private:
  RecordCopy inputs_;
  bool has_inputs_;
  Memory& rest_;
};

void restore_arguments(Registers& registers, const RingRecord& record) {
  for (unsigned i = 0; i < 6; ++i) registers.set_argument(i, record.args[i]);
}

constexpr unsigned kStepsMax = 64;  // instructions, and stops of other kinds between them
constexpr uint64_t kStepNs = 20'000'000;  // one takes a microsecond

enum class Stepped : uint8_t { Out, Stuck, Gone };

// Sent to a thread whose step does not come back; of those that queue, so that one of the program's own takes
// nothing from it.
const int kCallBack = SIGRTMAX;

bool is_called_back(const Task& task, WaitStatus status) {
  if (status.event() != 0 || status.stop_signal() != kCallBack) return false;
  const Result<siginfo_t> info = ptrace_siginfo(task.tid);
  return info && info->si_code == SI_TKILL && info->si_pid == ::getpid();
}

// The next stop of the task, as ptrace_wait has it, for at most so long.
Result<WaitStatus> wait_for(Tid tid, uint64_t ns) {
  const uint64_t deadline = monotonic_ns() + ns;
  while (!ptrace_has_news(tid)) {
    if (monotonic_ns() >= deadline) return Errno(ETIMEDOUT);
    ::sched_yield();
  }
  return ptrace_wait(tid);
}

// One instruction at a time, with every signal held back, until it has left [start, end). The thread is
// stopped for a signal before and after; that signal stays as it was. Gone: it is about to end. Stuck: the
// instruction waits for memory that somebody of the program serves (userfaultfd), who may need us; it was
// called back from there, and stands where it did.
Stepped step_out_of(Task& task, Registers& registers, uint64_t start, uint64_t end) {
  const Result<uint64_t> mask = ptrace_signal_mask(task.tid);
  const Result<siginfo_t> signal = ptrace_siginfo(task.tid);
  if (!mask || !signal) return Stepped::Gone;
  const auto bit = [](int number) { return 1ull << (number - 1); };
  (void)ptrace_set_signal_mask(task.tid, ~(bit(SIGTRAP) | bit(kCallBack)));
  bool calls_back = false;
  for (unsigned i = 0; i < kStepsMax; ++i) {
    if (!ptrace_resume(task.tid, Resume::Step)) return Stepped::Gone;
    Result<WaitStatus> status = calls_back ? ptrace_wait(task.tid) : wait_for(task.tid, kStepNs);
    if (!status && status.error().get() == ETIMEDOUT) {
      calls_back = ::syscall(SYS_tgkill, task.process.get(), task.tid.get(), kCallBack) == 0;
      status = ptrace_wait(task.tid);
    }
    if (!status || status->event() == PTRACE_EVENT_EXIT) return Stepped::Gone;
    // Its group is being stopped or continued: the trap of the step is still to come. A stop that we step
    // over is asked for again.
    if (status->is_group_stop()) (void)::syscall(SYS_tgkill, task.process.get(), task.tid.get(), status->stop_signal());
    if (status->event() != 0) continue;
    const Result<Registers> now = ptrace_registers(task.tid);
    if (!now) return Stepped::Gone;
    registers = *now;
    const bool is_inside = registers.ip() >= start && registers.ip() < end;
    if (calls_back ? !is_called_back(task, *status) : is_inside) continue;
    (void)ptrace_set_signal_mask(task.tid, *mask);
    (void)ptrace_set_siginfo(task.tid, *signal);
    return is_inside ? Stepped::Stuck : Stepped::Out;
  }
  return Stepped::Gone;
}

// What stands at an address of a file's stubs. All in the file's addresses.
struct InStub {
  const SiteStub* stub;
  uint64_t window;       // what begins at the stub now
  uint64_t instruction;  // that the stub stands for
};

std::optional<InStub> stub_at(const MappedFile& file, uint64_t at) {
  const StubImage& stubs = file.near->stubs;
  if (at - static_cast<uint64_t>(stubs.distance) >= file.near->segment.bytes()) return {};
  const auto holds = [at](const SiteStub& stub) { return stub.address != 0 && at - stub.address < uint64_t{stub.size} + stub.answer_size; };
  for (size_t i = 0; i < file.sites.size(); ++i) {
    const Site& site = file.file->sites()[i];
    if (holds(stubs.stubs[i])) return InStub{&stubs.stubs[i], site.start, site.syscall};
  }
  for (const SiteStub& stub : file.near->answering.stubs) {
    if (!holds(stub)) continue;
    const Patch& window = stub.patches.front();
    return InStub{&stub, window.address, window.address + window.size};
  }
  return {};
}

}  // namespace

bool InlineRescue::is_ours(const Task& task, uint64_t ip) {
  if (AgentPage::contains(ip)) return true;
  const InlineImage* const image = image_of(*task.space);
  return image != nullptr && std::any_of(image->files.begin(), image->files.end(), [ip](const MappedFile& file) {
    return file.near != nullptr && stub_at(file, ip - file.bias);
  });
}

InlineRescue::Place InlineRescue::take_out(Task& task, Registers& registers, bool skipped) {
  return AgentPage::contains(registers.ip()) ? from_page(task, registers, skipped) : from_stub(task, registers);
}

InlineRescue::Place InlineRescue::from_page(Task& task, Registers& registers, bool skipped) {
  const StubPhase phase = AgentPage::phase_at(registers.ip());
  if (phase == StubPhase::Boot) return Place::Boot;
  RingSlot* slot = inline_part(task).slot.get();
  const bool needs_slot = phase != StubPhase::SiteInLink && phase != StubPhase::Peeking && phase != StubPhase::SyscallInLink;
  if (needs_slot && slot == nullptr) return Place::Elsewhere;  // somebody jumped here without a ring of ours

  const uint64_t link = link_of(registers);
  // An open's path is the record's meanwhile.
  const bool is_lent = phase == StubPhase::TakingInput || phase == StubPhase::InputTaken || phase == StubPhase::Opened;
  if (is_lent) restore_arguments(registers, slot->ring().current());
  switch (phase) {
    case StubPhase::SiteInLink:
    case StubPhase::Peeking: registers.set_ip(link - kSyscallBytes); break;
    case StubPhase::SyscallInLink: registers.set_ip(link); break;
    case StubPhase::ArgumentsSaved:
    case StubPhase::TakingInput:
    case StubPhase::InputTaken:
      restore_spoiled(registers, slot->ring().current());
      [[fallthrough]];
    case StubPhase::ArgumentsKept:
    case StubPhase::Gate:
      slot->ring().clear_in_flight();
      registers.set_ip(slot->ring().resume() - kSyscallBytes);
      break;
    case StubPhase::Returned:
    case StubPhase::Opened:
      registers.set_ip(slot->ring().resume());
      if (skipped) {
        slot->ring().clear_in_flight();
        (void)slot->take_handed();
      } else if (is_restart(registers.result()) && static_cast<int64_t>(registers.number()) >= 0) {
        set_aside_call(task, *slot, registers);
      } else {
        finish(task, *slot, registers, registers.result(), false);
      }
      (void)ptrace_set_registers(task.tid, registers);
      return Place::Behind;
    case StubPhase::Recording:
      registers.set_ip(slot->ring().resume());
      finish(task, *slot, registers, slot->ring().current().result, true);
      (void)ptrace_set_registers(task.tid, registers);
      return Place::Behind;
    case StubPhase::Published:
      registers.set_ip(slot->ring().resume());
      (void)ptrace_set_registers(task.tid, registers);
      return Place::Behind;
    case StubPhase::Boot: break;
  }
  (void)ptrace_set_registers(task.tid, registers);
  return phase == StubPhase::Peeking || phase == StubPhase::TakingInput ? Place::Peeking : Place::Before;
}

InlineRescue::Place InlineRescue::from_stub(Task& task, Registers& registers) {
  InlineImage* image = image_of(*task.space);
  if (image == nullptr) return Place::Elsewhere;
  for (const MappedFile& file : image->files) {
    if (file.near == nullptr) continue;
    const std::optional<InStub> found = stub_at(file, registers.ip() - file.bias);
    if (!found) continue;
    const SiteStub& stub = *found->stub;
    const uint64_t start = file.bias + stub.address, behind_moved = start + stub.moved_size, answer = start + stub.size;
    // A program that steps itself would be sent to the start for ever.
    if (registers.ip() == start && !steps_itself(registers)) {
      registers.set_ip(file.bias + found->window);
    } else if (registers.ip() >= answer) {
      (void)step_out_of(task, registers, answer, answer + stub.answer_size);
    } else {
      const Stepped stepped = registers.ip() >= behind_moved ? Stepped::Out : step_out_of(task, registers, start, behind_moved);
      if (stepped == Stepped::Stuck) return Place::Stuck;
      if (stepped == Stepped::Out) registers.set_ip(file.bias + found->instruction);
    }
    (void)ptrace_set_registers(task.tid, registers);
    return Place::Before;
  }
  return Place::Elsewhere;
}

Call InlineRescue::call_from(const RingSlot& slot, const Registers& registers, int64_t result) const {
  RingRecord record = slot.ring().current();
  for (unsigned i = 0; i < 6; ++i) record.args[i] = registers.argument(i);
  record.result = result;
  return drain_.call_of(slot, record, Clock::read_tsc());
}

void InlineRescue::finish(Task& task, RingSlot& slot, Registers& registers, int64_t result, bool recorded_arguments) {
  if (recorded_arguments) restore_arguments(registers, slot.ring().current());
  registers.set_result(result);
  slot.ring().clear_in_flight();
  const Call call = call_from(slot, registers, result);
  TaskMemory memory(task.memory);
  KeptMemory kept(slot.ring(), call.nr, memory);
  drain_.report(slot, call, kept);
}

// From here on it is a traced call that a signal interrupts.
void InlineRescue::set_aside_call(Task& task, RingSlot& slot, const Registers& registers) {
  std::unique_ptr<PendingCall> pending = context_->tasks.borrow_call();
  Call call = call_from(slot, registers, 0);
  call.returned = false;
  pending->nr = call.nr;
  for (unsigned i = 0; i < 6; ++i) pending->args[i] = call.args[i];
  pending->ip = slot.ring().resume();
  pending->sp = registers.sp();
  slot.ring().clear_in_flight();
  TaskMemory memory(task.memory);
  if (!drain_.may_tell_of(slot, call.nr, call.args)) return context_->tasks.give_back(std::move(pending));
  if (!decode_enter(call, memory, context_->limits, pending->sighting.event)) return context_->tasks.give_back(std::move(pending));
  context_->state.before_call(pending->sighting);
  if (context_->witness != nullptr) context_->witness->on_interrupted(pending->sighting.event);
  set_aside(*calls_, task, std::move(pending));
}

void InlineRescue::conclude(Task& task) {
  RingSlot* slot = inline_part(task).slot.get();
  if (slot == nullptr || slot->owner() != task.tid) return;
  // Before the mark is set nothing has happened, behind it everything is published.
  RingRecord record;
  if (!slot->ring().in_flight(record)) {
    drain_.one(*slot);
    return drain_.end_handed(*slot);
  }
  Result<Registers> registers = ptrace_registers(task.tid);
  if (registers && AgentPage::contains(registers->ip())) {
    const StubPhase phase = AgentPage::phase_at(registers->ip());
    // The result register starts out as -ENOSYS in a call; the number says that the thread is still in one.
    const bool is_behind = phase == StubPhase::Returned || phase == StubPhase::Opened;
    const bool returned = is_behind && !is_restart(registers->result()) &&
                          !(static_cast<int64_t>(registers->number()) >= 0 && registers->result() == -ENOSYS);
    if (returned) finish(task, *slot, *registers, registers->result(), phase == StubPhase::Opened);
    // Not made yet, unless it was interrupted and is about to be made again.
    if (phase < StubPhase::Returned && static_cast<int64_t>(registers->number()) < 0) slot->ring().clear_in_flight();
    if (phase == StubPhase::Recording) finish(task, *slot, *registers, slot->ring().current().result, true);
  }
  drain_.one(*slot);
  tell_in_flight(*slot);
  drain_.end_handed(*slot);
}

void InlineRescue::tell_in_flight(RingSlot& slot) {
  RingRecord record;
  if (!slot.ring().in_flight(record)) return;
  slot.ring().clear_in_flight();
  Call call = drain_.call_of(slot, record, Clock::read_tsc());
  call.returned = false;
  call.result = kAbsent;
  NoMemory memory;
  drain_.report(slot, call, memory);
}

}  // namespace vedette
