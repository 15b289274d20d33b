// SPDX-License-Identifier: Apache-2.0
// The search goes by functions: raw 0f 05 pairs only say which functions are worth decoding (a handful in a
// hundred, and most pairs in big programs are data). Branches are checked twice: those of the function
// itself, decoded; and every rel32 in the file that would lead into a window of several instructions, by
// bytes alone, because a compiler moves cold parts of a function far away. That second check sees jumps that
// are none; it can only refuse too much.
#include "capture/inline/x86_64/sites.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <map>
#include <unordered_map>

#include "capture/inline/calls.h"
#include "capture/inline/x86_64/decode.h"

namespace vedette {
namespace {

constexpr uint64_t kFunctionMax = 1u << 20;
constexpr size_t kConvergeFrom = 15, kConvergeTo = 60;
constexpr size_t kInstructionMax = 15;
constexpr uint64_t kLongFunction = 1024;  // bytes: decoding more costs more than a second opinion

using Code = std::vector<Instruction>;

// The bytes of an address range, within one segment.
struct Stretch {
  const uint8_t* bytes = nullptr;
  size_t size = 0;
};

Stretch stretch(FileView file, const ElfImage& image, uint64_t from, uint64_t to) {
  for (const CodeSegment& segment : image.code) {
    if (from - segment.address >= segment.size) continue;
    const uint64_t size = std::min(to, segment.address + segment.size) - from;
    return {file.data() + segment.offset + (from - segment.address), static_cast<size_t>(size)};
  }
  return {};
}

// Fills in the window that ends at code[at], the syscall. `first`: index of the first instruction that may
// move.
void choose_window(const Code& code, size_t at, Site& site) {
  unsigned size = 0, count = 0;
  size_t i = at;
  while (size < kJumpSize) {
    if (i == 0 || count == Site::kMovedMax) {
      site.refusal = Refusal::NoWindow;
      return;
    }
    const auto facts = facts_of(code[--i]);
    if (!facts || facts->control_flow || facts->landing_pad) {
      site.refusal = Refusal::ControlFlow;
      return;
    }
    if (facts->uses_rip) {
      site.refusal = Refusal::NotMovable;
      return;
    }
    size += code[i].size;
    ++count;
  }
  site.start = code[i].address;
  site.moved_count = static_cast<uint8_t>(count);
  for (unsigned k = 0; k < count; ++k) {
    const Instruction& moved = code[i + k];
    site.moved[k] = {moved.size, facts_of(moved)->displacement_at};
  }
}

// For a function that begins right before its syscall: what stands between moves into a stub its callers go
// to.
bool choose_callers(const Code& code, size_t at, Site& site) {
  const size_t first = at > 0 && facts_of(code[0]) && facts_of(code[0])->landing_pad ? 1 : 0;
  if (at - first > Site::kMovedMax) return false;
  unsigned count = 0;
  for (size_t i = first; i < at; ++i) {
    const auto facts = facts_of(code[i]);
    if (!facts || facts->control_flow || facts->uses_rip) return false;
    site.moved[count++] = {code[i].size, facts->displacement_at};
  }
  site.start = code[first].address;
  site.moved_count = static_cast<uint8_t>(count);
  return true;
}

bool flags_live_after(const Code& code, size_t at) {
  for (size_t i = at + 1; i < code.size() && i < at + 8; ++i) {
    if (code[i].is_cpuid()) continue;  // it leaves the flags alone, and the code may go on after it
    const auto facts = facts_of(code[i]);
    if (!facts || facts->reads_flags) return facts.has_value();
    if (facts->writes_all_flags || facts->control_flow) return false;
  }
  return false;
}

uint32_t number_before(const Code& code, size_t at, const std::vector<uint64_t>& targets) {
  for (size_t i = at; i-- > 0 && at - i < 16;) {
    if (const auto number = loaded_number({code[i].bytes, code[i].size})) return *number;
    const auto facts = facts_of(code[i]);
    if (!facts || facts->writes_rax || facts->control_flow) break;
    if (std::binary_search(targets.begin(), targets.end(), code[i].address)) break;
  }
  return Site::kAnyNumber;
}

// Where its own branches lead.
struct Branches {
  std::vector<uint64_t> targets;  // ascending
  bool has_table = false;         // and where its jump table says

