// SPDX-License-Identifier: Apache-2.0
// A signal at every second instruction of the first stubs that answer for the processor. The tracee is a
// shell that has the dynamic linker say what it knows of the processor, again and again. At each of its execs
// the hooks below, which stand before the tier's own, take the new image until so many of those instructions
// have run, and send it a signal there that it ignores. Whatever the place: the linker knows what it knows
// without us, and no signal finds a thread in a stub once the tier has had its turn.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "test/capture/inline/x86_64/stepping_tracer.h"

using namespace vedette;

namespace {

constexpr const char* kLinker = "/lib64/ld-linux-x86-64.so.2";
constexpr unsigned kStepped = 24;  // images: the linker asks some ten thousand questions for each
constexpr unsigned kStride = 2;    // instructions; each image is sent its signal so much later
constexpr uint64_t kStepsMax = 100'000;

class Stepper final : public TierHooks {
 public:
  using TierHooks::TierHooks;
  unsigned sent = 0, found_inside = 0, left_inside = 0;

  void on_exec(Task& task) override {
    TierHooks::on_exec(task);
    const MappedFile* linker = answering(task);
    if (linker == nullptr) return;
    if (first_ != 0 && !run_to(task, linker->bias + first_)) return;
    uint64_t inside = 0;
    for (uint64_t steps = 0; steps < kStepsMax; ++steps) {
      const std::optional<uint64_t> stub = stub_of(task);
      if (stub && first_ == 0) first_ = *stub;
      if (stub && inside++ == sent * kStride) {
        ++sent;
        ::syscall(SYS_tgkill, task.process.get(), task.tid.get(), SIGWINCH);
        return;
      }
      if (!ptrace_resume(task.tid, Resume::Step)) return;
      const Result<WaitStatus> status = ptrace_wait(task.tid);
      if (!status || status->stop_signal() != SIGTRAP || status->event() != 0) return;
    }
  }
  bool on_signal(Task& task, int signal) override {
    found_inside += stub_of(task).has_value();
    const bool delivered = TierHooks::on_signal(task, signal);
    left_inside += stub_of(task).has_value();
    return delivered;
  }

 private:
  static const MappedFile* answering(const Task& task) {
    const InlineImage* image = image_of(*task.space);
    if (image == nullptr || image->files.empty()) return nullptr;
    const MappedFile& linker = image->files.front();
    return linker.is_answered ? &linker : nullptr;
  }
  // The stub that the thread is in, in the linker's addresses.
  static std::optional<uint64_t> stub_of(const Task& task) {
    const MappedFile* linker = answering(task);
    const Result<Registers> registers = ptrace_registers(task.tid);
    if (linker == nullptr || !registers) return {};
    for (const SiteStub& stub : linker->near->answering.stubs) {
      const uint64_t at = registers->ip() - linker->bias - stub.address;
      if (stub.address != 0 && at < uint64_t{stub.size} + stub.answer_size) return stub.address;
    }
    return {};
  }
  // By a breakpoint of the processor's, because ten thousand steps lie before.
  static bool run_to(const Task& task, uint64_t address) {
    const auto set = [&task](unsigned index, uint64_t value) {
      return ::ptrace(PTRACE_POKEUSER, task.tid.get(), offsetof(struct user, u_debugreg) + index * sizeof(value), value) == 0;
    };
    constexpr unsigned kControl = 7;
    if (!set(0, address) || !set(kControl, 1)) return false;
    if (!ptrace_resume(task.tid, Resume::Run)) return false;
    const Result<WaitStatus> status = ptrace_wait(task.tid);
    return set(kControl, 0) && status && status->stop_signal() == SIGTRAP && status->event() == 0;
  }

  uint64_t first_ = 0;  // the stub that images come to first
};

class Nobody final : public Sink {
 public:
  void on_event(const Sighting&) override {}
  void on_root_end(WaitStatus) override {}
};

std::vector<std::string> known(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("x86.cpu_features.")) lines.push_back(line);
  }
  return lines;
}

}  // namespace

TEST_CASE("a signal at every second instruction of the first answers: the linker learns the same of the processor") {
  if (!cpuid_is_dear() || ::access(kLinker, X_OK) != 0) {
    MESSAGE("skipped: no hypervisor, or no glibc");
    return;
  }
  const Quiet quiet;  // on one processor, which stands in what the linker says
  char folder[] = "/tmp/vedette-answers-XXXXXX";
  REQUIRE(::mkdtemp(folder) != nullptr);
  const std::string bare = std::string(folder) + "/bare", watched = std::string(folder) + "/watched";
  const std::string program = std::string(kLinker) + " --list-diagnostics >> ";
  REQUIRE(::system((program + bare).c_str()) == 0);

  const std::string script = "i=0; while [ $i -lt " + std::to_string(PatchableFile::kImagesBeforeAnswers) + " ]; do /bin/true; i=$((i+1)); done; " +
                             "i=0; while [ $i -lt " + std::to_string(kStepped) + " ]; do " + program + watched + "; i=$((i+1)); done";
  InlineTier tier(Limits().snaplen, Integrity::Normal);
  Stepper stepper(tier);
  Nobody nobody;
  if (!run_stepped({"sh", "-c", script.c_str()}, "/bin/sh", tier, stepper, nobody, [](Tid) {})) return;
  CHECK(stepper.sent >= kStepped);
  CHECK(stepper.found_inside == stepper.sent);
  CHECK(stepper.left_inside == 0);
  const std::vector<std::string> expected = known(bare), said = known(watched);
  REQUIRE(expected.size() > 50);
  REQUIRE(said.size() == expected.size() * kStepped);
  for (size_t i = 0; i < said.size(); ++i) CHECK(said[i] == expected[i % expected.size()]);
  ::unlink(bare.c_str());
  ::unlink(watched.c_str());
  ::rmdir(folder);
}
