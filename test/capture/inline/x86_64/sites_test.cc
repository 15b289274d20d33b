// SPDX-License-Identifier: Apache-2.0
// Sites in made-up code: which window is chosen, what is refused, and what the stub and the patch look like.
#include <doctest/doctest.h>

#include <cstring>
#include <vector>

#include "capture/inline/calls.h"
#include "capture/inline/x86_64/stubs.h"

using namespace vedette;

namespace {

constexpr uint64_t kBase = 0x1000;

struct Made {
  std::vector<uint8_t> code;
  ElfImage image;

  // Functions begin at the offsets given; the last ends with the code.
  Made(std::vector<uint8_t> bytes, std::vector<uint64_t> functions) : code(std::move(bytes)) {
    code.resize(code.size() + 32, 0x90);
    image.position_independent = true;
    image.code.push_back({kBase, 0, code.size()});
    for (size_t i = 0; i < functions.size(); ++i) {
      const uint64_t end = i + 1 < functions.size() ? functions[i + 1] : code.size();
      image.functions.push_back({kBase + functions[i], kBase + end});
    }
  }
  FileView view() const { return FileView(std::as_bytes(std::span(code))); }
  Site only() const {
    const std::vector<Site> sites = find_sites(view(), image);
    REQUIRE(sites.size() == 1);
    return sites[0];
  }
};

}  // namespace

TEST_CASE("mov $nr,%eax before a syscall is the window, and names the number") {
  const Made made({0x53, 0xb8, 0x11, 0, 0, 0, 0x0f, 0x05, 0x48, 0x3d, 1, 0xf0, 0xff, 0xff, 0xc3}, {0});
  const Site site = made.only();
  CHECK(site.patchable());
  CHECK(site.vouched);
  CHECK(site.nr == 0x11);
  CHECK(site.start == kBase + 1);
  CHECK(site.syscall == kBase + 6);
  CHECK(site.moved_count == 1);
}

TEST_CASE("an instruction whose tail looks like mov $nr,%eax is not patched in its middle") {
  // movl $0x10,-0x48(%rsp); syscall  (c7 44 24 b8 10 00 00 00 0f 05)
  const Made made({0x90, 0xc7, 0x44, 0x24, 0xb8, 0x10, 0, 0, 0, 0x0f, 0x05, 0xc3}, {0});
  const Site site = made.only();
  CHECK(site.patchable());
  CHECK(site.start == kBase + 1);
  CHECK(site.nr == Site::kAnyNumber);
}

TEST_CASE("a branch into the middle of a window refuses it; one to its ends does not") {
  // jmp +N; mov %rdi,%rsi (3); mov %rcx,%rdx (3); syscall; ret
  const auto code = [](uint8_t distance) {
    return Made({0xeb, distance, 0x48, 0x89, 0xfe, 0x48, 0x89, 0xca, 0x0f, 0x05, 0xc3}, {0});
  };
  CHECK(code(3).only().refusal == Refusal::BranchInto);
  CHECK(code(0).only().patchable());
  CHECK(code(6).only().patchable());
}

TEST_CASE("a far jump from another function into a window refuses it") {
  Made made({0x48, 0x89, 0xfe, 0x48, 0x89, 0xca, 0x0f, 0x05, 0xc3, 0x90, 0xe9, 0xf4, 0xff, 0xff, 0xff}, {0, 10});
  CHECK(made.only().refusal == Refusal::BranchInto);
  made.code[11] = 0xf1;  // to the window's start
  CHECK(made.only().patchable());
}

TEST_CASE("a function that begins right before its syscall is reached through its callers") {
  // f: xor %eax,%eax; syscall; ret      g: nop; call f; ret
  const Made made({0x31, 0xc0, 0x0f, 0x05, 0xc3, 0x90, 0x90, 0x90, 0x90, 0xe8, 0xf2, 0xff, 0xff, 0xff, 0xc3}, {0, 8});
  const Site site = made.only();
  CHECK(site.patchable());
  CHECK(site.by_callers());
  CHECK(site.nr == 0);
  REQUIRE(site.callers.size() == 1);
  CHECK(site.callers[0] == kBase + 9);
  const StubImage stubs = build_stubs(made.view(), made.image, {site}, -0x10000);
  const Patch& patch = stubs.stubs[0].patches.at(0);
  int32_t distance;
  memcpy(&distance, patch.after.data() + 1, sizeof distance);
  CHECK(patch.after[0] == 0xe8);
  CHECK(patch.address + 5 + static_cast<uint64_t>(int64_t{distance}) == stubs.stubs[0].address);
}

TEST_CASE("in a function with a jump table the jump may take one instruction only; what stands between it and the syscall stays") {
  // jmp *%rdx; mov $17,%eax; mov %edi,%esi; syscall; ret
  const Made made({0xff, 0xe2, 0xb8, 0x11, 0, 0, 0, 0x89, 0xfe, 0x0f, 0x05, 0xc3}, {0});
  const Site site = made.only();
  REQUIRE(site.patchable());
  CHECK(site.moved_count == 2);
  const StubImage stubs = build_stubs(made.view(), made.image, {site}, -0x10000);
  const Patch& patch = stubs.stubs[0].patches.at(0);
  CHECK(patch.size == 7);
  CHECK(patch.after[0] == 0xe9);
  CHECK(patch.after[5] == 0x89);
  CHECK(patch.after[6] == 0xfe);
  // mov %rdi,%rsi; mov %rcx,%rdx: the jump would take both.
  CHECK(Made({0xff, 0xe2, 0x48, 0x89, 0xfe, 0x48, 0x89, 0xca, 0x0f, 0x05, 0xc3}, {0}).only().refusal == Refusal::JumpTable);
}

