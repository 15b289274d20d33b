// SPDX-License-Identifier: Apache-2.0
// What the orchestrator says of the container that a batch came from, as a policy reads it (docs/abi/v1.md,
// "The facts"). A text that does not fit any more is left out, as if the orchestrator had not said it.
import type { ContainerFacts } from "../wire/container.js";

/** In the order in which they stand. New ones go to the end. */
export const FACTS: readonly (keyof ContainerFacts)[] = [
  "id",
  "name",
  "type",
  "image",
  "imageId",
  "imageRepository",
  "imageTag",
  "imageDigest",
  "labels",
  "ip",
];
/** Bytes of the facts in a policy's memory, texts included. */
export const FACTS_SIZE = 4096;
/** Bytes before the first entry. */
export const FACTS_HEADER = 8;
/** Bytes of one entry: offset and size of its text. */
export const FACT_ENTRY = 8;

const NONE = 0xffffffff;

/** Writes the facts at `at`. Null: there is no orchestrator. */
export function writeFacts(memory: ArrayBuffer, at: number, facts: ContainerFacts | null): void {
  const view = new DataView(memory, at, FACTS_SIZE);
  view.setUint32(0, facts === null ? 0 : 1, true);
  view.setUint32(4, FACTS.length, true);
  let end = FACTS_HEADER + FACT_ENTRY * FACTS.length;
  for (const [i, fact] of FACTS.entries()) {
    const text = facts === null ? null : textOf(facts, fact);
    const bytes = Buffer.from(text ?? "");
    const isThere = text !== null && end + bytes.length <= FACTS_SIZE;
    view.setUint32(FACTS_HEADER + FACT_ENTRY * i, isThere ? end : NONE, true);
    view.setUint32(FACTS_HEADER + FACT_ENTRY * i + 4, isThere ? bytes.length : 0, true);
    if (!isThere) continue;
    new Uint8Array(memory, at + end, bytes.length).set(bytes);
    end += bytes.length;
  }
}

/** Labels as an environment is written: `NAME=VALUE` and a NUL, each. */
function textOf(facts: ContainerFacts, fact: keyof ContainerFacts): string | null {
  const value = facts[fact];
  if (value === null || typeof value === "string") return value;
  return Object.entries(value)
    .map(([name, label]) => `${name}=${label}\0`)
    .join("");
}
