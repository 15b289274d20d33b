// SPDX-License-Identifier: Apache-2.0
// Folders that tasks stand in or have open, and that are renamed or removed.
#include "capture/state/folders.h"

#include <doctest/doctest.h>
#include <linux/fs.h>

#include "test/capture/state/world.h"

using namespace vedette;

namespace {

Ref<Text> text(std::string_view value) { return make_ref<Text>(value); }

constexpr uint64_t kHere = uint64_t(AT_FDCWD);
constexpr FileFacts kFolderFacts = {.dev = 7, .ino = 42, .mode = 0040755};

std::string told(World& w, uint32_t tid, uint64_t dirfd) {
  return std::string(w.call(tid, "unlinkat", {dirfd, w.memory.put_text("f"), 0}, 0).path);
}

void rename(World& w, const std::string& from, const std::string& to, int64_t result = 0) {
  w.call(World::kShell, "rename", {w.memory.put_text(from), w.memory.put_text(to)}, result);
}

}  // namespace

TEST_CASE("a folder that is renamed takes all below it along, and nothing beside it") {
  Folders folders;
  const Ref<Folder> here = folders.at("", text("/a")), below = folders.at("", text("/a/b/c"));
  const Ref<Folder> beside = folders.at("", text("/a-b")), longer = folders.at("", text("/ab"));
  folders.move("/a", "/new/name");
  CHECK(view(here->name) == "/new/name");
  CHECK(view(below->name) == "/new/name/b/c");
  CHECK(view(beside->name) == "/a-b");
  CHECK(view(longer->name) == "/ab");
  CHECK(folders.holds("/new"));
  CHECK_FALSE(folders.holds("/a"));
  CHECK_FALSE(folders.may_hold_name("a"));
}

TEST_CASE("a folder in another root is told from there") {
  Folders folders;
  const Ref<Folder> inside = folders.at("/jail", text("/srv")), top = folders.at("/jail", text("/"));
  CHECK(view(inside->path) == "/jail/srv");
  CHECK(view(top->path) == "/jail");
  CHECK(folders.at("", text("/jail")) != top);
  folders.move("/jail/srv", "/jail/new");
  CHECK(view(inside->name) == "/new");
  folders.move("/jail", "/elsewhere/prison");
  CHECK(view(inside->name) == "/new");
  CHECK(view(inside->path) == "/elsewhere/prison/new");
}

TEST_CASE("a folder that was removed or replaced keeps its name, and is not the next one of that name") {
  Folders folders;
  const Ref<Folder> removed = folders.at("", text("/a")), replaced = folders.at("", text("/b"));
  folders.remove("/a");
  const Ref<Folder> next = folders.at("", text("/a"));
  CHECK(next != removed);
  folders.move("/a", "/b");
  CHECK(view(next->name) == "/b");
  folders.move("/b", "/c");
  CHECK(view(next->name) == "/c");
  CHECK(view(removed->name) == "/a");
  CHECK(view(replaced->name) == "/b");
}

TEST_CASE("two folders may change places") {
  Folders folders;
  const Ref<Folder> one = folders.at("", text("/a/x")), other = folders.at("", text("/b"));
  folders.exchange("/a", "/b");
  CHECK(view(one->name) == "/b/x");
  CHECK(view(other->name) == "/a");
}

TEST_CASE("folders that nobody stands in any more are let go") {
  Folders folders;
  for (int i = 0; i < 10'000; ++i) (void)folders.at("", text("/tmp/" + std::to_string(i)));
  CHECK(folders.size() <= 64);
}

TEST_CASE("what is told relative to a renamed folder begins at its new name, for all who stand in it") {
  World w;
  w.fork(World::kShell, 101);
  w.kernel.files["100/fd/5"] = kFolderFacts;
  w.open_file(World::kShell, 5, "/home/user/open");
  w.open(World::kShell, "open", 5, O_DIRECTORY);
  rename(w, "/home/user", "/home/gone", -EACCES);
  CHECK(told(w, 101, kHere) == "/home/user/f");
  rename(w, "../user", "/home/other");
  CHECK(told(w, 101, kHere) == "/home/other/f");
  CHECK(told(w, World::kShell, kHere) == "/home/other/f");
  CHECK(told(w, World::kShell, 5) == "/home/other/open/f");
  rename(w, "open", "shut");
  CHECK(told(w, World::kShell, 5) == "/home/other/shut/f");
  CHECK(view(w.process(101)->place->cwd()) == "/home/other");
}

TEST_CASE("a folder is followed through a link, too") {
  World w;
  w.kernel.paths["/home/user/l/../"] = {"/srv", kFolderFacts};
  rename(w, "l/../user", "/home/new");  // another one, by where `l` leads
  CHECK(told(w, World::kShell, kHere) == "/home/user/f");
  w.kernel.paths["/link/"] = {"/home", kFolderFacts};
  rename(w, "/link/user", "/link/other");
  CHECK(told(w, World::kShell, kHere) == "/home/other/f");
}

TEST_CASE("a working directory that was removed is not the next one of its name") {
  World w;
  w.call(World::kShell, "rmdir", {w.memory.put_text("/home/user")}, 0);
  rename(w, "/home/user", "/home/other");
  CHECK(told(w, World::kShell, kHere) == "/home/user/f");
}

TEST_CASE("renameat2 exchanges two folders") {
  World w;
  w.call(World::kShell, "renameat2", {kHere, w.memory.put_text("/home/user"), kHere, w.memory.put_text("/srv"), RENAME_EXCHANGE}, 0);
  CHECK(told(w, World::kShell, kHere) == "/srv/f");
}
