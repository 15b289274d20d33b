// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/capture/state/world.h"

using namespace vedette;

TEST_CASE("a process shares its place with whom it was made with CLONE_FS, whichever of its threads it was and is left") {
  World w;
  w.fork(World::kShell, 101, CLONE_THREAD | CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_SIGHAND);
  CHECK(w.state.shares_place(101));
  w.fork(World::kShell, 102, CLONE_FS);
  w.fork(World::kShell, 103);
  CHECK_FALSE(w.state.shares_place(103));
  w.state.on_exec(World::kShell, 101, 50);  // the thread that had no part in the fork
  CHECK(w.state.shares_place(World::kShell));
  CHECK(w.state.shares_place(102));
  w.state.on_thread_exit(102);
  CHECK_FALSE(w.state.shares_place(World::kShell));
  w.fork(World::kShell, 104, CLONE_FS);
  w.call(104, "unshare", {CLONE_FS}, 0);
  CHECK_FALSE(w.state.shares_place(104));
  CHECK_FALSE(w.state.shares_place(World::kShell));
}

TEST_CASE("a thread shares its descriptors with whom it was made with CLONE_FILES, threads or processes, while they live") {
  World w;
  CHECK(w.state.shares_descriptors(999));  // nobody knows it
  w.fork(World::kShell, 101);
  CHECK_FALSE(w.state.shares_descriptors(World::kShell));
  CHECK(w.state.descriptors_of(101) != w.state.descriptors_of(World::kShell));
  w.fork(101, 102, CLONE_FILES);
  CHECK(w.state.shares_descriptors(101));
  CHECK(w.state.descriptors_of(102) == w.state.descriptors_of(101));
  w.state.on_thread_exit(102);
  CHECK_FALSE(w.state.shares_descriptors(101));
  w.fork(101, 103, CLONE_THREAD | CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_SIGHAND);
  CHECK(w.state.shares_descriptors(103));
  w.call(103, "unshare", {CLONE_FILES}, 0);
  CHECK_FALSE(w.state.shares_descriptors(103));
}

TEST_CASE("the first process is described by the kernel") {
  World w;
  const Ref<Process> shell = w.process(World::kShell);
  REQUIRE(shell);
  CHECK(view(shell->comm) == "sh");
  CHECK(view(shell->exe) == "sh");
  CHECK(view(shell->args) == std::string_view("-c\0ls\0", 6));
  CHECK(view(shell->exe_path) == "/bin/sh");
  CHECK(view(shell->place->cwd()) == "/home/user");
  CHECK(shell->ppid == 1);
  CHECK(shell->credentials.euid == 1000);
  CHECK(shell->credentials.effective == 0x400);
  CHECK(shell->session == 90);
  CHECK(shell->tty == 34816);
  CHECK(shell->fd_limit == 1024);
  CHECK(shell->loginuid == UINT32_MAX);
  CHECK_FALSE(shell->clone_seen);
  CHECK(view(shell->files->find(1)->name) == "/dev/pts/0");
}

TEST_CASE("who started the workload is described, without its environment") {
  World w;
  w.image(1, "init", "/sbin/init", std::string("init\0", 5));
  w.kernel.texts["1/status"] = "Tgid:\t1\nPPid:\t0\n";
  w.kernel.texts["1/environ"] = std::string("SECRET=1\0", 9);
  w.kernel.texts["200/status"] = "Tgid:\t200\nPPid:\t1\n";
  w.state.on_launch(200, w.now);
  const Ref<Process> init = w.process(200)->parent;
  REQUIRE(init);
  CHECK(init->pid == 1);
  CHECK(view(init->comm) == "init");
  CHECK(view(init->exe_path) == "/sbin/init");
  CHECK_FALSE(init->env);
  CHECK_FALSE(init->parent);
  CHECK(w.state.processes() == 2);
}

TEST_CASE("a fork is a copy of its parent, until it executes") {
  World w;
  w.fork(World::kShell, 101);
  const Ref<Process> child = w.process(101);
  CHECK(child->pid == 101);
  CHECK(child->ppid == 100);
  CHECK(child->parent == w.process(100));
  CHECK(child->clone_seen);
  CHECK(child->start_ns == w.now);
  CHECK(view(child->comm) == "sh");
  CHECK(w.state.processes() == 2);

  w.image(101, "ls", "/bin/ls", std::string("ls\0-l\0", 6));
  w.state.on_exec(101, 101, ++w.now);
  CHECK(view(child->comm) == "ls");
  CHECK(view(child->exe_path) == "/bin/ls");
  CHECK(view(child->args) == std::string_view("-l\0", 3));
  CHECK(view(w.process(100)->comm) == "sh");
}

