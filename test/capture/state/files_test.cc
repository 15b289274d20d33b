// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <functional>

#include "test/capture/state/world.h"

using namespace vedette;

namespace {

std::string_view name_at(World& w, uint32_t tid, int fd) {
  const Ref<Descriptor> descriptor = w.at(tid, fd);
  return descriptor ? view(descriptor->name) : std::string_view("(closed)");
}

// A close of 3 by another thread that began at that time, and is told of when it is over.
Sighting& close_late(World& w, uint32_t tid, uint64_t enter_ns) {
  auto sighting = std::make_unique<Sighting>();
  Call call{.tid = tid, .nr = number_of("close"), .args = {3}, .enter_ns = enter_ns};
  call.exit_ns = ++w.now;
  call.returned = true;
  if (!decode_enter(call, w.memory, w.limits, sighting->event)) std::abort();
  w.state.before_call(*sighting, true);
  sighting->stands_still = false;
  decode_exit(call, w.memory, w.limits, sighting->event);
  w.state.after_call(*sighting);
  w.seen.push_back(std::move(sighting));
  return *w.seen.back();
}

}  // namespace

TEST_CASE("an open file has three names: as passed, joined, and the kernel's") {
  World w;
  w.open_file(100, 3, "/etc/shadow");
  w.kernel.files["100/fd/3"] = {.dev = 8, .ino = 99, .mode = S_IFREG | 0600};
  w.kernel.paths["/tmp/link"] = {"/etc/shadow", {.dev = 8, .ino = 99}};
  Sighting& s = w.open(100, "../../tmp/link", 3, O_RDONLY | O_NOFOLLOW);
  REQUIRE(s.descriptor);
  CHECK(view(s.descriptor->raw) == "../../tmp/link");
  CHECK(view(s.descriptor->name) == "/tmp/link");
  CHECK(view(s.descriptor->real) == "/etc/shadow");
  CHECK(s.descriptor->type == FdType::File);
  CHECK(s.descriptor->dev == 8);
  CHECK(s.descriptor->ino == 99);
  CHECK(s.descriptor->open_flags == O_NOFOLLOW);
  CHECK(w.at(100, 3) == s.descriptor);
}

TEST_CASE("a name that does not lead to the file that was opened gives way to the kernel's") {
  World w;
  w.open_file(100, 3, "/etc/shadow");
  w.kernel.files["100/fd/3"] = {.dev = 8, .ino = 99, .mode = S_IFREG | 0600};
  w.kernel.paths["/tmp/decoy"] = {"/tmp/decoy", {.dev = 8, .ino = 100}};
  Sighting& s = w.open(100, "/tmp/decoy", 3);
  CHECK(view(s.descriptor->raw) == "/tmp/decoy");
  CHECK(view(s.descriptor->name) == "/etc/shadow");
  CHECK(s.doubt == Doubt::None);
}

TEST_CASE("a failed open names what was asked for, and stands in no table") {
  World w;
  Sighting& s = w.open(100, "secret", -ENOENT);
  CHECK(s.event.fd == -1);
  CHECK(view(s.descriptor->name) == "/home/user/secret");
  CHECK_FALSE(w.at(100, 3));
}

TEST_CASE("a path relative to a directory descriptor is joined for the reader") {
  World w;
  w.open_file(100, 3, "/srv/data");
  w.kernel.files["100/fd/3"] = {.mode = S_IFDIR | 0755};
  w.open(100, "/srv/data", 3, O_DIRECTORY);
  CHECK(w.at(100, 3)->type == FdType::Directory);
  Sighting& s = w.open(100, "sub/../file", 4, 0, 3);
  CHECK(view(s.descriptor->name) == "/srv/data/file");
  CHECK(view(s.descriptor->raw) == "sub/../file");
  CHECK(s.event.text(slot::openat_::name) == "/srv/data/file");
  Sighting& cwd = w.open(100, "file", 5);
  CHECK(cwd.event.text(slot::openat_::name) == "file");  // the reader has the working directory
  CHECK(view(cwd.descriptor->name) == "/home/user/file");
  Sighting& absolute = w.open(100, "/abs", 6, 0, 3);
  CHECK(absolute.event.text(slot::openat_::name) == "/abs");
}

