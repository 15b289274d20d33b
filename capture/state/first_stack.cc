// SPDX-License-Identifier: Apache-2.0
#include "capture/state/first_stack.h"

#include <elf.h>

#include <algorithm>
#include <cstring>

namespace vedette {

namespace {

constexpr size_t kWord = sizeof(uint64_t);

// The stack's bytes by address and by word.
class Stack {
 public:
  Stack(uint64_t sp, std::string_view bytes) : sp_(sp), bytes_(bytes) {}
  std::optional<uint64_t> take() {
    uint64_t word;
    if (bytes_.size() < at_ + kWord) return std::nullopt;
    std::memcpy(&word, bytes_.data() + at_, kWord);
    at_ += kWord;
    return word;
  }
  // From `address` to the end of what was read; empty: outside.
  std::string_view from(uint64_t address) const {
    return address < sp_ || address - sp_ > bytes_.size() ? std::string_view() : bytes_.substr(address - sp_);
  }

 private:
  uint64_t sp_;
  std::string_view bytes_;
  size_t at_ = 0;
};

// Pointers up to a 0: the first, and the last.
struct Pointers {
  uint64_t first = 0, last = 0;
};

std::optional<Pointers> take_pointers(Stack& stack) {
  Pointers list;
  for (;;) {
    const std::optional<uint64_t> pointer = stack.take();
    if (!pointer) return std::nullopt;
    if (*pointer == 0) return list;
    if (list.first == 0) list.first = *pointer;
    list.last = *pointer;
  }
}

// The strings lie one behind another, in the order of the pointers. A list that goes on beyond what was read
// will do when that is enough.
std::optional<std::string_view> strings(const Stack& stack, Pointers list, size_t max) {
  if (list.first == 0) return std::string_view();
  if (list.last < list.first) return std::nullopt;
  const std::string_view rest = stack.from(list.first), last = stack.from(list.last);
  const size_t end = last.find('\0');
  if (end != last.npos) return rest.substr(0, std::min(list.last - list.first + end + 1, max));
  return rest.size() < max ? std::nullopt : std::optional(rest.substr(0, max));
}

}  // namespace

std::optional<FirstStack> parse_first_stack(uint64_t sp, std::string_view bytes, size_t list_max) {
  Stack stack(sp, bytes);
  const std::optional<uint64_t> argc = stack.take();
  if (!argc || *argc == 0) return std::nullopt;
  const std::optional<Pointers> argv = take_pointers(stack);
  const std::optional<Pointers> envp = argv ? take_pointers(stack) : std::nullopt;
  if (!envp || argv->first == 0) return std::nullopt;

  FirstStack found;
  uint64_t name = 0;
  for (;;) {
    const std::optional<uint64_t> tag = stack.take(), value = stack.take();
    if (!tag || !value) return std::nullopt;
    if (*tag == AT_NULL) break;
    const uint32_t number = static_cast<uint32_t>(*value);
    switch (*tag) {
      case AT_UID: found.uid = number; break;
      case AT_EUID: found.euid = number; break;
      case AT_GID: found.gid = number; break;
      case AT_EGID: found.egid = number; break;
      case AT_SECURE: found.secure = number != 0; break;
      case AT_EXECFN: name = *value; break;
    }
  }
  const std::string_view name_on = stack.from(name);
  const size_t name_end = name_on.find('\0');
  const std::optional<std::string_view> args = strings(stack, *argv, list_max), env = strings(stack, *envp, list_max);
  if (name == 0 || name_end == name_on.npos || !args || !env) return std::nullopt;
  found.name = name_on.substr(0, name_end);
  found.args = *args;
  found.env = *env;
  return found;
}

}  // namespace vedette
