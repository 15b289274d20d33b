// SPDX-License-Identifier: Apache-2.0
// int 0x80: numbers of <asm/unistd_32.h>, structs of 32-bit words.
#include <doctest/doctest.h>
#include <sys/socket.h>

#include "capture/decode/compat.h"
#include "test/capture/decode/decoding.h"

using namespace vedette;

namespace {

struct I386Call : OneCall {
  bool enter(uint32_t nr, std::initializer_list<uint64_t> args) { return OneCall::enter(nr, args, Abi::I386); }
};

}  // namespace

TEST_CASE("an i386 open is an open, and AT_FDCWD is negative there too") {
  I386Call c;
  REQUIRE(c.enter(5, {c.memory.put_text("/etc/shadow"), 0, 0}));
  CHECK(c.event.id == EventId::open);
  CHECK(c.event.text(slot::open_::name) == "/etc/shadow");
  c.exit(3);
  CHECK(c.event.fd == 3);
  REQUIRE(c.enter(295, {0xffffff9c, c.memory.put_text("f"), 0, 0}));
  CHECK(c.event.id == EventId::openat);
  CHECK(c.event.integer(slot::openat_::dirfd) == -100);
}

TEST_CASE("i386 pointers are of 32 bits: argv and vectors") {
  I386Call c;
  const auto low = [](uint64_t address) { return static_cast<uint32_t>(address); };
  const uint64_t argv = c.memory.put_array<uint32_t>({low(c.memory.put_text("sh")), low(c.memory.put_text("-c")), 0});
  REQUIRE(c.enter(11, {c.memory.put_text("/bin/sh"), argv, 0}));
  CHECK(c.event.text(slot::execve_::argv) == std::string_view("sh\0-c\0", 6));
  const uint64_t vector = c.memory.put_array<uint32_t>({low(c.memory.put("ab")), 2, low(c.memory.put("cd")), 2});
  REQUIRE(c.enter(146, {1, vector, 2}));
  CHECK(c.event.text(slot::writev_::data) == "abcd");
}

TEST_CASE("64-bit arguments come in halves") {
  I386Call c;
  REQUIRE(c.enter(180, {3, c.memory.put("x"), 1, 0x10, 0x2}));
  CHECK(c.event.id == EventId::pread);
  CHECK(c.event.integer(slot::pread_::pos) == 0x200000010);
  REQUIRE(c.enter(193, {c.memory.put_text("f"), 5, 1}));
  CHECK(c.event.integer(slot::truncate_::length) == 0x100000005);
  REQUIRE(c.enter(324, {3, 1, 2, 0, 4, 1}));
  CHECK(c.event.integer(slot::fallocate_::offset) == 2);
  CHECK(c.event.integer(slot::fallocate_::len) == 0x100000004);
  REQUIRE(c.enter(339, {3, 1, 0x20, 0x1, 0xffffff9c, c.memory.put_text("/watched")}));
  CHECK(c.event.integer(slot::fanotify_mark_::mask) == 0x100000020);
  CHECK(c.event.integer(slot::fanotify_mark_::dirfd) == -100);
  CHECK(c.event.text(slot::fanotify_mark_::pathname) == "/watched");
  REQUIRE(c.enter(379, {3, c.memory.put_array<uint32_t>({0, 0}), 1, 7, 0, 2}));
  CHECK(c.event.integer(slot::pwritev2_::pos) == 7);
  CHECK(c.event.integer(slot::pwritev2_::flags) == 2);
}

TEST_CASE("lseek's offset is signed, _llseek's comes high half first") {
  using namespace slot::lseek_;
  I386Call c;
  REQUIRE(c.enter(19, {3, 0xfffffff6, 1}));
  CHECK(c.event.integer(offset) == -10);
  REQUIRE(c.enter(140, {3, 1, 2, 0, 2}));
  CHECK(c.event.integer(offset) == 0x100000002);
  CHECK(c.event.integer(whence) == 2);
}