TEST_CASE("both paths of a rename are joined, each with its own directory") {
  using namespace slot::renameat_;
  World w;
  w.open_file(100, 3, "/from");
  w.open_file(100, 4, "/to");
  Sighting& s = w.call(100, "renameat", {3, w.memory.put_text("a"), 4, w.memory.put_text("b")}, 0);
  CHECK(s.event.text(oldpath) == "/from/a");
  CHECK(s.event.text(newpath) == "/to/b");
}

TEST_CASE("relative to a directory nobody knows, a path is marked as a guess") {
  World w;
  Sighting& s = w.open(100, "file", 5, 0, 77);
  CHECK((s.event.flags & kPathGuessed) != 0);
  CHECK((s.descriptor->flags & kNameGuessed) != 0);
  CHECK(view(s.descriptor->name) == "file");
}

TEST_CASE("a miss asks the kernel, once, and says so") {
  World w;
  w.open_file(100, 9, "/var/log/inherited");
  w.kernel.texts["100/fdinfo/9"] = "pos:\t0\nflags:\t02100001\n";
  const Ref<Descriptor> inherited = w.at(100, 9);
  REQUIRE(inherited);
  CHECK(view(inherited->name) == "/var/log/inherited");
  CHECK((inherited->flags & kAskedKernel) != 0);
  CHECK(inherited->open_flags == 0100001);
  const int asked = w.kernel.asked;
  CHECK(w.at(100, 9) == inherited);
  CHECK(w.kernel.asked == asked);
  w.state.on_exec(100, 100, ++w.now);  // O_CLOEXEC was in fdinfo
  w.kernel.links.erase("100/fd/9");
  CHECK_FALSE(w.at(100, 9));
}

TEST_CASE("what has no path is known by the kernel's name for it") {
  World w;
  const std::pair<const char*, FdType> kinds[] = {
      {"pipe:[123]", FdType::Pipe}, {"anon_inode:[eventfd]", FdType::Event}, {"anon_inode:[eventpoll]", FdType::Epoll},
      {"anon_inode:[timerfd]", FdType::Timer}, {"anon_inode:[signalfd]", FdType::Signal},
      {"anon_inode:inotify", FdType::Inotify}, {"anon_inode:bpf-prog", FdType::Bpf},
      {"anon_inode:[io_uring]", FdType::IoUring}, {"/memfd:x (deleted)", FdType::Memfd}, {"anon_inode:[pidfd]", FdType::Other},
  };
  int fd = 20;
  for (const auto& [link, type] : kinds) {
    CAPTURE(link);
    w.open_file(100, ++fd, link);
    REQUIRE(w.at(100, fd));
    CHECK(w.at(100, fd)->type == type);
  }
  CHECK(w.at(100, 21)->ino == 123);
}

TEST_CASE("a chain of duplicates is one description, closed one by one") {
  World w;
  w.open_file(100, 3, "/a");
  w.open(100, "/a", 3);
  CHECK(w.call(100, "dup", {3}, 4).event.fd == 4);
  w.call(100, "dup2", {4, 9}, 9);
  w.call(100, "fcntl", {9, F_DUPFD, 20}, 20);
  w.kernel.links.erase("100/fd/3");
  const Ref<Descriptor> file = w.at(100, 20);
  CHECK(view(file->name) == "/a");
  CHECK(w.at(100, 4) == file);
  w.call(100, "close", {3}, 0);
  w.call(100, "close", {9}, 0);
  CHECK_FALSE(w.at(100, 3));
  CHECK_FALSE(w.at(100, 9));
  CHECK(w.at(100, 4) == file);
  w.open(100, "/b", 3);
  CHECK(view(w.at(100, 3)->name) == "/b");
  CHECK(view(w.at(100, 4)->name) == "/a");
}

TEST_CASE("dup2 names the descriptor that takes the number, a failed one changes nothing") {
  World w;
  w.open(100, "/a", 3);
  Sighting& s = w.call(100, "dup2", {3, 0}, 0);
  CHECK(s.event.fd == 0);
  CHECK(view(s.descriptor->name) == "/a");
  CHECK(view(w.process(100)->files->find(0)->name) == "/a");
  w.call(100, "dup2", {99, 1}, -EBADF);
  CHECK(name_at(w, 100, 1) == "/dev/pts/0");
}

