// SPDX-License-Identifier: Apache-2.0
#include "capture/state/real_paths.h"

#include <sys/stat.h>

#include <bit>
#include <utility>

namespace vedette {
namespace {

// What stands below these is another thing for each who asks.
bool is_for_all(std::string_view path) { return !path.starts_with("/proc/") && !path.starts_with("/dev/"); }

bool is_same(const std::optional<FileFacts>& facts, const FileFacts& expected) {
  return facts && facts->dev == expected.dev && facts->ino == expected.ino;
}

}  // namespace

const RealPaths::Found& RealPaths::find(uint32_t tid, uint32_t process, std::string_view root, std::string_view path, uint64_t now_ns,
                                        bool follows, const FileFacts* expected, uint64_t heard_ns) {
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
  if (is_good && (expected == nullptr || is_same(known.found.facts, *expected))) {
    const bool may_stand = heard_ns != 0 && root.empty() && changing_.empty() && !moving_ && view(known.found.real) == path;
    // Where it cannot stand, it is tried again later and later.
    const bool is_often = ++known.times >= kOften && std::has_single_bit(known.times);
    if (is_often && may_stand) standing_.add(truth_, tid, process, std::string(path), {known.found.real, *known.found.facts}, heard_ns);
    return known.found;
  }
  known.asked_ns = now_ns;
  known.times = 0;
  if (!root.empty() || !look_in_folder(tid, process, path, now_ns, expected, known.found)) ask(tid, process, !root.empty(), path, follows, known.found);
  if (is_for_all(view(known.found.real))) return known.found;
  once_ = known.found;  // a link that led there
  known_.erase(at);
  return once_;
}

// Many files of one folder: if the expected one lies below the folder's real path, under that name and by no
// link, this is its real path. That is cheaper than to ask the kernel for the name of what a path led to.
bool RealPaths::look_in_folder(uint32_t tid, uint32_t process, std::string_view path, uint64_t now_ns, const FileFacts* expected, Found& into) {
  if (expected == nullptr) return false;
  const size_t slash = path.rfind('/');
  const std::string_view name = path.substr(slash + 1);
  if (slash == path.npos || name.empty() || name == "." || name == "..") return false;
  if (folders_.size() >= kKnownMax) folders_.clear();
  folder_key_.assign(path.substr(0, slash + 1));
  const auto [at, is_first] = folders_.try_emplace(folder_key_);
  Folder& folder = at->second;
  if (is_first) return false;
  if (!std::exchange(folder.is_asked, true) || now_ns - folder.asked_ns >= kGoodForNs) {
    folder.asked_ns = now_ns;
    const std::optional<FileFacts> found = truth_.resolve(tid, process, false, folder_key_, true, folder.real);
    if (!found || !S_ISDIR(found->mode)) folder.real.clear();
    else if (!folder.real.ends_with('/')) folder.real += '/';
  }
  if (folder.real.empty() || !is_for_all(folder.real)) return false;
  real_.assign(folder.real).append(name);
  const std::optional<FileFacts> facts = truth_.look(real_);
  if (!is_same(facts, *expected)) return false;
  into.facts = facts;
  into.real = texts_.share(real_);
  return true;
}

const StandingPaths::Standing* RealPaths::standing(uint32_t tid, uint32_t process, std::string_view path, uint64_t enter_ns, uint64_t heard_ns) {
  const StandingPaths::Standing* const found = standing_.find(truth_, tid, process, path, enter_ns, heard_ns);
  if (standing_.take_changed()) forget(heard_ns);
  return found;
}

void RealPaths::ask(uint32_t tid, uint32_t process, bool from_own_root, std::string_view path, bool follows, Found& into) {
  into.facts = truth_.resolve(tid, process, from_own_root, path, follows, real_);
  into.real = into.facts ? texts_.share(real_) : Ref<Text>();
}

}  // namespace vedette
