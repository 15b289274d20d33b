// SPDX-License-Identifier: Apache-2.0
// Real programs: copies of sleep(1), which a test executes, changes, removes or makes large.
#include "capture/agent/hasher.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "capture/kernel/clock.h"

using namespace vedette;

namespace {

constexpr const char* kProgram = "/bin/sleep";
constexpr uint64_t kSecond = 1'000'000'000;

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Sha256::Digest digest_of(const std::string& content) {
  Sha256 hash;
  hash.add({reinterpret_cast<const uint8_t*>(content.data()), content.size()});
  return hash.done();
}

uint64_t ns(const timespec& time) { return static_cast<uint64_t>(time.tv_sec) * kSecond + static_cast<uint64_t>(time.tv_nsec); }

// A copy of a program in a folder of its own; `run` executes it.
class Copy {
 public:
  explicit Copy(const std::string& place = "/tmp") {
    folder_ = place + "/vedette-hash-XXXXXX";
    REQUIRE(::mkdtemp(folder_.data()) != nullptr);
    path = folder_ + "/program";
    content = content_of(kProgram);
    write(content);
    ::chmod(path.c_str(), 0755);
  }
  ~Copy() {
    end();
    ::unlink(path.c_str());
    ::rmdir(folder_.c_str());
  }
  void write(const std::string& bytes) const { std::ofstream(path, std::ios::binary) << bytes; }
  // What records would tell of a process that executes it now.
  HashRequest run() {
    struct stat facts;
    REQUIRE(::stat(path.c_str(), &facts) == 0);
    timespec now;
    ::clock_gettime(CLOCK_REALTIME, &now);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::execl(path.c_str(), "program", "60", nullptr);
      ::_exit(127);
    }
    HashRequest request{.id = 1, .process = Tid(pid_), .start_ns = ns(now), .dev = facts.st_dev, .ino = facts.st_ino, .ctime_ns = ns(facts.st_ctim), .path = path};
    struct stat runs;
    const std::string exe = "/proc/" + std::to_string(pid_) + "/exe";
    while (::stat(exe.c_str(), &runs) != 0 || runs.st_ino != facts.st_ino) std::this_thread::yield();
    return request;
  }
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  // So that its ctime is no mark of the moment any more.
  static void let_it_age() { std::this_thread::sleep_for(std::chrono::milliseconds(50)); }

  std::string path, content;

 private:
  std::string folder_;
  pid_t pid_ = 0;
};

}  // namespace

TEST_CASE("a process that runs is told by its file, until something changes the file's inode") {
  Copy copy;
  const HashRequest request = copy.run();
  Hasher hasher;
  CHECK(hasher.look(request).digest == digest_of(copy.content));
  ::unlink(copy.path.c_str());
  CHECK(!hasher.look(request).digest);
}

TEST_CASE("a process that has ended is told by the file at its path, as long as it is the one that was executed") {
  Copy copy;
  Copy::let_it_age();
  const HashRequest request = copy.run();
  copy.end();
  Hasher hasher;
  CHECK(hasher.look(request).digest == digest_of(copy.content));
  copy.write("another");
  CHECK(!hasher.look(request).digest);
  ::unlink(copy.path.c_str());
  CHECK(!hasher.look(request).digest);
}

TEST_CASE("a file that was written in the moment of its exec is told while its process runs, and not later") {
  Copy copy;
  const HashRequest request = copy.run();
  Hasher hasher;
  CHECK(hasher.look(request).digest == digest_of(copy.content));
  copy.end();
  CHECK(!hasher.look(request).digest);
}

TEST_CASE("neither another file at the path nor another program of the process is taken for the one that is meant") {
  Copy copy, other;
  HashRequest request = copy.run();
  const HashRequest others = other.run();
  request.process = others.process;
  request.path = other.path;
  CHECK(!Hasher().look(request).digest);
  // A pipe at its path holds nobody up.
  copy.end();
  ::unlink(copy.path.c_str());
  REQUIRE(::mkfifo(copy.path.c_str(), 0700) == 0);
  request.path = copy.path;
  request.process = Tid(1 << 30);
  CHECK(!Hasher().look(request).digest);
}

