// SPDX-License-Identifier: Apache-2.0
// A file's bytes for the length of one look, mapped: libraries are large, and most of a look passes over
// little of them. Whoever may write the file may shorten it while we look; touching what is gone raises
// SIGBUS. Our handler puts zeros there, and the look goes on to find nothing. The size is the caller's, who
// has it from the first look, so that what was checked then stays inside.
//
// The tracer's thread only.
#pragma once

#include <signal.h>

#include <cstddef>
#include <optional>

#include "capture/inline/elf.h"

namespace vedette {

class FileBytes {
 public:
  // Of a regular file that is not too large; nothing otherwise.
  static std::optional<size_t> size_of(int fd);

  FileBytes(int fd, size_t size);
  ~FileBytes();
  FileBytes(const FileBytes&) = delete;
  FileView view() const { return base_ == nullptr ? FileView() : FileView(std::span(base_, size_)); }

 private:
  static void on_bus_error(int signal, siginfo_t* info, void* context);
  bool fill_page_at(const void* address) const;

  static FileBytes* newest_;  // a look may begin within another
  FileBytes* const older_;
  const std::byte* base_ = nullptr;
  size_t size_ = 0;
};

}  // namespace vedette
