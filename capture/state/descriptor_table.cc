// SPDX-License-Identifier: Apache-2.0
// A sorted list behind a copy-on-write pointer; see descriptor_table.h.
#include "capture/state/descriptor_table.h"

#include <algorithm>
#include <utility>

#include "capture/state/process.h"

namespace vedette {

namespace {

constexpr int32_t kStandardEnd = 3;  // a process's entry in a batch names its descriptors 0 to 2

// A table does not grow beyond this, whatever a program (or a forged record) claims to open: what is not kept
// is a miss like any other, and the kernel is asked.
constexpr size_t kEntriesMax = 65536;

// Closes that are under way at the same time. A program that makes up openings keeps no more than this.
constexpr size_t kOvertakenMax = 64;

bool in_range(int32_t fd, uint32_t first, uint32_t last) {
  return fd >= 0 && static_cast<uint32_t>(fd) >= first && static_cast<uint32_t>(fd) <= last;
}

template <typename List>
auto lower_bound(List& list, int32_t fd) {
  // Numbers are given out from 0 up, so mostly there are few gaps, and the place is the number or not far
  // before it.
  constexpr int kGapsMax = 8;
  if (fd >= 0 && !list.empty()) {
    size_t at = std::min(static_cast<size_t>(fd), list.size() - 1);
    for (int gaps = 0; gaps < kGapsMax && at > 0 && list[at].fd > fd; ++gaps) --at;
    if (list[at].fd <= fd) return list.begin() + static_cast<long>(at + (list[at].fd < fd));
  }
  return std::lower_bound(list.begin(), list.end(), fd, [](const auto& entry, int32_t value) { return entry.fd < value; });
}

}  // namespace

// One that stands in no batch is in no process's entry either: what is made anew changes none of them.
void Descriptor::changed() {
  if (mark.batch == 0) return;
  mark = {};
  note_change();
}

Ref<Descriptor> DescriptorTable::find(int32_t fd) const {
  if (!entries_) return {};
  const auto at = lower_bound(entries_->list, fd);
  return at != entries_->list.end() && at->fd == fd ? at->descriptor : Ref<Descriptor>();
}

void DescriptorTable::set(int32_t fd, Ref<Descriptor> descriptor, bool close_on_exec) {
  std::vector<Entry>& list = writable();
  const auto at = lower_bound(list, fd);
  if (at != list.end() && at->fd == fd) {
    at->descriptor = std::move(descriptor);
    at->close_on_exec = close_on_exec;
  } else if (list.size() < kEntriesMax) {
    list.insert(at, Entry{fd, close_on_exec, std::move(descriptor)});
  }
  if (fd < kStandardEnd) note_change();
}

void DescriptorTable::overtake(int32_t fd, uint64_t given_ns) {
  Ref<Descriptor> before = find(fd);
  if (!before) return;
  if (overtaken_.size() == kOvertakenMax) overtaken_.erase(overtaken_.begin());
  overtaken_.push_back({fd, given_ns, std::move(before)});
}

Ref<Descriptor> DescriptorTable::take_overtaken(int32_t fd, uint64_t entered_ns) {
  const auto is_meant = [=](const Overtaken& one) { return one.fd == fd && entered_ns < one.given_ns; };
  const auto found = std::find_if(overtaken_.begin(), overtaken_.end(), is_meant);
  if (found == overtaken_.end()) return {};
  Ref<Descriptor> descriptor = std::move(found->descriptor);
  overtaken_.erase(found);
  return descriptor;
}

void DescriptorTable::remove(int32_t fd) { remove(fd, find(fd)); }

void DescriptorTable::remove(int32_t fd, const Ref<Descriptor>& descriptor) {
  if (!descriptor || !entries_) return;
  const auto found = lower_bound(entries_->list, fd);
  if (found == entries_->list.end() || found->fd != fd || found->descriptor != descriptor) return;
  const auto place = found - entries_->list.begin();
  std::vector<Entry>& list = writable();
  list.erase(list.begin() + place);
  if (fd < kStandardEnd) note_change();
}

void DescriptorTable::remove_range(uint32_t first, uint32_t last) {
  remove_if([=](const Entry& entry) { return in_range(entry.fd, first, last); });
}

void DescriptorTable::mark_range(uint32_t first, uint32_t last) {
  if (!entries_) return;
  for (Entry& entry : writable()) entry.close_on_exec |= in_range(entry.fd, first, last);
}

void DescriptorTable::set_close_on_exec(int32_t fd, bool close_on_exec) {
  if (!find(fd)) return;
  lower_bound(writable(), fd)->close_on_exec = close_on_exec;
}

void DescriptorTable::close_on_exec() {
  remove_if([](const Entry& entry) { return entry.close_on_exec; });
}

Ref<DescriptorTable> DescriptorTable::copy() const {
  Ref<DescriptorTable> table = make_ref<DescriptorTable>();
  table->entries_ = entries_;
  return table;
}

std::vector<DescriptorTable::Entry>& DescriptorTable::writable() {
  if (!entries_) {
    entries_ = make_ref<Entries>();
  } else if (entries_.shared()) {
    Ref<Entries> own = make_ref<Entries>();
    own->list = entries_->list;
    entries_ = std::move(own);
  }
  return entries_->list;
}

template <typename Predicate>
void DescriptorTable::remove_if(Predicate predicate) {
  if (!entries_ || std::none_of(entries_->list.begin(), entries_->list.end(), predicate)) return;
  std::erase_if(writable(), predicate);
  note_change();
}

}  // namespace vedette
