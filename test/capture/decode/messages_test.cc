// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "test/capture/decode/decoding.h"

using namespace vedette;

namespace {

sockaddr_in inet_address(const char* address, uint16_t port) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(port);
  inet_pton(AF_INET, address, &in.sin_addr);
  return in;
}

template <typename T>
std::string raw(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

struct Parts {
  std::vector<std::string> buffers = {};
  std::string name = {};
  std::string control = {};
};

msghdr make_message(ArrayMemory& memory, const Parts& parts) {
  std::vector<uint64_t> words;
  for (const std::string& buffer : parts.buffers) {
    words.push_back(memory.put(buffer));
    words.push_back(buffer.size());
  }
  msghdr message{};
  message.msg_iov = reinterpret_cast<iovec*>(memory.put_array(words));
  message.msg_iovlen = parts.buffers.size();
  if (!parts.name.empty()) message.msg_name = reinterpret_cast<void*>(memory.put(parts.name));
  message.msg_namelen = static_cast<socklen_t>(parts.name.size());
  if (!parts.control.empty()) message.msg_control = reinterpret_cast<void*>(memory.put(parts.control));
  message.msg_controllen = parts.control.size();
  return message;
}

std::string make_rights(const std::vector<int32_t>& fds) {
  std::string control(CMSG_SPACE(fds.size() * sizeof(int32_t)), '\0');
  cmsghdr header{};
  header.cmsg_len = CMSG_LEN(fds.size() * sizeof(int32_t));
  header.cmsg_level = SOL_SOCKET;
  header.cmsg_type = SCM_RIGHTS;
  std::memcpy(control.data(), &header, sizeof header);
  std::memcpy(control.data() + CMSG_LEN(0), fds.data(), fds.size() * sizeof(int32_t));
  return control;
}

std::vector<int32_t> rights_of(const Event& event) {
  const std::string_view bytes = event.text(event.rights);
  std::vector<int32_t> fds(bytes.size() / sizeof(int32_t));
  if (!fds.empty()) std::memcpy(fds.data(), bytes.data(), bytes.size());
  return fds;
}

}  // namespace

TEST_CASE("connect keeps the address as it lies in memory") {
  OneCall c;
  const sockaddr_in address = inet_address("169.254.170.2", 80);
  REQUIRE(c.enter("connect", {3, c.memory.put_value(address), sizeof address}));
  CHECK(c.event.fd == 3);
  CHECK(c.event.text(slot::connect_::addr) == raw(address));
  CHECK(c.event.text(c.event.peer) == raw(address));
}

TEST_CASE("an address is at most a sockaddr_storage, whatever length is claimed; a bad one is a fault") {
  OneCall c;
  REQUIRE(c.enter("connect", {3, c.memory.put(std::string(4096, 'a')), 4096}));
  CHECK(c.event.text(slot::connect_::addr).size() == sizeof(sockaddr_storage));
  REQUIRE(c.enter("connect", {3, ArrayMemory::kNowhere, 16}));
  CHECK_FALSE(c.event.has(slot::connect_::addr));
  CHECK(c.has_flag(kFault));
}

TEST_CASE("accept's address is no longer than the room the program gave") {
  using namespace slot::accept_;
  OneCall c;
  const sockaddr_in address = inet_address("10.0.0.1", 4444);
  const uint64_t buffer = c.memory.put_value(address);
  const uint64_t size = c.memory.put_value<uint32_t>(8);
  REQUIRE(c.enter("accept", {3, buffer, size}));
  c.memory.store<uint32_t>(size, sizeof address);  // the kernel tells how long it really is
  c.exit(7);
  CHECK(c.event.fd == 7);
  CHECK(c.event.integer(listenfd) == 3);
  CHECK(c.event.text(addr) == raw(address).substr(0, 8));
}

