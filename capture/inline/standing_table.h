// SPDX-License-Identifier: Apache-2.0
// The table of standing paths that the stub looks into (wire/ring.h): hashes in the agent's page, which no
// program can write. The version is odd while nothing stands, and another one after each change that takes
// something away.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "capture/state/standing_paths.h"

namespace vedette {

// As the stub computes it: of eight bytes each, the last ones filled up with 0 and at least one of them 0.
uint64_t standing_hash(std::string_view path);

class InlineStandingTable final : public StandingTable {
 public:
  // `page`: the agent's segment, which must stay.
  explicit InlineStandingTable(std::byte* page) : page_(page) {}

  bool show(std::string_view path) override;
  void hide(std::string_view path) override;
  void suspend() override;
  void resume() override;

 private:
  uint64_t* slot_of(uint64_t hash) const;
  void next_version();

  std::byte* page_;
  bool is_suspended_ = false;
};

}  // namespace vedette
