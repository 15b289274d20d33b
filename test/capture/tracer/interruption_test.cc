// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/interruption.h"

#include <doctest/doctest.h>

using namespace vedette;

namespace {

std::unique_ptr<PendingCall> interrupted_call(uint64_t nr, uint64_t ip, uint64_t sp) {
  std::unique_ptr<PendingCall> call = std::make_unique<PendingCall>();
  call->nr = nr;
  call->ip = ip;
  call->sp = sp;
  call->args[0] = 3;
  return call;
}

SyscallInfo entry(uint64_t nr, uint64_t ip, uint64_t sp, uint64_t first) {
  SyscallInfo info{};
  info.op = PTRACE_SYSCALL_INFO_SECCOMP;
  info.instruction_pointer = ip;
  info.stack_pointer = sp;
  info.seccomp.nr = nr;
  info.seccomp.args[0] = first;
  return info;
}

}  // namespace

TEST_CASE("a call is a restart when number, arguments, ip and sp are the interrupted one's") {
  Task task(Tid(1), Tid(1), make_ref<AddressSpace>());
  task.interrupted.push_back(interrupted_call(0, 0x1000, 0x7000));
  CHECK(take_restarted(task, entry(0, 0x1000, 0x7000, 4)) == nullptr);
  CHECK(take_restarted(task, entry(0, 0x1002, 0x7000, 3)) == nullptr);
  CHECK(take_restarted(task, entry(0, 0x1000, 0x6ff0, 3)) == nullptr);
  CHECK(take_restarted(task, entry(1, 0x1000, 0x7000, 3)) == nullptr);
  CHECK(take_restarted(task, entry(0, 0x1000, 0x7000, 3)) != nullptr);
  CHECK(task.interrupted.empty());
}

TEST_CASE("the innermost of several interrupted calls goes on first, others are kept") {
  Task task(Tid(1), Tid(1), make_ref<AddressSpace>());
  task.interrupted.push_back(interrupted_call(0, 0x1000, 0x7000));
  task.interrupted.push_back(interrupted_call(1, 0x2000, 0x6000));
  REQUIRE(take_restarted(task, entry(0, 0x1000, 0x7000, 3)) != nullptr);
  REQUIRE(task.interrupted.size() == 1);
  CHECK(task.interrupted[0]->nr == 1);
}

TEST_CASE("the kernel's private results are no results") {
  for (const int64_t code : {-512, -513, -514, -516}) CHECK(is_restart(code));
  for (const int64_t code : {-515, -4, -11, 0, 512}) CHECK_FALSE(is_restart(code));
}
