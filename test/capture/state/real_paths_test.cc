// SPDX-License-Identifier: Apache-2.0
#include "capture/state/real_paths.h"

#include <doctest/doctest.h>
#include <sched.h>

#include "test/capture/state/world.h"

using namespace vedette;

namespace {

// An open as the inline tier tells of it: its descriptor may be gone.
Sighting& open_inline(World& w, const std::string& path, int fd) {
  auto sighting = std::make_unique<Sighting>();
  Call call{.tid = World::kShell, .nr = number_of("openat"), .enter_ns = ++w.now};
  call.args[0] = uint64_t(AT_FDCWD);
  call.args[1] = w.memory.put_text(path);
  call.exit_ns = ++w.now;
  call.result = fd;
  call.returned = true;
  if (!decode_enter(call, w.memory, w.limits, sighting->event)) std::abort();
  sighting->event.flags |= static_cast<uint16_t>(Tier::Inline);
  w.state.before_call(*sighting);
  decode_exit(call, w.memory, w.limits, sighting->event);
  w.state.after_call(*sighting);
  w.seen.push_back(std::move(sighting));
  return *w.seen.back();
}

}  // namespace

TEST_CASE("an open heard of later is looked up by its path, from the working directory") {
  World w;
  w.kernel.paths["/home/user/notes"] = {"/etc/shadow", {.dev = 7, .ino = 42, .mode = 0100640}};
  const Ref<Descriptor> file = open_inline(w, "notes", 3).descriptor;
  CHECK(view(file->name) == "/home/user/notes");
  CHECK(view(file->real) == "/etc/shadow");
  CHECK(file->ino == 42);
}

TEST_CASE("the second open of a path asks nothing, until a name may have changed") {
  World w;
  w.kernel.paths["/a"] = {"/one", {}};
  open_inline(w, "/a", 3);
  const int before = w.kernel.asked;
  CHECK(view(open_inline(w, "/a", 4).descriptor->real) == "/one");
  CHECK(w.kernel.asked == before);

  w.kernel.paths["/a"] = {"/two", {}};
  w.call(World::kShell, "unlink", {w.memory.put_text("/a")}, 0);
  CHECK(view(open_inline(w, "/a", 5).descriptor->real) == "/two");
}

TEST_CASE("what others may have changed is asked again after a while") {
  World w;
  w.kernel.paths["/a"] = {"/one", {}};
  open_inline(w, "/a", 3);
  w.kernel.paths["/a"] = {"/two", {}};
  CHECK(view(open_inline(w, "/a", 4).descriptor->real) == "/one");
  w.now += 1'000'000'000;
  CHECK(view(open_inline(w, "/a", 5).descriptor->real) == "/two");
}

TEST_CASE("what means another thing for each who asks is asked each time") {
  World w;
  w.kernel.paths["/proc/self/exe"] = {"/bin/sh", {}};
  w.kernel.paths["/link"] = {"/proc/100/maps", {}};
  open_inline(w, "/proc/self/exe", 3);
  open_inline(w, "/link", 3);
  const int before = w.kernel.asked;
  open_inline(w, "/proc/self/exe", 3);
  open_inline(w, "/link", 3);
  CHECK(w.kernel.asked == before + 2);
}

TEST_CASE("a file that is gone when we hear of it has no path by the kernel") {
  World w;
  const Ref<Descriptor> file = open_inline(w, "/gone", 3).descriptor;
  CHECK(view(file->name) == "/gone");
  CHECK_FALSE(file->real);
}

TEST_CASE("with other mounts the look starts at the task's own root") {
  World w;
  w.kernel.paths["/a"] = {"/one", {}};
  open_inline(w, "/a", 3);
  CHECK_FALSE(w.kernel.asked_in_own_root);
  w.call(World::kShell, "unshare", {CLONE_NEWNS}, 0);
  open_inline(w, "/a", 4);
  CHECK(w.kernel.asked_in_own_root);
}
