// SPDX-License-Identifier: Apache-2.0
// What the inline tier has put into one memory image: which files are mapped where, which of their sites are
// patched, which rings are attached. Lives and dies with the image (tracer/address_space.h); a fork's child
// has the same code at the same places, but no rings: they are not inherited, and its threads start in the
// null context.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "capture/inline/code_ranges.h"
#include "capture/inline/file.h"
#include "capture/inline/filter.h"
#include "capture/inline/ring_slot.h"
#include "capture/kernel/tid.h"
#include "capture/tracer/address_space.h"
#include "capture/tracer/memory_calls.h"

namespace vedette {

// A file's code in an image.
struct MappedFile {
  uint64_t start = 0, end = 0;
  uint64_t bias = 0;
  std::shared_ptr<PatchableFile> file = {};
  bool is_guess = false;              // by inode alone: its build-id is compared when a call first traps there
  NearSegment* near = nullptr;        // stubs attached
  uint8_t rooms_tried = 0;            // distances at which there was no room for stubs
  NearSegment* hooks = nullptr;       // before its TLS functions
  uint8_t hook_rooms_tried = 0;
  bool is_hooked = false;
  bool is_answered = false;           // its questions to the processor go to the stubs that answer
  // A byte: a library has hundreds of sites, and each process its own state of them.
  struct SiteState {
    uint8_t traps : 6 = 0;
    bool patched : 1 = false;
    bool dropped : 1 = false;  // cannot be patched here
  };
  std::vector<SiteState> sites = {};

  bool holds(uint64_t address) const { return address - start < end - start; }
};

// What is known of an image's code (code_watch.h).
struct CodeLook {
  uint64_t looked_ns = 0;      // when it was held against the kernel's list
  uint64_t turn = 0;           // when it was considered
  uint64_t suspect = 0;        // where something was found that is not explained yet
  bool knows_program = false;  // where the kernel has mapped the program
  bool told = false;
};

class InlineImage final : public ImageData {
 public:
  explicit InlineImage(RingHome& home) : home_(home) {}
  std::unique_ptr<ImageData> copy() const override;

  bool active = false;    // the page is there
  MappedFile* file_at(uint64_t address);
  // A file's code has appeared at [start, end); whatever was known of that range is gone.
  MappedFile& add(MappedFile mapped);
  void forget(uint64_t start, uint64_t end);

  // A slot whose ring is attached and has no owner; nullptr: none.
  Ref<RingSlot> free_slot(size_t data_bytes);
  Ref<RingSlot> add_slot(std::unique_ptr<Ring> ring);
  // Whether rings, or the stubs of a program that cannot move, lie in this range.
  bool holds(MemoryRange range) const;
  // Whether a ring of this image is found by that GS base.
  bool has_slot_at(uint64_t context_base) const;
  void remove_slot(const RingSlot* slot);

  std::vector<MappedFile> files;
  CodeRanges code;            // made executable by its exec, or on record
  CodeRanges text;            // the same by the word of its threads (handover.h): of files, never of segments
  MemoryRange program = {};   // where its program lies, counted from AT_ENTRY
  CodeLook code_look;
  std::vector<Ref<RingSlot>> slots;

 private:
  RingHome& home_;
  uint32_t next_slot_ = 0;
};

inline InlineImage* image_of(const AddressSpace& space) { return static_cast<InlineImage*>(space.data.get()); }

}  // namespace vedette
