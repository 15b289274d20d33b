// SPDX-License-Identifier: Apache-2.0
// Sockets: addresses, and messages (struct msghdr) with their buffers and control data. An address the kernel
// returns is as long as it says, but only as much of it was written as the program gave room for, which
// stands in memory only until the call returns: room is noted at entry. Descriptors that SCM_RIGHTS brought
// go into event.rights for state.
#include <algorithm>
#include <cstring>

#include <sys/socket.h>

#include "capture/decode/roles.h"

namespace vedette::messages {

namespace {

constexpr uint32_t kAddressMax = sizeof(sockaddr_storage);
constexpr uint64_t kControlMax = 4096;  // SCM_MAX_FD descriptors take 1,028 bytes
constexpr uint64_t kBatchMax = 1024;    // UIO_MAXIOV

struct Message {
  uint64_t name, vector, count, control, control_size;
  uint32_t name_size;
};

bool read_message(Decoding& d, uint64_t address, Message& into) {
  const Layout::Message& at = d.layout.message;
  char raw[sizeof(uint64_t) * 7];
  if (!d.fetch(address, raw, at.size)) return false;
  into = {d.word(raw + at.name), d.word(raw + at.vector), d.word(raw + at.vector_count), d.word(raw + at.control),
          d.word(raw + at.control_size), 0};
  std::memcpy(&into.name_size, raw + at.name_size, sizeof into.name_size);
  return true;
}

void address(Decoding& d, unsigned slot, uint64_t from, uint32_t size) {
  char raw[kAddressMax];
  size = std::min(size, kAddressMax);
  if (from == 0 || size == 0 || !d.fetch(from, raw, size)) return;
  d.event.peer = d.event.keep({raw, size});
  d.event.set_span(slot, d.event.peer);
}

// Collects the descriptors of SCM_RIGHTS in control data that stands in our memory.
void collect_rights(Decoding& d, std::string_view control) {
  const size_t header = d.layout.control_header;
  const size_t align = d.layout.word;
  const size_t start = d.event.bytes.size();
  while (control.size() >= header) {
    const uint64_t size = d.word(control.data());
    int32_t level, type;
    std::memcpy(&level, control.data() + d.layout.word, sizeof level);
    std::memcpy(&type, control.data() + d.layout.word + sizeof level, sizeof type);
    if (size < header || size > control.size()) break;
    if (level == SOL_SOCKET && type == SCM_RIGHTS) {
      const size_t fds = (size - header) / sizeof(int32_t) * sizeof(int32_t);
      d.event.keep(control.substr(header, fds));
    }
    control.remove_prefix(std::min(control.size(), static_cast<size_t>((size + align - 1) / align * align)));
  }
  // Several messages of a batch follow one another, with nothing of ours between.
  const uint32_t added = static_cast<uint32_t>(d.event.bytes.size() - start);
  if (added == 0) return;
  if (d.event.rights.offset == kNull) d.event.rights = {static_cast<uint32_t>(start), 0};
  d.event.rights.size += added;
}

void rights(Decoding& d, const Message& message) {
  char raw[kControlMax];
  const size_t size = static_cast<size_t>(std::min(message.control_size, kControlMax));
  if (message.control != 0 && size != 0 && d.fetch(message.control, raw, size)) collect_rights(d, {raw, size});
}

void control(Decoding& d, unsigned slot, const Message& message) {
  if (message.control != 0 && message.control_size != 0) {
    buffers::payload(d, slot, message.control, message.control_size);
  }
}

uint32_t batch_length(Decoding& d, uint64_t message) {
  uint32_t length = 0;
  d.fetch(message + d.layout.batch_length, &length, sizeof length);
  return length;
}

}  // namespace

void address_in(Decoding& d, const Step& s) { address(d, s.slot, d.arg(s.arg), static_cast<uint32_t>(d.arg(s.extra))); }

void address_room(Decoding& d, const Step& s) {
  if (d.arg(s.arg) != 0 && d.arg(s.extra) != 0) d.fetch(d.arg(s.extra), &d.event.room, sizeof d.event.room);
}

void address_out(Decoding& d, const Step& s) {
  uint32_t size = 0;
  if (d.call.result < 0 || d.event.room == 0 || !d.fetch(d.arg(s.extra), &size, sizeof size)) return;
  address(d, s.slot, d.arg(s.arg), std::min(size, d.event.room));
}

void size(Decoding& d, const Step& s) {
  Message message;
  if (!read_message(d, d.arg(s.arg), message)) return;
  d.event.set(s.slot, static_cast<int64_t>(buffers::total(d, {message.vector, message.count})));
}

void write(Decoding& d, const Step& s) {
  Message message;
  if (read_message(d, d.arg(s.arg), message)) {
    buffers::payload(d, s.slot, buffers::Vector{message.vector, message.count}, UINT64_MAX);
  }
}

void read(Decoding& d, const Step& s) {
  Message message;
  if (d.call.result >= 0 && read_message(d, d.arg(s.arg), message)) {
    buffers::payload(d, s.slot, buffers::Vector{message.vector, message.count}, d.transferred(UINT64_MAX));
  }
}

void name_in(Decoding& d, const Step& s) {
  Message message;
  if (read_message(d, d.arg(s.arg), message)) address(d, s.slot, message.name, message.name_size);
}

void name_room(Decoding& d, const Step& s) {
  Message message;
  if (read_message(d, d.arg(s.arg), message) && message.name != 0) d.event.room = message.name_size;
}

void name_out(Decoding& d, const Step& s) {
  Message message;
  if (d.call.result < 0 || d.event.room == 0 || !read_message(d, d.arg(s.arg), message)) return;
  address(d, s.slot, message.name, std::min(message.name_size, d.event.room));
}

void control_in(Decoding& d, const Step& s) {
  Message message;
  if (read_message(d, d.arg(s.arg), message)) control(d, s.slot, message);
}

void control_out(Decoding& d, const Step& s) {
  Message message;
  if (d.call.result < 0 || !read_message(d, d.arg(s.arg), message)) return;
  control(d, s.slot, message);
  rights(d, message);
}

void batch_size(Decoding& d, const Step& s) {
  if (d.call.result < 0) return;
  int64_t sum = 0;
  for (uint64_t i = 0; i < d.transferred(kBatchMax); ++i) sum += batch_length(d, d.arg(s.arg) + i * d.layout.batch_stride);
  d.event.set(s.slot, sum);
}

void batch_read(Decoding& d, const Step& s) {
  Message message;
  if (d.call.result <= 0 || !read_message(d, d.arg(s.arg), message)) return;
  buffers::payload(d, s.slot, buffers::Vector{message.vector, message.count}, batch_length(d, d.arg(s.arg)));
}

void batch_control_out(Decoding& d, const Step& s) {
  Message message;
  for (uint64_t i = 0; i < d.transferred(kBatchMax); ++i) {
    if (!read_message(d, d.arg(s.arg) + i * d.layout.batch_stride, message)) return;
    if (i == 0) control(d, s.slot, message);
    rights(d, message);
  }
}

}  // namespace vedette::messages
