// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/code_watch.h"

#include <elf.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "capture/inline/x86_64/patch.h"
#include "capture/kernel/clock.h"
#include "capture/kernel/proc.h"

namespace vedette {
namespace {

constexpr uint64_t kLookEveryNs = 1'000'000'000, kBudgetNs = 500'000;
constexpr size_t kMapsMax = 4096;
constexpr std::string_view kSegment = "/SYSV";

std::optional<uint64_t> entry_of(Tid tid) {
  constexpr size_t kAuxvMax = 4096;
  std::string auxv;
  if (!read_file(ProcPath(tid, "auxv"), auxv, kAuxvMax)) return std::nullopt;
  for (size_t at = 0; at + sizeof(Elf64_auxv_t) <= auxv.size(); at += sizeof(Elf64_auxv_t)) {
    Elf64_auxv_t one;
    std::memcpy(&one, auxv.data() + at, sizeof one);
    if (one.a_type == AT_ENTRY) return one.a_un.a_val;
  }
  return std::nullopt;
}

bool is_kernels(const ExecutableMap& map) { return map.name.starts_with('[') && !map.name.starts_with("[anon"); }

bool is_segment(const ExecutableMap& map) { return map.name.starts_with(kSegment); }

std::string in_words(const ExecutableMap& map) {
  char range[48];
  std::snprintf(range, sizeof range, "%llx-%llx", static_cast<unsigned long long>(map.start), static_cast<unsigned long long>(map.end));
  return std::string("code at ") + range + (map.name.empty() ? "" : " of " + map.name) + ", which no recorded call has made executable";
}

// The kernel makes one map of neighbours, so each part of it may be known by another list.
bool is_on_record(const InlineImage& image, const ExecutableMap& map) {
  uint64_t at = map.start;
  for (bool goes_on = true; goes_on && at < map.end;) {
    const uint64_t next = std::max(image.code.covered_until(at), map.inode != 0 ? image.text.covered_until(at) : at);
    goes_on = next > at;
    at = next;
  }
  return at >= map.end;
}

// Where the kernel has mapped the program is asked for once an image, and only when something is not known.
bool is_explained(Tid tid, InlineImage& image, const ExecutableMap& map) {
  if (image.code.cover({map.start, map.end}) || is_kernels(map)) return true;
  if (is_segment(map)) return Segment::is_ours(static_cast<int>(map.inode));
  if (is_on_record(image, map)) return true;
  if (std::exchange(image.code_look.knows_program, true)) return false;
  if (const std::optional<uint64_t> entry = entry_of(tid)) image.code.add({*entry + image.program.start, *entry + image.program.end});
  return is_on_record(image, map);
}

std::optional<ExecutableMap> unexplained(Tid tid, InlineImage& image) {
  std::optional<std::vector<ExecutableMap>> maps = executable_maps(tid, kMapsMax);
  if (!maps) return std::nullopt;
  const auto found = std::find_if(maps->begin(), maps->end(), [&](const ExecutableMap& map) { return !is_explained(tid, image, map); });
  return found == maps->end() ? std::nullopt : std::optional(std::move(*found));
}

bool is_to_be_looked_at(const InlineImage* image) { return image != nullptr && image->active && !image->code_look.told; }

}  // namespace

void InlineCodeWatch::look(uint64_t now_ns) {
  if (now_ns < next_look_ns_) return;
  next_look_ns_ = now_ns + kLookEveryNs;
  std::vector<Task*> due;
  context_->tasks.each([&](Task& task) {
    InlineImage* const image = image_of(*task.space);
    if (!is_to_be_looked_at(image) || image->code_look.turn == now_ns || inline_part(task).boot != InlineTask::Boot::None) return;
    image->code_look.turn = now_ns;  // one of its threads is enough
    due.push_back(&task);
  });
  std::sort(due.begin(), due.end(), [](const Task* a, const Task* b) {
    return image_of(*a->space)->code_look.looked_ns < image_of(*b->space)->code_look.looked_ns;
  });
  for (Task* const task : due) {
    look_at(*task, now_ns);
    if (monotonic_ns() - now_ns > kBudgetNs) break;
  }
}

void InlineCodeWatch::look_at(Task& task, uint64_t now_ns) {
  InlineImage& image = *image_of(*task.space);
  image.code_look.looked_ns = now_ns;
  const std::optional<ExecutableMap> found = unexplained(task.tid, image);
  const uint64_t suspect = std::exchange(image.code_look.suspect, found ? found->start : 0);
  if (!found || found->start != suspect || !tell(task, image, *found)) return;
  // Its threads run: each is traced from its next call on at the latest.
  context_->tasks.each([&](Task& each) {
    if (each.space == task.space) context_->hooks.on_doubted(each.tid, IntegrityReason::CAUGHT);
  });
}

bool InlineCodeWatch::look_at_last(Task& task) {
  InlineImage* const image = image_of(*task.space);
  if (!is_to_be_looked_at(image) || !is_alone(task) || !has_segments_) return false;
  const std::optional<ExecutableMap> found = unexplained(task.tid, *image);
  return found && tell(task, *image, *found);
}

// A segment comes there by a gate of ours: true. Other memory may have been moved there, as mremap does
// without a stop.
bool InlineCodeWatch::tell(Task& task, InlineImage& image, const ExecutableMap& map) {
  image.code_look.told = true;
  context_->notice(task.tid, is_segment(map) ? Notice::TAMPER : Notice::UNCERTAIN, "", in_words(map));
  return is_segment(map);
}

}  // namespace vedette
