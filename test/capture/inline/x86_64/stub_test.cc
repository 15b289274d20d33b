// SPDX-License-Identifier: Apache-2.0
// The stub, the gates and the ring without any tracer: this test attaches the agent's page to itself, patches
// a syscall of its own, and reads back what the stub recorded. What the kernel did is the oracle.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "capture/inline/standing_table.h"
#include "test/capture/inline/x86_64/attached_agent.h"

using namespace vedette;

namespace {

void check_writes(uint32_t snaplen) {
  Agent agent(Ring::kSmall, snaplen);
  const int fd = open("/dev/null", O_WRONLY);
  for (const size_t size : {0u, 1u, 2u, 3u, 4u, 5u, 7u, 8u, 9u, 15u, 16u, 79u, 80u, 81u, 4096u}) {
    std::string text(size, 'x');
    for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 23);
    CHECK(call(SYS_write, fd, address(text.data()), static_cast<long>(size), 4, 5, 6) == static_cast<long>(size));
    const RingRecord& record = agent.take();
    CHECK(record.nr == SYS_write);
    CHECK(record.result == static_cast<int64_t>(size));
    CHECK(record.args[0] == static_cast<uint64_t>(fd));
    CHECK(record.args[2] == size);
    CHECK(record.args[3] == 4);
    CHECK(record.args[5] == 6);
    CHECK(record.exit_tsc > record.enter_tsc);
    CHECK(agent.at(address(text.data()), 4096) == text.substr(0, snaplen));
    CHECK(agent.empty());
  }
  close(fd);
}

}  // namespace

TEST_CASE("the code fills the rest of the page, and the boot is found by the null context") {
  CHECK(VEDETTE_AGENT_CODE + AgentPage::code().size() == VEDETTE_AGENT_BASE + VEDETTE_AGENT_BYTES);
  const Segment page = make_agent_segment(kSnaplen, Integrity::Normal);
  REQUIRE(page.is_open());
  uint64_t boot = 0;
  memcpy(&boot, page.base() + VEDETTE_BOOT_AT, sizeof boot);
  CHECK(boot == AgentPage::boot());
  CHECK(AgentPage::phase_at(boot) == StubPhase::Boot);
}

TEST_CASE("a write is recorded once, with its arguments, result, times and the first snaplen bytes") {
  for (const uint32_t snaplen : {0u, 1u, 16u, kSnaplen, 100u, 4096u}) check_writes(snaplen);
}

TEST_CASE("of a read the first snaplen bytes are recorded, whatever snaplen is") {
  for (const uint32_t snaplen : {0u, 1u, 16u, kSnaplen, 100u, 4096u}) {
    Agent agent(Ring::kSmall, snaplen);
    const int fd = open("/proc/self/exe", O_RDONLY);
    for (const size_t size : {0u, 1u, 8u, 79u, 80u, 81u, 101u, 4096u}) {
      std::string text(size, 'x'), same(size, 'x');
      REQUIRE(pread(fd, same.data(), size, 1) == static_cast<ssize_t>(size));
      CHECK(call(SYS_pread64, fd, address(text.data()), static_cast<long>(size), 1) == static_cast<long>(size));
      CHECK(agent.take().nr == SYS_pread64);
      CHECK(text == same);
      CHECK(agent.at(address(text.data()), 4097) == same.substr(0, snaplen));
      CHECK(agent.empty());
    }
    // a count that no kernel takes, of bytes that are there
    CHECK(call(SYS_write, -1, address("0123456789abcdef"), -1) == -EBADF);
    CHECK(agent.take().args[2] == ~0ull);
    CHECK(call(SYS_recvfrom, -1, 1, 1, 0, 0, 0) == -EBADF);
    CHECK(agent.take().size == VEDETTE_REC_CHUNKS);
    close(fd);
  }
}

TEST_CASE("a read that fails, ends or is short records what the kernel delivered") {
  Agent agent;
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  char buffer[64];
  REQUIRE(write(ends[1], "hello", 5) == 5);
  CHECK(call(SYS_read, ends[0], address(buffer), sizeof buffer) == 5);
  CHECK(agent.take().result == 5);
  CHECK(agent.at(address(buffer), sizeof buffer) == "hello");
  close(ends[1]);
  CHECK(call(SYS_read, ends[0], address(buffer), sizeof buffer) == 0);
  CHECK(agent.take().size == VEDETTE_REC_CHUNKS);
  close(ends[0]);
  CHECK(call(SYS_read, ends[0], address(buffer), sizeof buffer) == -EBADF);
  CHECK(agent.take().result == -EBADF);
  CHECK(call(SYS_write, 1, 1, 10) == -EFAULT);
  CHECK(agent.take().size == VEDETTE_REC_CHUNKS);
}

