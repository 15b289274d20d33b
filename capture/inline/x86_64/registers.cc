// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/x86_64/registers.h"

#include <asm/prctl.h>
#include <sys/syscall.h>

#include <cstddef>

namespace vedette {
namespace {

void stage_segments(Registers& registers, const BootSegments& segments) {
  user_regs_struct& raw = registers.raw;
  raw.rbx = segments.ring;
  raw.rbp = segments.ring_address;
  raw.r12 = segments.ring_bytes;
  raw.r9 = 0;
  raw.r13 = segments.stubs;
  raw.r14 = segments.stubs_address;
}

}  // namespace

void enter_first_steps(Registers& registers, uint64_t steps, const PageAttach& page, const BootSegments& segments) {
  stage_segments(registers, segments);
  user_regs_struct& raw = registers.raw;
  raw.rip = steps;
  raw.rdi = page.page;
  raw.rsi = page.address;
  raw.rdx = page.flags;
  raw.r10 = page.secret[0];
  raw.r8 = page.secret[1];
  raw.r9 = page.patches;
  raw.r15 = page.entry;
}

void enter_boot(Registers& registers, uint64_t boot, const BootSegments& segments) {
  stage_segments(registers, segments);
  registers.raw.rip = boot;
  registers.raw.r15 = 0;
  registers.raw.eflags &= ~kTrapFlag;  // a program that steps itself does not step us
  forget_call(registers);
}

void begin_image(Registers& registers, uint64_t entry) {
  constexpr uint64_t kArithmeticFlags = 0x8d5;
  const user_regs_struct was = registers.raw;
  registers.raw = {};
  registers.raw.cs = was.cs;
  registers.raw.ss = was.ss;
  registers.raw.eflags = was.eflags & ~kArithmeticFlags;
  registers.raw.rsp = was.rsp;
  registers.raw.rip = entry;
  forget_call(registers);
}

void set_ring_context(Registers& registers, uint64_t context) { registers.raw.gs_base = context; }

void forget_call(Registers& registers) { registers.raw.orig_rax = ~0ull; }

Result<uint64_t> ip_of(Tid tid) {
  uint64_t ip = 0;
  const Result<long> got = ptrace_request(PTRACE_PEEKUSER, tid, offsetof(user_regs_struct, rip), &ip);
  if (!got) return got.error();
  return ip;
}

uint64_t link_of(const Registers& registers) { return registers.raw.rcx; }

void restore_spoiled(Registers& registers, const RingRecord& record) {
  registers.raw.rax = record.nr;
  registers.raw.rdx = record.args[2];
}

void skip_clock(Registers& registers) {
  constexpr uint64_t kReadsClock = 2;  // bytes of rdtsc
  registers.raw.rax = registers.raw.rdx = 0;
  registers.raw.rip += kReadsClock;
}

bool steps_itself(const Registers& registers) { return (registers.raw.eflags & kTrapFlag) != 0; }

std::vector<FilterRule> ring_context_rules() {
  std::vector<FilterRule> rules;
  for (const uint32_t code : {ARCH_SET_GS, ARCH_GET_GS}) rules.push_back({SYS_arch_prctl, {{0, 0xffffffff, code}}});
  return rules;
}

}  // namespace vedette
