// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "capture/state/socket.h"
#include "test/capture/state/world.h"

using namespace vedette;

namespace {

sockaddr_in inet(const char* address, uint16_t port) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(port);
  inet_pton(AF_INET, address, &in.sin_addr);
  return in;
}

template <typename T>
SocketName name_of(const T& address) {
  return parse_socket_name({reinterpret_cast<const char*>(&address), sizeof address});
}

struct Network : World {
  void socket(int fd, int family = AF_INET, int type = SOCK_STREAM) {
    open_file(100, fd, "socket:[" + std::to_string(1000 + fd) + "]");
    call(100, "socket", {uint64_t(family), uint64_t(type), 0}, fd);
  }
  void says(int fd, const SocketFacts& facts) { kernel.sockets[FakeTruth::key(100, std::to_string(fd))] = facts; }
  template <typename T>
  Sighting& connect(int fd, const T& address, int64_t result = 0) {
    return call(100, "connect", {uint64_t(fd), memory.put_value(address), sizeof address}, result);
  }
  template <typename T>
  Sighting& send(int fd, const T& address, int64_t result = 2) {
    return call(100, "sendto", {uint64_t(fd), memory.put("hi"), 2, 0, memory.put_value(address), sizeof address}, result);
  }
  template <typename T>
  Sighting& receive(int fd, const T& address) {
    const uint64_t size = memory.put_value<uint32_t>(sizeof address);
    return call(100, "recvfrom", {uint64_t(fd), memory.put("hi"), 2, 0, memory.put_value(address), size}, 2);
  }
};

}  // namespace

TEST_CASE("a connection is named client->server, with the local address the kernel chose") {
  Network w;
  w.socket(3);
  CHECK(w.at(100, 3)->type == FdType::Ipv4);
  CHECK(w.at(100, 3)->ino == 1003);
  w.says(3, {.local = name_of(inet("10.0.0.2", 54321)), .remote = {}});
  Sighting& s = w.connect(3, inet("169.254.170.2", 80));
  REQUIRE(s.descriptor);
  CHECK(view(s.descriptor->name) == "10.0.0.2:54321->169.254.170.2:80");
  CHECK((s.descriptor->flags & (kConnected | kServer)) == kConnected);
  const Tuple tuple = tuple_of(*s.descriptor);
  CHECK(tuple.client.port == 54321);
  CHECK(tuple.server.port == 80);
}

TEST_CASE("a socket has the protocol that the kernel chooses where none was asked for") {
  Network w;
  w.socket(3);
  w.socket(4, AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC);
  w.socket(5, AF_UNIX);
  CHECK(w.at(100, 3)->protocol == IPPROTO_TCP);
  CHECK(w.at(100, 4)->protocol == IPPROTO_UDP);
  CHECK(w.at(100, 5)->protocol == 0);
}

