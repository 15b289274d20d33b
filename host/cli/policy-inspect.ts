// SPDX-License-Identifier: Apache-2.0
// `vedette policy inspect DIR|MODULE`: what a policy is, without running any of it. Of a folder of
// several, or of the pack, it lists their rules.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import type { PreventRow } from "../engine/prevent-row.js";
import { VedetteError } from "../errors.js";
import { PRIORITIES } from "../finding/priority.js";
import { whileShowing } from "../output/progress.js";
import { openBundle } from "../policy/bundle.js";
import { PolicyCompiler } from "../policy/compile.js";
import { foldersOf, limitsAt, loadPolicy, moduleBytes } from "../policy/load.js";
import { readPolicyFile } from "../policy/policy-file.js";
import { reasonOf } from "../reason.js";
import { admit, PAGE } from "../wasm/admission.js";
import { readSections } from "../wasm/sections.js";
import { counted, print, printJson } from "./print.js";

/** Prints what a folder or a module holds, or lists what is in a folder of several. Gives status 0. */
export async function inspectPolicy(path: string, asJson: boolean): Promise<number> {
  const found = existsSync(path) && !statSync(path).isDirectory() ? [path] : foldersOf([path]);
  const all = await whileShowing("compiling", async () => {
    const facts: Facts[] = [];
    for (const one of found) facts.push(await factsOf(one));
    return facts;
  });
  if (asJson) printJson(all.length === 1 ? all[0] : all);
  else print(all.length === 1 ? lines(all[0] as Facts) : listed(all));
  return 0;
}

async function factsOf(path: string): Promise<Facts> {
  const { bytes, prevent } = await partsOf(path);
  // A policy that only prevents has no rules.
  const { metadata, memory } = await admit(bytes, path, { ...limitsAt(path), rulesMin: prevent.length > 0 ? 0 : 1 });
  const sections = readSections(bytes, path);
  return {
    ...metadata,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    bytes: bytes.length,
    functions: sections.functions.length,
    imports: sections.imports.map((one) => one.name),
    exports: sections.exports.map((one) => one.name),
    memoryBytes: memory.initial * PAGE,
    memoryBytesMax: memory.maximum * PAGE,
    prevent,
  };
}

interface Parts {
  readonly bytes: Uint8Array;
  readonly prevent: readonly PreventRow[];
}

async function partsOf(path: string): Promise<Parts> {
  const compiler = new PolicyCompiler();
  try {
    if (!statSync(path).isDirectory()) return { bytes: readFileSync(path), prevent: [] };
    const bundle = openBundle(path);
    const bytes = await moduleBytes(bundle, readPolicyFile(bundle).value, compiler);
    const { prevent = [] } = await loadPolicy(bundle, { compiler });
    return { bytes, prevent };
  } catch (error) {
    if (error instanceof VedetteError) throw error;
    throw new VedetteError("VEDETTE_POLICY_UNREADABLE", { path, reason: reasonOf(error) }, { cause: error });
  } finally {
    compiler.close();
  }
}

type Facts = Awaited<ReturnType<typeof admit>>["metadata"] & {
  readonly sha256: string;
  readonly bytes: number;
  readonly functions: number;
  readonly imports: readonly string[];
  readonly exports: readonly string[];
  readonly memoryBytes: number;
  readonly memoryBytesMax: number;
  readonly prevent: readonly PreventRow[];
};

const PRIORITY_WIDTH = Math.max(...PRIORITIES.map((one) => one.length));

/** A line for each policy, and below it one for each of its rules, meters and rows. */
function listed(all: readonly Facts[]): string[] {
  const row = (what: string, name: string): string => `  ${what.padEnd(PRIORITY_WIDTH)} ${name}`;
  const rules = all.reduce((sum, one) => sum + one.rules.length, 0);
  return [
    ...all.flatMap(({ name, version, rules, meters = [], prevent }) => [
      `${name} ${version}`,
      ...rules.map((one) => row(one.priority, one.name)),
      ...meters.map((one) => row("meter", one.name)),
      ...prevent.map((one) => row("denies", one.name)),
    ]),
    `${counted(all.length, "policy", "policies")} with ${counted(rules, "rule")}`,
  ];
}

function lines(facts: Facts): string[] {
  return [
    `${facts.name} ${facts.version}`,
    `abi ${facts.abi}, event contract ${facts.schema} (minor ${facts.minor})`,
    `sha256 ${facts.sha256}`,
    `${facts.bytes} bytes, ${facts.functions} functions, imports ${facts.imports.join(" ")}`,
    `memory ${facts.memoryBytes / 1024} KiB, at most ${facts.memoryBytesMax / 1024} KiB`,
    ...facts.parameters.map((one) => `parameter ${one.name} (${one.kind}): ${JSON.stringify(one.default)}`),
    ...facts.rules.flatMap((rule) => [
      `rule "${rule.name}" (${rule.priority}${rule.tags.length > 0 ? `; ${rule.tags.join(" ")}` : ""})`,
      `  on ${rule.events.join(" ")}`,
      `  ${rule.output}`,
    ]),
    ...(facts.meters ?? []).flatMap(({ name, events }) => [`meter "${name}"`, `  on ${events.join(" ")}`]),
    ...(facts.metrics ?? []).map(
      ({ kind, name, unit, labels }) => `measures ${name} (${kind}, ${unit})${labels.map((one) => ` ${one}`).join("")}`,
    ),
    ...facts.prevent.map(({ name, deny, action, mode, networks, ports, files, programs }) => {
      const to = [...networks, ...ports].map((one) => ` ${one}`).join("");
      const except = [...files, ...programs].map((one) => ` ${one}`).join("");
      return `denies "${name}" (${deny}${to}; ${action}, ${mode})${except === "" ? "" : `, except${except}`}`;
    }),
  ];
}
