// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/boot.h"

#include <sys/shm.h>
#include <sys/syscall.h>

#include <cerrno>

#include "capture/inline/x86_64/registers.h"
#include "capture/kernel/invariant.h"
#include "capture/kernel/kept.h"
#include "capture/kernel/proc.h"
#include "capture/tracer/own_filters.h"

namespace vedette {
namespace {

constexpr uint64_t kPage = 4096;

BootSegments segments_of(const RingSlot* slot, const NearSegment* near, uint64_t near_address) {
  BootSegments segments{.stubs_address = near_address};
  if (near != nullptr) segments.stubs = static_cast<uint64_t>(near->segment.id());
  if (slot == nullptr) return segments;
  segments.ring = static_cast<uint64_t>(slot->ring().id());
  segments.ring_address = slot->address();
  segments.ring_bytes = slot->ring().bytes();
  return segments;
}

// Segments go by number, and another IPC namespace has others under the same ones.
bool shares_ipc(Tid tid) {
  std::string theirs, ours;
  return read_link(ProcPath(tid, "ns/ipc"), theirs) && read_link(ProcPath("self/ns/ipc"), ours) && theirs == ours;
}

// An image that lies where our page must go.
bool is_in_the_way(const ElfImage& image) { return !image.position_independent && image.lowest < VEDETTE_AGENT_LIMIT; }

}  // namespace

void InlineBoot::on_exec(Task& task) {
  const IntegrityReason reason = stage(task);
  if (reason == IntegrityReason::NONE) return;
  keep_off_gates(task);
  context_->note_stops(task, reason);
}

// Where our page is not, the gates are addresses like any other, from which the filter lets hot calls pass.
// Mapping memory there is refused, but an image may lie there from the start, and a 32-bit one may map what
// it likes. Of these every call stops.
void InlineBoot::keep_off_gates(Task& task) {
  if (task.trap() == Trap::Every) return;
  const Result<Registers> registers = ptrace_registers(task.tid);
  const std::optional<uint64_t> lowest = lowest_mapping(task.tid);
  const bool is_in_the_way = !lowest || *lowest < VEDETTE_AGENT_LIMIT;
  if (registers && registers->is_native() && !is_in_the_way) return;
  task.distrust();
  if (is_in_the_way) context_->notice(task.tid, Notice::TIER_DEGRADED, "", "the program lies where the agent's page goes: each of its calls stops");
}

void InlineBoot::forget_old_image(Task& task) {
  InlineTask& mine = inline_part(task);
  if (mine.borrowed && mine.slot != nullptr) rings_.take_back_from(task);
  mine.slot = nullptr;
  mine.boot = InlineTask::Boot::None;
  mine.doubted = false;
  mine.shares_folder = context_->state.shares_place(static_cast<uint32_t>(task.tid.get()));
  mine.wants_ring = false;
  mine.wanted_site = 0;
  mine.traps = 0;
  mine.moves = 0;
  mine.wanted_hooks = 0;
  mine.brings_hooks = mine.wants_program_hooks = false;
}

// Under --integrity adaptive neither who came in nor what the image does not hold records its own calls.
IntegrityReason InlineBoot::doubt_of(const Task& task, const ElfImage& program) {
  if (integrity_ != Integrity::Adaptive) return IntegrityReason::NONE;
  State& state = context_->state;
  const uint32_t tid = static_cast<uint32_t>(task.tid.get());
  const bool is_of_image = state.executes_image_file(tid) && (program.interpreter.empty() || state.sees_image_file(tid, program.interpreter));
  if (is_of_image && !task.stranger) return IntegrityReason::NONE;
  const IntegrityReason reason = task.stranger ? IntegrityReason::CAME_FROM_OUTSIDE : IntegrityReason::NOT_OF_IMAGE;
  context_->note_stops(task, reason);
  context_->notice(task.tid, Notice::TIER_DEGRADED, "", task.stranger ? "it came in from outside" : "its program is not of the image");
  return reason;
}

// Why the image gets no page.
IntegrityReason InlineBoot::stage(Task& task) {
  forget_old_image(task);
  InlineTask& mine = inline_part(task);
  // The runtime that brought a stranger in gave it the container's filter before our eyes; that is none of
  // its own.
  if (task.stranger) mine.closed = task.trap() == Trap::Every || has_own_filters(task) || !shares_ipc(task.tid);
  if (task.tightened) return IntegrityReason::TIGHTENED;
  if (task.debugs || task.debugged != nullptr) return IntegrityReason::DEBUGGED;
  if (mine.closed) return IntegrityReason::UNFIT;
  const FileFacts facts = context_->state.executable(static_cast<uint32_t>(task.tid.get()));
  const FileKey key{facts.dev, facts.ino, facts.ctime_ns, facts.mtime_ns};
  const std::shared_ptr<PatchableFile> program = facts.ino == 0 ? nullptr : code_.files().find(key, ProcPath(task.tid, "exe"));
  if (!program || is_in_the_way(program->image())) return IntegrityReason::UNFIT;
  if (const IntegrityReason doubt = doubt_of(task, program->image()); doubt != IntegrityReason::NONE) return doubt;
  Result<Registers> registers = ptrace_registers(task.tid);
  if (!registers) return IntegrityReason::UNFIT;
  const std::string& interpreter = program->image().interpreter;
  std::optional<uint64_t> starts_at;
  std::shared_ptr<PatchableFile> first = program;
  if (interpreter.empty()) {
    starts_at = first->bias_in(task.memory, registers->ip());
  } else {
    first = interpreter_of(task, interpreter, registers->ip(), starts_at);
  }
  if (!starts_at || is_in_the_way(first->image())) return IntegrityReason::UNFIT;
  const uint64_t bias = *starts_at;

  auto image = std::make_unique<InlineImage>(rings_);
  image->add({.start = bias + first->image().lowest, .end = bias + first->image().highest, .bias = bias, .file = first});
  image->code.add({bias + first->image().lowest, bias + first->image().highest});
  image->program = {program->image().lowest - program->image().entry, program->image().highest - program->image().entry};
  task.space->data = std::move(image);
  mine.entry = registers->ip();
  mine.wants_program_hooks = !program->hooks().empty();
  return begin(task, *registers) ? IntegrityReason::NONE : IntegrityReason::UNFIT;
}

// The dynamic linker that the kernel has begun. What decides is its build-id in memory, so the one that was
// found last by that path is tried first. Else the file is looked up as the kernel did, whatever lay under
// that name for others, who may have another root. It may have been replaced since. One that others than root
// could have written, or that lies there in mounts of its own only, is never tried first: with a build-id of
// another's it would choose what is written into processes that begin in the other.
std::shared_ptr<PatchableFile> InlineBoot::interpreter_of(Task& task, const std::string& path, uint64_t entry, std::optional<uint64_t>& bias) {
  const bool is_last = last_.file != nullptr && last_.path == path;
  if (is_last) bias = last_.file->bias_in(task.memory, entry);
  if (bias) {
    const ElfImage& image = last_.file->image();
    asked_of_image = {image.build_id_at - image.entry, image.build_id.size()};
    return last_.file;
  }
  std::shared_ptr<PatchableFile> found = code_.files().find(ProcPath(task.tid, "root" + path));
  if (found) bias = found->bias_in(task.memory, entry);
  if (bias && found->vouches_by_build_id() && code_.files().is_at(path.c_str(), *found)) last_ = {path, found};
  return found;
}

// Nothing of the program has run. That its execve has still to return, and will put 0 into the result
// register, is no matter.
bool InlineBoot::begin(Task& task, Registers& registers) {
  InlineTask& mine = inline_part(task);
  InlineImage& image = *image_of(*task.space);
  MappedFile& first = image.files.front();
  const std::optional<uint64_t> spare = first.file->image().spare;
  const uint64_t steps_at = mine.steps_at = spare ? first.bias + *spare : mine.entry;
  const std::array<uint8_t, AgentPage::kFirstStepsBytes> steps = AgentPage::first_steps();
  if (!spare && task.memory.read(steps_at, mine.borrowed_code.data(), steps.size()) != steps.size()) return false;
  if (!task.memory.poke(steps_at, steps.data(), steps.size())) return false;
  std::unique_ptr<Ring> ring = rings_.borrow(Ring::kSmall);
  const Ref<RingSlot> slot = ring ? image.add_slot(std::move(ring)) : nullptr;
  // The dynamic linker makes most calls of a short life; a static program is patched where it traps. A boot
  // can do all of the linker's sites, for the tracer those must do that others have needed.
  const NearSegment* near = first.file->image().position_independent && code_.find_room(first) ? first.near : nullptr;
  // The boot does not look at what it writes over: the build-id has vouched for it.
  const bool may_leave = near != nullptr && boots_patch_ && !first.file->image().build_id.empty();
  const std::vector<size_t> hot = near == nullptr ? std::vector<size_t>() : code_.hot_sites(first, may_leave, 0);
  const uint64_t list = may_leave ? code_.patcher().leave_to_boot(first, hot) : 0;
  const uint64_t near_address = near == nullptr ? 0 : first.bias + static_cast<uint64_t>(near->stubs.distance);
  const PageAttach page{.page = static_cast<uint64_t>(page_.id()),
                        .address = VEDETTE_AGENT_BASE,
                        .flags = kPageAttach,
                        .secret = secret_,
                        .patches = list == 0 ? 0 : near_address + list,
                        .entry = spare ? mine.entry : 0};
  enter_first_steps(registers, steps_at, page, segments_of(slot.get(), near, near_address));
  set_ring_context(registers, slot == nullptr ? 0 : slot->context_base());
  mine.boot = spare ? InlineTask::Boot::Starting : InlineTask::Boot::Borrowing;
  if (!ptrace_set_registers(task.tid, registers)) return false;
  image.active = true;
  if (slot != nullptr) {
    rings_.put(task, slot);
    pace_.start();
  }
  if (near != nullptr && list == 0) code_.patcher().apply(task, first, hot);
  return true;
}

// At the return of a traced call. One signal more or less must not matter: all are held back until the end of
// the boot.
void InlineBoot::send(Task& task, const Ref<RingSlot>& slot, MappedFile* file) {
  NearSegment* const near = file != nullptr && code_.find_room(*file) ? std::exchange(file->near, nullptr) : nullptr;
  attach(task, slot, file, near);
}

void InlineBoot::send_hooks(Task& task, MappedFile& file, NearSegment& hooks) {
  inline_part(task).brings_hooks = true;
  attach(task, nullptr, &file, &hooks);
}

void InlineBoot::attach(Task& task, const Ref<RingSlot>& slot, const MappedFile* file, NearSegment* near) {
  InlineTask& mine = inline_part(task);
  Result<Registers> registers = ptrace_registers(task.tid);
  const Result<uint64_t> mask = ptrace_signal_mask(task.tid);
  if (!registers || !mask) return;
  mine.saved = *registers;
  mine.saved_mask = *mask;
  invariant(slot == nullptr || !slot->is_attached(), "a ring is attached by one boot", task.tid.get(), slot == nullptr ? 0 : slot->ring().id());
  mine.coming_slot = slot;
  mine.near_start = file == nullptr ? 0 : file->start;
  mine.coming_near = near;
  const uint64_t near_address = mine.coming_near == nullptr ? 0 : file->bias + static_cast<uint64_t>(mine.coming_near->stubs.distance);
  enter_boot(*registers, AgentPage::boot(), segments_of(slot.get(), mine.coming_near, near_address));
  (void)ptrace_set_signal_mask(task.tid, ~0ull);
  if (ptrace_set_registers(task.tid, *registers)) mine.boot = InlineTask::Boot::Attaching;
}

bool InlineBoot::is_own_attach(const InlineTask& mine, const SyscallInfo& at) const {
  return mine.boot == InlineTask::Boot::Attaching && mine.coming_slot != nullptr && at.instruction_pointer == AgentPage::boot_after_shmat() &&
         at.seccomp.nr == SYS_shmat && static_cast<int>(at.seccomp.args[0]) == mine.coming_slot->ring().id() && at.seccomp.args[1] == mine.coming_slot->address();
}

std::string_view InlineBoot::finish(Task& task, int64_t refused) {
  InlineTask& mine = inline_part(task);
  Result<Registers> registers = ptrace_registers(task.tid);
  if (!registers) return {};
  const InlineTask::Boot boot = std::exchange(mine.boot, InlineTask::Boot::None);
  invariant(image_of(*task.space) != nullptr, "who boots has an image", task.tid.get(), static_cast<int64_t>(boot));
  if (boot != InlineTask::Boot::Attaching) return begin_program(task, *registers, boot, refused);
  go_on(task, *registers, refused);
  return {};
}

// A new image begins, with the registers that an exec leaves.
std::string_view InlineBoot::begin_program(Task& task, Registers& registers, InlineTask::Boot boot, int64_t refused) {
  InlineTask& mine = inline_part(task);
  if (boot == InlineTask::Boot::Borrowing) (void)task.memory.poke(mine.entry, mine.borrowed_code.data(), mine.borrowed_code.size());
  // Where code may not become writable, not even for a moment, all is there but the patches.
  MappedFile& first = image_of(*task.space)->files.front();
  const bool is_unpatched = refused != 0 && first.holds(registers.argument(1));
  if (is_unpatched) refused = 0;
  begin_image(registers, mine.entry);
  if (refused == 0 && mine.slot != nullptr) set_ring_context(registers, mine.slot->context_base());
  (void)ptrace_set_registers(task.tid, registers);
  if (is_unpatched) {
    boots_patch_ = false;
    code_.patch_after_boot(task, first);
  }
  return refused == 0 ? std::string_view() : "its memory takes no segment";  // whatever was attached is not used
}

// A running program, where it was.
void InlineBoot::go_on(Task& task, Registers& registers, int64_t refused) {
  InlineTask& mine = inline_part(task);
  const uint64_t last_address = registers.argument(1);
  registers = mine.saved;
  forget_call(registers);
  const Ref<RingSlot> slot = std::exchange(mine.coming_slot, nullptr);
  const bool ring_failed = slot != nullptr && refused != 0 && last_address == slot->address();
  // Another thread may fork between the boot's shmat and its madvise(MADV_DONTFORK). The child has a copy
  // then, and by the kernel's word it is the last user when it ends, as one is who trespasses. The thread
  // gets another ring at a later trap.
  const bool takes_ring = slot != nullptr && !ring_failed && slot->ring().is_only_with(task.process);
  MappedFile* file = mine.near_start == 0 ? nullptr : image_of(*task.space)->file_at(mine.near_start);
  const bool brings_hooks = std::exchange(mine.brings_hooks, false);
  if (file != nullptr && brings_hooks) code_.take_hooks(task, *file, refused == 0 ? mine.coming_near : nullptr);
  if (file != nullptr && !brings_hooks && file->near == nullptr && mine.coming_near != nullptr) {
    if (refused == 0) {
      file->near = mine.coming_near;
    } else if (!ring_failed) {
      ++file->rooms_tried;
    }
  }
  if (file != nullptr && file->near != nullptr) code_.patch_hot(task, *file, mine.wanted_site);
  mine.wanted_site = 0;
  if (takes_ring) set_ring_context(registers, slot->context_base());
  // One that was killed meanwhile ends with the ring that it has.
  const bool has_context = static_cast<bool>(ptrace_set_registers(task.tid, registers));
  if (takes_ring && has_context) {
    rings_.drop(task);
    rings_.put(task, slot);
    pace_.start();
  } else if (slot != nullptr) {
    image_of(*task.space)->remove_slot(slot.get());
  }
  (void)ptrace_set_signal_mask(task.tid, mine.saved_mask);
}

}  // namespace vedette
