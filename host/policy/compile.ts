// SPDX-License-Identifier: Apache-2.0
// From a policy's sources to its module. The compiler runs in a child process (compile-child.ts) that is kept
// for the next policy and ended when nobody needs it; what it made is kept by the digest of all that went in,
// so an unchanged policy costs one read. An error of the author's comes back with file, line, column, and the
// line with a caret under the place.
import { type ChildProcess, fork } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { PolicyHead, TracedTerm, Tracing } from "../../rules-wasm/transform/types.js";
import { boundedCommand } from "../engine/jail.js";
import { VedetteError } from "../errors.js";
import { builtFile } from "../paths.js";
import { reasonOf } from "../reason.js";
import { withHead } from "../wasm/head.js";
import { type Bundle, FolderBundle } from "./bundle.js";
import { columnOf, excerptOf, linesOf } from "./caret.js";
import type { CompileAnswer, CompileRequest, Diagnostic, Sources } from "./compile-child.js";
import { reading } from "./readable.js";
import { SDK, sdkDigest } from "./sdk.js";

/** Where the compiler begins. It may import the policy's other files. */
export const SOURCE_FILE = "index.ts";
const NO_RULES = join(SDK, "no-rules");
/** In a package: the module of NO_RULES without a head. */
export const PREPARED = join(NO_RULES, "module.wasm");
/** Modules of the pack, compiled by the build: a package has them. */
export const SHIPPED = builtFile("policies/pack");
const SOURCES_MAX = 200;
const COMPILE_MS_MAX = 120_000;
/** Of the compiler's process: the pack's largest policy needs 300, of which Node itself takes some 200. */
const MEMORY_MIB = 768;
/** Of what the compiler says. A stack of long names may stand behind why it ended. */
const SAID_MAX = 32 << 10;
/** Never the source: what compiles TypeScript on the way has a thread of its own, which takes 512 MiB. */
const SCRIPT = import.meta.url.endsWith(".ts")
  ? builtFile("js/host/policy/compile-child.js")
  : fileURLToPath(new URL("./compile-child.js", import.meta.url));

/** A module, or why there is none. */
export interface Compiled {
  /** Null where there are errors. */
  readonly wasm: Uint8Array | null;
  readonly errors: readonly VedetteError[];
  readonly warnings: readonly VedetteError[];
}

/** A module that says its way to an answer, and what stands in its sources. */
export interface Traced {
  readonly wasm: Uint8Array;
  /** Each with its line, from 1. */
  readonly terms: readonly (TracedTerm & { readonly line: number })[];
}

/** What the compiler says of a place in a policy's own text. Its hint shows the line. */
export class SourceError extends VedetteError {
  /** By its name in the policy's folder. */
  readonly file: string;
  /** From 1, as the column. */
  readonly line: number;
  readonly column: number;
  readonly reason: string;

  constructor(place: string, { file, line, column, reason, excerpt }: Said) {
    super("VEDETTE_POLICY_COMPILE", { path: join(place, file), line, column, reason, excerpt });
    this.file = file;
    this.line = line;
    this.column = column;
    this.reason = reason;
  }
}

interface Said {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly reason: string;
  readonly excerpt: string;
}

/** Compiles one policy after the other. close() ends the child process. */
export class PolicyCompiler {
  /** Names, in the cache, of the modules that were asked for. */
  readonly asked = new Set<string>();
  readonly #cache: string;
  readonly #onCompile: () => void;
  #child: ChildProcess | null = null;
  #last: Promise<unknown> = Promise.resolve();

  /**
   * `cache`: a folder for compiled modules; one that cannot be written is not used. `onCompile` is told of
   * each module that is asked for and is not kept, before it is compiled.
   */
  constructor(cache: string = builtFile("policies/cache"), onCompile: () => void = () => undefined) {
    this.#cache = cache;
    this.#onCompile = onCompile;
  }

  /** The module of a policy that has no code, only a head. The package has it, and no compiler. */
  async compileNone(head: PolicyHead): Promise<Uint8Array> {
    return existsSync(PREPARED)
      ? withHead(readFileSync(PREPARED), head)
      : this.compile(new FolderBundle(NO_RULES), head);
  }

  /** A digest of all that goes into a policy's module, in hexadecimal. Throws VEDETTE_POLICY_UNREADABLE. */
  keyOf(bundle: Bundle, head: PolicyHead): string {
    return digestOf(bundle.origin.place, sourcesOf(bundle), head);
  }

