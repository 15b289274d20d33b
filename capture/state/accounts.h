// SPDX-License-Identifier: Apache-2.0
// Names of users and groups, by the workload's own /etc/passwd and /etc/group as its root shows them: no NSS,
// which would load libraries and talk to the network. The files are read again when they change.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "capture/state/text.h"
#include "capture/state/truth.h"

namespace vedette {

class Accounts {
 public:
  explicit Accounts(Truth& truth) : truth_(truth) {}

  struct User {
    Ref<Text> name, home, shell;
  };

  // Empty when the id has no name. `pid`: any process that has the root directory in question.
  User user(uint32_t pid, uint32_t uid);
  Ref<Text> group(uint32_t pid, uint32_t gid);

 private:
  struct File {
    const char* path;
    FileFacts facts;
    std::string text;
  };
  std::string_view find(File& file, uint32_t pid, uint32_t id);
  Ref<Text> share(std::string_view text) { return text.empty() ? Ref<Text>() : names_.share(text); }
  bool refresh(File& file, uint32_t pid);

  Truth& truth_;
  TextPool names_;
  File users_{"root/etc/passwd", {}, {}};
  File groups_{"root/etc/group", {}, {}};
};

}  // namespace vedette
