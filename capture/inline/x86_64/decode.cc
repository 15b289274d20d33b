// SPDX-License-Identifier: Apache-2.0
// Two Capstone handles: a quick one that only finds lengths, for whole functions, and a detailed one.
#include "capture/inline/x86_64/decode.h"

#include <capstone/capstone.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace vedette {
namespace {

csh open_handle(bool detail) {
  csh handle = 0;
  if (cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK) abort();  // only without memory, or built without x86
  cs_option(handle, CS_OPT_DETAIL, detail ? CS_OPT_ON : CS_OPT_OFF);
  return handle;
}

csh quick() {
  static const csh handle = open_handle(false);
  return handle;
}
csh detailed() {
  static const csh handle = open_handle(true);
  return handle;
}

constexpr uint64_t kFlagsTested = X86_EFLAGS_TEST_OF | X86_EFLAGS_TEST_SF | X86_EFLAGS_TEST_ZF | X86_EFLAGS_TEST_PF |
                                  X86_EFLAGS_TEST_CF | X86_EFLAGS_TEST_AF;

bool writes_all(uint64_t flags) {
  const auto settles = [flags](uint64_t modify, uint64_t reset) { return (flags & (modify | reset)) != 0; };
  return settles(X86_EFLAGS_MODIFY_CF, X86_EFLAGS_RESET_CF) && settles(X86_EFLAGS_MODIFY_ZF, X86_EFLAGS_RESET_ZF) &&
         settles(X86_EFLAGS_MODIFY_SF, X86_EFLAGS_RESET_SF) && settles(X86_EFLAGS_MODIFY_OF, X86_EFLAGS_RESET_OF);
}

bool is_rax(unsigned reg) { return reg == X86_REG_RAX || reg == X86_REG_EAX || reg == X86_REG_AX || reg == X86_REG_AL; }

void look_at_operands(const cs_insn& from, InstructionFacts& facts) {
  const cs_x86& x86 = from.detail->x86;
  for (unsigned i = 0; i < x86.op_count; ++i) {
    const cs_x86_op& operand = x86.operands[i];
    if (operand.type == X86_OP_MEM && operand.mem.base == X86_REG_RIP) {
      if (x86.encoding.disp_size == 4) facts.displacement_at = x86.encoding.disp_offset;
      else facts.uses_rip = true;
    }
  }
}

}  // namespace

std::vector<Instruction> decode(const uint8_t* code, size_t size, uint64_t address) {
  std::vector<Instruction> list;
  static cs_insn* const buffer = cs_malloc(quick());
  while (size > 0 && cs_disasm_iter(quick(), &code, &size, &address, buffer)) {
    Instruction& instruction = list.emplace_back();
    instruction.address = buffer->address;
    instruction.size = static_cast<uint8_t>(buffer->size);
    memcpy(instruction.bytes, buffer->bytes, std::min<size_t>(buffer->size, sizeof instruction.bytes));
  }
  return list;
}

std::optional<InstructionFacts> facts_of(const Instruction& instruction) {
  static cs_insn* const buffer = cs_malloc(detailed());
  const uint8_t* code = instruction.bytes;
  size_t size = instruction.size;
  uint64_t address = instruction.address;
  if (!cs_disasm_iter(detailed(), &code, &size, &address, buffer) || buffer->size != instruction.size) return {};
  InstructionFacts facts;
  for (const unsigned group : {CS_GRP_JUMP, CS_GRP_CALL, CS_GRP_RET, CS_GRP_INT, CS_GRP_IRET, CS_GRP_BRANCH_RELATIVE}) {
    facts.control_flow |= cs_insn_group(detailed(), buffer, group);
  }
  for (const unsigned stays : {X86_INS_SYSCALL, X86_INS_SYSENTER, X86_INS_HLT, X86_INS_CPUID}) facts.control_flow |= buffer->id == stays;
  facts.landing_pad = buffer->id == X86_INS_ENDBR64;
  const uint64_t flags = buffer->detail->x86.eflags;
  facts.reads_flags = (flags & kFlagsTested) != 0;
  facts.writes_all_flags = writes_all(flags);
  cs_regs read, written;
  uint8_t read_count = 0, written_count = 0;
  if (cs_regs_access(detailed(), buffer, read, &read_count, written, &written_count) != CS_ERR_OK) return {};
  facts.writes_rax = std::any_of(written, written + written_count, is_rax);
  look_at_operands(*buffer, facts);
  return facts;
}

std::optional<uint64_t> far_branch_target(const uint8_t* code, uint64_t address) {
  constexpr unsigned kSize = 5;
  if (code[0] != 0xe8 && code[0] != 0xe9) return {};
  int32_t distance;
  memcpy(&distance, code + 1, sizeof distance);
  return address + kSize + static_cast<uint64_t>(int64_t{distance});
}

std::optional<uint64_t> branch_target(const Instruction& instruction) {
  const uint8_t* bytes = instruction.bytes;
  unsigned at = 0;
  while (at < instruction.size && (bytes[at] == 0x2e || bytes[at] == 0x3e || bytes[at] == 0xf2 || bytes[at] == 0x66)) ++at;
  const unsigned left = instruction.size - at;
  const bool is_short = left == 2 && ((bytes[at] & 0xf0) == 0x70 || bytes[at] == 0xeb || (bytes[at] >= 0xe0 && bytes[at] <= 0xe3));
  const bool is_near = left == 5 && (bytes[at] == 0xe8 || bytes[at] == 0xe9);
  const bool is_far_condition = left == 6 && bytes[at] == 0x0f && (bytes[at + 1] & 0xf0) == 0x80;
  if (is_short) return instruction.end() + static_cast<uint64_t>(int64_t{static_cast<int8_t>(bytes[at + 1])});
  if (!is_near && !is_far_condition) return {};
  int32_t distance;
  memcpy(&distance, bytes + instruction.size - 4, sizeof distance);
  return instruction.end() + static_cast<uint64_t>(int64_t{distance});
}

bool is_indirect_jump(const Instruction& instruction) {
  unsigned at = 0;
  while (at < instruction.size && (instruction.bytes[at] == 0x3e || (instruction.bytes[at] & 0xf0) == 0x40)) ++at;
  return at + 1 < instruction.size && instruction.bytes[at] == 0xff && ((instruction.bytes[at + 1] >> 3) & 7) == 4;
}

std::optional<uint32_t> loaded_number(std::span<const uint8_t> instruction) {
  const uint8_t* const bytes = instruction.data();
  if (instruction.size() == 2 && (bytes[0] == 0x31 || bytes[0] == 0x33) && bytes[1] == 0xc0) return 0;
  uint32_t number;
  if (instruction.size() == 5 && bytes[0] == 0xb8) {
    memcpy(&number, bytes + 1, sizeof number);
    return number;
  }
  if (instruction.size() == 7 && bytes[0] == 0x48 && bytes[1] == 0xc7 && bytes[2] == 0xc0) {
    memcpy(&number, bytes + 3, sizeof number);
    return number;
  }
  return {};
}

}  // namespace vedette
