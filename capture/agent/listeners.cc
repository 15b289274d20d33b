// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/listeners.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace vedette {
namespace {

constexpr timeval kWait{0, 100'000};
constexpr size_t kAnswerBytes = 16 << 10;

struct Question {
  nlmsghdr head{};
  inet_diag_req_v2 of{};
};

bool ask(int socket, uint8_t family) {
  Question question;
  question.head = {.nlmsg_len = sizeof question, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                   .nlmsg_seq = family, .nlmsg_pid = 0};
  question.of.sdiag_family = family;
  question.of.sdiag_protocol = IPPROTO_TCP;
  question.of.idiag_states = 1u << TCP_LISTEN;
  return ::send(socket, &question, sizeof question, 0) == static_cast<ssize_t>(sizeof question);
}

// False: that was the end of the answer, or there is none.
bool take(const uint8_t* bytes, size_t size, size_t max, std::vector<Listener>& into) {
  const nlmsghdr* head = reinterpret_cast<const nlmsghdr*>(bytes);
  for (uint32_t left = static_cast<uint32_t>(size); NLMSG_OK(head, left); head = NLMSG_NEXT(head, left)) {
    if (head->nlmsg_type != SOCK_DIAG_BY_FAMILY || head->nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg))) return false;
    const inet_diag_msg* const one = static_cast<const inet_diag_msg*>(NLMSG_DATA(head));
    if (into.size() < max) into.push_back({ntohs(one->id.idiag_sport), one->idiag_rqueue, one->idiag_wqueue});
  }
  return true;
}

}  // namespace

Listeners::Listeners() : socket_(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)) {
  if (socket_.is_open()) (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &kWait, sizeof kWait);
}

std::vector<Listener> Listeners::read(size_t max) const {
  std::vector<Listener> found;
  if (!socket_.is_open()) return found;
  alignas(nlmsghdr) uint8_t bytes[kAnswerBytes];
  for (const uint8_t family : {uint8_t{AF_INET}, uint8_t{AF_INET6}}) {
    if (!ask(socket_.get(), family)) return found;
    for (;;) {
      const ssize_t size = ::recv(socket_.get(), bytes, sizeof bytes, 0);
      if (size <= 0) return found;
      if (!take(bytes, static_cast<size_t>(size), max, found)) break;
    }
  }
  return found;
}

}  // namespace vedette
