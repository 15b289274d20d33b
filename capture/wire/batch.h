// SPDX-License-Identifier: Apache-2.0
// The layout of a batch: what the agent writes and the host reads. docs/wire.md draws it; host/wire/batch.ts
// and the policy SDK read the same bytes. Little-endian, every offset a multiple of 8, fields are only ever
// appended.
//
//   record      RecordHeader, then one 8-byte slot a parameter (see events.yaml)
//   slot        an integer (i64 or u64), or a Span into the string arena
//   process     one 8-byte slot a field of `process:` in events.yaml, fixed stride
//   descriptor  likewise, `descriptor:` in events.yaml
#pragma once

#include <cstdint>

namespace vedette {

inline constexpr char kBatchMagic[] = "vedette";  // element 0 of the envelope
inline constexpr uint32_t kBatchVersion = 1;      // element 1
inline constexpr uint32_t kFrameMax = 16u << 20;  // no frame on the socket is longer

// Bounds that keep one batch inside one policy frame (docs/abi/v1.md).
inline constexpr uint32_t kBatchBytesMax = 1u << 20;   // the four bins together
inline constexpr uint32_t kBatchRecordsMax = 16384;

struct Span {
  uint32_t offset;  // into the string arena; kNull: there is no value
  uint32_t size;    // bytes
};
inline constexpr uint32_t kNull = 0xffffffffu;                 // "none" for spans, process and descriptor indices
inline constexpr int64_t kAbsent = INT64_MIN;                  // "no value" in an integer slot

enum RecordFlags : uint16_t {
  kTierMask = 0x3,      // 0 trace, 1 inline, 2 notify, 3 witness
  kTruncated = 0x4,     // a payload or a string was cut at its limit
  kFault = 0x8,         // an argument pointed to memory that could not be read
  kInFlight = 0x10,     // the call never returned (the thread was killed in it); result is kAbsent
  kRefused = 0x20,      // Vedette answered the call itself (ENOSYS, or a deny)
  kPathGuessed = 0x40,  // a path was joined from state that may be stale
};
enum class Tier : uint16_t { Trace = 0, Inline = 1, Notify = 2, Witness = 3 };

struct RecordHeader {
  uint16_t type;        // EventId
  uint16_t flags;       // RecordFlags
  uint32_t size;        // bytes, this header and all slots
  uint64_t time;        // ns since the epoch, when the call returned (procexit: when it ended)
  uint32_t tid;         // in the agent's pid namespace
  uint32_t process;     // index into the process table
  int64_t result;       // the kernel's word: >= 0, or -errno
  uint32_t latency;     // ns from entry to return, saturated
  int32_t fd;           // fd.num, -1 where the event has none or the open failed
  uint32_t descriptor;  // index into the descriptor table, kNull
  uint32_t reserved;    // 0
};
static_assert(sizeof(RecordHeader) == 48);

}  // namespace vedette
