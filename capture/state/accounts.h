// SPDX-License-Identifier: Apache-2.0
// Names of users and groups, by the workload's own /etc/passwd and /etc/group as its root shows them: no NSS, which would
// load libraries and talk to the network. The files are read again when they change.
#pragma once

#include <cstdint>
#include <string>

#include "capture/state/text.h"
#include "capture/state/truth.h"

namespace vedette {

class Accounts {
 public:
  explicit Accounts(Truth& truth) : truth_(truth) {}

  // Empty when the id has no name. `pid`: any process that has the root directory in question.
  Ref<Text> user(uint32_t pid, uint32_t uid) { return name(users_, pid, uid); }
  Ref<Text> group(uint32_t pid, uint32_t gid) { return name(groups_, pid, gid); }

 private:
  struct File {
    const char* path;
    FileFacts facts;
    std::string text;
  };
  Ref<Text> name(File& file, uint32_t pid, uint32_t id);
  bool refresh(File& file, uint32_t pid);

  Truth& truth_;
  TextPool names_;
  File users_{"root/etc/passwd", {}, {}};
  File groups_{"root/etc/group", {}, {}};
};

}  // namespace vedette
