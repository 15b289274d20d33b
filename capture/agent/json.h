// SPDX-License-Identifier: Apache-2.0
// Writes one JSON object, key by key; commas and quotes are its business.
#pragma once

#include <string>
#include <string_view>

namespace vedette {

class Json {
 public:
  Json() { text_ = "{"; }
  Json& text(std::string_view key, std::string_view value) { return name(key), quote(value), *this; }
  Json& number(std::string_view key, long long value) { return name(key), text_ += std::to_string(value), *this; }
  Json& flag(std::string_view key, bool value) { return name(key), text_ += value ? "true" : "false", *this; }
  Json& null(std::string_view key) { return name(key), text_ += "null", *this; }
  // `value` is JSON already.
  Json& object(std::string_view key, std::string_view value) { return name(key), text_ += value, *this; }
  std::string done() const { return text_ + "}"; }

 private:
  void name(std::string_view key) {
    if (text_.size() > 1) text_ += ", ";
    quote(key);
    text_ += ": ";
  }
  void quote(std::string_view value) {
    text_ += '"';
    for (const char c : value) {
      if (c == '"' || c == '\\') text_ += '\\';
      text_ += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
    }
    text_ += '"';
  }

  std::string text_;
};

}  // namespace vedette
