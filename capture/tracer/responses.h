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
//   deny      the tree is tightened, and its tasks hold rows by which prevention judges each call (prevent/ban.h); who sits in a
//             call is asked to come out of it, and what it then makes again is judged. Children are born to the rows
//   tighten   the code of the tree becomes the program's own again, and each of its calls stops: none is recorded in rings,
//             which the program's own code could reach. Children and new programs are born to it
//
// It acts only while no report waits to be handled (Waiter::is_idle): a report that waits may be the end of a
// task, whose number would then be free.
#pragma once

#include <ctime>
#include <map>
#include <string>
#include <unordered_set>
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
  using Processes = std::unordered_set<Tid>;
  struct Pending {
    ResponseAnswer answer;
    ResponseAction action;
    uint64_t deadline_ns;         // monotonic: then it is said what is not done yet
    uint64_t until_ns;            // of Freeze, and of Deny with an end
    Processes alive;              // to be killed, and not heard to have ended
    std::vector<Tid> restless;    // threads that were asked to stop, and may not have done so yet
  };
  // What ends by itself.
  struct Hold {
    ResponseRequest request;
    uint64_t until_ns;
    Processes spared;
    Ref<Ban> ban = {};  // of Deny
  };

  void take(const ResponseRequest& request);
  std::vector<Tid> members_of(const ResponseRequest& request);
  bool is_named(Tid process, uint64_t start_ns) const;
  bool is_thread(Tid tid, uint64_t start_ns) const;
  bool has_start(Tid tid, uint64_t start_ns) const;
  bool is_first(Tid process) const;
  bool is_excepted(Tid process, const ResponseRequest& request);
  void kill(const ResponseRequest& request, Pending pending, const std::vector<Tid>& members);
  void freeze(const ResponseRequest& request, Pending pending, const std::vector<Tid>& members, const std::vector<Tid>& spared);
  void tighten(Pending pending, const std::vector<Tid>& members);
  void deny(const ResponseRequest& request, Pending pending, const std::vector<Tid>& members, const std::vector<Tid>& spared);
  bool is_full(const std::vector<Tid>& members);
  void settle(uint64_t now);
  bool is_over(Pending& pending) const;
  bool is_still(Tid tid, const Pending& pending) const;
  void tell(Pending& pending, bool is_done);
  void thaw(uint64_t now);
  ResponseAnswer end_of(const Hold& hold, uint64_t now);
  ResponseAnswer end_of_ban(const Hold& hold);
  void let_go(Task& task);
  void set_timer();
  const Ref<Lineage>& lineage_of(const Task& task);
  template <typename Function>
  void each_of(const std::vector<Tid>& processes, Function function);

  Context& context_;
  ResponseDesk& desk_;
  StartTime start_;
  std::map<uint64_t, Pending> pending_;  // by our own number, which Task::doomed_by has
  std::vector<Hold> holds_;
  uint64_t number_ = 0;
  uint64_t look_ns_ = 0;       // when it is looked again who stands still
  bool has_first_ended_ = false;
  timer_t timer_{};
  bool has_timer_ = false;
  uint64_t armed_ns_ = 0;
};

}  // namespace vedette