TEST_CASE("a file of 10 GiB is not read") {
  Copy copy;
  REQUIRE(::truncate(copy.path.c_str(), off_t{10} << 30) == 0);
  const HashRequest request = copy.run();
  const uint64_t before = monotonic_ns();
  const HashAnswer answer = Hasher().look(request);
  CHECK(answer.why == "it is too large");
  CHECK(monotonic_ns() - before < kSecond);
}

TEST_CASE("a file that takes too long, or is another one behind its last byte, has no digest") {
  Copy copy;
  copy.content.resize(3 << 20);
  copy.write(copy.content);
  Copy::let_it_age();
  const HashRequest request = copy.run();
  CHECK(Hasher({.ns = 0}).look(request).why == "it took too long");
  Hasher slow({.pause_ns = kSecond / 2});
  std::thread writer([&] {
    Copy::let_it_age();
    copy.end();  // nobody may write to what runs
    copy.write(std::string(3 << 20, 'x'));
  });
  CHECK(slow.look(request).why == "it changes");
  writer.join();
}

TEST_CASE("a process that executes the same file again, after a change, is not taken for the one before") {
  Copy copy;
  const HashRequest first = copy.run();
  copy.end();
  Copy::let_it_age();
  copy.write(copy.content + "another");
  Copy::let_it_age();
  HashRequest request = copy.run();
  CHECK(Hasher().look(request).digest == digest_of(copy.content + "another"));
  request.ctime_ns = first.ctime_ns;
  const HashAnswer answer = Hasher().look(request);
  CHECK(!answer.digest);
  CHECK(answer.why == "its file was changed since it was executed");
}

TEST_CASE("a process that began later, under the same number, is not the one that is meant") {
  Copy copy;
  HashRequest request = copy.run();
  request.start_ns -= kSecond / 2;
  CHECK(!Hasher().look(request).digest);
}

TEST_CASE("in memory a digest holds for the process that runs the file, and is not remembered") {
  Copy copy("/dev/shm");
  Copy::let_it_age();
  const HashRequest request = copy.run();
  Hasher hasher;
  const HashAnswer answer = hasher.look(request);
  CHECK(answer.digest == digest_of(copy.content));
  CHECK(answer.why == "for this process alone: its file may change, and its times stay");
  copy.end();
  CHECK(!hasher.look(request).digest);
}

TEST_CASE("a memfd that is changed by a mapping, which no time tells, has the digest of what it is now") {
  const std::string content = content_of(kProgram);
  const Fd file(::memfd_create("program", 0));
  REQUIRE(::write(file.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  char* const mapped = static_cast<char*>(::mmap(nullptr, content.size(), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0));
  REQUIRE(mapped != MAP_FAILED);
  mapped[content.size() - 1] = content.back();  // the first write by a mapping is told by the file's times
  Copy::let_it_age();
  timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  const pid_t pid = ::fork();
  if (pid == 0) {
    char name[] = "program", time[] = "60";
    char* const arguments[] = {name, time, nullptr};
    ::fexecve(file.get(), arguments, environ);
    ::_exit(127);
  }
  struct stat facts, runs;
  REQUIRE(::fstat(file.get(), &facts) == 0);
  const std::string exe = "/proc/" + std::to_string(pid) + "/exe";
  while (::stat(exe.c_str(), &runs) != 0 || runs.st_ino != facts.st_ino) std::this_thread::yield();
  const HashRequest request{.id = 1, .process = Tid(pid), .start_ns = ns(now), .dev = facts.st_dev, .ino = facts.st_ino, .ctime_ns = ns(facts.st_ctim), .path = "/memfd:program"};
  Hasher hasher;
  CHECK(hasher.look(request).digest == digest_of(content));
  std::string changed = content;
  changed.back() = mapped[content.size() - 1] = static_cast<char>(~content.back());
  const HashAnswer answer = hasher.look(request);
  CHECK(answer.digest == digest_of(changed));
  CHECK(!answer.why.empty());
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  ::munmap(mapped, content.size());
}

TEST_CASE("where the kernel lets others write to what runs, a digest holds for its process alone") {
  CHECK(lets_write_to_running({6, 11}));
  CHECK(lets_write_to_running({6, 12}));
  CHECK(!lets_write_to_running({6, 10}));
  CHECK(!lets_write_to_running({6, 13}));
  Copy copy;
  Copy::let_it_age();
  const HashRequest request = copy.run();
  Hasher hasher({.lets_write_to_running = true});
  const HashAnswer answer = hasher.look(request);
  CHECK(answer.digest == digest_of(copy.content));
  CHECK(!answer.why.empty());
  copy.end();
  CHECK(!hasher.look(request).digest);
}

TEST_CASE("a question that is refused has an answer") {
  Hasher hasher;
  hasher.refuse(7, "the question does not read");
  const std::vector<HashAnswer> answers = hasher.take_answers();
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].id == 7);
  CHECK(!answers[0].digest);
  CHECK(answers[0].why == "the question does not read");
}

