// SPDX-License-Identifier: Apache-2.0
// Writes sightings into a batch (capture/wire/batch.h, docs/wire.md) and seals it into the msgpack envelope.
// Within a batch each string, process and descriptor is written once; the objects themselves remember where
// (their Mark), so finding them again costs a comparison. Opens of which the same is to be said, as of one
// file that is opened again and again, share an entry if they come one soon after the other. A batch that is
// full says so: seal it and append again.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "capture/agent/arena.h"
#include "capture/state/sighting.h"

namespace vedette {

class Encoder {
 public:
  using Source = std::array<uint8_t, 16>;
  explicit Encoder(const Source& source);

  // False: the sighting does not fit in what is left of this batch. It always fits in an empty one.
  bool append(const Sighting& sighting);
  // Events that were seen but will never be sent: their numbers are skipped, so that a reader sees the gap.
  // Only valid while the batch is empty (seal it first).
  void skip(uint64_t events) { first_ += events; }

  size_t records() const { return count_; }
  size_t bytes() const;  // of the four bins so far
  uint64_t next_batch() const { return seq_; }             // seq the next seal gives; the first is 1
  uint64_t next_event() const { return first_ + count_; }  // evt.num the next append gets; the first is 1

  // The envelope, one msgpack array, replaces `into` (reuse it). The next batch starts empty. `lost`: the
  // cumulative counters in the order of events.yaml.
  void seal(uint64_t clock_ns, std::span<const uint64_t> lost, std::vector<uint8_t>& into);

 private:
  void write(const Sighting& sighting, bool with_ancestors);
  uint32_t index_of(const Process& process, bool with_ancestors);
  uint32_t index_of(const Ref<Descriptor>& descriptor);
  void write_process(const Process& process, const Process::Parts& parts);
  bool is_said_by(uint32_t index, const Descriptor& descriptor);
  uint32_t write_descriptor(const Descriptor& descriptor);
  Span place(const Ref<Text>& text);
  void remember(Mark& mark, uint32_t index);
  void begin();

  Source source_;
  uint32_t batch_;        // unique in this process, since marks outlive batches and encoders
  uint64_t seq_ = 1;
  uint64_t first_ = 1;
  uint32_t count_ = 0;
  Bin processes_, descriptors_, records_;
  Arena strings_;
  static constexpr size_t kAlikeMax = 16;
  std::array<uint32_t, kAlikeMax> alike_;  // by inode, the entry of the open that was written last
  std::vector<Mark*> marked_;  // by the append under way, to be undone if it does not fit
};

}  // namespace vedette
