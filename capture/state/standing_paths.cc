// SPDX-License-Identifier: Apache-2.0
#include "capture/state/standing_paths.h"

#include <sys/stat.h>

namespace vedette {

void StandingPaths::end() {
  if (table_ == nullptr) return;
  drop_all();
  watch_ = nullptr;
  table_ = nullptr;
}

// Not in the reading in which one was dropped: records of before the change may come behind it.
void StandingPaths::add(Truth& truth, uint32_t tid, uint32_t process, const std::string& path, const Standing& file, uint64_t heard_ns) {
  if (table_ == nullptr || dropped_ns_ == heard_ns || entries_.contains(path)) return;
  sweep(heard_ns);
  if (entries_.size() >= kMax || !watch_->watch(path)) return;
  if (!leads_to(truth, tid, process, path, file.facts, real_) || !table_->show(path)) return watch_->leave(path);
  entries_.insert_or_assign(path, Entry{.file = file, .since_ns = heard_ns, .asked_ns = heard_ns});
}

const StandingPaths::Standing* StandingPaths::find(Truth& truth, uint32_t tid, uint32_t process, std::string_view path, uint64_t enter_ns,
                                                   uint64_t heard_ns) {
  if (table_ == nullptr) return nullptr;
  if (news_ns_ != heard_ns) take_news(heard_ns);
  Entries::value_type* const at = entry_of(path);
  if (at == nullptr || enter_ns < at->second.since_ns) return nullptr;
  Entry& entry = at->second;
  if (heard_ns - entry.asked_ns > kGoodForNs) {
    entry.asked_ns = heard_ns;
    if (!leads_to(truth, tid, process, at->first, entry.file.facts, real_)) {
      dropped_ns_ = heard_ns;
      has_changed_ = true;
      drop(entries_.find(at->first));
      return nullptr;
    }
  }
  entry.is_used = true;
  return &entry.file;
}

// Who opens a path often does so many times in a row.
StandingPaths::Entries::value_type* StandingPaths::entry_of(std::string_view path) {
  if (last_ != nullptr && last_->first == path) return last_;
  key_.assign(path);
  const auto at = entries_.find(key_);
  return last_ = at == entries_.end() ? nullptr : &*at;
}

void StandingPaths::resume(bool all) {
  if (table_ == nullptr) return;
  if (all) drop_all();
  else take_news(news_ns_);
  table_->resume();
}

void StandingPaths::take_news(uint64_t heard_ns) {
  news_ns_ = heard_ns;
  const NameWatch::News news = watch_->take();
  if (news.has_lost) drop_all();
  for (const std::string& path : news.changed) {
    if (const auto at = entries_.find(path); at != entries_.end()) drop(at);
  }
  if (!news.has_lost && news.changed.empty()) return;
  has_changed_ = true;
  dropped_ns_ = heard_ns;
}

void StandingPaths::drop(Entries::iterator at) {
  if (at->second.is_shown) table_->hide(at->first);
  watch_->leave(at->first);
  last_ = nullptr;
  entries_.erase(at);
}

void StandingPaths::drop_all() {
  while (!entries_.empty()) drop(entries_.begin());
}

// A thread may have found a path before it was hidden, and be slow: so the path is known for a while longer.
void StandingPaths::sweep(uint64_t heard_ns) {
  if (heard_ns - swept_ns_ < kUnusedNs) return;
  swept_ns_ = heard_ns;
  for (auto at = entries_.begin(); at != entries_.end();) {
    const auto next = std::next(at);
    Entry& entry = at->second;
    if (!std::exchange(entry.is_used, false)) {
      if (!entry.is_shown) drop(at);
      else table_->hide(at->first), entry.is_shown = false;
    }
    at = next;
  }
}

bool StandingPaths::leads_to(Truth& truth, uint32_t tid, uint32_t process, const std::string& path, const FileFacts& facts, std::string& real) {
  const std::optional<FileFacts> now = truth.resolve(tid, process, false, path, false, real);
  return now && real == path && now->dev == facts.dev && now->ino == facts.ino && !S_ISLNK(now->mode);
}

}  // namespace vedette
