// SPDX-License-Identifier: Apache-2.0
// One memory image, shared by the threads of a process and by a vfork child until it execs. What the inline
// tier puts into an image (its page, its patched sites) belongs here, so that it lives and dies with the
// image: a fork copies it, an exec starts a new one.
#pragma once

#include <cstdint>
#include <memory>

#include "capture/state/ref.h"

namespace vedette {

// What another tier keeps of an image; destroyed with it.
class ImageData {
 public:
  virtual ~ImageData() = default;
  // For the child of a fork: its memory is a copy of this image's. nullptr: start from nothing.
  virtual std::unique_ptr<ImageData> copy() const = 0;
};

struct AddressSpace : Counted {
  std::unique_ptr<ImageData> data;
  bool served = false;          // the program may serve pages of it itself (userfaultfd): a read must not wait for them
  bool served_told = false;     // that what a call passed could not be read
  bool sealed = false;          // the sealed memory is attached (sealed.h)
  bool sealing_failed = false;  // it cannot be
  bool sealing_told = false;    // that it cannot, or what takes its place
};

// Of a fork's child.
Ref<AddressSpace> copy_of(const AddressSpace& parent);

}  // namespace vedette
