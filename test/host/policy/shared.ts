// SPDX-License-Identifier: Apache-2.0
// What tests of policies share: their files, and of bad ones the complaint itself, so that its code, place
// and words can be read.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { VedetteError } from "../../../host/errors.js";

/** What this complains of; it must. */
export function faultOf(run: () => unknown): VedetteError {
  try {
    run();
  } catch (error) {
    if (error instanceof VedetteError) return error;
    throw error;
  }
  throw new Error("nothing was wrong");
}

/** What this complains of in the end; it must. */
export async function laterFaultOf(run: () => unknown): Promise<VedetteError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof VedetteError) return error;
    throw error;
  }
  throw new Error("nothing was wrong");
}

/** Writes files into a folder, which need not be there; gives the folder. */
export function writeFiles(folder: string, files: Readonly<Record<string, string | Uint8Array>>): string {
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}
