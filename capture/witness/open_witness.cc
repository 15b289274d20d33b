// SPDX-License-Identifier: Apache-2.0
#include "capture/witness/open_witness.h"

#include <algorithm>
#include <utility>

#include "capture/kernel/clock.h"

namespace vedette {

// An exec opens the file too.
void OpenWitness::count(const Sighting& sighting) {
  const Event& event = sighting.event;
  switch (event.id) {
    case EventId::open:
    case EventId::openat:
    case EventId::openat2:
    case EventId::creat:
    case EventId::open_by_handle_at:
      if (sighting.descriptor) count({sighting.descriptor->dev, sighting.descriptor->ino});
      return;
    case EventId::execve:
    case EventId::execveat:
      if (sighting.process) count({sighting.process->exe_dev, sighting.process->exe_ino});
      return;
    default: return;
  }
}

void OpenWitness::count(FileId file) {
  if (const uint32_t version = watch_.version(); version != version_) {
    version_ = version;
    files_ = watch_.files();
    const auto is_gone = [this](const auto& one) { return !std::binary_search(files_.begin(), files_.end(), one.first); };
    std::erase_if(recorded_, is_gone);
    std::erase_if(told_, is_gone);
  }
  if (std::binary_search(files_.begin(), files_.end(), file)) recorded_.insert_or_assign(file, monotonic_ns());
}

OpenWitness::Found OpenWitness::look(uint64_t now_ns, uint64_t patience_ns) {
  Found found;
  OpenWatch::News news = watch_.take();
  const bool has_lost = news.has_lost || waiting_.size() + news.opens.size() > kWaitingMax;
  found.has_lost = has_lost && (loss_told_ns_ == 0 || now_ns >= loss_told_ns_ + kQuietNs);
  if (found.has_lost) loss_told_ns_ = now_ns;
  if (waiting_.size() + news.opens.size() > kWaitingMax) news.opens.resize(kWaitingMax - waiting_.size());
  for (SeenOpen& open : news.opens) {
    open.seen_ns = std::min(open.seen_ns, now_ns);  // what is seen during this look waits no longer than what was seen before it
    waiting_.push_back(std::move(open));
  }
  std::erase_if(waiting_, [&](SeenOpen& open) {
    if (is_recorded(open)) return true;
    if (now_ns < open.seen_ns + patience_ns) return false;
    if (!was_told(open.file, now_ns)) found.unrecorded.push_back(std::move(open.path));
    return true;
  });
  watch_.keep_waking(!waiting_.empty());
  return found;
}

bool OpenWitness::was_told(FileId file, uint64_t now_ns) {
  const auto [told, is_new] = told_.try_emplace(file, now_ns);
  if (!is_new && now_ns < told->second + kQuietNs) return true;
  told->second = now_ns;
  return false;
}

bool OpenWitness::is_recorded(const SeenOpen& open) const {
  const auto recorded = recorded_.find(open.file);
  return recorded != recorded_.end() && recorded->second + kSlackNs >= open.seen_ns;
}

}  // namespace vedette
