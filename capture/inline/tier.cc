// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/tier.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <cerrno>

#include "capture/decode/syscalls.h"
#include "capture/inline/closing.h"
#include "capture/inline/x86_64/registers.h"
#include "capture/kernel/clock.h"
#include "capture/state/real_paths.h"
#include "capture/tracer/call_answer.h"

namespace vedette {
namespace {

constexpr std::string_view kUnconfirmed = "what it records cannot be confirmed";

bool is_vfork(uint64_t flags) { return (flags & (CLONE_VM | CLONE_VFORK | CLONE_THREAD)) == (CLONE_VM | CLONE_VFORK); }

bool is_exec(uint32_t nr) { return nr == SYS_execve || nr == SYS_execveat; }

bool may_change_names(const SyscallInfo& at) {
  const Row* const row = find_row(abi_of(at), static_cast<uint32_t>(at.seccomp.nr));
  return row != nullptr && changes_names(row->id);
}

// Where others have the same working directory, what sets it must be known before what they do next.
void share_folder(InlineTask& mine) {
  mine.shares_folder = true;
  if (mine.slot != nullptr) mine.slot->ring().withhold_folders();
}

uint32_t number_of(const SyscallInfo& at) { return static_cast<uint32_t>(at.seccomp.nr); }

}  // namespace

InlineTier::InlineTier(uint32_t snaplen, Integrity integrity, const std::string& cache_folder, bool tells_plaintext)
    : page_(make_agent_segment(snaplen, integrity)), integrity_(integrity), code_(integrity, cache_folder, tells_plaintext) {}

void InlineTier::on_begin(Context& context, Calls& calls) {
  context_ = &context;
  drain_.bind(context, integrity_);
  name_moves_.bind(context);
  folder_gates_.bind(context.state, integrity_);
  rescue_.bind(context, calls);
  rings_.bind(context);
  pace_.bind(context);
  code_.bind(context);
  boot_.bind(context, integrity_);
  room_.bind(context);
  code_watch_.bind(context);
  context.state.begin_standing(names_, standing_);
}

// A record is told of what its number means when it is read. So it is read before a traced call of somebody
// with the same descriptors is told, at its entry and at its return: that call may close the number.
void InlineTier::on_any_stop(Tid tid) {
  all_are_read_ = drain_.is_busy() && context_->state.shares_descriptors(static_cast<uint32_t>(tid.get()));
  (void)(all_are_read_ ? drain_.all() : drain_.busy());
}

void InlineTier::on_tick() {
  drain_.all();
  name_moves_.look();
  context_->state.settle_names();
  pace_.look();
  context_->sink.on_tick();
  const uint64_t now = monotonic_ns();
  thrift_.look(drain_.slots(), now);
  spot_check_.look(drain_.slots(), now);
  code_watch_.look(now);
  if (context_->witness != nullptr) context_->doubt(context_->witness->look(now));
  ask_again(now);
}

void InlineTier::on_forked(Task& parent, Task& child, uint64_t flags) {
  const InlineTask& theirs = inline_part(parent);
  inline_part(child).closed = theirs.closed || (flags & CLONE_NEWIPC) != 0;
  if (inline_part(child).closed && (flags & CLONE_VM) == 0) context_->note_stops(child, IntegrityReason::UNFIT);
  if (is_vfork(flags) && theirs.slot != nullptr) rings_.lend(parent, child);
  if ((flags & (CLONE_FS | CLONE_THREAD)) == 0) return;
  for (Task* const one : {&parent, &child}) share_folder(inline_part(*one));
}

// Registers are a copy of the parent's, GS base too; the ring is not the child's. Where we have given up, GS
// is the program's own; but a thread that is born while we do has a copy still.
bool InlineTier::on_start(Task& task) {
  if (inline_part(task).borrowed) return false;
  const InlineImage* const image = image_of(*task.space);
  const bool has_copy = image != nullptr && (image->active || task.unbelieved);
  if (has_copy) rings_.take_off(task);
  return has_copy;
}

bool InlineTier::on_called(Task& task, const SyscallInfo& at) {
  InlineTask& mine = inline_part(task);
  const uint32_t nr = number_of(at);
  mine.stands_at = InlineTask::kMoves;
  if (may_change_names(at)) before_change();
  if (at.arch != kAuditNative) return (InlineRoom::is_attack(task, at) || !room_.makes_room(task, at)) && refuse(task, nr);
  take_what_came_before(mine, nr);
  if (tells_folder(nr)) folder_gates_.on_stopped(mine);
  if (boot_.is_own_attach(mine, at)) return true;
  if (boot_.is_report(mine, at)) return end_boot(task, static_cast<int64_t>(at.seccomp.args[2]));
  mine.boot = InlineTask::Boot::None;  // it has come through
  settle_trust(task, at);
  if (is_exec(nr)) before_exec(task);
  if (InlineRoom::is_attack(task, at) || !room_.makes_room(task, at)) return refuse(task, nr);
  tell_wrong_gate(task, at);
  follow(task, at);
  return false;
}

// What has been opened by now was opened before the names change, and is read first; what is opened from here
// on is asked about.
void InlineTier::before_change() {
  name_moves_.on_stopped();
  standing_.suspend();
  drain_.all();
}

// Whatever was done before this call must be known when it is judged: by this thread and whoever shares its
// descriptors (on_any_stop); by all, if it can change what names mean (before_change) or where paths begin.
void InlineTier::take_what_came_before(InlineTask& mine, uint32_t nr) {
  if (!all_are_read_ && (!code_.is_hot(nr) || tells_folder(nr))) drain_.all();
  if (mine.slot != nullptr) drain_.one(*mine.slot);  // all of its own, whatever the clocks say
  if (mine.slot == nullptr || mine.borrowed) return;
  drain_.end_handed(*mine.slot);
  mine.stands_at = mine.slot->ring().published();
}

// What has been found out about its program, while it ran, takes effect.
void InlineTier::settle_trust(Task& task, const SyscallInfo& at) {
  InlineTask& mine = inline_part(task);
  // Not while it stands in our code, which would go on without a ring.
  if (mine.doubted && !AgentPage::contains(at.instruction_pointer)) {
    mine.doubted = false;
    give_up_image(task, IntegrityReason::CAUGHT, kUnconfirmed);
  }
  if (task.is_close() || task.debugged != nullptr) on_debugged(task);
  if (const std::optional<Intrusion> how = intrusion_of(task)) expose(task, *how);
  if (integrity_ == Integrity::Adaptive && maps_foreign_code(task, at)) close_foreign(task);
}

// The code first, and then each thread, once it stands in its own code (nested.cc).
void InlineTier::close_foreign(Task& task) {
  stop_believing(task, IntegrityReason::MAPS_FOREIGN_CODE, "it maps code that is not of the image");
  on_debugged(task);
  context_->close(task);
}

// Of whoever has the memory of `task` each call stops from now on, also those that are made at the gates:
// they stay where they are, and the filter lets pass what comes from there.
void InlineTier::stop_believing(Task& task, IntegrityReason reason, std::string_view why) {
  context_->note_stops(task, reason);
  context_->tasks.each([&](Task& one) {
    if (one.space != task.space) return;
    one.unbelieved = true;
    (void)ptrace_interrupt(one.tid);
  });
  context_->notice(task.tid, Notice::TIER_DEGRADED, "", why);
}

// Also where the image has been given up: its gates are there still.
void InlineTier::lose_trust(Task& task, IntegrityReason reason) {
  if (integrity_ != Integrity::Adaptive || image_of(*task.space) == nullptr) return doubt(inline_part(task));
  if (!task.unbelieved) stop_believing(task, reason, kUnconfirmed);
}

// Who was asked to stop may not have: any other stop takes that back (the kernel's ptrace_stop).
void InlineTier::ask_again(uint64_t now_ns) {
  constexpr uint64_t kEveryNs = 1'000'000'000;
  if (now_ns - asked_again_ns_ < kEveryNs) return;
  asked_again_ns_ = now_ns;
  context_->tasks.each([](const Task& one) {
    if ((one.unbelieved || one.tightened) && one.phase == Phase::Running && one.trap() == Trap::Filter) (void)ptrace_interrupt(one.tid);
  });
}

bool InlineTier::maps_foreign_code(const Task& task, const SyscallInfo& at) const {
  const InlineImage* const image = image_of(*task.space);
  const bool maps_code = image != nullptr && image->active && number_of(at) == SYS_mmap && (at.seccomp.args[2] & PROT_EXEC) != 0;
  if (!maps_code || (at.seccomp.args[3] & MAP_ANONYMOUS) != 0) return false;
  // What a program shares with itself is what it compiles: written at one address, executed at another (.NET,
  // libffi). It could as well make that of its own memory. A linker maps privately.
  if ((at.seccomp.args[3] & MAP_TYPE) != MAP_PRIVATE) return false;
  return !context_->state.has_image_file(static_cast<uint32_t>(task.tid.get()), static_cast<int32_t>(at.seccomp.args[4]));
}

void InlineTier::before_exec(Task& task) {
  const InlineTask& mine = inline_part(task);
  if (mine.borrowed) rings_.pass(task, mine.lender);
  look_at_last_code(task);
}

void InlineTier::tell_wrong_gate(Task& task, const SyscallInfo& at) {
  if (image_of(*task.space) == nullptr || !AgentPage::contains(at.instruction_pointer)) return;
  context_->notice(task.tid, Notice::TAMPER, "", "a call that must be traced came through a gate", number_of(at));
  lose_trust(task, IntegrityReason::CAUGHT);
}

// Whether its site, patched or not, makes it stop as things are.
bool InlineTier::is_left_to_stop(const SyscallInfo& at) const {
  return tells_folder(number_of(at)) ? !folder_gates_.are_open() : may_change_names(at) && !name_moves_.are_moving();
}

// What the call will mean for us.
void InlineTier::follow(Task& task, const SyscallInfo& at) {
  if (at.seccomp.nr == SYS_arch_prctl) {
    give_up_image(task, IntegrityReason::UNFIT, "it uses GS itself");
  } else if (installs_filter(at)) {
    close_for_filter(*context_, task, at);
    if (tests_ip(task, at.seccomp.args[2])) give_up_image(task, IntegrityReason::UNFIT, "its seccomp filter tests the instruction pointer");
  } else if (leaves_ipc_namespace(at)) {
    inline_part(task).closed = true;
  } else if (code_.is_hot(number_of(at))) {
    traps_.on_trap(task, at, is_left_to_stop(at));
  }
}

bool InlineTier::end_boot(Task& task, int64_t refused) {
  if (const std::string_view why = boot_.finish(task, refused); !why.empty()) give_up_image(task, IntegrityReason::UNFIT, why);
  return true;
}

bool InlineTier::refuse(Task& task, uint32_t nr) {
  Result<Registers> registers = ptrace_registers(task.tid);
  if (!registers) return true;
  registers->set_number(~0ull);
  registers->set_result(-EPERM);
  (void)ptrace_set_registers(task.tid, *registers);
  context_->notice(task.tid, Notice::TAMPER, "", "a call on the agent's memory was refused", nr);
  return true;
}

// Between two stops of one call a thread records nothing.
void InlineTier::on_returned(Task& task) {
  InlineTask& mine = inline_part(task);
  const uint64_t stood_at = std::exchange(mine.stands_at, InlineTask::kMoves);
  if (stood_at != InlineTask::kMoves && mine.slot != nullptr && mine.slot->ring().published() != stood_at) expose(task, took_another_ring());
  if (mine.borrowed && mine.slot->owner() == mine.lender) rings_.pass(task, task.tid);
  if (!sends_hooks(task)) traps_.grant(task);
}

// Whether the thread was sent to attach what goes before the TLS functions of what it has mapped.
bool InlineTier::sends_hooks(Task& task) {
  const InlineTask& mine = inline_part(task);
  if ((mine.wanted_hooks == 0 && !mine.wants_program_hooks) || mine.boot != InlineTask::Boot::None) return false;
  NearSegment* hooks = nullptr;
  MappedFile* const file = code_.wanted_hooks(task, hooks);
  if (file == nullptr) return false;
  boot_.send_hooks(task, *file, *hooks);
  return mine.boot == InlineTask::Boot::Attaching;
}

// A hook reads the clock, which PR_SET_TSC forbids: it goes on with none.
bool InlineTier::goes_on_without_clock(Task& task, Registers& registers) {
  const InlineImage* const image = image_of(*task.space);
  const bool is_there = std::ranges::any_of(image->files, [&](const MappedFile& file) {
    return file.hooks != nullptr && std::ranges::find(file.hooks->hooks.clocks, registers.ip() - file.bias) != file.hooks->hooks.clocks.end();
  });
  if (!is_there) return false;
  skip_clock(registers);
  return static_cast<bool>(ptrace_set_registers(task.tid, registers));
}

bool InlineTier::on_signal(Task& task, int signal) {
  InlineImage* image = image_of(*task.space);
  if (image == nullptr) return true;
  const bool may_be_ours = signal == SIGSEGV || signal == SIGBUS || signal == SIGTRAP || signal == SIGSYS;
  if (const Result<uint64_t> ip = ip_of(task.tid); !ip || (!may_be_ours && !InlineRescue::is_ours(task, *ip))) return true;
  Result<Registers> registers = ptrace_registers(task.tid);
  if (!registers) return true;
  const Result<siginfo_t> info = may_be_ours ? ptrace_siginfo(task.tid) : Result<siginfo_t>(Errno(0));
  const bool is_fault = info && info->si_code > 0 && (signal == SIGSEGV || signal == SIGBUS);
  if (signal == SIGTRAP && info && info->si_code == SI_KERNEL && goes_on_behind_breakpoint(task, *registers)) return false;
  if (signal == SIGSEGV && is_fault && code_.tells_plaintext() && goes_on_without_clock(task, *registers)) return false;
  const bool reads_clock = AgentPage::reads_clock(registers->ip());  // PR_SET_TSC forbids it
  InlineTask& mine = inline_part(task);
  const bool is_sigsys = info && signal == SIGSYS && info->si_code > 0;
  switch (rescue_.take_out(task, *registers, is_sigsys)) {
    case InlineRescue::Place::Elsewhere: return !is_fault || !mine.is_in_first_steps(registers->ip()) || !end_boot(task, -EFAULT);
    case InlineRescue::Place::Boot:
      if (!is_fault || mine.boot == InlineTask::Boot::None) return true;
      return !end_boot(task, -EFAULT);
    case InlineRescue::Place::Stuck:  // its handler sees an address of ours; the instruction goes on when that has returned
      give_up_image(task, IntegrityReason::UNFIT, "an instruction that was moved waits for memory that the program serves itself");
      return !is_fault;
    case InlineRescue::Place::Peeking: return !is_fault;
    case InlineRescue::Place::Before:
      if (is_fault && reads_clock) give_up_image(task, IntegrityReason::UNFIT, "it may not read the time stamp counter");
      else if (is_fault) give_up_image(task, IntegrityReason::CAUGHT, "its GS base is not ours");
      return !is_fault;
    case InlineRescue::Place::Behind:
      if (is_sigsys) {
        siginfo_t told = *info;
        told.si_call_addr = reinterpret_cast<void*>(registers->ip());
        (void)ptrace_set_siginfo(task.tid, told);
      }
      return !is_fault;
  }
  return true;
}

// It met a breakpoint of ours. Ours are written in one go: one that still stands there is a debugger's.
bool InlineTier::goes_on_behind_breakpoint(Task& task, Registers& registers) {
  const uint64_t again = InlinePatcher::breakpoint_at(*image_of(*task.space), registers.ip());
  if (again == 0 || InlinePatcher::is_breakpoint(task, again)) return false;
  registers.set_ip(again);
  return static_cast<bool>(ptrace_set_registers(task.tid, registers));
}

// Its code becomes the program's again, for good; threads that stand in ours come through, or are taken out
// when they stop. A new image that is still booting is left alone until it has come through.
void InlineTier::on_debugged(Task& task) {
  InlineImage* image = image_of(*task.space);
  if (image == nullptr || !image->active || inline_part(task).boot != InlineTask::Boot::None) return;
  code_.patcher().revert(task, *image);
  image->active = false;
  if (!task.unbelieved) context_->note_stops(task, task.tightened ? IntegrityReason::TIGHTENED : IntegrityReason::DEBUGGED);
}

bool InlineTier::on_shown(Task& task) {
  InlineImage* image = image_of(*task.space);
  Result<Registers> registers = image == nullptr ? Result<Registers>(Errno(ESRCH)) : ptrace_registers(task.tid);
  if (!registers) return true;
  InlineTask& mine = inline_part(task);
  if (mine.boot != InlineTask::Boot::None && mine.is_in_first_steps(registers->ip())) return false;
  const InlineRescue::Place place = rescue_.take_out(task, *registers, false);
  if (place == InlineRescue::Place::Boot || place == InlineRescue::Place::Stuck) return false;
  mine.boot = InlineTask::Boot::None;
  // It may have been caught by what another thread, whose ring it took, had not recorded.
  if (task.unbelieved && finds_anothers_ring(task)) context_->notice(task.tid, Notice::TAMPER, "", took_another_ring().told);
  on_debugged(task);
  rings_.drop(task);
  rings_.take_off(task);
  if (task.unbelieved) context_->state.confirm_directory(static_cast<uint32_t>(task.tid.get()));
  return true;
}

void InlineTier::on_exiting(Task& task) {
  if (!task.data) return;
  InlineTask& mine = inline_part(task);
  if (mine.slot != nullptr && trespasser_of(*mine.slot)) mine.slot->mark_trespassed();
  if (const std::optional<Intrusion> how = intrusion_of(task)) expose(task, *how);
  rescue_.conclude(task);  // first: what it tells of may explain code
  look_at_last_code(task);
  if (mine.borrowed) rings_.take_back_from(task);
}

void InlineTier::look_at_last_code(Task& task) {
  if (code_watch_.look_at_last(task)) give_up_image(task, IntegrityReason::CAUGHT, "it made code of a segment by a gate");
}

void InlineTier::on_reading_executes(Task& task) {
  if (InlineImage* const image = image_of(*task.space); image != nullptr && image->active) {
    withdraw(task, *image);
    context_->note_stops(task, IntegrityReason::UNFIT);
  }
}

void InlineTier::on_doubted(Tid tid, IntegrityReason reason) {
  Task* const task = context_->tasks.find(tid);
  if (task != nullptr && task->data != nullptr) lose_trust(*task, reason);
}

void InlineTier::on_end(Task& task) {
  if (task.tid == context_->root) code_.tell_at_end(task.tid);
  if (!task.data) return;
  InlineTask& mine = inline_part(task);
  if (mine.slot == nullptr) return;
  if (mine.borrowed) return rings_.take_back_from(task);
  if (mine.slot->owner() == task.tid) {
    drain_.one(*mine.slot);
    rescue_.tell_in_flight(*mine.slot);
    drain_.end_handed(*mine.slot);
    mine.slot->retire();
  }
  mine.slot = nullptr;
}

// Nothing that this program has recorded since the last check is sure to be its thread's.
void InlineTier::expose(Task& task, const Intrusion& how) {
  if (InlineImage* image = image_of(*task.space); image == nullptr || !image->active) return;
  if (!how.told.empty()) context_->notice(task.tid, Notice::TAMPER, "", how.told);
  give_up_image(task, IntegrityReason::CAUGHT, how.why);
}

void InlineTier::give_up_image(Task& task, IntegrityReason reason, std::string_view why) {
  InlineImage* image = image_of(*task.space);
  if (image == nullptr || !image->active) return;
  withdraw(task, *image);
  context_->tasks.each([&](Task& one) {
    if (one.space == task.space) context_->state.confirm_directory(static_cast<uint32_t>(one.tid.get()));
  });
  if (integrity_ == Integrity::Adaptive) return stop_believing(task, reason, why);
  context_->note_stops(task, reason);
  context_->notice(task.tid, Notice::TIER_DEGRADED, "", why);
}

void InlineTier::withdraw(Task& task, InlineImage& image) {
  code_.patcher().revert(task, image);
  image.active = false;
  rings_.take_off(task);
  rings_.drop(task);
}

}  // namespace vedette