TEST_CASE("asking for a fork costs the kernel no question") {
  World w;
  const int before = w.kernel.asked;
  w.fork(World::kShell, 101);
  w.fork(World::kShell, 102, CLONE_VM | CLONE_VFORK);
  CHECK(w.kernel.asked == before);
}

TEST_CASE("a thread shares its process; the process ends with its last thread") {
  World w;
  w.fork(World::kShell, 101, CLONE_THREAD | CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_SIGHAND);
  CHECK(w.process(101) == w.process(100));
  CHECK(w.process(100)->threads == 2);
  CHECK(w.state.processes() == 1);
  const Ref<Process> shell = w.process(100);
  w.state.on_thread_exit(100);
  CHECK(shell->threads == 1);
  CHECK_FALSE(shell->ended);
  w.state.on_thread_exit(101);
  CHECK(shell->ended);
  CHECK(w.state.processes() == 0);
  CHECK_FALSE(w.state.knows(100));
}

TEST_CASE("an exec from a thread takes the leader's number and ends the others") {
  World w;
  constexpr uint64_t kThread = CLONE_THREAD | CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_SIGHAND;
  w.fork(World::kShell, 101, kThread);
  w.fork(World::kShell, 102, kThread);
  const Ref<Process> shell = w.process(100);
  Sighting& exec = w.call(102, "execve", {w.memory.put_text("/bin/ls"), 0, 0}, 0, [&] {
    w.image(100, "ls", "/bin/ls", std::string("ls\0", 3));
    w.state.on_exec(100, 102, ++w.now);
  });
  CHECK(exec.process == shell);
  CHECK(exec.event.call.tid == 100);
  CHECK(view(shell->comm) == "ls");
  CHECK(shell->threads == 1);
  CHECK(w.state.knows(100));
  CHECK_FALSE(w.state.knows(101));
  CHECK_FALSE(w.state.knows(102));
  w.state.on_thread_exit(101);  // told late
  CHECK(shell->threads == 1);
}

TEST_CASE("a failed exec changes nothing") {
  World w;
  Sighting& exec = w.call(100, "execve", {w.memory.put_text("/nowhere"), 0, 0}, -ENOENT);
  CHECK(view(exec.process->comm) == "sh");
  CHECK(exec.event.text(slot::execve_::filename) == "/nowhere");
}

TEST_CASE("the exec of the launch is good without its entry") {
  FakeTruth kernel;
  Limits limits;
  State state(kernel, limits);
  kernel.texts["7/status"] = "Tgid:\t7\nPPid:\t1\nNSpid:\t7\n";
  kernel.texts["7/comm"] = "true\n";
  ArrayMemory memory;
  Sighting sighting;
  const Call call{.tid = 7, .nr = number_of("execve"), .args = {memory.put_text("/bin/true"), 0, 0}, .exit_ns = 5,
                  .result = 0, .returned = true};
  REQUIRE(decode_enter(call, memory, limits, sighting.event));
  decode_exit(call, memory, limits, sighting.event);
  state.after_call(sighting);
  REQUIRE(sighting.process);
  CHECK(view(sighting.process->comm) == "true");
}

TEST_CASE("a double fork keeps its ancestry, while ppid says who reaps") {
  World w;
  w.fork(100, 101);
  w.fork(101, 102);
  w.state.on_thread_exit(101);
  const Ref<Process> daemon = w.process(102);
  CHECK(daemon->ppid == 1);
  REQUIRE(daemon->parent);
  CHECK(daemon->parent->pid == 101);
  CHECK(daemon->parent->ended);
  CHECK(daemon->parent->parent->pid == 100);
}

TEST_CASE("orphans go to the nearest subreaper") {
  World w;
  w.call(100, "prctl", {PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0}, 0);
  w.fork(100, 101);
  w.fork(101, 102);
  w.state.on_thread_exit(101);
  CHECK(w.process(102)->ppid == 100);
}

TEST_CASE("a chain of dead ancestors does not grow for ever") {
  World w;
  uint32_t tid = 100;
  for (uint32_t next = 1000; next < 1500; ++next) {
    w.fork(tid, next);
    w.state.on_thread_exit(tid);
    tid = next;
  }
  int generations = 0;
  for (Ref<Process> at = w.process(tid); at->parent; at = at->parent) ++generations;
  CHECK(generations <= 33);
  CHECK(w.state.processes() == 1);
}

