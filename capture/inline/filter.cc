// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/filter.h"

#include <linux/fs.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "capture/inline/x86_64/registers.h"
#include "capture/tracer/memory_calls.h"
#include "capture/tracer/segment.h"

namespace vedette {
namespace {

// What a program does most is near the root of the filter's tree.
constexpr uint32_t kMovesBytesWeight = 96, kGateWeight = 8, kConnectionWeight = 2;
constexpr bool moves_bytes(Shape shape) {
  return shape == Shape::BytesIn || shape == Shape::BytesOut || shape == Shape::Receive || shape == Shape::Send;
}

// What is asked for once a connection or a child, not once a request.
constexpr bool begins_something(Shape shape) { return shape >= Shape::OptionIn && shape <= Shape::Pair3; }

constexpr uint32_t weight_of(Shape shape) {
  if (shape == Shape::FileClone) return 1;  // ioctl has a rule for each request
  if (begins_something(shape)) return kConnectionWeight;
  return moves_bytes(shape) ? kMovesBytesWeight : kGateWeight;
}

constexpr uint32_t kAll = 0xffffffff;
constexpr FilterCondition kNever = {0, 0, 1};  // nothing masked is 1
constexpr uint32_t kRegionHigh = static_cast<uint32_t>(kRingRegion >> 32);
constexpr uint32_t kRegionMask = ~static_cast<uint32_t>((kRingSlotsMax * kRingSlotBytes - 1) >> 32) & kHighAddressBits;
static_assert((kRegionHigh & ~kRegionMask) == 0);

FilterRule guard_rule(const MemoryCall& call) {
  FilterRule rule{call.nr, {}};
  if (call.flag != 0) rule.conditions.push_back({3, call.flag, call.flag});
  return rule;
}

// Whatever could reach into the page or a ring, wherever it begins; what it does reach, memory_uses says. Of
// mmap with a hint, which replaces nothing, only those at low addresses: where our page is missing, a hint
// would do.
void add_guard(std::vector<FilterRule>& rules, const MemoryCall& call) {
  const bool may_be_hint = call.anywhere && call.length != MemoryCall::kPoint;
  FilterRule low = guard_rule(call), high = guard_rule(call);
  if (may_be_hint) high.conditions.push_back({3, MAP_FIXED, MAP_FIXED});
  FilterRule from_zero = low, just_below = high, from_far_below = high;
  low.conditions.push_back({call.address, kHighAddressBits, 0, FilterWord::High});
  low.conditions.push_back({call.address, kAll, VEDETTE_AGENT_LIMIT, FilterWord::Low, FilterTest::Below});
  if (call.anywhere) low.conditions.push_back({call.address, kAll, 1, FilterWord::Low, FilterTest::NotBelow});
  rules.push_back(std::move(low));
  high.conditions.push_back({call.address, kRegionMask, kRegionHigh, FilterWord::High});
  rules.push_back(std::move(high));
  if (call.length == MemoryCall::kPoint) return;  // shmat stops always
  if (may_be_hint) {
    from_zero.conditions.push_back({call.address, kHighAddressBits, 0, FilterWord::High});
    from_zero.conditions.push_back({call.address, kAll, 0, FilterWord::Low});
    for (const uint32_t fixed : {MAP_FIXED, MAP_FIXED_NOREPLACE}) {
      rules.push_back(from_zero);
      rules.back().conditions.push_back({3, fixed, fixed});
    }
  }
  just_below.conditions.push_back({call.address, kHighAddressBits, kRegionHigh - 1, FilterWord::High});
  rules.push_back(std::move(just_below));
  from_far_below.conditions.push_back({call.address, kHighAddressBits, kRegionHigh - 1, FilterWord::High, FilterTest::Below});
  from_far_below.conditions.push_back({call.length, kAll, 1, FilterWord::High, FilterTest::NotBelow});
  rules.push_back(std::move(from_far_below));
}

// That both words of the secret stand in their registers.
std::vector<FilterCondition> knows(const BootSecret& secret) {
  std::vector<FilterCondition> conditions;
  for (uint8_t i = 0; i < secret.size(); ++i) {
    const uint8_t argument = kSecretArgument + i;
    conditions.push_back({argument, kAll, static_cast<uint32_t>(secret[i]), FilterWord::Low});
    conditions.push_back({argument, kAll, static_cast<uint32_t>(secret[i] >> 32), FilterWord::High});
  }
  return conditions;
}

// The boot's own calls; rules that stop others stand beside them. Who jumps to one of these does not know the
// secret, or can do no harm: only code can be attached to be executed, and nowhere near gates; and a ring
// that its own process does not want to be copied is that process's business.
void add_boot_gates(std::vector<FilterRule>& rules, const BootSecret& secret) {
  const FilterCondition executable = {2, kAll, SHM_RDONLY | SHM_EXEC};
  const FilterCondition far = {1, kAll, 1, FilterWord::High, FilterTest::NotBelow};
  const FilterCondition behind_page = {1, kAll, VEDETTE_STUBS_FIXED, FilterWord::Low, FilterTest::NotBelow};
  rules.push_back({SYS_shmat, {kNever}, {{AgentPage::boot_after_shmat(), knows(secret)},
                                         {AgentPage::boot_after_near(), {executable, far}},
                                         {AgentPage::boot_after_near(), {executable, behind_page}}}});
  const FilterCondition not_copied = {2, kAll, MADV_DONTFORK};
  rules.push_back({SYS_madvise, {kNever}, {{AgentPage::boot_after_madvise(), {{0, kRegionMask, kRegionHigh, FilterWord::High}, not_copied}},
                                           {AgentPage::boot_after_madvise(),
                                            {{0, kAll, 0, FilterWord::High}, {0, kAll, VEDETTE_FIRST_RING}, not_copied}}}});
  rules.push_back({SYS_mprotect, {kNever}, {{AgentPage::boot_after_mprotect(), knows(secret)}}});
}

// A mode that gives its user or group to who executes the file, and a node of a device, stop wherever they
// are asked for.
void add_mode_guards(std::vector<FilterRule>& rules) {
  for (const ModeCall& call : mode_calls()) {
    for (const uint32_t bit : {uint32_t{S_ISUID}, uint32_t{S_ISGID}, uint32_t{S_IFCHR}}) {
      if (bit != S_IFCHR || call.makes_node) rules.push_back({call.nr, {{call.argument, bit, bit}}, {}, true});
    }
  }
}

// Sockets of families that few programs use and attacks on the kernel do (packets, crypto, netlink), raw
// ones, and options that set up the kernel's packet filters or put a protocol over TCP stop wherever they are
// asked for. page.S leaves them to their site.
void add_socket_guards(std::vector<FilterRule>& rules) {
  const auto stop = [&rules](uint32_t nr, std::vector<FilterCondition> conditions) { rules.push_back({nr, std::move(conditions), {}, true}); };
  const auto at_least = [](uint8_t arg, uint32_t least, uint32_t mask = kAll) {
    return FilterCondition{arg, mask, least, FilterWord::Low, FilterTest::NotBelow};
  };
  const auto below = [](uint8_t arg, uint32_t limit, uint32_t mask = kAll) {
    return FilterCondition{arg, mask, limit, FilterWord::Low, FilterTest::Below};
  };
  // All but AF_UNIX, AF_INET and AF_INET6, STREAM and DGRAM, 0, TCP and UDP.
  constexpr uint32_t kType = 0xf;
  stop(SYS_socket, {below(0, AF_UNIX)});
  stop(SYS_socket, {at_least(0, AF_INET + 1), below(0, AF_INET6)});
  stop(SYS_socket, {at_least(0, AF_INET6 + 1)});
  stop(SYS_socket, {below(1, SOCK_STREAM, kType)});
  stop(SYS_socket, {at_least(1, SOCK_DGRAM + 1, kType)});
  stop(SYS_socket, {at_least(2, 1), below(2, IPPROTO_TCP)});
  stop(SYS_socket, {at_least(2, IPPROTO_TCP + 1), below(2, IPPROTO_UDP)});
  stop(SYS_socket, {at_least(2, IPPROTO_UDP + 1)});
  stop(SYS_setsockopt, {at_least(1, VEDETTE_LEVEL_MAX + 1)});
  stop(SYS_setsockopt, {at_least(2, VEDETTE_OPTION_MAX + 1)});
  stop(SYS_setsockopt, {{1, kAll, IPPROTO_TCP}, {2, kAll, TCP_ULP}});
}

// Of whatever image, from wherever: it has no gate yet.
FilterRule page_rule(int page, const BootSecret& secret) {
  FilterRule rule{SYS_shmat, {}};
  rule.passes = true;
  const auto demand = [&rule](uint8_t argument, uint64_t value) {
    rule.conditions.push_back({argument, kAll, static_cast<uint32_t>(value), FilterWord::Low});
    rule.conditions.push_back({argument, kAll, static_cast<uint32_t>(value >> 32), FilterWord::High});
  };
  demand(0, static_cast<uint64_t>(page));
  demand(1, VEDETTE_AGENT_BASE);
  demand(2, kPageAttach);
  for (const FilterCondition& condition : knows(secret)) rule.conditions.push_back(condition);
  return rule;
}

// Of ioctl's requests the stub makes one.
FilterGate gate_of(Shape shape) {
  FilterGate gate{AgentPage::addresses(shape).gate + kSyscallBytes};
  if (shape == Shape::FileClone) gate.conditions.push_back({1, kAll, FICLONE});
  return gate;
}

}  // namespace

void add_inline_rules(std::vector<FilterRule>& rules, Integrity integrity, int page, const BootSecret& secret) {
  if (inline_calls().empty()) return;
  for (FilterRule& rule : rules) {
    const auto shape = inline_shape(rule.nr, integrity);
    if (!shape) continue;
    rule.gates.push_back(gate_of(*shape));
    if (rule.nr == SYS_fstat) rule.gates.insert(rule.gates.end(), {{AgentPage::after_facts()}, {AgentPage::after_new_facts()}});
    if (*shape == Shape::Link) rule.gates.push_back({AgentPage::after_link()});
    rule.weight = weight_of(*shape);
  }
  for (const MemoryCall& call : memory_calls()) add_guard(rules, call);
  // Segments are named by numbers that anybody can guess. A new image attaches the page by a call that knows
  // the secret.
  rules.push_back(page_rule(page, secret));
  rules.push_back({SYS_shmat, {}});
  rules.push_back({SYS_shmctl, {{1, kAll, IPC_SET}}});
  // A send that connects (TCP fast open) is none of the hot ones, wherever it is made: prevention may have an
  // answer.
  rules.push_back({SYS_sendto, {{3, MSG_FASTOPEN, MSG_FASTOPEN}}, {}, true});
  rules.push_back({SYS_sendmsg, {{2, MSG_FASTOPEN, MSG_FASTOPEN}}, {}, true});
  add_mode_guards(rules);
  add_socket_guards(rules);
  add_boot_gates(rules, secret);
  for (FilterRule& rule : ring_context_rules()) rules.push_back(std::move(rule));
}

BootSecret make_boot_secret() {
  BootSecret secret = {};
  // Before the kernel has gathered enough it answers EAGAIN, with a whole boot behind it never.
  (void)!::getrandom(secret.data(), sizeof secret, 0);
  return secret;
}

bool is_in_agent(uint64_t tagged) {
  const uint64_t address = untagged(tagged);
  if (address < VEDETTE_AGENT_LIMIT) return address >= VEDETTE_AGENT_BASE;
  return (static_cast<uint32_t>(address >> 32) & kRegionMask) == kRegionHigh;
}

bool names_agent(const SyscallInfo& info) {
  const std::optional<int> named = named_segment(info);
  return named && Segment::is_ours(*named);
}

}  // namespace vedette
