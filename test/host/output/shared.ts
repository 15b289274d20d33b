// SPDX-License-Identifier: Apache-2.0
// An alert to send, where it does not matter what it says.
import type { Alert } from "../../../host/output/alert.js";

export const ALERT: Alert = {
  rule: "R",
  priority: "Notice",
  tags: [],
  source: "syscall",
  time: 1n,
  output: "o",
  outputFields: [],
  hostname: "h",
  policy: "p",
};
