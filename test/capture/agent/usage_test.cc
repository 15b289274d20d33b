// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/usage.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "capture/agent/cgroup_files.h"
#include "capture/agent/listeners.h"
#include "capture/agent/usage_reader.h"

using namespace vedette;
using Amounts = std::map<std::string, uint64_t>;

namespace {

struct Folder {
  Folder() {
    char name[] = "/tmp/vedette-usage-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  void write(const std::string& file, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(path + "/" + file).parent_path());
    std::ofstream(path + "/" + file) << text;
  }
  std::string path;
};

Amounts read(const CgroupFiles& files) {
  std::vector<Amount> all;
  files.read(all);
  Amounts found;
  for (const Amount& amount : all) found[std::string(amount.name)] = amount.value;
  return found;
}

constexpr const char* kNetstat = "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 22 23\nIpExt: InNoRoutes\nIpExt: 0\n";

}  // namespace

TEST_CASE("the word on what the container uses names each amount, and lists who listens") {
  const std::vector<uint8_t> frame = usage_frame({.amounts = {{"io", 1}}, .listeners = {{80, 2, 3}}});
  CHECK(frame == std::vector<uint8_t>{0x93, 0xa5, 'u', 's', 'a', 'g', 'e', 0x81, 0xa2, 'i', 'o', 1, 0x91, 0x93, 80, 2, 3});
}

TEST_CASE("of version 2 the files of our own group count, and what has no limit has no number") {
  const Folder root, proc;
  proc.write("cgroup", "0::/ecs/web\n");
  proc.write("net/netstat", kNetstat);
  root.write("cgroup.controllers", "cpu memory\n");
  root.write("cpu.stat", "user_usec 1\n");
  root.write("ecs/web/cpu.stat", "usage_usec 12\nuser_usec 7\nsystem_usec 5\nnr_periods 40\nnr_throttled 4\nthrottled_usec 900\n");
  root.write("ecs/web/cpu.max", "25000 100000\n");
  root.write("ecs/web/memory.current", "4096\n");
  root.write("ecs/web/memory.max", "max\n");
  root.write("ecs/web/memory.stat", "anon 1\ninactive_file 1024\n");
  root.write("ecs/web/memory.events", "low 0\noom 2\noom_kill 1\n");
  root.write("ecs/web/io.stat", "8:0 rbytes=10 wbytes=20 rios=1\n8:16 rbytes=100 wbytes=200\n");
  root.write("ecs/web/cgroup.procs", "0\n12\n13\n14\n");
  const CgroupFiles files(root.path, proc.path);
  CHECK(read(files) == Amounts{{"cpu_user_us", 7}, {"cpu_system_us", 5}, {"cpu_periods", 40}, {"cpu_throttled_periods", 4}, {"cpu_throttled_us", 900},
                               {"cpu_quota_us", 25000}, {"cpu_period_us", 100000}, {"memory", 4096}, {"memory_inactive_file", 1024}, {"oom_kills", 1},
                               {"io_read", 110}, {"io_written", 220}, {"listen_overflows", 22}, {"listen_drops", 23}});
  CHECK(files.processes(2) == std::vector<int>{12, 13});
}

TEST_CASE("of version 1 each controller has a folder, and a container sees its group at the root of it") {
  const Folder root, proc;
  proc.write("cgroup", "4:memory:/ecs/web\n2:cpu,cpuacct:/ecs/web\n1:name=systemd:/\n");
  root.write("cpuacct/cpuacct.stat", "user 3\nsystem 2\n");
  root.write("cpu/cpu.stat", "nr_periods 4\nnr_throttled 1\nthrottled_time 5000\n");
  root.write("cpu/cpu.cfs_quota_us", "-1\n");
  root.write("cpu/cpu.cfs_period_us", "100000\n");
  root.write("memory/memory.usage_in_bytes", "10\n");
  root.write("memory/memory.limit_in_bytes", "9223372036854771712\n");
  root.write("blkio/blkio.throttle.io_service_bytes", "8:0 Read 1\n8:0 Write 2\n8:0 Total 3\n8:16 Read 10\nTotal 13\n");
  CHECK(read(CgroupFiles(root.path, proc.path)) ==
        Amounts{{"cpu_user_us", 30000}, {"cpu_system_us", 20000}, {"cpu_periods", 4}, {"cpu_throttled_periods", 1}, {"cpu_throttled_us", 5},
                {"cpu_period_us", 100000}, {"memory", 10}, {"io_read", 11}, {"io_written", 2}});
}

TEST_CASE("H93: what stands under such a name later, or is no file, is not read and keeps nobody waiting") {
  const Folder root, proc;
  root.write("cgroup.controllers", "");
  root.write("memory.current", "10\n");
  CHECK(::mkfifo((root.path + "/memory.max").c_str(), 0600) == 0);
  const CgroupFiles files(root.path, proc.path);
  std::filesystem::rename(root.path + "/memory.current", root.path + "/old");
  root.write("memory.current", "99\n");
  root.write("old", "11\n");
  CHECK(read(files) == Amounts{{"memory", 11}});
}

TEST_CASE("a socket that listens is told with its port, what waits there, and how many may") {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(socket, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
  socklen_t size = sizeof at;
  REQUIRE(::listen(socket, 7) == 0);
  REQUIRE(::getsockname(socket, reinterpret_cast<sockaddr*>(&at), &size) == 0);
  int clients[3];
  for (int& client : clients) {
    client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(::connect(client, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
  }
  Listener found;
  for (const Listener& one : Listeners().read(10'000)) {
    if (one.port == ntohs(at.sin_port)) found = one;
  }
  CHECK(found.most == 7);
  CHECK(found.waiting == 3);
  for (const int client : clients) ::close(client);
  ::close(socket);
  CHECK(Listeners().read(0).empty());
}

TEST_CASE("we ourselves are among the processes of our group, with descriptors and threads") {
  const Usage usage = UsageReader().read();
  Amounts found;
  for (const Amount& amount : usage.amounts) found[std::string(amount.name)] = amount.value;
  if (!found.contains("processes")) return;  // no group is told here
  CHECK(found["threads"] >= found["processes"]);
  CHECK(found["descriptors"] >= 3);
}