TEST_CASE("paths are recorded whole, with their NUL") {
  Agent agent;
  const std::string longest(4000, '/');
  for (const std::string& path : {std::string("/"), std::string("/dev/null"), std::string("no/such"), longest}) {
    const long fd = call(SYS_openat, AT_FDCWD, address(path.c_str()), O_RDONLY);
    const RingRecord& record = agent.take();
    CHECK(record.result == fd);
    CHECK(agent.at(address(path.c_str()), 5000) == std::string(path.c_str(), path.size() + 1));
    if (fd >= 0) close(static_cast<int>(fd));
  }
  struct stat facts;
  CHECK(call(SYS_stat, address("/dev/null"), address(&facts)) == 0);
  CHECK(S_ISCHR(facts.st_mode));
  CHECK(agent.take().nr == SYS_stat);
  CHECK(call(SYS_newfstatat, 0, 0, address(&facts), AT_EMPTY_PATH) <= 0);
  CHECK(agent.take().size == VEDETTE_REC_CHUNKS);
  char target[256];
  const long size = call(SYS_readlink, address("/proc/self/exe"), address(target), sizeof target);
  REQUIRE(size > 0);
  CHECK(agent.take().result == size);
  CHECK(agent.at(address(target), 256) == std::string(target, static_cast<size_t>(size)));
}

TEST_CASE("an open tells which file it led to, unless its path stands") {
  Agent agent;
  InlineStandingTable standing(agent.page.base());
  struct stat facts, told;
  REQUIRE(stat("/dev/null", &facts) == 0);
  const auto asks = [&](const char* path, long nr = SYS_openat) {
    const long fd = nr == SYS_open ? call(nr, address(path), O_RDONLY) : call(nr, AT_FDCWD, address(path), O_RDONLY);
    CHECK(agent.take().result == fd);
    CHECK(agent.at(address(path), 5000) == std::string(path, strlen(path) + 1));
    close(static_cast<int>(fd));
    return agent.copy.read(VEDETTE_FACTS_AT, &told, VEDETTE_FACTS_BYTES) == VEDETTE_FACTS_BYTES;
  };
  for (const long nr : {SYS_open, SYS_openat}) {
    CHECK(asks("/dev/null", nr));
    CHECK(told.st_ino == facts.st_ino);
    CHECK(told.st_dev == facts.st_dev);
    CHECK(standing.show("/dev/null"));
    CHECK_FALSE(standing.show("/dev/null"));
    CHECK_FALSE(asks("/dev/null", nr));
    CHECK(asks("/dev/zero", nr));
    standing.suspend();
    CHECK(asks("/dev/null", nr));
    standing.resume();
    CHECK_FALSE(asks("/dev/null", nr));
    standing.hide("/dev/null");
    CHECK(asks("/dev/null", nr));
  }
}

