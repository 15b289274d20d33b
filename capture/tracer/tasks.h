// SPDX-License-Identifier: Apache-2.0
// The table of traced threads, by number. Who has stopped and is not in it is somebody's child that is still
// to be told of (births.h).
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "capture/tracer/task.h"

namespace vedette {

class Tasks {
 public:
  Task* find(Tid tid) const;
  Task& add(Tid tid, Tid process, Ref<AddressSpace> space);
  // One that does not descend from what we started, nor will its children.
  void mark_stranger(Task& task);
  void remove(Tid tid) { (void)take(tid); }
  // Out of the table.
  std::unique_ptr<Task> take(Tid tid);
  // An exec from a thread that is not the leader: it takes over the leader's number, the leader is no more.
  Task& rename(Tid from, Tid to);

  template <typename Function>
  void each(Function function) const {
    for (const auto& [tid, task] : tasks_) function(*task);
  }
  // From now on we stay for strangers, too: we have started nobody (outsiders/attachment.h).
  void stay_for_strangers() { stays_for_strangers_ = true; }
  // Some are left for whom we stay: those that descend from what we started.
  bool has_own() const { return tasks_.size() > (stays_for_strangers_ ? 0 : strangers_); }
  size_t size() const { return tasks_.size(); }

  // Those that hold a call are kept for the next one, with their buffers.
  std::unique_ptr<PendingCall> borrow_call();
  void give_back(std::unique_ptr<PendingCall> call);

 private:
  std::unordered_map<Tid, std::unique_ptr<Task>> tasks_;
  size_t strangers_ = 0;
  bool stays_for_strangers_ = false;
  mutable Task* last_ = nullptr;  // the same task stops again and again
  std::vector<std::unique_ptr<PendingCall>> spare_;
};

// It has our filter, or will: from now on it ends with us. Its children inherit that.
void bind(Task& task);

}  // namespace vedette
