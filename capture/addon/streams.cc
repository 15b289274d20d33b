// SPDX-License-Identifier: Apache-2.0
#include "capture/addon/streams.h"

#include <unistd.h>

#include <utility>

namespace vedette::addon {

namespace {
constexpr size_t kAgentsMax = 256;  // far beyond one task's containers
constexpr size_t kStrangersMax = 32;
constexpr size_t kClosingMax = 64;  // closed, but JavaScript has not come to take them away

// Each kind has its line, so that the compiler asks about a new one: a stream whose frame is never counted as
// heard is read no more after the fourth.
bool is_frame(News::Kind kind) {
  switch (kind) {
    case News::Kind::Hello:
    case News::Kind::End:
    case News::Kind::Prevented:
    case News::Kind::Responded:
    case News::Kind::Hashed:
    case News::Kind::Usage: return true;
    case News::Kind::Closed:
    case News::Kind::Exit:
    case News::Kind::Refused: return false;
  }
  return false;
}

}  // namespace

uint32_t Streams::add(int socket, Peer peer, Stream::Origin origin) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (origin == Stream::Origin::Accepted) {
    const Census there = count();
    Stream* const victim = there.strangers >= kStrangersMax ? whom_to_evict() : nullptr;
    const bool is_full = there.strangers >= kStrangersMax && victim == nullptr;
    if (is_full || there.closing >= kClosingMax) {
      ::close(socket);
      return 0;
    }
    if (victim != nullptr) victim->close();
  }
  const uint32_t id = next_++;
  auto stream = std::make_unique<Stream>(id, socket, std::move(peer), origin, ring_, outbox_, gate_);
  if (!stream->start()) return 0;
  streams_[id] = std::move(stream);
  return id;
}

Streams::Admission Streams::admit(uint32_t id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = streams_.find(id);
  if (found == streams_.end() || found->second->is_closing()) return Admission::Gone;
  if (count().agents >= kAgentsMax) return Admission::Full;
  found->second->admit();
  return Admission::Admitted;
}

void Streams::drop(uint32_t id) {
  std::unique_ptr<Stream> over;
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  if (!found->second->has_ended()) return found->second->close();  // Closed comes, and with it this once more
  over = std::move(found->second);
  streams_.erase(found);
}

void Streams::heard(const News& news) {
  if (!is_frame(news.kind)) return;
  with(news.stream, [](Stream& stream) { stream.heard(); });
}

void Streams::close_all() {
  std::map<uint32_t, std::unique_ptr<Stream>> all;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    all = std::exchange(streams_, {});
  }
  for (const auto& [id, stream] : all) stream->close();
}

Streams::Census Streams::census() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return count();
}

Streams::Census Streams::count() const {
  Census census;
  for (const auto& [id, stream] : streams_) {
    if (stream->is_closing() || stream->has_ended()) census.closing++;
    else if (stream->standing() == Stream::Standing::Admitted) census.agents++;
    else if (stream->origin() == Stream::Origin::Accepted) census.strangers++;
  }
  return census;
}

// Streams are in the order in which they came. Who has said hello waits for us, not we for it: it stays.
Stream* Streams::whom_to_evict() const {
  Stream* victim = nullptr;
  size_t most = 0;
  for (const auto& [id, stream] : streams_) {
    const auto is_silent = [](const Stream& one) {
      return one.standing() == Stream::Standing::Silent && one.origin() == Stream::Origin::Accepted && !one.is_closing() && !one.has_ended();
    };
    if (!is_silent(*stream)) continue;
    size_t same = 0;
    for (const auto& [other, one] : streams_) same += is_silent(*one) && one->peer().is_same(stream->peer()) ? 1 : 0;
    if (same <= most) continue;
    most = same;
    victim = stream.get();
  }
  return victim;
}

}  // namespace vedette::addon
