// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/prctl.h>

#include "test/capture/decode/decoding.h"

using namespace vedette;

TEST_CASE("an openat keeps its path, flags and mode, and its result is the descriptor") {
  using namespace slot::openat_;
  OneCall c;
  REQUIRE(c.enter("openat", {uint64_t(AT_FDCWD), c.memory.put_text("/etc/passwd"), O_WRONLY | O_CREAT, 0100644}));
  CHECK(c.event.id == EventId::openat);
  CHECK(c.event.text(name) == "/etc/passwd");
  CHECK(c.event.integer(dirfd) == AT_FDCWD);
  CHECK(c.event.integer(flags) == (O_WRONLY | O_CREAT));
  CHECK(c.event.integer(mode) == 0644);
  c.exit(5);
  CHECK(c.event.fd == 5);
  CHECK(c.event.call.result == 5);
  CHECK(c.event.call.exit_ns == 250);
}

TEST_CASE("a failed open has no descriptor, and a mode only counts when a file may be made") {
  OneCall c;
  REQUIRE(c.enter("open", {c.memory.put_text("x"), O_RDONLY, 0x7fff1234}));
  CHECK(c.event.integer(slot::open_::mode) == 0);
  c.exit(-ENOENT);
  CHECK(c.event.fd == -1);
  CHECK(c.event.failed());
}

TEST_CASE("O_TMPFILE makes a file, O_DIRECTORY alone does not") {
  OneCall c;
  const uint64_t path = c.memory.put_text("/tmp");
  REQUIRE(c.enter("open", {path, O_TMPFILE | O_RDWR, 0600}));
  CHECK(c.event.integer(slot::open_::mode) == 0600);
  REQUIRE(c.enter("open", {path, O_DIRECTORY, 0600}));
  CHECK(c.event.integer(slot::open_::mode) == 0);
}

TEST_CASE("a path that ends right before an unmapped page is read whole") {
  OneCall c;
  const std::string path = "/" + std::string(300, 'p');
  REQUIRE(c.enter("unlink", {c.memory.put_before_fault(path + '\0')}));
  CHECK(c.event.text(slot::unlink_::path) == path);
  CHECK_FALSE(c.has_flag(kFault));
}

TEST_CASE("a path that runs into unmapped memory has no value and marks a fault") {
  OneCall c;
  REQUIRE(c.enter("unlink", {c.memory.put_before_fault("/never/ends")}));
  CHECK_FALSE(c.event.has(slot::unlink_::path));
  CHECK(c.has_flag(kFault));
  REQUIRE(c.enter("unlink", {ArrayMemory::kNowhere}));
  CHECK_FALSE(c.event.has(slot::unlink_::path));
  CHECK(c.has_flag(kFault));
}

TEST_CASE("a NULL path is no fault: newfstatat and utimensat allow it") {
  OneCall c;
  REQUIRE(c.enter("newfstatat", {3, 0, 0, AT_EMPTY_PATH}));
  CHECK_FALSE(c.event.has(slot::newfstatat_::path));
  CHECK_FALSE(c.has_flag(kFault));
  REQUIRE(c.enter("utimensat", {3, 0, 0, 0}));
  CHECK_FALSE(c.event.has(slot::utimensat_::path));
  CHECK_FALSE(c.event.has(slot::utimensat_::atime));
  CHECK_FALSE(c.has_flag(kFault));
}

TEST_CASE("an empty path is a value") {
  OneCall c;
  REQUIRE(c.enter("unlink", {c.memory.put_text("")}));
  CHECK(c.event.has(slot::unlink_::path));
  CHECK(c.event.text(slot::unlink_::path) == "");
}

TEST_CASE("a path longer than the limit is cut and marked") {
  OneCall c;
  REQUIRE(c.enter("unlink", {c.memory.put_text(std::string(5000, 'a'))}));
  CHECK(c.event.text(slot::unlink_::path).size() == 4096);
  CHECK(c.has_flag(kTruncated));
  REQUIRE(c.enter("unlink", {c.memory.put_text(std::string(4096, 'a'))}));
  CHECK(c.event.text(slot::unlink_::path).size() == 4096);
  CHECK_FALSE(c.has_flag(kTruncated));
}

TEST_CASE("two paths of one call stand side by side") {
  using namespace slot::renameat2_;
  OneCall c;
  REQUIRE(c.enter("renameat2", {3, c.memory.put_text("old"), 4, c.memory.put_text("new"), 1}));
  CHECK(c.event.integer(olddirfd) == 3);
  CHECK(c.event.text(oldpath) == "old");
  CHECK(c.event.integer(newdirfd) == 4);
  CHECK(c.event.text(newpath) == "new");
  CHECK(c.event.integer(flags) == 1);
}

