// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/prevention.h"

#include <linux/mount.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "capture/decode/syscalls.h"
#include "capture/kernel/proc.h"
#include "capture/kernel/socket_look.h"
#include "capture/prevent/socket_calls.h"
#include "capture/tracer/context.h"
#include "capture/tracer/sealing.h"

namespace vedette {
namespace {

using Kind = Prevention::Answer::Kind;

constexpr int kAddressArgument = 1;  // of connect
constexpr uint64_t kSocketTypeMask = 0xf;
constexpr uint32_t kSocketcall32 = 102;

// The calls of their own (Linux 4.3) that socketcall(2) stands for: its arguments lie in memory, theirs in
// registers.
uint32_t direct_number(EventId id) {
  switch (id) {
    case EventId::socket: return 359;
    case EventId::connect: return 362;
    case EventId::sendto: return 369;
    case EventId::sendmsg: return 370;
    case EventId::sendmmsg: return 345;
    default: return 0;
  }
}

bool is_multiplexed(const PendingCall& call) {
  return call.sighting.event.call.abi == Abi::I386 && call.nr == kSocketcall32;
}

const char* call_name(const Event& event) { return event.row == nullptr ? "" : event.row->name; }

std::string text_of(const SocketName& name) {
  std::string text;
  if (name.endpoint.known()) append_endpoint(text, name.endpoint);
  else text = name.path;
  return text;
}

std::string subject_of(const Event& event) {
  const Call& call = event.call;
  switch (event.id) {
    case EventId::ptrace: return "request " + std::to_string(call.args[0]) + " pid " + std::to_string(static_cast<int32_t>(call.args[1]));
    case EventId::process_vm_readv:
    case EventId::process_vm_writev: return "pid " + std::to_string(static_cast<int32_t>(call.args[0]));
    case EventId::mount: return std::string(event.text(slot::mount_::dir));
    case EventId::umount2: return std::string(event.text(slot::umount2_::name));
    case EventId::pivot_root: return std::string(event.text(slot::pivot_root_::new_root));
    case EventId::open_tree: return std::string(event.text(slot::open_tree_::path));
    case EventId::move_mount: return std::string(event.text(slot::move_mount_::to_path));
    case EventId::fsopen: return std::string(event.text(slot::fsopen_::fsname));
    case EventId::fspick: return std::string(event.text(slot::fspick_::path));
    case EventId::mount_setattr: return std::string(event.text(slot::mount_setattr_::path));
    case EventId::open_tree_attr: return std::string(event.text(slot::open_tree_attr_::path));
    case EventId::fsconfig: return std::string(event.text(slot::fsconfig_::key));
    default: return {};
  }
}

// A mount that is opened as a place, as open(2) opens a path, and not cloned: nothing changes, and move_mount
// is asked about itself.
bool is_harmless(const Event& event) {
  return event.id == EventId::open_tree && (event.integer(slot::open_tree_::flags) & OPEN_TREE_CLONE) == 0;
}

// Of TCP alone a peer is certain: only connect(2) gives it one, and that is judged.
bool is_left_alone(const Task& task, const PreventRow& row, const SocketCall& call, const uint64_t* args) {
  if (row.networks.empty()) return false;
  if (call.use == SocketUse::Makes) {
    const int family = static_cast<int>(args[0]), protocol = static_cast<int>(args[2]);
    const bool is_inet = family == AF_INET || family == AF_INET6;
    return is_inet && (args[1] & kSocketTypeMask) == SOCK_STREAM && (protocol == 0 || protocol == IPPROTO_TCP);
  }
  const std::optional<TcpSocket> socket = look_at_tcp(task.process, task.tid, static_cast<int>(args[call.fd]));
  return socket && (socket->is_fresh || !denies_address(row, parse_socket_name(socket->peer).endpoint));
}

Prevention::Answer refuse(int error) { return {Kind::Refuse, error}; }

}  // namespace

void Prevention::take(PreventTable table) {
  const std::lock_guard lock(mutex_);
  coming_ = std::move(table);
  is_new_ = true;
}

bool Prevention::is_armed(const Task& task) {
  if (is_new_) {
    const std::lock_guard lock(mutex_);
    table_ = std::move(coming_);
    rests_ = table_.rows.empty();
    is_new_ = false;
  }
  return !rests_ || !task.bans.empty();
}

// Those of the table, and those that responses have laid on its tree.
template <typename Function>
void Prevention::each_row(const Task& task, Function function) const {
  for (const PreventRow& row : table_.rows) function(row);
  for (const Ref<Ban>& ban : task.bans) {
    if (ban->is_over) continue;
    for (const PreventRow& row : ban->rows) function(row);
  }
}

template <typename Is>
bool Prevention::any_row(const Task& task, Is is) const {
  bool is_any = false;
  each_row(task, [&](const PreventRow& row) { is_any = is_any || is(row); });
  return is_any;
}

bool Prevention::has(const Task& task, Deny deny) const {
  return any_row(task, [deny](const PreventRow& row) { return row.deny == deny; });
}

bool Prevention::enforces(const Task& task, Deny deny) const {
  return any_row(task, [deny](const PreventRow& row) { return row.deny == deny && row.mode == Mode::Enforce; });
}

bool Prevention::is_attack(Task& task, const SyscallInfo& info) const {
  if (sealed_.is_opened_by(info)) return true;
  const std::optional<MemoryDeed> harm = task.space->sealed ? SealedMemory::harm_of(info) : std::nullopt;
  if (!harm) return false;
  // Who has no other thread, and must have the place, may: from then on the process has no sealed memory.
  const bool may_yield = *harm == MemoryDeed::Replaces && !task.space.shared() && !enforces(task, Deny::Connect);
  if (may_yield) task.space->sealed = false, task.space->sealing_failed = true;
  return !may_yield;
}

Prevention::Answer Prevention::judge(Context& context, Task& task, PendingCall& call) {
  const Event& event = call.sighting.event;
  if (!call.sighting.process) return {};
  if (const Answer answer = judge_sockets(context, task, event.call.abi, call.nr, call.args); answer.kind != Kind::Proceed) return answer;
  Deny deny{};
  if (is_harmless(event)) return {};
  if (deny_of(event.id, deny)) return judge_simply(context, task, call, deny);
  switch (event.id) {
    case EventId::execve:
    case EventId::execveat: return judge_exec(context, task, call);
    case EventId::mmap: return judge_mapping(context, task, call);
    case EventId::connect: return judge_connect(context, task, call);
    case EventId::socket: return judge_socket(context, task, call);
    case EventId::sendto:
    case EventId::sendmsg:
    case EventId::sendmmsg: return judge_fast_open(task, call);
    default: return {};
  }
}

// Tells of every row that matches; the strictest of those that are enforced is the answer.
template <typename Matches>
Prevention::Answer Prevention::decide(Context& context, const Task& task, const Sighting& sighting, const std::string& subject, Matches matches) {
  Answer answer;
  each_row(task, [&](const PreventRow& row) {
    if (!row.concerns(*sighting.process) || !matches(row)) return;
    tell(context, sighting.event.call.tid, row, call_name(sighting.event), subject);
    if (row.mode == Mode::Monitor) return;
    if (answer.kind != Kind::Kill) answer = {row.action == Action::Kill ? Kind::Kill : Kind::Refuse, EPERM};
  });
  return answer;
}

// Rows of this kind that would hold this process to something, exceptions aside.
bool Prevention::is_enforced(const Task& task, const Sighting& sighting, Deny deny) const {
  return any_row(task, [&](const PreventRow& row) {
    return row.deny == deny && row.mode == Mode::Enforce && row.concerns(*sighting.process);
  });
}

Prevention::Answer Prevention::judge_simply(Context& context, const Task& task, const PendingCall& call, Deny deny) {
  if (!has(task, deny)) return {};
  return decide(context, task, call.sighting, subject_of(call.sighting.event), [deny](const PreventRow& row) { return row.deny == deny; });
}

// By the name, which may mean something else a moment later: must_end has the last word. What only monitor
// rows speak of is told there, of the program that did run.
Prevention::Answer Prevention::judge_exec(Context& context, Task& task, const PendingCall& call) {
  const Sighting& sighting = call.sighting;
  if (!is_enforced(task, sighting, Deny::Exec) && !is_enforced(task, sighting, Deny::MemfdExec)) return {};
  std::optional<ProgramFile> file;
  if (sighting.path.empty() && sighting.event.id == EventId::execveat) {
    file = look_.at_link(task.tid, "fd/" + std::to_string(sighting.event.integer(slot::execveat_::dirfd)));
  } else {
    file = look_.at_name(task.tid, sighting.path);
  }
  if (!file || !file->is_regular || !file->is_executable) return {};  // the kernel has its own answer to that
  const uint64_t start = start_.now_ns();
  const auto denies = [&](const PreventRow& row) { return denies_program(row, *file, start); };
  const bool is_denied = any_row(task, [&](const PreventRow& row) {
    return row.mode == Mode::Enforce && row.concerns(*sighting.process) && denies(row);
  });
  return is_denied ? decide(context, task, sighting, file->path, denies) : Answer{};
}

bool Prevention::must_end(Context& context, Task& task) {
  if (!is_armed(task) || (!has(task, Deny::Exec) && !has(task, Deny::MemfdExec))) return false;
  Sighting sighting;
  sighting.event.row = find_row(kNativeAbi, SYS_execve);
  sighting.event.call.tid = static_cast<uint32_t>(task.tid.get());
  context.state.attach(sighting);
  if (!sighting.process) return false;
  const std::optional<ProgramFile> program = look_.at_link(task.tid, "exe");
  if (!program) {  // ended meanwhile, or not to be looked at: what cannot be judged does not run
    return is_enforced(task, sighting, Deny::Exec) || is_enforced(task, sighting, Deny::MemfdExec);
  }
  std::vector<std::optional<ProgramFile>> parts = {program};
  for (const std::string& code : look_.code_of(task.tid)) {
    if (code != program->path) parts.push_back(look_.at_name(task.tid, code));
  }
  // Of a script the kernel runs the interpreter; the name it was called by says what that will read.
  if (const std::optional<std::string> name = look_.named_by_exec(task.tid)) parts.push_back(look_.at_name(task.tid, *name));
  for (const std::optional<ProgramFile>& part : parts) {
    if (!part || (&part != &parts.front() && part->dev == program->dev && part->ino == program->ino)) continue;
    Answer answer;
    if (is_denied(context, task, sighting, *part, answer)) return answer.kind != Kind::Proceed;
  }
  return false;
}

// Whether a row speaks of the program; `answer` is what it says.
bool Prevention::is_denied(Context& context, const Task& task, const Sighting& sighting, const ProgramFile& file, Answer& answer) {
  const uint64_t start = start_.now_ns();
  const auto denies = [&](const PreventRow& row) { return denies_program(row, file, start); };
  const bool is_any = any_row(task, denies);
  if (is_any) answer = decide(context, task, sighting, file.path, denies);
  return is_any;
}

// A program loader (ld.so FILE, LD_PRELOAD, dlopen) takes a file in this way. In memory only is
// `memfd-exec`'s: runtimes map such files for code of their own making.
Prevention::Answer Prevention::judge_mapping(Context& context, Task& task, const PendingCall& call) {
  const Call& facts = call.sighting.event.call;
  if ((facts.args[3] & MAP_ANONYMOUS) != 0 || (!has(task, Deny::Exec) && !has(task, Deny::MemfdExec))) return {};
  const std::optional<ProgramFile> file = look_.at_link(task.tid, "fd/" + std::to_string(static_cast<int32_t>(facts.args[4])));
  if (!file || !file->is_regular) return {};
  const uint64_t start = start_.now_ns();
  return decide(context, task, call.sighting, file->path, [&](const PreventRow& row) {
    return denies_program(row, *file, start) && (row.deny == Deny::MemfdExec || !file->is_memfd);
  });
}

Prevention::Answer Prevention::judge_connect(Context& context, Task& task, PendingCall& call) {
  if (!has(task, Deny::Connect) && !has(task, Deny::Network)) return {};
  if (call.sealed.is_filled()) return judge_connect_again(context, task, call);
  const Sighting& sighting = call.sighting;
  const uint64_t start = start_.now_ns();
  const auto speaks = [&](const PreventRow& row) {
    const bool is_meant = row.deny == Deny::Connect || row.deny == Deny::Network;
    return is_meant && row.concerns(*sighting.process) && !is_excepted(row, *sighting.process, start);
  };
  if (!any_row(task, speaks)) return {};
  const bool is_held = any_row(task, [&](const PreventRow& row) {
    return row.mode == Mode::Enforce && speaks(row);
  });
  if (is_held && is_multiplexed(call)) call.replaced_nr = direct_number(EventId::connect);
  const Call& facts = sighting.event.call;
  const int32_t size = static_cast<int32_t>(facts.args[2]);
  if (size <= 0 || size > static_cast<int32_t>(SealedMemory::kSlotBytes)) return {};  // EINVAL, or nothing that is read
  char bytes[SealedMemory::kSlotBytes];
  const size_t length = static_cast<size_t>(size);
  if (task.memory.read(facts.args[kAddressArgument], bytes, length) != length) return refuse(EFAULT);
  const std::string_view address(bytes, length);
  const SocketName name = parse_socket_name(address);
  const std::string subject = text_of(name);
  const Answer answer = decide(context, task, sighting, subject, [&](const PreventRow& row) {
    return speaks(row) && denies_address(row, name.endpoint);
  });
  if (answer.kind != Kind::Proceed || !is_held) return answer;
  if (!task.space->sealed) {
    if (attach_sealed(context, task, call)) return {Kind::Again, 0};
    return decide(context, task, sighting, subject + ": other threads cannot be kept from its address here", [&](const PreventRow& row) {
      return row.mode == Mode::Enforce && speaks(row);
    });
  }
  call.sealed = sealed_.fill(address);
  if (!call.sealed.is_filled()) return refuse(EAGAIN);
  Event& event = call.sighting.event;
  event.peer = event.keep(address);  // what the kernel will read is what is recorded
  event.set_span(slot::connect_::addr, event.peer);
  return {};
}

// It was interrupted, and is made again: its address is sealed and was judged, but a row may be new.
Prevention::Answer Prevention::judge_connect_again(Context& context, const Task& task, const PendingCall& call) {
  const Sighting& sighting = call.sighting;
  const SocketName name = parse_socket_name(call.sealed.bytes());
  const uint64_t start = start_.now_ns();
  return decide(context, task, sighting, text_of(name), [&](const PreventRow& row) {
    return row.mode == Mode::Enforce && denies_address(row, name.endpoint) && !is_excepted(row, *sighting.process, start);
  });
}

// Protocols that connect by other calls than connect(2): SCTP, which a SEQPACKET socket is without being
// asked, and DCCP.
Prevention::Answer Prevention::judge_socket(Context& context, const Task& task, PendingCall& call) {
  const Sighting& sighting = call.sighting;
  if (!is_enforced(task, sighting, Deny::Connect)) return {};
  if (is_multiplexed(call)) call.replaced_nr = direct_number(sighting.event.id);
  const Call& facts = sighting.event.call;
  const int32_t protocol = static_cast<int32_t>(facts.args[2]);
  const uint64_t type = facts.args[1] & kSocketTypeMask;
  const bool is_inet = facts.args[0] == AF_INET || facts.args[0] == AF_INET6;
  const bool is_sctp = protocol == IPPROTO_SCTP || type == SOCK_SEQPACKET;
  const bool is_dccp = protocol == IPPROTO_DCCP || type == SOCK_DCCP;
  if (!is_inet || (!is_sctp && !is_dccp)) return {};
  const uint64_t start = start_.now_ns();
  return decide(context, task, sighting, is_sctp ? "an SCTP socket" : "a DCCP socket", [&](const PreventRow& row) {
    return row.deny == Deny::Connect && row.mode == Mode::Enforce && !is_excepted(row, *sighting.process, start);
  });
}

// Connecting and sending in one call: the kernel's own answer where it is switched off, which programs know
// to heed.
Prevention::Answer Prevention::judge_fast_open(const Task& task, PendingCall& call) {
  const Event& event = call.sighting.event;
  if (!is_enforced(task, call.sighting, Deny::Connect) && !is_enforced(task, call.sighting, Deny::Network)) return {};
  if (is_multiplexed(call)) call.replaced_nr = direct_number(event.id);
  const uint64_t flags = event.call.args[event.id == EventId::sendmsg ? 2 : 3];
  return (flags & MSG_FASTOPEN) != 0 ? refuse(EOPNOTSUPP) : Answer{};
}

// What only a tree is held to, each of whose calls stops. The look at the descriptor holds until the
// kernel's: see socket_calls.h.
Prevention::Answer Prevention::judge_sockets(Context& context, Task& task, Abi abi, uint64_t nr, const uint64_t* args) {
  if (task.bans.empty() || !has(task, Deny::Network)) return {};
  const SocketCall call = socket_call(abi, nr, args);
  const int fd = static_cast<int>(args[call.fd]);
  if (call.use == SocketUse::None || (call.use == SocketUse::Uses && !may_be_socket(task.tid, fd))) return {};
  Answer answer;
  each_row(task, [&](const PreventRow& row) {
    if (row.deny != Deny::Network || (call.use != SocketUse::Refused && is_left_alone(task, row, call, args))) return;
    tell(context, static_cast<uint32_t>(task.tid.get()), row, call.name, call.use == SocketUse::Uses ? "the socket " + std::to_string(fd) : "");
    answer = refuse(EPERM);
  });
  return answer;
}

bool Prevention::apply(Task& task, PendingCall& call) {
  if (call.replaced_nr == 0 && !call.sealed.is_filled()) return true;
  Result<Registers> registers = ptrace_registers(task.tid);
  if (!registers) return false;
  const Call& facts = call.sighting.event.call;
  call.before = *registers;
  call.registers_changed = true;
  if (call.replaced_nr != 0) {
    registers->set_number(call.replaced_nr);
    for (unsigned i = 0; i < 6; ++i) registers->set_argument_32(i, static_cast<uint32_t>(facts.args[i]));
  }
  if (call.sealed.is_filled() && facts.abi == Abi::I386) {
    registers->set_argument_32(kAddressArgument, static_cast<uint32_t>(call.sealed.address()));
  } else if (call.sealed.is_filled()) {
    registers->set_argument(kAddressArgument, call.sealed.address());
  }
  return static_cast<bool>(ptrace_set_registers(task.tid, *registers));
}

// Of the process as it is now: after an exec that is the new one.
void Prevention::tell(Context& context, uint32_t tid, const PreventRow& row, const char* call, const std::string& subject) {
  Sighting sighting;
  describe_prevented(sighting.event, tid,
                     {.policy = row.policy, .rule = row.rule, .call = call, .subject = subject, .action = name_of(row.action), .mode = name_of(row.mode)},
                     context.clock.now_ns());
  context.state.attach(sighting);
  context.sink.on_event(sighting);
}

}  // namespace vedette
