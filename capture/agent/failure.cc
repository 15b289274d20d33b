// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/failure.h"

#include <cstdio>
#include <cstring>

namespace vedette {
namespace {

std::string fill(std::string_view form, std::initializer_list<FailureValue> values) {
  std::string text;
  while (!form.empty()) {
    const size_t open = form.find('{');
    const size_t close = form.find('}', open == form.npos ? 0 : open);
    text += form.substr(0, open);
    if (open == form.npos || close == form.npos) break;
    const std::string_view name = form.substr(open + 1, close - open - 1);
    std::string_view value = form.substr(open, close - open + 1);
    for (const FailureValue& candidate : values) {
      if (candidate.first == name) value = candidate.second;
    }
    text += value;
    form.remove_prefix(close + 1);
  }
  return text;
}

}  // namespace

Failure make_failure(ErrorCode code, std::initializer_list<FailureValue> values) {
  const ErrorInfo& info = info_of(code);
  std::string text = fill(info.message, values) + " [" + info.code + "]";
  const std::string hint = fill(info.hint, values);
  if (!hint.empty()) text += "\n  " + hint;
  return {code, std::move(text)};
}

std::string reason_of(Errno error) { return std::strerror(error.get()); }

int report(const Failure& failure) {
  std::fprintf(stderr, "vedette-capture: %s\n", failure.text.c_str());
  return failure.exit();
}

}  // namespace vedette