TEST_CASE("16-bit ids say none as 0xffff") {
  I386Call c;
  REQUIRE(c.enter(70, {0xffff, 0}));
  CHECK(c.event.id == EventId::setreuid);
  CHECK(c.event.integer(slot::setreuid_::ruid) == 0xffffffff);
  CHECK(c.event.integer(slot::setreuid_::euid) == 0);
}

TEST_CASE("the old mmap has its arguments in memory, mmap2 counts pages") {
  using namespace slot::mmap_;
  I386Call c;
  const uint64_t block = c.memory.put_array<uint32_t>({0x1000, 0x2000, 5, 2, 4, 0x3000});
  REQUIRE(c.enter(90, {block}));
  CHECK(c.event.integer(length) == 0x2000);
  CHECK(c.event.fd == 4);
  CHECK(c.event.integer(offset) == 0x3000);
  REQUIRE(c.enter(192, {0, 0x2000, 4, 2, 4, 3}));
  CHECK(c.event.integer(offset) == 3 * 4096);
  CHECK_FALSE(c.enter(192, {0, 0x2000, 3, 2, 4, 3}));
}

TEST_CASE("socketcall is taken apart into the call it stands for") {
  I386Call c;
  const std::string address = std::string("\2\0\0\x50\x7f\0\0\1", 8) + std::string(8, '\0');
  const uint64_t block = c.memory.put_array<uint32_t>({3, static_cast<uint32_t>(c.memory.put(address)), 16});
  REQUIRE(c.enter(102, {3, block}));
  CHECK(c.event.id == EventId::connect);
  CHECK(c.event.fd == 3);
  CHECK(c.event.text(slot::connect_::addr) == address);
  CHECK(c.event.row->name == std::string_view("connect"));
  REQUIRE(c.enter(102, {9, c.memory.put_array<uint32_t>({4, static_cast<uint32_t>(c.memory.put("hi")), 2, 0})}));
  CHECK(c.event.id == EventId::sendto);
  CHECK(c.event.text(slot::sendto_::data) == "hi");
  CHECK_FALSE(c.event.has(slot::sendto_::addr));
  CHECK_FALSE(c.enter(102, {6, block}));   // getsockname
  CHECK_FALSE(c.enter(102, {99, block}));  // nothing
}

TEST_CASE("an i386 message is read by its own layout") {
  using namespace slot::recvmsg_;
  I386Call c;
  const uint32_t text = static_cast<uint32_t>(c.memory.put("answer"));
  const uint32_t vector = static_cast<uint32_t>(c.memory.put_array<uint32_t>({text, 6}));
  const uint32_t control = static_cast<uint32_t>(c.memory.put_array<uint32_t>({16, SOL_SOCKET, SCM_RIGHTS, 77}));
  const uint64_t message = c.memory.put_array<uint32_t>({0, 0, vector, 1, control, 16, 0});
  REQUIRE(c.enter(372, {3, message, 0}));
  c.exit(6);
  CHECK(c.event.text(data) == "answer");
  CHECK(c.event.integer(size) == 6);
  int32_t fd = 0;
  REQUIRE(c.event.text(c.event.rights).size() == sizeof fd);
  std::memcpy(&fd, c.event.text(c.event.rights).data(), sizeof fd);
  CHECK(fd == 77);
}

