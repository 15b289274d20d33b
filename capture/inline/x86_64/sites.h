// SPDX-License-Identifier: Apache-2.0
// Finds the system calls in a file's code and says how each can be patched. The `syscall` itself is never
// touched: whole instructions before it are, so that any stale instruction pointer, branch or kernel restart
// that leads to it still finds a real system call, which traps: slow, never wrong.
//
//   window   at least five bytes of whole instructions right before the syscall move into the stub, a jump takes the place of the first
//            of them, as many as it needs
//   callers  nothing fits before it because the function has just begun (`xor %eax,%eax; syscall`): its direct callers are
//            sent to a stub that begins like the function
//
// A site must be proven: decoding forward from a function start that the file vouches for must meet exactly
// it; without any start, decoding from every byte before it must end in the same instructions. What cannot be
// proven or moved is refused, with the reason, and stays in the trace tier; what is seen to make a call that
// is never recorded inline is not even decoded.
//
// The same search finds the questions to the processor (answers.h): `cpuid` has two bytes too, and stays as
// well.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "capture/inline/elf.h"

namespace vedette {

enum class Refusal : uint8_t {
  None,
  NoBoundary,     // no function start vouches for it and decodes disagree
  Misread,        // decoding from the function's start does not meet it: data, or a function we misjudge
  NoWindow,       // fewer than five movable bytes before it, and no direct callers to redirect
  ControlFlow,    // a jump, call or landing pad stands in the window
  BranchInto,     // some branch leads into the window's middle
  JumpTable,      // the function jumps through a table, and the jump would take several instructions
  FlagsLive,      // the code behind the syscall reads flags that the stub spoils
  NotMovable,     // an instruction of the window cannot run elsewhere
  Cold,           // the bytes before it say a number that is not recorded inline: not looked at
  Count
};
std::string_view name_of(Refusal refusal);

// An instruction that moves into the stub.
struct MovedInstruction {
  uint8_t size = 0;
  uint8_t displacement_at = 0;  // where a RIP-relative displacement stands in it; 0: none
};

// A jmp or call with a rel32.
constexpr unsigned kJumpSize = 5;

// By its second byte; the first is 0f.
enum class Sought : uint8_t { Syscall = 0x05, Cpuid = 0xa2 };

struct Site {
  static constexpr uint32_t kAnyNumber = 0xffffffff;
  static constexpr unsigned kMovedMax = 6;

  uint64_t syscall = 0;  // address of the `syscall`, or of what was sought
  uint64_t start = 0;    // of what moves: the window, or the function (callers)
  uint32_t nr = kAnyNumber;  // the call's number where the code right before says it
  Refusal refusal = Refusal::None;
  bool vouched = false;  // by the file; else a trap must have shown that it is a syscall
  uint8_t moved_count = 0;
  MovedInstruction moved[kMovedMax];
  std::vector<uint64_t> callers;  // addresses of E8/E9 rel32 instructions to redirect; empty: a window

  bool patchable() const { return refusal == Refusal::None; }
  // Bytes of the window that the jump takes: whole instructions. What stands between them and the syscall
  // stays.
  unsigned taken() const {
    unsigned size = 0;
    for (unsigned i = 0; i < moved_count && size < kJumpSize; ++i) size += moved[i].size;
    return size;
  }
  bool by_callers() const { return !callers.empty(); }
  uint64_t end() const { return syscall + 2; }
};

// Every syscall instruction of the file that a decoder can vouch for, and those it cannot with the reason.
// Ascending.
std::vector<Site> find_sites(FileView file, const ElfImage& image, Sought sought = Sought::Syscall);

}  // namespace vedette
