// SPDX-License-Identifier: Apache-2.0
// The name of a finding. A receiver knows by it that it has the finding already: judging the same event again
// gives the same name. It is a UUID of version 8 (RFC 9562, 5.8), whose bits are those of a SHA-256 over what
// tells one finding from every other.
import { createHash } from "node:crypto";
import type { Finding } from "./parts.js";

const VERSION_AT = 6;
const VARIANT_AT = 8;
const UUID_BYTES = 16;

/**
 * The event is named by its agent, thread, time and type, not by `evt.num`, which counts anew for each tenant
 * and for each run. Of one event and one rule there is one finding.
 */
export function findingId({ event, tid, tenant, policy, rule }: Finding): string {
  return uuidOf([event.source, tid, String(event.time), event.type, tenant, policy, rule]);
}

/** The same parts give the same UUID, whoever asks and whenever. */
export function uuidOf(parts: readonly (string | number | null)[]): string {
  const told = JSON.stringify(parts);
  const bytes = createHash("sha256").update(told).digest().subarray(0, UUID_BYTES);
  bytes[VERSION_AT] = ((bytes[VERSION_AT] as number) & 0x0f) | 0x80;
  bytes[VARIANT_AT] = ((bytes[VARIANT_AT] as number) & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
