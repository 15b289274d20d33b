// SPDX-License-Identifier: Apache-2.0
// The stack of a new image, made up; test/e2e/fixtures holds it against the kernel's own.
#include "capture/state/first_stack.h"

#include <doctest/doctest.h>
#include <elf.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "test/capture/state/world.h"

using namespace vedette;

namespace {

constexpr uint64_t kSp = 0x7ffd00001000;

// A stack as the kernel lays it out.
struct MadeStack {
  std::vector<std::string> argv, envp;
  std::string name = "/bin/tool";
  uint64_t uid = 1000, euid = 1000, gid = 50, egid = 50, secure = 0;

  std::string bytes() const {
    std::vector<uint64_t> words;
    std::string strings;
    const size_t heads = 1 + argv.size() + 1 + envp.size() + 1 + 2 * 7;
    const auto place = [&](const std::string& text) {
      words.push_back(kSp + heads * 8 + strings.size());
      strings += text + '\0';
    };
    words.push_back(argv.size());
    for (const std::string& one : argv) place(one);
    words.push_back(0);
    for (const std::string& one : envp) place(one);
    words.push_back(0);
    const uint64_t name_at = kSp + heads * 8 + strings.size();
    strings += name + '\0';
    for (const uint64_t word : {uint64_t{AT_UID}, uid, uint64_t{AT_EUID}, euid, uint64_t{AT_GID}, gid, uint64_t{AT_EGID}, egid,
                                uint64_t{AT_SECURE}, secure, uint64_t{AT_EXECFN}, name_at, uint64_t{AT_NULL}, uint64_t{0}}) {
      words.push_back(word);
    }
    return std::string(reinterpret_cast<const char*>(words.data()), words.size() * 8) + strings;
  }
};

}  // namespace

TEST_CASE("a first stack holds name, arguments, environment and ids") {
  const std::string bytes = MadeStack{.argv = {"tool", "-x", ""}, .envp = {"A=1", "B=2"}, .secure = 1}.bytes();
  const auto stack = parse_first_stack(kSp, bytes, 4096);
  REQUIRE(stack);
  CHECK(stack->name == "/bin/tool");
  CHECK(stack->args == std::string_view("tool\0-x\0\0", 9));
  CHECK(stack->env == std::string_view("A=1\0B=2\0", 8));
  CHECK(stack->uid == 1000);
  CHECK(stack->egid == 50);
  CHECK(stack->secure);
}

TEST_CASE("a first stack without environment, and with lists longer than what is kept") {
  const std::string bare = MadeStack{.argv = {"tool"}, .envp = {}}.bytes();
  REQUIRE(parse_first_stack(kSp, bare, 4096));
  CHECK(parse_first_stack(kSp, bare, 4096)->env.empty());
  const std::string full = MadeStack{.argv = {"tool", std::string(50, 'a')}, .envp = {std::string(60, 'e')}}.bytes();
  const auto cut = parse_first_stack(kSp, full, 20);
  REQUIRE(cut);
  CHECK(cut->args.size() == 20);
  CHECK(cut->env.size() == 20);
}

TEST_CASE("a first stack that was cut or lies is no answer") {
  const std::string whole = MadeStack{.argv = {"tool", "x"}, .envp = {"A=1"}}.bytes();
  for (size_t size = 0; size < whole.size(); ++size) CHECK_FALSE(parse_first_stack(kSp, whole.substr(0, size), 4096));
  std::string none = whole;
  none[0] = 0;  // argc
  CHECK_FALSE(parse_first_stack(kSp, none, 4096));
  for (size_t at = 0; at + 8 <= whole.size(); at += 8) {
    for (const uint64_t lie : {uint64_t{1}, ~uint64_t{0}, kSp - 8, kSp + whole.size(), kSp + whole.size() - 1}) {
      std::string bytes = whole;
      bytes.replace(at, 8, reinterpret_cast<const char*>(&lie), 8);
      (void)parse_first_stack(kSp, bytes, 4096);  // stays inside
    }
  }
}

