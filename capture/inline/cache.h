// SPDX-License-Identifier: Apache-2.0
// Decisions of the search for sites, kept: in memory, by a digest of the file's code, so that copies of one
// library are searched once; and in a folder, when one is given, so that the next agent need not search at
// all (a file a library, 10 to 30 KB).
//
// A file that others than root could have written is kept apart: in memory alone, by a digest whose key
// nobody knows. Else its author could make its code collide with a library's, and choose what is written into
// the processes of others.
//
// What stands in the folder is believed only as far as it can be held against the file at hand: it must be
// ours or root's and nobody else's to write, of this very version, whole (checksum), about code of this
// digest; each site must be a `syscall`, each window whole instructions right before it, each caller a call
// of that function. Whatever fails is told of, searched anew and replaced. Before a patch is written the
// program's own bytes are compared once more (x86_64/patch.h). Names:
//
//   FOLDER/ID.sites   ID: the build-id in hex; without one, "code-" and the digest. Written beside it, then renamed
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "capture/inline/x86_64/sites.h"
#include "capture/kernel/fd.h"

namespace vedette {

// What was found out about one file's code.
struct SiteAnalysis {
  uint64_t digest = 0;  // of the code
  std::vector<Site> sites;
  std::vector<uint8_t> needed;  // a bit a site, 0 or 1: calls trapped there in an earlier run
};

// Who can have written a file.
enum class Author : uint8_t { Root, Anybody };
Author author_of(int file);

// Of where the code lies and of its bytes. Root's is the same for each run, good against mistakes, not
// against somebody who builds a file to collide with another.
uint64_t code_digest(FileView file, const ElfImage& image, Author author);

class SiteCache {
 public:
  SiteCache() = default;  // in memory only
  // A folder that is not there is made. One that others can write to is not used, and told of.
  explicit SiteCache(const std::string& folder);

  // What is known of the file, or is found out now.
  std::shared_ptr<const SiteAnalysis> find(FileView file, const ElfImage& image, Author author);
  // For the next run: which sites of a file were needed in this one. Written only when that is news.
  void keep(const ElfImage& image, Author author, const SiteAnalysis& analysis, std::vector<uint8_t> needed);

  // What was wrong with the folder or a file in it, one sentence each, since the last time.
  std::vector<std::string> take_complaints() { return std::exchange(complaints_, {}); }
  bool has_folder() const { return folder_.is_open(); }
  unsigned searches() const { return searches_; }

 private:
  std::shared_ptr<const SiteAnalysis> load(FileView file, const ElfImage& image, uint64_t digest);
  void store(const ElfImage& image, const SiteAnalysis& analysis);
  bool complain(const std::string& name, const char* what);

  Fd folder_;
  std::string folder_name_;
  std::unordered_map<uint64_t, std::shared_ptr<const SiteAnalysis>> known_[2];  // by author
  std::vector<std::string> complaints_;
  unsigned searches_ = 0;
};

// The file's form (cache_form.cc), for the cache and its tests.
std::string encode_sites(const SiteAnalysis& analysis);
// nullptr and a word on what is wrong, when it is not about this file or not sound.
std::shared_ptr<const SiteAnalysis> decode_sites(std::string_view bytes, FileView file, const ElfImage& image, uint64_t digest, const char*& wrong);

}  // namespace vedette