TEST_CASE("the address that was written over is the one that the kernel has") {
  Network w;
  w.socket(3);
  const sockaddr_in real = inet("6.6.6.6", 4444);
  const std::string bytes(reinterpret_cast<const char*>(&real), sizeof real);
  w.says(3, {.local = name_of(inet("10.0.0.2", 5)), .remote = {}, .peer = bytes, .ino = 1003});
  Sighting& s = w.connect(3, inet("1.2.3.4", 80), -EINPROGRESS);
  CHECK(view(s.descriptor->name) == "10.0.0.2:5->6.6.6.6:4444");
  CHECK(s.event.text(slot::connect_::addr) == bytes);
  CHECK(s.doubt == Doubt::None);
}
TEST_CASE("any address is this machine's own") {
  Network w;
  w.socket(3);
  const sockaddr_in real = inet("127.0.0.1", 80);
  w.says(3, {.local = {}, .remote = {}, .peer = {reinterpret_cast<const char*>(&real), sizeof real}, .ino = 1003});
  CHECK(view(w.connect(3, inet("0.0.0.0", 80)).descriptor->name).ends_with("->0.0.0.0:80"));
}
TEST_CASE("a connect that worked on a socket that is connected to nobody was another socket's") {
  Network w;
  w.socket(3);
  w.says(3, {.local = {}, .remote = {}, .ino = 1003});
  CHECK(w.connect(3, inet("1.2.3.4", 80)).doubt == Doubt::Untrue);
  CHECK(w.connect(3, inet("1.2.3.4", 80), -EINPROGRESS).doubt == Doubt::None);
  CHECK(w.connect(3, inet("1.2.3.4", 0)).doubt == Doubt::None);
}
TEST_CASE("a connection that is over by the time the kernel is asked is believed, of this very socket alone") {
  Network w;
  w.socket(3);
  w.says(3, {.local = {}, .remote = {}, .ino = 1003, .has_ended = true});
  Sighting& s = w.connect(3, inet("1.2.3.4", 80));
  CHECK(s.doubt == Doubt::None);
  CHECK(view(s.descriptor->name).ends_with("->1.2.3.4:80"));
  w.says(3, {.local = {}, .remote = {}, .ino = 0, .has_ended = true});
  CHECK(w.connect(3, inet("1.2.3.4", 80)).doubt == Doubt::Untrue);
}
TEST_CASE("a connect under way counts as one, a refused one tells whom it meant") {
  Network w;
  w.socket(3);
  w.says(3, {.local = name_of(inet("10.0.0.2", 5)), .remote = {}});
  CHECK((w.connect(3, inet("1.2.3.4", 80), -EINPROGRESS).descriptor->flags & kConnected) != 0);
  w.socket(4);
  Sighting& s = w.connect(4, inet("1.2.3.4", 80), -ECONNREFUSED);
  CHECK((s.descriptor->flags & kConnected) == 0);
  CHECK(view(s.descriptor->name) == ":0->1.2.3.4:80");
}

TEST_CASE("an IPv6 socket that reaches an IPv4 address is an IPv4 connection") {
  Network w;
  w.socket(3, AF_INET6);
  CHECK(w.at(100, 3)->type == FdType::Ipv6);
  sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(80);
  inet_pton(AF_INET6, "::ffff:169.254.170.2", &in.sin6_addr);
  Sighting& s = w.connect(3, in);
  CHECK(s.descriptor->type == FdType::Ipv4);
  CHECK(s.descriptor->remote.size == 4);
  CHECK(s.descriptor->family == AF_INET6);
}

TEST_CASE("a duplicate and a fork see the connection that was made through another number") {
  Network w;
  w.socket(3);
  w.call(100, "dup2", {3, 0}, 0);
  w.fork(100, 101);
  w.connect(3, inet("1.2.3.4", 4444));
  CHECK(view(w.at(101, 0)->name).ends_with("->1.2.3.4:4444"));
}

TEST_CASE("a server: bind, listen, accept") {
  Network w;
  w.socket(3);
  const sockaddr_in any = inet("0.0.0.0", 8080);
  w.call(100, "bind", {3, w.memory.put_value(any), sizeof any}, 0);
  w.call(100, "listen", {3, 16}, 0);
  const Ref<Descriptor> listener = w.at(100, 3);
  CHECK(view(listener->name) == "0.0.0.0:8080");
  CHECK((listener->flags & (kListening | kServer)) == (kListening | kServer));

  const sockaddr_in client = inet("10.9.8.7", 40000);
  w.open_file(100, 4, "socket:[2004]");
  w.says(4, {.local = name_of(inet("10.0.0.2", 8080)), .remote = name_of(client)});
  Sighting& s = w.call(
      100, "accept4", {3, w.memory.put_value(client), w.memory.put_value<uint32_t>(sizeof client), SOCK_CLOEXEC}, 4);
  CHECK(s.event.fd == 4);
  CHECK(view(s.descriptor->name) == "10.9.8.7:40000->10.0.0.2:8080");
  CHECK((s.descriptor->flags & kServer) != 0);
  CHECK(s.descriptor->ino == 2004);
  CHECK(w.at(100, 4) == s.descriptor);
  CHECK(w.at(100, 3) == listener);
}

