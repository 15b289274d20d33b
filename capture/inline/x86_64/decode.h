// SPDX-License-Identifier: Apache-2.0
// Capstone, as the search for sites uses it: a stretch of code as a list of instructions, and the few
// questions asked of one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace vedette {

struct Instruction {
  uint64_t address = 0;
  uint8_t size = 0;
  uint8_t bytes[15] = {};

  uint64_t end() const { return address + size; }
  bool is_cpuid() const { return size == 2 && bytes[0] == 0x0f && bytes[1] == 0xa2; }
};

// Decodes forward from `address`; stops at the first byte that is no instruction.
std::vector<Instruction> decode(const uint8_t* code, size_t size, uint64_t address);

// What one instruction does, asked with all of Capstone's detail: slower, so only of those in question.
struct InstructionFacts {
  bool control_flow = false;  // jump, call, return, interrupt, system call; cpuid, which is a site of its own
  bool landing_pad = false;   // endbr64
  bool reads_flags = false;
  bool writes_all_flags = false;
  bool writes_rax = false;
  bool uses_rip = false;      // by anything but a plain memory operand
  uint8_t displacement_at = 0;  // of a RIP-relative memory operand
};
std::optional<InstructionFacts> facts_of(const Instruction& instruction);

// Where a direct jump or call leads, from its bytes alone.
std::optional<uint64_t> branch_target(const Instruction& instruction);
// The same of a jump or call of kJumpSize bytes at `address`; nullopt: none stands there.
std::optional<uint64_t> far_branch_target(const uint8_t* code, uint64_t address);
// Of an endbr64.
inline constexpr unsigned kLandingPadSize = 4;
// jmp through a register or memory: a jump table, or a tail call.
bool is_indirect_jump(const Instruction& instruction);
// The number that an instruction of these bytes leaves in rax: `mov $nr,%eax`, `mov $nr,%rax` or
// `xor %eax,%eax`.
std::optional<uint32_t> loaded_number(std::span<const uint8_t> instruction);

}  // namespace vedette
