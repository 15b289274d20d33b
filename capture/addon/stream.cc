// SPDX-License-Identifier: Apache-2.0
#include "capture/addon/stream.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "build/generated/events.h"
#include "capture/addon/check.h"
#include "capture/addon/future.h"
#include "capture/wire/batch.h"

namespace vedette::addon {

namespace {
// No honest frame is longer: a batch's sections and its envelope. The claim is refused before anything is
// allocated for it.
constexpr uint32_t kFrameTakenMax = kBatchBytesMax + (64u << 10);
static_assert(kFrameTakenMax <= kFrameMax);
constexpr uint32_t kGreetingMax = 64u << 10;  // hello and end are far shorter
constexpr size_t kWordMax = 64u << 10;        // of ours; the agent takes none longer
constexpr size_t kFirstBuffer = 64u << 10;
constexpr auto kFact = static_cast<size_t>(EventId::vedette_fact);
constexpr size_t kStackBytes = 256u << 10;
constexpr uint64_t kHelloNs = 5'000'000'000;
constexpr size_t kUnheardMax = 4;  // so many frames beside batches wait for JavaScript; then the agent waits

uint64_t nanoseconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

uint64_t monotonic_ns() {
  return nanoseconds(CLOCK_MONOTONIC);
}

Refusal unexpected(std::string reason) {
  return {ErrorCode::VEDETTE_FRAME_UNEXPECTED, 0, std::move(reason)};
}

// The source that a hello names; empty where it does not read: then no batch fits it, and JavaScript says
// what is wrong.
std::string source_in(Bytes hello) {
  EnvelopeReader reader(hello);
  reader.array();
  reader.text();
  reader.uint();  // version
  reader.uint();  // schema
  const Bytes source = reader.bin(16);
  return {source.begin(), source.end()};
}

// What is passed on as it is.
std::optional<News::Kind> kind_of(std::string_view frame) {
  if (frame == "end") return News::Kind::End;
  if (frame == "prevented") return News::Kind::Prevented;
  if (frame == "responded") return News::Kind::Responded;
  if (frame == "hashed") return News::Kind::Hashed;
  if (frame == "usage") return News::Kind::Usage;
  return std::nullopt;
}

}  // namespace

Stream::Stream(uint32_t id, int socket, Peer peer, Origin origin, RingWriter& ring, Outbox& outbox, HelloGate& gate)
    : id_(id),
      socket_(socket),
      peer_(std::move(peer)),
      origin_(origin),
      ring_(ring),
      outbox_(outbox),
      gate_(gate),
      heard_ns_(monotonic_ns()),
      deadline_ns_(monotonic_ns() + kHelloNs) {}

// By pthread: std::thread ends the process where there is no thread to be had, which a container's bound can
// bring about.
bool Stream::start() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  is_started_ = pthread_create(&thread_, &attributes, thread_main, this) == 0;
  pthread_attr_destroy(&attributes);
  return is_started_;
}

void* Stream::thread_main(void* self) {
  static_cast<Stream*>(self)->run();
  return nullptr;
}

void Stream::admit() {
  const std::lock_guard<std::mutex> lock(waiting_);
  standing_ = Standing::Admitted;
  changed_.notify_all();
}

void Stream::heard() {
  const std::lock_guard<std::mutex> lock(waiting_);
  unheard_--;
  changed_.notify_all();
}

uint64_t Stream::silent_ms() const {
  int waiting = 0;
  if (!reading_ || (ioctl(socket_, FIONREAD, &waiting) == 0 && waiting > 0)) return 0;
  const uint64_t now = monotonic_ns(), heard = heard_ns_;
  return now > heard ? (now - heard) / 1'000'000 : 0;
}

Stream::~Stream() {
  close();
  if (is_started_) pthread_join(thread_, nullptr);
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
  {
    const std::lock_guard<std::mutex> lock(waiting_);
    stop_ = true;
    changed_.notify_all();
  }
  ::shutdown(socket_, SHUT_RDWR);  // wakes the thread out of its read
}

void Stream::run() {
  while (read_frame() && take_frame()) {
  }
  ::shutdown(socket_, SHUT_RDWR);
  closing_.stream = id_;
  closing_.peer = peer_.text;
  ended_ = true;
  outbox_.post(std::move(closing_));
}

bool Stream::read_frame() {
  uint32_t size = 0;
  if (!read_exactly(reinterpret_cast<uint8_t*>(&size), sizeof size)) return false;
  const uint32_t limit = standing_ == Standing::Silent ? kGreetingMax : kFrameTakenMax;
  if (size == 0 || size > limit) return refuse({ErrorCode::VEDETTE_FRAME_OVERSIZED, size, std::to_string(limit)});
  if (size > capacity_) {
    capacity_ = std::max<size_t>({size, 2 * capacity_, kFirstBuffer});
    buffer_.reset(new uint8_t[capacity_]);
  }
  if (!read_exactly(buffer_.get(), size)) return false;
  frame_ = Bytes(buffer_.get(), size);
  return true;
}

