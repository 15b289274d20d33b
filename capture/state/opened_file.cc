// SPDX-License-Identifier: Apache-2.0
#include "capture/state/opened_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <charconv>

#include "capture/state/description.h"
#include "capture/state/path.h"

namespace vedette {
namespace {

constexpr std::string_view kDeleted = " (deleted)";

// A path that goes by a magic link of the thread's own leads where that led when the open was made, and our
// books know: what was closed or replaced since stands in later records.
struct OwnLink {
  std::string start;       // the path that it stands for; empty: it is none, or what it leads to has no path
  Ref<Descriptor> target;  // of fd/N, where our books know it
  std::string_view rest;   // of the path, behind the link

  std::string path() const { return start.empty() ? std::string() : std::string(start).append(rest); }
};

OwnLink own_link(const Thread& thread, std::string_view path) {
  const std::string own = "/proc/" + std::to_string(thread.process->pid) + "/";
  std::string_view rest;
  for (const std::string_view prefix : {std::string_view("/proc/self/"), std::string_view("/proc/thread-self/"), std::string_view("/dev/"), std::string_view(own)}) {
    if (path.starts_with(prefix)) rest = path.substr(prefix.size());
  }
  const size_t end = std::min(rest.find('/'), rest.size());
  const std::string_view link = rest.substr(0, end);
  if (link == "cwd") return {.start = std::string(view(thread.place->cwd())), .target = {}, .rest = rest.substr(end)};
  if (link == "root") return {.start = std::string(view(thread.place->root)), .target = {}, .rest = rest.substr(end)};
  if (link != "fd" || end == rest.size()) return {};
  rest.remove_prefix(end + 1);
  int32_t fd = -1;
  const char* const behind = std::from_chars(rest.data(), rest.data() + rest.size(), fd).ptr;
  OwnLink found{.start = {}, .target = thread.files->find(fd), .rest = {behind, rest.data() + rest.size()}};
  if (!found.target) return found;
  const Ref<Text>& real = found.target->folder ? found.target->folder->path : found.target->real;
  const std::string_view name = real ? view(real) : view(found.target->name);
  if (name.starts_with('/')) found.start = name;
  return found;
}

class OpenedFile {
 public:
  OpenedFile(State::Books& books, Thread& thread, Sighting& s, int64_t open_flags, Descriptor& descriptor)
      : books_(books), thread_(thread), s_(s), descriptor_(descriptor),
        follows_((open_flags & O_PATH) == 0 || (open_flags & O_NOFOLLOW) == 0), is_nameless_((open_flags & kTemporary) != 0),
        only_reads_((open_flags & O_ACCMODE) == O_RDONLY) {}

  void name_live() {
    Description{books_.truth, books_.names, books_.scratch}.complete(thread_.tid, s_.event.fd, descriptor_);
    if (descriptor_.ino == 0 || is_nameless_ || is_called(own_name())) return;
    s_.opened = FileFacts{.dev = descriptor_.dev, .ino = descriptor_.ino};
    if (!is_named_well() && !is_of_other_pids()) rename();
  }

  void name_late() {
    if (s_.is_unasked) return name_standing();
    if (s_.opened && !s_.link.empty() && books_.real_paths.may_move()) return name_by_kernel();
    if (!s_.opened) return doubt();
    if (!is_named_well() && !still_is_there()) doubt();
  }

 private:
  static constexpr int64_t kTemporary = O_TMPFILE & ~O_DIRECTORY;