TEST_CASE("ipc is taken apart into the call it stands for") {
  constexpr uint32_t kIpc = 117, kVersion1 = 1 << 16;
  I386Call c;
  REQUIRE(c.enter(kIpc, {2, 7, 3, 01600, 0, 0}));
  CHECK(c.event.id == EventId::semget);
  CHECK(c.event.integer(slot::semget_::key) == 7);
  CHECK(c.event.integer(slot::semget_::nsems) == 3);
  CHECK(c.event.integer(slot::semget_::semflg) == 01600);

  REQUIRE(c.enter(kIpc, {3, 7, 1, 16 | 0x100, c.memory.put_array<uint32_t>({5}), 0}));
  CHECK(c.event.id == EventId::semctl);
  CHECK(c.event.integer(slot::semctl_::cmd) == 16);
  CHECK(c.event.integer(slot::semctl_::val) == 5);

  const uint32_t message = static_cast<uint32_t>(c.memory.put(std::string("\3\0\0\0queued", 10)));
  REQUIRE(c.enter(kIpc, {11, 9, 6, 0x800, message, 0}));
  CHECK(c.event.id == EventId::msgsnd);
  CHECK(c.event.integer(slot::msgsnd_::mtype) == 3);
  CHECK(c.event.text(slot::msgsnd_::data) == "queued");
  CHECK(c.event.integer(slot::msgsnd_::msgflg) == 0x800);

  using namespace slot::msgrcv_;
  for (const bool is_old : {false, true}) {
    const uint64_t block = c.memory.put_array<uint32_t>({message, 3});
    REQUIRE(c.enter(kIpc, {is_old ? 12u : 12u | kVersion1, 9, 16, 0, is_old ? block : message, is_old ? 0u : 3u}));
    c.exit(6);
    CHECK(c.event.id == EventId::msgrcv);
    CHECK(c.event.integer(mtype) == 3);
    CHECK(c.event.integer(size) == 16);
    CHECK(c.event.text(data) == "queued");
  }

  REQUIRE(c.enter(kIpc, {21, 9, 0x4000, 0, 0x20000, 0}));
  CHECK(c.event.id == EventId::shmat);
  CHECK(c.event.integer(slot::shmat_::shmid) == 9);
  CHECK(c.event.integer(slot::shmat_::addr) == 0x20000);
  CHECK(c.event.integer(slot::shmat_::shmflg) == 0x4000);
  CHECK_FALSE(c.enter(kIpc, {1, 9, 1, 0, 0, 0}));   // semop
  CHECK_FALSE(c.enter(kIpc, {99, 9, 1, 0, 0, 0}));  // nothing
}

TEST_CASE("an i386 program's words are half as wide: times, limits, requests of aio") {
  I386Call c;
  const uint64_t minus = c.memory.put_array<uint32_t>({0xffffffff, 1'500'000'000});
  REQUIRE(c.enter(30, {c.memory.put_text("f"), minus}));
  CHECK(c.event.integer(slot::utime_::atime) == -1'000'000'000);
  CHECK(c.event.integer(slot::utime_::mtime) == 1'500'000'000'000'000'000);
  REQUIRE(c.enter(75, {7, c.memory.put_array<uint32_t>({0xfffffffe, 0xffffffff})}));
  CHECK(c.event.integer(slot::setrlimit_::cur) == 0xfffffffe);
  CHECK(c.event.integer(slot::setrlimit_::max) == -1);
  REQUIRE(c.enter(79, {c.memory.put_array<uint32_t>({5, 7}), 0}));
  CHECK(c.event.integer(slot::settimeofday_::time) == 5'000'007'000);

  const uint64_t written = c.memory.put("bytes");
  const std::vector<uint64_t> iocb = {0, 0, uint64_t{4} << 32 | 1, written, 5, 77, 0, 0};
  const uint64_t list = c.memory.put_array<uint32_t>({static_cast<uint32_t>(c.memory.put_array(iocb))});
  using namespace slot::io_submit_;
  REQUIRE(c.enter(248, {9, 1, list}));
  CHECK(c.event.fd == 4);
  CHECK(c.event.integer(opcode) == 1);
  CHECK(c.event.integer(pos) == 77);
  CHECK(c.event.text(data) == "bytes");
  CHECK(c.event.text(requests) == std::string_view("1 fd=4 size=5 pos=77\0", 21));
  REQUIRE(c.enter(248, {9, 2, list}));  // the second pointer cannot be read
  CHECK(c.has_flag(kFault));
  CHECK(c.event.text(requests) == std::string_view("1 fd=4 size=5 pos=77\0", 21));
}
