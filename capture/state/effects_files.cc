// SPDX-License-Identifier: Apache-2.0
// Opening, closing and duplicating. An open that failed makes a descriptor too, one that stands in no table:
// it carries the name that was asked for. A close takes effect only if its number still means what it meant
// at entry: between the kernel's close and our hearing of it, another thread may have opened the same number,
// and may even have told of that before (descriptor_table.h).
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/stat.h>

#include <algorithm>

#include "capture/decode/layout.h"
#include "capture/state/description.h"
#include "capture/state/effects.h"
#include "capture/state/opened_file.h"

namespace vedette::effects {

namespace {

Description describing(State::Books& books) { return {books.truth, books.names, books.scratch}; }

// What moves a process to another cgroup, or gives it a login, without a call of its own.
bool moves_processes(std::string_view path) {
  constexpr std::string_view kNames[] = {"/cgroup.procs", "/cgroup.threads", "/tasks", "/loginuid"};
  return std::any_of(std::begin(kNames), std::end(kNames), [path](std::string_view name) { return path.ends_with(name); });
}

void opened(State::Books& books, Thread& thread, Sighting& s, int64_t open_flags) {
  Ref<Descriptor> descriptor = make_ref<Descriptor>();
  descriptor->type = open_flags & kOpenDirectory ? FdType::Directory : FdType::File;
  descriptor->open_flags = static_cast<int32_t>(open_flags);
  if (s.raw_path.offset != kNull) {
    const std::string_view raw = s.event.text(s.raw_path);
    descriptor->raw = books.names.share(raw);
    descriptor->name = s.path == raw ? descriptor->raw : books.names.share(s.path);
    if (s.event.flags & kPathGuessed) descriptor->flags |= kNameGuessed;
  }
  if (s.event.fd >= 0) {
    name_opened_file(books, thread, s, open_flags, *descriptor);
    books.begin_folder(*descriptor);
    // Opened by a path (/proc/self/fd/1), a pipe is what a named one is: a file, which is what rules on
    // writing ask for.
    if (descriptor->type == FdType::Pipe) descriptor->type = FdType::File;
    const bool writes = (open_flags & O_ACCMODE) != O_RDONLY;
    if (writes && (moves_processes(view(descriptor->name)) || moves_processes(view(descriptor->real)))) books.images.doubt_outside();
    thread.files->overtake(s.event.fd, s.event.call.exit_ns);
    thread.files->set(s.event.fd, descriptor, (open_flags & O_CLOEXEC) != 0);
  }
  s.descriptor = std::move(descriptor);
}

// The number came by a way that only the kernel can describe.
void learned(State::Books& books, Thread& thread, Sighting& s) {
  if (s.event.fd < 0) return;
  thread.files->overtake(s.event.fd, s.event.call.exit_ns);
  thread.files->remove(s.event.fd);
  s.descriptor = books.learn(thread, s.event.fd, 0);
}

// An eventfd of a thread that has gone on since: all of it is in the call, and in what was asked behind it.
void made_event(State::Books& books, Thread& thread, Sighting& s) {
  const bool has_flags = s.event.id == EventId::eventfd2;
  const uint64_t flags = has_flags ? s.event.call.args[1] : 0;
  s.descriptor = make_ref<Descriptor>();
  Description::believe(books.names.share("anon_inode:[eventfd]"), s.opened, *s.descriptor);
  s.descriptor->name = s.descriptor->real;
  s.descriptor->open_flags = static_cast<int32_t>(open_flags(layout_of(kNativeAbi), O_RDWR | (flags & O_NONBLOCK)));
  thread.files->overtake(s.event.fd, s.event.call.exit_ns);
  thread.files->set(s.event.fd, s.descriptor, (flags & O_CLOEXEC) != 0);
}

// dup2 and dup3 choose the number: what stands there they close themselves.
void duplicated(Thread& thread, Sighting& s, int64_t new_fd, bool close_on_exec, bool is_chosen) {
  if (s.event.failed() || !s.descriptor) return;
  if (!is_chosen) thread.files->overtake(static_cast<int32_t>(new_fd), s.event.call.exit_ns);
  thread.files->set(static_cast<int32_t>(new_fd), s.descriptor, close_on_exec);
}

void both_ends(State::Books& books, Thread& thread, Sighting& s, bool close_on_exec) {
  using namespace slot::pipe_;
  if (s.event.failed() || !s.event.has(fd1)) return;
  for (const int end : {fd1, fd2}) {
    const int32_t fd = static_cast<int32_t>(s.event.integer(static_cast<unsigned>(end)));
    const std::optional<FileFacts>& facts = end == fd1 ? s.opened : s.opened_second;
    thread.files->overtake(fd, s.event.call.exit_ns);
    if (is_another(s, facts, S_IFIFO)) {
      thread.files->remove(fd);
      continue;
    }
    Ref<Descriptor> descriptor = make_ref<Descriptor>();
    descriptor->type = FdType::Pipe;
    descriptor->open_flags = end == fd1 ? O_RDONLY : O_WRONLY;
    if (s.stands_still) describing(books).complete(thread.tid, fd, *descriptor);
    if (facts) Description::believe(books.names.share("pipe:[" + std::to_string(facts->ino) + ']'), facts, *descriptor);
    descriptor->name = descriptor->real;
    if (descriptor->ino != 0) s.event.set(ino, static_cast<int64_t>(descriptor->ino));
    thread.files->set(fd, std::move(descriptor), close_on_exec);
  }
}

}  // namespace

bool is_another(const Sighting& s, const std::optional<FileFacts>& facts, mode_t type) {
  return !s.stands_still && (!facts || (facts->mode & S_IFMT) != type);
}

void open(State::Books& books, Thread& thread, Sighting& s) {
  opened(books, thread, s, s.event.integer(slot::open_::flags));
}

// openat2's slots begin as openat's do.
static_assert(static_cast<int>(slot::openat_::flags) == static_cast<int>(slot::openat2_::flags));
void open_at(State::Books& books, Thread& thread, Sighting& s) {
  opened(books, thread, s, s.event.has(slot::openat_::flags) ? s.event.integer(slot::openat_::flags) : 0);
}

void create(State::Books& books, Thread& thread, Sighting& s) { opened(books, thread, s, O_CREAT | O_WRONLY | O_TRUNC); }

void open_handle(State::Books& books, Thread& thread, Sighting& s) {
  opened(books, thread, s, s.event.integer(slot::open_by_handle_at_::flags));
  s.descriptor->name = s.descriptor->real;
}

void close_enter(State::Books&, Thread& thread, Sighting& s) {
  if (Ref<Descriptor> meant = thread.files->take_overtaken(s.event.fd, s.event.call.enter_ns)) s.descriptor = std::move(meant);
}

void close(State::Books&, Thread& thread, Sighting& s) {
  // Whatever close returns but EBADF, the number is free (close(2), Linux).
  if (!s.event.call.returned || s.event.call.result == -EBADF) return;
  thread.files->remove(s.event.fd, s.descriptor);
}

void close_range(State::Books& books, Thread& thread, Sighting& s) {
  using namespace slot::close_range_;
  if (s.event.failed()) return;
  const uint32_t from = static_cast<uint32_t>(s.event.integer(first));
  const uint32_t to = static_cast<uint32_t>(s.event.integer(last));
  if (s.event.integer(flags) & CLOSE_RANGE_UNSHARE) books.use_own_files(thread);
  if (s.event.integer(flags) & CLOSE_RANGE_CLOEXEC) {
    thread.files->mark_range(from, to);
  } else {
    thread.files->remove_range(from, to);
  }
}

static_assert(static_cast<int>(slot::dup_::oldfd) == static_cast<int>(slot::dup2_::oldfd) &&
              static_cast<int>(slot::dup_::oldfd) == static_cast<int>(slot::dup3_::oldfd));
void dup_enter(State::Books& books, Thread& thread, Sighting& s) {
  s.descriptor = books.resolve(thread, static_cast<int32_t>(s.event.integer(slot::dup_::oldfd)));
}

void dup(State::Books&, Thread& thread, Sighting& s) {
  // dup2 to itself changes nothing, not even close-on-exec.
  if (s.event.call.result == s.event.integer(slot::dup_::oldfd)) return;
  duplicated(thread, s, s.event.call.result, false, s.event.id == EventId::dup2);
}

void dup3(State::Books&, Thread& thread, Sighting& s) {
  duplicated(thread, s, s.event.call.result, (s.event.integer(slot::dup3_::flags) & O_CLOEXEC) != 0, true);
}

void control(State::Books&, Thread& thread, Sighting& s) {
  using namespace slot::fcntl_;
  if (s.event.failed()) return;
  const int64_t command = s.event.integer(cmd);
  if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) {
    duplicated(thread, s, s.event.call.result, command == F_DUPFD_CLOEXEC, false);
  } else if (command == F_SETFD) {
    thread.files->set_close_on_exec(s.event.fd, (s.event.integer(arg) & FD_CLOEXEC) != 0);
  }
}

void pipe(State::Books& books, Thread& thread, Sighting& s) { both_ends(books, thread, s, false); }

void pipe2(State::Books& books, Thread& thread, Sighting& s) {
  both_ends(books, thread, s, (s.event.integer(slot::pipe2_::flags) & O_CLOEXEC) != 0);
}

void memfd(State::Books& books, Thread& thread, Sighting& s) {
  constexpr int64_t kCloseOnExec = 1;  // MFD_CLOEXEC
  learned(books, thread, s);
  if (!s.descriptor) return;
  s.descriptor->name = books.names.share(s.event.text(slot::memfd_create_::name));
  s.descriptor->changed();
  thread.files->set_close_on_exec(s.event.fd, (s.event.integer(slot::memfd_create_::flags) & kCloseOnExec) != 0);
}

void new_event(State::Books& books, Thread& thread, Sighting& s) {
  if (s.stands_still || s.event.fd < 0) return learned(books, thread, s);
  made_event(books, thread, s);
}

void new_descriptor(State::Books& books, Thread& thread, Sighting& s) {
  learned(books, thread, s);
  if (s.event.id == EventId::io_uring_setup && s.event.fd >= 0) books.images.doubt_outside();  // opens without being seen
}

}  // namespace vedette::effects
