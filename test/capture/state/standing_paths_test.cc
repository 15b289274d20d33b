// SPDX-License-Identifier: Apache-2.0
#include "capture/state/standing_paths.h"

#include <doctest/doctest.h>
#include <sched.h>

#include <set>

#include "test/capture/state/world.h"

using namespace vedette;

namespace {

constexpr FileFacts kFile = {.dev = 7, .ino = 42, .mode = 0100640}, kOther = {.dev = 7, .ino = 43, .mode = 0100640};

struct FakeNames final : NameWatch {
  std::set<std::string> watched;
  News news;
  bool can_watch = true;
  bool watch(const std::string& path) override {
    if (can_watch) watched.insert(path);
    return can_watch;
  }
  void leave(const std::string& path) override { watched.erase(path); }
  News take() override { return std::exchange(news, {}); }
};

struct FakeTable final : StandingTable {
  std::set<std::string> shown;
  bool suspended = false;
  bool show(std::string_view path) override { return shown.emplace(path).second; }
  void hide(std::string_view path) override { shown.erase(std::string(path)); }
  void suspend() override { suspended = true; }
  void resume() override { suspended = false; }
};

// Each reading takes one record.
struct StandingWorld : World {
  FakeNames names;
  FakeTable table;

  StandingWorld() {
    state.begin_standing(names, table);
    kernel.paths["/a/b"] = {"/a/b", kFile};
  }
  Sighting& open_inline(const std::string& path, std::optional<FileFacts> opened, bool is_unasked = false) {
    return call_late(kShell, "openat", {uint64_t(AT_FDCWD), memory.put_text(path)}, 3, {.opened = opened, .is_unasked = is_unasked});
  }
  Sighting& open_unasked(const std::string& path = "/a/b") { return open_inline(path, std::nullopt, true); }
  void open_often(const std::string& path = "/a/b", FileFacts file = kFile) {
    for (int i = 0; i < 20; ++i) open_inline(path, file);
  }
};

}  // namespace

TEST_CASE("a path that is opened often stands: an open of it needs no answer") {
  StandingWorld w;
  w.open_inline("/a/b", kFile);
  CHECK(w.table.shown.empty());
  w.open_often();
  CHECK(w.table.shown == std::set<std::string>{"/a/b"});
  CHECK(w.names.watched == std::set<std::string>{"/a/b"});
  const Sighting& s = w.open_unasked();
  CHECK(s.doubt == Doubt::None);
  CHECK(view(s.descriptor->real) == "/a/b");
  CHECK(s.descriptor->ino == kFile.ino);
}

TEST_CASE("an open without an answer, of a path that does not stand, is not believed") {
  StandingWorld w;
  w.open_often();
  w.kernel.paths["/a/c"] = {"/a/c", kOther};
  CHECK(w.open_unasked("/a/c").doubt == Doubt::Untrue);
  CHECK(w.open_unasked("/a/./b").doubt == Doubt::Untrue);
}

TEST_CASE("no path by a link stands, and none where the kernel does not tell of changes") {
  StandingWorld w;
  w.kernel.paths["/link"] = {"/a/b", kFile};
  w.open_often("/link");
  w.names.can_watch = false;
  w.open_often();
  CHECK(w.table.shown.empty());
}

TEST_CASE("a name that was moved by somebody who is not watched ends it, and explains the doubt") {
  StandingWorld w;
  w.open_often();
  w.names.news.changed = {"/a/b"};
  const Sighting& s = w.open_unasked();
  CHECK(s.doubt == Doubt::NamesChanged);
  CHECK(s.descriptor->ino == 0);
  CHECK(w.table.shown.empty());
  CHECK(w.names.watched.empty());
}

TEST_CASE("where the kernel could not tell of all changes, nothing stands any more") {
  StandingWorld w;
  w.open_often();
  w.names.news.has_lost = true;
  CHECK(w.open_unasked().doubt == Doubt::NamesChanged);
  CHECK(w.table.shown.empty());
}

TEST_CASE("another file that is mounted there is found after a while") {
  StandingWorld w;
  w.open_often();
  w.kernel.paths["/a/b"] = {"/a/b", kOther};
  CHECK(w.open_unasked().doubt == Doubt::None);
  w.now += 1'000'000'000;
  CHECK(w.open_unasked().doubt == Doubt::NamesChanged);
  CHECK(w.table.shown.empty());
}

TEST_CASE("while a call changes names, every open is asked about; afterwards what the kernel did not name stands on") {
  StandingWorld w;
  w.open_often();
  w.call(World::kShell, "unlink", {w.memory.put_text("/tmp/x")}, 0, [&] { CHECK(w.table.suspended); });
  CHECK_FALSE(w.table.suspended);
  CHECK(w.open_unasked().doubt == Doubt::None);
  w.call(World::kShell, "unlink", {w.memory.put_text("/a/b")}, 0, [&] { w.names.news.changed = {"/a/b"}; });
  CHECK(w.table.shown.empty());
}

TEST_CASE("a call that was to change names, and was never made, does not hold the paths up") {
  StandingWorld w;
  w.open_often();
  w.table.suspend();
  w.state.settle_names();
  CHECK_FALSE(w.table.suspended);
}

TEST_CASE("a mount ends what stood, another root everything") {
  StandingWorld w;
  w.open_often();
  w.call(World::kShell, "mount", {w.memory.put_text("x"), w.memory.put_text("/a"), w.memory.put_text("tmpfs"), 0, 0}, 0);
  CHECK(w.table.shown.empty());
  w.open_often();
  CHECK(w.table.shown.size() == 1);
  w.call(World::kShell, "chroot", {w.memory.put_text("/srv")}, 0);
  CHECK(w.table.shown.empty());
  w.open_often();
  CHECK(w.table.shown.empty());
}

TEST_CASE("a path that nobody opens any more is hidden first, and then left") {
  StandingWorld w;
  w.open_often();
  const auto open_others = [&](const char* path) {
    w.kernel.paths[path] = {path, kOther};
    w.now += 3'000'000'000;
    w.open_often(path, kOther);
  };
  open_others("/x");
  open_others("/y");
  CHECK_FALSE(w.table.shown.contains("/a/b"));
  CHECK(w.names.watched.contains("/a/b"));
  CHECK(w.open_unasked().doubt == Doubt::None);
  open_others("/z");
  CHECK(w.names.watched.contains("/a/b"));
  open_others("/zz");
  CHECK_FALSE(w.names.watched.contains("/a/b"));
}
