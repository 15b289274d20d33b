// SPDX-License-Identifier: Apache-2.0
// The stub, the gates and the ring without any tracer: this test attaches the agent's page to itself, patches
// a syscall of its own, and reads back what the stub recorded. What the kernel did is the oracle.
#include <asm/prctl.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "capture/inline/agent.h"
#include "capture/inline/ring.h"
#include "capture/inline/standing_table.h"

using namespace vedette;

namespace {

constexpr uint32_t kSnaplen = 80;

// long call(nr, a0 .. a5): a syscall whose window has been sent to the stub. r11 and rcx are its only losses.
//   mov %rdi,%rax; mov %rsi,%rdi; ... ; lea end(%rip),%rcx; jmp *[dispatch]; (syscall;) end: ret
struct Stub {
  using Function = long (*)(long, long, long, long, long, long, long);
  Function function;
  Stub() {
    static const uint8_t kCode[] = {
        0x48, 0x89, 0xf8,                          // mov %rdi,%rax
        0x48, 0x89, 0xf7,                          // mov %rsi,%rdi
        0x48, 0x89, 0xd6,                          // mov %rdx,%rsi
        0x48, 0x89, 0xca,                          // mov %rcx,%rdx
        0x4d, 0x89, 0xc2,                          // mov %r8,%r10
        0x4d, 0x89, 0xc8,                          // mov %r9,%r8
        0x4c, 0x8b, 0x4c, 0x24, 0x08,              // mov 8(%rsp),%r9
        0x48, 0x8d, 0x0d, 0x09, 0x00, 0x00, 0x00,  // lea 9(%rip),%rcx
        0xff, 0x24, 0x25, 0, 0, 0, 0,              // jmp *dispatch
        0x0f, 0x05,                                // syscall
        0xc3,                                      // ret
    };
    void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(page, kCode, sizeof kCode);
    const uint32_t dispatch = VEDETTE_DISPATCH;
    memcpy(static_cast<uint8_t*>(page) + 33, &dispatch, sizeof dispatch);
    mprotect(page, 4096, PROT_READ | PROT_EXEC);
    function = reinterpret_cast<Function>(page);
  }
};

long call(long nr, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  static const Stub stub;
  return stub.function(nr, a, b, c, d, e, f);
}
long address(const void* pointer) { return reinterpret_cast<long>(pointer); }

struct Agent {
  Segment page;
  std::unique_ptr<Ring> ring;
  void* context = nullptr;
  RecordCopy copy;

  explicit Agent(size_t ring_bytes = Ring::kSmall, uint32_t snaplen = kSnaplen)
      : page(make_agent_segment(snaplen, Integrity::Normal)), ring(Ring::create(ring_bytes)) {
    REQUIRE(page.is_open());
    REQUIRE(ring);
    REQUIRE(shmat(page.id(), reinterpret_cast<void*>(VEDETTE_AGENT_BASE), SHM_RDONLY | SHM_EXEC) ==
            reinterpret_cast<void*>(VEDETTE_AGENT_BASE));
    context = shmat(ring->id(), nullptr, 0);
    ring->lie_at(reinterpret_cast<uint64_t>(context));
    use(context);
  }
  ~Agent() {
    set_gs(0);
    shmdt(context);
    shmdt(reinterpret_cast<void*>(VEDETTE_AGENT_BASE));
  }
  static void set_gs(uint64_t base) { syscall(SYS_arch_prctl, ARCH_SET_GS, base); }
  static void use(void* context) { set_gs(reinterpret_cast<uint64_t>(context) - VEDETTE_AGENT_BASE); }

