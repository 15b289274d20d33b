// SPDX-License-Identifier: Apache-2.0
// The inline tier's part in the life of tasks: a new image gets the agent's page and a ring before its first instruction, sites
// are patched when calls trap in them, rings are drained whenever something stops. Nothing here is needed for a call
// to be recorded: whatever cannot be done leaves it to the trace tier, with the reason counted.
//
//   exec      new image -> begins in a few instructions of ours, which attach the page; the boot in it attaches ring and stubs
//   trap      at a site  -> after it has returned: patched, its file's stubs attached first if they are not
//             no ring    -> after it has returned: a ring is attached
//   fork      same code, null context, a ring after some traps        vfork child: goes on in its parent's ring
//   execve    of a vfork child: from its entry on the ring is the parent's again, which runs on before we hear of it
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "capture/inline/agent.h"
#include "capture/inline/drain.h"
#include "capture/inline/filter.h"
#include "capture/inline/rescue.h"
#include "capture/inline/spot_check.h"
#include "capture/inline/thrift.h"
#include "capture/inline/ticker.h"
#include "capture/inline/x86_64/patch.h"
#include "capture/kernel/executable_maps.h"
#include "capture/tracer/hooks.h"

namespace vedette {

// Somebody's way into the books of another: what is told of it (nothing of who uses GS for himself), and why the program is traced from
// then on.
struct Intrusion {
  std::string told;
  std::string_view why;
};

class InlineTier final : public Hooks, private RingHome {
 public:
  // `cache_folder`: where decisions about sites are kept for the next run; empty: nowhere.
  InlineTier(uint32_t snaplen, Integrity integrity, const std::string& cache_folder = {});

  // Whether this machine and kernel carry it at all; else it must not be used.
  bool is_possible() const { return page_.is_open(); }

  void add_rules(std::vector<FilterRule>& rules) const override { add_inline_rules(rules, integrity_, page_.id(), secret_); }
  bool guards_range() const override { return true; }
  bool is_in_stub(uint64_t ip) const override { return AgentPage::contains(ip); }
  void on_begin(Context& context, Calls& calls) override;
  void on_any_stop() override;
  void on_tick() override;
  void on_forked(Task& parent, Task& child, uint64_t clone_flags) override;
  void on_start(Task& task) override;
  void on_exec(Task& task) override;
  bool on_called(Task& task, const SyscallInfo& at) override;
  void on_returned(Task& task) override;
  void on_map_executable(Task& task, const Call& call) override;
  bool on_signal(Task& task, int signal) override;
  void on_debugged(Task& task) override;
  bool on_shown(Task& task) override;
  void on_exiting(Task& task) override;
  void on_end(Task& task) override;
  void on_doubted(Tid tid) override;
  void on_reading_executes(Task& task) override;
  void on_segment() override { has_segments_ = true; }

 private:
  // boot.cc: getting segments into a process
  bool stage(Task& task);
  void keep_off_gates(Task& task);
  std::shared_ptr<PatchableFile> interpreter_of(Task& task, const std::string& path, uint64_t entry, std::optional<uint64_t>& bias);
  bool begin_in_boot(Task& task, Registers& registers);
  bool is_own_attach(const InlineTask& mine, const SyscallInfo& at) const;
  bool finish_boot(Task& task, int64_t refused);
  void stage_attach(Task& task, const Ref<RingSlot>& slot, MappedFile* file);
  void patch_after_boot(Task& task, MappedFile& file);
  void give_up_image(Task& task, std::string_view why);
  void withdraw(Task& task, InlineImage& image);
  bool find_room(MappedFile& file);

  // traps.cc: what to do about calls that trap
  void on_hot_trap(Task& task, const SyscallInfo& at);
  void grant(Task& task);
  MappedFile* file_of(Task& task, uint64_t address);
  std::vector<size_t> hot_sites(MappedFile& file, bool all, uint64_t ending_at) const;
  void patch_hot(Task& task, MappedFile& file, uint64_t ending_at);
  bool is_hot(uint32_t nr) const { return nr == Site::kAnyNumber || (nr < VEDETTE_CALLS && hot_[nr]); }

  // room.cc: what others want of the addresses that are ours
  bool makes_room(Task& task, const SyscallInfo& at);
  bool grants(Task& task, const MemoryUse& use);
  void decline_hint(Task& task);
  void yield_place(Task& task);

  // code.cc: what it may execute, and no record tells why
  void look_at_code(uint64_t now_ns);
  void look_at_code_of(Task& task, uint64_t now_ns);
  void look_at_last_code(Task& task);
  bool tell_code(Task& task, InlineImage& image, const ExecutableMap& map);

  void close(Task& task, bool all);
  bool refuse(Task& task, uint32_t nr);
  std::optional<Intrusion> foreign_context(Task& task) const;
  void take_ring_off(Task& task);
  void doubt(InlineTask& mine);
  void give_up_doubted(Task& task);
  void expose_intruders(Task& task);
  void expose(Task& task, const Intrusion& how);
  void tell_unpatched(Tid tid);
  void tell_cache(Tid tid);
  void drop_slot(Task& task);
  void free_slot(RingSlot& slot);
  void lend(Task& child, Tid owner);
  void return_lent(Task& child);
  std::unique_ptr<Ring> borrow_ring(size_t data_bytes);
  void take_back(RingSlot& slot) override;
  static constexpr uint32_t kFastTickUs = 300, kSlowTickUs = 10'000;
  void start_ticking();
  void pace();
  void outgrow(RingSlot& slot);

  Segment page_;
  Integrity integrity_;
  const BootSecret secret_ = make_boot_secret();
  bool hot_[VEDETTE_CALLS] = {};
  bool boots_patch_ = true;  // none was refused so far
  Context* context_ = nullptr;
  InlineDrain drain_;
  InlineRescue rescue_;
  std::unique_ptr<InlinePatcher> patcher_;
  InlineTicker ticker_;
  InlineThrift thrift_;
  InlineSpotCheck spot_check_;
  uint64_t next_code_look_ns_ = 0;
  bool has_segments_ = false;  // the programs have some of their own
  FileCache files_;
  std::vector<std::unique_ptr<Ring>> spare_rings_;
  // Traps at sites that stay traced, told of when the workload's first process ends.
  std::map<std::pair<PatchableFile*, size_t>, uint64_t> unpatched_;
};

}  // namespace vedette
