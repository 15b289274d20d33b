// SPDX-License-Identifier: Apache-2.0
// A process that ran before us, is watched for a while, and goes on when we leave (--pid): all its threads,
// its descendants, and whatever they make. Nothing of ours is put into it: no filter, no memory, and its
// threads are never stepped. So there is nothing that could harm it when the thread that traces it ends,
// however that comes about: the kernel lets go of each task where it stands, in a call or not.
//
//   refused    what must not be watched, and what another traces; the kernel's own refusals, in words
//   attached   the process, then its descendants as /proc shows them
//   settled    a task that was being made just then is in nobody's list yet, and its maker was not ours when it began. Once each
//              task has stopped, and so has left such a call, all are looked at once more; until nobody new is found
#pragma once

#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "capture/outsiders/seizing.h"
#include "capture/tracer/context.h"
#include "capture/tracer/ticker.h"

namespace vedette {

// Why a process is not attached.
struct AttachRefusal {
  enum class Kind : uint8_t {
    Missing,  // there is no such process
    Traced,   // by `tracer`
    Refused,  // by the kernel
    Unwise,   // it is one of ours, or all hangs on it
  };
  Kind kind;
  std::string reason = {};
  Tid tracer = {};
};

// The process of a thread; nothing: nobody has this number.
std::optional<Tid> process_of(Tid number);

// Before anything is done. `host`: its process, where it is known.
std::optional<AttachRefusal> refusal_of(Tid process, Tid host);

class Attachment : public Outsiders {
 public:
  // `host`: who is left alone, with whatever it made.
  Attachment(Context& context, Tid host) : context_(context), host_(host) {}

  // From the tracer's thread. Nothing: it is attached, or most of it.
  std::optional<AttachRefusal> begin(Tid process);
  void on_tick() override;

 private:
  Result<void> attach(Tid process);
  Result<void> attach_patiently(Tid process);
  bool have_all_stopped() const;
  bool look();
  bool is_refusal(Tid process, Errno error) const;
  void refuse(Tid process, Errno error);
  void on_replaced(Tid process, bool is_there);

  Context& context_;
  Tid host_;
  Seizing seizing_{context_};
  Ticker ticker_;
  std::unordered_set<Tid> refused_;  // descendants
  std::vector<Tid> starting_;        // when we looked last, those that had not stopped yet
  bool is_settled_ = false;
};

}  // namespace vedette
