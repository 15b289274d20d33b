// SPDX-License-Identifier: Apache-2.0
#include "capture/state/plaintext.h"

#include <algorithm>
#include <string_view>

#include "capture/state/books.h"
#include "capture/state/effects.h"

namespace vedette {
namespace {

enum class Way : uint8_t { None, In, Out };

struct Transfer {
  EventId id;
  Way way;
  uint8_t data;  // slot of the payload
};
constexpr Transfer kTransfers[] = {
    {EventId::read, Way::In, slot::read_::data},         {EventId::readv, Way::In, slot::readv_::data},
    {EventId::recvfrom, Way::In, slot::recvfrom_::data}, {EventId::recvmsg, Way::In, slot::recvmsg_::data},
    {EventId::write, Way::Out, 0},                       {EventId::writev, Way::Out, 0},
    {EventId::sendto, Way::Out, 0},                      {EventId::sendmsg, Way::Out, 0},
};

const Transfer* transfer_of(EventId id) {
  const Transfer* const found = std::ranges::find(kTransfers, id, &Transfer::id);
  return found == std::end(kTransfers) ? nullptr : found;
}

// The head of a record: a type from change_cipher_spec to application_data, version 3.x (RFC 8446, 5.1).
bool begins_record(std::string_view bytes) {
  return bytes.size() >= 3 && bytes[0] >= 20 && bytes[0] <= 23 && bytes[1] == 3 && bytes[2] <= 4;
}

}  // namespace

void Plaintext::note(const Thread& thread, const Sighting& s) {
  const Transfer* const transfer = transfer_of(s.event.id);
  if (transfer == nullptr || !s.descriptor || !s.descriptor->is_socket || !s.event.call.returned) return;
  Talk& talk = threads_[thread.tid];
  Moved& moved = transfer->way == Way::In ? talk.in : talk.out;
  if (moved.fd != s.event.fd) moved.others_ns = moved.last_ns;
  moved.fd = s.event.fd;
  moved.enter_ns = s.event.call.enter_ns;
  moved.last_ns = s.event.call.exit_ns;
  if (transfer->way == Way::In && s.event.call.result > 0) moved.is_record = begins_record(s.event.text(transfer->data));
}

// A time that the program made up is none.
uint64_t Plaintext::begin_of(const Call& call) const {
  constexpr uint64_t kLongest = 600'000'000'000;
  const uint64_t begin = ns_of_(call.args[4]);
  return begin <= call.enter_ns && call.enter_ns - begin < kLongest ? begin : call.enter_ns;
}

Ref<Descriptor> Plaintext::socket_at(const Thread& thread, int32_t fd, uint64_t ino) const {
  const Ref<Descriptor> found = fd < 0 ? Ref<Descriptor>() : thread.files->find(fd);
  return found && found->is_socket && (ino == 0 || found->ino == ino) ? found : Ref<Descriptor>();
}

int32_t Plaintext::find(const Thread& thread, const Call& call, bool is_read, uint64_t begin, Talk& talk) const {
  const int32_t told = static_cast<int32_t>(call.args[5] >> 32);
  if (socket_at(thread, told, 0)) return told;
  const auto is_nested = [begin](const Moved& moved) { return moved.fd >= 0 && moved.enter_ns >= begin; };
  const Moved& own = is_read ? talk.in : talk.out;
  const Moved& other = is_read ? talk.out : talk.in;
  if (is_nested(own)) return own.others_ns < begin ? own.fd : -1;
  if (call.args[2] == 0 && is_nested(other)) return other.others_ns < begin ? other.fd : -1;  // a handshake
  if (const auto process = objects_.find(thread.process->pid); process != objects_.end()) {
    const auto known = process->second.find(call.args[3]);
    if (known != process->second.end() && socket_at(thread, known->second.fd, known->second.ino)) return known->second.fd;
  }
  const bool is_in_order = talk.in.is_record && talk.in.last_ns > talk.told_ns;
  talk.in.is_record = false;
  return is_in_order ? talk.in.fd : -1;
}

void Plaintext::tell(Thread& thread, Sighting& s) {
  Event& event = s.event;
  const bool is_read = event.id == EventId::tls_read;
  Talk& talk = threads_[thread.tid];
  const uint64_t begin = begin_of(event.call);
  // A function that another one of them has called has told it.
  if (talk.told_ns >= begin && event.call.args[2] != 0 && talk.told_size == event.call.args[2]) s.is_untold = true;
  const int32_t fd = find(thread, event.call, is_read, begin, talk);
  const Ref<Descriptor> socket = socket_at(thread, fd, 0);
  if (is_read) talk.in.is_record = false;  // what came was this object's
  talk.told_ns = event.call.enter_ns;
  talk.told_size = event.call.args[2];
  event.call.enter_ns = begin;
  if (event.call.args[2] == 0) s.is_untold = true;
  if (!socket) return;
  if (objects_.size() >= kProcessesMax) objects_.clear();
  auto& objects = objects_[thread.process->pid];
  if (objects.size() >= kObjectsMax) objects.clear();
  objects[event.call.args[3]] = {fd, socket->ino};
  if (s.is_untold) return;
  event.fd = fd;
  s.descriptor = socket;
  const unsigned begins = is_read ? static_cast<unsigned>(slot::tls_read_::begins) : static_cast<unsigned>(slot::tls_write_::begins);
  event.set(begins, (socket->flags & kPlaintextTold) == 0);
  if ((socket->flags & kPlaintextTold) != 0) return;
  socket->flags |= kPlaintextTold;
  socket->changed();
}

void Plaintext::forget(uint32_t tid) {
  threads_.erase(tid);
  objects_.erase(tid);  // of its process, if it is the one that gives that its number
}

}  // namespace vedette

namespace vedette::effects {

void plaintext(State::Books& books, Thread& thread, Sighting& s) {
  if (books.plaintext != nullptr) books.plaintext->tell(thread, s);
}

}  // namespace vedette::effects