TEST_CASE("close-on-exec follows the number, not the description") {
  World w;
  w.open(100, "/cloexec", 3, O_CLOEXEC);
  w.open(100, "/plain", 4);
  w.call(100, "dup", {3}, 5);                                // a duplicate is not marked
  w.call(100, "dup2", {3, 3}, 3);                            // to itself: the mark stays
  w.call(100, "dup3", {4, 6, O_CLOEXEC}, 6);
  w.call(100, "fcntl", {4, F_DUPFD_CLOEXEC, 7}, 7);
  w.call(100, "fcntl", {4, F_DUPFD, 8}, 8);
  w.call(100, "fcntl", {8, F_SETFD, FD_CLOEXEC}, 0);
  w.state.on_exec(100, 100, ++w.now);
  CHECK_FALSE(w.at(100, 3));
  CHECK(name_at(w, 100, 4) == "/plain");
  CHECK(name_at(w, 100, 5) == "/cloexec");
  for (const int fd : {6, 7, 8}) CHECK_FALSE(w.at(100, fd));
}

TEST_CASE("a fork has its own numbers, CLONE_FILES the same") {
  World w;
  w.open(100, "/a", 3);
  w.fork(100, 101);
  w.fork(100, 102, CLONE_FILES);
  w.call(100, "close", {3}, 0);
  CHECK(name_at(w, 101, 3) == "/a");
  CHECK_FALSE(w.at(102, 3));
  w.open(102, "/b", 4);
  CHECK(name_at(w, 100, 4) == "/b");
  CHECK_FALSE(w.at(101, 4));
  w.call(102, "unshare", {CLONE_FILES}, 0);
  w.call(102, "close", {4}, 0);
  CHECK(name_at(w, 100, 4) == "/b");
}

TEST_CASE("exec ends the sharing of numbers") {
  World w;
  w.fork(100, 101, CLONE_FILES);
  w.state.on_exec(101, 101, ++w.now);
  w.open(101, "/b", 4);
  CHECK_FALSE(w.at(100, 4));
}

TEST_CASE("close_range closes, marks, and can unshare first") {
  World w;
  for (int fd = 3; fd < 8; ++fd) w.open(100, "/f" + std::to_string(fd), fd);
  w.call(100, "close_range", {5, 6, 0}, 0);
  CHECK_FALSE(w.at(100, 5));
  CHECK(name_at(w, 100, 7) == "/f7");
  w.fork(100, 101, CLONE_FILES);
  w.call(101, "close_range", {3, 0xffffffff, CLOSE_RANGE_UNSHARE}, 0);
  CHECK_FALSE(w.at(101, 3));
  CHECK(name_at(w, 100, 3) == "/f3");
  w.call(100, "close_range", {3, 3, CLOSE_RANGE_CLOEXEC}, 0);
  CHECK(name_at(w, 100, 3) == "/f3");
  w.state.on_exec(100, 100, ++w.now);
  CHECK_FALSE(w.at(100, 3));
  CHECK(name_at(w, 100, 4) == "/f4");
}

TEST_CASE("a close that lost a race does not close the number's next meaning") {
  World w;
  w.open(100, "/old", 3);
  Sighting& closed = w.call(100, "close", {3}, 0, [&] { w.open(100, "/new", 3); });
  CHECK(view(closed.descriptor->name) == "/old");
  CHECK(name_at(w, 100, 3) == "/new");
}

