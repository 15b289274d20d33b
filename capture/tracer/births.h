// SPDX-License-Identifier: Apache-2.0
// Who is being born. A task is made in a call that stops at its entry, so every maker is known before it
// makes anything: its birth is open from there until it has told of the child (its fork event), has failed,
// or is gone. The child stops before its first instruction, and the kernel may tell of that stop, or even of
// the child's end, before the maker's event. Such a child waits, stopped, as a stray.
//
//   births are numbered as their calls are let in; a stray is made by one of those that were open when it was first heard of
//   once none of those is open any more, nobody will name it: its maker was killed before it could tell
//   which one that was, the stray's own registers say: they are a copy of the maker's (instruction and stack pointer)
//
// So nothing here guesses, and nothing waits for long: a birth ends with a report of its maker in every case.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "capture/decode/event.h"
#include "capture/tracer/report.h"

namespace vedette {

struct Task;

// The argument registers of a call as its maker had them, where it was made with others.
struct ArgumentRegisters {
  Registers before;
  bool is_32;
};

// One call that makes a task, from its entry on.
struct Birth {
  uint64_t number = 0;
  uint64_t flags = 0;          // clone's; fork and vfork stand for fixed ones
  uint64_t ip = 0, sp = 0;     // of the call
  uint64_t stack = 0;          // that clone gives the child; 0: a copy of its maker's
  std::optional<ArgumentRegisters> own = {};
  EventId id = EventId::none;  // the call as it is told of, without its texts
  Call call{};
  uint64_t slots[kSlotsMax] = {};
};

class Births {
 public:
  Births();
  ~Births();

  // The task is let into a call that makes another.
  void open(Task& maker, Birth birth);
  // The call has told of its child, or has failed. What it was; empty if none was open.
  std::unique_ptr<Birth> close(Task& maker);
  // The maker is gone, and has not told whether it made a child.
  void depart(std::unique_ptr<Task> maker);

  // A task that nobody has named has stopped, or has ended. Only the newest word counts.
  void hear_of(const Report& stray);
  // What was heard of a child that its maker tells of now.
  std::optional<Report> take(Tid child);
  // One whose maker is gone; its last report. Of a task that has ended there is nothing to take.
  std::optional<Report> take_orphan();
  // The departed maker whose copy these registers are; nullptr: nobody that we know.
  std::unique_ptr<Task> maker_of(const Registers& child);

  size_t open_count() const { return open_.size(); }
  size_t stray_count() const { return strays_.size(); }

 private:
  struct Stray {
    Report report;
    uint64_t after;  // the number of the newest birth when it was first heard of
  };
  bool is_orphan(const Stray& stray) const { return open_.empty() || *open_.begin() > stray.after; }

  uint64_t newest_ = 0;
  std::set<uint64_t> open_;
  std::vector<Stray> strays_;
  std::deque<std::unique_ptr<Task>> departed_;  // the latest last
};

}  // namespace vedette
