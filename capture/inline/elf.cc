// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/elf.h"

#include <elf.h>

#include <algorithm>
#include <string_view>

namespace vedette {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kBuildIdMax = 64;

bool is_ours(const Elf64_Ehdr& header) {
  return memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_ident[EI_CLASS] == ELFCLASS64 &&
         header.e_machine == EM_X86_64 && (header.e_type == ET_EXEC || header.e_type == ET_DYN) &&
         header.e_phentsize == sizeof(Elf64_Phdr);
}

std::string_view text_at(FileView file, uint64_t offset, uint64_t max) {
  const FileView part = file.part(offset, max);
  const char* text = reinterpret_cast<const char*>(part.data());
  return {text, text == nullptr ? 0 : strnlen(text, part.size())};
}

// Notes are {name size, data size, type, name, data}, padded to 4.
void take_build_id(FileView file, const Elf64_Phdr& segment, ElfImage& image) {
  const uint64_t end = segment.p_offset + segment.p_filesz;
  for (uint64_t at = segment.p_offset; at < end;) {
    const auto note = file.at<Elf64_Nhdr>(at);
    if (!note) return;
    const uint64_t data = at + sizeof(Elf64_Nhdr) + ((uint64_t{note->n_namesz} + 3) & ~3ull);
    const FileView bytes = file.part(data, note->n_descsz);
    if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && bytes.size() == note->n_descsz && bytes.size() <= kBuildIdMax) {
      image.build_id.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      image.build_id_at = segment.p_vaddr + (data - segment.p_offset);
      return;
    }
    at = data + ((uint64_t{note->n_descsz} + 3) & ~3ull);
  }
}

struct Loaded {
  uint64_t start, end;
};

// No linker makes segments that overlap. Which of them lies at an address then is up to who maps them.
bool overlap(std::vector<Loaded>& segments) {
  std::sort(segments.begin(), segments.end(), [](const Loaded& a, const Loaded& b) { return a.start < b.start; });
  for (size_t i = 0; i < segments.size(); ++i) {
    if (segments[i].end < segments[i].start || (i > 0 && segments[i].start < segments[i - 1].end)) return true;
  }
  return false;
}

void add_segments(FileView file, const Elf64_Ehdr& header, ElfImage& image) {
  image.lowest = ~0ull;
  std::vector<Loaded> loaded;
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    const auto segment = file.at<Elf64_Phdr>(header.e_phoff + i * sizeof(Elf64_Phdr));
    if (!segment) break;
    if (segment->p_type == PT_NOTE && image.build_id.empty()) take_build_id(file, *segment, image);
    if (segment->p_type == PT_INTERP) image.interpreter = text_at(file, segment->p_offset, segment->p_filesz);
    if (segment->p_type != PT_LOAD) continue;
    image.lowest = std::min(image.lowest, segment->p_vaddr & ~(kPage - 1));
    image.highest = std::max(image.highest, segment->p_vaddr + segment->p_memsz);
    loaded.push_back({segment->p_vaddr, segment->p_vaddr + std::max(segment->p_memsz, segment->p_filesz)});
    // Text that is writable too is never patched: it may change under us.
    if ((segment->p_flags & (PF_X | PF_W)) != PF_X) continue;
    const FileView bytes = file.part(segment->p_offset, segment->p_filesz);
    if (bytes.size() != 0) image.code.push_back({segment->p_vaddr, segment->p_offset, bytes.size()});
  }
  if (overlap(loaded)) image.code.clear();
}

// The rest of the page that code ends in.
void find_spare(FileView file, const Elf64_Ehdr& header, ElfImage& image) {
  for (const CodeSegment& code : image.code) {
    const uint64_t end = (code.address + code.size + ElfImage::kSpareBytes - 1) & ~(ElfImage::kSpareBytes - 1);
    const uint64_t page = end & ~(kPage - 1);
    bool is_free = end != page;
    for (unsigned i = 0; i < header.e_phnum && is_free; ++i) {
      const auto other = file.at<Elf64_Phdr>(header.e_phoff + i * sizeof(Elf64_Phdr));
      if (!other || other->p_type != PT_LOAD) continue;
      if (other->p_vaddr == code.address) is_free = other->p_memsz <= code.size;
      else is_free = (other->p_vaddr & ~(kPage - 1)) > page || other->p_vaddr + other->p_memsz <= page;
    }
    if (is_free) image.spare = end;
  }
}

void add_functions(FileView file, const Elf64_Ehdr& header, ElfImage& image) {
  const auto names = file.at<Elf64_Shdr>(header.e_shoff + uint64_t{header.e_shstrndx} * sizeof(Elf64_Shdr));
  if (header.e_shentsize != sizeof(Elf64_Shdr)) return;
  for (unsigned i = 0; i < header.e_shnum; ++i) {
    const uint64_t at = header.e_shoff + i * sizeof(Elf64_Shdr);
    const auto section = file.at<Elf64_Shdr>(at);
    if (!section) return;
    const std::string_view name = names ? text_at(file, names->sh_offset + section->sh_name, 64) : std::string_view();
    if (section->sh_type == SHT_SYMTAB || section->sh_type == SHT_DYNSYM) add_symbol_functions(file, at, image.functions);
    if (name == ".eh_frame") add_unwind_functions(file, section->sh_offset, section->sh_addr, section->sh_size, image.functions);
    if (name.ends_with(".gopclntab")) add_go_functions(file.part(section->sh_offset, section->sh_size), image.functions);
  }
}

// Ascending, one of each start: where sources agree, the longer one that the next start allows.
void settle(std::vector<FunctionRange>& functions) {
  std::sort(functions.begin(), functions.end(), [](const FunctionRange& a, const FunctionRange& b) {
    return a.start != b.start ? a.start < b.start : a.end > b.end;
  });
  functions.erase(std::unique(functions.begin(), functions.end(),
                              [](const FunctionRange& a, const FunctionRange& b) { return a.start == b.start; }),
                  functions.end());
}

}  // namespace

std::optional<FunctionRange> ElfImage::function_at(uint64_t address) const {
  auto after = std::upper_bound(functions.begin(), functions.end(), address,
                                [](uint64_t wanted, const FunctionRange& function) { return wanted < function.start; });
  if (after == functions.begin()) return {};
  FunctionRange found = *(after - 1);
  if (found.end == found.start) found.end = after == functions.end() ? found.start + kPage : after->start;
  if (address >= found.end) return {};
  return found;
}

std::optional<uint64_t> ElfImage::offset_of(uint64_t address) const {
  for (const CodeSegment& segment : code) {
    if (address - segment.address < segment.size) return segment.offset + (address - segment.address);
  }
  return {};
}

std::optional<ElfImage> parse_elf(FileView file, bool with_functions) {
  const auto header = file.at<Elf64_Ehdr>(0);
  if (!header || !is_ours(*header)) return {};
  ElfImage image;
  image.position_independent = header->e_type == ET_DYN;
  image.entry = header->e_entry;
  add_segments(file, *header, image);
  find_spare(file, *header, image);
  if (with_functions) {
    add_functions(file, *header, image);
    settle(image.functions);
  }
  return image;
}

}  // namespace vedette
