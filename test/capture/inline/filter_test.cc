// SPDX-License-Identifier: Apache-2.0
// What the filter lets pass at the gates, and at what price.
#include "capture/inline/filter.h"

#include <doctest/doctest.h>
#include <linux/fs.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "capture/tracer/capture_filter.h"
#include "test/capture/kernel/classic_bpf.h"

using namespace vedette;

namespace {

constexpr BootSecret kSecret = {0x0123456789abcdef, 0xfedcba9876543210};

std::vector<sock_filter> inline_filter(Integrity integrity) {
  std::vector<FilterRule> rules = capture_rules();
  add_inline_rules(rules, integrity, 7, kSecret);
  return build_filter(std::move(rules), kStopForUs);
}

// By everyday arguments, which a rule with conditions must ask for.
seccomp_data through(Shape shape, uint32_t nr) {
  seccomp_data data = call(nr);
  if (nr == SYS_socket) data.args[0] = AF_INET, data.args[1] = SOCK_STREAM | SOCK_CLOEXEC;
  if (nr == SYS_getsockopt) data.args[1] = SOL_SOCKET, data.args[2] = SO_ERROR;
  if (nr == SYS_ioctl) data.args[1] = FICLONE;
  data.instruction_pointer = AgentPage::addresses(shape).gate + 2;
  return data;
}

}  // namespace

TEST_CASE("a number passes at the gate of its own shape, and stops at every other") {
  const std::vector<sock_filter> filter = inline_filter(Integrity::Normal);
  for (const InlineCall& one : inline_calls()) {
    CAPTURE(one.nr);
    for (size_t shape = 0; shape < static_cast<size_t>(Shape::Count); ++shape) {
      const bool is_own = static_cast<Shape>(shape) == one.shape;
      CHECK(run_filter(filter, through(static_cast<Shape>(shape), one.nr)) == (is_own ? SECCOMP_RET_ALLOW : kStopForUs));
    }
    seccomp_data far = through(one.shape, one.nr);
    far.instruction_pointer |= 1ull << 32;
    CHECK(run_filter(filter, far) == kStopForUs);
  }
}

TEST_CASE("a mode that lends its owner's rights, and a node of a device, stop at their own gates, too") {
  const std::vector<sock_filter> filter = inline_filter(Integrity::Normal);
  const auto passes = [&filter](Shape shape, uint32_t nr, size_t mode_at, uint64_t mode) {
    seccomp_data data = through(shape, nr);
    data.args[mode_at] = mode;
    return run_filter(filter, data) == SECCOMP_RET_ALLOW;
  };
  const struct {
    uint32_t nr;
    Shape shape;
    size_t mode_at;
    bool makes_node;
  } calls[] = {{SYS_chmod, Shape::Name0Mode, 1, false}, {SYS_fchmod, Shape::PlainMode, 1, false}, {SYS_fchmodat, Shape::Name1Mode, 2, false},
               {SYS_mknod, Shape::Name0Mode, 1, true}, {SYS_mknodat, Shape::Name1Mode, 2, true}};
  for (const auto& one : calls) {
    CAPTURE(one.nr);
    CHECK(passes(one.shape, one.nr, one.mode_at, S_IFREG | 01777));
    CHECK(passes(one.shape, one.nr, one.mode_at, S_IFIFO | 0600));
    CHECK_FALSE(passes(one.shape, one.nr, one.mode_at, 04755));
    CHECK_FALSE(passes(one.shape, one.nr, one.mode_at, 02755));
    CHECK_FALSE(passes(one.shape, one.nr, one.mode_at, S_IFREG | 06000));
    CHECK(passes(one.shape, one.nr, one.mode_at, S_IFBLK | 0600) == !one.makes_node);
    CHECK(passes(one.shape, one.nr, one.mode_at, S_IFCHR | 0600) == !one.makes_node);
  }
}

