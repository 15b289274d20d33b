// SPDX-License-Identifier: Apache-2.0
#include "capture/prevent/socket_calls.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <iterator>
#include <span>

namespace vedette {
namespace {

using Use = SocketUse;

struct Listed {
  uint64_t nr;
  SocketCall call;
};

constexpr Listed kNative[] = {
    {SYS_socket, {"socket", Use::Makes}},
    {SYS_socketpair, {"socketpair", Use::Refused}},
    {SYS_accept, {"accept", Use::Refused}},
    {SYS_accept4, {"accept4", Use::Refused}},
    {SYS_bind, {"bind", Use::Refused}},
    {SYS_listen, {"listen", Use::Refused}},
    {SYS_pidfd_getfd, {"pidfd_getfd", Use::Refused}},
    {SYS_io_submit, {"io_submit", Use::Refused}},
    {SYS_write, {"write", Use::Uses}},
    {SYS_writev, {"writev", Use::Uses}},
    {SYS_pwritev2, {"pwritev2", Use::Uses}},
    {SYS_sendto, {"sendto", Use::Uses}},
    {SYS_sendmsg, {"sendmsg", Use::Uses}},
    {SYS_sendmmsg, {"sendmmsg", Use::Uses}},
    {SYS_sendfile, {"sendfile", Use::Uses}},
    {SYS_splice, {"splice", Use::Uses, 2}},
    {SYS_recvmsg, {"recvmsg", Use::Uses}},
    {SYS_recvmmsg, {"recvmmsg", Use::Uses}},
    {SYS_setsockopt, {"setsockopt", Use::Uses}},
    {SYS_getsockopt, {"getsockopt", Use::Uses}},
    {SYS_dup, {"dup", Use::Uses}},
#ifdef SYS_dup2
    {SYS_dup2, {"dup2", Use::Uses}},
#endif
    {SYS_dup3, {"dup3", Use::Uses}},
    {SYS_fcntl, {"fcntl", Use::Uses}},
    {SYS_ioctl, {"ioctl", Use::Uses}},
};

// By int 0x80 of x86-64 (arch/x86/entry/syscalls/syscall_32.tbl).
constexpr uint64_t kFcntl32 = 55, kFcntl64 = 221, kIoctl32 = 54, kGetsockopt32 = 365, kSocketcall32 = 102;
constexpr Listed kThirtyTwo[] = {
    {359, {"socket", Use::Refused}},
    {360, {"socketpair", Use::Refused}},
    {364, {"accept4", Use::Refused}},
    {361, {"bind", Use::Refused}},
    {363, {"listen", Use::Refused}},
    {438, {"pidfd_getfd", Use::Refused}},
    {248, {"io_submit", Use::Refused}},
    {4, {"write", Use::Uses}},
    {146, {"writev", Use::Uses}},
    {379, {"pwritev2", Use::Uses}},
    {369, {"sendto", Use::Uses}},
    {370, {"sendmsg", Use::Uses}},
    {345, {"sendmmsg", Use::Uses}},
    {187, {"sendfile", Use::Uses}},
    {239, {"sendfile64", Use::Uses}},
    {313, {"splice", Use::Uses, 2}},
    {372, {"recvmsg", Use::Uses}},
    {337, {"recvmmsg", Use::Uses}},
    {417, {"recvmmsg_time64", Use::Uses}},
    {366, {"setsockopt", Use::Uses}},
    {kGetsockopt32, {"getsockopt", Use::Uses}},
    {41, {"dup", Use::Uses}},
    {63, {"dup2", Use::Uses}},
    {330, {"dup3", Use::Uses}},
    {kFcntl32, {"fcntl", Use::Uses}},
    {kFcntl64, {"fcntl64", Use::Uses}},
    {kIoctl32, {"ioctl", Use::Uses}},
    {kSocketcall32, {"socketcall", Use::Refused}},
};

// Requests that every program may make of a socket: FIONREAD, FIONBIO, FIOCLEX, FIONCLEX, and those by which
// it asks whether it is a terminal.
constexpr uint32_t kHarmless[] = {0x541b, 0x5421, 0x5451, 0x5450, 0x5401, 0x540f, 0x5413};
constexpr uint32_t kAddDescriptor = 0x40182103;  // SECCOMP_IOCTL_NOTIF_ADDFD
constexpr uint32_t kSctpLevel = 132;             // its SCTP_SOCKOPT_PEELOFF makes a socket
// getsockname, getpeername, recv, recvfrom, shutdown
constexpr uint32_t kReading[] = {6, 7, 10, 12, 13};

bool is_one_of(std::span<const uint32_t> list, uint64_t number) {
  return std::find(list.begin(), list.end(), static_cast<uint32_t>(number)) != list.end();
}

// What the number alone does not say.
Use use_of(std::string_view name, Use use, const uint64_t* args) {
  const uint32_t first = static_cast<uint32_t>(args[0]), second = static_cast<uint32_t>(args[1]);
  if (name == "ioctl") return second == kAddDescriptor ? Use::Refused : is_one_of(kHarmless, second) ? Use::None : use;
  if (name == "fcntl" || name == "fcntl64") return second == F_DUPFD || second == F_DUPFD_CLOEXEC ? use : Use::None;
  if (name == "getsockopt") return second == kSctpLevel ? use : Use::None;
  if (name == "socketcall") return is_one_of(kReading, first) ? Use::None : use;
  return use;
}

}  // namespace

SocketCall socket_call(Abi abi, uint64_t nr, const uint64_t* args) {
  const std::span<const Listed> list = abi == kNativeAbi ? std::span<const Listed>(kNative) : abi == Abi::I386 ? std::span<const Listed>(kThirtyTwo) : std::span<const Listed>();
  const auto found = std::find_if(list.begin(), list.end(), [nr](const Listed& one) { return one.nr == nr; });
  if (found == list.end()) return {};
  SocketCall call = found->call;
  call.use = use_of(call.name, call.use, args);
  return call;
}

}  // namespace vedette
