// SPDX-License-Identifier: Apache-2.0
// Where functions begin, by three witnesses:
//
//   symbols     .symtab, .dynsym: STT_FUNC with a value
//   .eh_frame   CIE and FDE records: a length, a pointer back to the CIE, then start and size in the CIE's encoding. The
//               assembler routines of C libraries have them too, which matters: there the system calls are
//   pclntab     Go: magic, word size, then the number of functions, text start, offset of the function table; a pair of
//               u32 a function (start relative to text start, offset of its data). Magics of Go 1.18 and 1.20
#include <elf.h>

#include "capture/inline/elf.h"

namespace vedette {
namespace {

constexpr uint64_t kFunctionsMax = 4u << 20;  // a bound for tables that lie about their size

// DWARF pointer encodings, as far as compilers use them for code.
enum : uint8_t { kAbsolute = 0x00, kUdata4 = 0x03, kSdata4 = 0x0b, kSdata8 = 0x0c, kFormat = 0x0f, kPcRelative = 0x10, kApplication = 0x70 };

// Walks bytes; stays at the end once it has run out.
class Cursor {
 public:
  Cursor(FileView file, uint64_t offset) : file_(file), offset_(offset) {}
  template <typename T>
  T take() {
    const auto value = file_.at<T>(offset_);
    if (!value) ok_ = false;
    offset_ += sizeof(T);
    return value.value_or(T{});
  }
  uint64_t leb() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const uint8_t byte = take<uint8_t>();
      value |= uint64_t{byte & 0x7fu} << shift;
      if ((byte & 0x80) == 0 || !ok_) break;
    }
    return value;
  }
  uint64_t offset() const { return offset_; }
  void skip(uint64_t bytes) { offset_ += bytes; }
  bool ok() const { return ok_; }

 private:
  FileView file_;
  uint64_t offset_;
  bool ok_ = true;
};

// The encoding of code pointers that a CIE's augmentation gives its FDEs.
std::optional<uint8_t> encoding_of(FileView file, uint64_t cie) {
  Cursor cursor(file, cie + 8);
  const uint8_t version = cursor.take<uint8_t>();
  char augmentation[8] = {};
  for (size_t i = 0; i < sizeof augmentation; ++i) {
    augmentation[i] = cursor.take<char>();
    if (augmentation[i] == 0) break;
    if (i == sizeof augmentation - 1) return {};
  }
  if (augmentation[0] == 0) return kAbsolute;
  if (augmentation[0] != 'z') return {};
  // A signal frame's range begins a byte before its code, for unwinders' sake.
  if (strchr(augmentation, 'S') != nullptr) return {};
  cursor.leb();  // code alignment
  cursor.leb();  // data alignment
  if (version == 1) cursor.take<uint8_t>(); else cursor.leb();
  cursor.leb();  // augmentation length
  for (const char* letter = augmentation + 1; *letter != 0; ++letter) {
    if (*letter == 'R') return cursor.ok() ? std::optional(cursor.take<uint8_t>()) : std::nullopt;
    if (*letter == 'L') cursor.take<uint8_t>();
    if (*letter == 'P') {
      const uint8_t format = cursor.take<uint8_t>() & kFormat;
      cursor.skip(format == kUdata4 || format == kSdata4 ? 4 : 8);
    }
  }
  return kAbsolute;
}

std::optional<uint64_t> take_pointer(Cursor& cursor, uint8_t format) {
  switch (format & kFormat) {
    case kSdata4: return static_cast<uint64_t>(int64_t{cursor.take<int32_t>()});
    case kUdata4: return cursor.take<uint32_t>();
    case kAbsolute:
    case kSdata8: return cursor.take<uint64_t>();
    default: return {};
  }
}

}  // namespace

void add_symbol_functions(FileView file, uint64_t section_at, std::vector<FunctionRange>& into) {
  const auto section = file.at<Elf64_Shdr>(section_at);
  if (!section || section->sh_entsize != sizeof(Elf64_Sym)) return;
  const uint64_t count = std::min(section->sh_size / sizeof(Elf64_Sym), kFunctionsMax);
  for (uint64_t i = 0; i < count; ++i) {
    const auto symbol = file.at<Elf64_Sym>(section->sh_offset + i * sizeof(Elf64_Sym));
    if (!symbol) return;
    const unsigned type = ELF64_ST_TYPE(symbol->st_info);
    if ((type != STT_FUNC && type != STT_GNU_IFUNC) || symbol->st_value == 0 || symbol->st_shndx == SHN_UNDEF) continue;
    into.push_back({symbol->st_value, symbol->st_value + symbol->st_size});
  }
}

void add_unwind_functions(FileView file, uint64_t base, uint64_t address, uint64_t size, std::vector<FunctionRange>& into) {
  for (uint64_t at = base; at + 8 <= base + size;) {
    Cursor cursor(file, at);
    const uint32_t length = cursor.take<uint32_t>();
    if (!cursor.ok() || length == 0 || length >= 0xfffffff0u) return;
    const uint64_t id_at = cursor.offset();
    const uint32_t back = cursor.take<uint32_t>();
    at = id_at + length;
    if (back == 0 || back > id_at) continue;  // a CIE
    const auto encoding = encoding_of(file, id_at - back);
    if (!encoding || (*encoding & 0x80) != 0) continue;
    const uint64_t field = cursor.offset();
    auto start = take_pointer(cursor, *encoding);
    const auto bytes = take_pointer(cursor, *encoding);
    if (!start || !bytes || !cursor.ok()) continue;
    if ((*encoding & kApplication) == kPcRelative) *start += address + (field - base);
    if (*start != 0 && *bytes != 0) into.push_back({*start, *start + *bytes});
  }
}

void add_go_functions(FileView table, std::vector<FunctionRange>& into) {
  constexpr uint32_t kGo118 = 0xfffffff0, kGo120 = 0xfffffff1;
  const auto magic = table.at<uint32_t>(0);
  const auto word = table.at<uint8_t>(7);
  const auto count = table.at<uint64_t>(8);
  const auto text = table.at<uint64_t>(24);
  const auto functions = table.at<uint64_t>(64);
  if (!magic || (*magic != kGo118 && *magic != kGo120) || word != 8 || !count || !text || !functions) return;
  for (uint64_t i = 0; i < std::min(*count, kFunctionsMax); ++i) {
    const auto start = table.at<uint32_t>(*functions + i * 8);
    const auto next = table.at<uint32_t>(*functions + (i + 1) * 8);
    if (!start || !next) return;
    into.push_back({*text + *start, *text + *next});
  }
}

}  // namespace vedette