// What each sees who may mount: an overlay at a folder, and the same one as our root.
TEST_CASE("an overlay is read where it is our own root, and no other one") {
  enum { Expected = 0, Other = 1, MayNot = 2 };
  for (const bool is_root : {false, true}) {
    CAPTURE(is_root);
    const pid_t pid = ::fork();
    if (pid == 0) {
      const auto ends = [](bool good, int otherwise) { if (!good) ::_exit(otherwise); };
      ends(::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, MayNot);
      ends(::mount("layers", "/mnt", "tmpfs", 0, nullptr) == 0, MayNot);
      for (const char* const folder : {"/mnt/upper", "/mnt/work", "/mnt/all"}) ends(::mkdir(folder, 0755) == 0, MayNot);
      ends(::mount("overlay", "/mnt/all", "overlay", 0, "lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work") == 0, MayNot);
      ends(::mount("proc", "/mnt/all/proc", "proc", 0, nullptr) == 0, MayNot);
      if (is_root) ends(::chroot("/mnt/all") == 0 && ::chdir("/") == 0, MayNot);
      Copy copy(is_root ? "/var/tmp" : "/mnt/all/var/tmp");
      Copy::let_it_age();
      const HashRequest request = copy.run();
      Hasher hasher;
      const HashAnswer running = hasher.look(request);
      copy.end();
      const HashAnswer ended = hasher.look(request);
      const auto is_right = [&](const HashAnswer& answer) {
        return is_root ? answer.digest == digest_of(copy.content) : answer.why == "its file system may be served by a program, or over a network";
      };
      ends(is_right(running) && is_right(ended), Other);
      ::_exit(Expected);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    REQUIRE(WIFEXITED(status));
    if (WEXITSTATUS(status) == MayNot) MESSAGE("who may not mount sees no overlay of his own");
    else CHECK(WEXITSTATUS(status) == Expected);
  }
}

TEST_CASE("the thread answers whom it was asked by, and nobody who came later") {
  Copy copy;
  HashRequest request = copy.run();
  Hasher hasher;
  request.id = 41;
  hasher.ask(request);
  std::vector<HashAnswer> answers;
  while ((answers = hasher.take_answers()).empty()) std::this_thread::yield();
  CHECK(answers[0].id == 41);
  CHECK(answers[0].digest == digest_of(copy.content));
  for (int i = 0; i < 200; ++i) hasher.ask(request);
  hasher.greet();
  request.id = 42;
  hasher.ask(request);
  while ((answers = hasher.take_answers()).empty()) std::this_thread::yield();
  CHECK(answers.size() == 1);
  CHECK(answers[0].id == 42);
}