TEST_CASE("H92: a close that is told of after another thread got its number closes what it meant") {
  constexpr uint64_t kOpen = O_CLOEXEC;
  struct Way {
    const char* name;
    std::function<void(World&)> gives_3;
  };
  const Way ways[] = {
      {"openat", [](World& w) { w.open(100, "/new", 3, kOpen); }},
      {"socket", [](World& w) { w.call(100, "socket", {AF_UNIX, SOCK_STREAM, 0}, 3); }},
      {"eventfd2", [](World& w) { w.open_file(100, 3, "anon_inode:[eventfd]"), w.call(100, "eventfd2", {0, 0}, 3); }},
      {"dup", [](World& w) { w.call(100, "dup", {1}, 3); }},
      {"F_DUPFD", [](World& w) { w.call(100, "fcntl", {1, F_DUPFD, 0}, 3); }},
  };
  for (const Way& way : ways) {
    CAPTURE(way.name);
    World w;
    w.fork(100, 101, CLONE_VM | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD);
    w.open(100, "/old", 3);
    const uint64_t began = ++w.now;
    way.gives_3(w);
    const Ref<Descriptor> given = w.at(100, 3);
    REQUIRE(given);
    CHECK(view(close_late(w, 101, began).descriptor->name) == "/old");
    CHECK(w.at(100, 3) == given);
    CHECK(close_late(w, 101, ++w.now).descriptor == given);
  }
}

TEST_CASE("dup2 closes what it replaces, and a close that began before means what is there") {
  World w;
  w.open(100, "/old", 3);
  const uint64_t began = ++w.now;
  w.call(100, "dup2", {1, 3}, 3);
  CHECK(view(close_late(w, 100, began).descriptor->real) == "/dev/pts/0");
}

TEST_CASE("a close that failed otherwise than by EBADF has closed") {
  World w;
  w.open(100, "/a", 3);
  w.call(100, "close", {3}, -EINTR);
  CHECK_FALSE(w.at(100, 3));
}

TEST_CASE("a call that blocks keeps the descriptor it meant") {
  World w;
  w.open(100, "/old", 3);
  Sighting& read = w.call(100, "read", {3, 0, 0}, 0, [&] { w.call(100, "close", {3}, 0); });
  CHECK(view(read.descriptor->name) == "/old");
}

TEST_CASE("pipes come in pairs and have a number") {
  World w;
  w.open_file(100, 3, "pipe:[4242]");
  w.open_file(100, 4, "pipe:[4242]");
  Sighting& s = w.call(100, "pipe2", {w.memory.put_array<int32_t>({3, 4}), O_CLOEXEC}, 0);
  CHECK(s.event.integer(slot::pipe2_::ino) == 4242);
  CHECK(w.at(100, 3)->type == FdType::Pipe);
  CHECK(view(w.at(100, 4)->name) == "pipe:[4242]");
  CHECK(w.at(100, 4)->open_flags == O_WRONLY);
}

TEST_CASE("an inline pipe and eventfd are named by what the stub asked, without a look at /proc") {
  World w;
  const FileFacts ends{.dev = 13, .ino = 4242, .mode = S_IFIFO | 0600};
  Sighting& s = w.call_late(100, "pipe2", {w.memory.put_array<int32_t>({3, 4}), O_CLOEXEC}, 0, {.opened = ends, .opened_second = ends});
  CHECK(s.event.integer(slot::pipe2_::ino) == 4242);
  for (const int fd : {3, 4}) {
    REQUIRE(w.at(100, fd));
    CHECK(w.at(100, fd)->type == FdType::Pipe);
    CHECK(view(w.at(100, fd)->name) == "pipe:[4242]");
    CHECK(w.at(100, fd)->dev == 13);
  }
  CHECK(w.at(100, 4)->open_flags == O_WRONLY);
  w.call_late(100, "eventfd2", {0, O_CLOEXEC | O_NONBLOCK}, 5, {.opened = FileFacts{.dev = 14, .ino = 9, .mode = 0600}});
  REQUIRE(w.at(100, 5));
  CHECK(w.at(100, 5)->type == FdType::Event);
  CHECK(view(w.at(100, 5)->name) == "anon_inode:[eventfd]");
  CHECK(w.at(100, 5)->ino == 9);
  CHECK(w.at(100, 5)->open_flags == (O_RDWR | O_NONBLOCK));
}