  explicit Branches(const Code& code) {
    for (const Instruction& instruction : code) {
      if (const auto target = branch_target(instruction)) targets.push_back(*target);
      has_table |= is_indirect_jump(instruction);
    }
    std::sort(targets.begin(), targets.end());
  }
};

bool any_inside(const std::vector<uint64_t>& targets, uint64_t above, uint64_t below) {
  const auto found = std::upper_bound(targets.begin(), targets.end(), above);
  return found != targets.end() && *found < below;
}

void judge(const Code& code, const Branches& branches, size_t at, uint64_t function, Site& site) {
  const std::vector<uint64_t>& targets = branches.targets;
  site.nr = number_before(code, at, targets);
  choose_window(code, at, site);
  if (site.refusal == Refusal::None) {
    if (any_inside(targets, site.start, site.syscall)) site.refusal = Refusal::BranchInto;
    else if (site.taken() > site.moved[0].size && branches.has_table) site.refusal = Refusal::JumpTable;
  }
  // `function` 0: nothing vouches for a start, so nobody can be sent there.
  if (site.refusal != Refusal::None && function != 0 && code[0].address == function &&
      !any_inside(targets, function, site.syscall) && choose_callers(code, at, site)) {
    site.refusal = Refusal::NoWindow;  // until callers are found
  } else if (site.refusal != Refusal::None) {
    site.moved_count = 0;
  }
  if (flags_live_after(code, at)) site.refusal = Refusal::FlagsLive;
}

// No start is known: decode from many places before it. All that stay in step must agree on the instructions
// before it.
bool converge(FileView file, const ElfImage& image, uint64_t address, Code& code) {
  unsigned agreeing = 0;
  for (size_t back = kConvergeFrom; back <= kConvergeTo; ++back) {
    const Stretch bytes = stretch(file, image, address - back, address + 32);
    if (bytes.size < back + 2) continue;
    Code attempt = decode(bytes.bytes, bytes.size, address - back);
    const auto hit = std::find_if(attempt.begin(), attempt.end(), [address](const Instruction& i) { return i.address >= address; });
    if (hit == attempt.end()) continue;  // ran into bytes that are no instruction
    if (hit->address != address) return false;
    const auto same = [](const Instruction& a, const Instruction& b) { return a.address == b.address && a.size == b.size; };
    // Only the shortest common tail can be trusted.
    if (agreeing++ == 0) {
      code = std::move(attempt);
      continue;
    }
    size_t a = static_cast<size_t>(hit - attempt.begin());
    size_t b = static_cast<size_t>(std::find_if(code.begin(), code.end(), [address](const Instruction& i) { return i.address == address; }) - code.begin());
    while (a > 0 && b > 0 && same(attempt[a - 1], code[b - 1])) --a, --b;
    code.erase(code.begin(), code.begin() + static_cast<ptrdiff_t>(b));
  }
  return agreeing >= 8 && !code.empty();
}

// Whether an instruction may begin there. Decoding falls into step with the code soon, wherever it begins:
// what steps over the address from eight places well before it is the inside of an instruction.
bool may_begin(FileView file, const ElfImage& image, uint64_t address) {
  constexpr size_t kFrom = 160, kTo = 168;
  for (size_t back = kFrom; back < kTo; ++back) {
    const Stretch bytes = stretch(file, image, address - back, address + kInstructionMax);
    if (bytes.size < back + 2) return true;
    const Code attempt = decode(bytes.bytes, bytes.size, address - back);
    if (std::any_of(attempt.begin(), attempt.end(), [address](const Instruction& i) { return i.address == address; })) return true;
  }
  return false;
}

void add_site(const Code& code, const Branches& branches, size_t at, uint64_t function, std::vector<Site>& sites) {
  Site& site = sites.emplace_back();
  site.syscall = code[at].address;
  site.vouched = function != 0;
  judge(code, branches, at, function, site);
}

std::vector<uint64_t> raw_pairs(FileView file, const ElfImage& image, Sought sought) {
  std::vector<uint64_t> pairs;
  for (const CodeSegment& segment : image.code) {
    const uint8_t* bytes = file.data() + segment.offset;
    for (const uint8_t *at = bytes, *end = bytes + segment.size; at + 1 < end; ++at) {
      at = static_cast<const uint8_t*>(memchr(at, 0x0f, static_cast<size_t>(end - at)));
      if (at == nullptr || at + 1 >= end) break;
      if (at[1] == static_cast<uint8_t>(sought)) pairs.push_back(segment.address + static_cast<uint64_t>(at - bytes));
    }
  }
  return pairs;
}

// `mov $nr,%eax` right before it, by bytes alone: misread, a hot call stays traced, and that is all. Three of
// four sites of a libc go this way, and decoding their functions took two thirds of the search. Not where the
// opcode may be something else: of another register (a REX prefix before it), or a displacement (of a `mov`,
// an operation or a multiplication with a number).
bool is_cold(FileView file, const ElfImage& image, uint64_t address) {
  constexpr uint64_t kBefore = 3, kLoadSize = 5;
  const Stretch code = stretch(file, image, address - kLoadSize - kBefore, address);
  if (code.size != kLoadSize + kBefore || code.bytes[kBefore] != 0xb8) return false;
  if ((code.bytes[kBefore - 1] & 0xf1) == 0x41) return false;
  for (size_t i = 0; i < kBefore; ++i) {
    if (code.bytes[i] == 0xc7 || code.bytes[i] == 0x81 || code.bytes[i] == 0x69) return false;
  }
  uint32_t nr;
  memcpy(&nr, code.bytes + kBefore + 1, sizeof nr);
  return !inline_shape(nr, Integrity::Normal);
}

// Addresses by their block of 16 bytes, a bit for all blocks of one remainder: says no to nearly all that are
// not there.
class Blocks {
 public:
  void add(uint64_t from, uint64_t to) {
    for (uint64_t block = from / kBytes; block <= to / kBytes; ++block) bits_.set(block % kBits);
  }
  bool may_hold(uint64_t address) const { return bits_[address / kBytes % kBits]; }

