// SPDX-License-Identifier: Apache-2.0
// A line of either file is NAME:x:ID:..., of passwd NAME:x:UID:GID:COMMENT:HOME:SHELL; see accounts.h.
#include "capture/state/accounts.h"

#include <sys/stat.h>

#include "capture/state/proc_text.h"

namespace vedette {

namespace {

constexpr size_t kFileMax = 256u << 10;

bool is_same(const FileFacts& a, const FileFacts& b) {
  return a.dev == b.dev && a.ino == b.ino && a.size == b.size && a.mtime_ns == b.mtime_ns;
}

}  // namespace

Accounts::User Accounts::user(uint32_t pid, uint32_t uid) {
  std::string_view line = find(users_, pid, uid);
  User user{share(take_until(line, ':')), {}, {}};
  for (int i = 0; i < 4; ++i) take_until(line, ':');  // password, both ids, what is said of the user
  user.home = share(take_until(line, ':'));
  user.shell = share(take_until(line, ':'));
  return user;
}

Ref<Text> Accounts::group(uint32_t pid, uint32_t gid) {
  std::string_view line = find(groups_, pid, gid);
  return share(take_until(line, ':'));
}

// The line of an id; empty when there is none.
std::string_view Accounts::find(File& file, uint32_t pid, uint32_t id) {
  if (id == UINT32_MAX || !refresh(file, pid)) return {};
  std::string_view text = file.text;
  while (!text.empty()) {
    const std::string_view whole = take_until(text, '\n');
    std::string_view line = whole;
    const std::string_view name = take_until(line, ':');
    take_until(line, ':');
    const std::string_view number = take_until(line, ':');
    if (!name.empty() && !number.empty() && parse_number(number) == id) return whole;
  }
  return {};
}

bool Accounts::refresh(File& file, uint32_t pid) {
  const std::optional<FileFacts> facts = truth_.facts(pid, file.path);
  if (!facts || !S_ISREG(facts->mode)) return false;
  if (is_same(*facts, file.facts)) return true;
  if (!truth_.text(pid, file.path, file.text, kFileMax)) return false;
  file.facts = *facts;
  return true;
}

}  // namespace vedette
