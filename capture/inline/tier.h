// SPDX-License-Identifier: Apache-2.0
// The inline tier's part in the life of tasks: a new image gets the agent's page and a ring before its first
// instruction, sites are patched when calls trap in them, rings are drained whenever something stops. Nothing
// here is needed for a call to be recorded: whatever cannot be done leaves it to the trace tier, with the
// reason counted.
//
//   exec      new image -> begins in a few instructions of ours, which attach the page; the boot in it attaches ring and stubs
//   trap      at a site  -> after it has returned: patched, its file's stubs attached first if they are not
//             no ring    -> after it has returned: a ring is attached
//   fork      same code, null context, a ring after some traps        vfork child: goes on in its parent's ring
//   execve    of a vfork child: from its entry on the ring is the parent's again, which runs on before we hear of it
//
// Who does what: code.h knows files and sites, rings.h who has which ring, boot.h gets both into a process,
// traps.h decides what a call that trapped is worth, room.h what a program may do to our addresses, closing.h
// when nothing more may be attached, intrusion.h who has taken another's ring, code_watch.h what no record
// explains, name_moves.h and folder_gates.h which calls must stop, pace.h how often rings are read. Here
// stands in which order they are asked.
#pragma once

#include <string>
#include <vector>

#include "capture/inline/agent.h"
#include "capture/inline/boot.h"
#include "capture/inline/code_watch.h"
#include "capture/inline/folder_gates.h"
#include "capture/inline/handover.h"
#include "capture/inline/intrusion.h"
#include "capture/inline/name_moves.h"
#include "capture/inline/rescue.h"
#include "capture/inline/room.h"
#include "capture/inline/spot_check.h"
#include "capture/inline/standing_table.h"
#include "capture/inline/thrift.h"
#include "capture/inline/traps.h"
#include "capture/tracer/hooks.h"
#include "capture/tracer/name_watch.h"

namespace vedette {

class InlineTier final : public Hooks {
 public:
  // `cache_folder`: where decisions about sites are kept for the next run; empty: nowhere.
  // `tells_plaintext`: also what passes TLS libraries.
  InlineTier(uint32_t snaplen, Integrity integrity, const std::string& cache_folder = {}, bool tells_plaintext = false);

  // Whether this machine and kernel carry it at all; else it must not be used.
  bool is_possible() const { return page_.is_open(); }

  void add_rules(std::vector<FilterRule>& rules) const override { add_inline_rules(rules, integrity_, page_.id(), secret_); }
  RingFill* ring_fill() override { return &drain_.fill(); }
  bool guards_range() const override { return true; }
  bool is_in_stub(uint64_t ip) const override { return AgentPage::contains(ip); }
  void on_begin(Context& context, Calls& calls) override;
  void on_any_stop(Tid tid) override;
  void on_tick() override;
  void on_forked(Task& parent, Task& child, uint64_t clone_flags) override;
  bool on_start(Task& task) override;
  void on_exec(Task& task) override { boot_.on_exec(task); }
  bool on_called(Task& task, const SyscallInfo& at) override;
  bool on_entering(Task& task, const PendingCall& call) override { return integrity_ != Integrity::Strict && handover_.hand(task, call); }
  void on_returned(Task& task) override;
  void on_map_executable(Task& task, const Call& call) override { code_.on_mapped(task, call); }
  bool on_signal(Task& task, int signal) override;
  void on_debugged(Task& task) override;
  bool on_shown(Task& task) override;
  void on_exiting(Task& task) override;
  void on_end(Task& task) override;
  void on_doubted(Tid tid, IntegrityReason reason) override;
  void on_reading_executes(Task& task) override;
  void on_segment() override { code_watch_.on_segment(); }

 private:
  // The steps of on_called, in their order.
  void before_change();
  void take_what_came_before(InlineTask& mine, uint32_t nr);
  void settle_trust(Task& task, const SyscallInfo& at);
  bool maps_foreign_code(const Task& task, const SyscallInfo& at) const;
  void close_foreign(Task& task);
  void stop_believing(Task& task, IntegrityReason reason, std::string_view why);
  void lose_trust(Task& task, IntegrityReason reason);
  void ask_again(uint64_t now_ns);
  void before_exec(Task& task);
  void tell_wrong_gate(Task& task, const SyscallInfo& at);
  bool is_left_to_stop(const SyscallInfo& at) const;
  void follow(Task& task, const SyscallInfo& at);

  bool end_boot(Task& task, int64_t refused);
  bool sends_hooks(Task& task);
  bool goes_on_without_clock(Task& task, Registers& registers);
  bool goes_on_behind_breakpoint(Task& task, Registers& registers);
  bool refuse(Task& task, uint32_t nr);
  void expose(Task& task, const Intrusion& how);
  void look_at_last_code(Task& task);
  void give_up_image(Task& task, IntegrityReason reason, std::string_view why);
  void withdraw(Task& task, InlineImage& image);

  Segment page_;
  InlineStandingTable standing_{page_.base()};
  InotifyNameWatch names_;
  Integrity integrity_;
  bool all_are_read_ = false;  // in this stop: all rings, not only busy ones
  uint64_t asked_again_ns_ = 0;  // when those who are to stop at each call were asked last
  const BootSecret secret_ = make_boot_secret();
  Context* context_ = nullptr;
  InlineDrain drain_;
  InlineNameMoves name_moves_{page_.base(), drain_};
  InlineFolderGates folder_gates_{page_.base()};
  InlineRescue rescue_{drain_};
  InlineRings rings_{drain_};
  InlinePace pace_{drain_};
  InlineCode code_;
  InlineBoot boot_{page_, secret_, code_, rings_, pace_};
  InlineTraps traps_{code_, rings_, boot_, pace_};
  InlineRoom room_{code_, rings_};
  InlineHandover handover_{code_};
  InlineCodeWatch code_watch_;
  InlineThrift thrift_;
  InlineSpotCheck spot_check_;
};

}  // namespace vedette
