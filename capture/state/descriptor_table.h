// SPDX-License-Identifier: Apache-2.0
// The numbers of a process and what they refer to. Threads share a table, a fork copies it: the copy shares
// the entries until one side writes, so a thousand idle children cost a pointer each. A number that is not
// here is not known to be closed: state asks the kernel before it says so.
// The kernel frees a number when a close begins, and another thread may get it, and have told of that, before
// the close returns. So what stands under a number that is given anew is kept for the close that is to come.
#pragma once

#include <cstdint>
#include <vector>

#include "capture/state/descriptor.h"
#include "capture/state/ref.h"

namespace vedette {

class DescriptorTable : public Counted {
 public:
  Ref<Descriptor> find(int32_t fd) const;
  void set(int32_t fd, Ref<Descriptor> descriptor, bool close_on_exec);
  // Before set(), of a number that the kernel gave to a call that returned at that time: what still stands
  // there is being closed.
  void overtake(int32_t fd, uint64_t given_ns);
  // What a close meant that began at that time, if its number was given anew since; then for nobody else.
  Ref<Descriptor> take_overtaken(int32_t fd, uint64_t entered_ns);
  void remove(int32_t fd);
  // If it refers to this one.
  void remove(int32_t fd, const Ref<Descriptor>& descriptor);
  // From `first` to `last`, both included: close_range.
  void remove_range(uint32_t first, uint32_t last);
  void mark_range(uint32_t first, uint32_t last);
  void set_close_on_exec(int32_t fd, bool close_on_exec);
  void close_on_exec();
  Ref<DescriptorTable> copy() const;
  size_t size() const { return entries_ ? entries_->list.size() : 0; }

 private:
  struct Entry {
    int32_t fd;
    bool close_on_exec;
    Ref<Descriptor> descriptor;
  };
  struct Entries : Counted {
    std::vector<Entry> list;  // by ascending number
  };
  struct Overtaken {
    int32_t fd;
    uint64_t given_ns;
    Ref<Descriptor> descriptor;
  };
  std::vector<Entry>& writable();
  template <typename Predicate>
  void remove_if(Predicate predicate);

  Ref<Entries> entries_;
  std::vector<Overtaken> overtaken_;  // in the order in which they were told
};

}  // namespace vedette
