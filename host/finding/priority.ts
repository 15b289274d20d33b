// SPDX-License-Identifier: Apache-2.0
// How urgent a finding is, in Falco's words, the most urgent first. The order is the module's metadata's
// (docs/abi/v1.md).

/** All priorities. A module's metadata has the index into this list. */
export const PRIORITIES = [
  "Emergency",
  "Alert",
  "Critical",
  "Error",
  "Warning",
  "Notice",
  "Informational",
  "Debug",
] as const;
/** One of PRIORITIES. */
export type Priority = (typeof PRIORITIES)[number];