 private:
  static constexpr uint64_t kBytes = 16;
  static constexpr size_t kBits = 1 << 17;
  std::bitset<kBits> bits_;
};

constexpr auto kMayBranch = [] {
  std::array<bool, 256> may{};
  may[0xe8] = may[0xe9] = may[0x0f] = true;
  return may;
}();

// Every rel32 of the code that leads into one of the blocks:
// `found(target, address of the instruction's opcode)`.
template <typename Found>
void scan_rel32(FileView file, const ElfImage& image, const Blocks& wanted, Found found) {
  for (const CodeSegment& segment : image.code) {
    const uint8_t* bytes = file.data() + segment.offset;
    for (size_t i = 0; i + 5 <= segment.size; ++i) {
      if (!kMayBranch[bytes[i]]) continue;
      const bool plain = bytes[i] != 0x0f;
      if (!plain && (i + 6 > segment.size || (bytes[i + 1] & 0xf0) != 0x80)) continue;
      const size_t at = plain ? i + 1 : i + 2;
      int32_t distance;
      memcpy(&distance, bytes + at, sizeof distance);
      const uint64_t target = segment.address + at + sizeof distance + static_cast<uint64_t>(int64_t{distance});
      if (wanted.may_hold(target)) found(target, segment.address + i, plain);
    }
  }
}

// A caller counts only when decoding its function meets it.
bool is_instruction(FileView file, const ElfImage& image, uint64_t address) {
  const auto function = image.function_at(address);
  if (!function || function->end - function->start > kFunctionMax) return false;
  const Stretch bytes = stretch(file, image, function->start, std::min(function->end, address + kInstructionMax));
  const Code code = decode(bytes.bytes, bytes.size, function->start);
  return std::any_of(code.begin(), code.end(), [address](const Instruction& i) { return i.address == address; });
}

// What the rest of the file has to say: who calls the functions whose callers are wanted, who branches into
// windows.
void look_at_branches(FileView file, const ElfImage& image, std::vector<Site>& sites) {
  std::unordered_map<uint64_t, Site*> called;  // by their function
  std::map<uint64_t, Site*> windows;           // of several instructions, by their syscall
  Blocks blocks;
  for (Site& site : sites) {
    if (site.patchable() && site.moved_count > 1) {
      windows[site.syscall] = &site;
      blocks.add(site.start, site.syscall);
    } else if (site.refusal == Refusal::NoWindow && site.start != 0) {
      const auto function = image.function_at(site.syscall);
      if (!function) continue;
      called[function->start] = &site;
      blocks.add(function->start, function->start);
    }
  }
  if (called.empty() && windows.empty()) return;
  scan_rel32(file, image, blocks, [&](uint64_t target, uint64_t address, bool plain) {
    const auto window = windows.upper_bound(target);
    if (window != windows.end() && target > window->second->start) window->second->refusal = Refusal::BranchInto;
    const auto callee = plain ? called.find(target) : called.end();
    if (callee != called.end() && is_instruction(file, image, address)) callee->second->callers.push_back(address);
  });
  for (Site& site : sites) {
    if (site.by_callers()) site.refusal = Refusal::None;
  }
}

}  // namespace

std::vector<Site> find_sites(FileView file, const ElfImage& image, Sought sought) {
  std::vector<Site> sites;
  Code code;
  Branches branches(code);   // of it
  uint64_t decoded = ~0ull;  // start of the function in `code`
  for (const uint64_t address : raw_pairs(file, image, sought)) {
    if (sought == Sought::Syscall && is_cold(file, image, address)) {
      sites.emplace_back().syscall = address;
      sites.back().refusal = Refusal::Cold;
      continue;
    }
    const auto function = image.function_at(address);
    if (!function || function->end - function->start > kFunctionMax) {
      if (converge(file, image, address, code)) {
        const auto at = std::find_if(code.begin(), code.end(), [address](const Instruction& i) { return i.address == address; });
        add_site(code, Branches(code), static_cast<size_t>(at - code.begin()), 0, sites);
      } else {
        sites.emplace_back().syscall = address;
        sites.back().refusal = Refusal::NoBoundary;
      }
      decoded = ~0ull;
      continue;
    }
    const bool is_long = decoded != function->start && function->end - function->start > kLongFunction;
    if (is_long && !may_begin(file, image, address)) {
      sites.emplace_back().syscall = address;
      sites.back().refusal = Refusal::Misread;
      continue;
    }
    if (decoded != function->start) {
      const Stretch bytes = stretch(file, image, function->start, function->end);
      code = decode(bytes.bytes, bytes.size, function->start);
      branches = Branches(code);
      decoded = function->start;
    }
    const auto at = std::lower_bound(code.begin(), code.end(), address, [](const Instruction& i, uint64_t wanted) { return i.address < wanted; });
    if (at != code.end() && at->address == address) {
      add_site(code, branches, static_cast<size_t>(at - code.begin()), function->start, sites);
    } else {
      sites.emplace_back().syscall = address;
      sites.back().refusal = Refusal::Misread;
    }
  }
  look_at_branches(file, image, sites);
  return sites;
}

std::string_view name_of(Refusal refusal) {
  static constexpr std::string_view kNames[] = {"the file changed, or no room for stubs", "no boundary", "misread", "no window", "control flow in the window",
                                                "branch into the window", "jump table", "flags live", "not movable", "cold"};
  static_assert(std::size(kNames) == static_cast<size_t>(Refusal::Count));
  return kNames[static_cast<size_t>(refusal)];
}

}  // namespace vedette
