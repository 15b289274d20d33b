// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/signals.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "capture/kernel/clock.h"
#include "capture/kernel/proc.h"
#include "capture/kernel/ptrace.h"
#include "capture/tracer/wake.h"

namespace vedette {
namespace {

constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint64_t kSameBroadcastNs = 100 * kMillisecond;
constexpr uint64_t kHaltWantedNs = 2000 * kMillisecond;  // how long after a ^Z the workload's stopping counts as its effect
constexpr uint64_t kUndecidedNs = 5 * kMillisecond;      // a workload held in a stop for longer is taken to lack the signal
constexpr long kPollNs = 100'000;
constexpr timespec kWakeAgain{0, 10 * static_cast<long>(kMillisecond)};
constexpr size_t kKernelMaskBytes = 8;

bool is_halt(int signal) { return signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU; }
bool ends_by_default(int signal) {
  return signal == SIGTERM || signal == SIGINT || signal == SIGHUP || signal == SIGQUIT;
}

constexpr uint64_t bit(int signal) { return 1ull << (signal - 1); }

// Raw, because glibc hides the two signals it uses itself: the workload's mask must be the very one we were
// given.
uint64_t swap_mask(uint64_t mask) {
  uint64_t old = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, &old, kKernelMaskBytes);
  return old;
}

// What a fault of ours raises, and what cannot be blocked.
constexpr uint64_t kNeverBlocked = bit(SIGSEGV) | bit(SIGBUS) | bit(SIGILL) | bit(SIGFPE) | bit(SIGTRAP) | bit(SIGABRT) |
                                   bit(SIGSYS) | bit(SIGKILL) | bit(SIGSTOP);
// Taken from the queue and passed on; the rest stays blocked: SIGCHLD, whose news waitpid brings, and
// SIGPIPE.
constexpr uint64_t kTaken = ~(kNeverBlocked | bit(SIGCHLD) | bit(SIGPIPE));

}  // namespace

Signals::Signals() : original_mask_(swap_mask(~kNeverBlocked)) {}

void Signals::start(Tid root, Sink& sink) {
  root_ = root;
  sink_ = &sink;
  tracer_ = ::pthread_self();
  (void)accept_wakes();
  ::pthread_create(&thread_, nullptr, thread_main, this);
}

void Signals::start_alone(Sink& sink) {
  root_ended_ = true;
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction now{};
    if (::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN) ignored_ |= bit(signal);
  }
  start(Tid(), sink);
}

void* Signals::thread_main(void* self) {
  Signals* const signals = static_cast<Signals*>(self);
  for (;;) {
    siginfo_t info{};
    const uint64_t taken = kTaken;
    const bool is_over = signals->ended_by() != 0;
    if (::syscall(SYS_rt_sigtimedwait, &taken, &info, is_over ? &kWakeAgain : nullptr, kKernelMaskBytes) > 0) signals->on_signal(info);
    else if (is_over) ::pthread_kill(signals->tracer_, wake_signal());  // the first came when it was about to wait
  }
  return nullptr;
}

void Signals::on_signal(const siginfo_t& info) {
  const int signal = info.si_signo;
  bool ended;
  {
    const std::lock_guard lock(mutex_);
    ended = root_ended_;
    if (is_halt(signal) && !ended) halt_wanted_ns_ = monotonic_ns();
    if (signal == SIGCONT) halt_wanted_ns_ = 0, root_halted_ = false;
  }
  const bool is_ignored = (ignored_ & bit(signal)) != 0 && info.si_pid != ::getpid();
  if (ended) return is_ignored ? void() : end_by(signal);
  if (!root_has_it(info)) forward(info);
  if (is_halt(signal)) halt_if_due();
}

bool Signals::root_has_it(const siginfo_t& info) {
  // The terminal's own signals go to its foreground group; only a hang-up is also sent to the session's
  // leader alone.
  const bool to_leader = info.si_signo == SIGHUP || info.si_signo == SIGCONT;
  if (info.si_code == SI_KERNEL && !(to_leader && ::getsid(0) == ::getpid())) return true;

  const uint64_t start = monotonic_ns();
  std::string text;
  while (monotonic_ns() - start < kUndecidedNs) {
    if (was_delivered(info)) return true;
    constexpr size_t kStatusMax = 8192;
    if (!read_file(ProcPath(root_, "status"), text, kStatusMax)) return false;
    if ((status_mask(text, "ShdPnd") & bit(info.si_signo)) != 0) return true;
    // Held in a stop it may have taken the signal off its queue without our knowing yet.
    if (!status_field(text, "State").starts_with('t')) return was_delivered(info);
    const timespec pause{0, kPollNs};
    ::nanosleep(&pause, nullptr);
  }
  return false;
}

bool Signals::was_delivered(const siginfo_t& info) {
  const std::lock_guard lock(mutex_);
  const Delivery& last = delivered_[static_cast<size_t>(info.si_signo)];
  return last.at_ns != 0 && monotonic_ns() - last.at_ns < kSameBroadcastNs && last.sender == info.si_pid &&
         last.code == info.si_code;
}

// A queued value travels with it; a plain kill gets its sender back from on_root_signalled.
void Signals::forward(const siginfo_t& info) {
  bool ended;
  {
    const std::lock_guard lock(mutex_);
    ended = root_ended_;
    if (info.si_code != SI_QUEUE) forwarded_[static_cast<size_t>(info.si_signo)] = info;
  }
  if (ended) return end_by(info.si_signo);
  const long sent = info.si_code == SI_QUEUE ? ::syscall(SYS_rt_sigqueueinfo, root_.get(), info.si_signo, &info)
                                             : ::kill(root_.get(), info.si_signo);
  if (sent != 0 && errno == ESRCH) end_by(info.si_signo);  // it is gone, and the tracer is about to say so
}

void Signals::end_by(int signal) {
  if (!ends_by_default(signal)) return;
  ended_by_ = signal;
  sink_->hurry();
  ::pthread_kill(tracer_, wake_signal());
}

void Signals::on_root_signalled(int signal) {
  if ((bit(signal) & kTaken) == 0) return;  // never forwarded
  const Result<siginfo_t> info = ptrace_siginfo(root_);
  if (!info || signal <= 0 || signal >= NSIG) return;
  siginfo_t original{};
  {
    const std::lock_guard lock(mutex_);
    siginfo_t& forwarded = forwarded_[static_cast<size_t>(signal)];
    if (forwarded.si_signo == signal && info->si_code == SI_USER && info->si_pid == ::getpid()) {
      original = std::exchange(forwarded, siginfo_t{});
    } else {
      delivered_[static_cast<size_t>(signal)] = {monotonic_ns(), info->si_pid, info->si_code};
    }
    if (signal == SIGCONT) root_halted_ = false;
  }
  if (original.si_signo == signal) (void)ptrace_set_siginfo(root_, original);
}

void Signals::on_root_halted() {
  {
    const std::lock_guard lock(mutex_);
    root_halted_ = true;
  }
  halt_if_due();
}

void Signals::on_root_ended() {
  const std::lock_guard lock(mutex_);
  root_ended_ = true;
}

// Both halves must be there: we were told to stop, and the workload has stopped. Whoever continues us
// continues the group.
void Signals::halt_if_due() {
  {
    const std::lock_guard lock(mutex_);
    if (!root_halted_ || halt_wanted_ns_ == 0 || monotonic_ns() - halt_wanted_ns_ > kHaltWantedNs) return;
    halt_wanted_ns_ = 0;
  }
  ::kill(::getpid(), SIGSTOP);
}

}  // namespace vedette
