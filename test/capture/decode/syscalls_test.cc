// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <map>
#include <set>
#include <string>

#include "capture/decode/roles.h"
#include "test/capture/decode/decoding.h"

using namespace vedette;

namespace {

// The capture set as the issue of the first release lists it, by the kernel's names.
constexpr std::string_view kWanted[] = {
    "execve", "execveat", "clone", "clone3", "fork", "vfork", "kill", "tkill", "tgkill", "ptrace", "process_vm_readv",
    "process_vm_writev", "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid",
    "setgroups", "capset", "prctl", "setns", "unshare", "chroot", "pivot_root", "setsid", "setpgid", "chdir", "fchdir",
    "mmap", "mprotect", "memfd_create", "seccomp", "personality", "prlimit64", "open", "openat", "openat2", "creat",
    "close", "read", "write", "pread64", "pwrite64", "readv", "writev", "preadv", "preadv2", "pwritev", "pwritev2",
    "lseek", "sendfile", "copy_file_range", "splice", "tee", "vmsplice", "stat", "lstat", "fstat", "newfstatat", "statx",
    "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getdents64", "rename", "renameat", "renameat2",
    "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "mknod", "mknodat", "link", "linkat", "symlink", "symlinkat",
    "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchown", "fchownat", "truncate", "ftruncate",
    "fallocate", "utimensat", "setxattr", "lsetxattr", "fsetxattr", "mount", "umount2", "dup", "dup2", "dup3", "fcntl",
    "pipe", "pipe2", "eventfd2", "inotify_add_watch", "fanotify_mark", "socket", "socketpair", "bind", "connect",
    "listen", "accept", "accept4", "sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg", "recvmmsg", "shutdown",
    "getsockopt", "setsockopt", "init_module", "finit_module", "delete_module", "bpf", "perf_event_open", "userfaultfd",
    "keyctl", "add_key", "io_uring_setup", "io_uring_enter", "io_uring_register", "open_by_handle_at",
    "process_madvise", "pidfd_getfd", "quotactl", "reboot", "swapon", "syslog", "close_range",
};

std::multiset<int> slots_filled(const Row& row) {
  std::multiset<int> slots;
  for (const Step& step : row.steps) {
    if (step.role != Role::Subject && step.role != Role::NewFd) slots.insert(step.slot);
  }
  return slots;
}

}  // namespace

TEST_CASE("every call of the capture set has a row on x86-64") {
  for (const std::string_view name : kWanted) {
    CAPTURE(name);
    CHECK(number_of(name, Abi::X86_64) != UINT32_MAX);
  }
}

#if defined(__x86_64__)
TEST_CASE("numbers are the kernel's") {
  const std::map<std::string_view, uint32_t> kernel = {
      {"read", SYS_read}, {"openat", SYS_openat}, {"sendmmsg", SYS_sendmmsg}, {"prlimit64", SYS_prlimit64},
      {"clone3", SYS_clone3}, {"execveat", SYS_execveat}, {"statx", SYS_statx}, {"io_uring_setup", SYS_io_uring_setup},
      {"process_madvise", SYS_process_madvise}, {"close_range", SYS_close_range}, {"bpf", SYS_bpf},
      {"umount2", SYS_umount2}, {"quotactl", SYS_quotactl}, {"utimensat", SYS_utimensat}, {"dup3", SYS_dup3},
  };
  for (const auto& [name, nr] : kernel) {
    CAPTURE(name);
    CHECK(number_of(name, Abi::X86_64) == nr);
  }
}
#endif

TEST_CASE("a number finds its own row, and no other number finds one") {
  for (const Abi abi : {Abi::X86_64, Abi::I386, Abi::Aarch64}) {
    std::set<uint32_t> numbers;
    for (const Row& row : rows_of(abi)) {
      CHECK(find_row(abi, row.nr) == &row);
      numbers.insert(row.nr);
    }
    for (uint32_t nr = 0; nr < 2000; ++nr) {
      if (!numbers.contains(nr)) CHECK(find_row(abi, nr) == nullptr);
    }
    CHECK(find_row(abi, UINT32_MAX) == nullptr);
  }
  for (const Abi refused : {Abi::X32, Abi::Arm}) CHECK(rows_of(refused).empty());
  CHECK(find_row(Abi::X32, 0x40000000) == nullptr);
}

TEST_CASE("what is refused may only end") {
  constexpr uint32_t kExit = 1, kRead = 3, kExitGroup = 248;
  CHECK(only_ends(Abi::Arm, kExit));
  CHECK(only_ends(Abi::Arm, kExitGroup));
  CHECK_FALSE(only_ends(Abi::Arm, kRead));
  CHECK_FALSE(only_ends(Abi::X32, kExit));
}