TEST_CASE("CLONE_PARENT makes a sibling") {
  World w;
  w.fork(100, 101);
  w.fork(101, 102, CLONE_PARENT);
  CHECK(w.process(102)->ppid == 100);
  CHECK(w.process(102)->parent == w.process(100));
}

TEST_CASE("a child that is seen before its parent's word is adopted, then set right") {
  World w;
  w.kernel.texts["101/status"] = "Tgid:\t101\nPPid:\t100\nNSpid:\t101\n";
  w.call(101, "close", {50}, -EBADF);
  CHECK(w.process(101)->parent == w.process(100));
  CHECK_FALSE(w.process(101)->clone_seen);
  w.fork(100, 101);
  CHECK(w.process(101)->clone_seen);
  CHECK(w.state.processes() == 2);
  w.fork(100, 101);  // twice is harmless
  CHECK(w.process(101)->threads == 1);
}

TEST_CASE("an unknown thread of a known process is one of its threads") {
  World w;
  w.kernel.texts["150/status"] = "Tgid:\t100\nPPid:\t1\nNSpid:\t150\n";
  w.call(150, "close", {50}, -EBADF);
  CHECK(w.process(150) == w.process(100));
  CHECK(w.process(100)->threads == 2);
}

TEST_CASE("credentials are what the kernel says after a call that changes them") {
  World w;
  w.kernel.files["100/root/etc/passwd"] = {.ino = 1, .mode = S_IFREG, .size = 1, .mtime_ns = 1};
  w.kernel.texts["100/root/etc/passwd"] = "root:x:0:0:::\n";
  w.kernel.texts["100/status"] = "Tgid:\t100\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nNSpid:\t100\nCapEff:\t01\n";
  Sighting& failed = w.call(100, "setuid", {0}, -EPERM);
  CHECK(failed.process->credentials.euid == 1000);
  Sighting& done = w.call(100, "setresuid", {0, 0, 0}, 0);
  CHECK(done.process->credentials.euid == 0);
  CHECK(done.process->credentials.effective == 1);
  CHECK(view(done.process->user_name) == "root");
}

TEST_CASE("a call that makes a user namespace is told with the capabilities that it was made with") {
  World w;
  w.kernel.texts["100/status"] = "Tgid:\t100\nUid:\t1000\t1000\t1000\t1000\nGid:\t50\t50\t50\t50\nNSpid:\t100\nCapPrm:\tff\n";
  CHECK(w.call(100, "unshare", {CLONE_NEWUSER}, 0).process->credentials.permitted == 0x400);
  CHECK(w.call(100, "read", {0, 0, 0}, 0).process->credentials.permitted == 0xff);
}

TEST_CASE("names, sessions and limits follow the calls") {
  World w;
  w.call(100, "prctl", {PR_SET_NAME, w.memory.put_text("worker"), 0, 0, 0}, 0);
  CHECK(view(w.process(100)->comm) == "worker");
  w.kernel.texts["100/stat"] = "100 (sh) S 1 100 100 0 -1";
  w.call(100, "setsid", {}, 100);
  CHECK(w.process(100)->session == 100);
  CHECK(w.process(100)->tty == 0);
  w.fork(100, 101);
  w.kernel.texts["101/stat"] = "101 (sh) S 100 101 100 0 -1";
  w.call(100, "setpgid", {101, 101}, 0);
  CHECK(w.process(101)->group == 101);
  CHECK(w.process(100)->group == 100);
  const uint64_t limits = w.memory.put_array<uint64_t>({64, 64});
  w.call(100, "prlimit64", {0, RLIMIT_NOFILE, limits, 0}, 0);
  CHECK(w.process(100)->fd_limit == 64);
  w.call(100, "prlimit64", {0, RLIMIT_CORE, limits, 0}, 0);
  w.call(100, "prlimit64", {100, RLIMIT_NOFILE, 0, limits}, 0);
  CHECK(w.process(100)->fd_limit == 64);
}

TEST_CASE("in another pid namespace the process's own number is asked for") {
  World w;
  w.kernel.texts["101/status"] = "Tgid:\t101\nPPid:\t100\nNSpid:\t101\t1\n";
  w.fork(100, 101, CLONE_NEWPID);
  CHECK(w.process(101)->vpid == 1);
  w.kernel.texts["102/status"] = "Tgid:\t102\nPPid:\t101\nNSpid:\t102\t2\n";
  w.fork(101, 102);
  CHECK(w.process(102)->vpid == 2);
}

