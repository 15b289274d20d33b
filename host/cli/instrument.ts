// SPDX-License-Identifier: Apache-2.0
// `vedette instrument FILE`: a task definition or template in, the same with Vedette in it out. The result
// alone goes to stdout; what a person should know goes to stderr.
import { renameSync, rmSync, writeFileSync, writeSync } from "node:fs";
import {
  type Document,
  givenOptions,
  type ImageConfigs,
  imagesOfRegistries,
  instrument,
  instrumentAssembly,
  isAssembly,
  isDescribed,
  parseDocument,
  patchOf,
  patchText,
  type RunOptions,
  readDocument,
  readImageConfigs,
  registerable,
  undo,
  unifiedDiff,
} from "../ecs/patcher.js";
import { VedetteError } from "../errors.js";
import { whileShowing } from "../output/progress.js";
import { reasonOf } from "../reason.js";
import { say, warn } from "./failure.js";

/** The command's flags, as they were typed. */
export interface InstrumentFlags extends RunOptions {
  readonly output?: string;
  readonly dryRun?: boolean;
  readonly undo?: boolean;
  readonly upgrade?: boolean;
  readonly check?: boolean;
  /** Writes what is changed, not the result. */
  readonly patch?: boolean;
  /** Writes what `register-task-definition` takes. */
  readonly register?: boolean;
  readonly imageConfig?: readonly string[];
  /** Asks registries for what images run. */
  readonly registry?: boolean;
}

const STDOUT = 1;
/** What stands for a secret's value, which nobody knows here: a text, and an address, too. */
const UNKNOWN = "https://secret.invalid/";

/**
 * Reads, edits and prints or writes one file. Gives status 0, under `--check` 1 where something is to be
 * done; a definition that it refuses is a VEDETTE_DEFINITION_* error.
 */
export async function instrumentFile(file: string, flags: InstrumentFlags): Promise<number> {
  const told = await configTold(flags);
  for (const line of told) say(`vedette: ${line}`);
  if (isAssembly(file)) return instrumentFolder(file, flags);
  const given = readDocument(file);
  const document = flags.register ? registerable(given) : given;
  if (flags.upgrade && undo(document).journal === null) throw notThere(document);
  const { text, remarks, advice } = flags.undo
    ? undone(document)
    : instrument(document, flags, await imagesFor(document, flags));
  for (const remark of [...remarks, ...advice]) warn(`vedette: ${remark}`);
  const way = registering(given, flags);
  if (way !== null) say(`vedette: ${way}`);
  if (flags.check) return checked(document, text, advice);
  if (flags.dryRun) print(unifiedDiff(document.path, document.text, text));
  else writeOrPrint(flags, flags.patch ? patchText(patchOf(document, parseDocument(file, text))) : text);
  return 0;
}

/**
 * Looks at the outputs and the rows of `respond` of `--config` as the sidecar will, so that what is wrong is
 * said now. Gives what the task's roles must be allowed for them.
 */
async function configTold({ config, ...run }: InstrumentFlags): Promise<string[]> {
  if (config === undefined) return [];
  const set = givenOptions({ ...run, config }).set ?? [];
  const of = (list: string): [name: string, value: string][] =>
    set.flatMap((text) => {
      const [, name, value] = new RegExp(`^container\\.${list}\\.([^=]+)=(.*)$`, "s").exec(text) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value]];
    });
  const secrets = of("secrets");
  const { sidecarParts } = await import("../config/config.js");
  const unknown = secrets.map(([name]) => [name, UNKNOWN] as const);
  const environment = Object.fromEntries(of("environment"));
  const { outputs, responses } = sidecarParts(config, { ...Object.fromEntries(unknown), ...environment });
  const { taskStatements, stopStatements, executionStatements } = await import("./task-role.js");
  const roles = [
    ["the task's role", [...taskStatements(outputs), ...stopStatements(responses, environment.AWS_REGION)]],
    ["the task's execution role", executionStatements(secrets.map(([, arn]) => arn))],
  ] as const;
  return roles.flatMap(([role, all]) => (all.length === 0 ? [] : [`${role} needs ${JSON.stringify(all)}`]));
}

function writeOrPrint({ output }: InstrumentFlags, text: string): void {
  if (output === undefined) print(text);
  else writeWhole(output, text);
}

/** What `cdk synth` wrote: all its templates, where they stand, so that `cdk deploy` finds them there. */
async function instrumentFolder(folder: string, flags: InstrumentFlags): Promise<number> {
  const taken = ["output", "undo", "upgrade", "check", "register", "patch"] as const;
  const wrong = taken.find((flag) => flags[flag] !== undefined);
  if (wrong !== undefined) {
    const problem = `--${wrong} is for a file; what is in ${folder}, \`cdk synth\` writes anew`;
    throw new VedetteError("VEDETTE_USAGE", { problem, command: "instrument" });
  }
  const { files, remarks, advice } = await instrumentAssembly(folder, flags, (one) => imagesFor(one, flags));
  for (const remark of [...remarks, ...advice]) say(`vedette: ${remark}`);
  for (const { path, before, after } of files)
    if (flags.dryRun) print(unifiedDiff(path, before, after));
    else writeWhole(path, after);
  return 0;
}

async function imagesFor(document: Document, flags: InstrumentFlags): Promise<ImageConfigs> {
  const given = readImageConfigs(flags.imageConfig ?? []);
  if (!flags.registry) return given;
  return whileShowing("asking registries", () => imagesOfRegistries(document, flags, given, process.env));
}

/**
 * How what is written gets to ECS; null where it is not a task definition of its own, or is not to get there.
 */
function registering(given: Document, { register, output, undo, check, dryRun }: InstrumentFlags): string | null {
  const command = `aws ecs register-task-definition --cli-input-json file://${output ?? "FILE"}`;
  if (check || dryRun) return null;
  if (register) return `register it: ${command}`;
  if (undo || !isDescribed(given)) return null;
  return `this is not what ECS registers: with --register, it is written as \`${command}\` takes it`;
}

function checked(document: Document, text: string, advice: readonly string[]): number {
  const isDone = text === document.text;
  if (!isDone) warn(`vedette: ${document.path} is not as this run would write it; --dry-run shows the difference`);
  return isDone && advice.length === 0 ? 0 : 1;
}

function notThere({ path }: Document): VedetteError {
  return new VedetteError("VEDETTE_DEFINITION_NONE", {
    path,
    reason: "Vedette is not in it, so there is nothing to upgrade",
  });
}

function undone(document: Document): { text: string; remarks: string[]; advice: string[] } {
  const { text, journal, isExact } = undo(document);
  if (journal === null) return { text, remarks: [`${document.path} has no Vedette in it`], advice: [] };
  if (isExact) return { text, remarks: [], advice: [] };
  return { text, remarks: [`${document.path} was edited since it was instrumented; those edits stay`], advice: [] };
}

function print(text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(STDOUT, bytes, at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EPIPE") return; // whoever read it has enough
      if (code !== "EAGAIN") throw unwritable("stdout", error);
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
    throw unwritable(path, cause);
  }
}

const unwritable = (path: string, cause: unknown): VedetteError =>
  new VedetteError("VEDETTE_OUTPUT_UNWRITABLE", { path, reason: reasonOf(cause) }, { cause });
