// SPDX-License-Identifier: Apache-2.0
#include "capture/state/real_paths.h"

namespace vedette {
namespace {

// What stands below these is another thing for each who asks.
bool is_for_all(std::string_view path) { return !path.starts_with("/proc/") && !path.starts_with("/dev/"); }

bool is_same(const std::optional<FileFacts>& facts, const FileFacts& expected) {
  return facts && facts->dev == expected.dev && facts->ino == expected.ino;
}

}  // namespace

const RealPaths::Found& RealPaths::find(uint32_t tid, uint32_t process, std::string_view root, std::string_view path, uint64_t now_ns,
                                        bool follows, const FileFacts* expected) {
  if (divided_ || !follows || !is_for_all(path)) {
    ask(tid, process, divided_ || !root.empty(), path, follows, once_);
    return once_;
  }
  key_.assign(root);
  key_ += '\0';
  key_ += path;
  if (known_.size() >= kKnownMax) known_.clear();
  const auto [at, is_new] = known_.try_emplace(key_);
  Known& known = at->second;
  const bool is_good = !is_new && now_ns - known.asked_ns < kGoodForNs;
  if (is_good && (expected == nullptr || is_same(known.found.facts, *expected))) return known.found;
  known.asked_ns = now_ns;
  ask(tid, process, !root.empty(), path, follows, known.found);
  if (is_for_all(view(known.found.real))) return known.found;
  once_ = known.found;  // a link that led there
  known_.erase(at);
  return once_;
}

void RealPaths::ask(uint32_t tid, uint32_t process, bool from_own_root, std::string_view path, bool follows, Found& into) {
  into.facts = truth_.resolve(tid, process, from_own_root, path, follows, real_);
  into.real = into.facts ? texts_.share(real_) : Ref<Text>();
}

}  // namespace vedette
