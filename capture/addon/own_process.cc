// SPDX-License-Identifier: Apache-2.0
#include "capture/addon/own_process.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <mutex>
#include <vector>

namespace vedette::addon {

namespace {
std::vector<int> deaf;

// Whose default is to end, and which neither Node nor we listen to.
void be_deaf(int number) {
  struct sigaction now{};
  if (sigaction(number, nullptr, &now) != 0 || (now.sa_flags & SA_SIGINFO) != 0 || now.sa_handler != SIG_DFL) return;
  if (std::signal(number, SIG_IGN) != SIG_ERR) deaf.push_back(number);
}
}  // namespace

void shut_own_process() {
  static std::once_flag once;
  std::call_once(once, [] {
    for (const int number : {SIGIO, SIGPWR, SIGSTKFLT, SIGVTALRM}) be_deaf(number);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) be_deaf(number);
    if (::getpid() != 1) (void)::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  });
}

std::span<const int> deaf_to() { return deaf; }

}  // namespace vedette::addon
