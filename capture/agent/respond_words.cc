// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/respond_words.h"

#include <limits>

#include "capture/agent/pack.h"
#include "capture/agent/prevent_words.h"
#include "capture/agent/unpack.h"

namespace vedette {
namespace {

constexpr size_t kElements = 10;
constexpr size_t kRowsMax = 64;
constexpr size_t kProgramsMax = 256;
constexpr uint64_t kForMax = 24 * 3600;
constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr size_t kWhyMax = 400;

bool read_rows(Unpack& from, bool has_rows, std::vector<PreventRow>& rows) {
  const size_t count = has_rows ? from.array() : 0;
  if (has_rows && (count == 0 || count > kRowsMax)) return false;
  for (size_t i = 0; i < count; ++i) {
    if (!read_row(from, rows.emplace_back(), Deny::Network)) return false;
  }
  return !from.failed();
}

}  // namespace

std::optional<ResponseRequest> read_request(std::span<const uint8_t> frame) {
  Unpack from(frame);
  const size_t elements = from.array();
  if ((elements != kElements && elements != kElements + 1) || from.text() != "respond") return std::nullopt;
  ResponseRequest request;
  request.id = from.number();
  const uint64_t action = from.number(), dry = from.number(), first = from.number(), pid = from.number();
  const uint64_t start = from.number(), start_ns = from.number(), duration = from.number();
  const size_t programs = from.array();
  if (from.failed() || request.id == 0 || action > static_cast<uint64_t>(ResponseAction::Deny) || dry > 1 || first > 1) return std::nullopt;
  if (pid == 0 || pid > std::numeric_limits<pid_t>::max() || start > std::numeric_limits<uint32_t>::max() || start_ns >= kSecondNs || duration > kForMax || programs > kProgramsMax) return std::nullopt;
  for (size_t i = 0; i < programs; ++i) request.programs.emplace_back(from.text().value_or(""));
  request.action = static_cast<ResponseAction>(action);
  if ((request.action == ResponseAction::Deny) != (elements > kElements) || !read_rows(from, elements > kElements, request.rows)) return std::nullopt;
  request.dry_run = dry == 1;
  request.names_first = first == 1;
  request.start_ns = start * kSecondNs + start_ns;
  request.for_ns = duration * kSecondNs;
  request.process = Tid(static_cast<pid_t>(pid));
  return request;
}

std::vector<uint8_t> answer_frame(const ResponseAnswer& answer) {
  std::vector<uint8_t> bytes;
  Pack pack(bytes);
  pack.array(6);
  pack.text("responded");
  pack.integer(answer.id);
  pack.integer(static_cast<uint64_t>(answer.step));
  pack.integer(static_cast<uint64_t>(answer.status));
  pack.integer(answer.processes);
  pack.text(std::string_view(answer.why).substr(0, kWhyMax));
  return bytes;
}

}  // namespace vedette
