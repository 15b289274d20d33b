// SPDX-License-Identifier: Apache-2.0
// Renaming and removing folders that tasks stand in or have open (folders.h). Most names that are renamed are
// none, so a call costs two look-ups in our books. The kernel is asked only where a link, or a `..` behind
// one, may have led to such a folder: where the name's parent is, which stays where it is for the most part.
// Both are found at the entry, by the directories that the call begins in.
#include <fcntl.h>
#include <linux/fs.h>

#include "capture/state/effects.h"
#include "capture/state/path.h"

namespace vedette::effects {

namespace {

struct Argument {
  int32_t dirfd;
  std::string_view path;  // as passed
};

Argument path_of(const Event& event, unsigned slot) { return {AT_FDCWD, event.has(slot) ? event.text(slot) : std::string_view()}; }

Argument path_of(const Event& event, unsigned dirfd, unsigned slot) {
  return {static_cast<int32_t>(event.integer(dirfd)), event.has(slot) ? event.text(slot) : std::string_view()};
}

class FolderName {
 public:
  FolderName(State::Books& books, Thread& thread, const Argument& argument) : books_(books), thread_(thread), raw_(argument.path) {
    // Where tasks have several views of the tree, a path says nothing of who stands there.
    if (books.real_paths.is_divided()) return;
    while (raw_.size() > 1 && raw_.ends_with('/')) raw_.remove_suffix(1);
    const bool is_relative = !raw_.starts_with('/');
    from_ = is_relative ? books.real_directory(thread, argument.dirfd) : view(thread.place->root);
    is_known_ = !raw_.empty() && (!is_relative || from_.starts_with('/'));
    if (!is_known_) return;
    // The `/` lets what is absolute begin at the program's root.
    join_path(from_.empty() ? std::string_view("/") : from_, is_relative ? raw_ : raw_.substr(1), path_);
  }

  // Of a folder that our books know, or that lies above one; else empty.
  std::string_view of_known() {
    if (!is_known_) return {};
    const bool is_plain = raw_.find("..") == raw_.npos;
    if (books_.folders.holds(path_) && is_plain) return path_;
    if (!books_.folders.may_hold_name(last_name())) return {};
    ask();
    return books_.folders.holds(path_) ? std::string_view(path_) : std::string_view();
  }
  // The kernel was asked: a link may have led elsewhere meanwhile.
  bool is_asked() const { return is_asked_; }
  // Whatever it is.
  std::string_view of_any() {
    if (is_known_) ask();
    return path_;
  }

 private:
  std::string_view last_name() const { return std::string_view(path_).substr(path_.rfind('/') + 1); }

  // Where the kernel finds the parent now.
  void ask() {
    const size_t slash = raw_.rfind('/');
    if (slash == raw_.npos) return;
    std::string parent(from_), found;
    if (!raw_.starts_with('/')) parent += '/';
    parent.append(raw_.substr(0, slash + 1));
    is_asked_ = true;
    if (!books_.truth.resolve(thread_.tid, thread_.process->pid, false, parent, true, found)) return;
    const std::string_view name = raw_.substr(slash + 1);
    if (found.starts_with('/') && name != "." && name != "..") join_path(found, name, path_);
  }

  State::Books& books_;
  Thread& thread_;
  std::string_view raw_, from_;
  bool is_known_ = false, is_asked_ = false;
  std::string path_;
};

}  // namespace

void rename_enter(State::Books& books, Thread& thread, Sighting& s) {
  static_assert(static_cast<int>(slot::renameat_::newpath) == static_cast<int>(slot::renameat2_::newpath));
  using namespace slot::renameat_;
  const Event& event = s.event;
  if (event.call.returned && event.call.result < 0) return;
  const bool is_plain = event.id == EventId::rename;
  const Argument from = is_plain ? path_of(event, slot::rename_::oldpath) : path_of(event, olddirfd, oldpath);
  const Argument to = is_plain ? path_of(event, slot::rename_::newpath) : path_of(event, newdirfd, newpath);
  FolderName former(books, thread, from), latter(books, thread, to);
  s.folder = former.of_known();
  s.new_folder = s.folder.empty() ? latter.of_known() : latter.of_any();
  if (s.folder.empty() && !s.new_folder.empty()) s.folder = former.of_any();
  s.is_folder_asked = former.is_asked();
}

void rename(State::Books& books, Thread&, Sighting& s) {
  const Event& event = s.event;
  if (event.failed() || s.folder.empty() || s.new_folder.empty()) return;
  // What is still there was not renamed: another thread has led the link elsewhere between our look and the
  // kernel's. Of a call whose thread has gone on, another folder of that name may be there by now.
  if (s.is_folder_asked && s.stands_still && books.truth.look(s.folder)) return;
  const bool swaps = event.id == EventId::renameat2 && (event.integer(slot::renameat2_::flags) & RENAME_EXCHANGE) != 0;
  swaps ? books.folders.exchange(s.folder, s.new_folder) : books.folders.move(s.folder, s.new_folder);
}

void remove_enter(State::Books& books, Thread& thread, Sighting& s) {
  const Event& event = s.event;
  if (event.call.returned && event.call.result < 0) return;
  const bool is_rmdir = event.id == EventId::rmdir;
  if (!is_rmdir && (event.integer(slot::unlinkat_::flags) & AT_REMOVEDIR) == 0) return;
  using namespace slot::unlinkat_;
  s.folder = FolderName(books, thread, is_rmdir ? path_of(event, slot::rmdir_::path) : path_of(event, dirfd, name)).of_known();
}

void remove(State::Books& books, Thread&, Sighting& s) {
  if (!s.event.failed() && !s.folder.empty()) books.folders.remove(s.folder);
}

}  // namespace vedette::effects
