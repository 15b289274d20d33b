// SPDX-License-Identifier: Apache-2.0
#include "capture/prevent/table.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>

#include "capture/prevent/glob.h"

using namespace vedette;

namespace {

constexpr uint64_t kStart = 1000;

Endpoint endpoint(const char* text, uint16_t port = 80) {
  Endpoint made;
  made.size = std::string_view(text).find(':') == std::string_view::npos ? 4 : 16;
  REQUIRE(inet_pton(made.size == 4 ? AF_INET : AF_INET6, text, made.address) == 1);
  made.port = port;
  return made;
}

bool holds(const char* network, const char* address) {
  const std::optional<Network> parsed = Network::parse(network);
  REQUIRE(parsed.has_value());
  return parsed->holds(endpoint(address));
}

ProgramFile from_image() { return {.path = "/usr/bin/true", .ctime_ns = kStart - 1}; }

}  // namespace

TEST_CASE("a glob matches as it does on the host's side") {
  const struct {
    const char *pattern, *text;
    bool is;
  } cases[] = {{"/srv/*", "/srv/a/b", true}, {"/srv/*", "/srv", false}, {"*", "", true}, {"?", "", false}, {"/a?c", "/abc", true},
               {"*.so*x", "lib.so.1x", true}, {"*a*a*b", "aaaaaaaac", false}, {"", "", true}, {"", "x", false}, {"a**", "a", true}};
  for (const auto& one : cases) CHECK_MESSAGE(glob_matches(one.pattern, one.text) == one.is, one.pattern, " ", one.text);
}

TEST_CASE("a network holds what its bits say, however the address is wrapped") {
  CHECK(holds("10.0.0.0/8", "10.255.1.2"));
  CHECK_FALSE(holds("10.0.0.0/8", "11.0.0.1"));
  CHECK(holds("10.1.2.0/23", "10.1.3.9"));
  CHECK_FALSE(holds("10.1.2.0/23", "10.1.4.0"));
  CHECK(holds("1.2.3.4", "1.2.3.4"));
  CHECK(holds("0.0.0.0/0", "200.1.1.1"));
  CHECK(holds("fd00::/8", "fdff::1"));
  CHECK_FALSE(holds("fd00::/8", "fe80::1"));
  CHECK(holds("::/0", "1.2.3.4"));
  CHECK(holds("::ffff:10.0.0.0/104", "10.9.9.9"));
  CHECK_FALSE(holds("::ffff:10.0.0.0/104", "11.9.9.9"));
  CHECK_FALSE(holds("2001:db8::/32", "1.2.3.4"));
  CHECK_FALSE(holds("10.0.0.0/8", "fd00::1"));
}

TEST_CASE("the address any is where the kernel connects it: the loopback") {
  CHECK(holds("127.0.0.0/8", "0.0.0.0"));
  CHECK(holds("::1/128", "::"));
  CHECK_FALSE(holds("10.0.0.0/8", "0.0.0.0"));
}

TEST_CASE("what is no network is none") {
  for (const char* text : {"", "10.0.0.0/33", "10.0.0/8", "fd00::/129", "example.org", "10.0.0.0/", "10.0.0.0/8x", "/8"}) {
    CHECK_MESSAGE(!Network::parse(text), text);
  }
}

TEST_CASE("a program is from the image when nothing says otherwise") {
  CHECK_FALSE(is_foreign(from_image(), kStart));
  ProgramFile written = from_image(), unlinked = from_image(), elsewhere = from_image(), memory = from_image();
  written.ctime_ns = kStart;
  unlinked.has_name = false;
  elsewhere.in_root_mount = false;
  memory.is_memfd = true;
  for (const ProgramFile& file : {written, unlinked, elsewhere, memory}) CHECK(is_foreign(file, kStart));
}

TEST_CASE("an exec row excepts files by the kernel's path, a memfd row nothing") {
  PreventRow exec{.deny = Deny::Exec, .files = {"/app/*"}}, memfd{.deny = Deny::MemfdExec, .files = {"*"}};
  ProgramFile file{.path = "/app/plugin", .ctime_ns = kStart};
  CHECK_FALSE(denies_program(exec, file, kStart));
  file.path = "/tmp/plugin";
  CHECK(denies_program(exec, file, kStart));
  CHECK_FALSE(denies_program(memfd, file, kStart));
  file.is_memfd = true;
  CHECK(denies_program(memfd, file, kStart));
}

TEST_CASE("a connect row asks for network and port") {
  PreventRow row{.deny = Deny::Connect, .networks = {*Network::parse("10.0.0.0/8")}, .ports = {443}};
  CHECK(denies_address(row, endpoint("10.1.1.1", 443)));
  CHECK_FALSE(denies_address(row, endpoint("10.1.1.1", 80)));
  CHECK_FALSE(denies_address(row, endpoint("11.1.1.1", 443)));
  CHECK_FALSE(denies_address(row, Endpoint{}));
  row.ports.clear();
  CHECK(denies_address(row, endpoint("10.1.1.1", 80)));
}

TEST_CASE("a program on the list is excepted unless it was written since the start") {
  PreventRow row{.deny = Deny::Connect, .programs = {"/usr/bin/curl"}};
  Process process;
  process.exe_path = make_ref<Text>("/usr/bin/curl");
  process.exe_ctime_ns = kStart - 1;
  CHECK(is_excepted(row, process, kStart));
  process.exe_ctime_ns = kStart;
  CHECK_FALSE(is_excepted(row, process, kStart));
  process.exe_ctime_ns = kStart - 1;
  process.exe_flags = kExeFromMemfd;
  CHECK_FALSE(is_excepted(row, process, kStart));
}

TEST_CASE("a row concerns the processes of its tenant's scope") {
  PreventRow row{.uids = {1000}, .executables = {"/srv/*"}};
  Process process;
  process.credentials.euid = 1000;
  process.exe_path = make_ref<Text>("/srv/app");
  CHECK(row.concerns(process));
  process.credentials.euid = 0;
  CHECK_FALSE(row.concerns(process));
  process.credentials.euid = 1000;
  process.exe_path = make_ref<Text>("/usr/bin/sh");
  CHECK_FALSE(row.concerns(process));
  CHECK(PreventRow{}.concerns(process));
  process.of_neighbour = true;
  CHECK_FALSE(PreventRow{}.concerns(process));
}
