// SPDX-License-Identifier: Apache-2.0
// What the engine runs: a policy that was found, compiled and admitted, with its settings. Plain data, so that it can be posted
// to a worker; host/policy/load.ts makes it from a folder.
import type { Admitted } from "../wasm/admission.js";
import type { RuleMetadata } from "../wasm/metadata.js";
import type { ParameterValues } from "../wasm/settings.js";

export interface LoadedRule extends RuleMetadata {
  readonly enabled: boolean;
}
export interface LoadedPolicy {
  readonly name: string;
  readonly version: string;
  readonly folder: string;
  readonly admitted: Admitted;
  readonly parameters: ParameterValues;
  /** In the order of the module's rule numbers. */
  readonly rules: readonly LoadedRule[];
}