TEST_CASE("accept without an address, and a failed one, have none") {
  OneCall c;
  REQUIRE(c.enter("accept4", {3, 0, 0, SOCK_CLOEXEC}));
  c.exit(7);
  CHECK_FALSE(c.event.has(slot::accept4_::addr));
  CHECK(c.event.integer(slot::accept4_::flags) == SOCK_CLOEXEC);
  CHECK_FALSE(c.has_flag(kFault));
  const uint64_t buffer = c.memory.put_value(inet_address("10.0.0.1", 1));
  REQUIRE(c.enter("accept4", {3, buffer, c.memory.put_value<uint32_t>(16), 0}));
  c.exit(-EAGAIN);
  CHECK_FALSE(c.event.has(slot::accept4_::addr));
  CHECK(c.event.fd == -1);
}

TEST_CASE("socket's type and flags stand apart") {
  using namespace slot::socket_;
  OneCall c;
  REQUIRE(c.enter("socket", {AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP}));
  c.exit(4);
  CHECK(c.event.integer(domain) == AF_INET6);
  CHECK(c.event.integer(type) == SOCK_DGRAM);
  CHECK(c.event.integer(flags) == (SOCK_CLOEXEC | SOCK_NONBLOCK));
  CHECK(c.event.integer(proto) == IPPROTO_UDP);
  CHECK(c.event.fd == 4);
}

TEST_CASE("socketpair and pipe return two numbers in memory, only when they succeed") {
  OneCall c;
  const uint64_t ends = c.memory.put_array<int32_t>({10, 11});
  REQUIRE(c.enter("socketpair", {AF_UNIX, SOCK_STREAM, 0, ends}));
  c.exit(0);
  CHECK(c.event.integer(slot::socketpair_::fd1) == 10);
  CHECK(c.event.integer(slot::socketpair_::fd2) == 11);
  REQUIRE(c.enter("pipe2", {ends, 0}));
  c.exit(-EMFILE);
  CHECK_FALSE(c.event.has(slot::pipe2_::fd1));
}

TEST_CASE("sendmsg tells size, payload, address and control data") {
  using namespace slot::sendmsg_;
  OneCall c;
  const sockaddr_in address = inet_address("8.8.8.8", 53);
  const msghdr message = make_message(c.memory, {{"que", "ry"}, raw(address), make_rights({5})});
  REQUIRE(c.enter("sendmsg", {3, c.memory.put_value(message), 0x40}));
  CHECK(c.event.text(data) == "query");
  CHECK(c.event.integer(size) == 5);
  CHECK(c.event.text(addr) == raw(address));
  CHECK(c.event.text(msgcontrol) == make_rights({5}));
  CHECK(c.event.integer(flags) == 0x40);
  c.exit(3);
  CHECK(c.event.text(data) == "que");
  CHECK(rights_of(c.event).empty());  // sent, not received
}

TEST_CASE("recvmsg's address is cut to the room given, its descriptors are collected") {
  using namespace slot::recvmsg_;
  OneCall c;
  const sockaddr_in address = inet_address("1.2.3.4", 5);
  const std::string control = make_rights({20, 21}) + make_rights({22});
  const uint64_t at = c.memory.put_value(make_message(c.memory, {{"answer......"}, raw(address), control}));
  REQUIRE(c.enter("recvmsg", {3, at, 0}));
  c.memory.store<socklen_t>(at + offsetof(msghdr, msg_namelen), 28);  // as an IPv6 address would be
  c.exit(6);
  CHECK(c.event.text(data) == "answer");
  CHECK(c.event.integer(size) == 12);
  CHECK(c.event.text(addr) == raw(address));
  CHECK(rights_of(c.event) == std::vector<int32_t>{20, 21, 22});
}

TEST_CASE("with snaplen 0 control data is not kept, its descriptors still are known") {
  OneCall c;
  c.limits.snaplen = 0;
  const uint64_t at = c.memory.put_value(make_message(c.memory, {{"answer"}, "", make_rights({9})}));
  REQUIRE(c.enter("recvmsg", {3, at, 0}));
  c.exit(6);
  CHECK_FALSE(c.event.has(slot::recvmsg_::data));
  CHECK_FALSE(c.event.has(slot::recvmsg_::msgcontrol));
  CHECK(rights_of(c.event) == std::vector<int32_t>{9});
}

