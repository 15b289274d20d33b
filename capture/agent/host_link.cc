// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/host_link.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "capture/agent/hash_words.h"
#include "capture/agent/pack.h"
#include "capture/agent/respond_words.h"
#include "capture/kernel/clock.h"

namespace vedette {
namespace {

constexpr int kPollMs = 50;           // how soon a deadline set by another thread is noticed
constexpr size_t kPieceMax = 1 << 18;  // of a frame, at a time
constexpr uint64_t kBeatNs = 1'000'000'000;
constexpr uint64_t kUsageNs = 10'000'000'000;
constexpr uint64_t kGreetingNs = 2'000'000'000;  // a host that says nothing is sent everything

bool is_socket(int fd) {
  int type = 0;
  socklen_t size = sizeof type;
  return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
}

pid_t peer_of(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : 0;
}

}  // namespace

Result<void> HostLink::open() {
  Result<Fd> connected = connect_to(address_);
  if (!connected) return connected.error();
  socket_ = std::move(*connected);
  is_socket_ = socket_.is_open() && is_socket(socket_.get());
  if (is_socket_) host_pid_ = peer_of(socket_.get());
  words_ = {};
  owes_answer_ = false;
  wants_fill_ = false;
  wants_usage_ = false;
  told_usage_ns_ = 0;
  batch_age_ms_ = 0;
  desk_.greet();
  hasher_.greet();
  if (!discards() && !send_whole(hello_())) return Errno(EPIPE);
  return acknowledges() ? hear_greeting() : Result<void>();
}

Result<void> HostLink::hear_greeting() {
  greeted_ = false;
  const uint64_t deadline = monotonic_ns() + kGreetingNs;
  while (!greeted_ && monotonic_ns() < deadline && !is_given_up()) {
    if (!listen(kPollMs)) return Errno(refused_ ? EACCES : ECONNRESET);
  }
  return {};
}

bool HostLink::send(std::span<const uint8_t> frame) { return answer_table() && answer_requests() && tell_fill() && tell_usage() && send_whole(frame); }

// Between two frames only.
bool HostLink::answer_table() {
  if (!std::exchange(owes_answer_, false)) return true;
  std::vector<uint8_t> bytes;
  Pack pack(bytes);
  pack.array(2);
  pack.text("prevented");
  pack.text(table_obstacle_);
  return send_whole(bytes);
}

// Likewise. What a host that went away did not hear is not told to the next one, which did not ask.
bool HostLink::answer_requests() {
  for (const ResponseAnswer& answer : desk_.take_answers()) {
    if (!send_whole(answer_frame(answer))) return false;
  }
  for (const HashAnswer& answer : hasher_.take_answers()) {
    if (!send_whole(hashed_frame(answer))) return false;
  }
  return true;
}

// Once a second. An older host does not know the word, and has not asked. It is a word like "alive": whose
// tracing thread is stuck says neither.
bool HostLink::tell_fill() {
  const uint64_t now = monotonic_ns();
  if (!wants_fill_ || now - told_fill_ns_ < kBeatNs || pulse_.is_stuck(now)) return true;
  told_fill_ns_ = now;
  return send_whole(fill_frame(ask_fill_()));
}

// Likewise, and seldom: /proc is read for it.
bool HostLink::tell_usage() {
  const uint64_t now = monotonic_ns();
  if (!wants_usage_ || now - told_usage_ns_ < kUsageNs || pulse_.is_stuck(now)) return true;
  told_usage_ns_ = now;
  return send_whole(usage_frame(ask_usage_()));
}

// Only to a host at a socket: a file and a pipe have nobody who waits for us. A tracing thread that is stuck
// sees nothing: we say nothing either, and the host raises an alert.
bool HostLink::keep_alive() {
  const uint64_t now = monotonic_ns();
  if (pulse_.is_stuck(now) || !is_socket_ || now - said_ns_ < kBeatNs) return true;
  std::vector<uint8_t> bytes;
  Pack pack(bytes);
  pack.array(1);
  pack.text("alive");
  return send_whole(bytes);
}

bool HostLink::send_whole(std::span<const uint8_t> frame) {
  if (!socket_.is_open()) return false;
  said_ns_ = monotonic_ns();
  const uint32_t size = static_cast<uint32_t>(frame.size());
  uint8_t head[sizeof size];
  std::memcpy(head, &size, sizeof size);
  if (send_bytes(head, sizeof head) && send_bytes(frame.data(), frame.size())) return true;
  close();
  return false;
}

bool HostLink::send_bytes(const uint8_t* bytes, size_t size) {
  while (size > 0) {
    if (!wait_writable()) return false;
    const size_t piece = std::min(size, kPieceMax);
    const ssize_t sent = is_socket_ ? ::send(socket_.get(), bytes, piece, MSG_NOSIGNAL | MSG_DONTWAIT)
                                    : ::write(socket_.get(), bytes, piece);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (sent <= 0) return false;
    bytes += sent;
    size -= static_cast<size_t>(sent);
  }
  return true;
}

bool HostLink::wait_writable() {
  for (;;) {
    pollfd slot{socket_.get(), static_cast<short>(POLLOUT | (is_socket_ ? POLLIN : 0)), 0};
    const int ready = ::poll(&slot, 1, kPollMs);
    if (ready < 0 && errno != EINTR) return false;
    if (ready > 0 && (slot.revents & POLLIN) != 0 && !hear()) return false;
    if (ready > 0 && (slot.revents & POLLOUT) != 0) return true;
    if (ready > 0 && (slot.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) return false;
    if (is_given_up()) return false;
  }
}

bool HostLink::is_given_up() const {
  const uint64_t deadline = deadline_ns_;
  return deadline != 0 && monotonic_ns() > deadline;
}

bool HostLink::listen(int wait_ms) {
  if (!socket_.is_open()) return false;
  pollfd slot{is_socket_ ? socket_.get() : -1, POLLIN, 0};  // a file or a pipe says nothing
  if (::poll(&slot, 1, wait_ms) <= 0 || hear()) return answer_table() && answer_requests() && tell_fill() && tell_usage() && keep_alive();
  close();
  return false;
}

// Its number may become another process's.
void HostLink::close() {
  socket_.reset();
  host_pid_ = 0;
  if (on_over_ && is_over()) on_over_();
}

// Whatever has arrived. False: the host is gone, or refuses us.
bool HostLink::hear() {
  uint8_t bytes[512];
  const ssize_t size = ::recv(socket_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
  if (size < 0) return errno == EAGAIN || errno == EINTR;
  if (size == 0 || !words_.feed(std::span(bytes, static_cast<size_t>(size)))) return false;
  while (const std::optional<HostWord> word = words_.next()) heed(*word);
  return !refused_;
}

void HostLink::heed(const HostWord& word) {
  switch (word.kind) {
    case HostWord::Kind::Ready: ready_ = true; break;
    case HostWord::Kind::Acknowledge:
      acknowledged_ = std::max(acknowledged_, word.number);
      greeted_ = true;
      break;
    case HostWord::Kind::Error:
      refused_ = true;
      refusal_ = word.text;
      break;
    case HostWord::Kind::Prevent:
      table_obstacle_ = take_table_(word.frame);
      owes_answer_ = true;
      break;
    case HostWord::Kind::Respond:
      if (std::optional<ResponseRequest> request = read_request(word.frame)) desk_.ask(std::move(*request));
      break;
    case HostWord::Kind::Hash: {
      HashQuestion question = read_hash_request(word.frame);
      if (question.request) hasher_.ask(std::move(*question.request));
      else if (question.id != 0) hasher_.refuse(question.id, "the question does not read");
      break;
    }
    case HostWord::Kind::Watch: take_files_(word.paths); break;
    case HostWord::Kind::Fill: wants_fill_ = true; break;
    case HostWord::Kind::Usage: wants_usage_ = true; break;
    case HostWord::Kind::Age: batch_age_ms_ = word.number; break;
    case HostWord::Kind::Unknown: break;
  }
}

}  // namespace vedette
