// SPDX-License-Identifier: Apache-2.0
// What the inline tier has put into one memory image: which files are mapped where, which of their sites are patched, which
// rings are attached. Lives and dies with the image (tracer/address_space.h); a fork's child has the same code at the same
// places, but no rings: they are not inherited, and its threads start in the null context.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "capture/inline/code_ranges.h"
#include "capture/inline/file.h"
#include "capture/inline/filter.h"
#include "capture/kernel/tid.h"
#include "capture/tracer/address_space.h"
#include "capture/tracer/memory_calls.h"

namespace vedette {

// A ring attached to an image, at a place of its own. `owner` is the thread that records into it; while a vfork child
// runs in its parent's place, that child.
// It lives as long as anybody refers to it: a vfork child may have its parent's when the parent, and its image, are gone.
class RingHome;
struct RingSlot : Counted {
  RingSlot(RingHome& home, std::unique_ptr<Ring> its_ring) : ring(std::move(its_ring)), home_(home) {}
  ~RingSlot();

  std::unique_ptr<Ring> ring;
  uint64_t address = 0;
  Tid owner;
  bool lent = false;       // to a vfork child, whose parent is suspended
  uint64_t last_tsc = 0;   // of the newest record taken: a thread's records never go back in time
  unsigned full = 0;       // traps because it had no room, since it was attached
  uint64_t found = 0;      // bytes that waited when it was looked at last
  bool outgrown = false;   // its thread is to have a larger one
  bool stays = false;      // that has been tried
  uint64_t looked_at = 0;  // its position when thrift last looked
  uint8_t slow_looks = 0;  // in a row
  bool attached = false;
  bool damage_told = false;
  bool has_others = false;  // its image has more rings
  bool asked = false;       // it was made to look full, to see whose the next call is
  uint64_t asked_at = 0;    // its position when that was last considered
  Tid attacher;             // the process that attached it
  bool trespassed = false;  // another one has, too

  uint64_t gs_base() const { return address - VEDETTE_AGENT_BASE; }
  bool is_free() const { return owner == Tid(); }

 private:
  RingHome& home_;
};

// A file's code in an image.
struct MappedFile {
  uint64_t start = 0, end = 0;
  uint64_t bias = 0;
  std::shared_ptr<PatchableFile> file = {};
  bool is_guess = false;              // by inode alone: its build-id is compared when a call first traps there
  NearSegment* near = nullptr;        // stubs attached
  uint8_t rooms_tried = 0;            // distances at which there was no room for stubs
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

// Where slots go when nobody refers to them any more.
class RingHome {
 public:
  virtual ~RingHome() = default;
  virtual void take_back(RingSlot& slot) = 0;
};

// What is known of an image's code (code.cc).
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
  bool has_slot_at(uint64_t gs_base) const;
  void remove_slot(const RingSlot* slot);

  std::vector<MappedFile> files;
  CodeRanges code;            // made executable by its exec, or on record
  MemoryRange program = {};   // where its program lies, counted from AT_ENTRY
  CodeLook code_look;
  std::vector<Ref<RingSlot>> slots;

 private:
  RingHome& home_;
  uint32_t next_slot_ = 0;
};

inline InlineImage* image_of(const AddressSpace& space) { return static_cast<InlineImage*>(space.data.get()); }

}  // namespace vedette
