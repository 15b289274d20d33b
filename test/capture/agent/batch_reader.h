// SPDX-License-Identifier: Apache-2.0
// Opens a sealed batch the way a host would, for the tests of the encoder: the envelope with msgpack's own
// reader, the rest by the layout of capture/wire/batch.h.
#pragma once

#include <doctest/doctest.h>

#include <cstring>
#include <string_view>
#include <vector>

#define MSGPACK_NO_BOOST
#include <msgpack.hpp>

#include "capture/wire/batch.h"
#include "events.h"

namespace vedette {

class BatchReader {
 public:
  explicit BatchReader(const std::vector<uint8_t>& bytes)
      : handle_(msgpack::unpack(reinterpret_cast<const char*>(bytes.data()), bytes.size())) {
    REQUIRE(handle_->type == msgpack::type::ARRAY);
    REQUIRE(handle_->via.array.size == 13);
    size_t at = 0;
    const std::string_view records = bin(12);
    while (at < records.size()) {
      records_.push_back(at);
      at += header(records_.size() - 1).size;
    }
    REQUIRE(at == records.size());
    REQUIRE(records_.size() == uint(7));
  }

  uint64_t uint(size_t element) const { return item(element).as<uint64_t>(); }
  std::string_view text(size_t element) const { return {item(element).via.str.ptr, item(element).via.str.size}; }
  std::string_view bin(size_t element) const {
    REQUIRE(item(element).type == msgpack::type::BIN);
    return {item(element).via.bin.ptr, item(element).via.bin.size};
  }
  std::vector<uint64_t> lost() const { return item(8).as<std::vector<uint64_t>>(); }
  const msgpack::object& item(size_t element) const { return handle_->via.array.ptr[element]; }

  size_t records() const { return records_.size(); }
  size_t processes() const { return bin(9).size() / kProcessSize; }
  size_t descriptors() const { return bin(10).size() / kDescriptorSize; }
  RecordHeader header(size_t record) const {
    RecordHeader header;
    std::memcpy(&header, bin(12).data() + records_[record], sizeof header);
    return header;
  }
  int64_t slot(size_t record, int slot) const {
    return word(12, records_[record] + sizeof(RecordHeader) + static_cast<size_t>(slot) * 8);
  }
  std::string_view text_slot(size_t record, int at) const { return spanned(slot(record, at)); }
  int64_t process(size_t index, ProcessField field) const {
    return word(9, index * kProcessSize + static_cast<size_t>(field) * 8);
  }
  std::string_view process_text(size_t index, ProcessField field) const { return spanned(process(index, field)); }
  int64_t descriptor(size_t index, DescriptorField field) const {
    return word(10, index * kDescriptorSize + static_cast<size_t>(field) * 8);
  }
  std::string_view descriptor_text(size_t index, DescriptorField field) const { return spanned(descriptor(index, field)); }
  static bool is_none(int64_t span) { return static_cast<uint32_t>(span) == kNull; }

 private:
  int64_t word(size_t element, size_t offset) const {
    const std::string_view bytes = bin(element);
    REQUIRE(offset + 8 <= bytes.size());
    int64_t value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
  }
  std::string_view spanned(int64_t value) const {
    Span span;
    std::memcpy(&span, &value, sizeof span);
    if (span.offset == kNull) return "(none)";
    REQUIRE(uint64_t{span.offset} + span.size <= bin(11).size());
    return bin(11).substr(span.offset, span.size);
  }

  msgpack::object_handle handle_;
  std::vector<size_t> records_;
};

}  // namespace vedette
