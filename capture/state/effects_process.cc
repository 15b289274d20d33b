// SPDX-License-Identifier: Apache-2.0
// What a process changes about itself: credentials, name, session, working directory, namespaces. Where the
// kernel's rules are long (who may become what), the kernel is asked what came of it.
#include <linux/sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cstdlib>

#include "capture/state/description.h"
#include "capture/state/effects.h"

namespace vedette::effects {

// The image itself was read in on_exec. A thread that was not the leader now is.
void exec(State::Books&, Thread&, Sighting& s) {
  if (!s.event.failed()) s.event.call.tid = s.process->pid;
}

void credentials(State::Books& books, Thread& thread, Sighting& s) {
  if (!s.event.failed()) books.images.load_credentials(*thread.process, thread.tid);
}

void prctl(State::Books& books, Thread& thread, Sighting& s) {
  using namespace slot::prctl_;
  if (s.event.failed()) return;
  switch (s.event.integer(option)) {
    case PR_SET_NAME:
      if (!thread.is_leader() || !s.event.has(arg2_str)) return;
      thread.process->comm = books.images.share(s.event.text(arg2_str));
      return thread.process->changed();
    case PR_SET_CHILD_SUBREAPER:
      thread.process->subreaper = s.event.integer(arg2_int) != 0;
      return;
    case PR_SET_SECUREBITS:
      thread.process->odd_credentials = true;
      [[fallthrough]];
    case PR_CAPBSET_DROP:
    case PR_SET_NO_NEW_PRIVS:
    case PR_CAP_AMBIENT:
      return books.images.load_credentials(*thread.process, thread.tid);
  }
}

// To where the kernel says that it has come.
void take_place(State::Books& books, Thread& thread) {
  thread.place->root = books.linked(thread, "root");
  if (const Ref<Folder> folder = books.directory_by_kernel(thread)) thread.place->folder = folder;
  note_change();
}

void namespaces(State::Books& books, Thread& thread, Sighting& s) {
  if (s.event.failed()) return;
  if (s.event.id == EventId::setns) take_place(books, thread);  // of a mount namespace: its root
  thread.process->nested_pids = true;  // it may have been the pid namespace: children's vpid must be asked for
  // A new user namespace gives all capabilities in it. The call itself is told with those that it was made
  // with.
  thread.process->credentials_are_old = true;
}

void unshare(State::Books& books, Thread& thread, Sighting& s) {
  if (s.event.failed()) return;
  const int64_t flags = s.event.integer(slot::unshare_::flags);
  if (flags & CLONE_FILES) books.use_own_files(thread);
  if (flags & (CLONE_FS | CLONE_NEWNS | CLONE_NEWUSER)) books.use_own_place(thread);
  if (flags & (CLONE_NEWPID | CLONE_NEWUSER)) namespaces(books, thread, s);
}

void session(State::Books& books, Thread& thread, Sighting& s) {
  if (!s.event.failed()) books.images.load_session(*thread.process);
}

void group(State::Books& books, Thread& thread, Sighting& s) {
  if (s.event.failed()) return;
  const uint32_t pid = static_cast<uint32_t>(s.event.integer(slot::setpgid_::pid));
  const auto target = books.processes.find(pid);
  const bool is_other = pid != 0 && target != books.processes.end() && !thread.process->nested_pids;
  books.images.load_session(is_other ? *target->second : *thread.process);
}

// Of a call that is heard of later, the record says what the kernel answered right behind it: from the
// program's own root, too, with a mark where the directory lies outside of that.
void directory(State::Books& books, Thread& thread, Sighting& s) {
  constexpr std::string_view kUnreachable = "(unreachable)";
  if (s.event.failed()) return;
  std::string_view told = s.link;
  if (told.ends_with('\0')) told.remove_suffix(1);
  if (told.starts_with(kUnreachable)) told.remove_prefix(kUnreachable.size());
  const std::string_view root = view(thread.place->root);
  const Ref<Folder> by_kernel = s.stands_still ? books.directory_by_kernel(thread) : Ref<Folder>();
  Ref<Folder> folder = by_kernel;
  if (!s.stands_still && told.starts_with('/')) folder = books.folders.at(root, books.names.share(told));
  if (!folder && s.event.id == EventId::chdir) folder = books.folders.at(root, books.names.share(s.path));
  if (!folder && s.descriptor) folder = s.descriptor->folder ? s.descriptor->folder : books.folders.at(root, s.descriptor->name);
  if (folder && !books.is_whole(view(folder->name))) folder = {};
  // Only at a stop can the kernel be asked where what is relative to it begins.
  if (!folder && !s.stands_still) s.doubt = Doubt::ChangedTooOften;
  thread.place->folder = folder;
  thread.place->is_guess = s.stands_still && !by_kernel;
  note_change();
}

void root(State::Books& books, Thread& thread, Sighting& s) {
  if (s.event.failed()) return;
  take_place(books, thread);
  // It also moves all others that stood at the old root.
  if (s.event.id == EventId::pivot_root) books.moves_unseen = true;
}

void limit(State::Books& books, Thread& thread, Sighting& s) {
  using namespace slot::prlimit_;
  if (s.event.failed() || s.event.integer(resource) != RLIMIT_NOFILE || !s.event.has(newcur)) return;
  const uint32_t of = static_cast<uint32_t>(s.event.integer(pid));
  const auto target = books.processes.find(of);
  Process& process = of != 0 && target != books.processes.end() ? *target->second : *thread.process;
  process.fd_limit = static_cast<uint64_t>(s.event.integer(newcur));
  process.changed();
}

void own_limit(State::Books&, Thread& thread, Sighting& s) {
  using namespace slot::setrlimit_;
  if (s.event.failed() || s.event.integer(resource) != RLIMIT_NOFILE || !s.event.has(cur)) return;
  thread.process->fd_limit = static_cast<uint64_t>(s.event.integer(cur));
  thread.process->changed();
}

// Whom a descriptor of a process means, the kernel tells while the descriptor is open; -1 once that process
// is gone.
void aim(State::Books& books, Thread& thread, Sighting& s) {
  constexpr size_t kInfoMax = 512;
  constexpr std::string_view kLine = "\nPid:\t";
  if (s.event.fd < 0 || !books.truth.text(thread.tid, FdLink(s.event.fd, "fdinfo").name(), books.scratch, kInfoMax)) return;
  const size_t at = books.scratch.find(kLine);
  if (at == books.scratch.npos) return;
  const int pid = static_cast<int>(std::strtol(books.scratch.c_str() + at + kLine.size(), nullptr, 10));
  const int slot = s.event.id == EventId::pidfd_send_signal ? int{slot::pidfd_send_signal_::pid} : int{slot::process_mrelease_::pid};
  s.event.set(static_cast<unsigned>(slot), pid);
}

}  // namespace vedette::effects
