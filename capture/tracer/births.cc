// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/births.h"

#include <sched.h>

#include <algorithm>
#include <utility>

#include "capture/tracer/task.h"

namespace vedette {
namespace {

constexpr size_t kDepartedMax = 32;  // makers that were killed in the middle, and whose children may still be heard of

// clone3 has the child's stack in memory.
bool is_made_by(const Birth& birth, const Registers& child) {
  if (child.ip() != birth.ip) return false;
  return birth.id == EventId::clone3 || child.sp() == (birth.stack != 0 ? birth.stack : birth.sp);
}

}  // namespace

Births::Births() = default;
Births::~Births() = default;

void Births::open(Task& maker, Birth birth) {
  (void)close(maker);
  birth.number = ++newest_;
  open_.insert(birth.number);
  maker.birth = std::make_unique<Birth>(birth);
}

std::unique_ptr<Birth> Births::close(Task& maker) {
  if (maker.birth != nullptr) open_.erase(maker.birth->number);
  return std::move(maker.birth);
}

// The child has the image as it was when it was made, and takes over no ring: a copy of what is known of it
// will do.
void Births::depart(std::unique_ptr<Task> maker) {
  open_.erase(maker->birth->number);
  if ((maker->birth->flags & CLONE_VM) == 0) maker->space = copy_of(*maker->space);
  departed_.push_back(std::move(maker));
  if (departed_.size() > kDepartedMax) departed_.pop_front();
}

void Births::hear_of(const Report& report) {
  const auto known = std::find_if(strays_.begin(), strays_.end(), [&](const Stray& stray) { return stray.report.tid == report.tid; });
  if (known != strays_.end()) known->report = report;
  else strays_.push_back({report, newest_});
}

std::optional<Report> Births::take(Tid child) {
  const auto found = std::find_if(strays_.begin(), strays_.end(), [&](const Stray& stray) { return stray.report.tid == child; });
  if (found == strays_.end()) return std::nullopt;
  Report report = found->report;
  report.has_waited = true;
  strays_.erase(found);
  return report;
}

// One that has ended was killed before it ran, or is somebody whom a first process has to reap: nothing of
// ours.
std::optional<Report> Births::take_orphan() {
  std::erase_if(strays_, [this](const Stray& stray) { return stray.report.stop == Stop::Ended && is_orphan(stray); });
  const auto found = std::find_if(strays_.begin(), strays_.end(), [this](const Stray& stray) { return is_orphan(stray); });
  return found == strays_.end() ? std::nullopt : take(found->report.tid);
}

std::unique_ptr<Task> Births::maker_of(const Registers& child) {
  const auto found = std::find_if(departed_.rbegin(), departed_.rend(), [&](const std::unique_ptr<Task>& maker) { return is_made_by(*maker->birth, child); });
  if (found == departed_.rend()) return nullptr;
  std::unique_ptr<Task> maker = std::move(*found);
  departed_.erase(std::next(found).base());
  return maker;
}

}  // namespace vedette
