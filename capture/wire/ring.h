// SPDX-License-Identifier: Apache-2.0
// What the stub in the watched process and the tracer outside agree on: where the agent's page lies, how a
// thread's ring is laid out, and what a record in it looks like. tracee/page.S includes this file too, so the
// numbers are macros.
//
//   0x10000  null context   one read-only page; a thread whose GS base is 0 finds a ring that is always full there, and a new
//                           image's first steps find the boot
//   0x11000  table          entry of the stub for each call number (8 bytes each)
//   0x12000  code           tracee/page.S: one entry, gate and recorder a shape of call, and the boot
//   0x80000  first ring     of an image; the others lie where nobody else likes to be (inline/filter.h)
//
//   ring     one segment a thread: context page | data, a power of two | slack, so that a record never wraps
//
// The stub reaches its context as gs:(0x10000 + offset), with GS base = context - 0x10000: that is how GS
// base 0 lands in the null context without a test. Positions (head, tail, limit) count bytes for ever;
// position & mask is the offset in data. A record is published by the store to head. Everything in a ring is
// under the program's control: a reader copies, then checks (inline/ring.h).
#pragma once

#define VEDETTE_AGENT_BASE 0x10000
#define VEDETTE_AGENT_TABLE 0x11000
#define VEDETTE_AGENT_CODE 0x12000
#define VEDETTE_AGENT_LIMIT 0x200000  // the guarded range ends here: lld puts its static programs at 2 MiB
#define VEDETTE_AGENT_BYTES 0x6000
#define VEDETTE_FIRST_RING 0x80000
#define VEDETTE_STUBS_FIXED 0x100000  // stubs of a program that is linked to a fixed address
#define VEDETTE_HOOKS_FIXED 0x1c0000  // and what goes before its TLS functions

#define VEDETTE_SNAPLEN_USUAL 80  // payloads of that length are copied fastest

// In the table's page, behind the entries.
#define VEDETTE_CALLS 480
#define VEDETTE_DISPATCH (VEDETTE_AGENT_TABLE + VEDETTE_CALLS * 8)  // address of the entry for any number

// Paths whose meaning stands, in the rest of the null context's page: hashes (inline/standing_table.h), each
// in the slot of its bits from VEDETTE_STANDING_SHIFT on; 0: none. Written by the tracer only. What is found
// there is true if the version is even before the call and the same after it.
#define VEDETTE_STANDING_VERSION 0x107f8
// Before that, what the tracer says about names (inline/name_moves.h). 0: they stay as they are.
#define VEDETTE_NAMES 0x107f0
#define VEDETTE_NAMES_ASKED 1   // opens tell their file's path
#define VEDETTE_NAMES_INLINE 2  // and calls that change names need not stop
#define VEDETTE_STANDING 0x10800
#define VEDETTE_STANDING_SLOTS 256
#define VEDETTE_STANDING_SHIFT 24  // of the lower 32 bits
#define VEDETTE_HASH_FACTOR 0x9e3779b97f4a7c15

// Context, from its start.
#define VEDETTE_HEAD 0        // where the next record goes; published records end here
#define VEDETTE_ROOM_END 8    // head may not go beyond without another look at tail
#define VEDETTE_RESUME 16     // the instruction behind the site's syscall, while the thread is in the stub
#define VEDETTE_IN_FLIGHT 24  // head | 1 while the record at head belongs to a call that has not returned
#define VEDETTE_MASK 32       // bytes of data - 1
#define VEDETTE_RECORDS 40    // where the first chunk of the record at offset 0 lies in the program: data + VEDETTE_REC_CHUNKS
#define VEDETTE_NO_FACTS 48     // not 0: calls behind which the stub asks are not for the stub
#define VEDETTE_NO_FOLDER 56    // not 0: what sets the working directory is not, because others have the same
#define VEDETTE_TAIL 64       // written by the tracer only: a line of its own
#define VEDETTE_ROOM 72       // bytes of data less one largest record
#define VEDETTE_BOOT_AT 96    // in the null context: address of the boot
#define VEDETTE_RING_DATA 4096

