// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/x86_64/patch.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <utility>

#include "capture/kernel/proc.h"
#include "capture/kernel/ptrace.h"

namespace vedette {
namespace {

constexpr uint8_t kBreakpoint = 0xcc;
constexpr uint64_t kPage = 4096;
constexpr size_t kPokedMax = 12;

// Where a thread stands that is blocked in a call or stopped; nothing when it runs or cannot be asked.
std::optional<uint64_t> resting_ip(Tid tid) {
  if (const Result<Registers> registers = ptrace_registers(tid)) return registers->ip();
  // "NR 0xARG ... 0xSP 0xIP", or "running".
  std::string text;
  constexpr size_t kMax = 256;
  if (!read_file(ProcPath(tid, "syscall"), text, kMax)) return {};
  const size_t last = text.find_last_of(' ');
  unsigned long long ip = 0;
  if (text.starts_with("running") || last == std::string::npos || std::sscanf(text.c_str() + last, "%llx", &ip) != 1) return {};
  return ip;
}

}  // namespace

// The image is referred to by each of its threads' tasks.
bool is_alone(const Task& task) { return !task.space.shared(); }

void InlinePatcher::apply(Task& task, MappedFile& file, std::span<const size_t> chosen) {
  const bool alone = is_alone(task);
  std::vector<Placed> placed;
  for (const size_t index : chosen) {
    MappedFile::SiteState& state = file.sites[index];
    const Site& site = file.file->sites()[index];
    const SiteStub& stub = file.near->stubs.stubs[index];
    if (state.patched || state.dropped) continue;
    if (stub.address == 0) {
      state.dropped = true;
      continue;
    }
    if (!alone && !site.by_callers() && site.moved_count > 1 && !others_are_outside(task, file, site)) continue;
    state.patched = true;
    for (const Patch& patch : stub.patches) placed.push_back({file.bias + patch.address, &patch, &state});
  }
  if (alone && placed.size() <= kPokedMax && poke(task, placed)) return;
  if (alone) return write_quietly(task, placed);
  for (const Placed& one : placed) {
    if (!write(task, one.address, *one.patch)) one.state->dropped = true;
  }
}

uint64_t InlinePatcher::leave_to_boot(MappedFile& file, std::span<const size_t> chosen) {
  std::vector<size_t> placed;
  for (const size_t index : chosen) {
    if (file.near->stubs.stubs[index].address != 0) placed.push_back(index);
  }
  file.file->count_image(*file.near);
  const uint64_t list = file.near->list_of(file.file->image(), placed);
  if (list == 0) return 0;
  for (const size_t index : placed) file.sites[index].patched = true;
  file.is_answered = !file.near->answering.stubs.empty();
  return list;
}

// Nobody looks, and they are few: read together, a word or two written for each, in ascending order, because
// a word may reach into the next patch and puts back what stood there. False: nothing was done.
bool InlinePatcher::poke(Task& task, std::span<Placed> patches) {
  std::sort(patches.begin(), patches.end(), [](const Placed& a, const Placed& b) { return a.address < b.address; });
  std::array<std::array<uint8_t, Patch::kMax>, kPokedMax> there;
  std::array<RemoteMemory::Piece, kPokedMax> pieces;
  const auto whole_words = [](size_t size) { return (size + 7) & ~size_t{7}; };
  for (size_t i = 0; i < patches.size(); ++i) pieces[i] = {patches[i].address, there[i].data(), whole_words(patches[i].patch->size)};
  if (!task.memory.gather(std::span(pieces.data(), patches.size()))) return false;
  for (size_t i = 0; i < patches.size(); ++i) {
    const Patch& patch = *patches[i].patch;
    if (memcmp(there[i].data(), patch.before.data(), patch.size) != 0) {
      patches[i].state->dropped = true;
      continue;
    }
    memcpy(there[i].data(), patch.after.data(), patch.size);
    if (!task.memory.poke(patches[i].address, there[i].data(), whole_words(patch.size))) {
      (void)task.memory.write(patches[i].address, patch.after.data(), patch.size);
    }
  }
  return true;
}

// Nobody looks: what lies in one page is read and written together.
void InlinePatcher::write_quietly(Task& task, std::span<Placed> patches) {
  std::sort(patches.begin(), patches.end(), [](const Placed& a, const Placed& b) { return a.address < b.address; });
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < patches.size();) {
    const uint64_t start = patches[i].address;
    size_t end = i + 1;
    while (end < patches.size() && patches[end].address / kPage == start / kPage) ++end;
    bytes.resize(patches[end - 1].address + patches[end - 1].patch->size - start);
    const bool readable = task.memory.read(start, bytes.data(), bytes.size()) == bytes.size();
    for (; i < end; ++i) {
      const Patch& patch = *patches[i].patch;
      uint8_t* const there = bytes.data() + (patches[i].address - start);
      if (readable && memcmp(there, patch.before.data(), patch.size) == 0) {
        memcpy(there, patch.after.data(), patch.size);
      } else {
        patches[i].state->dropped = true;
      }
    }
    if (readable) (void)task.memory.write(start, bytes.data(), bytes.size());
  }
}

