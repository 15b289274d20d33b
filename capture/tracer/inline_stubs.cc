// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/inline_stubs.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "capture/tracer/inline_calls.h"
#include "capture/wire/ring.h"

namespace vedette {
namespace {

constexpr unsigned kJumpSize = 5;
constexpr unsigned kStubAlign = 16;

std::optional<int32_t> distance_to(uint64_t target, uint64_t next_instruction) {
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
  bool lea_rcx(uint64_t target) {
    bytes({0x48, 0x8d, 0x0d});
    const auto distance = distance_to(target, here() + 4);
    if (distance) word(static_cast<uint32_t>(*distance));
    return distance.has_value();
  }
  void jump_through(uint32_t pointer) {
    bytes({0xff, 0x24, 0x25});
    word(pointer);
  }
  void jump_by_r11(uint32_t target) {
    bytes({0x41, 0xbb});
    word(target);
    bytes({0x41, 0xff, 0xe3});
  }

 private:
  std::vector<uint8_t>& code_;
  uint64_t base_;
};

// A jump or call over the first `taken` bytes of `size`.
std::optional<Patch> make_patch(FileView file, const ElfImage& image, uint64_t address, uint64_t size, unsigned taken, uint8_t opcode, uint64_t target) {
  Patch patch;
  const auto offset = image.offset_of(address);
  const auto distance = distance_to(target, address + kJumpSize);
  if (!offset || !distance || size > Patch::kMax || file.part(*offset, size).size() != size) return {};
  patch.address = address;
  patch.size = static_cast<uint8_t>(size);
  memcpy(patch.before.data(), file.data() + *offset, size);
  patch.after = patch.before;
  std::fill_n(patch.after.begin(), taken, uint8_t{0xcc});
  patch.after[0] = opcode;
  memcpy(patch.after.data() + 1, &*distance, sizeof *distance);
  return patch;
}

// What an instruction leaves in rax, if it is `mov $number,%eax` or `xor %eax,%eax`.
std::optional<uint32_t> loaded_number(std::span<const uint8_t> instruction) {
  if (instruction.size() == 2 && instruction[0] == 0x31 && instruction[1] == 0xc0) return 0;
  if (instruction.size() != 5 || instruction[0] != 0xb8) return {};
  uint32_t number;
  memcpy(&number, instruction.data() + 1, sizeof number);
  return number;
}

// Of a number that is recorded whatever the integrity: the stubs do not know it.
std::optional<uint32_t> entry_of(std::optional<uint32_t> number) {
  const auto shape = number ? inline_shape(*number, Integrity::Strict) : std::nullopt;
  if (!shape) return {};
  return static_cast<uint32_t>(AgentPage::addresses(*shape).entry);
}

bool emit_stub(Emitter& emitter, FileView file, const ElfImage& image, const Site& site, SiteStub& stub) {
  stub.address = emitter.here();
  uint64_t address = site.start;
  std::optional<uint32_t> number;
  for (unsigned i = 0; i < site.moved_count; ++i) {
    const auto offset = image.offset_of(address);
    if (!offset || file.part(*offset, site.moved[i].size).size() != site.moved[i].size) return false;
    if (!emitter.move(file.data() + *offset, address, site.moved[i])) return false;
    number = loaded_number({file.data() + *offset, site.moved[i].size});
    address += site.moved[i].size;
  }
  stub.moved_size = static_cast<uint8_t>(emitter.here() - stub.address);
  if (!emitter.lea_rcx(site.end())) return false;
  // The number stands right before: neither the table nor its reader is needed, each a cache line for every call.
  if (const auto entry = entry_of(number)) {
    emitter.jump_by_r11(*entry);
  } else {
    emitter.jump_through(VEDETTE_DISPATCH);
  }
  stub.size = static_cast<uint8_t>(emitter.here() - stub.address);
  return true;
}

bool add_patches(FileView file, const ElfImage& image, const Site& site, SiteStub& stub) {
  if (!site.by_callers()) {
    const auto patch = make_patch(file, image, site.start, site.syscall - site.start, site.taken(), 0xe9, stub.address);
    if (patch) stub.patches.push_back(*patch);
    return patch.has_value();
  }
  for (const uint64_t caller : site.callers) {
    const auto offset = image.offset_of(caller);
    const auto opcode = offset ? file.at<uint8_t>(*offset) : std::nullopt;
    const auto patch = opcode ? make_patch(file, image, caller, kJumpSize, kJumpSize, *opcode, stub.address) : std::nullopt;
    if (patch) stub.patches.push_back(*patch);
  }
  return !stub.patches.empty();
}

}  // namespace

StubImage build_stubs(FileView file, const ElfImage& image, const std::vector<Site>& sites, int64_t distance) {
  StubImage built;
  built.distance = distance;
  Emitter emitter(built.code, static_cast<uint64_t>(distance));
  for (const Site& site : sites) {
    SiteStub& stub = built.stubs.emplace_back();
    if (!site.patchable()) continue;
    const size_t before = built.code.size();
    if (emit_stub(emitter, file, image, site, stub) && add_patches(file, image, site, stub)) {
      emitter.align();
    } else {
      built.code.resize(before);
      stub = {};
    }
  }
  return built;
}

}  // namespace vedette