TEST_CASE("a socket of an unusual kind, and an option that changes the kernel, stop at their own gates, too") {
  const std::vector<sock_filter> filter = inline_filter(Integrity::Normal);
  const auto passes = [&filter](Shape shape, uint32_t nr, uint64_t a, uint64_t b, uint64_t c) {
    seccomp_data data = through(shape, nr);
    data.args[0] = a, data.args[1] = b, data.args[2] = c;
    return run_filter(filter, data) == SECCOMP_RET_ALLOW;
  };
  for (uint64_t family = 0; family < 64; ++family) {
    CAPTURE(family);
    const bool is_everyday = family == AF_UNIX || family == AF_INET || family == AF_INET6;
    CHECK(passes(Shape::Socket, SYS_socket, family, SOCK_STREAM | SOCK_NONBLOCK, 0) == is_everyday);
  }
  for (uint64_t type = 0; type < 16; ++type) {
    CAPTURE(type);
    CHECK(passes(Shape::Socket, SYS_socket, AF_INET, type | SOCK_CLOEXEC, 0) == (type == SOCK_STREAM || type == SOCK_DGRAM));
  }
  for (uint64_t protocol = 0; protocol < 300; ++protocol) {
    CAPTURE(protocol);
    CHECK(passes(Shape::Socket, SYS_socket, AF_INET6, SOCK_STREAM, protocol) == (protocol == 0 || protocol == IPPROTO_TCP || protocol == IPPROTO_UDP));
  }
  CHECK(passes(Shape::OptionIn, SYS_setsockopt, 3, SOL_SOCKET, SO_REUSEADDR));
  CHECK(passes(Shape::OptionIn, SYS_setsockopt, 3, IPPROTO_TCP, TCP_NODELAY));
  CHECK(passes(Shape::OptionIn, SYS_setsockopt, 3, IPPROTO_IPV6, IPV6_V6ONLY));
  CHECK_FALSE(passes(Shape::OptionIn, SYS_setsockopt, 3, IPPROTO_TCP, TCP_ULP));
  CHECK_FALSE(passes(Shape::OptionIn, SYS_setsockopt, 3, IPPROTO_IP, 64));  // IPT_SO_SET_REPLACE (linux/netfilter_ipv4/ip_tables.h)
  CHECK_FALSE(passes(Shape::OptionIn, SYS_setsockopt, 3, 132, 0));          // IPPROTO_SCTP
  CHECK_FALSE(passes(Shape::OptionIn, SYS_setsockopt, 3, 279, 1));          // SOL_ALG
}

TEST_CASE("of ioctl's requests FICLONE alone passes its gate, and what is not recorded passes everywhere") {
  const std::vector<sock_filter> filter = inline_filter(Integrity::Normal);
  const auto passes = [&filter](seccomp_data data, uint64_t request) {
    data.args[1] = request;
    return run_filter(filter, data) == SECCOMP_RET_ALLOW;
  };
  const seccomp_data by_gate = through(Shape::FileClone, SYS_ioctl);
  seccomp_data elsewhere = by_gate;
  elsewhere.instruction_pointer = 0x400000;
  CHECK(passes(by_gate, FICLONE));
  CHECK_FALSE(passes(elsewhere, FICLONE));
  for (const uint64_t request : {uint64_t{TIOCSTI}, uint64_t{TIOCLINUX}, uint64_t{TIOCCONS}, uint64_t{FS_IOC_SETFLAGS}, uint64_t{FICLONERANGE}}) {
    CAPTURE(request);
    CHECK_FALSE(passes(by_gate, request));
    CHECK_FALSE(passes(elsewhere, request));
  }
  CHECK(passes(by_gate, TCGETS));
  CHECK(passes(elsewhere, TCGETS));
}

TEST_CASE("what moves bytes passes its gate in a dozen instructions or little more") {
  const std::vector<sock_filter> filter = inline_filter(Integrity::Normal);
  const auto steps = [&filter](Shape shape, uint32_t nr) {
    int count = 0;
    CHECK(run_filter(filter, through(shape, nr), &count) == SECCOMP_RET_ALLOW);
    return count;
  };
  for (const uint32_t nr : {SYS_read, SYS_pread64}) CHECK(steps(Shape::BytesIn, nr) <= 12);
  CHECK(steps(Shape::BytesOut, SYS_write) <= 12);
  CHECK(steps(Shape::BytesOut, SYS_pwrite64) <= 13);
  CHECK(steps(Shape::Receive, SYS_recvfrom) <= 14);
}

