// SPDX-License-Identifier: Apache-2.0
// The table of traced threads, by number. Also those that stopped before their parent's event named them: the kernel
// may tell of a child's first stop first. They wait, stopped, until the parent is heard of. If it was killed before it could
// tell, nobody will name them: whenever a task has ended or was taken by an exec they are in doubt, and the loop adopts
// them by what /proc says once nothing else is to be heard (lives.h).
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "capture/tracer/task.h"
#include "capture/tracer/waiter.h"

namespace vedette {

class Tasks {
 public:
  Task* find(Tid tid) const;
  Task& add(Tid tid, Tid process, Ref<AddressSpace> space);
  // One that does not descend from what we started, nor will its children.
  void mark_stranger(Task& task);
  void remove(Tid tid);
  // An exec from a thread that is not the leader: it takes over the leader's number, the leader is no more.
  Task& rename(Tid from, Tid to);

  template <typename Function>
  void each(Function function) const {
    for (const auto& [tid, task] : tasks_) function(*task);
  }
  // Some are left that descend from what we started.
  bool has_own() const { return tasks_.size() > strangers_; }
  size_t size() const { return tasks_.size(); }

  void add_stray(Report report) { strays_.push_back(report); }
  std::optional<WaitStatus> take_stray(Tid tid);
  // The end of a task that nobody has named (yet): its parent's event may still be to come.
  void end_unknown(Tid tid);
  // Whether such an end may have been heard; said once.
  bool may_have_ended(Tid tid);
  std::vector<Report> take_strays();
  bool has_strays() const { return !strays_.empty(); }
  // Some task's end may have been that of a stray's parent.
  void doubt_strays() { doubtful_ = !strays_.empty(); }
  bool has_doubtful_strays() const { return doubtful_ && !strays_.empty(); }

  // Those that hold a call are kept for the next one, with their buffers.
  std::unique_ptr<PendingCall> borrow_call();
  void give_back(std::unique_ptr<PendingCall> call);

 private:
  std::unordered_map<Tid, std::unique_ptr<Task>> tasks_;
  size_t strangers_ = 0;
  mutable Task* last_ = nullptr;  // the same task stops again and again
  std::vector<Report> strays_;
  bool doubtful_ = false;
  std::unordered_set<Tid> ended_unknown_;
  bool lost_ends_ = false;  // there were too many to remember
  std::vector<std::unique_ptr<PendingCall>> spare_;
};

}  // namespace vedette
