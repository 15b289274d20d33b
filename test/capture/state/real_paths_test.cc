// SPDX-License-Identifier: Apache-2.0
#include "capture/state/real_paths.h"

#include <doctest/doctest.h>
#include <sched.h>

#include "test/capture/state/world.h"

using namespace vedette;

namespace {

constexpr FileFacts kFile = {.dev = 7, .ino = 42, .mode = 0100640}, kOther = {.dev = 7, .ino = 43, .mode = 0100640};

// An open as the inline tier tells of it: its descriptor may be gone. `opened`: what the stub was told of it.
Sighting& open_inline(World& w, const std::string& path, int fd, std::optional<FileFacts> opened = kFile, uint32_t tid = World::kShell) {
  return w.call_late(tid, "openat", {uint64_t(AT_FDCWD), w.memory.put_text(path)}, fd, {.opened = opened});
}

}  // namespace

TEST_CASE("an open heard of later is looked up by its path, from the working directory") {
  World w;
  w.kernel.paths["/home/user/notes"] = {"/etc/shadow", kFile};
  const Ref<Descriptor> file = open_inline(w, "notes", 3).descriptor;
  CHECK(view(file->name) == "/home/user/notes");
  CHECK(view(file->real) == "/etc/shadow");
  CHECK(file->ino == 42);
}

TEST_CASE("the second open of a path asks nothing, until a name may have changed") {
  World w;
  w.kernel.paths["/a"] = {"/one", kFile};
  open_inline(w, "/a", 3);
  const int before = w.kernel.asked;
  CHECK(view(open_inline(w, "/a", 4).descriptor->real) == "/one");
  CHECK(w.kernel.asked == before);

  w.kernel.paths["/a"] = {"/two", kFile};
  w.call(World::kShell, "unlink", {w.memory.put_text("/a")}, 0);
  CHECK(view(open_inline(w, "/a", 5).descriptor->real) == "/two");
}

TEST_CASE("files of a folder that is known take one look each, and have its real path") {
  World w;
  constexpr FileFacts kFolder = {.dev = 7, .ino = 2, .mode = 0040755};
  w.kernel.paths["/lib/"] = {"/usr/lib", kFolder};
  w.kernel.paths["/lib/a"] = {"/usr/lib/a", kFile};
  w.kernel.paths["/lib/link"] = {"/etc/b", kOther};
  w.kernel.paths["/lib/d"] = {"/etc/d", kFile};  // the folder is another one by then
  w.kernel.entries = {{"/usr/lib/b", kOther}, {"/usr/lib/c", kFile}, {"/usr/lib/d", kOther}};
  open_inline(w, "/lib/a", 3);
  CHECK(view(open_inline(w, "/lib/b", 3, kOther).descriptor->real) == "/usr/lib/b");
  const int before = w.kernel.asked;
  CHECK(view(open_inline(w, "/lib/c", 3).descriptor->real) == "/usr/lib/c");
  CHECK(w.kernel.asked == before);
  CHECK(w.kernel.looks == 2);
  CHECK(view(open_inline(w, "/lib/link", 3, kOther).descriptor->real) == "/etc/b");
  CHECK(view(open_inline(w, "/lib/d", 3).descriptor->real) == "/etc/d");

  w.kernel.paths["/lib/"] = {"/opt/lib", kFolder};
  w.kernel.paths["/lib/c"] = {"/opt/lib/c", kFile};
  w.kernel.entries["/opt/lib/b"] = kOther;
  w.call(World::kShell, "rename", {w.memory.put_text("/x"), w.memory.put_text("/y")}, 0);
  CHECK(view(open_inline(w, "/lib/c", 3).descriptor->real) == "/opt/lib/c");
  CHECK(view(open_inline(w, "/lib/b", 3, kOther).descriptor->real) == "/opt/lib/b");
}

TEST_CASE("what others may have changed is asked again after a while") {
  World w;
  w.kernel.paths["/a"] = {"/one", kFile};
  open_inline(w, "/a", 3);
  w.kernel.paths["/a"] = {"/two", kFile};
  CHECK(view(open_inline(w, "/a", 4).descriptor->real) == "/one");
  w.now += 1'000'000'000;
  CHECK(view(open_inline(w, "/a", 5).descriptor->real) == "/two");
}

TEST_CASE("what means another thing for each who asks is asked each time") {
  World w;
  w.kernel.paths["/proc/self/exe"] = {"/bin/sh", kFile};
  w.kernel.paths["/link"] = {"/proc/100/maps", kFile};
  open_inline(w, "/proc/self/exe", 3);
  for (int i = 0; i < 2; ++i) open_inline(w, "/link", 3);  // once more for its folder
  const int before = w.kernel.asked;
  open_inline(w, "/proc/self/exe", 3);
  open_inline(w, "/link", 3);
  CHECK(w.kernel.asked == before + 2);
}

