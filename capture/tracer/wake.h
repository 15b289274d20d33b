// SPDX-License-Identifier: Apache-2.0
// Ends the tracer's wait: a signal that reaches the tracer's thread alone makes waitpid answer EINTR. Timers
// and other threads of ours send it when there is something to do that no stop tells of. Where there is
// always a report to take, no wait is ever interrupted; so what has come is also asked for after each report.
#pragma once

namespace vedette {

int wake_signal();
// From the tracer's thread, after the workload was launched: what that inherits must be untouched.
bool accept_wakes();
// Whether one has come since this was last asked.
bool take_wake();

}  // namespace vedette
