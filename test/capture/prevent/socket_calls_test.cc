// SPDX-License-Identifier: Apache-2.0
#include "capture/prevent/socket_calls.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "capture/prevent/table.h"

using namespace vedette;

namespace {

SocketUse use(Abi abi, uint64_t nr, uint64_t first = 3, uint64_t second = 0) {
  const uint64_t args[6] = {first, second, 0, 0, 0, 0};
  return socket_call(abi, nr, args).use;
}
SocketUse use(uint64_t nr, uint64_t first = 3, uint64_t second = 0) { return use(kNativeAbi, nr, first, second); }

}  // namespace

TEST_CASE("what makes, hands over, moves or sends by sockets is known, and what only reads is not meant") {
  for (const uint64_t nr : {SYS_socketpair, SYS_accept4, SYS_bind, SYS_listen, SYS_pidfd_getfd, SYS_io_submit}) CHECK(use(nr) == SocketUse::Refused);
  CHECK(use(SYS_socket) == SocketUse::Makes);
  for (const uint64_t nr : {SYS_write, SYS_writev, SYS_pwritev2, SYS_sendto, SYS_sendmsg, SYS_sendmmsg, SYS_sendfile, SYS_recvmsg, SYS_recvmmsg, SYS_setsockopt, SYS_dup, SYS_dup3}) {
    CHECK(use(nr) == SocketUse::Uses);
  }
  for (const uint64_t nr : {SYS_read, SYS_recvfrom, SYS_shutdown, SYS_close, SYS_getsockname, SYS_ppoll, SYS_openat, SYS_vmsplice}) CHECK(use(nr) == SocketUse::None);
  const uint64_t args[6] = {4, 0, 9, 0, 0, 0};
  const SocketCall splice = socket_call(kNativeAbi, SYS_splice, args);
  CHECK(splice.use == SocketUse::Uses);
  CHECK(args[splice.fd] == 9);  // where it writes to
}

TEST_CASE("of fcntl, ioctl and getsockopt those requests are meant that make another descriptor or may send") {
  CHECK(use(SYS_fcntl, 3, F_DUPFD) == SocketUse::Uses);
  CHECK(use(SYS_fcntl, 3, 0xffffffff00000000 | F_DUPFD_CLOEXEC) == SocketUse::Uses);  // the kernel takes 32 bits
  CHECK(use(SYS_fcntl, 3, F_SETFL) == SocketUse::None);
  CHECK(use(SYS_ioctl, 3, 0x541b) == SocketUse::None);           // FIONREAD
  CHECK(use(SYS_ioctl, 3, 0x89e2) == SocketUse::Uses);           // SIOCKCMCLONE
  CHECK(use(SYS_ioctl, 3, 0x40182103) == SocketUse::Refused);    // a listener adds a descriptor to another process
  CHECK(use(SYS_getsockopt, 3, SOL_SOCKET) == SocketUse::None);
  CHECK(use(SYS_getsockopt, 3, 132) == SocketUse::Uses);         // SCTP's peel-off
}

#ifdef __x86_64__
TEST_CASE("the 32-bit convention has the same calls, and socketcall's that send are refused") {
  CHECK(use(Abi::I386, 4) == SocketUse::Uses);
  CHECK(use(Abi::I386, 359) == SocketUse::Refused);
  CHECK(use(Abi::I386, 3) == SocketUse::None);
  for (const uint64_t which : {1, 2, 3, 4, 5, 8, 9, 11, 14, 16, 17, 18, 19, 20}) CHECK(use(Abi::I386, 102, which) == SocketUse::Refused);
  for (const uint64_t which : {6, 7, 10, 12, 13}) CHECK(use(Abi::I386, 102, which) == SocketUse::None);
  CHECK(use(Abi::X32, SYS_write) == SocketUse::None);  // no call of it is made (calls_answered.cc)
}
#endif

TEST_CASE("a network row denies every address but those that it lists, and what is no address") {
  PreventRow row{.deny = Deny::Network};
  Endpoint one{.size = 4, .port = 80};
  one.address[0] = 10;
  CHECK(denies_address(row, one));
  row.networks.push_back(*Network::parse("10.0.0.0/8"));
  CHECK_FALSE(denies_address(row, one));
  one.address[0] = 11;
  CHECK(denies_address(row, one));
  CHECK(denies_address(row, Endpoint()));  // of a unix socket, or none
}
