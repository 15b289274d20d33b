// SPDX-License-Identifier: Apache-2.0
// Calls that are heard of after they were made, while names change: what the kernel told behind each is
// believed.
#include <doctest/doctest.h>
#include <sched.h>

#include "capture/state/real_paths.h"
#include "test/capture/state/world.h"

using namespace vedette;

namespace {

constexpr FileFacts kFile = {.dev = 7, .ino = 42, .mode = 0100640}, kOther = {.dev = 7, .ino = 43, .mode = 0100640};
constexpr uint32_t kShell = World::kShell;

// `link`: what the kernel called the new file, or the new working directory.
Sighting& late(World& w, std::string_view name, std::initializer_list<uint64_t> args, int64_t result, const std::string& link = "") {
  const std::optional<FileFacts> opened = name == "openat" ? std::optional<FileFacts>(kFile) : std::nullopt;
  return w.call_late(kShell, name, args, result, {.opened = opened, .link = link});
}

Sighting& open_late(World& w, const std::string& path, const std::string& link, int dirfd = AT_FDCWD) {
  return late(w, "openat", {uint64_t(int64_t{dirfd}), w.memory.put_text(path), 0, 0}, 5, link);
}

}  // namespace

TEST_CASE("while names change, an opened file has the name that the kernel told behind the open") {
  World w;
  w.state.let_names_move(true);
  w.kernel.paths["/tmp/link"] = {"/tmp/decoy", kOther};  // by now
  const Sighting& s = open_late(w, "/tmp/link", "/etc/shadow");
  CHECK(view(s.descriptor->real) == "/etc/shadow");
  CHECK(view(s.descriptor->name) == "/tmp/link");
  CHECK(s.descriptor->ino == 42);
  CHECK(s.doubt == Doubt::None);
}

TEST_CASE("a path relative to a folder that has another name by then is told by the kernel's") {
  World w;
  w.state.let_names_move(true);
  CHECK(view(open_late(w, "./notes", "/home/moved/notes").descriptor->name) == "/home/moved/notes");
  CHECK(view(open_late(w, "notes", "/home/user/notes").descriptor->name) == "/home/user/notes");
  CHECK(view(open_late(w, "link", "/etc/shadow").descriptor->name) == "/home/user/link");
  w.open_file(kShell, 3, "/srv");
  w.open(kShell, "/srv", 3, O_DIRECTORY);
  CHECK(view(open_late(w, "a", "/srv/a", 3).descriptor->name) == "/srv/a");
  CHECK(view(open_late(w, "a", "/gone/a (deleted)", 3).descriptor->name) == "/gone/a");
}

TEST_CASE("once anything may have been mounted, a program's own /proc is not asked any more") {
  for (const std::string_view name : {"mount", "umount2", "chroot", "unshare", "setns", "pivot_root", "move_mount"}) {
    World w;
    w.state.let_names_move(true);
    CHECK(w.state.names_may_move());
    w.kernel.paths["/tmp/link"] = {"/etc/shadow", kFile};
    w.call(kShell, name, {0, 0, 0, 0, 0}, -EPERM, [&w] {
      CHECK_FALSE(w.state.names_may_move());  // before the call takes effect
      CHECK(view(open_late(w, "/tmp/link", "/forged").descriptor->real) == "/etc/shadow");
    });
  }
}

TEST_CASE("the working directory is what the kernel told behind the call, not where the thread is by now") {
  World w;
  w.kernel.links["100/cwd"] = "/much/later";
  late(w, "chdir", {w.memory.put_text("link")}, 0, std::string("/srv/data\0", 10));
  CHECK(view(w.process(kShell)->place->cwd()) == "/srv/data");
  CHECK(view(open_late(w, "file", "").descriptor->name) == "/srv/data/file");
  late(w, "chdir", {w.memory.put_text("/out")}, 0, std::string("(unreachable)/out\0", 18));
  CHECK(view(w.process(kShell)->place->cwd()) == "/out");
  late(w, "chdir", {w.memory.put_text("/removed")}, 0);
  CHECK(view(w.process(kShell)->place->cwd()) == "/removed");
  late(w, "chdir", {w.memory.put_text("/refused")}, -ENOENT);
  CHECK(view(w.process(kShell)->place->cwd()) == "/removed");
}

TEST_CASE("a number that no call has proved to be open is not looked up later") {
  World w;
  w.open_file(kShell, 9, "/opened/since");
  const auto rename = [&w](int64_t result) -> Sighting& {
    return late(w, "renameat", {9, w.memory.put_text("a"), 9, w.memory.put_text("b")}, result);
  };
  using namespace slot::renameat_;
  CHECK(rename(-EBADF).event.text(newpath) == "b");
  CHECK(rename(-ENOENT).event.text(newpath) == "b");
  CHECK(rename(0).event.text(newpath) == "/opened/since/b");
  w.open_file(kShell, 10, "/opened/since");
  CHECK_FALSE(late(w, "close", {10}, -EBADF).descriptor);
}

TEST_CASE("a name that changed by a call that is heard of later ends what is remembered of paths") {
  World w;
  w.kernel.paths["/a"] = {"/one", kFile};
  CHECK(view(open_late(w, "/a", "").descriptor->real) == "/one");
  w.kernel.paths["/a"] = {"/two", kFile};
  late(w, "unlink", {w.memory.put_text("/a")}, 0);
  CHECK(view(open_late(w, "/a", "").descriptor->real) == "/two");
}
