// SPDX-License-Identifier: Apache-2.0
// On a real child: skipped, saying so, where the kernel does not let us trace one.
#include "capture/tracer/inject.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/kernel/ptrace.h"
#include "capture/kernel/remote_memory.h"
#include "capture/kernel/wait_status.h"

using namespace vedette;

namespace {

// One syscall instruction, in memory that the child inherits.
uint64_t make_gadget() {
  void* const page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
#if defined(__x86_64__)
  const unsigned char code[] = {0x0f, 0x05};
#else
  const unsigned char code[] = {0x01, 0x00, 0x00, 0xd4};
#endif
  __builtin_memcpy(page, code, sizeof code);
  return reinterpret_cast<uint64_t>(page);
}

// A child that counts in shared memory, seized and stopped.
struct StoppedChild {
  volatile long* counter = static_cast<volatile long*>(
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  uint64_t gadget = make_gadget();
  Tid tid;
  bool traced = false;

  StoppedChild() {
    const pid_t child = ::fork();
    if (child == 0) {
      for (;;) *counter = *counter + 1;
    }
    tid = Tid(child);
    int status = 0;
    traced = ptrace_seize(tid, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) && ptrace_interrupt(tid) &&
             ::waitpid(child, &status, __WALL) == child && WaitStatus(status).is_stopped();
  }
  ~StoppedChild() {
    ::kill(tid.get(), SIGKILL);
    ::waitpid(tid.get(), nullptr, __WALL);
  }
};

}  // namespace

TEST_CASE("an injected call gives its answer and leaves the program as it was") {
  StoppedChild child;
  if (!child.traced) {
    MESSAGE("skipped: tracing a child is not allowed here");
    return;
  }
  const Result<Registers> before = ptrace_registers(child.tid);
  REQUIRE(before);

  const Result<int64_t> pid = inject_call(child.tid, child.gadget, {SYS_getpid, {}});
  REQUIRE(pid);
  CHECK(*pid == child.tid.get());
  const Result<int64_t> failed = inject_call(child.tid, child.gadget, {SYS_close, {999}});
  REQUIRE(failed);
  CHECK(*failed == -EBADF);
  const Result<int64_t> page = inject_call(
      child.tid, child.gadget,
      {SYS_mmap, {0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~uint64_t{0}, 0}});
  REQUIRE(page);
  REQUIRE(*page > 0);
  RemoteMemory memory(child.tid);
  CHECK(memory.write(static_cast<uint64_t>(*page), "hello", 5) == 5);

  const Result<Registers> after = ptrace_registers(child.tid);
  REQUIRE(after);
  CHECK(after->ip() == before->ip());
  CHECK(after->sp() == before->sp());
  CHECK(after->result() == before->result());

  const long counted = *child.counter;
  REQUIRE(ptrace_resume(child.tid, Resume::Run));
  for (int i = 0; i < 1000 && *child.counter == counted; ++i) ::usleep(1000);
  CHECK(*child.counter > counted);
}

TEST_CASE("a signal that arrives during an injected call is delivered after it") {
  StoppedChild child;
  if (!child.traced) {
    MESSAGE("skipped: tracing a child is not allowed here");
    return;
  }
  ::kill(child.tid.get(), SIGUSR1);
  const Result<int64_t> pid = inject_call(child.tid, child.gadget, {SYS_getpid, {}});
  REQUIRE(pid);
  CHECK(*pid == child.tid.get());
  REQUIRE(ptrace_resume(child.tid, Resume::Run));
  int status = 0;
  REQUIRE(::waitpid(child.tid.get(), &status, __WALL) == child.tid.get());
  CHECK(WaitStatus(status).stop_signal() == SIGUSR1);
}

TEST_CASE("injecting into a task that was killed says it is gone") {
  StoppedChild child;
  if (!child.traced) {
    MESSAGE("skipped: tracing a child is not allowed here");
    return;
  }
  ::kill(child.tid.get(), SIGKILL);
  ::usleep(20'000);
  const Result<int64_t> pid = inject_call(child.tid, child.gadget, {SYS_getpid, {}});
  CHECK_FALSE(static_cast<bool>(pid));
  CHECK(pid.error().is_gone());
}
