// SPDX-License-Identifier: Apache-2.0
// See proc_text.h. Numbers are taken with from_chars: no locale, no allocation.
#include "capture/state/proc_text.h"

#include <algorithm>
#include <charconv>

namespace vedette {

namespace {

std::string_view skip_blanks(std::string_view text) {
  const size_t start = text.find_first_not_of(" \t");
  return start == text.npos ? std::string_view() : text.substr(start);
}

// The next word of a line; takes it away.
std::string_view take_word(std::string_view& text) {
  text = skip_blanks(text);
  const size_t end = std::min(text.find_first_of(" \t"), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

uint32_t take_id(std::string_view& text) { return static_cast<uint32_t>(parse_number(take_word(text))); }

// "Uid: real effective saved filesystem"
void parse_ids(std::string_view value, uint32_t& real, uint32_t& effective, uint32_t& filesystem) {
  real = take_id(value);
  effective = take_id(value);
  take_word(value);
  filesystem = take_id(value);
}

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

}  // namespace

std::string_view take_until(std::string_view& text, char separator) {
  const size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  return part;
}

uint64_t parse_number(std::string_view text, int base) {
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

StatusText parse_status(std::string_view text) {
  StatusText status;
  Credentials& c = status.credentials;
  while (!text.empty()) {
    std::string_view value = take_until(text, '\n');
    const std::string_view name = take_until(value, ':');
    if (name == "Tgid") {
      status.tgid = take_id(value);
    } else if (name == "PPid") {
      status.ppid = take_id(value);
    } else if (name == "Uid") {
      parse_ids(value, c.ruid, c.euid, c.fsuid);
    } else if (name == "Gid") {
      parse_ids(value, c.rgid, c.egid, c.fsgid);
    } else if (name == "NSpid") {
      status.vpid = take_id(value);
      while (!skip_blanks(value).empty()) {
        status.vpid = take_id(value);
        status.nested_pids = true;
      }
    } else if (name == "CapInh") {
      c.inheritable = parse_number(skip_blanks(value), 16);
    } else if (name == "CapPrm") {
      c.permitted = parse_number(skip_blanks(value), 16);
    } else if (name == "CapEff") {
      c.effective = parse_number(skip_blanks(value), 16);
    } else if (name == "CapBnd") {
      status.bounding = parse_number(skip_blanks(value), 16);
    } else if (name == "Seccomp") {
      status.seccomp = take_id(value);
    }
  }
  return status;
}

StatText parse_stat(std::string_view text) {
  StatText stat;
  // pid (comm) state ppid pgrp session tty_nr ...; comm may hold anything, even ")".
  const size_t comm_end = text.rfind(')');
  if (comm_end == text.npos) return stat;
  text.remove_prefix(comm_end + 1);
  take_word(text);
  take_word(text);
  stat.group = take_id(text);
  stat.session = take_id(text);
  stat.tty = take_id(text);
  for (int field = 8; field < 22; ++field) take_word(text);
  const std::string_view ticks = take_word(text);
  if (!ticks.empty()) stat.start_ticks = parse_number(ticks);
  return stat;
}

std::string_view longest_cgroup(std::string_view text) {
  std::string_view longest;
  while (!text.empty()) {
    std::string_view line = take_until(text, '\n');
    take_until(line, ':');
    take_until(line, ':');
    if (line.size() > longest.size()) longest = line;
  }
  return longest;
}

namespace {
constexpr size_t kIdSize = 64, kShortSize = 12;  // of Docker, containerd, CRI-O, Podman
}

std::string_view short_id(std::string_view id) { return id.size() == kIdSize ? id.substr(0, kShortSize) : id; }

std::string_view container_id_of(std::string_view cgroup) {
  constexpr size_t kTaskSize = 32;                 // Fargate: .../TASK/TASK-NUMBER
  std::string_view task;
  for (size_t i = 0; i < cgroup.size();) {
    if (!is_hex(cgroup[i])) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < cgroup.size() && is_hex(cgroup[end])) ++end;
    if (end - i == kIdSize) return cgroup.substr(i, kIdSize);
    if (end - i == kTaskSize && end < cgroup.size() && cgroup[end] == '-') {
      size_t number_end = end + 1;
      while (number_end < cgroup.size() && cgroup[number_end] >= '0' && cgroup[number_end] <= '9') ++number_end;
      if (number_end > end + 1) task = cgroup.substr(i, number_end - i);
    }
    i = end;
  }
  return task;
}

uint64_t open_files_limit(std::string_view limits) {
  constexpr std::string_view kName = "Max open files";
  while (!limits.empty()) {
    std::string_view line = take_until(limits, '\n');
    if (!line.starts_with(kName)) continue;
    line.remove_prefix(kName.size());
    const std::string_view soft = take_word(line);
    return soft == "unlimited" ? UINT64_MAX >> 1 : parse_number(soft);
  }
  return 0;
}

std::optional<uint32_t> fdinfo_flags(std::string_view text) {
  while (!text.empty()) {
    std::string_view value = take_until(text, '\n');
    if (take_until(value, ':') == "flags") return static_cast<uint32_t>(parse_number(skip_blanks(value), 8));
  }
  return {};
}

uint64_t number_in_brackets(std::string_view link) {
  const size_t open = link.find('[');
  return open == link.npos ? 0 : parse_number(link.substr(open + 1));
}

}  // namespace vedette
