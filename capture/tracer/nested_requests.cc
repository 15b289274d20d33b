// SPDX-License-Identifier: Apache-2.0
// A debugger's ptrace requests, carried out by us: on a task that is held in the kernel's own stop, so that
// nearly each of them is the same request made again, with what it takes and gives copied out of and into the
// debugger's memory.
#include <elf.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "capture/kernel/proc.h"
#include "capture/tracer/calls.h"
#include "capture/tracer/debug_access.h"
#include "capture/tracer/nested.h"

namespace vedette {
namespace {

// include/uapi/linux/ptrace.h; processor_request knows those of the processor.
enum : long {
  kTraceMe = 0, kPeekText = 1, kPeekData = 2, kPeekUser = 3, kPokeText = 4, kPokeData = 5, kPokeUser = 6, kCont = 7, kKill = 8, kSingleStep = 9,
  kAttach = 16, kDetach = 17, kSyscall = 24,
  kSetOptions = 0x4200, kGetEventMessage = 0x4201, kGetSigInfo = 0x4202, kSetSigInfo = 0x4203, kGetRegSet = 0x4204, kSetRegSet = 0x4205,
  kSeize = 0x4206, kInterrupt = 0x4207, kListen = 0x4208, kPeekSigInfo = 0x4209, kGetSigMask = 0x420a, kSetSigMask = 0x420b,
  kSeccompGetFilter = 0x420c, kSeccompGetMetadata = 0x420d, kGetSyscallInfo = 0x420e, kGetRseq = 0x420f, kSetUserDispatch = 0x4210,
  kGetUserDispatch = 0x4211, kSetSyscallInfo = 0x4212,
};
constexpr uint64_t kOptions = 0xff | PTRACE_O_EXITKILL;
constexpr uint64_t kSignalMax = 64;
constexpr size_t kPieceMax = 65536;  // the largest set of registers is smaller
constexpr size_t kSigInfoBytes = 128;

// What has no room of its own in glibc's structs.
struct PeekArguments {
  uint64_t offset;
  uint32_t flags;
  int32_t count;
};

int64_t in_words(const Result<long>& result) { return result ? *result : -result.error().get(); }
int64_t in_words(const Result<void>& result) { return result ? 0 : -result.error().get(); }

bool take_from(Task& debugger, uint64_t address, void* into, size_t size) { return debugger.memory.read(address, into, size) == size; }
bool give_to(Task& debugger, uint64_t address, const void* from, size_t size) { return debugger.memory.write(address, from, size) == size; }

bool is_of_agent(Tid tid) {
  std::string status;
  constexpr size_t kStatusMax = 8192;
  return read_file(ProcPath(tid, "status"), status, kStatusMax) && status_field(status, "Tgid") == std::to_string(::getpid());
}

}  // namespace

std::optional<int64_t> NestedTracing::answer(Task& caller, const PendingCall& call) {
  const uint64_t(&args)[6] = call.args;
  const long what = static_cast<long>(args[0]);
  if (what == kTraceMe) return trace_me(caller);
  const Tid tid(static_cast<pid_t>(args[1]));
  if (what == kAttach || what == kSeize) return attach(caller, tid, what == kSeize, args[2], args[3]);
  Task* const target = context_.tasks.find(tid);
  if (target == nullptr) return std::nullopt;
  if (target->debugged == nullptr || target->debugged->process != caller.process) return -ESRCH;
  if (what == kKill) {
    (void)::kill(target->process.get(), SIGKILL);
    return 0;
  }
  if (what == kInterrupt) {
    if (!target->debugged->seized) return -EIO;
    target->debugged->wants_interrupt = true;
    return in_words(ptrace_interrupt(target->tid));
  }
  if (is_held(*target, Held::No) || is_held(*target, Held::End)) return -ESRCH;
  return request(caller, *target, what, args[2], args[3]);
}

// Its parent is to trace it. One that we do not trace, the agent itself or a process from before us, cannot:
// nobody would hear of its stops.
int64_t NestedTracing::trace_me(Task& task) {
  if (task.debugged != nullptr) return -EPERM;
  const Tid parent = parent_of(task.tid);
  const Task* const debugger = context_.tasks.find(parent);
  if (debugger == nullptr) {
    context_.notice(task.tid, Notice::TRACER_WANTED, "ptrace", "", 0);
    return -EPERM;
  }
  take(task, parent, parent, false, 0);
  make_debugger(parent, nullptr);
  return 0;
}

std::optional<int64_t> NestedTracing::attach(Task& debugger, Tid tid, bool seize, uint64_t address, uint64_t options) {
  if (seize && (address != 0 || (options & ~kOptions) != 0)) return -EIO;
  Task* const target = context_.tasks.find(tid);
  if (target == nullptr) {
    if (is_of_agent(tid)) return -EPERM;
    return std::nullopt;
  }
  if (target->debugged != nullptr || target->process == debugger.process || !may_debug(debugger.tid, tid)) return -EPERM;
  take(*target, debugger.tid, debugger.process, seize, seize ? options : 0);
  make_debugger(debugger.process, &debugger);
  if (!seize) (void)::syscall(SYS_tgkill, target->process.get(), tid.get(), SIGSTOP);
  if (std::exchange(target->halted, false)) {  // it stands still already, and says so once more
    target->debugged->wants_interrupt = true;
    interrupt(*target);
  }
  return 0;
}

int64_t NestedTracing::request(Task& debugger, Task& target, long what, uint64_t address, uint64_t data) {
  switch (what) {
    case kCont: return resume(target, Resume::Run, data);
    case kSyscall: return resume(target, Resume::ToReturn, data);
    case kSingleStep: return resume(target, Resume::Step, data);
    case kListen: return resume(target, Resume::Listen, 0);
    case kDetach:
      if (data > kSignalMax) return -EIO;
      detach(target, static_cast<int>(data));
      return 0;
    case kSetOptions:
      if ((data & ~kOptions) != 0) return -EINVAL;
      target.debugged->options = data;
      return 0;
    case kPeekText:
    case kPeekData: {
      const Result<uint64_t> word = ptrace_peek(target.tid, address);
      if (!word) return -word.error().get();
      return give_to(debugger, data, &*word, sizeof *word) ? 0 : -EFAULT;
    }
    case kPokeText:
    case kPokeData:
    case kPokeUser: return in_words(ptrace_request(what, target.tid, address, reinterpret_cast<void*>(data)));
    case kPeekUser: return copy_out(debugger, target, what, address, data, sizeof(uint64_t));
    case kGetEventMessage: return copy_out(debugger, target, what, 0, data, sizeof(uint64_t));
    case kGetSigInfo:
      if (is_held(target, Held::Group) && !target.debugged->seized) return -EINVAL;
      return copy_out(debugger, target, what, 0, data, kSigInfoBytes);
    case kSetSigInfo: return copy_in(debugger, target, what, 0, data, kSigInfoBytes);
    case kGetRegSet:
    case kSetRegSet: return register_set(debugger, target, what, address, data);
    case kPeekSigInfo: return peek_signals(debugger, target, address, data);
    case kGetSigMask: return address == sizeof(uint64_t) ? copy_out(debugger, target, what, address, data, address) : -EINVAL;
    case kSetSigMask: return address == sizeof(uint64_t) ? copy_in(debugger, target, what, address, data, address) : -EINVAL;
    case kSeccompGetFilter:
    case kSeccompGetMetadata: return -EACCES;  // as to everybody who has a seccomp filter himself
    case kGetSyscallInfo:
    case kGetRseq:
    case kGetUserDispatch: return sized(debugger, target, what, address, data);
    case kSetUserDispatch:
    case kSetSyscallInfo: return address <= kPieceMax ? copy_in(debugger, target, what, address, data, address) : -EINVAL;
    default: return processor_request(debugger, target, what, address, data);
  }
}

int64_t NestedTracing::resume(Task& target, Resume how, uint64_t signal) {
  Debugged& one = *target.debugged;
  const Held held = one.held;
  const bool is_trap = held == Held::Group || (held == Held::Event && (one.status >> 16) == PTRACE_EVENT_STOP);
  if (signal > kSignalMax || (how == Resume::Listen && (!one.seized || !is_trap))) return -EIO;
  one.held = Held::No;
  forget_stop(target.tid);
  if (how == Resume::Listen) {
    one.how = Resume::Run;
    return in_words(ptrace_resume(target.tid, Resume::Listen));
  }
  one.how = how;
  const int number = static_cast<int>(signal);
  // Another signal than the one it stopped for comes from its debugger; the kernel would name us.
  if (const Result<siginfo_t> info = ptrace_siginfo(target.tid); held == Held::Signal && number != 0 && info && info->si_signo != number) {
    siginfo_t told{};
    told.si_signo = number;
    told.si_code = SI_USER;
    told.si_pid = one.process.get();
    (void)ptrace_set_siginfo(target.tid, told);
  }
  let_go(target, held, number, one.is_emulated);
  return 0;
}

int64_t NestedTracing::copy_out(Task& debugger, Task& target, long what, uint64_t address, uint64_t data, size_t size) {
  std::vector<char> room(size);
  const Result<long> got = ptrace_request(what, target.tid, address, room.data());
  if (!got) return in_words(got);
  return give_to(debugger, data, room.data(), size) ? *got : -EFAULT;
}

int64_t NestedTracing::copy_in(Task& debugger, Task& target, long what, uint64_t address, uint64_t data, size_t size) {
  std::vector<char> room(size);
  if (!take_from(debugger, data, room.data(), size)) return -EFAULT;
  return in_words(ptrace_request(what, target.tid, address, room.data()));
}

// The answer says how large it is, whatever room there is for it.
int64_t NestedTracing::sized(Task& debugger, Task& target, long what, uint64_t size, uint64_t data) {
  constexpr size_t kSizedMax = 4096;
  std::vector<char> room(kSizedMax);
  const size_t asked = std::min<uint64_t>(size, kSizedMax);
  const Result<long> got = ptrace_request(what, target.tid, asked, room.data());
  if (!got) return in_words(got);
  const size_t filled = what == kGetUserDispatch ? asked : std::min(asked, static_cast<size_t>(*got));
  return give_to(debugger, data, room.data(), filled) ? *got : -EFAULT;
}

int64_t NestedTracing::register_set(Task& debugger, Task& target, long what, uint64_t type, uint64_t data) {
  iovec theirs{};
  if (!take_from(debugger, data, &theirs, sizeof theirs)) return -EFAULT;
  std::vector<char> room(std::min(theirs.iov_len, kPieceMax));
  const uint64_t there = reinterpret_cast<uint64_t>(theirs.iov_base);
  if (what == kSetRegSet && !take_from(debugger, there, room.data(), room.size())) return -EFAULT;
  iovec ours{room.data(), room.size()};
  const Result<long> done = ptrace_request(what, target.tid, type, &ours);
  if (!done) return in_words(done);
  if (what == kGetRegSet && !give_to(debugger, there, room.data(), ours.iov_len)) return -EFAULT;
  theirs.iov_len = ours.iov_len;
  return give_to(debugger, data, &theirs, sizeof theirs) ? *done : -EFAULT;
}

int64_t NestedTracing::peek_signals(Task& debugger, Task& target, uint64_t arguments, uint64_t data) {
  PeekArguments wanted{};
  if (!take_from(debugger, arguments, &wanted, sizeof wanted)) return -EFAULT;
  if (wanted.count < 0) return -EINVAL;
  wanted.count = static_cast<int32_t>(std::min<size_t>(static_cast<size_t>(wanted.count), kPieceMax / kSigInfoBytes));
  std::vector<char> room(static_cast<size_t>(wanted.count) * kSigInfoBytes);
  const Result<long> got = ptrace_request(kPeekSigInfo, target.tid, reinterpret_cast<uint64_t>(&wanted), room.data());
  if (!got) return in_words(got);
  return give_to(debugger, data, room.data(), static_cast<size_t>(*got) * kSigInfoBytes) ? *got : -EFAULT;
}

}  // namespace vedette
