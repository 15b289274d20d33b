// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/cache.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>

namespace vedette {
namespace {

constexpr off_t kFileMax = 16 << 20;

// Nobody but us, or root, can have written it.
bool is_trusted(const struct stat& facts) {
  return (facts.st_uid == ::geteuid() || facts.st_uid == 0) && (facts.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

std::string name_of(const ElfImage& image, uint64_t digest) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string name = image.build_id.empty() ? "code-" : "";
  const auto add = [&name](uint8_t byte) { name += {kHex[byte >> 4], kHex[byte & 15]}; };
  for (const char byte : image.build_id) add(static_cast<uint8_t>(byte));
  for (unsigned i = 0; i < 8 && image.build_id.empty(); ++i) add(static_cast<uint8_t>(digest >> (56 - 8 * i)));
  return name + ".sites";
}

bool read_whole(const Fd& file, std::string& into) {
  for (size_t done = 0; done < into.size();) {
    const ssize_t got = ::read(file.get(), into.data() + done, into.size() - done);
    if (got <= 0) return false;
    done += static_cast<size_t>(got);
  }
  return true;
}

bool write_whole(const Fd& file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(file.get(), bytes.data(), bytes.size());
    if (put <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  return true;
}

}  // namespace

SiteCache::SiteCache(const std::string& folder) : folder_name_(folder) {
  (void)::mkdir(folder.c_str(), 0700);
  Fd opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat facts;
  if (!opened.is_open() || ::fstat(opened.get(), &facts) != 0) {
    complain("", "it cannot be opened");
  } else if (!is_trusted(facts)) {
    complain("", "others can write to it");
  } else {
    folder_ = std::move(opened);
  }
}

bool SiteCache::complain(const std::string& name, const char* what) {
  complaints_.push_back(folder_name_ + (name.empty() ? "" : "/" + name) + " is not used: " + what);
  return false;
}

// A file system that a user serves says of its files what it likes.
Author author_of(int file) {
  struct stat facts;
  struct statfs system;
  if (::fstat(file, &facts) != 0 || ::fstatfs(file, &system) != 0 || system.f_type == FUSE_SUPER_MAGIC) return Author::Anybody;
  return facts.st_uid == 0 && (facts.st_mode & (S_IWGRP | S_IWOTH)) == 0 ? Author::Root : Author::Anybody;
}

std::shared_ptr<const SiteAnalysis> SiteCache::find(FileView file, const ElfImage& image, Author author) {
  const uint64_t digest = code_digest(file, image, author);
  const bool may_be_kept = author == Author::Root;
  std::shared_ptr<const SiteAnalysis>& known = known_[static_cast<size_t>(author)][digest];
  if (known) return known;
  if (may_be_kept) known = load(file, image, digest);
  if (known) return known;
  auto analysis = std::make_shared<SiteAnalysis>();
  analysis->digest = digest;
  if (const std::optional<ElfImage> whole = parse_elf(file, true)) analysis->sites = find_sites(file, *whole);
  analysis->needed.resize(analysis->sites.size());
  ++searches_;
  if (may_be_kept) store(image, *analysis);
  return known = std::move(analysis);
}

void SiteCache::keep(const ElfImage& image, Author author, const SiteAnalysis& analysis, std::vector<uint8_t> needed) {
  if (!folder_.is_open() || author != Author::Root || analysis.needed == needed) return;
  SiteAnalysis now = analysis;
  now.needed = std::move(needed);
  store(image, now);
}

std::shared_ptr<const SiteAnalysis> SiteCache::load(FileView file, const ElfImage& image, uint64_t digest) {
  if (!folder_.is_open()) return nullptr;
  const std::string name = name_of(image, digest);
  const Fd kept(::openat(folder_.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!kept.is_open()) {
    if (errno != ENOENT) complain(name, "it cannot be opened");
    return nullptr;
  }
  struct stat facts;
  const char* wrong = nullptr;
  std::shared_ptr<const SiteAnalysis> analysis;
  if (::fstat(kept.get(), &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_size > kFileMax) {
    wrong = "it is none of ours";
  } else if (!is_trusted(facts)) {
    wrong = "others can write to it";
  } else {
    std::string bytes(static_cast<size_t>(facts.st_size), '\0');
    if (read_whole(kept, bytes)) analysis = decode_sites(bytes, file, image, digest, wrong);
    else wrong = "it cannot be read";
  }
  if (wrong != nullptr) complain(name, wrong);
  return analysis;
}

// A name of our own first, so that nobody ever reads half a file; the last of two agents wins, both wrote the
// same.
void SiteCache::store(const ElfImage& image, const SiteAnalysis& analysis) {
  if (!folder_.is_open()) return;
  const std::string name = name_of(image, analysis.digest);
  const std::string fresh = "." + name + "." + std::to_string(::getpid());
  const Fd file(::openat(folder_.get(), fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.is_open()) return;  // a folder that is only read from, as in an image
  const bool whole = write_whole(file, encode_sites(analysis));
  if (!whole || ::renameat(folder_.get(), fresh.c_str(), folder_.get(), name.c_str()) != 0) {
    (void)::unlinkat(folder_.get(), fresh.c_str(), 0);
  }
}

}  // namespace vedette
