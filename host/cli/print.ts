// SPDX-License-Identifier: Apache-2.0
// The answer of a command that runs no workload: lines on stdout, written whole.
import { openSink } from "../output/sink.js";
import { escapedUnseen, visible } from "../output/visible.js";
import { reportLoss } from "./failure.js";

export { counted } from "../output/counted.js";

/**
 * Writes the lines and returns when they are written. A reader that left is no error; a full disk is told.
 * What others have named moves no terminal: only the ends of lines and tabulators stay as they are.
 */
export function print(lines: readonly string[]): void {
  const stdout = openSink("stdout", "w", "VEDETTE_OUTPUT_UNWRITABLE", reportLoss);
  for (const line of lines) stdout.line(line.replace(/[^\n\t]+/g, visible));
  stdout.flush();
}

/** An object as one line of JSON. */
export function printJson(value: unknown): void {
  const text = JSON.stringify(value, (_key, part) => (typeof part === "bigint" ? Number(part) : part));
  print([escapedUnseen(text)]);
}
