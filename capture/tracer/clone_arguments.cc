// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/clone_arguments.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "capture/tracer/sealing.h"

namespace vedette {
namespace {

// include/uapi/linux/sched.h. The kernel knows no more than 88 bytes of it; what lies behind must be zeros.
constexpr uint64_t kFirstVersion = 64;
constexpr uint64_t kTooLarge = 1u << 31;           // more than a page of any processor's
constexpr uint64_t kNowhere = 0xfffff000;          // of the 32-bit convention; no program's memory
constexpr uint64_t kNowhereWide = ~uint64_t{0xfff};

struct Pointed {
  uint64_t address;
  uint64_t size;
};

// False: none of its memory can be read, so that nothing is known of an address that cannot be.
bool can_be_read(Task& task, const PendingCall& call) {
  char byte;
  return task.memory.read(call.ip - 1, &byte, sizeof byte) == sizeof byte;
}

void point_to(Task& task, PendingCall& call, const Pointed& arguments) {
  Result<Registers> registers = ptrace_registers(task.tid);
  if (!registers) return;
  call.before = *registers;
  if (call.sighting.event.call.abi == Abi::I386) {
    registers->set_argument_32(0, static_cast<uint32_t>(arguments.address));
    registers->set_argument_32(1, static_cast<uint32_t>(arguments.size));
  } else {
    registers->set_argument(0, arguments.address);
    registers->set_argument(1, arguments.size);
  }
  call.registers_changed = static_cast<bool>(ptrace_set_registers(task.tid, *registers));
}

}  // namespace

Sealing seal_clone_arguments(Context& context, Task& task, PendingCall& call) {
  static const uint64_t page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  call.sealed.reset();
  Event& event = call.sighting.event;
  const uint64_t address = event.call.args[0], size = event.call.args[1];
  if (size < kFirstVersion || size > page) return Sealing::Done;  // the kernel does not look at what lies there
  if (!task.space->sealed) return attach_sealed(context, task, call) ? Sealing::Again : Sealing::Impossible;

  const bool is_32 = event.call.abi == Abi::I386;
  std::string bytes(size, '\0');
  if (task.memory.read(address, bytes.data(), size) != size) {
    if (!can_be_read(task, call)) return Sealing::Impossible;
    point_to(task, call, {is_32 ? kNowhere : kNowhereWide, size});
    return Sealing::Done;
  }
  const bool is_longer_than_known = bytes.find_first_not_of('\0', SealedMemory::kSlotBytes) != bytes.npos;
  uint64_t flags;
  bytes.resize(std::min(size, SealedMemory::kSlotBytes));
  std::memcpy(&flags, bytes.data(), sizeof flags);
  event.set(slot::clone3_::flags, static_cast<int64_t>(flags));
  flags &= ~static_cast<uint64_t>(CLONE_UNTRACED);
  std::memcpy(bytes.data(), &flags, sizeof flags);
  call.sealed = context.sealed->fill(bytes);
  if (!call.sealed.is_filled()) return Sealing::Impossible;
  point_to(task, call, {call.sealed.address(), is_longer_than_known ? kTooLarge : bytes.size()});
  return Sealing::Done;
}

void put_back(Tid tid, const ArgumentRegisters& own) {
  Result<Registers> registers = ptrace_registers(tid);
  if (!registers) return;
  registers->restore_arguments(own.before, own.is_32);
  (void)ptrace_set_registers(tid, *registers);
}

}  // namespace vedette