TEST_CASE("a file that is gone when we hear of it has no path by the kernel, and that is said") {
  World w;
  const Sighting& s = open_inline(w, "/gone", 3);
  CHECK(view(s.descriptor->name) == "/gone");
  CHECK_FALSE(s.descriptor->real);
  CHECK(s.descriptor->ino == kFile.ino);
  CHECK(s.doubt == Doubt::Untrue);
}

TEST_CASE("a path that leads to another file than was opened is not believed") {
  World w;
  w.kernel.paths["/decoy"] = {"/decoy", kOther};
  const Sighting& s = open_inline(w, "/decoy", 3);
  CHECK_FALSE(s.descriptor->real);
  CHECK(s.doubt == Doubt::Untrue);
  CHECK(open_inline(w, "/decoy", 3, kOther).doubt == Doubt::None);
}

TEST_CASE("who opened a path is not accused where its folders have changed, whoever changed them") {
  World w;
  w.kernel.paths["/decoy"] = {"/decoy", kOther};
  w.kernel.names_changed = true;
  CHECK(open_inline(w, "/decoy", 3).doubt == Doubt::NamesChanged);
  CHECK(open_inline(w, "/gone", 3).doubt == Doubt::NamesChanged);
  w.kernel.names_changed = false;
  CHECK(open_inline(w, "/decoy", 3).doubt == Doubt::Untrue);
}

TEST_CASE("where nothing was asked behind the open, that is said") {
  World w;
  w.kernel.paths["/a"] = {"/a", kFile};
  CHECK(open_inline(w, "/a", 3, std::nullopt).doubt == Doubt::Untrue);
}

TEST_CASE("the descriptor tells the name while it has the file that was opened") {
  World w;
  w.kernel.paths["/decoy"] = {"/decoy", kOther};
  w.open_file(World::kShell, 3, "/etc/shadow");
  w.kernel.files["100/fd/3"] = kFile;
  const Sighting& s = open_inline(w, "/decoy", 3);
  CHECK(view(s.descriptor->real) == "/etc/shadow");
  CHECK(view(s.descriptor->name) == "/etc/shadow");
  CHECK(s.doubt == Doubt::None);

  w.kernel.files["100/fd/3"] = kOther;
  CHECK(open_inline(w, "/elsewhere", 3).doubt == Doubt::Untrue);
}

TEST_CASE("a path by a descriptor of one's own leads where that led at the open") {
  World w;
  w.open_file(World::kShell, 9, "/etc");
  w.open(World::kShell, "/etc", 9);
  w.kernel.paths["/proc/self/fd/9/shadow"] = {"/tmp/shadow", kOther};  // something else lies there by now
  w.kernel.paths["/etc/shadow"] = {"/etc/shadow", kFile};
  for (const char* path : {"/proc/self/fd/9/shadow", "/proc/100/fd/9/shadow", "/dev/fd/9/shadow"}) {
    const Sighting& s = open_inline(w, path, 3);
    CHECK(view(s.descriptor->real) == "/etc/shadow");
    CHECK(s.doubt == Doubt::None);
  }
  w.kernel.paths["/home/user/notes"] = {"/home/user/notes", kOther};
  CHECK(view(open_inline(w, "/proc/self/cwd/notes", 3, kOther).descriptor->real) == "/home/user/notes");
}

TEST_CASE("a file without a name that is opened anew by a descriptor of one's own is the file that this was") {
  World w;
  w.open_file(World::kShell, 9, "/tmp/gone (deleted)");
  w.kernel.files["100/fd/9"] = kFile;
  w.open(World::kShell, "/tmp/gone", 9);
  w.kernel.files.erase("100/fd/9");
  const Sighting& s = open_inline(w, "/proc/self/fd/9", 3);
  CHECK(view(s.descriptor->real) == "/tmp/gone (deleted)");
  CHECK(s.doubt == Doubt::None);
  CHECK(open_inline(w, "/proc/self/fd/9", 3, kOther).doubt == Doubt::Untrue);
  CHECK(open_inline(w, "/proc/self/fd/8", 3).doubt == Doubt::Untrue);
}

TEST_CASE("what /proc/self is to a thread is its process") {
  World w;
  w.fork(World::kShell, 101, CLONE_THREAD | CLONE_FILES | CLONE_FS | CLONE_VM);
  w.kernel.paths["/proc/self/stat"] = {"/proc/100/stat", kFile};
  CHECK(open_inline(w, "/proc/self/stat", 3, kFile, 101).doubt == Doubt::None);
  CHECK(w.kernel.asked_for_process == World::kShell);
}

