// SPDX-License-Identifier: Apache-2.0
#include "capture/kernel/proc_lines.h"

#include <algorithm>
#include <charconv>

namespace vedette {
namespace {

std::string_view take_word(std::string_view& line) {
  const size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(line.find_first_not_of(' ', end), line.size()));
  return word;
}

std::optional<uint64_t> number_in(std::string_view word, int base) {
  uint64_t value = 0;
  const std::from_chars_result read = std::from_chars(word.data(), word.data() + word.size(), value, base);
  return read.ec == std::errc() ? std::optional(value) : std::nullopt;
}

}  // namespace

std::string_view take_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

std::optional<MapLine> read_map_line(std::string_view line) {
  const std::string_view range = take_word(line), rights = take_word(line), offset = take_word(line);
  (void)take_word(line);  // device
  const std::string_view inode = take_word(line);
  const size_t dash = range.find('-');
  if (dash == range.npos || rights.size() < 4) return std::nullopt;
  const auto start = number_in(range.substr(0, dash), 16), end = number_in(range.substr(dash + 1), 16);
  if (!start || !end) return std::nullopt;
  return MapLine{*start, *end, rights, number_in(offset, 16).value_or(0), number_in(inode, 10).value_or(0), line};
}

std::optional<MountLine> read_mount_line(std::string_view line) {
  const std::optional<uint64_t> id = number_in(take_word(line), 10);
  (void)take_word(line);  // parent
  if (!id) return std::nullopt;
  const std::string_view device = take_word(line);
  (void)take_word(line);  // which of its folders is mounted
  const std::string_view point = take_word(line);
  constexpr std::string_view kBeforeType = " - ";
  const size_t before_type = line.find(kBeforeType);
  line.remove_prefix(before_type == line.npos ? line.size() : before_type + kBeforeType.size());
  return MountLine{*id, device, point, take_word(line)};
}

std::string_view status_field(std::string_view status, std::string_view name) {
  while (!status.empty()) {
    const std::string_view line = take_line(status);
    if (line.size() > name.size() && line[name.size()] == ':' && line.starts_with(name)) {
      const size_t start = line.find_first_not_of(" \t", name.size() + 1);
      return start == line.npos ? std::string_view() : line.substr(start);
    }
  }
  return {};
}

uint64_t status_number(std::string_view status, std::string_view name, uint64_t otherwise) {
  return number_in(status_field(status, name), 10).value_or(otherwise);
}

uint64_t status_mask(std::string_view status, std::string_view name) { return number_in(status_field(status, name), 16).value_or(0); }

}  // namespace vedette
