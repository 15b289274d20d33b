// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/code_ranges.h"

#include <algorithm>

namespace vedette {

void CodeRanges::add(MemoryRange range) {
  if (is_full_ || range.start >= range.end) return;
  const auto first = std::lower_bound(ranges_.begin(), ranges_.end(), range.start, [](const MemoryRange& known, uint64_t start) { return known.end < start; });
  auto last = first;
  for (; last != ranges_.end() && last->start <= range.end; ++last) {
    range = {std::min(range.start, last->start), std::max(range.end, last->end)};
  }
  if (first != last) {
    *first = range;
    ranges_.erase(first + 1, last);
  } else if (ranges_.size() < kMax) {
    ranges_.insert(first, range);
  } else {
    is_full_ = true;
    ranges_ = {};
  }
}

bool CodeRanges::touch(MemoryRange range) const {
  return is_full_ || std::any_of(ranges_.begin(), ranges_.end(), [range](MemoryRange known) { return overlap(known, range); });
}

uint64_t CodeRanges::covered_until(uint64_t start) const {
  if (is_full_) return ~uint64_t{0};
  const auto found = std::lower_bound(ranges_.begin(), ranges_.end(), start, [](const MemoryRange& known, uint64_t from) { return known.end <= from; });
  return found != ranges_.end() && found->start <= start ? found->end : start;
}

}  // namespace vedette
