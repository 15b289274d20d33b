// SPDX-License-Identifier: Apache-2.0
// The table of roles: what each does at entry and at return. The small ones, numbers in registers and numbers
// behind a pointer, are here; see roles.h for the others. A pointer that cannot be read leaves its slot
// without a value and marks the event (kFault); a NULL one only leaves it empty, since most calls allow that.
#include "capture/decode/roles.h"

#include <algorithm>
#include <cstring>

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/stat.h>

namespace vedette {

bool Decoding::fetch(uint64_t address, void* into, size_t size) {
  if (memory.read(address, into, size) == size) return true;
  fault();
  return false;
}

uint64_t Decoding::word(const char* from) const {
  uint64_t wide = 0;
  std::memcpy(&wide, from, layout.word);
  return wide;
}

uint64_t Decoding::transferred(uint64_t limit) const {
  return call.result > 0 ? std::min(static_cast<uint64_t>(call.result), limit) : 0;
}

namespace {

constexpr RoleFunction nothing = nullptr;

void int32(Decoding& d, const Step& s) { d.event.set(s.slot, static_cast<int32_t>(d.arg(s.arg))); }
void uint32(Decoding& d, const Step& s) { d.event.set(s.slot, static_cast<uint32_t>(d.arg(s.arg))); }
void word(Decoding& d, const Step& s) { d.event.set(s.slot, static_cast<int64_t>(d.arg(s.arg))); }

void flags_of_open(Decoding& d, const Step& s) {
  d.event.set(s.slot, static_cast<int64_t>(open_flags(d.layout, static_cast<uint32_t>(d.arg(s.arg)))));
}

// socket(2) packs flags into the type; events have them apart.
constexpr uint32_t kSocketTypeMask = 0xf;
void socket_type(Decoding& d, const Step& s) { d.event.set(s.slot, d.arg(s.arg) & kSocketTypeMask); }
void socket_flags(Decoding& d, const Step& s) {
  d.event.set(s.slot, static_cast<uint32_t>(d.arg(s.arg)) & ~kSocketTypeMask);
}

// open(2) looks at the mode only when it may create; what stands in the register otherwise is left over from
// elsewhere.
void creation_mode(Decoding& d, const Step& s) {
  constexpr uint64_t kCreates = O_CREAT | (O_TMPFILE & ~O_DIRECTORY);
  d.event.set(s.slot, d.arg(s.extra) & kCreates ? d.arg(s.arg) & ALLPERMS : 0);
}

void prctl_number(Decoding& d, const Step& s) {
  if (d.arg(0) != PR_SET_NAME) word(d, s);
}

void subject(Decoding& d, const Step& s) { d.event.fd = static_cast<int32_t>(d.arg(s.arg)); }
void new_fd(Decoding& d, const Step&) {
  if (d.call.result >= 0) d.event.fd = static_cast<int32_t>(d.call.result);
}

template <typename T>
void value_at(Decoding& d, const Step& s) {
  const uint64_t base = d.arg(s.arg);
  T value;
  if (base != 0 && d.fetch(base + s.extra, &value, sizeof value)) d.event.set(s.slot, static_cast<int64_t>(value));
}

void flags_of_open_at(Decoding& d, const Step& s) {
  uint64_t raw;
  const uint64_t base = d.arg(s.arg);
  if (base != 0 && d.fetch(base + s.extra, &raw, sizeof raw)) d.event.set(s.slot, static_cast<int64_t>(open_flags(d.layout, raw)));
}

template <typename T>
void value_out(Decoding& d, const Step& s) {
  if (d.call.result >= 0) value_at<T>(d, s);
}

// utimensat: times[extra], unless it says "now" or "leave it".
template <typename T>
void time_at(Decoding& d, const Step& s) {
  T time[2];
  const uint64_t base = d.arg(s.arg);
  if (base == 0 || !d.fetch(base + s.extra * sizeof time, time, sizeof time)) return;
  if (time[1] == UTIME_NOW || time[1] == UTIME_OMIT) return;
  int64_t ns;
  if (__builtin_mul_overflow(static_cast<int64_t>(time[0]), int64_t{1'000'000'000}, &ns)) return;
  if (!__builtin_add_overflow(ns, static_cast<int64_t>(time[1]), &ns)) d.event.set(s.slot, ns);
}

// `index` words behind the pointer, as a signed number.
bool word_at(Decoding& d, const Step& s, unsigned index, int64_t& value) {
  const uint64_t base = d.arg(s.arg);
  char raw[sizeof(uint64_t)];
  if (base == 0 || !d.fetch(base + index * d.layout.word, raw, d.layout.word)) return false;
  value = static_cast<int64_t>(d.word(raw));
  if (d.layout.word == sizeof(int32_t)) value = static_cast<int32_t>(value);
  return true;
}

void word_in(Decoding& d, const Step& s) {
  int64_t value;
  if (word_at(d, s, s.extra, value)) d.event.set(s.slot, value);
}

void limit_in(Decoding& d, const Step& s) {
  int64_t value;
  if (!word_at(d, s, s.extra, value)) return;
  const bool is_narrow = d.layout.word == sizeof(int32_t) && value != -1;
  d.event.set(s.slot, is_narrow ? static_cast<uint32_t>(value) : value);
}

void set_time(Decoding& d, unsigned slot, int64_t seconds, int64_t ns) {
  int64_t time;
  if (__builtin_mul_overflow(seconds, int64_t{1'000'000'000}, &time)) return;
  if (!__builtin_add_overflow(time, ns, &time)) d.event.set(slot, time);
}

void seconds_in(Decoding& d, const Step& s) {
  int64_t seconds;
  if (word_at(d, s, s.extra, seconds)) set_time(d, s.slot, seconds, 0);
}

void timeval_in(Decoding& d, const Step& s) {
  constexpr int64_t kSecond = 1'000'000;
  int64_t seconds, micros;
  if (!word_at(d, s, s.extra * 2u, seconds) || !word_at(d, s, s.extra * 2u + 1, micros)) return;
  if (micros >= 0 && micros < kSecond) set_time(d, s.slot, seconds, micros * 1000);  // others the kernel refuses
}

// A character to be typed, or the flags of an inode. The requests that copy have a descriptor as their
// argument, or a struct.
void request_value(Decoding& d, const Step& s) {
  constexpr uint32_t kType = 0x5412, kSetFlags = 0x40086602, kSetFlags32 = 0x40046602, kSetXattr = 0x401c5820;
  const uint32_t request = static_cast<uint32_t>(d.arg(1));
  uint32_t value = 0;
  const size_t size = request == kType ? 1 : sizeof value;
  if (request != kType && request != kSetFlags && request != kSetFlags32 && request != kSetXattr) return;
  if (d.fetch(d.arg(s.arg), &value, size)) d.event.set(s.slot, value);
}

// Falco tells of SETVAL's alone, and 0 of all others.
void semaphore_value(Decoding& d, const Step& s) {
  d.event.set(s.slot, static_cast<uint32_t>(d.arg(s.extra)) == SETVAL ? static_cast<int32_t>(d.arg(s.arg)) : 0);
}

// capset: three 32-bit sets (effective, permitted, inheritable), and from version 2 on the same again for the
// upper halves.
void capability(Decoding& d, const Step& s) {
  uint32_t version = 0;
  uint32_t sets[6] = {};
  if (!d.fetch(d.arg(0), &version, sizeof version)) return;
  const size_t size = version == _LINUX_CAPABILITY_VERSION_1 ? sizeof sets / 2 : sizeof sets;
  if (!d.fetch(d.arg(s.arg), sets, size)) return;
  d.event.set(s.slot, static_cast<int64_t>(sets[s.extra] | static_cast<uint64_t>(sets[s.extra + 3]) << 32));
}

}  // namespace

constexpr RoleActions kActions[] = {
    {Role::None, nothing, nothing},
    {Role::Int32, int32, nothing},
    {Role::Uint32, uint32, nothing},
    {Role::Word, word, nothing},
    {Role::OpenFlags, flags_of_open, nothing},
    {Role::SocketType, socket_type, nothing},
    {Role::SocketFlags, socket_flags, nothing},
    {Role::CreationMode, creation_mode, nothing},
    {Role::PrctlNumber, prctl_number, nothing},
    {Role::Subject, subject, nothing},
    {Role::NewFd, nothing, new_fd},
    {Role::Int32In, value_at<int32_t>, nothing},
    {Role::Uint32In, value_at<uint32_t>, nothing},
    {Role::Word64In, value_at<int64_t>, nothing},
    {Role::OpenFlagsIn, flags_of_open_at, nothing},
    {Role::Int32Out, nothing, value_out<int32_t>},
    {Role::Uint32Out, nothing, value_out<uint32_t>},
    {Role::Word64Out, nothing, value_out<int64_t>},
    {Role::TimeIn, time_at<int64_t>, nothing},
    {Role::Time32In, time_at<int32_t>, nothing},
    {Role::Capability, capability, nothing},
    {Role::WordIn, word_in, nothing},
    {Role::LimitIn, limit_in, nothing},
    {Role::SecondsIn, seconds_in, nothing},
    {Role::TimevalIn, timeval_in, nothing},
    {Role::RequestValue, request_value, nothing},
    {Role::SemaphoreValue, semaphore_value, nothing},
    {Role::Path, text::path, nothing},
    {Role::RelativePath, text::path, nothing},
    {Role::String, text::path, nothing},
    {Role::PrctlName, text::prctl_name, nothing},
    {Role::StringList, text::string_list, nothing},
    {Role::LinkTarget, nothing, text::link_target},
    {Role::WriteBuffer, buffers::write, buffers::trim},
    {Role::ConstBuffer, buffers::write, nothing},
    {Role::ReadBuffer, nothing, buffers::read},
    {Role::WriteVector, buffers::write_vector, buffers::trim},
    {Role::ReadVector, nothing, buffers::read_vector},
    {Role::IdList, buffers::id_list, nothing},
    {Role::VectorSize, buffers::vector_size, nothing},
    {Role::VectorBase, buffers::vector_base, nothing},
    {Role::BufferIn, buffers::buffer_in, nothing},
    {Role::QueuedIn, buffers::queued_in, nothing},
    {Role::QueuedOut, nothing, buffers::queued_out},
    {Role::ConfigText, text::config_text, nothing},
    {Role::ConfigBytes, buffers::config_bytes, nothing},
    {Role::Iocbs, buffers::iocbs, nothing},
    {Role::AddressIn, messages::address_in, nothing},
    {Role::AddressOut, messages::address_room, messages::address_out},
    {Role::MessageSize, messages::size, nothing},
    {Role::MessageWrite, messages::write, buffers::trim},
    {Role::MessageRead, nothing, messages::read},
    {Role::MessageAddressIn, messages::name_in, nothing},
    {Role::MessageAddressOut, messages::name_room, messages::name_out},
    {Role::MessageControlIn, messages::control_in, nothing},
    {Role::MessageControlOut, nothing, messages::control_out},
    {Role::BatchSize, nothing, messages::batch_size},
    {Role::BatchWrite, messages::write, nothing},
    {Role::BatchRead, nothing, messages::batch_read},
    {Role::BatchControlOut, nothing, messages::batch_control_out},
};

namespace {

constexpr bool in_order() {
  for (size_t i = 0; i < std::size(kActions); ++i) {
    if (static_cast<size_t>(kActions[i].role) != i) return false;
  }
  return std::size(kActions) == static_cast<size_t>(Role::Count);
}
static_assert(in_order(), "kActions has a row for each role, in the order of the enumeration");

}  // namespace

}  // namespace vedette
