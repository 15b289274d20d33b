// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/inline_stubs.h"

#include <cstring>
#include <optional>

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

 private:
  std::vector<uint8_t>& code_;
  uint64_t base_;
};

std::optional<Patch> make_patch(FileView file, const ElfImage& image, uint64_t address, uint64_t size, uint8_t opcode, uint64_t target) {
  Patch patch;
  const auto offset = image.offset_of(address);
  const auto distance = distance_to(target, address + kJumpSize);
  if (!offset || !distance || size > Patch::kMax || file.part(*offset, size).size() != size) return {};
  patch.address = address;
  patch.size = static_cast<uint8_t>(size);
  memcpy(patch.before.data(), file.data() + *offset, size);
  patch.after.fill(0xcc);
  patch.after[0] = opcode;
  memcpy(patch.after.data() + 1, &*distance, sizeof *distance);
  return patch;
}

bool emit_stub(Emitter& emitter, FileView file, const ElfImage& image, const Site& site, SiteStub& stub) {
  stub.address = emitter.here();
  uint64_t address = site.start;
  for (unsigned i = 0; i < site.moved_count; ++i) {
    const auto offset = image.offset_of(address);
    if (!offset || file.part(*offset, site.moved[i].size).size() != site.moved[i].size) return false;
    if (!emitter.move(file.data() + *offset, address, site.moved[i])) return false;
    address += site.moved[i].size;
  }
  stub.moved_size = static_cast<uint8_t>(emitter.here() - stub.address);
  if (!emitter.lea_rcx(site.end())) return false;
  emitter.jump_through(VEDETTE_DISPATCH);
  return true;
}

bool add_patches(FileView file, const ElfImage& image, const Site& site, SiteStub& stub) {
  if (!site.by_callers()) {
    const auto patch = make_patch(file, image, site.start, site.syscall - site.start, 0xe9, stub.address);
    if (patch) stub.patches.push_back(*patch);
    return patch.has_value();
  }
  for (const uint64_t caller : site.callers) {
    const auto offset = image.offset_of(caller);
    const auto opcode = offset ? file.at<uint8_t>(*offset) : std::nullopt;
    const auto patch = opcode ? make_patch(file, image, caller, kJumpSize, *opcode, stub.address) : std::nullopt;
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
