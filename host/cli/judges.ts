// SPDX-License-Identifier: Apache-2.0
// What a policy sees events with, in words.
import type { LoadedPolicy } from "../engine/policy.js";
import { counted } from "./print.js";

/** `2 rules`; `1 rule, 2 meters` where it measures. */
export function judgesOf({ rules, admitted }: LoadedPolicy): string {
  const { meters = [] } = admitted.metadata;
  if (meters.length === 0) return counted(rules.length, "rule");
  return [...(rules.length > 0 ? [counted(rules.length, "rule")] : []), counted(meters.length, "meter")].join(", ");
}