// A record.
#define VEDETTE_REC_SIZE 0     // u32: this header and all chunks, a multiple of 8
#define VEDETTE_REC_NR 4       // u32
#define VEDETTE_REC_ENTER 8    // TSC
#define VEDETTE_REC_EXIT 16    // TSC
#define VEDETTE_REC_RESULT 24  // i64
#define VEDETTE_REC_ARGS 32    // six u64
#define VEDETTE_REC_CHUNKS 80
// A chunk: {u64 address in the program, u32 size, u32 0}, then the bytes, padded to 8.
#define VEDETTE_CHUNK_DATA 16
#define VEDETTE_RECORD_MAX 0x3000  // bytes; also the slack
// The first chunk of an open that succeeded: what fstat says of the descriptor, right behind the open. No
// path lies at its address.
#define VEDETTE_FACTS_AT 1
#define VEDETTE_FACTS_BYTES 32     // of struct stat: device, inode, links, mode
#define VEDETTE_SECOND_FACTS_AT 0x41  // the same of the other end, where a call makes two descriptors
// Of socket options, by level and number, those that are recorded inline: beyond are the kernel's packet
// filters and protocols that few programs speak (inline/filter.cc).
#define VEDETTE_LEVEL_MAX 41  // IPPROTO_IPV6
#define VEDETTE_OPTION_MAX 63
// What getsockname or getpeername said of a socket, right behind the call. The chunk's address is the
// question's number times 64: no data of a program's lies there.
#define VEDETTE_NAME_SHIFT 6
#define VEDETTE_NAME_BYTES 40      // u32 length, u32 0, the address
#define VEDETTE_NAME_ROOM 28       // sizeof(sockaddr_in6); a longer one is cut, and its length says so
// And what the kernel calls it, where names change; or a new working directory.
#define VEDETTE_LINK_AT 0x100

#define VEDETTE_PATH_MAX 4096     // a path's chunk, with its NUL
#define VEDETTE_VECTOR_MAX 64     // iovecs that are followed
#define VEDETTE_ADDRESS_MAX 128   // sizeof(sockaddr_storage)
#define VEDETTE_CONTROL_MAX 1024  // ancillary data: room for SCM_MAX_FD (253) descriptors
#define VEDETTE_MESSAGE_SIZE 56   // sizeof(msghdr)

// What a boot writes over a library's code: a list behind the stubs, in their segment. Addresses count from
// the segment's.
#define VEDETTE_PATCHES_START 0   // of the code, whole pages, which is writable meanwhile
#define VEDETTE_PATCHES_BYTES 8
#define VEDETTE_PATCHES_COUNT 16
#define VEDETTE_PATCHES_FIRST 24
#define VEDETTE_PATCH_SIZE 8      // after the address: how many bytes
#define VEDETTE_PATCH_CODE 16     // and they
#define VEDETTE_PATCH_BYTES 48

#ifndef __ASSEMBLER__
#include <cstdint>

namespace vedette {

// The context page as the tracer sees it.
struct RingContext {
  uint64_t head;
  uint64_t room_end;
  uint64_t resume;
  uint64_t in_flight;
  uint64_t mask;
  uint64_t records;
  uint64_t no_facts;
  uint64_t no_folder;
  uint64_t tail;
  uint64_t room;
};
static_assert(sizeof(RingContext) == VEDETTE_ROOM + 8);

struct RingRecord {
  uint32_t size;
  uint32_t nr;
  uint64_t enter_tsc;
  uint64_t exit_tsc;
  int64_t result;
  uint64_t args[6];
};
static_assert(sizeof(RingRecord) == VEDETTE_REC_CHUNKS);

struct RingChunk {
  uint64_t address;
  uint32_t size;
  uint32_t reserved;
};
static_assert(sizeof(RingChunk) == VEDETTE_CHUNK_DATA);

}  // namespace vedette
#endif