TEST_CASE("arm64's flags of open are told in x86-64's places") {
  constexpr uint32_t kDirectory = 0x4000, kNoFollow = 0x8000, kDirect = 0x10000, kLargeFile = 0x20000, kCloseOnExec = 0x80000;
  OneCall c;
  const auto flags = [&](Abi abi, uint64_t raw) {
    REQUIRE(c.enter(number_of("openat", abi), {0, c.memory.put_text("f"), raw, 0}, abi));
    return c.event.integer(slot::openat_::flags);
  };
  CHECK(flags(Abi::Aarch64, kDirectory | kCloseOnExec) == (0x10000 | kCloseOnExec));
  CHECK(flags(Abi::Aarch64, kNoFollow) == 0x20000);
  CHECK(flags(Abi::Aarch64, kDirect | 2) == (0x4000 | 2));
  CHECK(flags(Abi::Aarch64, kLargeFile) == 0x8000);
  for (const uint64_t raw : {kDirectory, kNoFollow, kDirect, kLargeFile}) CHECK(flags(Abi::X86_64, raw) == static_cast<int64_t>(raw));
  const uint64_t how[3] = {kNoFollow, 0, 0};
  REQUIRE(c.enter(number_of("openat2", Abi::Aarch64), {0, c.memory.put_text("f"), c.memory.put_value(how), 24}, Abi::Aarch64));
  CHECK(c.event.integer(slot::openat2_::flags) == 0x20000);
}

TEST_CASE("every slot of every event is filled by a step of its row, and none twice") {
  for (const Row& row : rows_of(Abi::X86_64)) {
    CAPTURE(row.name);
    const EventInfo& info = kEvents[static_cast<size_t>(row.id)];
    std::multiset<int> expected;
    for (int slot = 0; slot < info.slots; ++slot) expected.insert(slot);
    const bool is_pipe = row.id == EventId::pipe || row.id == EventId::pipe2;
    if (is_pipe) expected.erase(slot::pipe_::ino);  // state's: the kernel must be asked
    if (row.id == EventId::pidfd_send_signal) expected.erase(slot::pidfd_send_signal_::pid);  // as above
    if (row.id == EventId::process_mrelease) expected.erase(slot::process_mrelease_::pid);
    if (row.id == EventId::io_submit) expected = {slot::io_submit_::ctx, slot::io_submit_::nr, slot::io_submit_::requests};  // and its first
    CHECK(slots_filled(row) == expected);
  }
}

TEST_CASE("mmap and mprotect are of interest when they make memory executable") {
  OneCall c;
  CHECK_FALSE(c.enter("mmap", {0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, 3, 0}));
  REQUIRE(c.enter("mmap", {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, 3, 8192}));
  CHECK(c.event.fd == 3);
  CHECK(c.event.integer(slot::mmap_::offset) == 8192);
  REQUIRE(c.enter("mmap", {0, 4096, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, 0xffffffff, 0}));
  CHECK(c.event.fd == -1);
  CHECK_FALSE(c.enter("mprotect", {0, 4096, PROT_READ}));
  CHECK(c.enter("mprotect", {0, 4096, PROT_READ | PROT_EXEC}));
}

TEST_CASE("a call of no interest leaves the event as it was") {
  OneCall c;
  REQUIRE(c.enter("close", {9}));
  CHECK_FALSE(c.enter(uint32_t{0xffff}, {}));
  CHECK(c.event.id == EventId::close);
  CHECK(c.event.fd == 9);
}

TEST_CASE("descriptor and pid arguments are 32 bits wide, whatever the register's upper half holds") {
  OneCall c;
  REQUIRE(c.enter("close", {0xdeadbeef00000003}));
  CHECK(c.event.fd == 3);
  REQUIRE(c.enter("kill", {0xffffffffffffffff, 0x1'0000'000f}));
  CHECK(c.event.integer(slot::kill_::pid) == -1);
  CHECK(c.event.integer(slot::kill_::sig) == 15);
}