TEST_CASE("a path with .. behind a link is looked up as it was passed") {
  World w;
  w.kernel.paths["/lib/../conf"] = {"/usr/conf", kFile};
  CHECK(view(open_inline(w, "/lib/../conf", 3).descriptor->real) == "/usr/conf");
  w.kernel.paths["/home/user/lib/../conf"] = {"/srv/conf", kFile};
  CHECK(view(open_inline(w, "lib/../conf", 3).descriptor->real) == "/srv/conf");
}

TEST_CASE("where names have changed since, an unknown file is no sign of deceit, three times a minute") {
  World w;
  const auto open_and_rename = [&w] {
    const uint64_t before = w.now;
    w.call(World::kShell, "unlink", {w.memory.put_text("/other")}, 0);
    const uint64_t after = std::exchange(w.now, before - 1);  // the open began sooner
    const Doubt doubt = open_inline(w, "/replaced", 3).doubt;
    w.now = after;
    return doubt;
  };
  for (int i = 0; i < 3; ++i) CHECK(open_and_rename() == Doubt::NamesChanged);
  CHECK(open_and_rename() == Doubt::ChangedTooOften);
  w.now += 61'000'000'000;
  CHECK(open_and_rename() == Doubt::NamesChanged);
}

TEST_CASE("a name may change at any time while a call that changes names is under way") {
  World w;
  w.fork(World::kShell, 101, 0);
  Sighting rename;
  Call call{.tid = 101, .nr = number_of("unlink"), .enter_ns = ++w.now};
  call.args[0] = w.memory.put_text("/other");
  REQUIRE(decode_enter(call, w.memory, w.limits, rename.event));
  w.state.before_call(rename);
  w.now += 1000;
  CHECK(open_inline(w, "/replaced", 3).doubt == Doubt::NamesChanged);
  w.state.on_thread_exit(101);
  w.now += 1000;
  CHECK(open_inline(w, "/replaced", 3).doubt == Doubt::Untrue);
}

TEST_CASE("what a path in /proc was cannot be told by its inode") {
  World w;
  constexpr FileFacts kProc = {.dev = 8, .ino = 1}, kPublic = {.dev = 8, .ino = 50, .mode = S_IFREG | 0444};
  constexpr FileFacts kPrivate = {.dev = 8, .ino = 51, .mode = S_IFREG | 0400};
  w.kernel.files["100/root/proc"] = kProc;
  SUBCASE("a process that was read of has ended since: often, and anybody may read it") {
    for (int i = 0; i < 10; ++i) CHECK(open_inline(w, "/proc/4711/stat", 3, kPublic).doubt == Doubt::None);
  }
  SUBCASE("the kernel has made the file anew") {
    w.kernel.paths["/proc/1/stat"] = {"/proc/1/stat", FileFacts{.dev = 8, .ino = 90, .mode = S_IFREG | 0444}};
    CHECK(open_inline(w, "/proc/1/stat", 3, kPublic).doubt == Doubt::None);
    for (int i = 0; i < 3; ++i) CHECK(open_inline(w, "/proc/1/stat", 3, kPrivate).doubt == Doubt::NamesChanged);
    CHECK(open_inline(w, "/proc/1/stat", 3, kPrivate).doubt == Doubt::Untrue);  // its mode is another one
  }
  SUBCASE("what not everybody may read is told of, and soon seen at its stops") {
    for (int i = 0; i < 3; ++i) CHECK(open_inline(w, "/proc/4711/environ", 3, kPrivate).doubt == Doubt::NamesChanged);
    CHECK(open_inline(w, "/proc/4711/environ", 3, kPrivate).doubt == Doubt::ChangedTooOften);
  }
  SUBCASE("a file of /proc that is no process's is told of") {
    constexpr FileFacts kStatic = {.dev = 8, .ino = 0xF0000005, .mode = S_IFREG | 0444};
    CHECK(open_inline(w, "/proc/4711/stat", 3, kStatic).doubt == Doubt::NamesChanged);
  }
  SUBCASE("a link leads there") {
    w.kernel.paths["/etc/mtab"] = {"/proc/1/mounts", FileFacts{.dev = 8, .ino = 91, .mode = S_IFREG | 0444}};
    CHECK(open_inline(w, "/etc/mtab", 3, kPublic).doubt == Doubt::None);
    CHECK(open_inline(w, "/etc/other", 3, kPublic).doubt == Doubt::Untrue);
  }
  SUBCASE("a file elsewhere is no file of /proc") {
    CHECK(open_inline(w, "/proc/4711/stat", 3, kFile).doubt == Doubt::Untrue);
  }
}

TEST_CASE("with other mounts the look starts at the task's own root") {
  World w;
  w.kernel.paths["/a"] = {"/one", kFile};
  open_inline(w, "/a", 3);
  CHECK_FALSE(w.kernel.asked_in_own_root);
  w.call(World::kShell, "unshare", {CLONE_NEWNS}, 0);
  open_inline(w, "/a", 4);
  CHECK(w.kernel.asked_in_own_root);
}