TEST_CASE("who writes another number into a pair's record changes nothing of what that number means") {
  const FileFacts pipe{.dev = 13, .ino = 4242, .mode = S_IFIFO | 0600}, file{.dev = 1, .ino = 7, .mode = S_IFREG | 0600};
  const FileFacts socket{.dev = 8, .ino = 99, .mode = S_IFSOCK | 0777};
  const struct {
    const char* call;
    FileFacts right;
  } pairs[] = {{"pipe2", pipe}, {"socketpair", socket}};
  for (const auto& one : pairs) {
    CAPTURE(one.call);
    for (const std::optional<FileFacts>& other : {std::optional<FileFacts>(file), std::optional<FileFacts>()}) {
      World w;
      w.open_file(100, 3, "/etc/shadow");
      w.open(100, "/etc/shadow", 3);
      const uint64_t numbers = w.memory.put_array<int32_t>({3, 4});
      const bool is_pipe = one.call == std::string_view("pipe2");
      const Answers answers{.opened = other, .opened_second = one.right};
      if (is_pipe) w.call_late(100, "pipe2", {numbers, 0}, 0, answers);
      if (!is_pipe) w.call_late(100, "socketpair", {AF_UNIX, SOCK_STREAM, 0, numbers}, 0, answers);
      CHECK(name_at(w, 100, 3) == "/etc/shadow");
      CHECK(w.at(100, 4)->type == (is_pipe ? FdType::Pipe : FdType::Unix));
    }
  }
}

TEST_CASE("a memfd is named as it was made, and is a memfd") {
  World w;
  w.open_file(100, 3, "/memfd:payload (deleted)");
  Sighting& s = w.call(100, "memfd_create", {w.memory.put_text("payload"), 1}, 3);
  REQUIRE(s.descriptor);
  CHECK(s.descriptor->type == FdType::Memfd);
  CHECK(view(s.descriptor->name) == "payload");
  CHECK(view(s.descriptor->real) == "/memfd:payload (deleted)");
  CHECK((s.descriptor->flags & (kDeleted | kAskedKernel)) == 0);
  w.state.on_exec(100, 100, ++w.now);
  w.kernel.links.erase("100/fd/3");
  CHECK_FALSE(w.at(100, 3));
}

TEST_CASE("where setns and pivot_root put a task is asked at once, and where pivot_root put others at their exec") {
  World w;
  w.state.let_move_unseen(false);
  w.fork(100, 101);
  w.kernel.links["101/cwd"] = "/old";
  for (const std::string_view name : {"setns", "pivot_root"}) {
    w.kernel.links["100/cwd"] = "/";
    w.call(100, name, {0, 0}, 0);
    CHECK(w.call(100, "unlink", {w.memory.put_text("etc/passwd")}, 0).path == "/etc/passwd");
    w.kernel.links["100/cwd"] = "/home/user";
    w.call(100, "chdir", {w.memory.put_text("/home/user")}, 0);
  }
  w.state.on_exec(101, 101, ++w.now);
  CHECK(w.call(101, "unlink", {w.memory.put_text("file")}, 0).path == "/old/file");
}

TEST_CASE("a directory that could not be read is asked for again at the exec, and no other") {
  World w;
  w.state.let_move_unseen(false);
  w.kernel.links.erase("100/cwd");  // not dumpable, and we have no SYS_PTRACE
  w.call(100, "chdir", {w.memory.put_text("/tmp/link/..")}, 0);
  w.kernel.links["100/cwd"] = "/etc";
  w.state.on_exec(100, 100, ++w.now);
  CHECK(w.call(100, "unlink", {w.memory.put_text("passwd")}, 0).path == "/etc/passwd");
  w.kernel.links["100/cwd"] = "/elsewhere";
  w.state.on_exec(100, 100, ++w.now);
  CHECK(w.call(100, "unlink", {w.memory.put_text("passwd")}, 0).path == "/etc/passwd");
}

