// SPDX-License-Identifier: Apache-2.0
// A module that was compiled of rules, as a policy that can run: admitted like anybody's, within wide limits,
// and with outputs that can be filled.
import { NO_ALERT_LIMIT } from "../engine/limiter.js";
import type { LoadedPolicy } from "../engine/policy.js";
import { compileFormat } from "../output/format.js";
import { admit, WIDE_LIMITS } from "../wasm/admission.js";
import type { BytesForm } from "../wire/render.js";
import type { FalcoFlags } from "./flags.js";

/** The policy that alerts of Falco's rules name. */
export const FALCO_NAME = "falco";
/** Its version. */
export const FALCO_VERSION = "1";

/**
 * `bytes`: how outputs show what was read and written. Throws what `admit` throws, and where an output cannot
 * be filled.
 */
export async function admittedPolicy(
  wasm: Uint8Array,
  { falcoRules, falcoExact }: FalcoFlags,
  bytes: BytesForm,
): Promise<LoadedPolicy> {
  const place = falcoRules.join(" ");
  const admitted = await admit(wasm, place, WIDE_LIMITS);
  for (const { output, fields } of admitted.metadata.rules) compileFormat(output, fields);
  return {
    name: FALCO_NAME,
    version: FALCO_VERSION,
    place,
    admitted,
    parameters: {},
    ...(bytes === "text" ? {} : { bytes }),
    ...(falcoExact === true ? { alerts: NO_ALERT_LIMIT } : {}),
    rules: admitted.metadata.rules.map((rule) => ({ ...rule, enabled: true })),
  };
}
