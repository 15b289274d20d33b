// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/lost_report.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cstdio>

#include "capture/kernel/fd.h"

namespace vedette {
namespace {

constexpr struct {
  Lost what;
  const char* name;
} kNames[] = {{Lost::spool, "spool"}, {Lost::host, "host"}, {Lost::ring, "ring"}, {Lost::decode, "decode"},
              {Lost::killed, "killed"}};
static_assert(sizeof kNames / sizeof *kNames == kLostCounters);

void write_file(const LostCounters& lost, const std::string& path) {
  std::string text = "{";
  for (const auto& [what, name] : kNames) {
    text += (text.size() > 1 ? ", \"" : "\"") + std::string(name) + "\": " + std::to_string(lost.get(what));
  }
  text += "}\n";
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file.is_open() || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    std::perror(path.c_str());
  }
}

constexpr char kGone[] =
    "vedette-capture: the host is gone, and the workload goes on: nothing of it is judged from now on, and no alert is told. "
    "What was denied stays denied. Start the workload anew under Vedette.\n";

}  // namespace

void report_host_gone() {
  pollfd slot{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&slot, 1, 0) == 1 && (slot.revents & POLLOUT) != 0) (void)!::write(STDERR_FILENO, kGone, sizeof kGone - 1);
}

void report_lost(const LostCounters& lost, const std::string& path, const std::string& refusal) {
  if (!path.empty()) return write_file(lost, path);
  const uint64_t undelivered = lost.get(Lost::host);
  if (undelivered == 0) return;
  const std::string reason = refusal.empty() ? "the host was gone" : "the host refuses this agent (" + refusal + ")";
  std::string dropped;
  if (const uint64_t events = lost.get(Lost::spool)) {
    dropped = ". Before that, " + std::to_string(events) + " were dropped, because there was no room for them";
  }
  std::fprintf(stderr, "vedette-capture: %llu events could not be delivered: %s%s\n",
               static_cast<unsigned long long>(undelivered), reason.c_str(), dropped.c_str());
}

}  // namespace vedette