TEST_CASE("an exec is described by its first stack, and /proc is asked for the executable, descriptors 0 to 2 and the working directory alone") {
  World w;
  w.kernel.files["101/exe"] = {.dev = 1, .ino = 2, .mode = S_IFREG | 0755, .ctime_ns = 3, .mtime_ns = 4};
  w.kernel.files["100/exe"] = w.kernel.files["101/exe"];
  w.kernel.texts["100/stat"] = "100 (sh) S 1 100 90 0 -1";
  w.kernel.stacks[100] = {kSp, MadeStack{.argv = {"sh"}, .envp = {}, .name = "/bin/sh"}.bytes()};
  w.state.on_exec(100, 100, w.now);
  w.fork(100, 101);
  w.kernel.links["101/exe"] = "/bin/tool-of-a-long-name";
  w.kernel.stacks[101] = {kSp, MadeStack{.argv = {"tool", "-x"}, .envp = {"A=1"}, .name = "/bin/tool-of-a-long-name"}.bytes()};
  w.kernel.asked = 0;
  w.state.on_exec(101, 101, ++w.now);
  // Where it is, what it is, and whether the path leads to it from our root; the links of what it has open as
  // 0 to 2.
  CHECK(w.kernel.asked == 7);
  const Ref<Process> tool = w.process(101);
  CHECK(view(tool->comm) == "tool-of-a-long-");
  CHECK(view(tool->exe) == "tool");
  CHECK(view(tool->args) == std::string_view("-x\0", 3));
  CHECK(view(tool->env) == std::string_view("A=1\0", 4));
  CHECK(view(tool->exe_path) == "/bin/tool-of-a-long-name");
  CHECK(tool->exe_ino == 2);
  CHECK(tool->credentials.effective == 0x400);
  CHECK(w.state.executable(101).ctime_ns == 3);
}

TEST_CASE("what can have changed at an exec is asked for") {
  World w;
  const auto exec = [&w](MadeStack stack, uint32_t mode) {
    w.kernel.files["100/exe"] = {.ino = 2, .mode = S_IFREG | mode};
    w.kernel.stacks[100] = {kSp, stack.bytes()};
    w.kernel.asked = 0;
    w.state.on_exec(100, 100, ++w.now);
    return w.kernel.asked;
  };
  const MadeStack plain{.argv = {"tool"}, .envp = {}};
  MadeStack secure = plain, other = plain, by_descriptor = plain;
  secure.secure = 1;
  other.euid = 0;
  by_descriptor.name = "/dev/fd/3";
  w.kernel.texts["100/stat"] = "100 (sh) S 1 100 90 0 -1";
  exec(plain, 0755);
  const int least = exec(plain, 0755);
  CHECK(exec(secure, 0755) > least);
  CHECK(exec(plain, 0755) > least);  // what it was given it may lose
  CHECK(exec(plain, 0755) == least);
  CHECK(exec(plain, 04755) > least);
  exec(plain, 0755);
  CHECK(exec(other, 0755) > least);
  CHECK(exec(by_descriptor, 0755) > least);
  CHECK(exec(plain, 0755) == least);
  w.call(100, "prctl", {PR_CAPBSET_DROP, 1, 0, 0, 0}, 0);
  CHECK(exec(plain, 0755) > least);
  CHECK(exec(plain, 0755) == least);

  w.now += 1'000'000'000;  // who is outside may have moved it by now
  w.kernel.texts["100/cgroup"] = "0::/moved\n";
  CHECK(exec(plain, 0755) > least);
  CHECK(view(w.process(100)->cgroup) == "/moved");
  CHECK(exec(plain, 0755) == least);
  w.open(100, "/sys/fs/cgroup/a/cgroup.procs", 7, O_WRONLY);
  CHECK(exec(plain, 0755) > least);
  CHECK(exec(plain, 0755) > least);

  World terminal;  // of a session that has one
  terminal.kernel.files["100/exe"] = {.ino = 2, .mode = S_IFREG | 0755};
  terminal.kernel.stacks[100] = {kSp, plain.bytes()};
  for (int i = 0; i < 2; ++i) {
    terminal.kernel.asked = 0;
    terminal.state.on_exec(100, 100, ++terminal.now);
  }
  CHECK(terminal.kernel.asked == least + 1);
}
