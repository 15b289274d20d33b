// SPDX-License-Identifier: Apache-2.0
// What a descriptor refers to, by the link /proc/PID/fd/N: a path, or "socket:[123]", "pipe:[123]",
// "anon_inode:[eventfd]".
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "capture/state/descriptor.h"
#include "capture/state/text.h"
#include "capture/state/truth.h"

namespace vedette {

struct Description {
  Truth& truth;
  TextPool& names;
  std::string& scratch;

  // A descriptor we know nothing of. Empty: the number is not open.
  Ref<Descriptor> of(uint32_t tid, uint32_t files_owner, int32_t fd, bool& close_on_exec);
  // Fills in what an open could not know: type, device, inode, the kernel's path.
  void complete(uint32_t tid, int32_t fd, Descriptor& descriptor);
  // The same by an answer that was had another way.
  static void believe(Ref<Text> real, const std::optional<FileFacts>& facts, Descriptor& descriptor);
};

// The name of the /proc link of a descriptor, in a buffer of its own.
class FdLink {
 public:
  explicit FdLink(int32_t fd, const char* folder = "fd");
  const char* name() const { return name_; }

 private:
  char name_[24];
};

}  // namespace vedette
