// SPDX-License-Identifier: Apache-2.0
// What the processor says of itself, and the stubs that say it for it. The processors of this machine are the
// oracle.
#include "capture/inline/x86_64/answers.h"

#include <cpuid.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "capture/inline/file.h"
#include "capture/inline/x86_64/stubs.h"

using namespace vedette;

namespace {

using Four = std::array<uint32_t, 4>;

Four ask(uint32_t leaf, uint32_t part) {
  Four four;
  __cpuid_count(leaf, part, four[0], four[1], four[2], four[3]);
  return four;
}

// A function of (leaf, part, four registers to fill), whose window is the last instruction before its cpuid,
// and a list before it.
struct Program {
  static constexpr int64_t kDistance = -0x4000;
  static constexpr uint64_t kCode = 0x4000;  // the file's address 0 lies at the memory's start + kCode
  std::vector<uint8_t> code = {
      0x53,                    // push %rbx
      0x49, 0x89, 0xd0,        // mov %rdx,%r8
      0x89, 0xf8,              // mov %edi,%eax
      0x89, 0xf1,              // mov %esi,%ecx
      0x0f, 0x1f, 0x44, 0, 0,  // nopl 0(%rax,%rax)
      0x0f, 0xa2,              // cpuid
      0x41, 0x89, 0x00,        // mov %eax,(%r8)
      0x41, 0x89, 0x58, 0x04,  // mov %ebx,4(%r8)
      0x41, 0x89, 0x48, 0x08,  // mov %ecx,8(%r8)
      0x41, 0x89, 0x50, 0x0c,  // mov %edx,12(%r8)
      0x5b, 0xc3};             // pop %rbx; ret
  ElfImage image;
  std::byte* memory;

