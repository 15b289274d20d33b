// SPDX-License-Identifier: Apache-2.0
// The compiler's process. asc and binaryen take 300 MB and keep background threads busy, so they never run
// where policies run. It takes one request at a time over IPC and answers each; it is ended from outside.
//
// It reads two things only: the sources that it was sent, and the SDK under the name `vedette`. A policy of
// one tenant cannot import a file of another, whatever path it writes: no path of a policy is looked for on
// the disk. Code that a tenant's policies share is among the sources, as "../lib/...".
import { readFile } from "node:fs/promises";
import { isAbsolute, join, normalize, relative, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { main as asc, libraryFiles } from "assemblyscript/asc";
import type { Contract, PolicyHead, TracedTerm, Tracing } from "../../rules-wasm/transform/types.js";
import { ROOT } from "../paths.js";
import { GENERATED, SDK } from "./sdk.js";

/** By their names in the bundle. */
export type Sources = ReadonlyMap<string, string>;

/** One policy to compile. */
export interface CompileRequest {
  /** What messages call the policy. */
  readonly place: string;
  readonly sources: Sources;
  readonly head: PolicyHead;
  /** Null: a module that judges. */
  readonly tracing: Tracing | null;
}
/** One message of the compiler, with its place in a file of the policy where it has one. */
export interface Diagnostic {
  readonly text: string;
  readonly isError: boolean;
  readonly file: string | null;
  readonly start: number;
  readonly end: number;
}
/** What the compiler made. `judges` counts the functions with @rule or @meter. */
export interface CompileAnswer {
  readonly wasm: Uint8Array | null;
  readonly judges: number;
  readonly terms: readonly TracedTerm[];
  readonly diagnostics: readonly Diagnostic[];
}

const SDK_PREFIX = "/vedette-sdk";
/** Errors that are told of one policy, and warnings: nobody reads more, and whoever asked draws each. */
const SAID_MAX = 100;
const TEXT_MAX = 2_000;
/** Where the compiler believes the sources to be. */
const BASE = "/vedette-policies/policy";

process.on("message", async (request: CompileRequest) => {
  process.send?.(await compile(request));
});
process.on("disconnect", () => process.exit(0));

async function compile(request: CompileRequest): Promise<CompileAnswer> {
  const diagnostics: Diagnostic[] = [];
  let [errors, others] = [0, 0];
  const contract = JSON.parse(await readFile(join(GENERATED, "classes.json"), "utf8")) as Contract;
  const { makeTransform } = await import(pathToFileURL(join(SDK, "transform/index.js")).href);
  const transform = makeTransform(contract, request.head, request.tracing);
  libraryFiles["rt/stub"] = await readFile(join(SDK, "runtime/stub.ts"), "utf8");
  let wasm: Uint8Array | null = null;
  const { error, stderr } = await asc(
    [
      "index.ts",
      "--baseDir",
      BASE,
      "--config",
      relative(BASE, join(ROOT, "asconfig.json")),
      "--path",
      SDK_PREFIX,
      "--outFile",
      "policy.wasm",
      ...(measures(request.sources) ? ["--shrinkLevel", "0"] : []),
    ],
    {
      readFile: (name, base) => readSource(request.sources, name, base),
      listFiles: () => [],
      writeFile: (_name, contents) => {
        wasm = contents as Uint8Array;
      },
      transforms: [transform],
      reportDiagnostic: (message) => {
        if (message.category === 3 ? errors++ >= SAID_MAX : others++ >= SAID_MAX) return;
        diagnostics.push({
          text: readable(message.message).slice(0, TEXT_MAX),
          isError: message.category === 3,
          file: message.range?.source?.normalizedPath ?? null,
          start: message.range?.start ?? 0,
          end: message.range?.end ?? 0,
        });
      },
    },
  );
  if (error !== null && !diagnostics.some((diagnostic) => diagnostic.isError))
    diagnostics.push({
      text: `${error.message} ${stderr.toString()}`.trim(),
      isError: true,
      file: null,
      start: 0,
      end: 0,
    });
  const { judges, terms } = transform;
  return { wasm: error === null ? wasm : null, judges, terms, diagnostics };
}

/** Meters see each byte that servers move: they take a sixth more room, so that an event costs less. */
function measures(sources: Sources): boolean {
  return [...sources.values()].some((text) => text.includes("@meter("));
}

/** Without the compiler's own words for where things stand. */
function readable(text: string): string {
  return text.replace(/^User-defined: /, "").replace(/~lib\/(?:[\w-]+\/)*(\w+)/g, "$1");
}

/** asc asks for names relative to a base; null means that there is no such file. */
async function readSource(sources: Sources, name: string, base: string): Promise<string | null> {
  const path = isAbsolute(name) ? normalize(name) : join(base, name);
  if (path === join(ROOT, "asconfig.json")) return readText(path);
  const inSdk = path.indexOf(`${SDK_PREFIX}${sep}vedette${sep}`);
  if (inSdk >= 0) return readSdk(path.slice(inSdk + SDK_PREFIX.length + "/vedette/".length));
  return sources.get(relative(BASE, path)) ?? null;
}

function readSdk(name: string): Promise<string | null> {
  return readText(name.startsWith("generated/") ? join(GENERATED, name) : join(SDK, name));
}

async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch {
    return null;
  }
}