TEST_CASE("rings are attached and code is opened by the boot of a new image alone: by who knows the secret, at its place") {
  const std::vector<sock_filter> filter = inline_filter(Integrity::Normal);
  struct {
    uint32_t nr;
    uint64_t gate, address, third;
  } const calls[] = {{SYS_shmat, AgentPage::boot_after_shmat(), VEDETTE_FIRST_RING, 0},
                     {SYS_mprotect, AgentPage::boot_after_mprotect(), 0x7f0000001000, PROT_READ | PROT_WRITE | PROT_EXEC}};
  for (const auto& one : calls) {
    CAPTURE(one.nr);
    seccomp_data data = call(one.nr);
    data.instruction_pointer = one.gate;
    data.args[0] = one.nr == SYS_shmat ? 8 : one.address;
    data.args[1] = one.nr == SYS_shmat ? one.address : 4096;
    data.args[2] = one.third;
    for (size_t i = 0; i < kSecret.size(); ++i) data.args[kSecretArgument + i] = kSecret[i];
    CHECK(run_filter(filter, data) == SECCOMP_RET_ALLOW);
    for (size_t i = 0; i < kSecret.size(); ++i) {
      for (const int bit : {0, 63}) {
        seccomp_data other = data;
        other.args[kSecretArgument + i] ^= 1ull << bit;
        CHECK(run_filter(filter, other) == kStopForUs);
      }
    }
    data.instruction_pointer -= 1;
    CHECK(run_filter(filter, data) == kStopForUs);
  }
}

TEST_CASE("I10: a range that could reach us stops whatever the processor ignores of its address") {
  const std::vector<sock_filter> filter = inline_filter(Integrity::Normal);
  for (const uint64_t tag : {1ull << 57, 0x7eull << 56, 0xffull << 56}) {
    CAPTURE(tag);
    for (const uint32_t nr : {SYS_munmap, SYS_mprotect, SYS_madvise, SYS_mremap}) {
      for (const uint64_t start : {kRingRegion, kRingRegion - 0x1000, uint64_t{VEDETTE_AGENT_BASE}}) {
        CHECK(run_filter(filter, call(nr, {tag | start, 0x2000})) == kStopForUs);
      }
      CHECK(run_filter(filter, call(nr, {tag | 0x500000000000, kRingRegion - 0x500000000000 + 1})) == kStopForUs);
    }
    CHECK(is_in_agent(tag | VEDETTE_AGENT_BASE));
    CHECK(is_in_agent(tag | kRingRegion));
    CHECK_FALSE(is_in_agent(tag | 0x500000000000));
  }
}

TEST_CASE("a range that could reach a ring stops wherever it begins; a hint there, and what ends below, do not") {
  const std::vector<sock_filter> filter = inline_filter(Integrity::Normal);
  constexpr uint64_t kFixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, kHint = MAP_PRIVATE | MAP_ANONYMOUS;
  const auto stops = [&filter](seccomp_data data) { return run_filter(filter, data) == kStopForUs; };
  const struct {
    uint64_t start, size;
  } reaching[] = {{kRingRegion, 0x1000}, {kRingRegion - 0x1000, 0x2000}, {kRingRegion - (1ull << 32), (1ull << 32) + 0x1000}, {0x500000000000, kRingRegion - 0x500000000000 + 1}};
  for (const auto& one : reaching) {
    CAPTURE(one.start);
    for (const uint32_t nr : {SYS_munmap, SYS_mprotect, SYS_madvise, SYS_mremap}) CHECK(stops(call(nr, {one.start, one.size})));
    CHECK(stops(call(SYS_mmap, {one.start, one.size, PROT_READ, kFixed})));
    CHECK(stops(call(SYS_mremap, {0x700000000000, one.size, one.size, MREMAP_MAYMOVE | MREMAP_FIXED, one.start})));
    CHECK_FALSE(stops(call(SYS_mmap, {one.start, one.size, PROT_READ, kHint})));
  }
  CHECK_FALSE(stops(call(SYS_munmap, {0x500000000000, 0x1000000})));
  CHECK_FALSE(stops(call(SYS_munmap, {0x7f0000000000, 1ull << 40})));
  CHECK(stops(call(SYS_mmap, {0, 0x20000, PROT_READ, kFixed})));
  CHECK_FALSE(stops(call(SYS_mmap, {0, 1ull << 40, PROT_NONE, kHint})));
}
