// SPDX-License-Identifier: Apache-2.0
// Hands out what waitpid has to say, fairly. The kernel looks through the tracees in the same order every time, so with many
// busy ones the first would be served again and again; therefore everything that is there is taken before the next is
// handed out. With a single tracee that would be a wasted call a stop, so it is only done with several.
#pragma once

#include <deque>
#include <optional>

#include "capture/kernel/result.h"
#include "capture/kernel/tid.h"
#include "capture/kernel/wait_status.h"

namespace vedette {

struct Report {
  Tid tid;
  WaitStatus status;
};

class Waiter {
 public:
  // Blocks. Empty: there is no child left.
  std::optional<Report> next(bool several);

 private:
  std::deque<Report> queue_;
};

}  // namespace vedette