TEST_CASE("paths of every length, at every place in a page, are found in the table of what stands") {
  Agent agent;
  InlineStandingTable standing(agent.page.base());
  char* const pages = static_cast<char*>(mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  REQUIRE(mprotect(pages + 4096, 4096, PROT_NONE) == 0);
  for (size_t size = 1; size < 70; ++size) {
    const std::string path = std::string("/dev") + std::string(size, '/') + "null";
    REQUIRE(standing.show(path));
    for (size_t left = path.size() + 1; left < path.size() + 12; ++left) {
      char* const at = pages + 4096 - left;
      memcpy(at, path.c_str(), path.size() + 1);
      const long fd = call(SYS_open, address(at), O_RDONLY);
      CHECK(fd >= 0);
      close(static_cast<int>(fd));
      agent.take();
      CHECK(agent.at(address(at), 5000) == std::string(path.c_str(), path.size() + 1));
      uint8_t byte;
      CHECK(agent.copy.read(VEDETTE_FACTS_AT, &byte, 1) == 0);
    }
    standing.hide(path);
  }
  munmap(pages, 8192);
}

TEST_CASE("of names the kernel gets the record's copies, and of nothing what gains something") {
  Agent agent;
  char folder[] = "/tmp/vedette-stub-XXXXXX";
  REQUIRE(mkdtemp(folder) != nullptr);
  const std::string first = std::string(folder) + "/first", second = std::string(folder) + "/second";
  struct stat facts;
  CHECK(call(SYS_mknod, address(first.c_str()), S_IFREG | 0600, 0) == 0);
  CHECK(agent.take().args[1] == (S_IFREG | 0600));
  CHECK(agent.at(address(first.c_str()), 5000) == std::string(first.c_str(), first.size() + 1));
  CHECK(call(SYS_link, address(first.c_str()), address(second.c_str())) == 0);
  CHECK(agent.take().nr == SYS_link);
  CHECK(agent.at(address(first.c_str()), 5000) == std::string(first.c_str(), first.size() + 1));
  CHECK(agent.at(address(second.c_str()), 5000) == std::string(second.c_str(), second.size() + 1));
  // The second text is a part of the first one.
  CHECK(call(SYS_linkat, AT_FDCWD, address(first.c_str()), AT_FDCWD, address(first.c_str() + 1), 0) == -ENOENT);
  agent.take();
  CHECK(agent.at(address(first.c_str()), 5000) == std::string(first.c_str(), first.size() + 1));
  CHECK(agent.at(address(first.c_str() + 1), 5000) == std::string(first.c_str() + 1, first.size()));
  const timespec times[2] = {{1000000000, 5}, {1500000000, 7}};
  CHECK(call(SYS_utimensat, AT_FDCWD, address(second.c_str()), address(times), 0) == 0);
  agent.take();
  CHECK(agent.at(address(times), 64) == std::string(reinterpret_cast<const char*>(times), sizeof times));
  REQUIRE(stat(first.c_str(), &facts) == 0);
  CHECK(facts.st_mtim.tv_nsec == 7);
  CHECK(call(SYS_utimensat, AT_FDCWD, 0, 0, 0) == -EFAULT);
  CHECK(agent.take().size == VEDETTE_REC_CHUNKS);
  CHECK(call(SYS_chmod, address(first.c_str()), 0640) == 0);
  CHECK(agent.take().nr == SYS_chmod);
  CHECK(call(SYS_chmod, address(first.c_str()), 04750) == 0);
  CHECK(call(SYS_mknod, address(first.c_str()), S_IFCHR | 0600, 0x103) == -EEXIST);
  CHECK(agent.empty());
  REQUIRE(stat(first.c_str(), &facts) == 0);
  CHECK((facts.st_mode & 07777) == 04750);
  const std::string longest(VEDETTE_PATH_MAX, '/');
  CHECK(call(SYS_mkdir, address(longest.c_str()), 0700) == -ENAMETOOLONG);
  CHECK(agent.empty());
  unlink(first.c_str());
  unlink(second.c_str());
  rmdir(folder);
}

TEST_CASE("vectors, addresses and messages are followed") {
  Agent agent;
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  iovec parts[3] = {{const_cast<char*>("abc"), 3}, {nullptr, 0}, {const_cast<char*>("defgh"), 5}};
  CHECK(call(SYS_writev, ends[0], address(parts), 3) == 8);
  CHECK(agent.take().result == 8);
  CHECK(agent.at(address(parts), sizeof parts).size() == sizeof parts);
  CHECK(agent.at(address(parts[0].iov_base), 3) == "abc");
  CHECK(agent.at(address(parts[2].iov_base), 9) == "defgh");

  char first[2], second[64];
  iovec into[2] = {{first, 2}, {second, sizeof second}};
  msghdr message = {};
  message.msg_iov = into;
  message.msg_iovlen = 2;
  CHECK(call(SYS_recvmsg, ends[1], address(&message), 0) == 8);
  CHECK(agent.take().result == 8);
  CHECK(agent.at(address(&message), sizeof message).size() == sizeof message);
  CHECK(agent.at(address(first), 2) == "ab");
  CHECK(agent.at(address(second), 64).substr(0, 6) == "cdefgh");

  CHECK(call(SYS_sendto, ends[0], address("ping"), 4, 0, 0, 0) == 4);
  CHECK(agent.take().args[2] == 4);
  CHECK(call(SYS_recvfrom, ends[1], address(second), sizeof second, 0, 0, 0) == 4);
  agent.take();
  CHECK(agent.at(address(second), 64) == "ping");
  iovec many[VEDETTE_VECTOR_MAX + 1] = {};
  CHECK(call(SYS_writev, ends[0], address(many), VEDETTE_VECTOR_MAX + 1) == 0);
  CHECK(agent.empty());
  close(ends[0]);
  close(ends[1]);
}

TEST_CASE("a number that is not recorded inline goes to the intact syscall") {
  Agent agent;
  CHECK(call(SYS_getpid) == getpid());
  CHECK(call(100000) == -ENOSYS);
  CHECK(call(-1) == -ENOSYS);
  CHECK(agent.empty());
}
