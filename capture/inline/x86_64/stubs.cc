// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/x86_64/stubs.h"

#include <algorithm>
#include <cstddef>
#include <optional>

#include "capture/inline/calls.h"
#include "capture/inline/x86_64/decode.h"
#include "capture/inline/x86_64/emitter.h"
#include "capture/wire/ring.h"

namespace vedette {
namespace {

// Of a number that is recorded whatever the integrity: the stubs do not know it.
std::optional<uint32_t> entry_of(std::optional<uint32_t> number) {
  const auto shape = number ? inline_shape(*number, Integrity::Strict) : std::nullopt;
  if (!shape) return {};
  return static_cast<uint32_t>(AgentPage::addresses(*shape).entry);
}

// What stands first in every stub. The bytes of the last instruction that moved; nothing: one cannot run
// here.
std::optional<std::span<const uint8_t>> emit_moved(Emitter& emitter, FileView file, const ElfImage& image, const Site& site, SiteStub& stub) {
  stub.address = emitter.here();
  uint64_t address = site.start;
  std::span<const uint8_t> last;
  for (unsigned i = 0; i < site.moved_count; ++i) {
    const auto offset = image.offset_of(address);
    if (!offset || file.part(*offset, site.moved[i].size).size() != site.moved[i].size) return {};
    last = {file.data() + *offset, site.moved[i].size};
    if (!emitter.move(last.data(), address, site.moved[i])) return {};
    address += site.moved[i].size;
  }
  stub.moved_size = static_cast<uint8_t>(emitter.here() - stub.address);
  return last;
}

bool emit_stub(Emitter& emitter, FileView file, const ElfImage& image, const Site& site, SiteStub& stub) {
  const auto last = emit_moved(emitter, file, image, site, stub);
  if (!last || !emitter.lea_rcx(site.end())) return false;
  // The number stands right before: neither the table nor its reader is needed, each a cache line for every
  // call.
  if (const auto entry = entry_of(loaded_number(*last))) {
    emitter.jump_by_r11(*entry);
  } else {
    emitter.jump_through(VEDETTE_DISPATCH);
  }
  stub.size = static_cast<uint8_t>(emitter.here() - stub.address);
  return true;
}

bool emit_answering(Emitter& emitter, FileView file, const ElfImage& image, const Site& site, uint64_t answers, SiteStub& stub) {
  if (!emit_moved(emitter, file, image, site, stub) || !emitter.lea_rbx(answers)) return false;
  static_assert(sizeof(CpuidAnswer) == 32 && offsetof(CpuidAnswer, mask) == 4 && offsetof(CpuidAnswer, part) == 8 && offsetof(CpuidAnswer, eax) == 12);
  emitter.bytes({0x39, 0x03,              // 1: cmp %eax,(%rbx)
                 0x75, 0x0a,              //    jne 2f
                 0x8b, 0x53, 0x04,        //    mov mask(%rbx),%edx
                 0x21, 0xca,              //    and %ecx,%edx
                 0x3b, 0x53, 0x08,        //    cmp part(%rbx),%edx
                 0x74, 0x0e,              //    je 3f
                 0x48, 0x83, 0xc3, 0x20,  // 2: add $32,%rbx
                 0x83, 0x3b, 0xff,        //    cmpl $kNoLeaf,(%rbx)
                 0x75, 0xe9});            //    jne 1b
  if (!emitter.jump(site.syscall)) return false;
  stub.size = static_cast<uint8_t>(emitter.here() - stub.address);
  emitter.bytes({0x8b, 0x43, 0x0c,        // 3: mov eax(%rbx),%eax
                 0x8b, 0x4b, 0x14,        //    mov ecx(%rbx),%ecx
                 0x8b, 0x53, 0x18,        //    mov edx(%rbx),%edx
                 0x8b, 0x5b, 0x10});      //    mov ebx(%rbx),%ebx
  if (!emitter.jump(site.end())) return false;
  stub.answer_size = static_cast<uint8_t>(emitter.here() - stub.address - stub.size);
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

// A stub for each site, one after another; what cannot be built leaves no trace.
template <typename Emit>
void add_stubs(StubImage& built, Emitter& emitter, FileView file, const ElfImage& image, const std::vector<Site>& sites, Emit emit) {
  for (const Site& site : sites) {
    SiteStub& stub = built.stubs.emplace_back();
    if (!site.patchable()) continue;
    emitter.align();
    const size_t before = built.code.size();
    if (emit(site, stub) && add_patches(file, image, site, stub)) continue;
    built.code.resize(before);
    stub = {};
  }
}

}  // namespace

StubImage build_stubs(FileView file, const ElfImage& image, const std::vector<Site>& sites, int64_t distance) {
  StubImage built;
  built.distance = distance;
  Emitter emitter(built.code, static_cast<uint64_t>(distance));
  add_stubs(built, emitter, file, image, sites, [&](const Site& site, SiteStub& stub) { return emit_stub(emitter, file, image, site, stub); });
  return built;
}

StubImage build_answering(FileView file, const ElfImage& image, const std::vector<Site>& sites, std::span<const CpuidAnswer> answers, int64_t distance) {
  StubImage built;
  built.distance = distance;
  Emitter emitter(built.code, static_cast<uint64_t>(distance));
  const uint64_t list = emitter.here();
  emitter.append(std::as_bytes(answers));
  emitter.word(CpuidAnswer::kNoLeaf);
  add_stubs(built, emitter, file, image, sites, [&](const Site& site, SiteStub& stub) {
    return !site.by_callers() && emit_answering(emitter, file, image, site, list, stub);
  });
  return built;
}

}  // namespace vedette
