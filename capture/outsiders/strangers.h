// SPDX-License-Identifier: Apache-2.0
// Processes in our pid namespace that do not descend from what we started: ECS Exec's agent and its shells,
// `docker exec`, nsenter, whatever ran before us. They are found by their numbers (lookout.h), told of by
// session.start, and attached where the kernel lets us; from then on their calls are events like all others,
// and so are their children's.
//
//   found ---- attached: every call stops, twice, until it has our filter (enlist.h)
//         \---- refused: looked at again and again, because an exec may make it attachable (as `runc init` it has the
//                        machine's capabilities, as the session's shell only the container's); what it executes meanwhile
//                        is told by /proc's word; once it is clear that it stays so, a notice says it
//
// Not ours to watch: our ancestors, the host and its children; in a pid namespace shared with other
// containers (pidMode task), processes with other mounts than ours. In the machine's own pid namespace there
// are no strangers: all would be.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "capture/outsiders/lookout.h"
#include "capture/outsiders/seizing.h"
#include "capture/outsiders/sight.h"
#include "capture/tracer/context.h"

namespace vedette {

enum class StrangerScope : uint8_t { None, Container, Task };

class Strangers : public Outsiders {
 public:
  // `host_pid`: as far as it is known at the moment; 0: not at all.
  using HostPid = pid_t (*)(void* context);
  Strangers(Context& context, StrangerScope scope) : context_(context), scope_(scope) {}

  // After the workload was launched, from the tracer's thread.
  void start(HostPid host_pid, void* host);
  // Whether this container is ours alone to watch.
  bool are_sought() const { return are_sought_; }
  void on_birth(Tid child) override { lookout_.on_birth(child); }
  void on_tick() override {
    if (lookout_.is_due()) look();
    context_.look_at_opens();
  }
  // It is given our filter.
  void on_call_over(Task& task, const SyscallInfo& at) override;
  void on_root_ended() override;

 private:
  struct Refused {
    Tid process;
    int64_t start;           // clock ticks since the boot: tells it from the next one of that number
    std::string told_words;  // name and arguments of the program last told of
    bool told = false;       // that it is refused
    uint64_t changed_ns;
    int why;
  };
  // A number that has been given, and nobody has it: the kernel gives it before the task can be seen.
  struct Coming {
    Tid number;
    uint64_t since_ns;
  };
  struct Program;  // what /proc says of what it executes

  void look();
  void look_at_all();
  bool meet(Tid number);
  void look_at_coming(uint64_t now);
  bool is_watched(const Sight& sight) const;
  bool is_of_host(const Sight& sight) const;
  bool shares_mounts(Tid process) const;
  bool is_neighbour(Tid process) const;
  Result<void> attach(Tid process);
  void on_replaced(Tid process, bool is_there);
  void found(Tid process);
  bool is_over(Refused& one, const std::optional<Program>& program);
  bool visit(Refused& one);
  bool see_last_of(Refused& one);
  void tell_program(Refused& one, const Program& program);
  uint64_t pause_ns() const;
  void tell_refused(Refused& one);
  void tell_unseen(uint64_t now);

  Context& context_;
  StrangerScope scope_;
  Lookout lookout_;
  Seizing seizing_{context_};
  HostPid host_pid_ = nullptr;
  void* host_ = nullptr;
  bool are_sought_ = false;
  bool own_namespace_ = false;  // the pid namespace is this container's alone
  std::vector<pid_t> ancestors_;
  std::vector<Refused> refused_;
  std::vector<Coming> coming_;
  uint64_t looked_ns_ = 0;
  uint64_t unseen_ = 0, unseen_told_ns_ = 0;
};

}  // namespace vedette
