// SPDX-License-Identifier: Apache-2.0
// By what a process is known to whoever asks: its agent, its pid and its start. No other process has it.
import type { Finding } from "../finding/finding.js";
import type { Batch } from "../wire/batch.js";
import { PROCESS_AT } from "../wire/layout.js";
import { processInt } from "../wire/process.js";

/** Of an agent's 32 hexadecimal digits. */
const SOURCE_DIGITS = 8;

/** `source` in hexadecimal digits; `process`: where its entry begins in the batch. */
export function processKey(batch: Batch, source: string, process: number): string {
  const [pid, start] = [PROCESS_AT.pid, PROCESS_AT.start_time].map((field) =>
    processInt(batch, process, field as number),
  );
  return keyText(source, pid, start);
}

/** The key of the process that a finding is about; null: it is about none. */
export function findingKey({ event, process }: Finding): string | null {
  return process === null ? null : keyText(event.source, process.pid, process.started);
}

/** When the process of a key began, ns since the epoch; 0 where that is not known. */
export function startOf(key: string): bigint {
  const text = key.slice(key.lastIndexOf("@") + 1);
  return /^\d+$/.test(text) ? BigInt(text) : 0n;
}

function keyText(source: string, pid: unknown, start: unknown): string {
  return `${source.slice(0, SOURCE_DIGITS)}/${pid ?? ""}@${start ?? ""}`;
}
