// SPDX-License-Identifier: Apache-2.0
// Real programs: copies of sleep(1), which a test executes, changes, removes or makes large.
#include "capture/agent/hasher.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
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
  Copy() {
    char folder[] = "/tmp/vedette-hash-XXXXXX";
    folder_ = ::mkdtemp(folder);
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

TEST_CASE("a process that runs is told by its file, also where the file was removed meanwhile") {
  Copy copy;
  const HashRequest request = copy.run();
  Hasher hasher;
  CHECK(hasher.look(request).digest == digest_of(copy.content));
  ::unlink(copy.path.c_str());
  CHECK(hasher.look(request).digest == digest_of(copy.content));
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
  HashRequest request = copy.run();
  request.ctime_ns = request.start_ns - 1;  // as it is on a fast machine
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

TEST_CASE("a file is not read where a program serves it, or lies on its way") {
  const std::string_view mounts =
      "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
      "36 22 0:45 / /mnt/x rw,noatime shared:7 - fuse.sshfs somebody rw\n"
      "37 22 0:46 / /mnt/disk rw - fuseblk /dev/sdb rw\n";
  CHECK(is_served_by_program(mounts, ::makedev(0, 45), ""));
  CHECK(is_served_by_program(mounts, ::makedev(0, 46), ""));
  CHECK(!is_served_by_program(mounts, ::makedev(8, 1), ""));
  CHECK(is_served_by_program(mounts, ::makedev(8, 1), "/mnt/x/deep/program"));
  CHECK(!is_served_by_program(mounts, ::makedev(8, 1), "/mnt/xy/program"));
  CHECK(is_served_by_program("36 22 0:45 / /mnt/a\\040b rw - fuse x rw\n", ::makedev(8, 1), "/bin/program"));
  CHECK(is_served_by_program("36 22 0:45 / / rw - fuse x rw", ::makedev(8, 1), "/bin/program"));
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
