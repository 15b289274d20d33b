// SPDX-License-Identifier: Apache-2.0
// Does what the host asks after an alert. It is free of races because the tracer does it, between two
// reports:
//
//   whom      a task in our table has not been reaped, so its number is its own; and its start must be the one that was told
//   kill      SIGKILL, which no program can refuse
//   the tree  first all tasks of it are marked, then they are killed. A child that is born meanwhile stops before its first
//             instruction, inherits the mark from its maker, and is killed in that stop (lives.cc)
//   freeze    each thread is asked to stop and is then not resumed: Context::resume keeps what it was to be resumed with.
//             SIGCONT ends no such stop; SIGKILL does. Children are born frozen
//
// It acts only while no report waits to be handled (Waiter::is_idle): a report that waits may be the end of a
// task, whose number would then be free.
#pragma once

#include <ctime>
#include <string>
#include <vector>

#include "capture/tracer/program_look.h"
#include "capture/tracer/response_desk.h"
#include "capture/tracer/task.h"

namespace vedette {

struct Context;

class Responses {
 public:
  Responses(Context& context, ResponseDesk& desk) : context_(context), desk_(desk) {}
  ~Responses();

  // From the tracer's thread, after the workload was launched.
  void begin();
  // What was asked for, and what is due by now. No report waits.
  void act();
  // A task has a child, which has not run.
  void on_birth(const Task& maker, Task& child, bool is_thread, uint64_t now_ns);
  // A process has ended.
  void on_ended(Tid process);
  // From here on, no task is attached.
  void end();

 private:
  struct Pending {
    uint64_t id;
    ResponseAction action;
    uint64_t deadline_ns;     // monotonic: then it is said what is not done yet
    uint64_t until_ns;        // of Freeze
    uint64_t processes;
    std::vector<Tid> alive;   // to be killed, and not heard to have ended
    std::string spared;       // why some are left out
  };
  struct Freeze {
    uint64_t id;
    uint64_t until_ns;
  };

  void take(const ResponseRequest& request);
  std::vector<Tid> members_of(const ResponseRequest& request);
  bool is_named(Tid process, uint64_t start_ns) const;
  bool is_excepted(Tid process, const ResponseRequest& request);
  void kill(const ResponseRequest& request, Pending pending);
  void freeze(const ResponseRequest& request, Pending pending, const std::vector<Tid>& members);
  bool is_over(const Pending& pending, uint64_t now) const;
  void settle(uint64_t now);
  void thaw(uint64_t now);
  void let_go(Task& task);
  void set_timer();
  const Ref<Lineage>& lineage_of(const Task& task);
  template <typename Function>
  void each_of(Tid process, Function function);

  Context& context_;
  ResponseDesk& desk_;
  StartTime start_;
  std::vector<Pending> pending_;
  std::vector<Freeze> freezes_;
  timer_t timer_{};
  bool has_timer_ = false;
  uint64_t armed_ns_ = 0;
};

}  // namespace vedette
