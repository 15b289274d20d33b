// SPDX-License-Identifier: Apache-2.0
// `vedette instrument FILE`: a task definition or template in, the same with Vedette in it out. The result alone goes to
// stdout; what a person should know goes to stderr.
import { renameSync, rmSync, writeFileSync, writeSync } from "node:fs";
import {
  type Document,
  type GivenOptions,
  instrument,
  readDocument,
  readImageConfigs,
  undo,
  unifiedDiff,
} from "../ecs/patcher.js";
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";
import { say } from "./failure.js";

/** The command's flags, as they were typed. */
export interface InstrumentFlags extends GivenOptions {
  readonly output?: string;
  readonly dryRun?: boolean;
  readonly undo?: boolean;
  readonly imageConfig?: readonly string[];
}

const STDOUT = 1;

/**
 * Reads, edits and prints or writes one file. Gives status 0; a definition that it refuses is a
 * VEDETTE_DEFINITION_* error.
 */
export function instrumentFile(file: string, flags: InstrumentFlags, version: string): number {
  const document = readDocument(file);
  const { text, remarks } = flags.undo
    ? undone(document)
    : instrument(document, flags, readImageConfigs(flags.imageConfig ?? []), version);
  for (const remark of remarks) say(`vedette: ${remark}`);
  if (flags.dryRun) print(unifiedDiff(document.path, document.text, text));
  else if (flags.output === undefined) print(text);
  else writeWhole(flags.output, text);
  return 0;
}

function undone(document: Document): { text: string; remarks: string[] } {
  const { text, journal, isExact } = undo(document);
  if (journal === null) return { text, remarks: [`${document.path} has no Vedette in it`] };
  if (isExact) return { text, remarks: [] };
  return { text, remarks: [`${document.path} was edited since it was instrumented; those edits stay`] };
}

function print(text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(STDOUT, bytes, at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EPIPE") return; // whoever read it has enough
      if (code !== "EAGAIN") throw error;
    }
  }
}

/** All of it or nothing: whoever reads the file meanwhile sees the old one. */
function writeWhole(path: string, text: string): void {
  const draft = `${path}.vedette-${process.pid}`;
  try {
    writeFileSync(draft, text);
    renameSync(draft, path);
  } catch (cause) {
    rmSync(draft, { force: true });
    throw new VedetteError("VEDETTE_OUTPUT_UNWRITABLE", { path, reason: reasonOf(cause) }, { cause });
  }
}