TEST_CASE("control data with a lying length is left alone") {
  OneCall c;
  std::string control = make_rights({9});
  const uint64_t length = 1u << 20;
  std::memcpy(control.data(), &length, sizeof length);
  const uint64_t at = c.memory.put_value(make_message(c.memory, {{"x"}, "", control}));
  REQUIRE(c.enter("recvmsg", {3, at, 0}));
  c.exit(1);
  CHECK(rights_of(c.event).empty());
  const uint64_t zero = 0;
  std::memcpy(control.data(), &zero, sizeof zero);
  REQUIRE(c.enter("recvmsg", {3, c.memory.put_value(make_message(c.memory, {{"x"}, "", control})), 0}));
  c.exit(1);
  CHECK(rights_of(c.event).empty());
}

TEST_CASE("sendmmsg's payload is the first message's, its size what was sent") {
  using namespace slot::sendmmsg_;
  OneCall c;
  const sockaddr_in address = inet_address("9.9.9.9", 53);
  std::vector<mmsghdr> batch(3);
  batch[0].msg_hdr = make_message(c.memory, {{"first"}, raw(address), ""});
  batch[1].msg_hdr = make_message(c.memory, {{"second"}});
  batch[2].msg_hdr = make_message(c.memory, {{"third"}});
  batch[0].msg_len = 5;
  batch[1].msg_len = 6;
  REQUIRE(c.enter("sendmmsg", {3, c.memory.put_array(batch), 3, 0}));
  c.exit(2);  // the third was not sent
  CHECK(c.event.text(data) == "first");
  CHECK(c.event.integer(size) == 11);
  CHECK(c.event.integer(vlen) == 3);
  CHECK(c.event.text(addr) == raw(address));
}

TEST_CASE("recvmmsg's payload is as long as the first message, and the descriptors of all are collected") {
  using namespace slot::recvmmsg_;
  OneCall c;
  std::vector<mmsghdr> batch(2);
  batch[0].msg_hdr = make_message(c.memory, {{"firstXXXX"}, "", make_rights({30})});
  batch[1].msg_hdr = make_message(c.memory, {{"second"}, "", make_rights({31, 32})});
  batch[0].msg_len = 5;
  batch[1].msg_len = 6;
  REQUIRE(c.enter("recvmmsg", {3, c.memory.put_array(batch), 2, 0, 0}));
  c.exit(2);
  CHECK(c.event.text(data) == "first");
  CHECK(c.event.integer(size) == 11);
  CHECK(rights_of(c.event) == std::vector<int32_t>{30, 31, 32});
}

TEST_CASE("getsockopt is of interest for SO_ERROR only") {
  OneCall c;
  const uint64_t value = c.memory.put_value<int32_t>(ECONNREFUSED);
  const uint64_t size = c.memory.put_value<uint32_t>(4);
  CHECK_FALSE(c.enter("getsockopt", {3, SOL_SOCKET, SO_TYPE, value, size}));
  CHECK_FALSE(c.enter("getsockopt", {3, IPPROTO_TCP, SO_ERROR, value, size}));
  REQUIRE(c.enter("getsockopt", {3, SOL_SOCKET, SO_ERROR, value, size}));
  c.exit(0);
  CHECK(c.event.integer(slot::getsockopt_::val) == ECONNREFUSED);
  CHECK(c.event.integer(slot::getsockopt_::optlen) == 4);
}

TEST_CASE("a message that cannot be read is a fault on both sides") {
  OneCall c;
  REQUIRE(c.enter("recvmsg", {3, ArrayMemory::kNowhere, 0}));
  CHECK(c.has_flag(kFault));
  c.exit(-EFAULT);
  CHECK_FALSE(c.event.has(slot::recvmsg_::data));
}
