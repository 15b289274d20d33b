// SPDX-License-Identifier: Apache-2.0
// What is believed of made-up ELF files.
#include <doctest/doctest.h>
#include <elf.h>

#include <cstring>
#include <vector>

#include "capture/inline/elf.h"

using namespace vedette;

namespace {

constexpr size_t kFileSize = 0x3000;

Elf64_Phdr load(uint64_t address, uint64_t offset, uint64_t in_file, uint64_t in_memory, uint32_t flags = PF_R | PF_X) {
  Elf64_Phdr made{};
  made.p_type = PT_LOAD;
  made.p_flags = flags;
  made.p_vaddr = address;
  made.p_offset = offset;
  made.p_filesz = in_file;
  made.p_memsz = in_memory;
  return made;
}

// How many segments of code the file with these has.
size_t code_of(const std::vector<Elf64_Phdr>& segments) {
  std::vector<std::byte> bytes(kFileSize);
  Elf64_Ehdr header{};
  memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_machine = EM_X86_64;
  header.e_type = ET_EXEC;
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = static_cast<uint16_t>(segments.size());
  memcpy(bytes.data(), &header, sizeof header);
  memcpy(bytes.data() + sizeof header, segments.data(), segments.size() * sizeof(Elf64_Phdr));
  const std::optional<ElfImage> image = parse_elf(FileView(bytes), false);
  REQUIRE(image);
  return image->code.size();
}

}  // namespace

TEST_CASE("a file whose segments overlap has no code that is known: what lies there is up to who maps it") {
  CHECK(code_of({load(0x400000, 0, 0x1000, 0x1000), load(0x401000, 0x1000, 0x800, 0x800)}) == 2);
  CHECK(code_of({load(0x400000, 0, 0x1001, 0x1001), load(0x401000, 0x1000, 0x800, 0x800)}) == 0);
  // in the file's bytes alone, in memory's alone, by data, in another order, and around the end of addresses
  CHECK(code_of({load(0x400000, 0, 0x2000, 0x100), load(0x401000, 0x1000, 0x800, 0x800)}) == 0);
  CHECK(code_of({load(0x400000, 0, 0x100, 0x2000), load(0x401000, 0x1000, 0x800, 0x800)}) == 0);
  CHECK(code_of({load(0x400000, 0, 0x1000, 0x1000), load(0x400800, 0x1000, 0x100, 0x100, PF_R | PF_W)}) == 0);
  CHECK(code_of({load(0x401000, 0x1000, 0x800, 0x800), load(0x400000, 0, 0x1001, 0x1001)}) == 0);
  CHECK(code_of({load(~0ull - 0xff, 0, 0x1000, 0x1000)}) == 0);
}
