// SPDX-License-Identifier: Apache-2.0
// The life of threads and processes, and the two moments of a call: see state.h.
#include "capture/state/state.h"

#include <fcntl.h>
#include <linux/sched.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "capture/decode/calls.h"
#include "capture/decode/roles.h"
#include "capture/state/books.h"
#include "capture/state/effects.h"

namespace vedette {

namespace {

// Ancestors that have ended are kept this many generations: a daemon that forks itself on for ever must not
// grow us.
constexpr int kAncestorsMax = 32;

void cut_ancestry(Process& process) {
  Process* ancestor = &process;
  for (int i = 0; i < kAncestorsMax; ++i) {
    if (!ancestor->parent) return;
    ancestor = ancestor->parent.get();
  }
  if (ancestor->ended) ancestor->parent.reset();
}

// What a call can have to do with names, asked once a record: most have nothing.
enum Touches : uint8_t { kTakesPath = 1, kChangesNames = 2, kChangesRoots = 4 };

constexpr auto kTouches = [] {
  std::array<uint8_t, kEventIdMax + 1> touches{};
  for (const CallShape& call : calls::kCalls) {
    uint8_t& of_call = touches[static_cast<size_t>(call.id)];
    for (const Step& step : call.steps) {
      if (step.role == Role::Path || step.role == Role::RelativePath) of_call |= kTakesPath;
    }
    if (changes_names(call.id)) of_call |= kChangesNames;
    if (changes_roots(call.id)) of_call |= kChangesRoots;
  }
  return touches;
}();

uint8_t touches_of(EventId id) { return kTouches[static_cast<size_t>(id)]; }

// A process of the same image, as fork makes it.
Ref<Process> fork_of(const Ref<Process>& parent, uint32_t pid, uint64_t clone_flags, uint64_t now_ns) {
  Ref<Process> child = make_ref<Process>(*parent);
  child->pid = child->vpid = pid;
  child->threads = 0;
  child->start_ns = now_ns;
  child->clone_seen = true;
  child->subreaper = false;
  child->nested_pids |= (clone_flags & CLONE_NEWPID) != 0;
  child->settled &= (clone_flags & CLONE_NEWUSER) == 0;
  const bool is_sibling = (clone_flags & CLONE_PARENT) != 0;
  child->ppid = is_sibling ? parent->ppid : parent->pid;
  child->parent = is_sibling ? parent->parent : parent;
  child->changed();
  cut_ancestry(*child);
  return child;
}

}  // namespace

State::State(Truth& truth, const Limits& limits) : books_(std::make_unique<Books>(truth, limits)) {}
State::~State() = default;

void State::on_launch(uint32_t tid, uint64_t now_ns) {
  if (books_->find(tid) == nullptr) books_->adopt(tid, now_ns);
}

bool State::on_found(uint32_t tid, uint64_t now_ns) {
  Books& books = *books_;
  const bool is_known = books.find(tid) != nullptr;
  Thread& thread = books.find_or_adopt(tid, now_ns);
  Process& process = *thread.process;
  if (is_known) {
    books.images.load(process, now_ns);
    books.learn_surroundings(thread);
  }
  if (process.entry != 0) return false;
  const uint32_t of_parent = process.parent ? process.parent->entry : 0;
  process.entry = of_parent != 0 ? of_parent : process.pid;
  stops_for(tid, IntegrityReason::CAME_FROM_OUTSIDE);
  process.changed();
  return of_parent == 0;
}

void State::on_neighbour(uint32_t tid, uint64_t now_ns) {
  books_->find_or_adopt(tid, now_ns).process->of_neighbour = true;
}

void State::on_fork(uint32_t parent_tid, uint32_t child_tid, uint64_t clone_flags, uint64_t now_ns) {
  Books& books = *books_;
  if (clone_flags & CLONE_NEWNS) books.real_paths.divide();
  const Thread parent = books.find_or_adopt(parent_tid, now_ns);
  if (const Thread* known = books.find(child_tid)) {
    if (known->process->clone_seen || known->process == parent.process) return;
    books.forget(child_tid);  // adopted before its parent was heard of
  }
  Thread child{child_tid, parent.process, parent.files, parent.place};
  if (!(clone_flags & CLONE_FILES)) child.files = parent.files->copy();
  if (!(clone_flags & CLONE_FS)) child.place = make_ref<Place>(*parent.place);
  if (!(clone_flags & CLONE_THREAD)) {
    child.process = fork_of(parent.process, child_tid, clone_flags, now_ns);
    child.process->files = child.files;
    child.process->place = child.place;
    books.processes[child_tid] = child.process;
    if (child.process->nested_pids) {
      books.images.load_credentials(*child.process, child_tid);
      books.images.load_pid_namespace(*child.process, now_ns);
    }
  }
  ++child.process->threads;
  child.process->changed();
  books.threads[child_tid] = std::move(child);
}

void State::on_exec(uint32_t tid, uint32_t former_tid, uint64_t now_ns) {
  Books& books = *books_;
  Thread thread = books.find_or_adopt(former_tid, now_ns);
  Process& process = *thread.process;
  std::erase_if(books.threads, [&](const auto& entry) { return entry.second.process == thread.process; });
  books.last = nullptr;
  if (books.plaintext != nullptr) books.plaintext->forget(tid);
  thread.tid = tid;
  thread.files = thread.files->copy();
  thread.files->close_on_exec();
  process.threads = 1;
  process.stops_for = books.stops_all_for;
  process.files = thread.files;
  process.place = thread.place;
  books.confirm_standard(thread);
  // Who came in may have moved before; and what could not be read, can be now.
  if (books.moves_unseen || process.entry != 0 || thread.place->is_guess) books.confirm_directory(thread);
  books.threads[tid] = std::move(thread);
  books.images.reload(process, now_ns);
}

void State::confirm_directory(uint32_t tid) {
  if (const Thread* thread = books_->find(tid)) books_->confirm_directory(*thread);
}

void State::let_move_unseen(bool may) { books_->moves_unseen = may; }

void State::stops_for(uint32_t tid, IntegrityReason reason) {
  const Thread* const thread = books_->find(tid);
  if (thread == nullptr || books_->stops_all_for != IntegrityReason::NONE || thread->process->stops_for == reason) return;
  const IntegrityReason before = thread->process->stops_for;
  const bool is_answer = reason == IntegrityReason::TIGHTENED && (before == IntegrityReason::CAUGHT || before == IntegrityReason::MAPS_FOREIGN_CODE);
  if (is_answer) return;  // to what it was caught at
  thread->process->stops_for = reason;
  thread->process->changed();
}

void State::believe(std::vector<std::string> folders) { books_->images.believe(std::move(folders)); }

void State::tell_plaintext(std::function<uint64_t(uint64_t)> ns_of) { books_->plaintext = std::make_unique<Plaintext>(std::move(ns_of)); }

void State::stop_all() { books_->stops_all_for = IntegrityReason::NO_INLINE_TIER; }

void State::on_thread_exit(uint32_t tid) { books_->forget(tid); }

void State::before_call(Sighting& s, bool is_over) {
  Books& books = *books_;
  Event& event = s.event;
  Thread& thread = books.find_or_adopt(event.call.tid, event.call.enter_ns);
  if (!is_over) s.reset();
  s.process = thread.process;
  if (s.process->credentials_are_old) books.images.load_credentials(*s.process, thread.tid);
  books.is_sure = !is_over || event.call.result != -EBADF;
  if (event.fd >= 0) s.descriptor = books.resolve(thread, event.fd);
  if (const Effect* effect = effect_of(event.id)) effect->enter(books, thread, s);
  const uint8_t touches = touches_of(event.id);
  if (touches == 0) return void(books.is_sure = true);
  // Of two folders the kernel may not have looked at the second, nor at one in front of a path that it
  // refused.
  books.is_sure = !is_over || event.call.result >= 0;
  for (const Step& step : event.row->steps) {
    if (step.role == Role::Path) books.join(thread, s, step.slot, AT_FDCWD);
    if (step.role == Role::RelativePath) books.join(thread, s, step.slot, static_cast<int32_t>(event.integer(step.extra)));
  }
  books.is_sure = true;
  if (touches & kChangesRoots) books.real_paths.end_moving();
  if ((touches & kChangesNames) && !is_over) books.real_paths.begin_change(event.call.tid, event.id, event.call.enter_ns);
}

void State::after_call(Sighting& s) {
  Books& books = *books_;
  const Event& event = s.event;
  Thread* thread = books.find(event.call.tid);
  if (thread == nullptr && !s.process) thread = &books.adopt(event.call.tid, event.call.exit_ns);
  if (!s.process) s.process = thread->process;
  // After an exec the thread that called it may have another number.
  if (thread == nullptr) thread = books.find(s.process->pid);
  const Effect* effect = effect_of(event.id);
  if (effect != nullptr && thread != nullptr) effect->exit(books, *thread, s);
  if (books.plaintext != nullptr && thread != nullptr) books.plaintext->note(*thread, s);
  const uint8_t touches = touches_of(event.id);
  if (touches == 0) return;
  if (touches & kChangesNames) {
    if (s.stands_still) books.real_paths.end_change(event.call.tid, event.call.exit_ns);
    else books.real_paths.note_change(event.call.exit_ns);
  }
  if (event.id == EventId::setns || event.id == EventId::unshare) books.real_paths.divide();
  if (event.id == EventId::chroot || event.id == EventId::pivot_root) books.real_paths.end_standing();
}

void State::begin_standing(NameWatch& watch, StandingTable& table) { books_->real_paths.begin_standing(watch, table); }

void State::let_names_move(bool may) { books_->real_paths.let_move(may); }

bool State::names_may_move() const { return books_->real_paths.may_move(); }

void State::settle_names() { books_->real_paths.settle(); }

void State::attach(Sighting& s) {
  s.reset();
  if (const Thread* thread = books_->find(s.event.call.tid)) s.process = thread->process;
}

bool State::knows(uint32_t tid) const { return books_->find(tid) != nullptr; }

FileFacts State::executable(uint32_t tid) const {
  const Thread* thread = books_->find(tid);
  if (thread == nullptr) return {};
  const Process& process = *thread->process;
  return {.dev = process.exe_dev, .ino = process.exe_ino, .ctime_ns = process.exe_ctime_ns, .mtime_ns = process.exe_mtime_ns};
}

bool State::executes_image_file(uint32_t tid) const {
  const Thread* thread = books_->find(tid);
  return thread != nullptr && thread->process->exe_of_image;
}

bool State::has_image_file(uint32_t tid, int32_t fd) const {
  return books_->images.is_of_image(tid, ("fd/" + std::to_string(fd)).c_str());
}

bool State::sees_image_file(uint32_t tid, const std::string& path) const { return books_->images.is_at_path(tid, path); }

FileFacts State::file_behind(uint32_t tid, int32_t fd) const {
  const Thread* thread = books_->find(tid);
  const Ref<Descriptor> descriptor = thread == nullptr ? Ref<Descriptor>() : thread->files->find(fd);
  return descriptor ? FileFacts{.dev = descriptor->dev, .ino = descriptor->ino} : FileFacts{};
}

// Few have a place that more refer to than the thread and its process.
bool State::shares_place(uint32_t tid) const {
  constexpr uint32_t kOwn = 2;
  const Thread* thread = books_->find(tid);
  if (thread == nullptr || thread->place->refs <= kOwn) return false;
  return std::any_of(books_->threads.begin(), books_->threads.end(),
                     [thread](const auto& one) { return one.first != thread->tid && one.second.place == thread->place; });
}

const DescriptorTable* State::descriptors_of(uint32_t tid) const {
  const Thread* thread = books_->find(tid);
  return thread == nullptr ? nullptr : thread->files.get();
}

// A thread that is alone has a table that it and its process refer to.
bool State::shares_descriptors(uint32_t tid) const {
  constexpr uint32_t kOwn = 2;
  const DescriptorTable* table = descriptors_of(tid);
  return table == nullptr || table->refs > kOwn;
}

bool State::shares_pids(uint32_t tid) const {
  const Thread* thread = books_->find(tid);
  return thread != nullptr && !thread->process->nested_pids;
}

size_t State::processes() const { return books_->processes.size(); }

}  // namespace vedette