TEST_CASE("a pid namespace begins with its first process, our own before we came") {
  constexpr uint64_t kSecond = 1'000'000'000;
  FakeTruth kernel;
  Limits limits;
  State state{kernel, limits};
  uint64_t now = 1000 * kSecond;
  kernel.up_ns = 100 * kSecond;
  const uint64_t begun = 900 * kSecond + 7 * kSecond / static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
  kernel.texts["1/stat"] = "1 (init) S 0 1 1 0 -1 4194560 9 8 7 6 5 4 3 2 20 0 1 0 7 22";
  const auto namespace_of = [&](uint32_t pid) -> std::string& { return kernel.links[FakeTruth::key(pid, "ns/pid")]; };
  namespace_of(static_cast<uint32_t>(getpid())) = namespace_of(100) = "pid:[1]";
  const auto fork = [&](uint32_t parent, uint32_t child, uint64_t flags, const std::string& its, const std::string& numbers) {
    namespace_of(child) = its;
    kernel.texts[FakeTruth::key(child, "status")] = "NSpid:\t" + std::to_string(child) + numbers + "\n";
    state.on_fork(parent, child, flags, now += kSecond);
    Sighting s;
    describe_exit(s.event, child, 0, 0, 0);
    state.attach(s);
    return s.process->pidns_start_ns;
  };
  kernel.texts["100/status"] = "Tgid:\t100\nPPid:\t1\nNSpid:\t100\n";
  state.on_launch(100, now);
  CHECK(fork(100, 101, 0, "pid:[1]", "") == begun);
  CHECK(fork(100, 102, CLONE_NEWPID, "pid:[2]", "\t1") == now);
  const uint64_t nested = now;
  CHECK(fork(102, 103, 0, "pid:[2]", "\t2") == nested);
  CHECK(fork(103, 104, 0, "pid:[3]", "\t9") == 0);  // its parent had entered another
  CHECK(fork(104, 105, 0, "pid:[1]", "") == begun);  // and come back
}

TEST_CASE("what executes is described: memfd, writable, layer of the overlay, inode and times") {
  World w;
  w.fork(100, 101);
  w.image(101, "x", "/memfd:x (deleted)", std::string("x\0", 2));
  w.kernel.files["101/exe"] = {.dev = 5, .ino = 77, .mode = S_IFREG | 0755, .uid = 0, .gid = 0, .ctime_ns = 10, .mtime_ns = 20};
  w.state.on_exec(101, 101, ++w.now);
  CHECK(w.process(101)->exe_flags == kExeFromMemfd);
  CHECK(w.process(101)->exe_ino == 77);
  CHECK(w.process(101)->exe_ctime_ns == 10);
  CHECK(w.process(101)->exe_mtime_ns == 20);

  w.kernel.texts["101/status"] = w.kernel.texts["100/status"];
  w.image(101, "x", "/tmp/x", std::string("x\0", 2));
  w.kernel.filesystems["101/exe"] = OVERLAYFS_SUPER_MAGIC;
  w.kernel.files["101/exe"] = {.dev = 6, .ino = 78, .mode = S_IFREG | 0700, .uid = 1000, .gid = 0, .ctime_ns = w.now};
  w.state.on_exec(101, 101, ++w.now);
  CHECK(w.process(101)->exe_flags == (kExeWritable | kExeUpperLayer));
  w.kernel.files["101/exe"].ctime_ns = 1;  // unpacked long before the start
  w.kernel.files["101/exe"].uid = 0;
  w.state.on_exec(101, 101, ++w.now);
  CHECK(w.process(101)->exe_flags == kExeLowerLayer);

  w.kernel.links.erase("101/exe");  // its path is too long for the kernel to say
  w.state.on_exec(101, 101, ++w.now);
  CHECK_FALSE(w.process(101)->exe_path);
}