bool Stream::read_exactly(uint8_t* into, size_t size) {
  reading_ = true;
  while (size > 0) {
    if (standing_ == Standing::Silent && !wait_readable()) return false;
    const ssize_t got = ::recv(socket_, into, size, standing_ == Standing::Silent ? MSG_DONTWAIT : MSG_WAITALL);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return false;  // the agent is gone; what it had not sent whole is counted by the gap, or by nobody
    heard_ns_ = monotonic_ns();
    into += got;
    size -= static_cast<size_t>(got);
  }
  reading_ = false;
  return true;
}

// Until a stranger has said something. False: it took too long.
bool Stream::wait_readable() {
  if (origin_ == Origin::Started) {
    pollfd event{socket_, POLLIN, 0};
    return poll(&event, 1, -1) > 0 || errno == EINTR;
  }
  const uint64_t now = monotonic_ns();
  if (now >= deadline_ns_) return refuse(unexpected("it did not say hello within 5 s"));
  pollfd event{socket_, POLLIN, 0};
  poll(&event, 1, static_cast<int>((deadline_ns_ - now) / 1'000'000) + 1);
  return !stop_;
}

bool Stream::take_frame() {
  const std::string_view name = frame_name(frame_);
  if (standing_ == Standing::Silent) return name == "hello" ? take_hello() : refuse(unexpected("it did not begin with hello"));
  if (name == kBatchMagic) return take_batch();
  if (name == "alive") return true;  // that it came is all it says
  if (name == "fill") return take_fill();
  const std::optional<News::Kind> kind = kind_of(name);
  if (!kind) return refuse(unexpected("a frame has no name that is known here"));
  if (frame_.size() > kGreetingMax) return refuse(unexpected("a frame of " + std::to_string(frame_.size()) + " bytes is too long for its kind"));
  return tell(*kind);
}

// Told, and then nothing is read until JavaScript has said yes.
bool Stream::take_hello() {
  source_ = source_in(frame_);
  standing_ = Standing::Greeted;
  if (origin_ == Origin::Accepted && !wait_until(gate_.turn(monotonic_ns()))) return false;
  if (!tell(News::Kind::Hello)) return false;
  std::unique_lock<std::mutex> lock(waiting_);
  changed_.wait(lock, [this] { return stop_ || standing_ == Standing::Admitted; });
  return !stop_;
}

bool Stream::take_batch() {
  Envelope envelope;
  TypeBitmap types{};
  if (const Refusal refusal = check_batch(frame_, envelope, types); !refusal.reason.empty()) return refuse(refusal);
  if ((types[kFact / 32] >> (kFact % 32) & 1) != 0) return refuse({ErrorCode::VEDETTE_BATCH_CORRUPT, 0, "it holds a fact, which no agent tells"});
  if (!std::equal(source_.begin(), source_.end(), envelope.source.begin(), envelope.source.end(), [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; }))
    return refuse(unexpected("a batch names another source than its hello"));
  counts_.future_times += bound_times({buffer_.get(), frame_.size()}, envelope, nanoseconds(CLOCK_REALTIME));
  if (!ring_.push(frame_, id_, static_cast<uint32_t>(envelope.count), types, stop_)) return false;
  count(envelope);
  outbox_.wake();
  return true;
}

// The last one counts: however many come, nothing grows.
bool Stream::take_fill() {
  EnvelopeReader reader(frame_);
  const bool is_long_enough = reader.array() >= 5;
  reader.text();
  const uint64_t spool = reader.uint(), spool_max = reader.uint(), rings = reader.uint(), rings_max = reader.uint();
  if (!is_long_enough || !reader.ok() || frame_.size() > kGreetingMax) return refuse(unexpected("its word on how full it is does not read"));
  counts_.spool = spool;
  counts_.spool_max = spool_max;
  counts_.rings = rings;
  counts_.rings_max = rings_max;
  return true;
}

// Passes the frame on to JavaScript, and waits first where too many of them wait there already.
bool Stream::tell(News::Kind kind) {
  {
    std::unique_lock<std::mutex> lock(waiting_);
    changed_.wait(lock, [this] { return stop_ || unheard_ < kUnheardMax; });
    if (stop_) return false;
    unheard_++;
  }
  outbox_.post({.kind = kind, .stream = id_, .frame = {frame_.begin(), frame_.end()}, .next = next_seq_});
  return true;
}

// False: the stream was closed before that time (monotonic).
bool Stream::wait_until(uint64_t time_ns) {
  std::unique_lock<std::mutex> lock(waiting_);
  while (!stop_) {
    const uint64_t now = monotonic_ns();
    if (now >= time_ns) return true;
    changed_.wait_for(lock, std::chrono::nanoseconds(time_ns - now));
  }
  return false;
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
