// SPDX-License-Identifier: Apache-2.0
// The program that step_test.cc steps: every call of the inline table, each round of it announced by a
// swapoff that fails, and what the calls work on. It logs, for each round, what the program itself has seen.
// Runs in the tracee only, but for the table of calls, which the tracer's side reads what to expect from.
#pragma once

#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>

#include "capture/wire/ring.h"
#include "test/capture/inline/x86_64/kept_registers.h"

namespace vedette::stepped {

constexpr long kAnnounce = 0x5eed;     // swapoff's path, which no memory lies at
constexpr long kMark = 0x7e000000;     // in an argument that the call does not look at: kMark | number << 12 | round
constexpr long kRoundsMax = 400;
constexpr const char* kLog = "VEDETTE_STEP_LOG";  // where it says what it saw
constexpr const char* kHow = "VEDETTE_STEP";

inline bool looks_at_registers = false;
inline bool registers_kept = true;

// The only site of all calls below: five bytes before the syscall that may move (lea 0(%rax),%rax).
inline __attribute__((noinline)) long call(long nr, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  long result = nr;
  if (looks_at_registers) {
    registers_kept &= call_keeps_registers(nr, {a, b, c, d, e, f}, result);
    return result;
  }
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile(".byte 0x48, 0x8d, 0x44, 0x20, 0x00\n\tsyscall" : "+a"(result) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory", "cc");
  return result;
}

inline long address(const void* pointer) { return reinterpret_cast<long>(pointer); }

inline volatile sig_atomic_t handled = 0;
inline volatile sig_atomic_t foreign = 0;

inline void on_signal(int, siginfo_t*, void* context) {
  const long ip = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP];
  if (ip < VEDETTE_AGENT_LIMIT) foreign = 1;
  handled = handled + 1;
}

// What the calls work on.
struct World {
  int file, other, zero, null, folder, listener, ends[2], pipes[2][2], made[2] = {-1, -1};
  off_t from = 0, to = 0;
  int option = 1;
  socklen_t option_size = sizeof option;
  char text[128], into[128];
  iovec out[2], in[2];
  msghdr message_out = {}, message_in = {};
  struct stat facts;
  char entries[4096] = {};
  sockaddr_un name = {};
  socklen_t name_size = 0, peer_size = 0;

