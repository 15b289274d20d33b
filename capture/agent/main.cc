// SPDX-License-Identifier: Apache-2.0
// vedette-capture: runs a command and sends every system call of interest to the host. It stands where the
// command would have stood: same descriptors, limits, group and terminal below it, same status and signals
// above it, also as a container's process 1. Read aloud:
//
//   parse - connect - find the program - launch it under the filter - trace until it has ended - deliver - end as it did
//
// Or it watches a process that runs already, and stands beside it: signals end the agent, and the process
// goes on (outsiders/attachment.h).
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <thread>

#include "capture/agent/doctor.h"
#include "capture/agent/failure.h"
#include "capture/agent/hasher.h"
#include "capture/agent/hello.h"
#include "capture/agent/host_link.h"
#include "capture/agent/lost_report.h"
#include "capture/agent/options.h"
#include "capture/agent/prevent_words.h"
#include "capture/agent/recorder.h"
#include "capture/agent/tiers.h"
#include "capture/agent/uplink.h"
#include "capture/agent/usage_reader.h"
#include "capture/kernel/capabilities.h"
#include "capture/kernel/features.h"
#include "capture/kernel/proc.h"
#include "capture/kernel/proc_folder.h"
#include "capture/outsiders/attachment.h"
#include "capture/tracer/capture_filter.h"
#include "capture/tracer/launch.h"
#include "capture/tracer/loop.h"
#include "capture/tracer/proc_truth.h"
#include "capture/tracer/pulse.h"
#include "capture/tracer/responses.h"
#include "capture/tracer/wake.h"

namespace vedette {
namespace {

constexpr uint64_t kSpoolWaitNs = 20'000'000;       // how long a full spool may hold the workload up, per batch
constexpr int kReadyPollMs = 20;
constexpr size_t kNameMax = 64;
constexpr uint64_t kDeliverWaitNs = 5'000'000'000;  // how long we stay for a slow host after the workload's end

// What the agent's threads share. Made once and never destroyed: they use it until the process ends.
struct Agent {
  explicit Agent(const Options& options)
      : options(options), inline_tier(make_inline_tier(options, clock)), source(random_source()), spool(options.spool_bytes, kSpoolWaitNs, options.overload, &pulse),
        link(options.host, [this] { return hello_frame(source, this->options, inline_tier != nullptr); },
             [this](std::span<const uint8_t> frame) { return take_table(frame); },
             [this](std::vector<std::string> paths) { open_watch.watch(std::move(paths)); }, [this] { return fill(); }, [this] { return usage.read(); }, desk, hasher, pulse), recorder(source, clock, spool, lost),
        uplink(link, recorder, spool, lost, [this] { if (this->options.lost_report.empty()) report_host_gone(); }) {}

  const Options& options;
  Clock clock{Clock::Settles::Later};
  std::unique_ptr<Hooks> inline_tier;  // nullptr: switched off, or not possible here
  LostCounters lost;
  Pulse pulse;
  Encoder::Source source;
  Spool spool;
  SealedMemory sealed;
  Prevention prevention{sealed};
  InotifyOpenWatch open_watch;
  ResponseDesk desk{options.respond, [this](const std::vector<PreventRow>& rows) { return obstacle_to({.rows = rows}, means()); }};
  Hasher hasher;
  UsageReader usage;
  HostLink link;
  Recorder recorder;
  Uplink uplink;

  // Who has root can become any other user; who has not, stays who he is.
  PreventMeans means() const {
    const bool sees_all = ::geteuid() != 0 || has_capability(Capability::SysPtrace);
    return {.sealed_memory = sealed.is_open(), .sees_all = sees_all, .io_uring = options.io_uring == IoUring::Allow};
  }

  std::string take_table(std::span<const uint8_t> frame) {
    std::optional<PreventTable> table = read_table(frame);
    if (!table) return "it does not read";
    if (options.attach) return table->rows.empty() ? "" : "a process that ran before us is denied nothing";
    std::string obstacle = obstacle_to(*table, means());
    if (obstacle.empty()) prevention.take(std::move(*table));
    return obstacle;
  }

  AgentFill fill() {
    RingFill* const rings = inline_tier == nullptr ? nullptr : inline_tier->ring_fill();
    return {.spool = spool.bytes(), .spool_max = spool.bytes_max(),
            .rings = rings == nullptr ? 0 : rings->take_most(), .rings_max = rings == nullptr ? 0 : rings->bytes()};
  }