TEST_CASE("chdir and fchdir move relative paths; threads share the directory, forks copy it") {
  World w;
  w.fork(100, 101, CLONE_THREAD | CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_SIGHAND);
  w.fork(100, 102);
  w.kernel.links["100/cwd"] = "/srv/real";
  w.call(100, "chdir", {w.memory.put_text("/srv/link")}, 0);
  CHECK(view(w.open(101, "f", 5).descriptor->name) == "/srv/real/f");
  CHECK(view(w.open(102, "f", 5).descriptor->name) == "/home/user/f");
  w.kernel.links.erase("102/cwd");
  w.call(102, "chdir", {w.memory.put_text("sub")}, 0);  // without the kernel's word: joined
  CHECK(view(w.open(102, "f", 6).descriptor->name) == "/home/user/sub/f");
  w.open_file(102, 7, "/opened");
  w.open(102, "/opened", 7, O_DIRECTORY);
  w.call(102, "fchdir", {7}, 0);
  CHECK(view(w.open(102, "f", 8).descriptor->name) == "/opened/f");
  w.call(102, "chdir", {w.memory.put_text("/nowhere")}, -ENOENT);
  CHECK(view(w.process(102)->place->cwd()) == "/opened");
}

TEST_CASE("a thread with a directory of its own has its paths joined for the reader") {
  World w;
  w.fork(100, 101, CLONE_THREAD | CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_SIGHAND);
  w.call(101, "unshare", {CLONE_FS}, 0);
  w.kernel.links["101/cwd"] = "/thread";
  w.call(101, "chdir", {w.memory.put_text("/thread")}, 0);
  Sighting& s = w.call(101, "unlink", {w.memory.put_text("f")}, 0);
  CHECK(s.event.text(slot::unlink_::path) == "/thread/f");
  CHECK(view(w.process(100)->place->cwd()) == "/home/user");
}

TEST_CASE("what begins in a folder whose path is too long to be known is told by the kernel's word, or as it was passed") {
  World w;
  const std::string name(200, 'd');
  w.kernel.links.erase("100/cwd");
  for (int i = 0; i < 25; ++i) w.call(100, "chdir", {w.memory.put_text(name.c_str())}, 0);
  CHECK(w.process(100)->place->cwd() == nullptr);
  Sighting& guessed = w.call(100, "unlink", {w.memory.put_text("../../victim")}, 0);
  CHECK(guessed.event.text(slot::unlink_::path) == "../../victim");
  CHECK((guessed.event.flags & kPathGuessed) != 0);
  w.kernel.paths["/proc/100/cwd/../../"] = {"/tmp/top", {}};
  Sighting& known = w.call(100, "unlink", {w.memory.put_text("../../victim")}, 0);
  CHECK(known.event.text(slot::unlink_::path) == "/tmp/top/victim");
  CHECK((known.event.flags & kPathGuessed) == 0);
  w.call(100, "chdir", {w.memory.put_text("/")}, 0);
  CHECK(view(w.process(100)->place->cwd()) == "/");
}

TEST_CASE("chroot is told") {
  World w;
  w.kernel.links["100/root"] = "/jail";
  w.call(100, "chroot", {w.memory.put_text("/jail")}, 0);
  CHECK(view(w.process(100)->place->root) == "/jail");
}

TEST_CASE("a deleted file is marked") {
  World w;
  w.open_file(100, 3, "/tmp/x (deleted)");
  CHECK((w.open(100, "/tmp/x", 3).descriptor->flags & kDeleted) != 0);
}

TEST_CASE("an inline record's open does not ask about the descriptor, which may be another by now") {
  World w;
  Sighting s;
  const Call call{.tid = 100, .nr = number_of("open"), .args = {w.memory.put_text("/a"), 0, 0}, .result = 3, .returned = true};
  REQUIRE(decode_enter(call, w.memory, w.limits, s.event));
  s.event.flags |= static_cast<uint16_t>(Tier::Inline);
  w.state.before_call(s);
  s.stands_still = false;
  s.opened = FileFacts{.dev = 7, .ino = 1};
  w.open_file(100, 3, "/another");
  decode_exit(call, w.memory, w.limits, s.event);
  w.state.after_call(s);
  CHECK(view(s.descriptor->name) == "/a");
  CHECK_FALSE(s.descriptor->real);
}

TEST_CASE("what the kernel alone can describe is asked for when it is made") {
  World w;
  w.open_file(100, 3, "anon_inode:[eventfd]");
  Sighting& s = w.call(100, "eventfd2", {0, 0}, 3);
  REQUIRE(s.descriptor);
  CHECK(s.descriptor->type == FdType::Event);
  CHECK((s.descriptor->flags & kAskedKernel) == 0);
}
