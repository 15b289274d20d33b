// SPDX-License-Identifier: Apache-2.0
// The roles an argument can play, and what each one does at entry and at return. A role is a pair of
// functions in a table (roles.cc); the functions below make the steps of calls.cc readable: path(1,
// openat_::name) is "argument 1 is a path, it goes into slot `name`". Roles of buffers live in buffers.cc,
// those of socket messages in messages.cc, text in text.cc.
#pragma once

#include <cstdint>

#include "capture/decode/decoder.h"
#include "capture/decode/layout.h"
#include "capture/decode/syscalls.h"

namespace vedette {

enum class Role : uint8_t {
  None,
  // Numbers, at entry.
  Int32, Uint32, Word, OpenFlags, SocketType, SocketFlags, CreationMode, PrctlNumber,
  // The event's own descriptor.
  Subject, NewFd,
  // Numbers behind a pointer; extra is the offset. In: at entry. Out: at return, when the call succeeded.
  Int32In, Uint32In, Word64In, OpenFlagsIn, Int32Out, Uint32Out, Word64Out, TimeIn, Time32In, Capability,
  // The program's own words, 4 or 8 bytes; extra counts them. A limit whose word is all ones is none (-1); a
  // timeval is two words.
  WordIn, LimitIn, SecondsIn, TimevalIn,
  // What ioctl's argument points to, and the value of a semaphore; extra: the register of the command.
  RequestValue, SemaphoreValue,
  // Text, at entry, and what readlink returns.
  Path, RelativePath, String, PrctlName, StringList, LinkTarget,
  // Payload, cut at snaplen. extra: the register of the length or count. A ConstBuffer is one whose length
  // the result does not limit (an attribute, a module).
  WriteBuffer, ConstBuffer, ReadBuffer, WriteVector, ReadVector, IdList, VectorSize, VectorBase,
  // A pointer and a 32-bit length behind a pointer. What a System V queue moves: a type, then the bytes. A
  // value of fsconfig, as its command has it. An array of pointers to struct iocb; extra: the register of
  // their count.
  BufferIn, QueuedIn, QueuedOut, ConfigText, ConfigBytes, Iocbs,
  // Sockets. Address in: extra is the register of its length; out: of the pointer to it.
  AddressIn, AddressOut,
  // A message: struct msghdr. A batch: an array of struct mmsghdr, each of which begins with a msghdr.
  MessageSize, MessageWrite, MessageRead, MessageAddressIn, MessageAddressOut, MessageControlIn, MessageControlOut,
  BatchSize, BatchWrite, BatchRead, BatchControlOut,
  Count
};

// One call being decoded.
struct Decoding {
  const Call& call;
  Memory& memory;
  const Limits& limits;
  const Layout& layout;
  Event& event;

  uint64_t arg(unsigned i) const { return event.call.args[i]; }
  // Reads `size` bytes or says fault.
  bool fetch(uint64_t address, void* into, size_t size);
  // A pointer or size_t of the program's, from bytes that were read.
  uint64_t word(const char* from) const;
  // What a call that succeeded transferred, at most `limit`.
  uint64_t transferred(uint64_t limit) const;
  void fault() { event.flags |= kFault; }
  void truncated() { event.flags |= kTruncated; }
};

using RoleFunction = void (*)(Decoding&, const Step&);
struct RoleActions {
  Role role;
  RoleFunction enter;  // nullptr: nothing
  RoleFunction exit;
};

// The functions themselves, by file.
namespace text {
void path(Decoding&, const Step&);
void prctl_name(Decoding&, const Step&);
void string_list(Decoding&, const Step&);
void config_text(Decoding&, const Step&);
void link_target(Decoding&, const Step&);
}  // namespace text

namespace buffers {
void write(Decoding&, const Step&);
void trim(Decoding&, const Step&);
void read(Decoding&, const Step&);
void write_vector(Decoding&, const Step&);
void read_vector(Decoding&, const Step&);
void id_list(Decoding&, const Step&);
void vector_size(Decoding&, const Step&);
void vector_base(Decoding&, const Step&);
void buffer_in(Decoding&, const Step&);
void queued_in(Decoding&, const Step&);
void queued_out(Decoding&, const Step&);
void config_bytes(Decoding&, const Step&);
void iocbs(Decoding&, const Step&);

// Shared with messages.cc: a vector's total length, and its first bytes up to snaplen into a slot.
struct Vector {
  uint64_t address;
  uint64_t count;
};
uint64_t total(Decoding&, Vector);
void payload(Decoding&, unsigned slot, Vector, uint64_t limit);
void payload(Decoding&, unsigned slot, uint64_t address, uint64_t size);
}  // namespace buffers

namespace messages {
void address_in(Decoding&, const Step&);
void address_room(Decoding&, const Step&);
void address_out(Decoding&, const Step&);
void size(Decoding&, const Step&);
void write(Decoding&, const Step&);
void read(Decoding&, const Step&);
void name_in(Decoding&, const Step&);
void name_room(Decoding&, const Step&);
void name_out(Decoding&, const Step&);
void control_in(Decoding&, const Step&);
void control_out(Decoding&, const Step&);
void batch_size(Decoding&, const Step&);
void batch_read(Decoding&, const Step&);
void batch_control_out(Decoding&, const Step&);
}  // namespace messages

extern const RoleActions kActions[];  // by Role
inline const RoleActions& actions_of(Role role) { return kActions[static_cast<size_t>(role)]; }

}  // namespace vedette
