// SPDX-License-Identifier: Apache-2.0
// Ends a host whose first thread no longer answers, so that whoever started it starts it again. ECS restarts
// a container that has ended, never one that hangs.
//
// Time alone would end a host that is only starved: on a quarter of a CPU, beside a workload that takes all
// of it. So a look counts only where the thread did something and did not come to an answer, or had nothing
// to do but wait:
//
//   it runs      it has used `cpu_ms` of processor time since its last answer
//   it is stuck  at each of `looks` looks it slept (proc_pid_stat(5): S or D), and has used next to nothing
//
// Looks are counted, and not seconds: a task that was frozen for an hour has had no looks meanwhile.
#pragma once

#include <cstdint>
#include <string>

namespace vedette::addon {

struct HangLimits {
  uint32_t look_ms;
  uint32_t looks;
  uint32_t cpu_ms;
};

// Watches the thread that calls this, from a thread of its own, until the process ends. When it hangs, `text`
// goes to descriptor 2 as it is, and the process ends with `status`. Once a process.
void watch_for_hang(HangLimits limits, std::string text, int status);

// What the watched thread says now and then.
void answer_watch();

}  // namespace vedette::addon
