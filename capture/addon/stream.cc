// SPDX-License-Identifier: Apache-2.0
#include "capture/addon/stream.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "capture/addon/check.h"
#include "capture/wire/batch.h"

namespace vedette::addon {

namespace {
// No honest frame is longer: a batch's sections and its envelope. The claim is refused before anything is allocated for it.
constexpr uint32_t kFrameTakenMax = kBatchBytesMax + (64u << 10);
static_assert(kFrameTakenMax <= kFrameMax);
constexpr uint32_t kGreetingMax = 64u << 10;  // hello and end are far shorter
constexpr size_t kWordMax = 64u << 10;        // of ours; the agent takes none longer
constexpr size_t kFirstBuffer = 64u << 10;

Refusal unexpected(std::string reason) {
  return {ErrorCode::VEDETTE_FRAME_UNEXPECTED, 0, std::move(reason)};
}
}  // namespace

Stream::Stream(uint32_t id, int socket, std::string peer, RingWriter& ring, Outbox& outbox)
    : id_(id), socket_(socket), peer_(std::move(peer)), ring_(ring), outbox_(outbox), thread_([this] { run(); }) {}

Stream::~Stream() {
  close();
  thread_.join();
  ::close(socket_);
}

bool Stream::send(Bytes frame) {
  if (frame.size() > kWordMax) return false;
  const uint32_t size = static_cast<uint32_t>(frame.size());
  std::vector<uint8_t> bytes(sizeof size + frame.size());
  std::memcpy(bytes.data(), &size, sizeof size);
  std::memcpy(bytes.data() + sizeof size, frame.data(), frame.size());
  const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  // An agent that does not read what little we say is stuck, and half a word is none.
  if (sent > 0 && static_cast<size_t>(sent) < bytes.size()) close();
  return sent == static_cast<ssize_t>(bytes.size());
}

void Stream::close() {
  stop_.store(true);
  ::shutdown(socket_, SHUT_RDWR);  // wakes the thread out of its read
}

void Stream::run() {
  while (read_frame() && take_frame()) {
  }
  ::shutdown(socket_, SHUT_RDWR);
  closing_.stream = id_;
  closing_.peer = peer_;
  outbox_.post(std::move(closing_));
}

bool Stream::read_frame() {
  uint32_t size = 0;
  if (!read_exactly(reinterpret_cast<uint8_t*>(&size), sizeof size)) return false;
  if (size == 0 || size > kFrameTakenMax) return refuse({ErrorCode::VEDETTE_FRAME_OVERSIZED, size, std::to_string(kFrameTakenMax)});
  if (size > capacity_) {
    capacity_ = std::max<size_t>({size, 2 * capacity_, kFirstBuffer});
    buffer_.reset(new uint8_t[capacity_]);
  }
  if (!read_exactly(buffer_.get(), size)) return false;
  frame_ = Bytes(buffer_.get(), size);
  return true;
}

bool Stream::read_exactly(uint8_t* into, size_t size) {
  while (size > 0) {
    const ssize_t got = ::recv(socket_, into, size, MSG_WAITALL);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;  // the agent is gone; what it had not sent whole is counted by the gap, or by nobody
    into += got;
    size -= static_cast<size_t>(got);
  }
  return true;
}

bool Stream::take_frame() {
  const std::string_view name = frame_name(frame_);
  if (!greeted_ && name != "hello") return refuse(unexpected("it did not begin with hello"));
  if (name == kBatchMagic) return take_batch();
  const bool is_answer = name == "prevented";
  if (name != "end" && !is_answer && (name != "hello" || greeted_)) return refuse(unexpected("a frame has no name that is known here"));
  if (frame_.size() > kGreetingMax) return refuse(unexpected("a frame of " + std::to_string(frame_.size()) + " bytes is too long for its kind"));
  const News::Kind kind = is_answer ? News::Kind::Prevented : greeted_ ? News::Kind::End : News::Kind::Hello;
  greeted_ = true;
  outbox_.post({.kind = kind, .stream = id_, .frame = {frame_.begin(), frame_.end()}});
  return true;
}

bool Stream::take_batch() {
  Envelope envelope;
  TypeBitmap types{};
  if (const Refusal refusal = check_batch(frame_, envelope, types); !refusal.reason.empty()) return refuse(refusal);
  if (!ring_.push(frame_, id_, static_cast<uint32_t>(envelope.count), types, stop_)) return false;
  count(envelope);
  outbox_.wake();
  return true;
}

void Stream::count(const Envelope& envelope) {
  counts_.batches += 1;
  counts_.records += envelope.count;
  counts_.bytes += frame_.size();
  if (next_seq_ != 0 && envelope.seq > next_seq_) counts_.missing_batches += envelope.seq - next_seq_;
  if (next_number_ != 0 && envelope.first > next_number_) counts_.missing_records += envelope.first - next_number_;
  next_seq_ = envelope.seq + 1;
  next_number_ = envelope.first + envelope.count;
}

bool Stream::refuse(const Refusal& refusal) {
  closing_.code = info_of(refusal.code).code;
  closing_.detail = refusal.reason;
  closing_.offset = refusal.offset;
  return false;
}

}  // namespace vedette::addon
