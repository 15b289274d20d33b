// SPDX-License-Identifier: Apache-2.0
// A watched world on a fake kernel: a shell with pid 100 that runs under State, and calls made in its name.
#pragma once

#include <fcntl.h>

#include <cerrno>
#include <memory>

#include "capture/state/state.h"
#include "test/capture/decode/decoding.h"
#include "test/capture/state/fake_truth.h"

namespace vedette {

// What the stub asked behind a call, as its record tells.
struct Answers {
  std::optional<FileFacts> opened = {}, opened_second = {};
  std::string link = {};
  bool is_unasked = false;
};

struct World {
  static constexpr uint32_t kShell = 100;

  FakeTruth kernel;
  Limits limits;
  State state{kernel, limits};
  ArrayMemory memory;
  uint64_t now = 1000;

  World() {
    image(kShell, "sh", "/bin/sh", std::string("sh\0-c\0ls\0", 9));
    kernel.texts["100/status"] =
        "Name:\tsh\nTgid:\t100\nPid:\t100\nPPid:\t1\nUid:\t1000\t1000\t1000\t1000\nGid:\t50\t50\t50\t50\nNSpid:\t100\n"
        "CapInh:\t0000000000000000\nCapPrm:\t0000000000000400\nCapEff:\t0000000000000400\n";
    kernel.texts["100/stat"] = "100 (sh) S 1 100 90 34816 100 0";
    kernel.texts["100/loginuid"] = "4294967295";
    kernel.texts["100/limits"] = "Limit Soft Hard Units\nMax open files            1024                 4096      files\n";
    kernel.links["100/cwd"] = "/home/user";
    kernel.links["100/root"] = "/";
    for (int fd = 0; fd < 3; ++fd) open_file(kShell, fd, "/dev/pts/0");
    state.on_launch(kShell, now);
  }

  void image(uint32_t pid, const std::string& comm, const std::string& exe, const std::string& cmdline) {
    kernel.texts[FakeTruth::key(pid, "comm")] = comm + "\n";
    kernel.links[FakeTruth::key(pid, "exe")] = exe;
    kernel.texts[FakeTruth::key(pid, "cmdline")] = cmdline;
  }
  // What /proc says of a descriptor.
  void open_file(uint32_t pid, int fd, const std::string& link) {
    kernel.links[FakeTruth::key(pid, "fd/" + std::to_string(fd))] = link;
  }
  void fork(uint32_t parent, uint32_t child, uint64_t flags = 0) { state.on_fork(parent, child, flags, ++now); }

  // A whole call; between entry and return `during` may change the world.
  template <typename During>
  Sighting& call(uint32_t tid, std::string_view name, std::initializer_list<uint64_t> args, int64_t result, During during) {
    auto sighting = std::make_unique<Sighting>();
    Call call{.tid = tid, .nr = number_of(name), .enter_ns = ++now};
    std::copy(args.begin(), args.end(), call.args);
    if (!decode_enter(call, memory, limits, sighting->event)) std::abort();
    state.before_call(*sighting);
    during();
    call.exit_ns = ++now;
    call.result = result;
    call.returned = true;
    decode_exit(call, memory, limits, sighting->event);
    state.after_call(*sighting);
    seen.push_back(std::move(sighting));
    return *seen.back();
  }
  Sighting& call(uint32_t tid, std::string_view name, std::initializer_list<uint64_t> args, int64_t result) {
    return call(tid, name, args, result, [] {});
  }
  // A call as the inline tier tells of it: its thread has gone on since, and its descriptor may be gone.
  Sighting& call_late(uint32_t tid, std::string_view name, std::initializer_list<uint64_t> args, int64_t result, Answers answers = {}) {
    auto sighting = std::make_unique<Sighting>();
    Call call{.tid = tid, .nr = number_of(name), .enter_ns = ++now};
    std::copy(args.begin(), args.end(), call.args);
    call.exit_ns = ++now;
    call.result = result;
    call.returned = true;
    if (!decode_enter(call, memory, limits, sighting->event)) std::abort();
    sighting->event.flags |= static_cast<uint16_t>(Tier::Inline);
    sighting->stands_still = false;
    state.before_call(*sighting, true);
    sighting->heard_ns = ++now;
    sighting->opened = answers.opened;
    sighting->opened_second = answers.opened_second;
    sighting->link = std::move(answers.link);
    sighting->is_unasked = answers.is_unasked;
    decode_exit(call, memory, limits, sighting->event);
    state.after_call(*sighting);
    seen.push_back(std::move(sighting));
    return *seen.back();
  }
  Sighting& open(uint32_t tid, const std::string& path, int fd, uint64_t flags = 0, uint64_t dirfd = uint64_t(AT_FDCWD)) {
    return call(tid, "openat", {dirfd, memory.put_text(path), flags, 0}, fd);
  }
  // What a read on the number is told to be about.
  Ref<Descriptor> at(uint32_t tid, int fd) { return call(tid, "read", {uint64_t(fd), 0, 0}, 0).descriptor; }
  Ref<Process> process(uint32_t tid) {
    Sighting s;
    describe_exit(s.event, tid, 0, 0, 0);
    state.attach(s);
    return s.process;
  }

  std::vector<std::unique_ptr<Sighting>> seen;
};

}  // namespace vedette