TEST_CASE("flags that are read behind the syscall refuse it") {
  const Made made({0xb8, 1, 0, 0, 0, 0x0f, 0x05, 0x72, 0x00, 0xc3}, {0});
  CHECK(made.only().refusal == Refusal::FlagsLive);
}

TEST_CASE("a call, jump or landing pad right before a syscall leaves no window") {
  CHECK(Made({0x90, 0xe8, 0, 0, 0, 0, 0x0f, 0x05, 0xc3}, {0}).only().refusal == Refusal::ControlFlow);
  CHECK(Made({0xf3, 0x0f, 0x1e, 0xfa, 0x90, 0x0f, 0x05, 0xc3}, {0}).only().refusal != Refusal::None);
}

TEST_CASE("a call that is not recorded inline is not looked at") {
  CHECK(Made({0x90, 0x90, 0x90, 0xb8, 0x3b, 0, 0, 0, 0x0f, 0x05, 0xc3}, {0}).only().refusal == Refusal::Cold);  // execve
  CHECK(Made({0x90, 0x90, 0x90, 0xb8, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x05, 0xc3}, {0}).only().refusal == Refusal::Cold);
  CHECK(Made({0x90, 0x90, 0x41, 0xb8, 0x3b, 0, 0, 0, 0x0f, 0x05, 0xc3}, {0}).only().patchable());  // mov $59,%r8d
}

TEST_CASE("bytes that only look like a syscall are no site") {
  // mov $0x050f,%eax; ret
  const Made made({0xb8, 0x0f, 0x05, 0, 0, 0xc3}, {0});
  CHECK(made.only().refusal == Refusal::Misread);
}

TEST_CASE("an instruction that addresses memory by rip still addresses the same when it has moved") {
  // lea 0x100(%rip),%rsi; syscall
  const Made made({0x48, 0x8d, 0x35, 0x00, 0x01, 0, 0, 0x0f, 0x05, 0xc3}, {0});
  const Site site = made.only();
  REQUIRE(site.patchable());
  const StubImage stubs = build_stubs(made.view(), made.image, {site}, -0x20000);
  int32_t displacement;
  memcpy(&displacement, stubs.code.data() + 3, sizeof displacement);
  CHECK(stubs.stubs[0].address + 7 + static_cast<uint64_t>(int64_t{displacement}) == kBase + 7 + 0x100);
  CHECK(stubs.stubs[0].patches[0].size == 7);
  CHECK(stubs.stubs[0].patches[0].after[5] == 0xcc);
}

TEST_CASE("a stub whose last instruction loads the number goes to that number's entry, any other asks the table") {
  const auto tail = [](std::vector<uint8_t> code) {
    const Made made(std::move(code), {0});
    const StubImage stubs = build_stubs(made.view(), made.image, {made.only()}, -0x10000);
    const SiteStub& stub = stubs.stubs[0];
    const auto after_lea = stubs.code.begin() + stub.moved_size + 7;
    return std::vector<uint8_t>(after_lea, stubs.code.begin() + stub.size);
  };
  const auto entry = static_cast<uint32_t>(AgentPage::addresses(Shape::BytesIn).entry);
  const auto byte = [entry](unsigned i) { return static_cast<uint8_t>(entry >> (8 * i)); };
  const std::vector<uint8_t> straight = {0x41, 0xbb, byte(0), byte(1), byte(2), byte(3), 0x41, 0xff, 0xe3};
  const std::vector<uint8_t> by_table = {0xff, 0x24, 0x25, VEDETTE_DISPATCH & 0xff, VEDETTE_DISPATCH >> 8 & 0xff, VEDETTE_DISPATCH >> 16, 0};
  CHECK(tail({0x53, 0xb8, 0x11, 0, 0, 0, 0x0f, 0x05, 0xc3}) == straight);                          // pread64
  CHECK(tail({0x53, 0xb8, 0x11, 0, 0, 0, 0x48, 0x89, 0xfe, 0x0f, 0x05, 0xc3}) == by_table);        // mov %rdi,%rsi stands between
  CHECK(tail({0x53, 0x41, 0xb8, 0x11, 0, 0, 0, 0x0f, 0x05, 0xc3}) == by_table);                    // mov $17,%r8d
  CHECK(tail({0x53, 0xb8, 0x01, 0x01, 0, 0, 0x0f, 0x05, 0xc3}) == by_table);                       // openat, not under --integrity strict
}

TEST_CASE("a hostile file is no file of ours") {
  std::vector<uint8_t> bytes(4096, 0xff);
  CHECK_FALSE(parse_elf(FileView(std::as_bytes(std::span(bytes))), true));
  memcpy(bytes.data(), "\177ELF\2\1\1", 7);
  bytes[16] = 3, bytes[17] = 0, bytes[18] = 62, bytes[19] = 0, bytes[54] = 56, bytes[55] = 0, bytes[58] = 64, bytes[59] = 0;
  const auto image = parse_elf(FileView(std::as_bytes(std::span(bytes))), true);
  if (image) CHECK(find_sites(FileView(std::as_bytes(std::span(bytes))), *image).empty());
}