  /**
   * The module's bytes. Throws VEDETTE_POLICY_COMPILE at the first error, VEDETTE_POLICY_NO_RULES when it has
   * none.
   */
  async compile(bundle: Bundle, head: PolicyHead): Promise<Uint8Array> {
    const { place } = bundle.origin;
    const sources = sourcesOf(bundle);
    const name = `${digestOf(place, sources, head)}.wasm`;
    this.asked.add(name);
    const kept = join(this.#cache, name);
    const found = [kept, join(SHIPPED, name)].find((path) => existsSync(path));
    if (found !== undefined) return readFileSync(found);
    this.#onCompile();
    const { wasm, errors } = await this.#check(place, sources, head);
    if (wasm === null)
      throw errors[0] ?? new VedetteError("VEDETTE_COMPILER_FAILED", { path: place, reason: "it gave no module" });
    keep(kept, wasm);
    return wasm;
  }

  /** Compiles whatever the cache has; all errors and warnings, in the order of their places. */
  async check(bundle: Bundle, head: PolicyHead): Promise<Compiled> {
    return this.#check(bundle.origin.place, sourcesOf(bundle), head);
  }

  /** A module that says its way to an answer (host/wasm/traced.ts). Throws as compile() does. */
  async trace(bundle: Bundle, head: PolicyHead): Promise<Traced> {
    const { place } = bundle.origin;
    const sources = sourcesOf(bundle);
    const whole = await this.#check(place, sources, head, "whole");
    const { wasm, errors, terms } = whole.wasm === null ? await this.#check(place, sources, head, "careful") : whole;
    if (wasm === null)
      throw errors[0] ?? new VedetteError("VEDETTE_COMPILER_FAILED", { path: place, reason: "it gave no module" });
    return { wasm, terms: withLines(terms, sources) };
  }

  async #check(
    place: string,
    sources: Sources,
    head: PolicyHead,
    tracing: Tracing | null = null,
  ): Promise<Compiled & { readonly terms: readonly TracedTerm[] }> {
    const answer = await this.#ask({ place, sources, head, tracing });
    const said = (diagnostics: readonly Diagnostic[]): VedetteError[] => compileErrors(place, sources, diagnostics);
    const errors = said(answer.diagnostics.filter((diagnostic) => diagnostic.isError));
    const own = answer.diagnostics.filter(
      (diagnostic) => diagnostic.file !== null && !diagnostic.file.startsWith("~lib/"),
    );
    const warnings = said(own.filter((diagnostic) => !diagnostic.isError));
    if (errors.length === 0 && answer.judges === 0 && place !== NO_RULES)
      errors.push(new VedetteError("VEDETTE_POLICY_NO_RULES", { path: place }));
    return { wasm: errors.length === 0 ? answer.wasm : null, errors, warnings, terms: answer.terms };
  }