TEST_CASE("argv is its strings, each ended by NUL") {
  OneCall c;
  const uint64_t argv = c.memory.put_array<uint64_t>({c.memory.put_text("sh"), c.memory.put_text("-c"), c.memory.put_text(""), 0});
  REQUIRE(c.enter("execve", {c.memory.put_text("/bin/sh"), argv, 0}));
  CHECK(c.event.text(slot::execve_::filename) == "/bin/sh");
  CHECK(c.event.text(slot::execve_::argv) == std::string_view("sh\0-c\0\0", 7));
  CHECK(c.event.row->is(kNoReturn));
}

TEST_CASE("argv of hundreds of strings is cut at the limit") {
  OneCall c;
  c.limits.argv_max = 4096;
  std::vector<uint64_t> pointers;
  for (int i = 0; i < 500; ++i) pointers.push_back(c.memory.put_text("argument" + std::to_string(i)));
  pointers.push_back(0);
  REQUIRE(c.enter("execve", {c.memory.put_text("x"), c.memory.put_array(pointers), 0}));
  const std::string_view argv = c.event.text(slot::execve_::argv);
  CHECK(argv.size() <= c.limits.argv_max);
  CHECK(argv.size() > c.limits.argv_max - 16);
  CHECK(argv.back() == '\0');
  CHECK(argv.starts_with(std::string_view("argument0\0argument1\0", 20)));
  CHECK(c.has_flag(kTruncated));
}

TEST_CASE("argv with a bad pointer keeps what came before it") {
  OneCall c;
  const uint64_t argv = c.memory.put_array<uint64_t>({c.memory.put_text("a"), ArrayMemory::kNowhere, c.memory.put_text("b"), 0});
  REQUIRE(c.enter("execve", {c.memory.put_text("x"), argv, 0}));
  CHECK(c.event.text(slot::execve_::argv) == std::string_view("a\0\0", 3));
  CHECK(c.has_flag(kFault));
  REQUIRE(c.enter("execve", {c.memory.put_text("x"), ArrayMemory::kNowhere, 0}));
  CHECK(c.event.text(slot::execve_::argv) == "");
  CHECK(c.has_flag(kFault));
}

TEST_CASE("an argv that is not ended by NULL before unmapped memory is a fault, with its strings kept") {
  OneCall c;
  const uint64_t word = c.memory.put_text("one");
  const uint64_t argv = c.memory.put_before_fault({reinterpret_cast<const char*>(&word), sizeof word});
  REQUIRE(c.enter("execve", {c.memory.put_text("x"), argv, 0}));
  CHECK(c.event.text(slot::execve_::argv) == std::string_view("one\0", 4));
  CHECK(c.has_flag(kFault));
}

TEST_CASE("readlink's target has the length of the result") {
  OneCall c;
  const uint64_t buffer = c.memory.put("/usr/bin/python3garbage");
  REQUIRE(c.enter("readlink", {c.memory.put_text("/bin/python"), buffer, 23}));
  CHECK_FALSE(c.event.has(slot::readlink_::target));
  c.exit(16);
  CHECK(c.event.text(slot::readlink_::target) == "/usr/bin/python3");
  CHECK(c.event.integer(slot::readlink_::size) == 23);
}

TEST_CASE("prctl's second argument is text for PR_SET_NAME, of 15 bytes, and else a number") {
  using namespace slot::prctl_;
  OneCall c;
  REQUIRE(c.enter("prctl", {PR_SET_NAME, c.memory.put_text("a-rather-long-thread-name"), 0, 0, 0}));
  CHECK(c.event.text(arg2_str) == "a-rather-long-t");
  CHECK_FALSE(c.event.has(arg2_int));
  CHECK_FALSE(c.has_flag(kTruncated));
  REQUIRE(c.enter("prctl", {PR_SET_DUMPABLE, 1, 0, 0, 0}));
  CHECK_FALSE(c.event.has(arg2_str));
  CHECK(c.event.integer(arg2_int) == 1);
}

TEST_CASE("an argv that is not aligned, with a pointer across two pages, is read whole") {
  OneCall c;
  const uint64_t words[] = {c.memory.put_text("a"), c.memory.put_text("b"), 0};
  const std::string raw(reinterpret_cast<const char*>(words), sizeof words);
  const uint64_t argv = c.memory.put(std::string(4096 - 12, '.') + raw) + 4096 - 12;
  REQUIRE(argv % 4096 == 4096 - 12);
  REQUIRE(c.enter("execve", {c.memory.put_text("x"), argv, 0}));
  CHECK(c.event.text(slot::execve_::argv) == std::string_view("a\0b\0", 4));
  CHECK_FALSE(c.has_flag(kFault));
}
