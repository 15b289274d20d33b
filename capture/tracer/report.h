// SPDX-License-Identifier: Apache-2.0
// What the kernel told of one task, gathered whole right after the wait. A task that is killed leaves its
// stop whenever it likes, so what it says a moment later may belong to another stop: the message of a fork
// event would be read as the exit code of a thread that is about to end. Therefore all that a stop has to say
// is read at once, checked once to belong to that stop, and dropped where it does not: the kernel has a newer
// report of that task, which says what became of it.
//
// What is in a report has happened, even where the task has gone on since (has_moved_on): a child that was
// made is there, a call that returned has had its effect.
#pragma once

#include <optional>

#include "capture/kernel/ptrace.h"
#include "capture/tracer/stop.h"

namespace vedette {

struct Report {
  Tid tid;
  WaitStatus status;
  Stop stop = Stop::Ended;
  unsigned long message = 0;  // Forked: the child's number; Execed: the thread's before it
  SyscallInfo call{};         // Called, Returned
  siginfo_t signal{};         // Signalled
  bool has_waited = false;    // others were handled since it was gathered
};

// Nothing: it is stale, and nothing may be done for it.
std::optional<Report> gather(Tid tid, WaitStatus status);

// Whether the task has left the stop that this tells of: somebody killed it. Nothing can be asked of it, and
// it must not be resumed, because the stop that it is in now is still to be told of.
bool has_moved_on(const Report& report);
// The same, of a report that waited before it was handled; what was gathered a moment ago is not asked again.
inline bool has_moved_on_meanwhile(const Report& report) { return report.has_waited && has_moved_on(report); }

}  // namespace vedette
