// SPDX-License-Identifier: Apache-2.0
// A process's descriptors are those of its first thread for pidfd_getfd; a thread may have others. So the
// socket that we get must have the number that /proc says of the thread's own.
#include "capture/kernel/socket_look.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "capture/kernel/fd.h"
#include "capture/kernel/proc.h"

namespace vedette {
namespace {

constexpr std::string_view kSocket = "socket:[";
constexpr uint8_t kEstablished = 1, kClosed = 7;  // tcp_states.h

std::optional<std::string> link_of(Tid task, int fd) {
  std::string link;
  const Result<void> read = read_link(ProcPath(task, "fd/" + std::to_string(fd)), link);
  if (read) return link;
  return read.error().get() == ENOENT ? std::optional(std::string()) : std::nullopt;
}

std::optional<int> option(const Fd& socket, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(socket.get(), SOL_SOCKET, name, &value, &size) != 0) return std::nullopt;
  return value;
}

Fd same_socket(Tid process, const std::string& link, int fd) {
  const Fd holder(static_cast<int>(::syscall(SYS_pidfd_open, process.get(), 0)));
  if (!holder.is_open()) return {};
  Fd socket(static_cast<int>(::syscall(SYS_pidfd_getfd, holder.get(), fd, 0)));
  struct stat facts;
  if (!socket.is_open() || ::fstat(socket.get(), &facts) != 0) return {};
  if (link != std::string(kSocket) + std::to_string(facts.st_ino) + "]") return {};
  return socket;
}

}  // namespace

bool may_be_socket(Tid task, int fd) {
  const std::optional<std::string> link = link_of(task, fd);
  return !link || link->starts_with(kSocket);
}

std::optional<TcpSocket> look_at_tcp(Tid process, Tid task, int fd) {
  const std::optional<std::string> link = link_of(task, fd);
  const Fd socket = link ? same_socket(process, *link, fd) : Fd();
  if (!socket.is_open()) return std::nullopt;
  const std::optional<int> domain = option(socket, SO_DOMAIN);
  const bool is_inet = domain == AF_INET || domain == AF_INET6;
  if (!is_inet || option(socket, SO_TYPE) != SOCK_STREAM || option(socket, SO_PROTOCOL) != IPPROTO_TCP) return std::nullopt;
  tcp_info info = {};
  socklen_t size = sizeof info;
  if (::getsockopt(socket.get(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  TcpSocket found{.is_fresh = info.tcpi_state == kClosed};
  if (info.tcpi_state < kEstablished || found.is_fresh) return found;
  sockaddr_storage peer = {};
  socklen_t length = sizeof peer;
  if (::getpeername(socket.get(), reinterpret_cast<sockaddr*>(&peer), &length) == 0) {
    found.peer.assign(reinterpret_cast<const char*>(&peer), length);
  }
  return found;
}

}  // namespace vedette
