// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/tasks.h"

#include <utility>

#include "capture/kernel/invariant.h"
#include "capture/tracer/stop.h"

namespace vedette {
namespace {

constexpr size_t kSpareCallsMax = 64;  // beyond it a burst's buffers are given back

}  // namespace

Task* Tasks::find(Tid tid) const {
  if (last_ != nullptr && last_->tid == tid) return last_;
  const auto found = tasks_.find(tid);
  return last_ = found == tasks_.end() ? nullptr : found->second.get();
}

Task& Tasks::add(Tid tid, Tid process, Ref<AddressSpace> space) {
  last_ = nullptr;
  remove(tid);  // a number is given again: its end was not heard of yet
  std::unique_ptr<Task>& place = tasks_[tid];
  place = std::make_unique<Task>(tid, process, std::move(space));
  return *place;
}

void Tasks::mark_stranger(Task& task) {
  if (!task.stranger) ++strangers_;
  task.stranger = true;
}

std::unique_ptr<Task> Tasks::take(Tid tid) {
  last_ = nullptr;
  const auto found = tasks_.find(tid);
  if (found == tasks_.end()) return nullptr;
  std::unique_ptr<Task> task = std::move(found->second);
  strangers_ -= task->stranger;
  tasks_.erase(found);
  return task;
}

Task& Tasks::rename(Tid from, Tid to) {
  last_ = nullptr;
  const auto found = tasks_.find(from);
  invariant(found != tasks_.end(), "who takes over a leader's number is in the table", from.get(), to.get());
  std::unique_ptr<Task> task = std::move(found->second);
  tasks_.erase(found);
  task->tid = to;
  task->memory = RemoteMemory(to);
  remove(to);
  std::unique_ptr<Task>& place = tasks_[to];
  place = std::move(task);
  return *place;
}

void bind(Task& task) { task.bound = static_cast<bool>(ptrace_set_options(task.tid, kStopOptions | PTRACE_O_EXITKILL)); }

std::unique_ptr<PendingCall> Tasks::borrow_call() {
  if (spare_.empty()) return std::make_unique<PendingCall>();
  std::unique_ptr<PendingCall> call = std::move(spare_.back());
  spare_.pop_back();
  return call;
}

void Tasks::give_back(std::unique_ptr<PendingCall> call) {
  if (call == nullptr || spare_.size() >= kSpareCallsMax) return;
  call->sighting.reset();
  call->registers_changed = false;
  call->replaced_nr = 0;
  call->sealed.reset();
  spare_.push_back(std::move(call));
}

}  // namespace vedette