TEST_CASE("an executable is the image's when it is older than the agent and its path leads to it from the agent's root") {
  World w;
  w.fork(100, 101);
  w.image(101, "su", "/usr/bin/su", std::string("su\0", 3));
  FileFacts& file = w.kernel.files["101/exe"] = {.dev = 5, .ino = 77, .mode = S_IFREG | 0755, .ctime_ns = 1};
  FileFacts& there = w.kernel.files[FakeTruth::key(static_cast<uint32_t>(getpid()), "root/usr/bin/su")] = file;
  const auto is_of_image = [&] {
    w.state.on_exec(101, 101, ++w.now);
    return w.process(101)->exe_of_image;
  };
  CHECK(is_of_image());
  there.ino = 78;  // in its own mount namespace the path leads to another file
  CHECK_FALSE(is_of_image());
  there = file;
  there.ctime_ns = file.ctime_ns = w.now;
  CHECK_FALSE(is_of_image());
  file.ctime_ns = 1;
  CHECK(is_of_image());
  w.kernel.files.erase(FakeTruth::key(static_cast<uint32_t>(getpid()), "root/usr/bin/su"));
  CHECK_FALSE(is_of_image());
}

TEST_CASE("a library in a folder that the operator believes is of the image whenever it was written, a program there is not") {
  World w;
  w.state.believe({"/run/own/"});
  w.fork(100, 101);
  FileFacts& there = w.kernel.files[FakeTruth::key(static_cast<uint32_t>(getpid()), "root/run/own/a.so")];
  there = w.kernel.files["101/fd/3"] = w.kernel.files["101/exe"] = {.dev = 5, .ino = 77, .mode = S_IFREG | 0755, .ctime_ns = ++w.now};
  const auto is_believed = [&](const char* path) {
    w.kernel.links["101/fd/3"] = path;
    return w.state.has_image_file(101, 3);
  };
  CHECK(is_believed("/run/own/a.so"));
  CHECK_FALSE(is_believed("/run/own/a.so (deleted)"));
  CHECK_FALSE(is_believed("/run/owner/a.so"));
  CHECK_FALSE(is_believed("/run/a.so"));
  w.image(101, "x", "/run/own/a.so", std::string("x\0", 2));
  w.state.on_exec(101, 101, ++w.now);
  CHECK_FALSE(w.state.executes_image_file(101));
  there.ino = 78;  // it lies there in the program's own mounts only
  CHECK_FALSE(is_believed("/run/own/a.so"));
}

TEST_CASE("why a process's calls stop holds for its children and until it executes a program, and of a session from its find on") {
  World w;
  w.fork(100, 101);
  w.state.stops_for(101, IntegrityReason::CAUGHT);
  w.fork(101, 102);
  w.fork(100, 103);
  CHECK(w.process(101)->stops_for == IntegrityReason::CAUGHT);
  CHECK(w.process(102)->stops_for == IntegrityReason::CAUGHT);
  CHECK(w.process(103)->stops_for == IntegrityReason::NONE);
  w.state.on_exec(102, 102, ++w.now);
  CHECK(w.process(102)->stops_for == IntegrityReason::NONE);
  w.state.on_found(200, ++w.now);
  CHECK(w.process(200)->stops_for == IntegrityReason::CAME_FROM_OUTSIDE);
  w.state.on_exec(200, 200, ++w.now);
  CHECK(w.process(200)->stops_for == IntegrityReason::NONE);
}

TEST_CASE("an agent that has the trace tier alone says so of each process, whatever else is found") {
  World w;
  w.state.stop_all();
  w.state.on_launch(300, ++w.now);
  w.state.stops_for(300, IntegrityReason::TIGHTENED);
  CHECK(w.process(300)->stops_for == IntegrityReason::NO_INLINE_TIER);
  w.state.on_exec(300, 300, ++w.now);
  CHECK(w.process(300)->stops_for == IntegrityReason::NO_INLINE_TIER);
}

TEST_CASE("with snaplen 0 the environment is not even read") {
  World w;
  w.kernel.texts["100/environ"] = std::string("TOKEN=secret\0", 13);
  w.limits.snaplen = 0;
  w.state.on_exec(100, 100, ++w.now);
  CHECK_FALSE(w.process(100)->env);
  w.limits.snaplen = 80;
  w.state.on_exec(100, 100, ++w.now);
  CHECK(view(w.process(100)->env) == std::string_view("TOKEN=secret\0", 13));
}