TEST_CASE("structs behind pointers: openat2, prlimit64, perf_event_open, io_uring_setup") {
  OneCall c;
  const uint64_t how = c.memory.put_array<uint64_t>({0x41, 0600, 8});
  REQUIRE(c.enter("openat2", {3, c.memory.put_text("f"), how, 24}));
  CHECK(c.event.integer(slot::openat2_::flags) == 0x41);
  CHECK(c.event.integer(slot::openat2_::mode) == 0600);
  CHECK(c.event.integer(slot::openat2_::resolve) == 8);

  const uint64_t limits = c.memory.put_array<uint64_t>({1024, 4096});
  CHECK_FALSE(c.enter("prlimit64", {0, RLIMIT_NOFILE, 0, limits}));
  REQUIRE(c.enter("prlimit64", {1, RLIMIT_NOFILE, 0, limits}));
  CHECK_FALSE(c.event.has(slot::prlimit_::newcur));
  CHECK_FALSE(c.event.has(slot::prlimit_::oldcur));
  c.exit(0);
  CHECK(c.event.integer(slot::prlimit_::oldcur) == 1024);
  CHECK(c.event.integer(slot::prlimit_::oldmax) == 4096);

  const uint64_t attributes = c.memory.put_array<uint64_t>({uint64_t{128} << 32 | 1, 42});
  REQUIRE(c.enter("perf_event_open", {attributes, 0xffffffff, 2, 0xffffffff, 8}));
  CHECK(c.event.integer(slot::perf_event_open_::type) == 1);
  CHECK(c.event.integer(slot::perf_event_open_::config) == 42);
  CHECK(c.event.integer(slot::perf_event_open_::pid) == -1);

  const uint64_t parameters = c.memory.put_array<uint32_t>({0, 0, 2, 0});
  REQUIRE(c.enter("io_uring_setup", {32, parameters}));
  CHECK(c.event.row->is(kIoUring));
  CHECK(c.event.integer(slot::io_uring_setup_::flags) == 2);
}

TEST_CASE("capset joins the halves of its sets, and knows the version with one half") {
  using namespace slot::capset_;
  OneCall c;
  const uint64_t header = c.memory.put_array<uint32_t>({_LINUX_CAPABILITY_VERSION_3, 0});
  const uint64_t data = c.memory.put_array<uint32_t>({1, 2, 4, 0x10, 0x20, 0x40});
  REQUIRE(c.enter("capset", {header, data}));
  CHECK(c.event.integer(cap_effective) == 0x1000000001);
  CHECK(c.event.integer(cap_permitted) == 0x2000000002);
  CHECK(c.event.integer(cap_inheritable) == 0x4000000004);
  const uint64_t old = c.memory.put_array<uint32_t>({_LINUX_CAPABILITY_VERSION_1, 0});
  REQUIRE(c.enter("capset", {old, c.memory.put_array<uint32_t>({1, 2, 4})}));
  CHECK(c.event.integer(cap_permitted) == 2);
  CHECK_FALSE(c.has_flag(kFault));
}

TEST_CASE("utimensat's times are ns since the epoch, but for now and omit") {
  using namespace slot::utimensat_;
  OneCall c;
  const uint64_t times = c.memory.put_array<int64_t>({1'600'000'000, 5, 0, UTIME_NOW});
  REQUIRE(c.enter("utimensat", {3, c.memory.put_text("f"), times, 0}));
  CHECK(c.event.integer(atime) == 1'600'000'000'000'000'005);
  CHECK_FALSE(c.event.has(mtime));
}

TEST_CASE("a call that never returned is in flight and gets no values of its return") {
  OneCall c;
  REQUIRE(c.enter("read", {0, c.memory.put("never"), 5}));
  c.call.exit_ns = 300;
  c.call.returned = false;
  decode_exit(c.call, c.memory, c.limits, c.event);
  CHECK(c.has_flag(kInFlight));
  CHECK(c.event.failed());
  CHECK_FALSE(c.event.has(slot::read_::data));
}

TEST_CASE("a process's end is told by its wait status") {
  using namespace slot::procexit_;
  Event event;
  describe_exit(event, 42, 3 << 8, 1000, 1);
  CHECK(event.id == EventId::procexit);
  CHECK(event.call.tid == 42);
  CHECK(event.integer(ret) == 3);
  CHECK(event.integer(sig) == 0);
  describe_exit(event, 42, SIGSEGV | 0x80, 1000, 1);
  CHECK(event.integer(sig) == SIGSEGV);
  CHECK(event.integer(core) == 1);
  CHECK(event.integer(reaper_tid) == 1);
}

TEST_CASE("a notice carries what Vedette has to say of itself") {
  using namespace slot::vedette_notice_;
  Event event;
  describe_notice(event, 42, Notice::ABI_REFUSED, "x32", "refused", 7, 1000);
  CHECK(event.integer(kind) == static_cast<int64_t>(Notice::ABI_REFUSED));
  CHECK(event.text(slot::vedette_notice_::call) == "x32");
  CHECK(event.text(slot::vedette_notice_::text) == "refused");
  CHECK(event.integer(value) == 7);
  CHECK(event.row == nullptr);
}

TEST_CASE("a reused event keeps nothing, and gives a huge buffer back") {
  OneCall c;
  c.limits.path_max = 65536;
  REQUIRE(c.enter("unlink", {c.memory.put_text(std::string(60000, 'a'))}));
  CHECK(c.event.bytes.capacity() > 60000);
  REQUIRE(c.enter("unlink", {0}));
  CHECK(c.event.bytes.capacity() < 10000);
  CHECK_FALSE(c.event.has(slot::unlink_::path));
  CHECK(c.event.flags == 0);
}
