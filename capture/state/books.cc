// SPDX-License-Identifier: Apache-2.0
// Finding, adopting and forgetting threads; what a number or a relative path means to one. See books.h.
#include "capture/state/books.h"

#include <fcntl.h>

#include "capture/state/description.h"
#include "capture/state/path.h"
#include "capture/state/proc_text.h"

namespace vedette {

namespace {

constexpr size_t kTextMax = 4096;
constexpr std::string_view kDeletedSuffix = " (deleted)";
constexpr int32_t kStandardDescriptors = 3;
constexpr int kOutsideAncestorsMax = 16;

}  // namespace

Thread* State::Books::find(uint32_t tid) {
  if (last != nullptr && last->tid == tid) return last;
  const auto at = threads.find(tid);
  if (at == threads.end()) return nullptr;
  return last = &at->second;  // nodes of the map stay where they are
}

Thread& State::Books::find_or_adopt(uint32_t tid, uint64_t now_ns) {
  Thread* thread = find(tid);
  return thread != nullptr ? *thread : adopt(tid, now_ns);
}

Thread& State::Books::adopt(uint32_t tid, uint64_t now_ns) {
  StatusText status;
  if (truth.text(tid, "status", scratch, kTextMax)) status = parse_status(scratch);
  if (status.tgid == 0) status.tgid = tid;
  Thread thread{.tid = tid, .process = {}, .files = {}, .place = {}};
  const auto known = processes.find(status.tgid);
  if (known != processes.end()) {
    thread.process = known->second;
    thread.files = known->second->files;
    thread.place = known->second->place;
  } else {
    thread.process = make_ref<Process>();
    thread.files = make_ref<DescriptorTable>();
    thread.place = make_ref<Place>();
    Process& process = *thread.process;
    process.pid = status.tgid;
    process.ppid = status.ppid;
    process.stops_for = stops_all_for;
    process.start_ns = now_ns;
    process.files = thread.files;
    process.place = thread.place;
    const auto parent = processes.find(status.ppid);
    if (parent != processes.end()) process.parent = parent->second;
    if (processes.empty()) reaper = status.ppid;
    processes[status.tgid] = thread.process;
    images.load(process, now_ns);
    if (!process.parent) process.parent = describe_outsider(status.ppid, now_ns, kOutsideAncestorsMax);
    learn_surroundings(thread);
  }
  ++thread.process->threads;
  thread.process->changed();
  return threads[tid] = std::move(thread);
}

void State::Books::learn_surroundings(Thread& thread) {
  if (truth.link(thread.tid, "cwd", scratch)) thread.place->folder = folders.at({}, names.share(scratch));
  if (truth.link(thread.tid, "root", scratch) && scratch != "/") {
    thread.place->root = names.share(scratch);
    real_paths.end_standing();
  }
  if (truth.text(thread.tid, "limits", scratch, kTextMax)) thread.process->fd_limit = open_files_limit(scratch);
  for (int32_t fd = 0; fd < kStandardDescriptors; ++fd) learn(thread, fd, 0);
}

Ref<Process> State::Books::describe_outsider(uint32_t pid, uint64_t now_ns, int generations) {
  if (pid == 0 || generations == 0 || !truth.text(pid, "status", scratch, kTextMax)) return {};
  const StatusText status = parse_status(scratch);
  Ref<Process> process = make_ref<Process>();
  process->pid = pid;
  process->ppid = status.ppid;
  process->place = make_ref<Place>();
  images.load(*process, now_ns);
  process->env = {};
  process->parent = describe_outsider(status.ppid, now_ns, generations - 1);
  return process;
}

void State::Books::forget(uint32_t tid) {
  if (plaintext != nullptr) plaintext->forget(tid);
  real_paths.leave_change(tid);
  const auto at = threads.find(tid);
  if (at == threads.end()) return;
  const Ref<Process> process = at->second.process;
  threads.erase(at);
  last = nullptr;
  if (process->threads != 0) --process->threads;
  process->changed();
  if (process->threads != 0) return;
  process->ended = true;
  process->files.reset();
  processes.erase(process->pid);
  // Its children go to the nearest ancestor that wanted them, else to whoever reaps for all.
  uint32_t heir = reaper;
  for (const Process* ancestor = process->parent.get(); ancestor != nullptr; ancestor = ancestor->parent.get()) {
    if (!ancestor->ended && ancestor->subreaper) {
      heir = ancestor->pid;
      break;
    }
  }
  for (auto& [pid, other] : processes) {
    if (other->ppid != process->pid) continue;
    other->ppid = heir;
    other->changed();
  }
}

Ref<Descriptor> State::Books::resolve(Thread& thread, int32_t fd) {
  if (fd < 0) return {};
  Ref<Descriptor> known = thread.files->find(fd);
  if (!known) return is_sure ? learn(thread, fd, kAskedKernel) : Ref<Descriptor>();
  if (known->flags & kNameChanged) {
    known->flags &= static_cast<uint8_t>(~kNameChanged);
    known->changed();
  }
  return known;
}

Ref<Descriptor> State::Books::learn(Thread& thread, int32_t fd, uint8_t flags) {
  bool close_on_exec = false;
  Ref<Descriptor> descriptor = Description{truth, names, scratch}.of(thread.tid, thread.files_owner(), fd, close_on_exec);
  if (!descriptor) return {};
  descriptor->flags |= flags;
  begin_folder(*descriptor);
  thread.files->set(fd, descriptor, close_on_exec);
  return descriptor;
}

// Whether our books and the kernel's link speak of one thing: "/dev/null", "socket:[4711]", "pipe:[4712]".
static bool is_named(const Descriptor& known, std::string_view link) {
  const bool is_socket = link.starts_with("socket:[");
  if (is_socket != known.is_socket) return false;
  if (is_socket) return known.ino == 0 || link == "socket:[" + std::to_string(known.ino) + "]";
  return !known.real || !link.starts_with('/') || link == view(known.real);
}

void State::Books::confirm_standard(Thread& thread) {
  constexpr const char* kLinks[] = {"fd/0", "fd/1", "fd/2"};
  for (int32_t fd = 0; fd < 3; ++fd) {
    Ref<Descriptor> known = thread.files->find(fd);
    if (known && known->ours >= 0 && truth.has_ours(thread.tid, fd, known->ours)) continue;
    if (!truth.link(thread.tid, kLinks[fd], scratch)) continue;
    if (!known || !is_named(*known, scratch)) known = learn(thread, fd, kAskedKernel);
    if (known && known->ours == Descriptor::kNotCompared) known->ours = truth.has_ours(thread.tid, fd, fd) ? static_cast<int8_t>(fd) : Descriptor::kNotOurs;
  }
}

Ref<Text> State::Books::linked(const Thread& thread, const char* name) {
  if (!truth.link(thread.tid, name, scratch)) return {};
  std::string_view path = scratch;
  if (path.ends_with(kDeletedSuffix)) path.remove_suffix(kDeletedSuffix.size());
  return names.share(path);
}

Ref<Folder> State::Books::directory_by_kernel(const Thread& thread) {
  const Ref<Text> cwd = linked(thread, "cwd");
  const std::string_view root = view(thread.place->root), seen = view(cwd);
  if (!cwd) return {};
  if (scratch.ends_with(kDeletedSuffix)) return folders.removed(cwd);
  if (root.size() <= 1 || !is_at_or_below(seen, root)) return folders.at({}, cwd);
  return folders.at(root, seen.size() == root.size() ? names.share("/") : names.share(seen.substr(root.size())));
}

void State::Books::confirm_directory(const Thread& thread) {
  const Ref<Folder> folder = directory_by_kernel(thread);
  if (folder) thread.place->is_guess = false;
  if (!folder || view(folder->name) == view(thread.place->cwd())) return;
  thread.place->folder = folder;
  note_change();
}

// A directory that was opened by a link keeps that name until it gets another one.
std::string_view State::Books::directory(Thread& thread, int32_t dirfd) {
  if (dirfd == AT_FDCWD) return thread.place->folder ? view(thread.place->folder->name) : std::string_view();
  const Ref<Descriptor> descriptor = resolve(thread, dirfd);
  if (!descriptor) return {};
  const Ref<Folder>& folder = descriptor->folder;
  const std::string_view name = view(descriptor->name);
  if (!folder || folder->path == descriptor->real || view(folder->path) == view(descriptor->real)) return is_whole(name) ? name : std::string_view();
  const std::string_view root = view(thread.place->root), path = view(folder->path);
  return root.size() > 1 && path.size() > root.size() && is_at_or_below(path, root) ? path.substr(root.size()) : path;
}

std::string_view State::Books::real_directory(Thread& thread, int32_t dirfd) {
  if (dirfd == AT_FDCWD) return thread.place->folder ? view(thread.place->folder->path) : std::string_view();
  const Ref<Descriptor> descriptor = resolve(thread, dirfd);
  return descriptor && descriptor->folder ? view(descriptor->folder->path) : std::string_view();
}

void State::Books::begin_folder(Descriptor& descriptor) {
  const std::string_view real = view(descriptor.real);
  if (descriptor.type != FdType::Directory || !real.starts_with('/') || real.ends_with(kDeletedSuffix)) return;
  descriptor.folder = folders.at({}, descriptor.real);
}

// Where the kernel says that the name's parent is, while the thread stands still. Not from another root: `..`
// would lead us out of it.
bool State::Books::join_by_kernel(const Thread& thread, int32_t dirfd, std::string_view path, std::string& into) {
  if (real_paths.is_divided() || view(thread.place->root).size() > 1) return false;
  const size_t name_at = path.rfind('/') + 1;
  std::string parent = "/proc/" + std::to_string(thread.tid) + (dirfd == AT_FDCWD ? "/cwd/" : "/fd/" + std::to_string(dirfd) + "/");
  parent += path.substr(0, name_at);
  std::string found;
  if (!truth.resolve(thread.tid, thread.process->pid, false, parent, true, found) || !found.starts_with('/')) return false;
  join_path(found, path.substr(name_at), into);
  return true;
}

void State::Books::join(Thread& thread, Sighting& s, unsigned slot, int32_t dirfd) {
  Event& event = s.event;
  if (!event.has(slot)) return;
  const Span raw = event.span(slot);
  const bool is_relative = !event.text(raw).starts_with('/');
  const std::string_view from = is_relative ? directory(thread, dirfd) : std::string_view();
  const bool is_first = s.raw_path.offset == kNull;
  std::string& joined = is_first ? s.path : scratch;
  const bool is_asked = is_relative && from.empty() && s.stands_still && join_by_kernel(thread, dirfd, event.text(raw), joined);
  if (!is_asked) join_path(from, event.text(raw), joined);
  if (is_relative && from.empty() && !is_asked) event.flags |= kPathGuessed;
  if (joined.size() > limits.path_max) {
    joined.resize(limits.path_max);
    event.flags |= kTruncated;
  }
  if (is_first) s.raw_path = raw;
  // A reader joins with the process's working directory itself; it cannot know where another descriptor
  // leads, nor that this thread has a directory of its own.
  const bool reader_can_join = dirfd == AT_FDCWD && thread.place == thread.process->place;
  if (is_asked || (is_relative && !from.empty() && !reader_can_join)) event.set_text(slot, joined);
}

void State::Books::use_own_files(Thread& thread) {
  thread.files = thread.files->copy();
  if (thread.is_leader()) thread.process->files = thread.files;
  note_change();
}

void State::Books::use_own_place(Thread& thread) {
  Ref<Place> own = make_ref<Place>();
  own->folder = thread.place->folder;
  own->root = thread.place->root;
  own->is_guess = thread.place->is_guess;
  thread.place = std::move(own);
  if (thread.is_leader()) thread.process->place = thread.place;
}

}  // namespace vedette