bool InlinePatcher::write(Task& task, uint64_t address, const Patch& patch) {
  std::array<uint8_t, Patch::kMax> there;
  if (task.memory.read(address, there.data(), patch.size) != patch.size) return false;
  if (memcmp(there.data(), patch.before.data(), patch.size) != 0) return false;
  const size_t rest = patch.size - 1u;
  return task.memory.write(address, &kBreakpoint, 1) == 1 && task.memory.write(address + 1, patch.after.data() + 1, rest) == rest &&
         task.memory.write(address, patch.after.data(), 1) == 1;
}

bool InlinePatcher::others_are_outside(const Task& task, const MappedFile& file, const Site& site) const {
  bool outside = true;
  tasks_.each([&](const Task& other) {
    if (&other == &task || other.space != task.space) return;
    const std::optional<uint64_t> ip = resting_ip(other.tid);
    outside &= ip && (*ip <= file.bias + site.start || *ip >= file.bias + site.syscall);
  });
  return outside;
}

void InlinePatcher::hook(Task& task, MappedFile& file) {
  std::array<uint8_t, Patch::kMax> there;
  const std::vector<Patch>& patches = file.hooks->hooks.patches;
  for (const Patch& patch : patches) {
    if (task.memory.read(file.bias + patch.address, there.data(), patch.size) != patch.size) return;
    if (memcmp(there.data(), patch.before.data(), patch.size) != 0) return;
  }
  file.is_hooked = true;
  for (const Patch& patch : patches) (void)task.memory.write(file.bias + patch.address, patch.after.data(), patch.size);
}

void InlinePatcher::revert(Task& task, InlineImage& image) {
  const auto take_back = [&task](const MappedFile& file, const std::vector<Patch>& patches) {
    for (const Patch& patch : patches) {
      (void)task.memory.write(file.bias + patch.address, &kBreakpoint, 1);
      (void)task.memory.write(file.bias + patch.address + 1, patch.before.data() + 1, patch.size - 1u);
      (void)task.memory.write(file.bias + patch.address, patch.before.data(), 1);
    }
  };
  for (MappedFile& file : image.files) {
    for (size_t i = 0; i < file.sites.size(); ++i) {
      MappedFile::SiteState& state = file.sites[i];
      if (state.patched) take_back(file, file.near->stubs.stubs[i].patches);
      state.patched = false;
      state.dropped = true;
    }
    if (std::exchange(file.is_hooked, false)) take_back(file, file.hooks->hooks.patches);
    if (!std::exchange(file.is_answered, false)) continue;
    for (const SiteStub& stub : file.near->answering.stubs) take_back(file, stub.patches);
  }
}

uint64_t InlinePatcher::breakpoint_at(const InlineImage& image, uint64_t ip) {
  for (const MappedFile& file : image.files) {
    if (!file.holds(ip - 1)) continue;
    if (file.hooks != nullptr) {
      const auto is_there = [&](const Patch& patch) { return file.bias + patch.address == ip - 1; };
      if (std::ranges::any_of(file.hooks->hooks.patches, is_there)) return ip - 1;
    }
    for (size_t i = 0; i < file.sites.size(); ++i) {
      if (!file.sites[i].patched && !file.sites[i].dropped) continue;
      if (file.near == nullptr) continue;
      for (const Patch& patch : file.near->stubs.stubs[i].patches) {
        if (file.bias + patch.address == ip - 1) return ip - 1;
      }
    }
  }
  return 0;
}

bool InlinePatcher::is_breakpoint(Task& task, uint64_t address) {
  uint8_t there = 0;
  return task.memory.read(address, &there, 1) == 1 && there == kBreakpoint;
}

}  // namespace vedette
