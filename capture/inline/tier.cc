// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/tier.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "capture/kernel/proc.h"

namespace vedette {
namespace {

constexpr size_t kSpareRingsMax = 64;
constexpr uint32_t kTicksUs[] = {600, 1200, 2500, 4000, 7000, 10'000};  // but for the fastest
constexpr uint64_t kOutgrownUs = 5000;  // a ring that is half full sooner is too small
constexpr size_t kToldSitesMax = 32;
constexpr size_t kFilesPerImageMax = 256;  // calls from more files than that are traced: others need descriptors too
const Intrusion kTookAnother = {"a thread has recorded in the ring of another", "a thread took the GS base of another"};

const Intrusion kOwnContext = {"a thread has recorded where nobody reads", "a thread took a GS base of its own"};

const Intrusion kUsesGs = {"", "it uses GS itself"};

// Whether a stub could record there. A program's own memory that GS base happens to lead to is none that it can.
bool takes_records(Task& task, const RingContext& context) {
  const bool has_room = context.head <= context.room_end || context.head <= context.tail + context.room;
  uint8_t byte;
  return has_room && task.memory.read(context.records + (context.head & context.mask) - VEDETTE_REC_CHUNKS, &byte, 1) == 1;
}

bool installs_filter(const SyscallInfo& at) {
  if (at.seccomp.nr == SYS_prctl) return at.seccomp.args[0] == PR_SET_SECCOMP;
  return at.seccomp.nr == SYS_seccomp && at.seccomp.args[0] <= SECCOMP_SET_MODE_FILTER;
}

// A filter that looks at the instruction pointer would meet our gates instead of the program's own code.
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

// process_vm_writev into the agent's range: of this process or another, it lies at the same place in all.
bool writes_agent(Task& task, const uint64_t (&args)[6]) {
  iovec remote[VEDETTE_VECTOR_MAX] = {};
  const size_t wanted = std::min<uint64_t>(args[4], std::size(remote)) * sizeof(iovec);
  const size_t count = task.memory.read(args[3], remote, wanted) / sizeof(iovec);
  return std::any_of(remote, remote + count, [](const iovec& one) {
    const uint64_t start = untagged(reinterpret_cast<uint64_t>(one.iov_base));
    return is_in_agent(start) || (start < VEDETTE_AGENT_BASE && one.iov_len > VEDETTE_AGENT_BASE - start);
  });
}

bool opens_now(const RingSlot& slot) {
  RingRecord record;
  return slot.ring->in_flight(record) && (record.nr == SYS_open || record.nr == SYS_openat);
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

bool leaves_namespace(const SyscallInfo& at) {
  return at.seccomp.nr == SYS_setns || (at.seccomp.nr == SYS_unshare && (at.seccomp.args[0] & CLONE_NEWIPC) != 0);
}

bool is_vfork(uint64_t flags) { return (flags & (CLONE_VM | CLONE_VFORK | CLONE_THREAD)) == (CLONE_VM | CLONE_VFORK); }

}  // namespace

InlineTier::InlineTier(uint32_t snaplen, Integrity integrity, const std::string& cache_folder)
    : page_(make_agent_segment(snaplen, integrity)), integrity_(integrity), rescue_(drain_), files_(cache_folder.empty() ? FileCache() : FileCache(cache_folder)) {
  for (uint32_t nr = 0; nr < VEDETTE_CALLS; ++nr) hot_[nr] = inline_shape(nr, integrity).has_value();
}

void InlineTier::on_begin(Context& context, Calls& calls) {
  context_ = &context;
  drain_.bind(context, integrity_);
  rescue_.bind(context, calls);
  patcher_ = std::make_unique<InlinePatcher>(context.tasks);
}

void InlineTier::on_any_stop() { drain_.busy(); }

void InlineTier::on_tick() {
  drain_.all();
  pace();
  context_->sink.on_tick();
  const uint64_t now = monotonic_ns();
  thrift_.look(drain_.slots(), now);
  spot_check_.look(drain_.slots(), now);
  look_at_code(now);
  if (context_->witness != nullptr) context_->doubt(context_->witness->look(now));
}

void InlineTier::start_ticking() {
  context_->clock.settle();  // a record is about to be taken
  ticker_.start();
  if (ticker_.interval_us() == 0) ticker_.set_interval_us(kSlowTickUs);
}

// So slow that the ring which fills fastest is half full at the next tick, and not at all without rings. Each tick costs
// somebody a core for some microseconds, so a ring that would need many is exchanged for a larger one.
void InlineTier::pace() {
  if (!drain_.is_busy()) {
    ticker_.set_interval_us(0);
    return context_->sink.on_rest();
  }
  uint64_t wanted = kSlowTickUs;
  for (RingSlot* slot : drain_.busiest()) {
    const uint64_t found = std::exchange(slot->found, 0);
    if (found == 0) continue;
    const uint64_t half_full_us = ticker_.interval_us() * slot->ring->reach() / 2 / found;
    if (half_full_us < kOutgrownUs) slot->ring->is_narrow() ? slot->ring->feed() : outgrow(*slot);
    wanted = std::min(wanted, half_full_us);
  }
  uint32_t interval = kFastTickUs;
  for (const uint32_t tick : kTicksUs) interval = tick <= wanted ? tick : interval;
  ticker_.set_interval_us(interval);
}

void InlineTier::outgrow(RingSlot& slot) {
  if (slot.outgrown || slot.stays || slot.is_free() || slot.lent || slot.ring->data_bytes() >= Ring::kLarge) return;
  slot.outgrown = true;
  slot.ring->starve();
}

void InlineTier::on_forked(Task& parent, Task& child, uint64_t flags) {
  InlineTask& theirs = inline_part(parent);
  InlineTask& mine = inline_part(child);
  mine.closed = theirs.closed || (flags & CLONE_NEWIPC) != 0;
  if (!is_vfork(flags) || theirs.slot == nullptr) return;
  mine.slot = theirs.slot;
  mine.borrowed = true;
  mine.lender = parent.tid;
  mine.slot->lent = true;
  lend(child, child.tid);
  mine.slot->ring->feed();
}

// What stands in the ring so far is the former owner's. A vfork child gives it back before it can exec or end, because the
// kernel lets the parent run on in the middle of either; an exec that fails takes it again.
void InlineTier::lend(Task& child, Tid owner) {
  RingSlot& slot = *inline_part(child).slot;
  if (Task* const lender = context_->tasks.find(inline_part(child).lender)) inline_part(*lender).stands_at = InlineTask::kMoves;
  drain_.one(slot);
  slot.owner = owner;
}

// The vfork child is done with its parent's ring. A parent that was killed meanwhile has no use for it.
void InlineTier::return_lent(Task& child) {
  InlineTask& mine = inline_part(child);
  Task* const lender = context_->tasks.find(mine.lender);
  if (mine.slot->owner == child.tid) lend(child, lender == nullptr ? Tid() : mine.lender);
  mine.slot->lent = lender != nullptr && inline_part(*lender).borrowed;
  mine.slot = nullptr;
  mine.borrowed = false;
}

// Registers are a copy of the parent's, GS base too; the ring is not the child's. Where we have given up, GS is the program's own.
void InlineTier::on_start(Task& task) {
  if (inline_part(task).borrowed) return;
  const InlineImage* const image = image_of(*task.space);
  if (image != nullptr && image->active) take_ring_off(task);
}

// A program may keep something of its own in GS base, by an instruction that nobody sees (wasm2c does): that is not ours to take.
void InlineTier::take_ring_off(Task& task) {
  const Result<uint64_t> gs_base = ptrace_thread_context(task.tid);
  if (gs_base && is_ring_place(*gs_base + VEDETTE_AGENT_BASE)) (void)ptrace_set_thread_context(task.tid, 0);
}

bool InlineTier::on_called(Task& task, const SyscallInfo& at) {
  inline_part(task).stands_at = InlineTask::kMoves;
  const bool is_attack = names_agent(at);
  if (at.arch != kAuditNative) return (is_attack || !makes_room(task, at)) && refuse(task, static_cast<uint32_t>(at.seccomp.nr));
  InlineTask& mine = inline_part(task);
  const uint32_t nr = static_cast<uint32_t>(at.seccomp.nr);
  // Whatever was done before this call must be known when it is judged: by this thread; by all, if it can change what names
  // mean (and every call that can is cold).
  if (nr >= VEDETTE_CALLS || !hot_[nr]) {
    drain_.all();
  } else if (mine.slot != nullptr) {
    drain_.one(*mine.slot);
  }
  if (mine.slot != nullptr && !mine.borrowed) mine.stands_at = mine.slot->ring->published();
  if (is_own_attach(mine, at)) return true;
  if (at.instruction_pointer == AgentPage::boot_report() && mine.boot != InlineTask::Boot::None) {
    return finish_boot(task, static_cast<int64_t>(at.seccomp.args[2]));
  }
  mine.boot = InlineTask::Boot::None;  // it has come through
  // Not while it stands in our code, which would go on without a ring.
  if (mine.doubted && !AgentPage::contains(at.instruction_pointer)) give_up_doubted(task);
  if (task.debugs || task.debugged != nullptr) on_debugged(task);
  expose_intruders(task);
  if (nr == SYS_execve || nr == SYS_execveat) {
    if (mine.borrowed) lend(task, mine.lender);
    look_at_last_code(task);
  }
  const uint64_t args[6] = {at.seccomp.args[0], at.seccomp.args[1], at.seccomp.args[2],
                            at.seccomp.args[3], at.seccomp.args[4], at.seccomp.args[5]};
  if (is_attack || (nr == SYS_process_vm_writev && writes_agent(task, args)) || !makes_room(task, at)) return refuse(task, nr);
  if (image_of(*task.space) != nullptr && AgentPage::contains(at.instruction_pointer)) {
    context_->notice(task.tid, Notice::TAMPER, "", "a call that must be traced came through a gate", nr);
    doubt(mine);
  }
  if (nr == SYS_arch_prctl) {
    give_up_image(task, "it uses GS itself");
  } else if (installs_filter(at)) {
    close(task, at.seccomp.nr == SYS_seccomp && (at.seccomp.args[1] & SECCOMP_FILTER_FLAG_TSYNC) != 0);
    if (tests_ip(task, args[2])) give_up_image(task, "its seccomp filter tests the instruction pointer");
  } else if (leaves_namespace(at)) {
    mine.closed = true;
  } else if (nr < VEDETTE_CALLS && hot_[nr]) {
    on_hot_trap(task, at);
  }
  return false;
}

// No calls of ours any more, of this thread or of its whole process: its own filter might answer them, with death.
void InlineTier::close(Task& task, bool all) {
  context_->tasks.each([&](Task& each) {
    if (&each != &task && (!all || each.space != task.space)) return;
    InlineTask& theirs = inline_part(each);
    theirs.closed = true;
    if (theirs.slot != nullptr) theirs.slot->ring->withhold_opens();
  });
  if (all) await_opens(*task.space);
}

// GS base finds its own ring, or the one that is always full. One of another thread, or of nobody, is an intrusion, and so is memory of
// its own where a ring would be: its calls would be recorded where nobody reads. A program that uses GS for itself finds neither, and
// what it has there must stay.
std::optional<Intrusion> InlineTier::foreign_context(Task& task) const {
  const InlineImage* image = image_of(*task.space);
  if (image == nullptr || !image->active) return std::nullopt;
  const RingSlot* own = static_cast<const InlineTask*>(task.data.get())->slot.get();
  const Result<uint64_t> gs_base = ptrace_thread_context(task.tid);
  if (!gs_base || *gs_base == 0 || (own != nullptr && *gs_base == own->gs_base())) return std::nullopt;
  if (image->has_slot_at(*gs_base)) return kTookAnother;
  if (is_ring_place(*gs_base + VEDETTE_AGENT_BASE)) return std::nullopt;
  RingContext context;
  const bool is_there = task.memory.read(*gs_base + VEDETTE_AGENT_BASE, &context, sizeof context) == sizeof context;
  return is_there && takes_records(task, context) ? kOwnContext : kUsesGs;
}

void InlineTier::expose_intruders(Task& task) {
  if (const std::optional<Intrusion> how = foreign_context(task)) return expose(task, *how);
  const RingSlot* const slot = inline_part(task).slot.get();
  if (slot == nullptr || !slot->trespassed) return;
  const std::optional<Tid> trespasser = trespasser_of(*slot);
  const std::string who = trespasser ? "process " + std::to_string(trespasser->get()) : "another process";
  expose(task, {who + " has attached the ring of this one", "another process has attached its ring"});
}

// Nothing that this program has recorded since the last check is sure to be its thread's.
void InlineTier::expose(Task& task, const Intrusion& how) {
  if (InlineImage* image = image_of(*task.space); image == nullptr || !image->active) return;
  if (!how.told.empty()) context_->notice(task.tid, Notice::TAMPER, "", how.told);
  give_up_image(task, how.why);
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
  if (stood_at != InlineTask::kMoves && mine.slot != nullptr && mine.slot->ring->published() != stood_at) expose(task, kTookAnother);
  if (mine.borrowed && mine.slot->owner == mine.lender) lend(task, task.tid);
  grant(task);
}

void InlineTier::on_map_executable(Task& task, const Call& call) {
  InlineImage* image = image_of(*task.space);
  if (image == nullptr) return;
  const bool is_segment = call.nr == SYS_shmat;
  const uint64_t start = call.nr == SYS_mmap || is_segment ? static_cast<uint64_t>(call.result) : call.args[0];
  const uint64_t bytes = is_segment ? Segment::bytes_of(static_cast<int>(call.args[0])).value_or(0) : call.args[1];
  const uint64_t end = start + ((bytes + 4095) & ~4095ull);
  image->code.add({start, end});
  const bool is_text = call.nr == SYS_mmap && (call.args[2] & PROT_WRITE) == 0 && (call.args[3] & MAP_PRIVATE) != 0 &&
                       (call.args[3] & MAP_ANONYMOUS) == 0;
  image->forget(start, end);
  if (!is_text || image->files.size() >= kFilesPerImageMax) return;
  const int fd = static_cast<int>(call.args[4]);
  const FileFacts facts = context_->state.file_behind(static_cast<uint32_t>(task.tid.get()), fd);
  if (std::shared_ptr<PatchableFile> file = facts.ino == 0 ? nullptr : files_.guess(facts.dev, facts.ino)) {
    const std::optional<uint64_t> bias = file->bias_of(start, call.args[5]);
    if (bias) return (void)image->add({.start = start, .end = end, .bias = *bias, .file = std::move(file), .is_guess = true});
  }
  char name[32];
  std::snprintf(name, sizeof name, "fd/%d", fd);
  std::shared_ptr<PatchableFile> file = files_.find(ProcPath(task.tid, name));
  if (!file) return;
  const std::optional<uint64_t> bias = file->bias_of(start, call.args[5]);
  if (bias) image->add({.start = start, .end = end, .bias = *bias, .file = std::move(file)});
}

bool InlineTier::on_signal(Task& task, int signal) {
  InlineImage* image = image_of(*task.space);
  if (image == nullptr) return true;
  Result<Registers> registers = ptrace_registers(task.tid);
  if (!registers) return true;
  const bool may_be_ours = signal == SIGSEGV || signal == SIGBUS || signal == SIGTRAP || signal == SIGSYS;
  const Result<siginfo_t> info = may_be_ours ? ptrace_siginfo(task.tid) : Result<siginfo_t>(Errno(0));
  const bool is_fault = info && info->si_code > 0 && (signal == SIGSEGV || signal == SIGBUS);
  if (signal == SIGTRAP && info && info->si_code == SI_KERNEL) {
    // Written in one go: one that still stands there is a debugger's.
    const uint64_t again = InlinePatcher::breakpoint_at(*image, registers->ip());
    if (again != 0 && !InlinePatcher::is_breakpoint(task, again)) {
      registers->set_ip(again);
      return !ptrace_set_registers(task.tid, *registers);
    }
  }
  const bool reads_clock = AgentPage::reads_clock(registers->ip());  // PR_SET_TSC forbids it
  InlineTask& mine = inline_part(task);
  const bool is_sigsys = info && signal == SIGSYS && info->si_code > 0;
  switch (rescue_.take_out(task, *registers, is_sigsys)) {
    case InlineRescue::Place::Elsewhere: return !is_fault || !mine.is_in_first_steps(registers->ip()) || !finish_boot(task, -EFAULT);
    case InlineRescue::Place::Boot:
      if (!is_fault || mine.boot == InlineTask::Boot::None) return true;
      return !finish_boot(task, -EFAULT);
    case InlineRescue::Place::Stuck:  // its handler sees an address of ours; the instruction goes on when that has returned
      give_up_image(task, "an instruction that was moved waits for memory that the program serves itself");
      return !is_fault;
    case InlineRescue::Place::Peeking: return !is_fault;
    case InlineRescue::Place::Before:
      if (is_fault) give_up_image(task, reads_clock ? "it may not read the time stamp counter" : "its GS base is not ours");
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

// Its code becomes the program's again, for good; threads that stand in ours come through, or are taken out when they stop. A new image
// that is still booting is left alone until it has come through.
void InlineTier::on_debugged(Task& task) {
  InlineImage* image = image_of(*task.space);
  if (image == nullptr || !image->active || inline_part(task).boot != InlineTask::Boot::None) return;
  patcher_->revert(task, *image);
  image->active = false;
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
  on_debugged(task);
  drop_slot(task);
  take_ring_off(task);
  return true;
}

void InlineTier::on_exiting(Task& task) {
  if (!task.data) return;
  if (RingSlot* const slot = inline_part(task).slot.get(); slot != nullptr && trespasser_of(*slot)) slot->trespassed = true;
  expose_intruders(task);
  look_at_last_code(task);
  rescue_.conclude(task);
  if (inline_part(task).borrowed) return_lent(task);
}

void InlineTier::on_reading_executes(Task& task) {
  if (InlineImage* const image = image_of(*task.space); image != nullptr && image->active) withdraw(task, *image);
}

void InlineTier::on_doubted(Tid tid) {
  Task* const task = context_->tasks.find(tid);
  if (task != nullptr && task->data != nullptr) doubt(inline_part(*task));
}

// Its next call stops, and from then on all of its program's do.
void InlineTier::doubt(InlineTask& mine) {
  mine.doubted = true;
  if (mine.slot != nullptr) mine.slot->ring->starve();
}

void InlineTier::give_up_doubted(Task& task) {
  inline_part(task).doubted = false;
  give_up_image(task, "what it records cannot be confirmed");
}

void InlineTier::on_end(Task& task) {
  if (task.tid == context_->root) {
    tell_unpatched(task.tid);
    files_.keep();
    tell_cache(task.tid);
  }
  if (!task.data) return;
  InlineTask& mine = inline_part(task);
  if (mine.slot == nullptr) return;
  if (mine.borrowed) return return_lent(task);
  if (mine.slot->owner == task.tid) {
    drain_.one(*mine.slot);
    rescue_.tell_in_flight(*mine.slot);
    free_slot(*mine.slot);
  }
  mine.slot = nullptr;
}

void InlineTier::tell_cache(Tid tid) {
  for (const std::string& complaint : files_.sites().take_complaints()) context_->notice(tid, Notice::CACHE_IGNORED, "", complaint);
}

// "/lib/libc.so.6+0x29cd4: branch into the window", and how many calls trapped there; the busiest first.
void InlineTier::tell_unpatched(Tid tid) {
  std::vector<std::pair<uint64_t, std::pair<PatchableFile*, size_t>>> sites;
  for (const auto& [where, traps] : unpatched_) sites.push_back({traps, where});
  std::sort(sites.rbegin(), sites.rend());
  if (sites.size() > kToldSitesMax) sites.resize(kToldSitesMax);
  for (const auto& [traps, where] : sites) {
    const Site& site = where.first->sites()[where.second];
    char offset[32];
    std::snprintf(offset, sizeof offset, "+0x%llx: ", static_cast<unsigned long long>(site.syscall));
    const std::string text = where.first->path() + offset + std::string(name_of(site.refusal));
    context_->notice(tid, Notice::UNPATCHED, "", text, static_cast<int64_t>(traps));
  }
  unpatched_.clear();
}

// Back among the rings of its image that no thread uses.
void InlineTier::drop_slot(Task& task) {
  InlineTask& mine = inline_part(task);
  if (mine.slot == nullptr) return;
  if (mine.borrowed) return return_lent(task);
  drain_.one(*mine.slot);
  free_slot(*mine.slot);
  mine.slot = nullptr;
}

// Who records in it all the same, traps.
void InlineTier::free_slot(RingSlot& slot) {
  slot.owner = Tid();
  slot.ring->starve();
}

std::unique_ptr<Ring> InlineTier::borrow_ring(size_t data_bytes) {
  for (std::unique_ptr<Ring>& ring : spare_rings_) {
    // Somebody may still have it attached: a process on its way out, or one that wants to write into another's ring.
    if (ring->data_bytes() != data_bytes || ring->is_shared()) continue;
    std::unique_ptr<Ring> found = std::move(ring);
    std::swap(ring, spare_rings_.back());
    spare_rings_.pop_back();
    found->reset();
    return found;
  }
  return Ring::create(data_bytes);
}

void InlineTier::take_back(RingSlot& slot) {
  drain_.remove(slot);
  if (slot.ring->data_bytes() > Ring::kSmall) slot.ring->give_back_all();
  if (spare_rings_.size() < kSpareRingsMax) spare_rings_.push_back(std::move(slot.ring));
}

}  // namespace vedette