TEST_CASE("accept without an address asks the kernel; without its answer the listener's port remains") {
  Network w;
  w.socket(3);
  const sockaddr_in bound = inet("0.0.0.0", 8080);
  w.call(100, "bind", {3, w.memory.put_value(bound), sizeof bound}, 0);
  w.call(100, "listen", {3, 16}, 0);
  w.says(4, {.local = name_of(inet("10.0.0.2", 8080)), .remote = name_of(inet("10.9.8.7", 1))});
  CHECK(view(w.call(100, "accept", {3, 0, 0}, 4).descriptor->name) == "10.9.8.7:1->10.0.0.2:8080");
  const sockaddr_in client = inet("10.9.8.7", 2);
  const uint64_t size = w.memory.put_value<uint32_t>(sizeof client);
  Sighting& s = w.call(100, "accept", {3, w.memory.put_value(client), size}, 5);
  CHECK(view(s.descriptor->name) == "10.9.8.7:2->0.0.0.0:8080");
}

TEST_CASE("a failed accept makes nothing") {
  Network w;
  w.socket(3);
  w.call(100, "accept", {3, 0, 0}, -EAGAIN);
  CHECK_FALSE(w.at(100, 4));
}

TEST_CASE("who sends first over UDP is the client; the first peer and another one are new names") {
  Network w;
  w.socket(3, AF_INET, SOCK_DGRAM);
  w.says(3, {.local = name_of(inet("0.0.0.0", 5000)), .remote = {}});
  Sighting& first = w.send(3, inet("8.8.8.8", 53));
  CHECK(view(first.descriptor->name) == "0.0.0.0:5000->8.8.8.8:53");
  CHECK((first.descriptor->flags & (kServer | kNameChanged)) == kNameChanged);
  CHECK((w.send(3, inet("8.8.8.8", 53)).descriptor->flags & kNameChanged) == 0);
  const int asked = w.kernel.asked;
  Sighting& second = w.send(3, inet("9.9.9.9", 53));
  CHECK(view(second.descriptor->name) == "0.0.0.0:5000->9.9.9.9:53");
  CHECK((second.descriptor->flags & kNameChanged) != 0);
  CHECK(w.kernel.asked == asked);
  w.receive(3, inet("9.9.9.9", 53));
  CHECK((w.at(100, 3)->flags & (kServer | kNameChanged)) == 0);
}

TEST_CASE("a send that begins a connection names its peer, a refused one names none") {
  Network w;
  w.socket(3);
  CHECK(view(w.send(3, inet("8.8.8.8", 53), -EINPROGRESS).descriptor->name).ends_with("->8.8.8.8:53"));
  w.socket(4);
  CHECK(!w.send(4, inet("8.8.8.8", 53), -EOPNOTSUPP).descriptor->remote.known());
}

TEST_CASE("who receives first over UDP is the server") {
  Network w;
  w.socket(3, AF_INET, SOCK_DGRAM);
  const sockaddr_in bound = inet("10.0.0.2", 53);
  w.call(100, "bind", {3, w.memory.put_value(bound), sizeof bound}, 0);
  Sighting& s = w.receive(3, inet("10.0.0.9", 4000));
  CHECK(view(s.descriptor->name) == "10.0.0.9:4000->10.0.0.2:53");
  CHECK(view(w.send(3, inet("10.0.0.9", 4000)).descriptor->name) == "10.0.0.9:4000->10.0.0.2:53");
}

TEST_CASE("who binds to a port is the server's side at once, unless it connects") {
  Network w;
  w.socket(3);
  const sockaddr_in bound = inet("10.0.0.2", 8080);
  Sighting& s = w.call(100, "bind", {3, w.memory.put_value(bound), sizeof bound}, 0);
  CHECK((s.descriptor->flags & (kServer | kNameChanged)) == (kServer | kNameChanged));
  CHECK(tuple_of(*s.descriptor).server.port == 8080);
  CHECK_FALSE(tuple_of(*s.descriptor).client.known());
  Sighting& connected = w.connect(3, inet("10.0.0.9", 80));
  CHECK((connected.descriptor->flags & kServer) == 0);
  CHECK(view(connected.descriptor->name) == "10.0.0.2:8080->10.0.0.9:80");
  // Whom the kernel gives any port, waits for nobody.
  w.socket(4, AF_INET, SOCK_DGRAM);
  const sockaddr_in any = inet("0.0.0.0", 0);
  CHECK((w.call(100, "bind", {4, w.memory.put_value(any), sizeof any}, 0).descriptor->flags & kServer) == 0);
}

