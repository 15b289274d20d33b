// SPDX-License-Identifier: Apache-2.0
// A System V segment, attached here and in watched processes: memory of ours in theirs that needs no
// descriptor and no path.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace vedette {

class Segment {
 public:
  enum class Use : uint8_t { Data, Code };
  // Not open when the kernel refuses. It goes when the last process lets go of it, even if we are killed.
  static Segment create(size_t bytes, Use use);
  // Whether an agent's own process, this one, has made it.
  static bool is_ours(int id);
  // How large one is, whoever has made it. Nothing: there is none.
  static std::optional<size_t> bytes_of(int id);
  Segment() = default;
  Segment(Segment&& other) noexcept { swap(other); }
  Segment& operator=(Segment&& other) noexcept { swap(other); return *this; }
  ~Segment();

  bool is_open() const { return base_ != nullptr; }
  int id() const { return id_; }
  size_t bytes() const { return bytes_; }
  std::byte* base() const { return base_; }
  // Of these bytes the whole pages, which read as zeros from now on. False when the kernel will not.
  bool give_back(size_t offset, size_t bytes);
  struct Users {
    unsigned attached = 1;  // how often it is attached, by this process too
    pid_t last = 0;         // the process that has attached it last, or let go of it; 0: one that we cannot see
  };
  Users users() const;

 private:
  void swap(Segment& other);
  int id_ = -1;
  size_t bytes_ = 0;
  std::byte* base_ = nullptr;
};

}  // namespace vedette
