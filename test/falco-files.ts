// SPDX-License-Identifier: Apache-2.0
//
// Falco's own files (rules, fixtures, captures, suites). They stand in ../shared/falco beside the checkout
// and are read where they are. A clone of Vedette alone has none: what reads them is skipped there, and says
// what is missing.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "uvu";

export const FALCO = resolve(import.meta.dirname, "../../shared/falco");
/** What is missing, for the sentence of a skip; null: all is there. */
export const missingFalco = existsSync(FALCO) ? null : `${FALCO} (Falco's rules, fixtures and captures)`;

let isTold = false;

/** A test that reads Falco's files. */
export function withFalco(title: string, run: () => void | Promise<void>): void {
  if (missingFalco === null) {
    test(title, run);
    return;
  }
  if (!isTold) console.log(`skip: tests that read Falco's own files: ${missingFalco} is missing`);
  isTold = true;
  test.skip(title, run);
}
