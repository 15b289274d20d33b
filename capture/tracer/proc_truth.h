// SPDX-License-Identifier: Apache-2.0
// state's questions, answered from /proc.
#pragma once

#include "capture/state/truth.h"

namespace vedette {

class ProcTruth final : public Truth {
 public:
  bool link(uint32_t pid, const char* name, std::string& into) override;
  bool text(uint32_t pid, const char* name, std::string& into, size_t max) override;
  std::optional<FileFacts> facts(uint32_t pid, const char* name) override;
};

}  // namespace vedette