TEST_CASE("a thousand children of one image keep its texts once") {
  World w;
  w.kernel.texts["100/environ"] = std::string(4000, 'e') + '\0';
  w.state.on_exec(100, 100, ++w.now);
  for (uint32_t pid = 1000; pid < 2000; ++pid) {
    w.fork(100, pid);
    w.image(pid, "sleep", "/bin/sleep", std::string("sleep\0inf\0", 10));
    w.kernel.texts[FakeTruth::key(pid, "environ")] = w.kernel.texts["100/environ"];
    w.state.on_exec(pid, pid, ++w.now);
  }
  const Ref<Process> one = w.process(1000), other = w.process(1999);
  CHECK(one->env == other->env);
  CHECK(one->args == other->args);
  CHECK(one->exe_path == other->exe_path);
  CHECK(one->files->find(0) == other->files->find(0));
}

TEST_CASE("who came in from outside, and all that descends from it, carries the session") {
  World w;
  w.kernel.texts["300/status"] = "Tgid:\t300\nPPid:\t0\n";
  w.kernel.texts["301/status"] = "Tgid:\t301\nPPid:\t300\n";
  CHECK(w.state.on_found(300, w.now));
  CHECK_FALSE(w.state.on_found(301, w.now));  // its parent is known
  w.fork(301, 302);
  CHECK(w.process(300)->entry == 300);
  CHECK(w.process(301)->entry == 300);
  CHECK(w.process(302)->entry == 300);
  CHECK(w.process(World::kShell)->entry == 0);
}

TEST_CASE("what a neighbour's process makes is the neighbour's, too") {
  World w;
  w.kernel.texts["300/status"] = "Tgid:\t300\nPPid:\t0\n";
  w.state.on_neighbour(300, w.now);
  w.fork(300, 301);
  CHECK(w.process(300)->of_neighbour);
  CHECK(w.process(301)->of_neighbour);
  CHECK_FALSE(w.process(World::kShell)->of_neighbour);
}

TEST_CASE("a stranger that was closed to us is described anew when it is not") {
  World w;
  w.kernel.texts["300/status"] = "Tgid:\t300\nPPid:\t0\n";
  CHECK(w.state.on_found(300, w.now));
  CHECK_FALSE(w.process(300)->exe_path);
  w.image(300, "sh", "/bin/sh", std::string("sh\0", 3));
  w.kernel.links["300/cwd"] = "/srv";
  CHECK_FALSE(w.state.on_found(300, w.now));
  CHECK(view(w.process(300)->exe_path) == "/bin/sh");
  CHECK(view(w.process(300)->place->cwd()) == "/srv");
  CHECK(w.process(300)->entry == 300);
}

TEST_CASE("an exec asks for no link of a descriptor that is still the agent's own, and for that of any other") {
  World w;
  const auto name_of = [&w](int32_t fd) { return view(w.process(World::kShell)->files->find(fd)->real); };
  for (int32_t fd = 0; fd < 3; ++fd) w.kernel.ours[FakeTruth::key(World::kShell, std::to_string(fd))] = fd;
  w.state.on_exec(World::kShell, World::kShell, w.now);
  for (int32_t fd = 0; fd < 3; ++fd) w.kernel.links.erase(FakeTruth::key(World::kShell, "fd/" + std::to_string(fd)));
  const int asked = w.kernel.asked;
  w.kernel.ours.erase("100/1");
  w.open_file(World::kShell, 1, "socket:[4711]");
  w.state.on_exec(World::kShell, World::kShell, w.now);
  CHECK(w.kernel.asked > asked);
  CHECK(name_of(0) == "/dev/pts/0");
  CHECK(name_of(1) == "socket:[4711]");
  CHECK(name_of(2) == "/dev/pts/0");
  w.kernel.ours["100/1"] = 0;  // dup2(0, 1) that nobody recorded: the agent's, but another one
  w.open_file(World::kShell, 1, "/dev/pts/0");
  w.state.on_exec(World::kShell, World::kShell, w.now);
  CHECK(name_of(1) == "/dev/pts/0");
}

TEST_CASE("an exec, and an image that is given up, ask the kernel for the working directory: a record may have lied") {
  World w;
  const Ref<Process> shell = w.process(World::kShell);
  w.kernel.links["100/cwd"] = "/elsewhere";
  w.state.confirm_directory(World::kShell);
  CHECK(view(shell->place->cwd()) == "/elsewhere");
  w.kernel.links["100/cwd"] = "/gone (deleted)";
  w.state.on_exec(World::kShell, World::kShell, w.now);
  CHECK(view(w.process(World::kShell)->place->cwd()) == "/gone");
  w.kernel.links.erase("100/cwd");
  w.state.confirm_directory(World::kShell);
  CHECK(view(w.process(World::kShell)->place->cwd()) == "/gone");
}