  /** Starts the compiler's process before it is needed: that takes as long as compiling. */
  warm(): void {
    if (this.#child !== null) return;
    this.#child = startChild();
    unrefAll(this.#child, true);
  }

  /** Ends the compiler's process. */
  close(): void {
    this.#child?.kill("SIGKILL");
    this.#child = null;
  }

  /** One request at a time: the child has one compiler. */
  #ask(request: CompileRequest): Promise<CompileAnswer> {
    const answer = this.#last.then(() => this.#send(request));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  #send(request: CompileRequest): Promise<CompileAnswer> {
    this.#child ??= startChild();
    const child = this.#child;
    let said = "";
    return new Promise((resolve, reject) => {
      const fail = (reason: string): void => {
        finish();
        this.close();
        reject(new VedetteError("VEDETTE_COMPILER_FAILED", { path: request.place, reason }));
      };
      const onExit = (status: number | null, signal: string | null): void =>
        fail(`its process ended (${[signal ?? status, ...causeIn(said)].join("; ")})`);
      const onError = (error: Error): void => fail(reasonOf(error));
      const onText = (text: Buffer): void => {
        said = (said + text).slice(-SAID_MAX);
      };
      const onAnswer = (answer: unknown): void => {
        finish();
        resolve(answer as CompileAnswer);
      };
      const timer = setTimeout(() => fail(`it took longer than ${COMPILE_MS_MAX / 1000} s`), COMPILE_MS_MAX);
      const finish = (): void => {
        clearTimeout(timer);
        child.off("exit", onExit).off("error", onError).off("message", onAnswer);
        child.stderr?.off("data", onText);
        unrefAll(child, true);
      };
      child.on("exit", onExit).on("error", onError).on("message", onAnswer);
      child.stderr?.on("data", onText);
      unrefAll(child, false);
      child.send(request, (error) => error !== null && fail(reasonOf(error)));
    });
  }
}

function startChild(): ChildProcess {
  // A few lines can take memory without end: functions that are copied where they are called, twice each.
  return fork(SCRIPT, {
    ...boundedCommand(MEMORY_MIB),
    serialization: "advanced",
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
}

/** A child that waits for work must not keep our process alive. */
function unrefAll(child: ChildProcess, idle: boolean): void {
  const stderr = child.stderr as (NodeJS.ReadableStream & { ref(): void; unref(): void }) | null;
  if (idle) {
    child.unref();
    child.channel?.unref();
    stderr?.unref();
  } else {
    child.ref();
    child.channel?.ref();
    stderr?.ref();
  }
}

/** Each file's text is walked once, however much is said of it. */
function compileErrors(place: string, sources: Sources, all: readonly Diagnostic[]): SourceError[] {
  const lines = new Map<Diagnostic, number>();
  for (const file of new Set(all.map((one) => one.file))) {
    const some = all.filter((one) => one.file === file);
    const starts = some.map(({ start }) => start);
    const text = file === null ? "" : (sources.get(file) ?? "");
    for (const [index, line] of linesOf(text, starts).entries()) lines.set(some[index]!, line);
  }
  return all.map((one) => compileError(place, sources, one, lines.get(one)!));
}

function compileError(
  place: string,
  sources: Sources,
  { file, text, start, end }: Diagnostic,
  line: number,
): SourceError {
  const source = file === null ? undefined : sources.get(file);
  if (file === null || source === undefined) {
    const inside = file === null ? "" : ` (in the SDK's ${file.replace("~lib/vedette/", "")})`;
    const excerpt = "The error is not in a line of the policy's own.";
    return new SourceError(place, { file: SOURCE_FILE, line: 1, column: 1, reason: `${text}${inside}`, excerpt });
  }
  const excerpt = excerptOf(source, start, end, line);
  return new SourceError(place, { file, line, column: columnOf(source, start), reason: text, excerpt });
}

/** Of everything the module depends on: sources, what policy.yaml says, SDK, compiler. */
function digestOf(place: string, sources: Sources, head: PolicyHead): string {
  const hash = createHash("sha256").update(toolsDigest(place)).update(JSON.stringify(head));
  for (const [name, text] of sources) hash.update(`${name}\0`).update(text).update("\0");
  return hash.digest("hex");
}

function toolsDigest(place: string): string {
  try {
    return sdkDigest();
  } catch (error) {
    throw new VedetteError("VEDETTE_COMPILER_FAILED", { path: place, reason: reasonOf(error) }, { cause: error });
  }
}

/** The author's files. More than a policy can have are not a policy's. */
function sourcesOf(bundle: Bundle): Sources {
  const { place } = bundle.origin;
  return reading(place, () => {
    const names = bundle.names().filter((name) => name.endsWith(".ts"));
    if (names.length > SOURCES_MAX)
      throw new VedetteError("VEDETTE_POLICY_UNREADABLE", {
        path: place,
        reason: `it holds more than ${SOURCES_MAX} sources`,
      });
    return new Map(names.map((name) => [name, Buffer.from(bundle.read(name)).toString()]));
  });
}

/** Written beside and renamed: another process may be reading. */
function keep(path: string, wasm: Uint8Array): void {
  try {
    mkdirSync(join(path, ".."), { recursive: true });
    const part = `${path}.${process.pid}`;
    writeFileSync(part, wasm);
    renameSync(part, path);
  } catch {
    // A cache that cannot be written is no cache: the next start compiles again.
  }
}

/** The line in which node says why it ended; a stack trace stands around it. */
function causeIn(said: string): string[] {
  if (/out of memory|bad_alloc|[Aa]llocation failed|Cannot allocate/.test(said))
    return [`it needed more than ${MEMORY_MIB} MiB`];
  const lines = said.trim().split("\n");
  const cause = lines.find((line) => /^(\w*Error\b|FATAL ERROR)/.test(line)) ?? lines.at(-1) ?? "";
  return cause === "" ? [] : [cause];
}

function withLines(terms: readonly TracedTerm[], sources: ReadonlyMap<string, string>): Traced["terms"] {
  const lines = new Map<TracedTerm, number>();
  for (const file of new Set(terms.map((one) => one.file))) {
    const some = terms.filter((one) => one.file === file);
    const starts = some.map(({ start }) => start);
    for (const [index, line] of linesOf(sources.get(file) ?? "", starts).entries()) lines.set(some[index]!, line);
  }
  return terms.map((one) => ({ ...one, line: lines.get(one)! }));
}
