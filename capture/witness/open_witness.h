// SPDX-License-Identifier: Apache-2.0
// Holds opens that the kernel tells of (open_watch.h) against those that were recorded. An open of a watched
// file that nobody has recorded was made by a program that skips its records, or by one that is not watched
// at all.
//
//   seen       when the watch's thread read of it: some time after the open, on a busy machine
//   recorded   when the event of an open of the same inode went to the host; inline records come up to a tick later
//
// Seen, and not recorded from kSlackNs before to kPatienceNs after: told. The kernel joins opens that follow
// one another before they are read, and says neither who opened nor how often: an open that hides behind a
// recorded one of the same file within that time is not told apart from it; that one was judged.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "capture/state/sighting.h"
#include "capture/witness/open_watch.h"

namespace vedette {

class OpenWitness {
 public:
  static constexpr uint64_t kSlackNs = 5'000'000'000, kPatienceNs = 3'000'000'000;
  static constexpr uint64_t kQuietNs = 60'000'000'000;  // of one file it is told once in this time
  static constexpr size_t kWaitingMax = 4096;

  explicit OpenWitness(OpenWatch& watch) : watch_(watch) {}

  // An event on its way to the host; those that open nothing pass.
  void count(const Sighting& sighting);

  struct Found {
    std::vector<std::string> unrecorded;  // paths of files that somebody opened and nobody recorded
    bool has_lost = false;                // some that were seen could not be kept
  };
  bool is_due() const { return watch_.is_due(); }
  // Times are CLOCK_MONOTONIC. `patience_ns`: how long a record may come after its open.
  Found look(uint64_t now_ns, uint64_t patience_ns = kPatienceNs);

 private:
  void count(FileId file);
  bool is_recorded(const SeenOpen& open) const;
  bool was_told(FileId file, uint64_t now_ns);

  OpenWatch& watch_;
  uint32_t version_ = 0;
  std::vector<FileId> files_;
  std::map<FileId, uint64_t> recorded_;
  std::map<FileId, uint64_t> told_;
  std::vector<SeenOpen> waiting_;
  uint64_t loss_told_ns_ = 0;
};

}  // namespace vedette