  Program() {
    image.position_independent = true;
    image.code.push_back({0, 0, code.size()});
    image.functions.push_back({0, code.size()});
    memory = static_cast<std::byte*>(::mmap(nullptr, kCode + 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    REQUIRE(memory != MAP_FAILED);
    memcpy(memory + kCode, code.data(), code.size());
  }
  ~Program() { ::munmap(memory, kCode + 4096); }

  FileView view() const { return FileView(std::as_bytes(std::span(code))); }
  std::vector<Site> sites() const { return find_sites(view(), image, Sought::Cpuid); }
  StubImage answer(std::span<const CpuidAnswer> answers) {
    StubImage built = build_answering(view(), image, sites(), answers, kDistance);
    memcpy(memory + kCode + kDistance, built.code.data(), built.code.size());
    for (const SiteStub& stub : built.stubs) {
      for (const Patch& patch : stub.patches) memcpy(memory + kCode + patch.address, patch.after.data(), patch.size);
    }
    return built;
  }
  Four call(uint32_t leaf, uint32_t part) const {
    Four four;
    reinterpret_cast<void (*)(uint32_t, uint32_t, uint32_t*)>(memory + kCode)(leaf, part, four.data());
    return four;
  }
};

}  // namespace

TEST_CASE("an answer is what every processor says, now as before") {
  const std::vector<CpuidAnswer> answers = cpuid_answers();
  cpu_set_t allowed;
  REQUIRE(::sched_getaffinity(0, sizeof allowed, &allowed) == 0);
  for (size_t processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (!CPU_ISSET(processor, &allowed)) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
    for (const CpuidAnswer& answer : answers) {
      CAPTURE(processor);
      CAPTURE(answer.leaf);
      CAPTURE(answer.part);
      CHECK(ask(answer.leaf, answer.part) == Four{answer.eax, answer.ebx, answer.ecx, answer.edx});
      // Where parts are said not to matter, they do not.
      if (answer.mask == 0) CHECK(ask(answer.leaf, 0x1234) == Four{answer.eax, answer.ebx, answer.ecx, answer.edx});
    }
  }
  REQUIRE(::sched_setaffinity(0, sizeof allowed, &allowed) == 0);
}

TEST_CASE("what names the processor that is asked is not answered") {
  for (const CpuidAnswer& answer : cpuid_answers()) {
    for (const uint32_t leaf : {1u, 0xbu, 0x1fu, 0x1au, 0x8000001eu, CpuidAnswer::kNoLeaf}) CHECK(answer.leaf != leaf);
  }
}

TEST_CASE("a question that is known is answered from the list, by leaf and, where they matter, part; another by the processor") {
  Program program;
  REQUIRE(program.sites().size() == 1);
  REQUIRE(program.sites()[0].patchable());
  constexpr uint32_t kAll = 0xffffffff;
  const std::vector<CpuidAnswer> made_up = {
      {.leaf = 7, .mask = kAll, .part = 1, .eax = 71, .ebx = 72, .ecx = 73, .edx = 74},
      {.leaf = 0x80000000, .mask = 0, .part = 0, .eax = 81, .ebx = 82, .ecx = 83, .edx = 84},
      {.leaf = 7, .mask = kAll, .part = 9, .eax = 91, .ebx = 92, .ecx = 93, .edx = 94},
  };
  program.answer(made_up);
  CHECK(program.call(7, 1) == Four{71, 72, 73, 74});
  CHECK(program.call(7, 9) == Four{91, 92, 93, 94});
  CHECK(program.call(0x80000000, 0) == Four{81, 82, 83, 84});
  CHECK(program.call(0x80000000, 77) == Four{81, 82, 83, 84});
  CHECK(program.call(7, 0) == ask(7, 0));
  CHECK(program.call(0, 0) == ask(0, 0));
  CHECK(program.call(CpuidAnswer::kNoLeaf, 0) == ask(CpuidAnswer::kNoLeaf, 0));
}

TEST_CASE("a stub that answers says where it may be given up, and where it must be run to its end") {
  Program program;
  const StubImage built = program.answer(cpuid_answers());
  REQUIRE(built.stubs.size() == 1);
  const SiteStub& stub = built.stubs[0];
  CHECK(stub.moved_size == 5);
  CHECK(stub.answer_size == 17);
  // The jump to the site's own cpuid, and the one behind it, end the two parts.
  const auto target_before = [&](size_t end) {
    int32_t distance;
    memcpy(&distance, built.code.data() + end - 4, sizeof distance);
    return end + static_cast<uint64_t>(Program::kDistance) + static_cast<uint64_t>(int64_t{distance});
  };
  const size_t start = stub.address - static_cast<uint64_t>(Program::kDistance);
  const Site site = program.sites()[0];
  CHECK(target_before(start + stub.size) == site.syscall);
  CHECK(target_before(start + stub.size + stub.answer_size) == site.end());
}

TEST_CASE("windows of neighbouring questions do not overlap, and the dynamic linker's questions are led away") {
  SiteCache cache;
  Fd fd(::open("/lib64/ld-linux-x86-64.so.2", O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return;  // no glibc here
  const std::unique_ptr<PatchableFile> linker = PatchableFile::open(std::move(fd), cache);
  REQUIRE(linker);
  NearSegment* near = linker->near(-(int64_t{1} << 30));
  REQUIRE(near != nullptr);
  for (unsigned i = 0; i < PatchableFile::kImagesBeforeAnswers; ++i) {
    CHECK(near->answering.stubs.empty());
    linker->count_image(*near);
  }
  CHECK(near->answering.stubs.empty() == !cpuid_is_dear());
  if (!cpuid_is_dear()) return;
  std::vector<const Patch*> patches;
  for (const SiteStub& stub : near->answering.stubs) {
    for (const Patch& patch : stub.patches) patches.push_back(&patch);
  }
  CHECK(patches.size() >= 10);
  for (size_t i = 1; i < patches.size(); ++i) CHECK(patches[i - 1]->address + patches[i - 1]->size + 2 <= patches[i]->address);
}
