// SPDX-License-Identifier: Apache-2.0
// `vedette policy inspect DIR|MODULE`: what a policy is, without running any of it.
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { VedetteError } from "../errors.js";
import { whileShowing } from "../output/progress.js";
import { openBundle } from "../policy/bundle.js";
import { PolicyCompiler } from "../policy/compile.js";
import { moduleBytes } from "../policy/load.js";
import { readPolicyFile } from "../policy/policy-file.js";
import { reasonOf } from "../reason.js";
import { admit, PAGE } from "../wasm/admission.js";
import { readSections } from "../wasm/sections.js";
import { print, printJson } from "./print.js";

/** Prints what a folder or a module holds. Gives status 0. */
export async function inspectPolicy(path: string, asJson: boolean): Promise<number> {
  const bytes = await whileShowing("compiling", () => bytesOf(path));
  const { metadata, memory } = await admit(bytes, path);
  const sections = readSections(bytes, path);
  const facts = {
    ...metadata,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    bytes: bytes.length,
    functions: sections.functions.length,
    imports: sections.imports.map((one) => one.name),
    exports: sections.exports.map((one) => one.name),
    memoryBytes: memory.initial * PAGE,
    memoryBytesMax: memory.maximum * PAGE,
  };
  if (asJson) printJson(facts);
  else print(lines(facts));
  return 0;
}

async function bytesOf(path: string): Promise<Uint8Array> {
  const compiler = new PolicyCompiler();
  try {
    if (!statSync(path).isDirectory()) return readFileSync(path);
    const bundle = openBundle(path);
    return await moduleBytes(bundle, readPolicyFile(bundle).value, compiler);
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
  readonly memoryBytes: number;
  readonly memoryBytesMax: number;
};

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
  ];
}