  void finish() {
    uplink.finish(kDeliverWaitNs);
    report_lost(lost, options.lost_report, link.refusal());
  }
};

Failure describe(const LaunchFailure& failure, const std::string& program) {
  const std::string reason = reason_of(failure.why);
  switch (failure.step) {
    case LaunchStep::Find:
    case LaunchStep::Execute:
      if (failure.why.get() == ENOENT) return make_failure(ErrorCode::VEDETTE_COMMAND_NOT_FOUND, {{"path", program}});
      return make_failure(ErrorCode::VEDETTE_COMMAND_NOT_EXECUTABLE, {{"path", program}, {"reason", reason}});
    case LaunchStep::Seize:
      return make_failure(ErrorCode::VEDETTE_PTRACE_REFUSED,
                          {{"pid", std::to_string(::getpid())}, {"reason", reason}});
    case LaunchStep::Capability: return make_failure(ErrorCode::VEDETTE_CAPABILITY_KEPT, {{"reason", reason}});
    case LaunchStep::Filter: return make_failure(ErrorCode::VEDETTE_SECCOMP_REFUSED, {{"reason", reason}});
    case LaunchStep::Clone: break;
  }
  return make_failure(ErrorCode::VEDETTE_LAUNCH_FAILED, {{"reason", reason}});
}

// Under every number it would tell of somebody else, or of nobody.
std::optional<Failure> without_proc() {
  const ProcSettled proc = settle_proc();
  switch (proc.folder) {
    case ProcFolder::Foreign: return make_failure(ErrorCode::VEDETTE_PROC_FOREIGN, {{"reason", reason_of(proc.why)}});
    case ProcFolder::Missing: return make_failure(ErrorCode::VEDETTE_PROC_MISSING, {{"reason", reason_of(proc.why)}});
    case ProcFolder::Mounted:
    case ProcFolder::Opened: return std::nullopt;
  }
  return std::nullopt;
}

Failure unreachable(const Agent& agent, std::string reason) {
  const Options& options = agent.options;
  if (const std::string& refusal = agent.link.refusal(); !refusal.empty()) {
    return make_failure(ErrorCode::VEDETTE_AGENT_REFUSED, {{"address", options.host.text}, {"reason", refusal}});
  }
  return make_failure(ErrorCode::VEDETTE_HOST_UNREACHABLE, {{"address", options.host.text}, {"reason", std::move(reason)}});
}

// Until the workload may begin; a failure when it may not.
std::optional<Failure> wait_for_host(Agent& agent) {
  const Options& options = agent.options;
  const bool at_once = options.start == Start::Availability && options.host.can_reconnect();
  if (at_once) return std::nullopt;
  const uint64_t deadline = monotonic_ns() + options.start_wait_ns;
  Result<void> opened = agent.link.open();
  if (options.start == Start::Security) {
    while (!agent.link.is_ready() && !agent.link.is_over() && monotonic_ns() < deadline) {
      if (agent.link.listen(kReadyPollMs)) continue;
      const timespec pause{0, kReadyPollMs * 1'000'000};
      ::nanosleep(&pause, nullptr);
      opened = agent.link.open();
    }
    if (const std::string& obstacle = agent.link.table_obstacle(); !obstacle.empty()) {
      return make_failure(ErrorCode::VEDETTE_PREVENT_TABLE, {{"agent", "the agent of this workload"}, {"reason", obstacle}});
    }
    if (agent.link.is_ready() || options.run_without_host) return std::nullopt;
    return unreachable(agent, opened ? "it did not say in time that its policies are loaded" : reason_of(opened.error()));
  }
  if (opened) return std::nullopt;
  return unreachable(agent, reason_of(opened.error()));
}

// Batches are large and come in bursts: their memory goes back to the kernel when they do (glibc would learn
// to keep it), and the two threads share one heap.
void keep_little_memory() {
  (void)::mallopt(M_MMAP_THRESHOLD, 128 << 10);
  (void)::mallopt(M_ARENA_MAX, 1);
}

// How the workload ended, as the agent's exit status.
using Status = int;

// What is the same of a workload that we start and of one that we attach: everything that a tracer needs,
// in the tracer's thread.
class Tracing {
 public:
  Tracing(Agent& agent, Signals& signals, Hooks& hooks) : agent_(agent), signals_(signals), state_(truth_, agent.options.limits),
        context_(agent.clock, agent.options.limits, state_, hooks, agent.recorder), witness_(kernel_io_, features().running < KernelVersion{5, 15}) {
    if (agent.inline_tier == nullptr) state_.stop_all();
    else context_.witness = &witness_;
    state_.believe(agent.options.believed);
    if (agent.options.limits.tls_plaintext) state_.tell_plaintext([&agent](uint64_t tsc) { return agent.clock.from_tsc(tsc); });
    context_.io_uring = agent.options.io_uring;
    context_.sealed = &agent.sealed;
    context_.can_trace_all = has_capability(Capability::SysPtrace);
    context_.defense.guard_host(host_pid, &agent.link);
  }

  static pid_t host_pid(void* link) { return static_cast<HostLink*>(link)->host_pid(); }
  Context& context() { return context_; }

  Status run(Tid root, Outsiders& outsiders, bool root_only) {
    Loop loop(context_, signals_, outsiders, agent_.pulse);
    const WaitStatus status = loop.run(root, root_only);
    return loop.ended_by() != 0 ? 128 + loop.ended_by() : status.shell_status();
  }