  // By what the kernel said right behind the open. Where the path leads now proves nothing: it stays as the
  // program gave it, unless that is relative to another directory than we know of (one that was moved, or
  // set by another thread at that moment).
  void name_by_kernel() {
    Description::believe(books_.names.share(s_.link), s_.opened, descriptor_);
    if (!is_nameless_ && !is_called(own_name()) && (!own_name().starts_with('/') || is_below_another())) rename();
  }
  bool is_below_another() const {
    std::string_view raw = s_.event.text(s_.raw_path), real = view(descriptor_.real);
    if (raw.starts_with('/')) return false;
    // Its folder was opened by the number of a descriptor, which may be another one by now.
    if (own_name().starts_with("/proc/") && own_link(thread_, own_name()).start != folder()) return true;
    if (raw.starts_with("./")) raw.remove_prefix(2);
    if (real.ends_with(kDeleted)) real.remove_suffix(kDeleted.size());
    if (raw.empty() || real.size() <= raw.size() || !real.ends_with(raw)) return false;
    real.remove_suffix(raw.size());
    return real.ends_with('/') && real.substr(0, real.size() - 1) != folder();
  }
  // Where a relative path began, by the kernel's name.
  std::string_view folder() const {
    const int32_t from = s_.event.id == EventId::openat ? static_cast<int32_t>(s_.event.call.args[0]) : AT_FDCWD;
    if (from == AT_FDCWD) return thread_.place->folder ? view(thread_.place->folder->path) : std::string_view();
    const Ref<Descriptor> known = thread_.files->find(from);
    if (known && known->folder) return view(known->folder->path);
    return known ? view(known->real) : std::string_view();
  }

  void name_standing() {
    const StandingPaths::Standing* const file =
        thread_.place->root ? nullptr
                            : books_.real_paths.standing(thread_.tid, thread_.process->pid, s_.event.text(s_.raw_path), s_.event.call.enter_ns, s_.heard_ns);
    if (file == nullptr) return doubt();
    s_.opened = file->facts;
    Description::believe(file->real, s_.opened, descriptor_);
  }

  // The path leads to the file, in one of the ways in which the kernel may have read it.
  bool is_named_well() {
    if (leads_there(own_name()) || leads_there(as_passed())) return true;
    const OwnLink link = own_link(thread_, own_name());
    return leads_there(link.path()) || (link.rest.empty() && link.target && is_opened_anew(*link.target));
  }
  // By /proc/self/fd/N: a file without a name, too, as long as it is the one that N was.
  bool is_opened_anew(const Descriptor& target) {
    if (target.dev != s_.opened->dev || target.ino != s_.opened->ino) return false;
    if (!s_.stands_still) Description::believe(target.real, s_.opened, descriptor_);
    return true;
  }
  std::string_view own_name() const { return view(descriptor_.name); }
  // By the kernel.
  bool is_called(std::string_view name) const {
    std::string_view real = view(descriptor_.real);
    if (real.ends_with(kDeleted)) real.remove_suffix(kDeleted.size());
    return !real.starts_with('/') || real == name;
  }
  void rename() {
    std::string_view real = view(descriptor_.real);
    if (real.ends_with(kDeleted)) real.remove_suffix(kDeleted.size());
    descriptor_.name = books_.names.share(real);
    descriptor_.changed();
  }

  bool is_it(const std::optional<FileFacts>& facts) const { return facts && facts->dev == s_.opened->dev && facts->ino == s_.opened->ino; }

  bool leads_there(std::string_view path) {
    if (!path.starts_with('/')) return false;
    const RealPaths::Found& there = found(path);
    if (!is_it(there.facts)) return false;
    if (!s_.stands_still) Description::believe(there.real, there.facts, descriptor_);
    return true;
  }
  const RealPaths::Found& found(std::string_view path) {
    return books_.real_paths.find(thread_.tid, thread_.process->pid, view(thread_.place->root), path, s_.event.call.exit_ns, follows_,
                                  s_.opened ? &*s_.opened : nullptr, s_.heard_ns);
  }

  // With each `..`, which the kernel takes after a link, not before.
  std::string as_passed() const {
    const std::string_view raw = s_.event.text(s_.raw_path);
    if (raw.find("..") == raw.npos) return {};
    if (raw.starts_with('/')) return std::string(raw);
    const bool is_at = s_.event.id == EventId::openat;
    const std::string_view from = books_.directory(thread_, is_at ? static_cast<int32_t>(s_.event.call.args[0]) : AT_FDCWD);
    return std::string(from).append("/").append(raw);
  }

  // The descriptor has the file, under a name that the record does not tell.
  bool still_is_there() {
    const FdLink link(s_.event.fd);
    const std::optional<FileFacts> facts = books_.truth.facts(thread_.tid, link.name());
    if (!is_it(facts) || !books_.truth.link(thread_.tid, link.name(), books_.scratch)) return false;
    Description::believe(books_.names.share(books_.scratch), facts, descriptor_);
    if (!is_called(own_name())) rename();
    return true;
  }

