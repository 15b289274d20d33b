// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/folder_gates.h"

#include <doctest/doctest.h>
#include <sys/syscall.h>

#include <cstring>
#include <string>

#include "capture/inline/agent.h"
#include "test/capture/state/world.h"

using namespace vedette;

namespace {

constexpr uint32_t kSnaplen = 80;

struct Gates {
  World w;
  Segment page = make_agent_segment(kSnaplen, Integrity::Normal);
  InlineFolderGates gates{page.base()};

  uint8_t second_byte_of(Shape shape) const {
    return static_cast<uint8_t>(page.base()[AgentPage::addresses(shape).gate + 1 - VEDETTE_AGENT_BASE]);
  }
  uint64_t entry_of(uint32_t nr) const {
    uint64_t entry = 0;
    memcpy(&entry, page.base() + VEDETTE_AGENT_TABLE + nr * 8 - VEDETTE_AGENT_BASE, sizeof entry);
    return entry;
  }
  bool are_shut() const {
    return second_byte_of(Shape::Folder0) == 0x0b && second_byte_of(Shape::FolderFd) == 0x0b &&
           entry_of(SYS_chdir) == AgentPage::take_the_site() && entry_of(SYS_fchdir) == AgentPage::take_the_site();
  }
  bool are_open() const {
    return second_byte_of(Shape::Folder0) == 0x05 && second_byte_of(Shape::FolderFd) == 0x05 &&
           entry_of(SYS_chdir) == AgentPage::addresses(Shape::Folder0).entry && entry_of(SYS_fchdir) == AgentPage::addresses(Shape::FolderFd).entry;
  }
  // Where an exec says that the shell is, when the kernel would say `to`.
  std::string moved(const char* to) {
    w.kernel.links["100/cwd"] = to;
    w.state.on_exec(World::kShell, World::kShell, ++w.now);
    return std::string(view(w.process(World::kShell)->place->cwd()));
  }
};

}  // namespace

TEST_CASE("the gates of what sets the working directory are shut until one thread does so often, and only then execs ask for it") {
  Gates one;
  REQUIRE(one.page.is_open());
  CHECK(one.are_open());
  one.gates.bind(one.w.state, Integrity::Normal);
  CHECK(one.are_shut());
  CHECK(one.moved("/elsewhere") == "/home/user");
  InlineTask often, seldom;
  for (int i = 0; i < 3; ++i) one.gates.on_stopped(often), one.gates.on_stopped(seldom);
  CHECK(one.are_shut());
  CHECK(!one.gates.are_open());
  one.gates.on_stopped(often);
  CHECK(one.are_open());
  CHECK(one.gates.are_open());
  CHECK(one.moved("/elsewhere") == "/elsewhere");
}

TEST_CASE("strict integrity has no such gates, so its execs do not ask") {
  Gates one;
  REQUIRE(one.page.is_open());
  one.gates.bind(one.w.state, Integrity::Strict);
  InlineTask often;
  for (int i = 0; i < 8; ++i) one.gates.on_stopped(often);
  CHECK(one.moved("/elsewhere") == "/home/user");
}
