// SPDX-License-Identifier: Apache-2.0
// What the host says back (docs/wire.md): short frames, rare, perhaps in pieces. For example ["ack", 7]:
//
//   06 00 00 00   92   a3 61 63 6b   07
//   size          array of 2, "ack", 7
//
// Only the forms that a host writes are read; a frame that is longer than any of them ends the stream.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vedette {

struct HostWord {
  enum class Kind : uint8_t { Ready, Acknowledge, Error, Prevent, Watch, Respond, Hash, Fill, Usage, Age, Unknown };
  Kind kind = Kind::Unknown;
  uint64_t number = 0;  // Acknowledge: every frame up to this one has been judged; Age: ms
  std::string text;     // Error: its code
  std::vector<uint8_t> frame;  // Prevent, Respond, Hash: all of it
  std::vector<std::string> paths = {};  // Watch
};

class HostWords {
 public:
  // False: this is no host of ours.
  bool feed(std::span<const uint8_t> bytes);
  std::optional<HostWord> next();

 private:
  std::vector<uint8_t> bytes_;
};

}  // namespace vedette
