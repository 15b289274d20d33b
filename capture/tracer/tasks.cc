// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/tasks.h"

#include <algorithm>

namespace vedette {
namespace {

constexpr size_t kEndedUnknownMax = 1024;  // orphans that a pid 1 has reaped, most of them
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

void Tasks::remove(Tid tid) {
  last_ = nullptr;
  const auto found = tasks_.find(tid);
  if (found == tasks_.end()) return;
  strangers_ -= found->second->stranger;
  tasks_.erase(found);
}

Task& Tasks::rename(Tid from, Tid to) {
  last_ = nullptr;
  std::unique_ptr<Task> task = std::move(tasks_.at(from));
  tasks_.erase(from);
  task->tid = to;
  task->memory = RemoteMemory(to);
  remove(to);
  std::unique_ptr<Task>& place = tasks_[to];
  place = std::move(task);
  return *place;
}

std::optional<WaitStatus> Tasks::take_stray(Tid tid) {
  const auto found = std::find_if(strays_.begin(), strays_.end(), [&](const Report& stray) { return stray.tid == tid; });
  if (found == strays_.end()) return std::nullopt;
  const WaitStatus status = found->status;
  strays_.erase(found);
  return status;
}

void Tasks::end_unknown(Tid tid) {
  if (ended_unknown_.size() < kEndedUnknownMax) ended_unknown_.insert(tid);
  else lost_ends_ = true;
}

bool Tasks::may_have_ended(Tid tid) { return ended_unknown_.erase(tid) != 0 || lost_ends_; }

std::vector<Report> Tasks::take_strays() {
  doubtful_ = false;
  return std::exchange(strays_, {});
}

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
