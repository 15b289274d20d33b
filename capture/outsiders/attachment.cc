// SPDX-License-Identifier: Apache-2.0
#include "capture/outsiders/attachment.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "capture/kernel/capabilities.h"
#include "capture/kernel/proc.h"
#include "capture/outsiders/sight.h"

namespace vedette {
namespace {

constexpr size_t kTextMax = 8192;
constexpr int kGenerationsMax = 64;
constexpr int kTriesMax = 40;                      // of one that is executing a program
constexpr timespec kTryPause{0, 50'000'000};
constexpr uint32_t kTickUs = 20'000;
constexpr std::string_view kMachinesNamespace = "pid:[4026531836]";  // PROC_PID_INIT_INO, include/linux/proc_ns.h

uint32_t number(Tid tid) { return static_cast<uint32_t>(tid.get()); }

std::string status_of(Tid process) {
  std::string status;
  return read_file(ProcPath(process, "status"), status, kTextMax) ? status : std::string();
}

bool descends_from(Tid process, Tid ancestor) {
  for (int i = 0; i < kGenerationsMax && process.is_set(); ++i) {
    if (process == ancestor) return true;
    const std::optional<Sight> sight = Sight::of(process);
    if (!sight) return false;
    process = sight->parent;
  }
  return false;
}

bool is_in_machines_namespace() {
  std::string link;
  return read_link(ProcPath("self/ns/pid"), link) && link == kMachinesNamespace;
}

// Yama's; 0 where it is not in force.
int ptrace_scope() {
  std::string text;
  if (!read_file(ProcPath("sys/kernel/yama/ptrace_scope"), text, kTextMax) || text.empty()) return 0;
  return text[0] - '0';
}

// The kernel says EPERM whatever it is: ptrace(2), "Ptrace access mode checking".
std::string why_refused(const std::string& status, Errno error) {
  if (error.get() != EPERM) return std::strerror(error.get());
  if (status.find("\nVmSize:") == status.npos) return "it is a thread of the kernel";
  if (has_capability(Capability::SysPtrace)) return "it is of another user namespace, or a security module refuses it";
  if (ptrace_scope() == 3) return "kernel.yama.ptrace_scope is 3, and nobody may attach to anything";
  if (ptrace_scope() != 0) return "kernel.yama.ptrace_scope is " + std::to_string(ptrace_scope()) + ", and we have no SYS_PTRACE";
  const uint64_t uid = status_number(status, "Uid");
  if (uid != ::geteuid()) return "it is of user " + std::to_string(uid) + ", and we have no SYS_PTRACE";
  return "it has more capabilities than we, or is not dumpable, and we have no SYS_PTRACE";
}

}  // namespace

std::optional<Tid> process_of(Tid number) {
  const std::optional<Sight> sight = Sight::of(number);
  return sight ? std::optional(sight->process) : std::nullopt;
}

// Whoever started us would end by our defence (defense.h) what is to end us.
std::optional<AttachRefusal> refusal_of(Tid process, Tid host) {
  using Kind = AttachRefusal::Kind;
  const std::string status = status_of(process);
  if (status.empty()) return AttachRefusal{Kind::Missing, "nobody has that number"};
  if (status_field(status, "State").starts_with('Z')) {
    return AttachRefusal{Kind::Missing, "it has ended, and waits for its parent"};
  }
  if (process == Tid(::getpid())) return AttachRefusal{Kind::Unwise, "it is Vedette's own agent"};
  if (process == host) return AttachRefusal{Kind::Unwise, "it is Vedette's own host"};
  if (process == Tid(1) && is_in_machines_namespace()) return AttachRefusal{Kind::Unwise, "the whole machine waits while it is stopped"};
  if (descends_from(Tid(::getpid()), process)) return AttachRefusal{Kind::Unwise, "it has started Vedette, and waits for it"};
  if (const Tid tracer = status_tid(status, "TracerPid"); tracer.is_set()) return AttachRefusal{.kind = Kind::Traced, .tracer = tracer};
  return std::nullopt;
}

// Between the look and the try, it may have ended, or another may have come first.
std::optional<AttachRefusal> Attachment::begin(Tid process) {
  if (std::optional<AttachRefusal> refusal = refusal_of(process, host_)) return refusal;
  if (const Result<void> attached = attach_patiently(process); !attached) {
    if (std::optional<AttachRefusal> refusal = refusal_of(process, host_)) return refusal;
    return AttachRefusal{AttachRefusal::Kind::Refused, why_refused(status_of(process), attached.error())};
  }
  ticker_.start();
  (void)look();
  on_tick();
  return std::nullopt;
}

Result<void> Attachment::attach_patiently(Tid process) {
  Result<void> attached = attach(process);
  for (int i = 0; i < kTriesMax && !attached && (attached.error().get() == EINTR || attached.error().get() == EAGAIN); ++i) {
    ::nanosleep(&kTryPause, nullptr);
    attached = attach(process);
  }
  return attached;
}

Result<void> Attachment::attach(Tid process) {
  const Result<void> attached = seizing_.attach(process);
  if (attached) context_.state.on_launch(number(process), context_.clock.now_ns());
  return attached;
}

void Attachment::on_tick() {
  if (!seizing_.is_whole()) seizing_.complete(context_.clock.now_ns(), [this](Tid process, bool is_there) { on_replaced(process, is_there); });
  if (!is_settled_ && have_all_stopped()) is_settled_ = !look();
  ticker_.set_interval_us(seizing_.is_whole() ? 0 : kTickUs);
}

bool Attachment::have_all_stopped() const {
  return std::none_of(starting_.begin(), starting_.end(), [this](Tid tid) {
    const Task* const task = context_.tasks.find(tid);
    return task != nullptr && task->phase == Phase::Starting;
  });
}

// True: there was somebody who is not ours yet. A parent may stand behind its child.
bool Attachment::look() {
  bool is_new = false;
  for (bool again = true; again;) {
    again = false;
    for (const Tid process : numbers_in(ProcPath("."))) {
      if (context_.tasks.find(process) != nullptr) {
        const size_t before = context_.tasks.size();
        seizing_.attach_threads_of(process);
        is_new |= context_.tasks.size() != before;
        continue;
      }
      const std::optional<Sight> sight = Sight::of(process);
      if (!sight || sight->has_ended || sight->is_ours() || context_.tasks.find(sight->parent) == nullptr || refused_.contains(process)) continue;
      if (process == host_ || process == Tid(::getpid())) continue;
      const Result<void> attached = attach(process);
      if (attached) again = is_new = true;
      else if (is_refusal(process, attached.error())) refuse(process, attached.error());
    }
  }
  starting_.clear();
  context_.tasks.each([this](const Task& task) {
    if (task.phase == Phase::Starting) starting_.push_back(task.tid);
  });
  return is_new;
}

// Not where it executes a program just now, is gone, or was made meanwhile by one that we trace.
bool Attachment::is_refusal(Tid process, Errno error) const {
  if (error.get() == EINTR || error.get() == EAGAIN || error.get() == ESRCH) return false;
  const std::optional<Sight> sight = Sight::of(process);
  return sight && !sight->has_ended && !sight->is_ours();
}

void Attachment::refuse(Tid process, Errno error) {
  refused_.insert(process);
  context_.state.on_launch(number(process), context_.clock.now_ns());
  context_.notice(process, Notice::UNSEEN, "ptrace", "a descendant cannot be attached: " + why_refused(status_of(process), error), 1);
  context_.state.on_thread_exit(number(process));
}

// The same process all the same, with another program.
void Attachment::on_replaced(Tid process, bool is_there) {
  context_.state.on_thread_exit(number(process));
  if (is_there && attach(process)) {
    context_.found_program(process);
    is_settled_ = false;
  } else {
    context_.found_end(process);
  }
}

}  // namespace vedette
