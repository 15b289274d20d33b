// SPDX-License-Identifier: Apache-2.0
// Writing machine code that is to lie at a known distance from a file's code, and the jumps that lead there.
#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <span>
#include <vector>

#include "capture/inline/x86_64/stubs.h"

namespace vedette {

inline constexpr unsigned kStubAlign = 16;

inline std::optional<int32_t> distance_to(uint64_t target, uint64_t next_instruction) {
  const int64_t distance = static_cast<int64_t>(target - next_instruction);
  if (distance != static_cast<int32_t>(distance)) return {};
  return static_cast<int32_t>(distance);
}

// Machine code at a known address.
class Emitter {
 public:
  Emitter(std::vector<uint8_t>& code, uint64_t base) : code_(code), base_(base) {}
  uint64_t here() const { return base_ + code_.size(); }
  void bytes(std::initializer_list<uint8_t> list) { code_.insert(code_.end(), list); }
  void word(uint32_t value) {
    for (unsigned i = 0; i < 4; ++i) code_.push_back(static_cast<uint8_t>(value >> (8 * i)));
  }
  void align() {
    while (code_.size() % kStubAlign != 0) code_.push_back(0xcc);
  }
  // An instruction from `address`, with its RIP-relative displacement put right.
  bool move(const uint8_t* from, uint64_t address, const MovedInstruction& instruction) {
    const size_t at = code_.size();
    code_.insert(code_.end(), from, from + instruction.size);
    if (instruction.displacement_at == 0) return true;
    int32_t displacement;
    memcpy(&displacement, from + instruction.displacement_at, sizeof displacement);
    const uint64_t target = address + instruction.size + static_cast<uint64_t>(int64_t{displacement});
    const auto moved = distance_to(target, here());
    if (!moved) return false;
    memcpy(code_.data() + at + instruction.displacement_at, &*moved, sizeof *moved);
    return true;
  }
  bool lea_rcx(uint64_t target) { return reach({0x48, 0x8d, 0x0d}, target); }
  bool lea_rbx(uint64_t target) { return reach({0x48, 0x8d, 0x1d}, target); }
  bool jump(uint64_t target) { return reach({0xe9}, target); }
  bool call(uint64_t target) { return reach({0xe8}, target); }
  void jump_through(uint32_t pointer) {
    bytes({0xff, 0x24, 0x25});
    word(pointer);
  }
  void jump_by_r11(uint32_t target) {
    bytes({0x41, 0xbb});
    word(target);
    bytes({0x41, 0xff, 0xe3});
  }
  void append(std::span<const std::byte> data) {
    for (const std::byte one : data) code_.push_back(static_cast<uint8_t>(one));
  }

 private:
  // An instruction that ends in the distance to its target.
  bool reach(std::initializer_list<uint8_t> opcode, uint64_t target) {
    bytes(opcode);
    const auto distance = distance_to(target, here() + 4);
    if (distance) word(static_cast<uint32_t>(*distance));
    return distance.has_value();
  }

  std::vector<uint8_t>& code_;
  uint64_t base_;
};

// A jump or call over the first `taken` bytes of `size`.
std::optional<Patch> make_patch(FileView file, const ElfImage& image, uint64_t address, uint64_t size, unsigned taken, uint8_t opcode, uint64_t target);

}  // namespace vedette
