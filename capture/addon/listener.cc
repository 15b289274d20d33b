// SPDX-License-Identifier: Apache-2.0
#include "capture/addon/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <utility>

namespace vedette::addon {

namespace {
constexpr int kBacklog = 64;
constexpr timespec kRest{0, 50'000'000};  // after accept failed for want of descriptors: they come back when streams end

// No user has it (chown(2) takes it for "leave as it is"): a host that asks for a secret takes whoever knows
// it.
constexpr uid_t kAnyUser = static_cast<uid_t>(-1);

bool is_loopback(const in_addr& address) {
  return (ntohl(address.s_addr) >> 24) == 127;
}
}  // namespace

Listener::Listener(const std::string& address, std::vector<uid_t> users, Owner& owner) : users_(std::move(users)), owner_(owner) {
  const size_t colon = address.rfind(':');
  is_unix_ = address.starts_with('/') || address.starts_with('@') || colon == std::string::npos;
  error_ = is_unix_ ? open_unix(address) : open_tcp(address.substr(0, colon), address.substr(colon + 1));
  if (error_ != 0) return;
  stop_ = eventfd(0, EFD_CLOEXEC);
  thread_ = std::thread([this] { run(); });
}

Listener::~Listener() {
  if (thread_.joinable()) {
    const uint64_t one = 1;
    while (write(stop_, &one, sizeof one) < 0 && errno == EINTR) {
    }
    thread_.join();
  }
  if (stop_ >= 0) close(stop_);
  if (socket_ >= 0) close(socket_);
  if (!path_.empty()) unlink(path_.c_str());
}

int Listener::open_unix(const std::string& address) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (address.empty() || address.size() >= sizeof name.sun_path) return ENAMETOOLONG;
  std::memcpy(name.sun_path, address.data(), address.size());
  const bool is_abstract = address[0] == '@';
  if (is_abstract) name.sun_path[0] = '\0';
  const socklen_t size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size() + (is_abstract ? 0 : 1));

  socket_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket_ < 0) return errno;
  struct stat there{};
  // A socket that nobody listens on is what an earlier host left behind.
  if (!is_abstract && lstat(address.c_str(), &there) == 0 && S_ISSOCK(there.st_mode)) {
    const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool is_dead = connect(probe, reinterpret_cast<sockaddr*>(&name), size) != 0 && errno == ECONNREFUSED;
    close(probe);
    if (is_dead) unlink(address.c_str());
  }
  if (bind(socket_, reinterpret_cast<sockaddr*>(&name), size) != 0) return errno;
  if (!is_abstract) path_ = address;
  return listen(socket_, kBacklog) == 0 ? 0 : errno;
}

int Listener::open_tcp(const std::string& host, const std::string& port) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  uint16_t number = 0;
  const auto [end, fault] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (fault != std::errc() || end != port.data() + port.size()) return EINVAL;
  if (inet_pton(AF_INET, host == "localhost" ? "127.0.0.1" : host.c_str(), &name.sin_addr) != 1) return EINVAL;
  if (!is_loopback(name.sin_addr)) return EADDRNOTAVAIL;
  name.sin_port = htons(number);

  socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket_ < 0) return errno;
  const int on = 1;
  setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(socket_, reinterpret_cast<sockaddr*>(&name), sizeof name) != 0 || listen(socket_, kBacklog) != 0) return errno;
  socklen_t size = sizeof name;
  getsockname(socket_, reinterpret_cast<sockaddr*>(&name), &size);
  port_ = ntohs(name.sin_port);
  return 0;
}

void Listener::run() {
  pollfd events[2] = {{stop_, POLLIN, 0}, {socket_, POLLIN, 0}};
  for (;;) {
    if (poll(events, 2, -1) < 0 && errno != EINTR) {
      obstacle_ = errno;
      return;
    }
    if (events[0].revents != 0) return;
    const int socket = accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        obstacle_ = errno;
        nanosleep(&kRest, nullptr);
      }
      continue;
    }
    obstacle_ = 0;
    Peer peer = peer_of(socket);
    if (is_welcome(peer)) {
      owner_.on_accept(socket, std::move(peer));
    } else {
      close(socket);
      owner_.on_refuse(std::move(peer));
    }
  }
}

bool Listener::is_welcome(const Peer& peer) const {
  if (!is_unix_) return true;  // loopback; hello's secret decides
  const auto takes = [this](uid_t user) { return std::find(users_.begin(), users_.end(), user) != users_.end(); };
  return peer.uid == 0 || peer.uid == geteuid() || takes(peer.uid) || takes(kAnyUser);
}

Peer Listener::peer_of(int socket) const {
  if (!is_unix_) return {.text = "a local connection"};
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return {.text = "an unknown user"};
  return {credentials.pid, credentials.uid, "pid " + std::to_string(credentials.pid) + ", uid " + std::to_string(credentials.uid)};
}

}  // namespace vedette::addon