TEST_CASE("connecting to nobody dissolves a datagram socket's connection") {
  Network w;
  w.socket(3, AF_INET, SOCK_DGRAM);
  w.connect(3, inet("8.8.8.8", 53));
  sockaddr_in nobody{};
  Sighting& s = w.connect(3, nobody);
  CHECK((s.descriptor->flags & kConnected) == 0);
  CHECK_FALSE(s.descriptor->remote.known());
}

TEST_CASE("a bind to port 0 asks which one it got") {
  Network w;
  w.socket(3);
  w.says(3, {.local = name_of(inet("127.0.0.1", 40404)), .remote = {}});
  const sockaddr_in wish = inet("127.0.0.1", 0);
  w.call(100, "bind", {3, w.memory.put_value(wish), sizeof wish}, 0);
  CHECK(w.at(100, 3)->local.port == 40404);
}

TEST_CASE("Unix sockets are named by their path") {
  Network w;
  w.socket(3, AF_UNIX);
  sockaddr_un un{};
  un.sun_family = AF_UNIX;
  std::strcpy(un.sun_path, "/var/run/docker.sock");
  Sighting& s = w.connect(3, un);
  CHECK(s.descriptor->type == FdType::Unix);
  CHECK(view(s.descriptor->name) == "0->0 /var/run/docker.sock");
  w.call(100, "socketpair", {AF_UNIX, SOCK_STREAM, 0, w.memory.put_array<int32_t>({10, 11})}, 0);
  CHECK(view(w.at(100, 11)->name) == "0->0");
  CHECK(w.at(100, 10)->socket_type == SOCK_STREAM);
}

TEST_CASE("an inherited socket is described by the kernel, with a role by its ports") {
  Network w;
  w.open_file(100, 7, "socket:[777]");
  w.says(7, {.domain = AF_INET, .type = SOCK_STREAM, .protocol = IPPROTO_TCP, .local = name_of(inet("10.0.0.2", 80)),
             .remote = name_of(inet("10.0.0.9", 50000))});
  const Ref<Descriptor> inherited = w.at(100, 7);
  REQUIRE(inherited);
  CHECK(inherited->is_socket);
  CHECK((inherited->flags & (kAskedKernel | kServer)) == (kAskedKernel | kServer));
  CHECK(view(inherited->name) == "10.0.0.9:50000->10.0.0.2:80");
  CHECK(inherited->ino == 777);
}

TEST_CASE("without a copy of the descriptor, /proc/net tells") {
  Network w;
  w.open_file(100, 7, "socket:[777]");
  w.kernel.texts["100/net/tcp"] =
      "header\n 1: 0200000A:D431 02AAFEA9:0050 01 0:0 0:0 0 0 0 777 1 0 20 4 30 10 -1\n";
  CHECK(view(w.at(100, 7)->name) == "10.0.0.2:54321->169.254.170.2:80");
}

TEST_CASE("descriptors that a message brings are learned, even over a number we knew") {
  Network w;
  w.socket(3, AF_UNIX);
  w.open(100, "/stale", 9);
  w.open_file(100, 9, "/passed/file");
  w.open_file(100, 10, "anon_inode:[eventfd]");
  std::string control(CMSG_SPACE(2 * sizeof(int32_t)), '\0');
  cmsghdr header{};
  header.cmsg_len = CMSG_LEN(2 * sizeof(int32_t));
  header.cmsg_level = SOL_SOCKET;
  header.cmsg_type = SCM_RIGHTS;
  const int32_t fds[] = {9, 10};
  std::memcpy(control.data(), &header, sizeof header);
  std::memcpy(control.data() + CMSG_LEN(0), fds, sizeof fds);
  msghdr message{};
  message.msg_control = reinterpret_cast<void*>(w.memory.put(control));
  message.msg_controllen = control.size();
  Sighting& s = w.call(100, "recvmsg", {3, w.memory.put_value(message), 0}, 1);
  CHECK(s.descriptor->type == FdType::Unix);
  CHECK(view(w.at(100, 9)->name) == "/passed/file");
  CHECK(w.at(100, 10)->type == FdType::Event);
  CHECK((w.at(100, 9)->flags & kAskedKernel) == 0);
}
