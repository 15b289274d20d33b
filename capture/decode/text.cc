// SPDX-License-Identifier: Apache-2.0
// Paths, names and argument lists: NUL-terminated text in the program's memory. It is read in pieces that
// never cross a page, so that a string which ends just before an unmapped page is read whole.
#include <algorithm>
#include <cstring>

#include <sys/prctl.h>

#include "capture/decode/roles.h"

namespace vedette::text {

namespace {

constexpr size_t kPageSize = 4096;  // the smallest there is
constexpr size_t kPiece = 256;

enum class Ending { Nul, Limit, Fault };

// Appends the string at `address` to the event's bytes, without its NUL, at most `limit` of it.
Ending append_string(Decoding& d, uint64_t address, size_t limit) {
  char piece[kPiece];
  while (true) {
    const size_t size = std::min(kPiece, kPageSize - address % kPageSize);
    const size_t got = d.memory.read(address, piece, size);
    const void* nul = std::memchr(piece, 0, got);
    const size_t length = nul ? static_cast<size_t>(static_cast<const char*>(nul) - piece) : got;
    d.event.keep({piece, std::min(length, limit)});
    if (length > limit) return Ending::Limit;
    if (nul) return Ending::Nul;
    if (got < size) return Ending::Fault;
    address += got;
    limit -= length;
  }
}

void string(Decoding& d, unsigned slot, uint64_t address, size_t limit) {
  if (address == 0) return;
  const uint32_t start = static_cast<uint32_t>(d.event.bytes.size());
  const Ending ending = append_string(d, address, limit);
  if (ending == Ending::Fault) {
    d.event.bytes.resize(start);
    return d.fault();
  }
  if (ending == Ending::Limit) d.truncated();
  d.event.set_span(slot, {start, static_cast<uint32_t>(d.event.bytes.size()) - start});
}

}  // namespace

void path(Decoding& d, const Step& s) { string(d, s.slot, d.arg(s.arg), d.limits.path_max); }

void prctl_name(Decoding& d, const Step& s) {
  constexpr size_t kNameSize = 15;  // TASK_COMM_LEN without the NUL; the kernel looks no further
  if (d.arg(0) != PR_SET_NAME || d.arg(s.arg) == 0) return;
  const uint16_t flags = d.event.flags;
  string(d, s.slot, d.arg(s.arg), kNameSize);
  d.event.flags = flags | (d.event.flags & kFault);
}

void config_text(Decoding& d, const Step& s) {
  constexpr uint32_t kSetString = 1, kSetPath = 3, kSetPathEmpty = 4;  // linux/mount.h
  const uint32_t command = static_cast<uint32_t>(d.arg(1));
  if (command == kSetString || command == kSetPath || command == kSetPathEmpty) path(d, s);
}

// argv: pointers up to a NULL one. Strings are kept one after another, each with its NUL.
void string_list(Decoding& d, const Step& s) {
  constexpr size_t kPointers = 32;
  const size_t word = d.layout.word;
  uint64_t address = d.arg(s.arg);
  if (address == 0) return;
  std::vector<char>& bytes = d.event.bytes;
  const size_t start = bytes.size();
  const auto finish = [&] {
    d.event.set_span(s.slot, {static_cast<uint32_t>(start), static_cast<uint32_t>(bytes.size() - start)});
  };
  while (true) {
    char pointers[kPointers * sizeof(uint64_t)];
    // Up to the end of the page, but a whole pointer at least: the array need not be aligned.
    const size_t wanted = std::max(word, std::min(kPointers * word, kPageSize - address % kPageSize));
    const size_t got = d.memory.read(address, pointers, wanted) / word;
    if (got == 0) {
      d.fault();
      return finish();
    }
    for (size_t i = 0; i < got; ++i) {
      const uint64_t pointer = d.word(pointers + i * word);
      if (pointer == 0) return finish();
      const size_t used = bytes.size() - start;
      if (used >= d.limits.argv_max) {
        d.truncated();
        return finish();
      }
      const Ending ending = append_string(d, pointer, d.limits.argv_max - used - 1);
      bytes.push_back('\0');
      if (ending == Ending::Limit) d.truncated();
      if (ending == Ending::Fault) d.fault();
      if (ending != Ending::Nul) return finish();
    }
    address += got * word;
  }
}

// readlink: a path without NUL, of the length the call returned.
void link_target(Decoding& d, const Step& s) {
  const size_t size = d.transferred(std::min<uint64_t>(d.limits.path_max, d.arg(s.extra)));
  if (size == 0) return;
  const size_t start = d.event.bytes.size();
  d.event.bytes.resize(start + size);
  const size_t got = d.memory.read(d.arg(s.arg), d.event.bytes.data() + start, size);
  d.event.bytes.resize(start + got);
  if (got < size) d.fault();
  d.event.set_span(s.slot, {static_cast<uint32_t>(start), static_cast<uint32_t>(got)});
}

}  // namespace vedette::text
