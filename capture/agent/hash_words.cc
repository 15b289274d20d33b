// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/hash_words.h"

#include <charconv>
#include <limits>
#include <utility>

#include "capture/agent/pack.h"
#include "capture/agent/unpack.h"

namespace vedette {
namespace {

constexpr size_t kElements = 8;

// Whether the next text is a number of 64 bits.
bool read_number(Unpack& from, uint64_t& into) {
  const std::optional<std::string_view> text = from.text();
  if (!text || text->empty()) return false;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), into);
  return error == std::errc() && end == text->data() + text->size();
}

}  // namespace

HashQuestion read_hash_request(std::span<const uint8_t> frame) {
  Unpack from(frame);
  HashQuestion question;
  const size_t elements = from.array();
  if (from.text() != "hash") return question;
  HashRequest request;
  request.id = question.id = from.number();
  const uint64_t pid = from.number();
  if (elements != kElements || from.failed() || request.id == 0 || pid == 0 || pid > std::numeric_limits<pid_t>::max()) return question;
  request.process = Tid(static_cast<pid_t>(pid));
  for (uint64_t* const number : {&request.start_ns, &request.dev, &request.ino, &request.ctime_ns}) {
    if (!read_number(from, *number)) return question;
  }
  request.path = from.text().value_or("");
  if (from.failed() || !request.path.starts_with('/') || request.path.find('\0') != std::string::npos) return question;
  question.request = std::move(request);
  return question;
}

std::vector<uint8_t> hashed_frame(const HashAnswer& answer) {
  std::vector<uint8_t> bytes;
  Pack pack(bytes);
  pack.array(4);
  pack.text("hashed");
  pack.integer(answer.id);
  pack.binary(answer.digest ? answer.digest->data() : nullptr, answer.digest ? static_cast<uint32_t>(answer.digest->size()) : 0);
  pack.text(answer.why);
  return bytes;
}

}  // namespace vedette
