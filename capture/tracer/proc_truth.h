// SPDX-License-Identifier: Apache-2.0
// state's questions, answered from /proc, and from a copy of the descriptor where it is a socket's addresses
// that are asked for.
#pragma once

#include "capture/state/truth.h"

namespace vedette {

class ProcTruth final : public Truth {
 public:
  bool link(uint32_t pid, const char* name, std::string& into) override;
  bool text(uint32_t pid, const char* name, std::string& into, size_t max) override;
  std::optional<FileFacts> facts(uint32_t pid, const char* name) override;
  std::optional<FileFacts> look(std::string_view path) override;
  bool has_ours(uint32_t pid, int32_t fd, int32_t ours) override;
  std::optional<SocketFacts> socket(uint32_t pid, int32_t fd) override;
  std::optional<FileFacts> resolve(uint32_t tid, uint32_t process, bool from_own_root, std::string_view path, bool follows,
                                   std::string& into) override;
  bool names_changed_since(uint32_t tid, std::string_view path, uint64_t since_ns) override;
  bool first_stack(uint32_t pid, uint64_t& sp, std::string& into) override;
  uint64_t uptime_ns() override;
  uint64_t filesystem(uint32_t pid, const char* name) override;
  bool has_other_numbers() override;
};

}  // namespace vedette