  void doubt() {
    descriptor_.flags |= kNameGuessed;
    if (s_.opened) {
      descriptor_.type = S_ISDIR(s_.opened->mode) ? FdType::Directory : FdType::File;
      descriptor_.dev = s_.opened->dev;
      descriptor_.ino = s_.opened->ino;
    }
    if (!own_name().starts_with('/') || (s_.event.flags & kTruncated) != 0) {
      s_.doubt = Doubt::ChangedTooOften;  // of a path that is not known whole nothing can be untrue
    } else if (!is_of_proc()) {
      const bool is_explained = books_.real_paths.have_changed_since(s_.event.call.enter_ns) || have_others_changed_names();
      s_.doubt = !is_explained ? Doubt::Untrue : is_rare() ? Doubt::NamesChanged : Doubt::ChangedTooOften;
    } else if (!is_of_other_pids()) {
      doubt_of_proc();
    }
  }

  // Somebody who is not watched, or who made the call by a way that no record tells of: that must not fall
  // back on who opened the path.
  bool have_others_changed_names() {
    return own_name().starts_with('/') && books_.truth.names_changed_since(thread_.tid, own_name(), s_.event.call.enter_ns);
  }

  // A process's files in /proc are gone when it has ended, and the kernel gives them new inodes whenever it
  // has forgotten them, so theirs say nothing: what is left to go by is the mode, which is fixed for each
  // name. What anybody may read is believed where the path leads nowhere now, or to a file of the same mode.
  // Inodes from PROC_DYNAMIC_FIRST on stay (fs/proc/generic.c): they belong to no process.
  void doubt_of_proc() {
    constexpr uint64_t kProcDynamicFirst = 0xF0000000;
    constexpr uint32_t kAnybodyReads = S_IRUSR | S_IRGRP | S_IROTH;
    const std::optional<FileFacts>& now = found(own_name()).facts;
    const bool may_be_it = !now || (now->dev == s_.opened->dev && now->mode == s_.opened->mode);
    const bool is_public = only_reads_ && s_.opened->ino < kProcDynamicFirst && (s_.opened->mode & kAnybodyReads) == kAnybodyReads;
    if (may_be_it && is_public) return;
    s_.doubt = is_rare() ? Doubt::NamesChanged : may_be_it ? Doubt::ChangedTooOften : Doubt::Untrue;
  }

  // Numbers below /proc mean something else in another pid namespace.
  bool is_of_other_pids() { return (thread_.process->nested_pids || books_.truth.has_other_numbers()) && is_of_proc(); }

  // As often as names change under an honest program.
  bool is_rare() {
    constexpr uint64_t kWhileNs = 60'000'000'000;
    constexpr uint32_t kRareMax = 3;
    Process& process = *thread_.process;
    const uint64_t now = s_.event.call.exit_ns;
    if (now - process.doubted_ns > kWhileNs) process.doubts = 0, process.doubted_ns = now;
    return ++process.doubts <= kRareMax;
  }

  // By its name, or by a link that leads there (/etc/mtab).
  bool is_of_proc() {
    if (!s_.opened) return false;
    const std::optional<FileFacts> proc = books_.truth.facts(thread_.tid, "root/proc");
    if (!proc || proc->dev != s_.opened->dev) return false;
    if (own_name().starts_with("/proc/")) return true;
    const std::optional<FileFacts>& now = found(own_name()).facts;
    return now && now->dev == proc->dev;
  }

  State::Books& books_;
  Thread& thread_;
  Sighting& s_;
  Descriptor& descriptor_;
  bool follows_;
  bool is_nameless_;
  bool only_reads_;
};

}  // namespace

void name_opened_file(State::Books& books, Thread& thread, Sighting& s, int64_t open_flags, Descriptor& descriptor) {
  OpenedFile file(books, thread, s, open_flags, descriptor);
  s.stands_still ? file.name_live() : file.name_late();
}

}  // namespace vedette
