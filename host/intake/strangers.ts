// SPDX-License-Identifier: Apache-2.0
// Reads what agents say about processes from outside (ECS Exec) that they cannot capture: a notice in the
// stream. Makes a sentence of it for the sidecar's log.
import { EVENTS } from "../../build/generated/events.js";
import type { Batch } from "../wire/batch.js";
import { fieldValue } from "../wire/fields.js";

/** One process from outside that the agent cannot capture, as its notice STRANGER says it. */
export interface Stranger {
  readonly pid: string;
  readonly name: string;
  readonly reason: string;
}

const NOTICE = EVENTS.find(({ name }) => name === "vedette.notice")!.id;
const KIND = fieldValue("evt.arg.kind")!;
const REASON = fieldValue("evt.arg.text")!;
const PID = fieldValue("proc.pid")!;
const NAME = fieldValue("proc.name")!;

/** `types`: the bitmap of event types that the batch holds, so that most batches are never walked. */
export function refusedStrangers(batch: Batch, types: Uint32Array): Stranger[] {
  if (((types[NOTICE >> 5] ?? 0) & (1 << (NOTICE & 31))) === 0) return [];
  const told = [...batch.offsets].filter(
    (at) => batch.recordView.getUint16(at, true) === NOTICE && KIND(batch, at) === "STRANGER",
  );
  return told.map((at) => ({
    pid: String(PID(batch, at)),
    name: String(NAME(batch, at)),
    reason: String(REASON(batch, at)).toLowerCase(),
  }));
}
