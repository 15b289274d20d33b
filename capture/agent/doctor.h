// SPDX-License-Identifier: Apache-2.0
// What this kernel and container allow, as one JSON object on stdout; `vedette doctor` explains it in plain
// words. A probe is {"ok": true} or {"ok": false, "reason": "EPERM"}.
#pragma once

namespace vedette {

int run_doctor();

}  // namespace vedette
