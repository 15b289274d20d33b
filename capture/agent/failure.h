// SPDX-License-Identifier: Apache-2.0
// What the agent tells a user who cannot have what they asked for: a code of the catalogue, its sentence
// filled with values, a hint, and the exit status. Printed as the host prints it (host/errors.ts), so a user
// sees one form.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "capture/kernel/result.h"
#include "errors.h"

namespace vedette {

struct Failure {
  ErrorCode code;
  std::string text;  // "sentence [CODE]\n  hint"
  int exit() const { return info_of(code).exit; }
};

using FailureValue = std::pair<std::string_view, std::string>;  // {name} in the sentence, and what it stands for

Failure make_failure(ErrorCode code, std::initializer_list<FailureValue> values);

// "Permission denied", for a sentence's {reason}.
std::string reason_of(Errno error);

// Writes it to stderr and returns the exit status.
int report(const Failure& failure);

}  // namespace vedette