 private:
  Agent& agent_;
  Signals& signals_;
  ProcTruth truth_;
  State state_;
  Context context_;
  ProcKernelIo kernel_io_;
  IoWitness witness_;
};

int run_command(const Options& options, Agent& agent, Signals& signals, const std::string& program) {
  Launch launch(options.command, program, signals.original_mask());
  if (options.withhold_sys_ptrace) launch.withhold_sys_ptrace();
  Launched launched;
  Hooks trace_only;
  Hooks& hooks = agent.inline_tier != nullptr ? *agent.inline_tier : trace_only;
  const std::vector<sock_filter> filter = capture_filter(hooks, agent.sealed);
  if (!launch.start(filter, features().wait_killable, launched)) return report(describe(launch.failure(), program));

  agent.uplink.start();
  signals.start(launched.tid, agent.recorder);

  Tracing tracing(agent, signals, hooks);
  Context& context = tracing.context();
  context.prevention = &agent.prevention;
  context.no_new_privs = launched.no_new_privs;
  context.filter = filter;
  Strangers& strangers = *new Strangers(context, options.strangers);  // as the signals: its thread goes on
  strangers.start(Tracing::host_pid, &agent.link);
  OpenWitness open_witness(agent.open_watch);
  if (strangers.are_sought()) {
    agent.open_watch.start(wake_signal());
    context.open_witness = &open_witness;
  }
  Responses responses(context, agent.desk);
  if (options.respond) {
    responses.begin();
    context.responses = &responses;
  }
  const Status status = tracing.run(launched.tid, strangers, ::getpid() == 1);

  agent.finish();
  return launch.failed() ? report(describe(launch.failure(), program)) : status;
}

Failure describe(const AttachRefusal& refusal, Tid process) {
  using Kind = AttachRefusal::Kind;
  const std::string pid = std::to_string(process.get());
  switch (refusal.kind) {
    case Kind::Missing: return make_failure(ErrorCode::VEDETTE_PROCESS_MISSING, {{"pid", pid}, {"reason", refusal.reason}});
    case Kind::Traced: {
      std::string name;
      (void)read_file(ProcPath(refusal.tracer, "comm"), name, kNameMax);
      while (name.ends_with('\n')) name.pop_back();
      const std::string tracer = "process " + std::to_string(refusal.tracer.get()) + (name.empty() ? "" : " (" + name + ")");
      return make_failure(ErrorCode::VEDETTE_PROCESS_TRACED, {{"pid", pid}, {"tracer", tracer}});
    }
    case Kind::Unwise: return make_failure(ErrorCode::VEDETTE_ATTACH_UNWISE, {{"pid", pid}, {"reason", refusal.reason}});
    case Kind::Refused: break;
  }
  return make_failure(ErrorCode::VEDETTE_ATTACH_REFUSED, {{"pid", pid}, {"reason", refusal.reason}});
}

// A thread of its own, because the kernel lets go of all that a thread traces when that thread ends, and ends
// no wait of theirs by it. What they did is still to be delivered then, which takes as long as the host
// takes.
int run_attached(const Options& options, Agent& agent, Signals& signals) {
  secure_ourselves();
  agent.link.when_over([] { (void)::kill(::getpid(), SIGTERM); });  // nobody is left who would hear of it
  agent.uplink.start();
  std::optional<AttachRefusal> refusal;
  Status status = 0;
  std::thread([&] {
    signals.start_alone(agent.recorder);
    Hooks trace_only;
    Tracing tracing(agent, signals, trace_only);
    Context& context = tracing.context();
    context.attached = true;
    context.tasks.stay_for_strangers();
    context.root = *options.attach;
    Attachment attachment(context, Tid(agent.link.host_pid()));
    refusal = attachment.begin(*options.attach);
    if (!refusal) status = tracing.run(*options.attach, attachment, false);
  }).join();
  if (refusal) return report(describe(*refusal, *options.attach));
  agent.finish();
  return status;
}

int run(Options& options) {
  keep_little_memory();
  keep_descriptor_in_reserve();
  if (const std::optional<Failure> failure = without_proc()) return report(*failure);
  Signals& signals = *new Signals;  // never destroyed: its thread uses it until the process ends
  std::string program;
  if (options.attach) {
    options.attach = process_of(*options.attach).value_or(*options.attach);
    if (const std::optional<AttachRefusal> refusal = refusal_of(*options.attach, {})) return report(describe(*refusal, *options.attach));
  } else {
    const Result<std::string> found = find_program(options.command[0]);
    if (!found) return report(describe({LaunchStep::Find, found.error()}, options.command[0]));
    program = *found;
  }

  Agent& agent = *new Agent(options);
  if (const std::optional<Failure> failure = wait_for_host(agent)) return report(*failure);
  return options.attach ? run_attached(options, agent, signals) : run_command(options, agent, signals, program);
}

}  // namespace
}  // namespace vedette

int main(int argc, char** argv) {
  using namespace vedette;
  std::variant<Options, Failure> parsed = parse_options(argc, argv);
  if (const Failure* const failure = std::get_if<Failure>(&parsed)) return report(*failure);
  Options& options = std::get<Options>(parsed);
  take_environment(options);
  if (options.help) return std::fputs(kUsage, stdout) < 0;
  if (options.version) return std::printf("vedette-capture %s\n", VEDETTE_VERSION) < 0;
  if (options.doctor) return run_doctor();
  return run(options);
}