  const RingRecord& take() {
    REQUIRE(ring->next(copy) == Ring::Next::Record);
    ring->release();
    return copy.record();
  }
  // Of the ring, as the kernel has them.
  size_t resident_bytes() const {
    std::vector<unsigned char> pages((ring->bytes() + 4095) / 4096);
    REQUIRE(mincore(context, ring->bytes(), pages.data()) == 0);
    return static_cast<size_t>(std::count_if(pages.begin(), pages.end(), [](unsigned char page) { return (page & 1) != 0; })) * 4096;
  }
  bool empty() { return ring->next(copy) == Ring::Next::Empty; }
  std::string at(long address, size_t size) {
    std::string text(size, '\0');
    text.resize(copy.read(static_cast<uint64_t>(address), text.data(), size));
    return text;
  }
};

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

TEST_CASE("a full ring and GS base 0 take the intact syscall, and nothing is overwritten") {
  Agent agent;
  unsigned recorded = 0;
  while (recorded < 10000) {
    CHECK(call(SYS_lseek, 1000 + static_cast<long>(recorded), 0, 0) == -EBADF);
    if (agent.ring->pending_bytes() == recorded * VEDETTE_REC_CHUNKS) break;
    ++recorded;
  }
  CHECK(recorded == (Ring::kSmall - VEDETTE_RECORD_MAX) / VEDETTE_REC_CHUNKS + 1);
  for (unsigned i = 0; i < recorded; ++i) CHECK(agent.take().args[0] == 1000 + i);
  CHECK(call(SYS_lseek, 7, 0, 0) == -EBADF);
  CHECK(agent.take().args[0] == 7);
  Agent::set_gs(0);
  CHECK(call(SYS_getpid) == getpid());
  CHECK(call(SYS_lseek, 8, 0, 0) == -EBADF);
  CHECK(agent.empty());
}

TEST_CASE("a starved ring sends the second call at latest to the intact syscall, until it is fed") {
  Agent agent;
  CHECK(call(SYS_lseek, 1001, 0, 0) == -EBADF);
  agent.ring->starve();
  CHECK(call(SYS_lseek, 1002, 0, 0) == -EBADF);
  CHECK(agent.take().args[0] == 1001);
  CHECK(call(SYS_lseek, 1003, 0, 0) == -EBADF);  // a ring that is empty has room for one even so
  CHECK(call(SYS_lseek, 1004, 0, 0) == -EBADF);
  CHECK(agent.take().args[0] == 1003);
  CHECK(agent.empty());
  agent.ring->feed();
  CHECK(call(SYS_lseek, 1005, 0, 0) == -EBADF);
  CHECK(call(SYS_lseek, 1006, 0, 0) == -EBADF);
  CHECK(agent.take().args[0] == 1005);
  CHECK(agent.take().args[0] == 1006);
}

TEST_CASE("a look takes in what was published until then, and no more") {
  Agent agent;
  CHECK(agent.ring->look() == 0);
  call(SYS_lseek, 1001, 0, 0);
  CHECK_FALSE(agent.ring->has_records());
  CHECK(agent.ring->look() == VEDETTE_REC_CHUNKS);
  call(SYS_lseek, 1002, 0, 0);
  CHECK(agent.take().args[0] == 1001);
  CHECK_FALSE(agent.ring->has_records());
  CHECK(agent.take().args[0] == 1002);  // another look
}

TEST_CASE("a number that is not recorded inline goes to the intact syscall") {
  Agent agent;
  CHECK(call(SYS_getpid) == getpid());
  CHECK(call(100000) == -ENOSYS);
  CHECK(call(-1) == -ENOSYS);
  CHECK(agent.empty());
}

TEST_CASE("a scribbled ring is damaged, never followed") {
  Agent agent;
  call(SYS_lseek, 1, 0, 0);
  auto* context = static_cast<RingContext*>(agent.context);
  const uint64_t head = context->head;
  auto* record = reinterpret_cast<RingRecord*>(static_cast<std::byte*>(agent.context) + VEDETTE_RING_DATA);
  for (const uint32_t size : {0u, 8u, 81u, 4096u, 0xffffffffu}) {
    record->size = size;
    context->head = head;
    agent.ring->reset();
    context->head = head;
    CHECK(agent.ring->next(agent.copy) == Ring::Next::Damaged);
    CHECK(agent.empty());
  }
  context->head = ~0ull;
  CHECK(agent.ring->next(agent.copy) == Ring::Next::Damaged);
}

TEST_CASE("a slow thread's ring has a small one's memory, wherever it stands, and loses no record") {
  for (const size_t bytes : {Ring::kMiddle, Ring::kLarge}) {
    Agent agent(bytes);
    const int fd = open("/dev/null", O_WRONLY);
    long mark = 0, taken = 0;
    const auto write_one = [&] {
      call(SYS_write, fd, address("a slow thread's write"), 20 + mark % 60, mark + 1);
      ++mark;
    };
    const auto take_one = [&] { CHECK(agent.take().args[3] == static_cast<uint64_t>(++taken)); };
    for (size_t written = 0; written < 2 * bytes; written += 100) write_one(), take_one();
    CHECK(agent.resident_bytes() > bytes);
    agent.ring->narrow();
    for (int round = 0; round < 400; ++round) {  // some times round
      for (int i = 0; i < 50; ++i) write_one();
      CHECK(agent.ring->give_back_loose());  // with records waiting
      CHECK(agent.resident_bytes() <= 48u << 10);
      for (int i = 0; i < 50; ++i) take_one();
      CHECK(agent.ring->loose_bytes() >= 50 * VEDETTE_REC_CHUNKS);
      CHECK(agent.empty());
    }
    agent.ring->feed();
    for (size_t written = 0; written < bytes / 2; written += 100) write_one();
    while (taken < mark) take_one();
    CHECK(agent.empty());
    close(fd);
  }
}

TEST_CASE("a narrow ring is full where a small one is, and wide again when it is fed") {
  Agent agent(Ring::kMiddle);
  agent.ring->narrow();
  const auto fill = [&] {
    size_t records = 0;
    for (uint64_t before = ~0ull; agent.ring->pending_bytes() != before; ++records) {
      before = agent.ring->pending_bytes();
      call(SYS_lseek, -1, 0, 0);
    }
    return records * VEDETTE_REC_CHUNKS;
  };
  CHECK(fill() < Ring::kSmall);
  agent.ring->feed();
  CHECK(fill() > Ring::kMiddle / 2);
}

TEST_CASE("what a thread may still reach is not given back") {
  Agent agent(Ring::kMiddle);
  for (int i = 0; i < 1000; ++i) call(SYS_lseek, -1, i, 0);
  agent.ring->narrow();
  CHECK_FALSE(agent.ring->give_back_loose());  // 80,000 bytes wait
  for (int i = 0; i < 1000; ++i) CHECK(agent.take().args[1] == static_cast<uint64_t>(i));
  CHECK(agent.ring->give_back_loose());
}
