// SPDX-License-Identifier: Apache-2.0
// Getting segments into a process without a single instruction of the program being changed. A new image is
// stopped inside execve: everything is prepared there, and it begins in a few instructions of ours, which lie
// in the rest of the page that its code ends in. They attach our page, where the boot attaches the rest,
// patches the dynamic linker, and then begins the program with the registers an exec leaves: not one stop
// more. Code that fills its last page lends its own first bytes, and has them back at the boot's end, by one
// stop. A running program is sent to the boot when a traced call returns. It stops where it attaches a ring,
// so that nobody else can, and at its end.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "capture/inline/code.h"
#include "capture/inline/integrity.h"
#include "capture/inline/pace.h"
#include "capture/inline/rings.h"

namespace vedette {

class InlineBoot {
 public:
  InlineBoot(const Segment& page, const BootSecret& secret, InlineCode& code, InlineRings& rings, InlinePace& pace)
      : page_(page), secret_(secret), code_(code), rings_(rings), pace_(pace) {}
  void bind(Context& context, Integrity integrity) {
    context_ = &context;
    integrity_ = integrity;
  }

  // A new image, inside its execve.
  void on_exec(Task& task);
  // A running program, at the return of a traced call. `slot`, `file`: what is to be attached, or nullptr.
  void send(Task& task, const Ref<RingSlot>& slot, MappedFile* file);
  // The same of the hooks before its TLS functions.
  void send_hooks(Task& task, MappedFile& file, NearSegment& hooks);
  // The call that attaches a ring, as we have staged it. Who comes there by himself is refused.
  bool is_own_attach(const InlineTask& mine, const SyscallInfo& at) const;
  // The call that says how it went.
  bool is_report(const InlineTask& mine, const SyscallInfo& at) const {
    return at.instruction_pointer == AgentPage::boot_report() && mine.boot != InlineTask::Boot::None;
  }
  // `refused`: 0, or what the kernel answered; which segment, is told by what has not been attached. Why the
  // image is to be given up; empty: it is not.
  std::string_view finish(Task& task, int64_t refused);

 private:
  IntegrityReason stage(Task& task);
  IntegrityReason doubt_of(const Task& task, const ElfImage& program);
  void forget_old_image(Task& task);
  void keep_off_gates(Task& task);
  std::shared_ptr<PatchableFile> interpreter_of(Task& task, const std::string& path, uint64_t entry, std::optional<uint64_t>& bias);
  bool begin(Task& task, Registers& registers);
  void attach(Task& task, const Ref<RingSlot>& slot, const MappedFile* file, NearSegment* near);
  std::string_view begin_program(Task& task, Registers& registers, InlineTask::Boot boot, int64_t refused);
  void go_on(Task& task, Registers& registers, int64_t refused);

  const Segment& page_;
  const BootSecret& secret_;
  InlineCode& code_;
  InlineRings& rings_;
  InlinePace& pace_;
  Context* context_ = nullptr;
  Integrity integrity_ = Integrity::Normal;
  struct Interpreter {
    std::string path;
    std::shared_ptr<PatchableFile> file;
  };
  Interpreter last_;  // that an image has begun in, and that its path leads to for us, too
  bool boots_patch_ = true;  // none was refused so far
};

}  // namespace vedette
