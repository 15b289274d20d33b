// SPDX-License-Identifier: Apache-2.0
#include "capture/addon/signals.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>

namespace vedette::addon {

namespace {
// Not SIGTSTP, SIGTTIN, SIGTTOU and SIGCONT: job control stops and continues the group as a whole.
constexpr std::array kForwarded = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH};

static_assert(kForwarded[0] == SIGHUP);

std::atomic<pid_t> agent_now{0};
std::array<struct sigaction, kForwarded.size()> before;

// JavaScript may listen to SIGHUP too: its handler, installed before ours, only writes to a pipe. Of no other
// signal: Node's own handler of SIGTERM would raise it again for ever, and that of SIGUSR1 opens a debugger.
void tell_listener(int number, siginfo_t* info, void* context) {
  if (number != kForwarded[0]) return;
  const struct sigaction& was = before[0];
  if ((was.sa_flags & SA_SIGINFO) != 0) {
    was.sa_sigaction(number, info, context);
  } else if (was.sa_handler != SIG_DFL && was.sa_handler != SIG_IGN) {
    was.sa_handler(number);
  }
}

void on_signal(int number, siginfo_t* info, void* context) {
  const int error = errno;
  const pid_t agent = agent_now.load(std::memory_order_relaxed);
  if (agent > 0 && info->si_code <= 0) kill(agent, number);  // <= 0: sent by a process; the kernel's own are greater
  tell_listener(number, info, context);
  errno = error;
}
}  // namespace

bool forward_signals_to(pid_t agent) {
  pid_t none = 0;
  if (!agent_now.compare_exchange_strong(none, agent)) return false;
  struct sigaction action{};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < kForwarded.size(); i++) sigaction(kForwarded[i], &action, &before[i]);
  return true;
}

void stop_forwarding() {
  if (agent_now.exchange(0) == 0) return;
  for (size_t i = 0; i < kForwarded.size(); i++) {
    struct sigaction now{};
    sigaction(kForwarded[i], nullptr, &now);
    // Whoever took the signal since then, as `vedette top` does while it draws, keeps it.
    if (now.sa_sigaction == on_signal) sigaction(kForwarded[i], &before[i], nullptr);
  }
}

}  // namespace vedette::addon
