// SPDX-License-Identifier: Apache-2.0
// An ELF file as far as placing trampolines needs it: where its code lies, and where functions certainly
// begin. A decoder is only as good as its first byte, so every start here is one that the file itself vouches
// for: a symbol, an unwind entry (.eh_frame), a line of Go's function table. The file may be hostile: every
// offset is checked before it is followed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vedette {

// Bytes of a file that answer "nothing" rather than read outside.
class FileView {
 public:
  FileView() = default;
  explicit FileView(std::span<const std::byte> bytes) : bytes_(bytes) {}
  template <typename T>
  std::optional<T> at(uint64_t offset) const {
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof(T)) return {};
    T value;
    memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }
  FileView part(uint64_t offset, uint64_t size) const {
    if (offset > bytes_.size()) return {};
    return FileView(bytes_.subspan(offset, std::min<uint64_t>(size, bytes_.size() - offset)));
  }
  uint64_t size() const { return bytes_.size(); }
  const uint8_t* data() const { return reinterpret_cast<const uint8_t*>(bytes_.data()); }

 private:
  std::span<const std::byte> bytes_;
};

// A function, in addresses of the file (virtual addresses before any load bias). end == start: not told.
struct FunctionRange {
  uint64_t start;
  uint64_t end;
};

struct CodeSegment {
  uint64_t address;
  uint64_t offset;
  uint64_t size;
};

struct ElfImage {
  static constexpr uint64_t kSpareBytes = 16;

  bool position_independent = false;
  uint64_t entry = 0;
  uint64_t lowest = 0;   // of all segments, page-aligned
  uint64_t highest = 0;
  std::optional<uint64_t> spare;  // address of kSpareBytes that are mapped with the code, behind it, and that nobody uses
  std::string interpreter;
  std::string build_id;       // bytes of the linker's NT_GNU_BUILD_ID; empty: none
  uint64_t build_id_at = 0;   // their address
  std::vector<CodeSegment> code;          // no two of them overlap, nor does any other segment; else there is none
  std::vector<FunctionRange> functions;  // ascending start, one each

  // The function that holds an address; its end is never beyond the next one's start.
  std::optional<FunctionRange> function_at(uint64_t address) const;
  std::optional<uint64_t> offset_of(uint64_t address) const;  // code only
};

// Nothing when it is no x86-64 ELF program or library. `with_functions`: also gather boundaries (costs a pass
// over symbols).
std::optional<ElfImage> parse_elf(FileView file, bool with_functions);

// The sources of boundaries, each adding what it finds (functions.cc).
void add_symbol_functions(FileView file, uint64_t section, std::vector<FunctionRange>& into);
void add_unwind_functions(FileView file, uint64_t eh_frame_offset, uint64_t address, uint64_t size, std::vector<FunctionRange>& into);
void add_go_functions(FileView table, std::vector<FunctionRange>& into);

}  // namespace vedette