  World() {
    memset(text, 'x', sizeof text);
    file = ::open("/tmp", O_TMPFILE | O_RDWR, 0600), other = ::open("/tmp", O_TMPFILE | O_RDWR, 0600);
    zero = ::open("/dev/zero", O_RDONLY), null = ::open("/dev/null", O_WRONLY), folder = ::open("/dev", O_RDONLY | O_DIRECTORY);
    ::socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
    listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
    name.sun_family = AF_UNIX;
    ::bind(listener, reinterpret_cast<sockaddr*>(&name), sizeof name.sun_family);  // a name of the kernel's choice
    ::listen(listener, 1);
    name_size = sizeof name;
    ::getsockname(listener, reinterpret_cast<sockaddr*>(&name), &name_size);
    out[0] = {text, 30}, out[1] = {text + 30, 70};
    in[0] = {into, 10}, in[1] = {into + 10, 90};
    message_out.msg_iov = out, message_out.msg_iovlen = 2;
    message_in.msg_iov = in, message_in.msg_iovlen = 2;
    (void)!::pwrite(file, text, 100, 0);
    for (int* const one : pipes) ::pipe2(one, O_NONBLOCK);
  }
  void fill_pipe() {
    for (int* const one : pipes) {
      while (::read(one[0], into, sizeof into) > 0) continue;
    }
    (void)!::write(pipes[0][1], text, 100);
    from = to = 0;
  }
  void close_made() {
    for (int& fd : made) ::close(fd), fd = -1;
  }
  void knock() {
    const int client = ::socket(AF_UNIX, SOCK_STREAM, 0);
    ::connect(client, reinterpret_cast<sockaddr*>(&name), name_size);
    ::close(client);
    peer_size = sizeof name;
  }
  void send_one() { (void)!::write(ends[0], text, 100); }
  void empty() { while (::recv(ends[1], into, sizeof into, MSG_DONTWAIT) > 0) continue; }
};

enum class Gives : uint8_t { Value, Descriptor, Pair };

struct Stepped {
  long nr;
  std::function<void(World&)> prepare;
  std::function<long(World&, long mark)> make;
  Gives gives;
  long value;
};

inline const std::vector<Stepped>& calls() {
  const auto nothing = [](World&) {};
  const auto sent = [](World& w) { w.empty(), w.send_one(); };
  const auto drained = [](World& w) { w.empty(); };
  const auto knock = [](World& w) { w.knock(); };
  // So many changes of names that they need not stop for a while.
  const auto moving = [](World&) {
    for (int i = 0; i < 5; ++i) ::rename("/no/such", "/no/other");
  };
  const auto piped = [](World& w) { w.fill_pipe(); };
  static const std::vector<Stepped> list = {
      {SYS_read, nothing, [](World& w, long m) { return call(SYS_read, w.zero, address(w.into), 100, 0, 0, m); }, Gives::Value, 100},
      {SYS_write, nothing, [](World& w, long m) { return call(SYS_write, w.null, address(w.text), 100, 0, 0, m); }, Gives::Value, 100},
      {SYS_open, nothing, [](World&, long m) { return call(SYS_open, address("/dev/null"), 0, 0, 0, 0, m); }, Gives::Descriptor, 0},
      {SYS_close, nothing, [](World& w, long m) { return call(SYS_close, ::dup(w.null), 0, 0, 0, 0, m); }, Gives::Value, 0},
      {SYS_stat, nothing, [](World& w, long m) { return call(SYS_stat, address("/dev/null"), address(&w.facts), 0, 0, 0, m); }, Gives::Value, 0},
      {SYS_fstat, nothing, [](World& w, long m) { return call(SYS_fstat, w.null, address(&w.facts), 0, 0, 0, m); }, Gives::Value, 0},
      {SYS_lstat, nothing, [](World& w, long m) { return call(SYS_lstat, address("/dev/null"), address(&w.facts), 0, 0, 0, m); }, Gives::Value, 0},
      {SYS_lseek, nothing, [](World& w, long m) { return call(SYS_lseek, w.file, 7, SEEK_SET, 0, 0, m); }, Gives::Value, 7},
      {SYS_pread64, nothing, [](World& w, long m) { return call(SYS_pread64, w.file, address(w.into), 100, 0, 0, m); }, Gives::Value, 100},
      {SYS_pwrite64, nothing, [](World& w, long m) { return call(SYS_pwrite64, w.file, address(w.text), 100, 0, 0, m); }, Gives::Value, 100},
      {SYS_readv, nothing, [](World& w, long m) { return call(SYS_readv, w.zero, address(w.in), 2, 0, 0, m); }, Gives::Value, 100},
      {SYS_writev, nothing, [](World& w, long m) { return call(SYS_writev, w.null, address(w.out), 2, 0, 0, m); }, Gives::Value, 100},
      {SYS_access, nothing, [](World&, long m) { return call(SYS_access, address("/no/such"), 0, 0, 0, 0, m); }, Gives::Value, -ENOENT},
      {SYS_dup, nothing, [](World& w, long m) { return call(SYS_dup, w.null, 0, 0, 0, 0, m); }, Gives::Descriptor, 0},
      {SYS_dup2, nothing, [](World& w, long m) { return call(SYS_dup2, w.null, 200, 0, 0, 0, m); }, Gives::Value, 200},
      {SYS_accept, knock, [](World& w, long m) { return call(SYS_accept, w.listener, address(&w.name), address(&w.peer_size), 0, 0, m); }, Gives::Descriptor, 0},
      {SYS_sendto, drained, [](World& w, long m) { return call(SYS_sendto, w.ends[0], address(w.text), 100, 0, 0, m); }, Gives::Value, 100},
      {SYS_recvfrom, sent, [](World& w, long m) { return call(SYS_recvfrom, w.ends[1], address(w.into), 100, 0, 0, m); }, Gives::Value, 100},
      {SYS_sendmsg, drained, [](World& w, long m) { return call(SYS_sendmsg, w.ends[0], address(&w.message_out), 0, 0, 0, m); }, Gives::Value, 100},
      {SYS_recvmsg, sent, [](World& w, long m) { return call(SYS_recvmsg, w.ends[1], address(&w.message_in), 0, 0, 0, m); }, Gives::Value, 100},
      {SYS_fcntl, nothing, [](World& w, long m) { return call(SYS_fcntl, w.null, F_GETFD, 0, 0, 0, m); }, Gives::Value, 0},
      {SYS_readlink, nothing, [](World& w, long m) { return call(SYS_readlink, address("/proc/self/exe"), address(w.into), 9, 0, 0, m); }, Gives::Value, 9},
      {SYS_getdents64, [](World& w) { ::lseek(w.folder, 0, SEEK_SET); }, [](World& w, long m) { return call(SYS_getdents64, w.folder, address(w.entries), 8, 0, 0, m); }, Gives::Value, -EINVAL},
      {SYS_openat, moving, [](World&, long m) { return call(SYS_openat, AT_FDCWD, address("/dev/null"), 0, 0, 0, m); }, Gives::Descriptor, 0},
      {SYS_newfstatat, nothing, [](World& w, long m) { return call(SYS_newfstatat, AT_FDCWD, address("/dev/null"), address(&w.facts), 0, 0, m); }, Gives::Value, 0},
      {SYS_accept4, knock, [](World& w, long m) { return call(SYS_accept4, w.listener, address(&w.name), address(&w.peer_size), 0, 0, m); }, Gives::Descriptor, 0},
      {SYS_dup3, nothing, [](World& w, long m) { return call(SYS_dup3, w.null, 201, 0, 0, 0, m); }, Gives::Value, 201},
      {SYS_preadv, nothing, [](World& w, long m) { return call(SYS_preadv, w.file, address(w.in), 2, 0, 0, m); }, Gives::Value, 100},
      {SYS_pwritev, nothing, [](World& w, long m) { return call(SYS_pwritev, w.file, address(w.out), 2, 0, 0, m); }, Gives::Value, 100},
      // Their last argument is flags; the mark is the place in the file, which the reader's stays behind.
      {SYS_preadv2, nothing, [](World& w, long m) { return call(SYS_preadv2, w.file, address(w.in), 2, m, 0, 0); }, Gives::Value, 0},
      {SYS_pwritev2, nothing, [](World& w, long m) { return call(SYS_pwritev2, w.null, address(w.out), 2, m, 0, 0); }, Gives::Value, 100},
      {SYS_statx, nothing, [](World& w, long m) { return call(SYS_statx, AT_FDCWD, address("/dev/null"), 0, 1, address(w.entries), m); }, Gives::Value, 0},
      {SYS_faccessat, nothing, [](World&, long m) { return call(SYS_faccessat, AT_FDCWD, address("/no/such"), 0, 0, 0, m); }, Gives::Value, -ENOENT},
      {SYS_faccessat2, nothing, [](World&, long m) { return call(SYS_faccessat2, AT_FDCWD, address("/no/such"), 0, 0, 0, m); }, Gives::Value, -ENOENT},
      {SYS_truncate, nothing, [](World&, long m) { return call(SYS_truncate, address("/no/such"), 1, 0, 0, 0, m); }, Gives::Value, -ENOENT},
      {SYS_ftruncate, nothing, [](World& w, long m) { return call(SYS_ftruncate, w.other, 100, 0, 0, 0, m); }, Gives::Value, 0},
      {SYS_fallocate, nothing, [](World& w, long m) { return call(SYS_fallocate, w.null, 0, 0, 100, 0, m); }, Gives::Value, -ENODEV},
      {SYS_mkdir, nothing, [](World&, long m) { return call(SYS_mkdir, address("/no/such"), 0700, 0, 0, 0, m); }, Gives::Value, -ENOENT},
      {SYS_mkdirat, nothing, [](World&, long m) { return call(SYS_mkdirat, AT_FDCWD, address("/no/such"), 0700, 0, 0, m); }, Gives::Value, -ENOENT},
      {SYS_mknod, nothing, [](World&, long m) { return call(SYS_mknod, address("/no/such"), S_IFIFO | 0600, 0, 0, 0, m); }, Gives::Value, -ENOENT},
      {SYS_mknodat, nothing, [](World&, long m) { return call(SYS_mknodat, AT_FDCWD, address("/no/such"), S_IFIFO | 0600, 0, 0, m); }, Gives::Value, -ENOENT},
      {SYS_link, nothing, [](World&, long m) { return call(SYS_link, address("/no/such"), address("/no/other"), 0, 0, 0, m); }, Gives::Value, -ENOENT},
      {SYS_linkat, nothing, [](World&, long m) { return call(SYS_linkat, AT_FDCWD, address("/no/such"), AT_FDCWD, address("/no/other"), 0, m); }, Gives::Value, -ENOENT},
      {SYS_chmod, nothing, [](World&, long m) { return call(SYS_chmod, address("/no/such"), 0600, 0, 0, 0, m); }, Gives::Value, -ENOENT},
      {SYS_fchmod, nothing, [](World& w, long m) { return call(SYS_fchmod, w.other, 0600, 0, 0, 0, m); }, Gives::Value, 0},
      {SYS_fchmodat, nothing, [](World&, long m) { return call(SYS_fchmodat, AT_FDCWD, address("/no/such"), 0600, 0, 0, m); }, Gives::Value, -ENOENT},
      {SYS_chown, nothing, [](World&, long m) { return call(SYS_chown, address("/no/such"), -1, -1, 0, 0, m); }, Gives::Value, -ENOENT},
      {SYS_lchown, nothing, [](World&, long m) { return call(SYS_lchown, address("/no/such"), -1, -1, 0, 0, m); }, Gives::Value, -ENOENT},
      {SYS_fchown, nothing, [](World& w, long m) { return call(SYS_fchown, w.other, -1, -1, 0, 0, m); }, Gives::Value, 0},
      {SYS_fchownat, nothing, [](World&, long m) { return call(SYS_fchownat, AT_FDCWD, address("/no/such"), -1, -1, 0, m); }, Gives::Value, -ENOENT},
      {SYS_utimensat, nothing, [](World& w, long m) { return call(SYS_utimensat, AT_FDCWD, address("/no/such"), address(w.entries), 0, 0, m); }, Gives::Value, -ENOENT},
      {SYS_removexattr, nothing, [](World&, long m) { return call(SYS_removexattr, address("/no/such"), address("user.no"), 0, 0, 0, m); }, Gives::Value, -ENOENT},
      {SYS_lremovexattr, nothing, [](World&, long m) { return call(SYS_lremovexattr, address("/no/such"), address("user.no"), 0, 0, 0, m); }, Gives::Value, -ENOENT},
      {SYS_unlink, moving, [](World&, long m) { return call(SYS_unlink, address("/no/such"), 0, 0, 0, 0, m); }, Gives::Value, -ENOENT},
      {SYS_unlinkat, moving, [](World&, long m) { return call(SYS_unlinkat, AT_FDCWD, address("/no/such"), 0, 0, 0, m); }, Gives::Value, -ENOENT},
      {SYS_rmdir, moving, [](World&, long m) { return call(SYS_rmdir, address("/no/such"), 0, 0, 0, 0, m); }, Gives::Value, -ENOENT},
      {SYS_rename, moving, [](World&, long m) { return call(SYS_rename, address("/no/such"), address("/no/other"), 0, 0, 0, m); }, Gives::Value, -ENOENT},
      {SYS_renameat, moving, [](World&, long m) { return call(SYS_renameat, AT_FDCWD, address("/no/such"), AT_FDCWD, address("/no/other"), 0, m); }, Gives::Value, -ENOENT},
      {SYS_renameat2, moving, [](World&, long m) { return call(SYS_renameat2, AT_FDCWD, address("/no/such"), AT_FDCWD, address("/no/other"), 0, m); }, Gives::Value, -ENOENT},
      {SYS_symlink, moving, [](World&, long m) { return call(SYS_symlink, address("/no/such"), address("/no/other"), 0, 0, 0, m); }, Gives::Value, -ENOENT},
      {SYS_symlinkat, moving, [](World&, long m) { return call(SYS_symlinkat, address("/no/such"), AT_FDCWD, address("/no/other"), 0, 0, m); }, Gives::Value, -ENOENT},
      {SYS_chdir, nothing, [](World&, long m) { return call(SYS_chdir, address("/dev"), 0, 0, 0, 0, m); }, Gives::Value, 0},
      {SYS_fchdir, nothing, [](World& w, long m) { return call(SYS_fchdir, w.folder, 0, 0, 0, 0, m); }, Gives::Value, 0},
      {SYS_pipe, nothing, [](World& w, long m) { return call(SYS_pipe, address(w.made), 0, 0, 0, 0, m); }, Gives::Pair, 0},
      {SYS_pipe2, nothing, [](World& w, long m) { return call(SYS_pipe2, address(w.made), O_CLOEXEC, 0, 0, 0, m); }, Gives::Pair, 0},
      {SYS_eventfd, nothing, [](World&, long m) { return call(SYS_eventfd, 7, 0, 0, 0, 0, m); }, Gives::Descriptor, 0},
      {SYS_eventfd2, nothing, [](World&, long m) { return call(SYS_eventfd2, 7, O_CLOEXEC, 0, 0, 0, m); }, Gives::Descriptor, 0},
      {SYS_socket, nothing, [](World&, long m) { return call(SYS_socket, AF_UNIX, SOCK_STREAM, 0, 0, 0, m); }, Gives::Descriptor, 0},
      {SYS_socketpair, nothing, [](World& w, long m) { return call(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, address(w.made), 0, m); }, Gives::Pair, 0},
      {SYS_shutdown, nothing, [](World& w, long m) { return call(SYS_shutdown, w.null, SHUT_RD, 0, 0, 0, m); }, Gives::Value, -ENOTSOCK},
      {SYS_getsockopt, nothing, [](World& w, long m) { return call(SYS_getsockopt, w.ends[0], SOL_SOCKET, SO_ERROR, address(&w.option), address(&w.option_size), m); }, Gives::Value, 0},
      {SYS_setsockopt, nothing, [](World& w, long m) { return call(SYS_setsockopt, w.ends[0], SOL_SOCKET, SO_BROADCAST, address(&w.option), sizeof w.option, m); }, Gives::Value, 0},
      {SYS_sendfile, piped, [](World& w, long m) { return call(SYS_sendfile, w.pipes[1][1], w.file, address(&w.from), 50, 0, m); }, Gives::Value, 50},
      // Their last argument is flags, which refuse the mark.
      {SYS_copy_file_range, piped, [](World& w, long m) { return call(SYS_copy_file_range, w.file, address(&w.from), w.other, address(&w.to), 50, m); }, Gives::Value, -EINVAL},
      {SYS_ioctl, nothing, [](World& w, long m) { return call(SYS_ioctl, w.null, FICLONE, w.null, 0, 0, m); }, Gives::Value, -EINVAL},
      {SYS_splice, piped, [](World& w, long m) { return call(SYS_splice, w.pipes[0][0], 0, w.pipes[1][1], 0, 100, m); }, Gives::Value, -EINVAL},
      {SYS_tee, piped, [](World& w, long m) { return call(SYS_tee, w.pipes[0][0], w.pipes[1][1], 50, 0, 0, m); }, Gives::Value, 50},
      {SYS_vmsplice, piped, [](World& w, long m) { return call(SYS_vmsplice, w.pipes[1][1], address(w.out), 2, 0, 0, m); }, Gives::Value, 100},
      {SYS_fremovexattr, nothing, [](World&, long m) { return call(SYS_fremovexattr, -1, address("user.no"), 0, 0, 0, m); }, Gives::Value, -EBADF},
  };
  return list;
}

inline long mark_of(long nr, long round) { return kMark | nr << 12 | round; }

inline void close_given(World& world, const Stepped& one, long result) {
  if (one.gives == Gives::Descriptor && result >= 0) ::close(static_cast<int>(result));
  if (one.gives == Gives::Pair && result == 0) world.close_made();
}

inline bool announce_and_make(World& world, const Stepped& one, long round, int signal, long& result) {
  one.prepare(world);
  const sig_atomic_t before = handled;
  const long mark = mark_of(one.nr, round);
  call(SYS_swapoff, kAnnounce, round, signal);
  result = one.make(world, mark);
  close_given(world, one, result);
  return handled != before;
}

inline void say(FILE* log, const Stepped& one, long round, long result, int times) {
  fprintf(log, "%ld %ld %ld %d %d\n", one.nr, round, result, times, static_cast<int>(foreign));
}

// Each call with a signal at each of its instructions (each `stride`th), until one comes too late.
inline void step_with_handler(FILE* log, int signal, long stride) {
  struct sigaction action = {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO;
  sigaction(signal, &action, nullptr);
  World world;
  for (const Stepped& one : calls()) {
    bool reached = true;
    for (long round = 0; reached && round < kRoundsMax; round += stride) {
      long result = 0;
      const sig_atomic_t before = handled;
      reached = announce_and_make(world, one, round, signal, result);
      say(log, one, round, result, handled - before);
    }
  }
}

// Not stepped at all: every register is looked at.
inline void look_at_registers(FILE* log) {
  World world;
  looks_at_registers = true;
  for (const Stepped& one : calls()) {
    for (long round = 0; round < 20; ++round) {
      one.prepare(world);
      registers_kept = true;
      const long result = one.make(world, mark_of(one.nr, round));
      close_given(world, one, result);
      say(log, one, round, result, registers_kept);
    }
  }
  looks_at_registers = false;
}

inline void trap_flag(bool on) {
  uint64_t flags = __builtin_ia32_readeflags_u64();
  __builtin_ia32_writeeflags_u64(on ? flags | 0x100 : flags & ~0x100ull);
}

// The program steps itself, as debuggers do: its handler runs at every instruction it can see.
inline void step_itself(FILE* log) {
  struct sigaction action = {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGTRAP, &action, nullptr);
  World world;
  for (const Stepped& one : calls()) {
    for (long round = 0; round < 3; ++round) {
      one.prepare(world);
      const sig_atomic_t before = handled;
      trap_flag(true);
      const long result = one.make(world, mark_of(one.nr, round));
      trap_flag(false);
      close_given(world, one, result);
      say(log, one, round, result, handled - before > 10);
    }
  }
}

// Stopped and continued, which no handler sees: the number of rounds is the tracer's to know.
inline void step_with_stop(FILE* log) {
  World world;
  for (const Stepped& one : calls()) {
    for (long round = 0; round < 120; round += 7) {
      long result = 0;
      announce_and_make(world, one, round, SIGSTOP, result);
      say(log, one, round, result, 0);
    }
  }
}

// A child is killed at each instruction; the byte it wrote or did not write tells whether the call was made.
inline void step_with_kill(FILE* log) {
  World world;
  char byte = 'k';
  for (long round = 0; round < 90; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      for (int i = 0; i < 4; ++i) call(SYS_lseek, 9000, i);
      call(SYS_swapoff, kAnnounce, round, SIGKILL);
      call(SYS_pwrite64, world.file, address(&byte), 1, 1000 + round, 0, mark_of(SYS_pwrite64, round));
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    char there = 0;
    (void)!::pread(world.file, &there, 1, 1000 + round);
    fprintf(log, "%d %ld %d %d 0\n", SYS_pwrite64, round, there == 'k', WIFSIGNALED(status));
  }
}

// What VEDETTE_STEP asks for.
inline void run() {
  const char* path = getenv(kLog);
  const char* how = getenv(kHow);
  if (path == nullptr || how == nullptr) return;
  FILE* const log = fopen(path, "w");
  for (int i = 0; i < 8; ++i) call(SYS_lseek, 9000, i);
  if (strcmp(how, "handler") == 0) step_with_handler(log, SIGUSR1, 1);
  if (strcmp(how, "trap") == 0) step_with_handler(log, SIGTRAP, 7);
  if (strcmp(how, "registers") == 0) look_at_registers(log);
  if (strcmp(how, "itself") == 0) step_itself(log);
  if (strcmp(how, "stop") == 0) step_with_stop(log);
  if (strcmp(how, "kill") == 0) step_with_kill(log);
  fclose(log);
}

}  // namespace vedette::stepped
