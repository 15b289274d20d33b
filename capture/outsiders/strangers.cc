// SPDX-License-Identifier: Apache-2.0
#include "capture/outsiders/strangers.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "capture/kernel/proc.h"
#include "capture/outsiders/enlist.h"

namespace vedette {
namespace {

constexpr size_t kTextMax = 8192;
constexpr size_t kMountsMax = 1u << 20;
constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint64_t kLookNs = 3 * kMillisecond;         // between two looks, at least: a storm of forks must not be one of looks
constexpr uint64_t kYoungNs = 1000 * kMillisecond;     // for so long a refused one is likely to change
constexpr uint64_t kInFlightNs = 20 * kMillisecond;    // from a number that is given to a task that can be seen, at most
constexpr size_t kComingMax = 1024;
constexpr uint64_t kComingPauseNs = kMillisecond / 5;  // between two looks at one that has still to execute a program,
constexpr uint64_t kYoungPauseNs = 2 * kMillisecond;   // that has done so a moment ago,
constexpr uint64_t kOldPauseNs = 100 * kMillisecond;   // that stays as it is
constexpr uint64_t kSettledNs = 10'000 * kMillisecond; // one that has not executed anything by then is refused for good
constexpr uint64_t kUnseenNs = 1000 * kMillisecond;    // between two notices of the unseen
constexpr int kGenerationsMax = 32;
constexpr int kStatThreads = 20, kStatStart = 22;
constexpr std::string_view kMachinesNamespace = "pid:[4026531836]";  // PROC_PID_INIT_INO, include/linux/proc_ns.h

uint32_t number(Tid tid) { return static_cast<uint32_t>(tid.get()); }

// Ids of mounts are the whole machine's: two processes with one in common are in one mount namespace. Unlike
// the link ns/mnt, mountinfo may be read whoever it belongs to.
std::vector<uint64_t> mounts_of(PathAt path) {
  std::vector<uint64_t> ids;
  std::string text;
  if (!read_file(path, text, kMountsMax)) return ids;
  for (std::string_view rest = text; !rest.empty();) {
    if (const std::optional<MountLine> line = read_mount_line(take_line(rest))) ids.push_back(line->id);
  }
  return ids;
}

bool share_any(const std::vector<uint64_t>& some, const std::vector<uint64_t>& others) {
  return std::any_of(some.begin(), some.end(), [&](uint64_t id) { return std::find(others.begin(), others.end(), id) != others.end(); });
}

bool same_file(PathAt one, PathAt other) {
  struct stat a, b;
  return stat_at(one, a) && stat_at(other, b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

}  // namespace

// No program: it is the one that forked still, or what we have read belongs in part to the one that begins.
// The kernel clears the flag first, then the name is the new one's, and the arguments come last (fs/exec.c,
// begin_new_exec).
struct Strangers::Program {
  int64_t start = 0;
  std::string words = {};

  // Empty: the process is gone, or a zombie. One whose first thread has ended, or is just being replaced by
  // the one that executes, is neither.
  static std::optional<Program> of(Tid process) {
    std::string stat;
    if (!read_file(ProcPath(process, "stat"), stat, kTextMax)) return std::nullopt;
    const size_t name_end = stat.rfind(')');
    if (name_end == stat.npos || name_end + 2 >= stat.size()) return std::nullopt;
    if (std::strchr("ZX", stat[name_end + 2]) != nullptr && stat_field(stat, kStatThreads).value_or(1) <= 1) return std::nullopt;
    Program program{.start = stat_field(stat, kStatStart).value_or(0)};
    std::string arguments;
    if (has_only_forked(stat)) return program;
    if (!read_file(ProcPath(process, "cmdline"), arguments, kTextMax) || arguments.empty()) return program;
    const size_t name_start = std::min(stat.find('('), name_end);
    const std::string name = stat.substr(name_start, name_end - name_start + 1);
    if (!read_file(ProcPath(process, "stat"), stat, kTextMax) || stat.compare(name_start, name.size(), name) != 0) return program;
    program.words = name + arguments;
    return program;
  }
};

// Only where the container is ours to watch: its first process, or the child of one that does nothing else
// (tini). Elsewhere, as for `vedette run` in somebody's shell, it would be that person's other processes that
// we took.
void Strangers::start(HostPid host_pid, void* host) {
  std::string link;
  const bool is_container = read_link(ProcPath("self/ns/pid"), link) && link != kMachinesNamespace;
  const bool stands_for_it = ::getpid() == 1 || ::getppid() <= 1;
  if (scope_ == StrangerScope::None || !is_container || !stands_for_it) return;
  are_sought_ = true;
  host_pid_ = host_pid;
  host_ = host;
  own_namespace_ = ::getpid() == 1 || shares_mounts(Tid(1));
  ancestors_.push_back(::getpid());
  for (pid_t next = ::getppid(); next > 0 && ancestors_.size() < kGenerationsMax;) {
    ancestors_.push_back(next);
    const std::optional<Sight> sight = Sight::of(Tid(next));
    next = sight ? sight->parent.get() : 0;
  }
  lookout_.start();
}

void Strangers::on_call_over(Task& task, const SyscallInfo& at) { enlist(context_, task, at); }

void Strangers::look() {
  const uint64_t now = context_.clock.now_ns();
  if (now - looked_ns_ < (refused_.empty() && coming_.empty() ? kLookNs : kComingPauseNs)) return;
  looked_ns_ = now;
  look_at_coming(now);
  const Lookout::Numbers numbers = lookout_.take();
  if (numbers.all) {
    look_at_all();
  } else {
    for (pid_t next = numbers.first; next <= numbers.last; ++next) {
      if (lookout_.is_ours(next) || context_.tasks.find(Tid(next)) != nullptr || meet(Tid(next))) continue;
      if (coming_.size() < kComingMax) coming_.push_back({Tid(next), now});
      else ++unseen_;
    }
  }
  std::erase_if(refused_, [this](Refused& one) { return !visit(one); });
  seizing_.complete(now, [this](Tid process, bool is_there) { on_replaced(process, is_there); });
  unseen_ += seizing_.take_left_out();
  lookout_.look_every(pause_ns());
  if (now - unseen_told_ns_ >= kUnseenNs) tell_unseen(now);
}

// Ours, or to be seen by now; or it never will be.
void Strangers::look_at_coming(uint64_t now) {
  const std::vector<pid_t> ours = lookout_.take_late();
  std::erase_if(coming_, [&](const Coming& one) {
    if (std::find(ours.begin(), ours.end(), one.number.get()) != ours.end() || context_.tasks.find(one.number) != nullptr) return true;
    if (meet(one.number)) return true;
    const bool is_over = now - one.since_ns >= kInFlightNs;
    unseen_ += is_over;
    return is_over;
  });
}

void Strangers::on_root_ended() {
  const uint64_t now = context_.clock.now_ns();
  look_at_coming(now);
  unseen_ += coming_.size();
  coming_.clear();
  std::erase_if(refused_, [this](Refused& one) { return see_last_of(one); });
  tell_unseen(now);
  context_.look_at_last_opens();
}

// The last look at a refused one. Who has executed a program is told of as refused: we shall not see what
// comes of it. True: it is gone.
bool Strangers::see_last_of(Refused& one) {
  const std::optional<Program> program = Program::of(one.process);
  if (is_over(one, program)) return true;
  if (!program->words.empty() && program->words != one.told_words) tell_program(one, *program);
  if (!one.told_words.empty()) tell_refused(one);
  return false;
}

void Strangers::look_at_all() {
  for (const Tid process : numbers_in(ProcPath("."))) {
    if (context_.tasks.find(process) == nullptr && !meet(process)) ++unseen_;
  }
}

// A number that nobody has accounted for: a child of ours that is still in flight, a thread, somebody we do
// not watch, one who is gone already, or a stranger. False: nobody is to be seen under it.
bool Strangers::meet(Tid one) {
  const std::optional<Sight> sight = Sight::of(one);
  if (!sight) return false;
  if (sight->is_ours() || !is_watched(*sight)) return true;
  const auto is_known = [&](const Refused& known) { return known.process == sight->process; };
  if (context_.tasks.find(sight->process) != nullptr) seizing_.attach_threads_of(sight->process);
  else if (std::none_of(refused_.begin(), refused_.end(), is_known)) found(sight->process);
  return true;
}

bool Strangers::is_watched(const Sight& sight) const {
  if (std::find(ancestors_.begin(), ancestors_.end(), sight.process.get()) != ancestors_.end()) return false;
  if (is_of_host(sight)) return false;
  if (own_namespace_) return true;
  const bool is_here = shares_mounts(sight.process);
  if (scope_ == StrangerScope::Container) return is_here;
  return is_here || !same_file(ProcPath(sight.process, "exe"), ProcPath("self/exe"));  // the agent of another container
}

// The host may be in this container, with processes of its own below it, or in another one that is all its
// own.
bool Strangers::is_of_host(const Sight& sight) const {
  const Tid host(host_pid_(host_));
  if (!host.is_set()) return false;
  const std::vector<uint64_t> theirs = mounts_of(ProcPath(host, "mountinfo"));
  if (!shares_mounts(host) && share_any(theirs, mounts_of(ProcPath(sight.process, "mountinfo")))) return true;
  Tid at = sight.process;
  for (int i = 0; i < kGenerationsMax && at.is_set(); ++i) {
    if (at == host) return true;
    const std::optional<Sight> next = Sight::of(at);
    if (!next) return false;
    at = next->parent;
  }
  return false;
}

bool Strangers::shares_mounts(Tid process) const {
  return share_any(mounts_of(ProcPath("self/mountinfo")), mounts_of(ProcPath(process, "mountinfo")));
}

// Only who is seen to have other mounts: one that cannot be looked at is held to our rows.
bool Strangers::is_neighbour(Tid process) const {
  if (own_namespace_) return false;
  const std::vector<uint64_t> ours = mounts_of(ProcPath("self/mountinfo")), theirs = mounts_of(ProcPath(process, "mountinfo"));
  return !ours.empty() && !theirs.empty() && !share_any(ours, theirs);
}

void Strangers::found(Tid process) {
  const uint64_t now = context_.clock.now_ns();
  const std::optional<Program> program = Program::of(process);
  const Result<void> attached = program ? attach(process) : Errno(ESRCH);
  if (!attached && attached.error().get() == ESRCH) return void(++unseen_);
  const bool is_first = context_.state.on_found(number(process), now);
  // Gone meanwhile: /proc did not say whose child it was, and it would pass for a session of its own.
  if (!attached && !Sight::of(process)) {
    context_.state.on_thread_exit(number(process));
    return void(++unseen_);
  }
  if (is_neighbour(process)) context_.state.on_neighbour(number(process), now);
  if (is_first) context_.session_start(process, attached ? 0 : -attached.error().get());
  if (attached) return;
  Refused& one = refused_.emplace_back(Refused{.process = process, .start = program->start, .told_words = {}, .changed_ns = now, .why = attached.error().get()});
  if (!program->words.empty()) tell_program(one, *program);
}

// Which program it is must still be told.
Result<void> Strangers::attach(Tid process) {
  const Result<void> attached = seizing_.attach(process);
  if (attached) context_.tasks.find(process)->untold = true;
  return attached;
}

void Strangers::on_replaced(Tid process, bool is_there) {
  if (is_there) return found(process);
  context_.found_end(process);
  context_.state.on_thread_exit(number(process));
}

// Gone, which is told. Whoever was refused until then, and executed a program meanwhile, is told of as
// refused, too: nothing will change it any more.
bool Strangers::is_over(Refused& one, const std::optional<Program>& program) {
  if (program && program->start == one.start) return false;
  if (!one.told_words.empty()) tell_refused(one);
  context_.found_end(one.process);
  context_.state.on_thread_exit(number(one.process));
  return true;
}

// One more look at a refused one. False: it is gone, or attached now.
bool Strangers::visit(Refused& one) {
  const std::optional<Program> program = Program::of(one.process);
  if (is_over(one, program)) return false;
  const Result<void> attached = attach(one.process);
  const bool is_told = program->words.empty() || program->words == one.told_words;
  if (attached) {
    context_.state.on_found(number(one.process), context_.clock.now_ns());
    if (is_told && !one.told_words.empty()) context_.tasks.find(one.process)->untold = false;
    return false;
  }
  one.why = attached.error().get();
  if (!is_told) tell_program(one, *program);
  const bool is_late = one.why == EINTR || one.why == EAGAIN;
  const bool is_settled = (!one.told_words.empty() && !is_late) || context_.clock.now_ns() - one.changed_ns > kSettledNs;
  if (is_settled) tell_refused(one);
  return true;
}

void Strangers::tell_program(Refused& one, const Program& program) {
  const uint64_t now = context_.clock.now_ns();
  if (!one.told_words.empty() || !context_.state.knows(number(one.process)) || one.changed_ns != now) {
    context_.state.on_exec(number(one.process), number(one.process), now);
  }
  context_.found_program(one.process);
  one.told_words = program.words;
  one.changed_ns = now;
}

// Who is about to execute will be open to us from then on, and its program makes its first calls at once.
uint64_t Strangers::pause_ns() const {
  if (!coming_.empty()) return kComingPauseNs;
  if (refused_.empty() && seizing_.is_whole()) return unseen_ == 0 ? 0 : kUnseenNs;
  const uint64_t now = context_.clock.now_ns();
  uint64_t pause = seizing_.pause_ns(kOldPauseNs);
  for (const Refused& one : refused_) {
    const bool is_young = now - one.changed_ns < kYoungNs;
    if (is_young) pause = std::min(pause, one.told_words.empty() ? kComingPauseNs : kYoungPauseNs);
  }
  return pause;
}

// Once.
void Strangers::tell_refused(Refused& one) {
  if (std::exchange(one.told, true)) return;
  context_.notice(one.process, Notice::STRANGER, "ptrace", std::strerror(one.why), -one.why);
}

// Born and gone between two looks; a fork that failed late takes a number, too.
void Strangers::tell_unseen(uint64_t now) {
  if (unseen_ == 0) return;
  unseen_told_ns_ = now;
  context_.notice(context_.root, Notice::UNSEEN, "", "tasks came and went before they were looked at", static_cast<int64_t>(std::exchange(unseen_, 0)));
}

}  // namespace vedette
