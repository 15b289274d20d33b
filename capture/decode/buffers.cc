// SPDX-License-Identifier: Apache-2.0
// Payload: what read and write move, in one buffer or a vector of them. At most snaplen bytes are kept, and
// with snaplen 0 none, not even an empty value. What is written is taken at entry, before another thread can
// change it, and cut at return to what the kernel took; what is read is there only at return.
#include <algorithm>
#include <cstdio>
#include <string>

#include "capture/decode/roles.h"

namespace vedette::buffers {

namespace {

constexpr uint64_t kVectorMax = 1024;  // UIO_MAXIOV: with more the kernel refuses the call
constexpr size_t kChunk = 16;          // entries of a vector read at once

struct Buffer {
  uint64_t address;
  uint64_t size;
};

// Calls `visit` with each buffer of the vector, until it returns false.
template <typename Visit>
void each(Decoding& d, Vector vector, Visit visit) {
  if (vector.count > kVectorMax) return;
  const size_t stride = d.layout.word * 2u;
  char entries[kChunk * 2 * sizeof(uint64_t)];
  for (uint64_t done = 0; done < vector.count;) {
    const size_t now = std::min<uint64_t>(kChunk, vector.count - done);
    if (!d.fetch(vector.address + done * stride, entries, now * stride)) return;
    for (size_t i = 0; i < now; ++i) {
      const char* entry = entries + i * stride;
      if (!visit(Buffer{d.word(entry), d.word(entry + d.layout.word)})) return;
    }
    done += now;
  }
}

// Appends memory to the event's bytes; false at a fault.
bool append(Decoding& d, uint64_t address, size_t size) {
  if (size == 0) return true;
  std::vector<char>& bytes = d.event.bytes;
  const size_t start = bytes.size();
  bytes.resize(start + size);
  const size_t got = d.memory.read(address, bytes.data() + start, size);
  bytes.resize(start + got);
  if (got < size) d.fault();
  return got == size;
}

void finish(Decoding& d, unsigned slot, size_t start, uint64_t size) {
  const size_t kept = d.event.bytes.size() - start;
  if (kept < size) d.truncated();
  d.event.set_span(slot, {static_cast<uint32_t>(start), static_cast<uint32_t>(kept)});
}

Vector vector_of(Decoding& d, const Step& s) { return {d.arg(s.arg), d.arg(s.extra)}; }

}  // namespace

uint64_t total(Decoding& d, Vector vector) {
  uint64_t sum = 0;
  each(d, vector, [&](Buffer buffer) {
    sum += buffer.size;
    return true;
  });
  return sum;
}

void payload(Decoding& d, unsigned slot, uint64_t address, uint64_t size) {
  if (d.limits.snaplen == 0) return;
  const size_t start = d.event.bytes.size();
  append(d, address, std::min<uint64_t>(size, d.limits.snaplen));
  finish(d, slot, start, size);
}

void payload(Decoding& d, unsigned slot, Vector vector, uint64_t limit) {
  if (d.limits.snaplen == 0) return;
  const size_t start = d.event.bytes.size();
  uint64_t offered = 0;
  each(d, vector, [&](Buffer buffer) {
    // Lengths are the program's and may be anything: no sum of them may decide how much is read.
    const uint64_t room = d.limits.snaplen - (d.event.bytes.size() - start);
    const uint64_t wanted = std::min(buffer.size, limit - std::min(limit, offered));
    offered = wanted > UINT64_MAX - offered ? UINT64_MAX : offered + wanted;
    const bool goes_on = append(d, buffer.address, std::min(wanted, room));
    return goes_on && wanted <= room && offered < limit;
  });
  // At entry the end is open: we know only that there was at least as much as was offered so far.
  finish(d, slot, start, limit == UINT64_MAX ? offered : limit);
}

void write(Decoding& d, const Step& s) { payload(d, s.slot, d.arg(s.arg), d.arg(s.extra)); }

void trim(Decoding& d, const Step& s) {
  if (!d.event.has(s.slot) || d.call.result < 0) return;
  Span span = d.event.span(s.slot);
  const uint64_t taken = static_cast<uint64_t>(d.call.result);
  if (taken > span.size) return d.truncated();
  span.size = static_cast<uint32_t>(taken);
  d.event.set_span(s.slot, span);
  d.event.flags &= static_cast<uint16_t>(~kTruncated);  // all the kernel took is here
}

void read(Decoding& d, const Step& s) {
  if (d.call.result >= 0) payload(d, s.slot, d.arg(s.arg), d.transferred(d.arg(s.extra)));
}

void write_vector(Decoding& d, const Step& s) { payload(d, s.slot, vector_of(d, s), UINT64_MAX); }

void read_vector(Decoding& d, const Step& s) {
  if (d.call.result >= 0) payload(d, s.slot, vector_of(d, s), d.transferred(UINT64_MAX));
}

void id_list(Decoding& d, const Step& s) {
  payload(d, s.slot, d.arg(s.arg), static_cast<uint32_t>(d.arg(s.extra)) * sizeof(uint32_t));
}

void vector_size(Decoding& d, const Step& s) { d.event.set(s.slot, static_cast<int64_t>(total(d, vector_of(d, s)))); }

void vector_base(Decoding& d, const Step& s) {
  each(d, vector_of(d, s), [&](Buffer buffer) {
    d.event.set(s.slot, static_cast<int64_t>(buffer.address));
    return false;
  });
}

// struct xattr_args: the value's address (64 bits) and its size (32).
void buffer_in(Decoding& d, const Step& s) {
  uint64_t address;
  uint32_t size;
  if (d.arg(s.arg) == 0 || !d.fetch(d.arg(s.arg), &address, sizeof address)) return;
  if (d.fetch(d.arg(s.arg) + sizeof address, &size, sizeof size) && address != 0) payload(d, s.slot, address, size);
}

void queued_in(Decoding& d, const Step& s) { payload(d, s.slot, d.arg(s.arg) + d.layout.word, d.arg(s.extra)); }

void queued_out(Decoding& d, const Step& s) {
  if (d.call.result >= 0) payload(d, s.slot, d.arg(s.arg) + d.layout.word, d.transferred(d.arg(s.extra)));
}

void config_bytes(Decoding& d, const Step& s) {
  constexpr uint32_t kSetBinary = 2;  // linux/mount.h
  if (static_cast<uint32_t>(d.arg(1)) == kSetBinary) payload(d, s.slot, d.arg(s.arg), static_cast<uint32_t>(d.arg(s.extra)));
}

namespace {

// struct iocb (linux/aio_abi.h), the same for both widths of pointers.
struct Iocb {
  uint64_t data;
  uint32_t key, rw_flags;
  uint16_t opcode;
  int16_t priority;
  uint32_t fd;
  uint64_t buffer, size;
  int64_t offset;
  uint64_t reserved;
  uint32_t flags, result_fd;
};
static_assert(sizeof(Iocb) == 64);

constexpr uint16_t kPwrite = 1, kPreadv = 7, kPwritev = 8;

uint64_t moved_by(Decoding& d, const Iocb& iocb) {
  const bool is_vector = iocb.opcode == kPreadv || iocb.opcode == kPwritev;
  return is_vector ? total(d, {iocb.buffer, iocb.size}) : iocb.size;
}

void first_iocb(Decoding& d, const Iocb& iocb) {
  using namespace slot::io_submit_;
  d.event.fd = static_cast<int32_t>(iocb.fd);
  d.event.set(opcode, iocb.opcode);
  d.event.set(size, static_cast<int64_t>(moved_by(d, iocb)));
  d.event.set(pos, iocb.offset);
  if (iocb.opcode == kPwrite) payload(d, data, iocb.buffer, iocb.size);
  if (iocb.opcode == kPwritev) payload(d, data, Vector{iocb.buffer, iocb.size}, UINT64_MAX);
}

}  // namespace

// A line a request, `1 fd=5 size=512 pos=0` with the number of what it does first, each with its NUL.
void iocbs(Decoding& d, const Step& s) {
  constexpr size_t kLineMax = 96;
  std::string list;
  const uint64_t count = d.arg(s.extra);
  for (uint64_t i = 0; i < count; ++i) {
    char pointer[sizeof(uint64_t)];
    Iocb iocb;
    if (!d.fetch(d.arg(s.arg) + i * d.layout.word, pointer, d.layout.word) || !d.fetch(d.word(pointer), &iocb, sizeof iocb)) break;
    if (i == 0) first_iocb(d, iocb);
    if (list.size() + kLineMax > d.limits.list_max) {
      d.truncated();
      break;
    }
    char line[kLineMax];
    std::snprintf(line, sizeof line, "%u fd=%d size=%llu pos=%lld", iocb.opcode, static_cast<int32_t>(iocb.fd),
                  static_cast<unsigned long long>(moved_by(d, iocb)), static_cast<long long>(iocb.offset));
    list += line;
    list += '\0';
  }
  if (!list.empty()) d.event.set_span(s.slot, d.event.keep(list));
}

}  // namespace vedette::buffers
