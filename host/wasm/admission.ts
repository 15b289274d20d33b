// SPDX-License-Identifier: Apache-2.0
// Decides whether a module may run at all. It checks everything that can be known from the module's bytes
// before the engine sees them: imports and exports, the size of memory, table and data, and that nothing runs
// when the module is made. The watchdog (host/engine) handles what cannot be known: how long the module runs,
// and whether it traps. docs/abi/v1.md says what a policy must be.

import { VedetteError } from "../errors.js";
import { FACTS_SIZE } from "./facts.js";
import { layoutOf, METRICS_MAX } from "./instruments.js";
import { type Metadata, readMetadata } from "./metadata.js";
import { type Export, type Global, readSections, type Sections } from "./sections.js";

/** Bytes of a page of WebAssembly memory. */
export const PAGE = 65536;
/** Bytes that a policy's frame must have: a batch of the largest size, and room for header and facts. */
export const FRAME_SIZE_MIN = 0x100000 + 0x1000;

/** What a module may have, from a tenant's limits. */
export interface ModuleLimits {
  readonly moduleBytes: number;
  /** Pages of 64 KiB. */
  readonly memoryPages: number;
  /** Default 1: a policy that only prevents needs none. */
  readonly rulesMin?: 0 | 1;
  /** Whose rules may be many and have long texts. */
  readonly isWide?: boolean;
}
/** Limits of a policy whose tenant sets none: 1 MiB of code and 4 MiB of memory. */
export const DEFAULT_LIMITS: ModuleLimits = { moduleBytes: 1 << 20, memoryPages: 64 };
/** Of a meter that comes with Vedette: golden-signals keeps the connections of each protocol. */
export const METER_LIMITS: ModuleLimits = { ...DEFAULT_LIMITS, memoryPages: 256 };
/** Of what is compiled here from the operator's own rule files. */
export const WIDE_LIMITS: ModuleLimits = { moduleBytes: 64 << 20, memoryPages: 512, isWide: true };

/** What its bytes say of a module that may be compiled. */
export interface Examined {
  readonly path: string;
  /** What it was compiled from: another process has to compile it again. */
  readonly bytes: Uint8Array;
  readonly metadata: Metadata;
  /** Where it measures; null: it declares no instrument. Address and size in bytes. */
  readonly metrics: { readonly at: number; readonly size: number } | null;
  /** What the host makes the memory with. */
  readonly memory: { readonly initial: number; readonly maximum: number };
}

/** A module that was let in; plain data, so that it can be posted to a worker. */
export interface Admitted extends Examined {
  readonly module: WebAssembly.Module;
}

const IMPORTS: Readonly<Record<string, string>> = {
  "vedette.alert": "(i32 i32 i32 i32) -> ()",
  "vedette.log": "(i32 i32 i32) -> ()",
  "vedette.fact": "(i32 i32 i32 i32 i32 i32) -> ()",
  "vedette.abort": "(i32 i32 i32 i32 i32 i32) -> ()",
};
const FUNCTIONS: Readonly<Record<string, string>> = {
  vedette_init: "(i32) -> (i32)",
  vedette_on_batch: "(i32) -> (i32)",
};
const CONSTANTS = ["vedette_abi", "vedette_frame", "vedette_frame_size"];
const OPTIONAL: Readonly<Record<string, string>> = {
  vedette_record: "i32",
  vedette_judge: "i32",
  vedette_facts: "i32",
  vedette_state: "i32",
  vedette_state_size: "i32",
  vedette_state_schema: "i64",
  vedette_state_dirty: "i32",
  vedette_metrics: "i32",
  vedette_metrics_size: "i32",
  vedette_metrics_dirty: "i32",
};
const METRICS = ["vedette_metrics", "vedette_metrics_size", "vedette_metrics_dirty"];
const PAGES_MIN = 17;
const IMPORTS_MAX = 16;
const GLOBALS_MAX = 10_000;
const TABLES_MAX = 1;

/** Checks the bytes and compiles them. `path` is for messages. */
export async function admit(bytes: Uint8Array, path: string, limits: ModuleLimits = DEFAULT_LIMITS): Promise<Admitted> {
  return compiled(examine(bytes, path, limits));
}

/** Checks the bytes. */
export function examine(bytes: Uint8Array, path: string, limits: ModuleLimits = DEFAULT_LIMITS): Examined {
  if (bytes.length > limits.moduleBytes)
    throw new VedetteError("VEDETTE_MODULE_TOO_LARGE", { path, size: bytes.length, limit: limits.moduleBytes });
  const sections = readSections(bytes, path, limits.isWide);
  const metadata = readMetadata(sections, path, limits.isWide);
  if (metadata.rules.length + (metadata.meters?.length ?? 0) < (limits.rulesMin ?? 1))
    throw new VedetteError("VEDETTE_POLICY_NO_RULES", { path });
  const memory = checkImports(sections, path, limits);
  checkExports(sections, path, memory.initial);
  checkSizes(sections, path, memory.initial);
  // A file's bytes may be a part of Node's pool, all of which would be kept, and copied to each worker.
  const own = new Uint8Array(bytes);
  return { path, bytes: own, metadata, metrics: metricsOf(sections, metadata, path, memory.initial), memory };
}

/** Compiles what was examined. */
export async function compiled(examined: Examined): Promise<Admitted> {
  return { ...examined, module: await compileModule(examined.bytes, examined.path) };
}

function checkImports(sections: Sections, path: string, limits: ModuleLimits): Admitted["memory"] {
  if (sections.imports.length > IMPORTS_MAX) refuseImport(path, `there are ${sections.imports.length} imports`, 0);
  let memory: Admitted["memory"] | undefined;
  for (const { name, signature, memory: limit, offset } of sections.imports) {
    if (limit !== null) {
      if (name !== "env.memory" || memory !== undefined)
        refuseMemory(path, `it imports ${memory === undefined ? name : "a second one"}`, offset);
      if (limit.max === null) return refuseMemory(path, "it has no maximum", offset);
      if (limit.min < PAGES_MIN)
        refuseMemory(path, `${limit.min} pages do not hold a frame, which takes ${PAGES_MIN}`, offset);
      if (limit.min > limits.memoryPages)
        refuseMemory(path, `it asks for ${limit.min} pages, and the limit is ${limits.memoryPages}`, offset);
      if (limit.max < limit.min) refuseMemory(path, "its maximum is less than its minimum", offset);
      memory = { initial: limit.min, maximum: Math.min(limit.max, limits.memoryPages) };
    } else if (!Object.hasOwn(IMPORTS, name)) refuseImport(path, `there is no ${printable(name)}`, offset);
    else if (IMPORTS[name] !== signature) refuseImport(path, `${name} is ${IMPORTS[name]}, not ${signature}`, offset);
  }
  return memory ?? refuseMemory(path, "it imports none", 0);
}

function checkExports(sections: Sections, path: string, pages: number): void {
  const exports = new Map<string, Export>();
  for (const one of sections.exports) {
    if (exports.has(one.name)) refuseExport(path, `${printable(one.name)} stands twice`, one.offset);
    exports.set(one.name, one);
    if (!Object.hasOwn(FUNCTIONS, one.name) && !CONSTANTS.includes(one.name) && !Object.hasOwn(OPTIONAL, one.name))
      refuseExport(path, `no policy exports ${printable(one.name)}`, one.offset);
  }
  for (const [name, wanted] of Object.entries(FUNCTIONS)) {
    const one = exports.get(name) ?? refuseExport(path, `the function ${name} is missing`, 0);
    const signature = one.kind === "function" ? sections.functions[one.index] : one.kind;
    if (signature !== wanted) refuseExport(path, `${name} is ${wanted}, not ${signature}`, one.offset);
  }
  for (const [name, type] of Object.entries(OPTIONAL)) {
    const one = exports.get(name);
    if (one !== undefined && globalOf(sections, one)?.type !== type)
      refuseExport(path, `${name} is no global ${type}`, one.offset);
  }
  const [abi, frame, size] = CONSTANTS.map((name) => constantOf(sections, exports, name, path)) as [
    number,
    number,
    number,
  ];
  if (abi !== 1) throw new VedetteError("VEDETTE_MODULE_ABI", { path, theirs: abi, ours: 1 });
  const offset = exports.get("vedette_frame")?.offset ?? 0;
  if (size < FRAME_SIZE_MIN) refuseExport(path, `a frame of ${size} bytes is less than ${FRAME_SIZE_MIN}`, offset);
  if (frame % 8 !== 0 || frame < 0 || frame + size > pages * PAGE)
    refuseExport(path, `the frame at ${frame} is not aligned, or not in memory`, offset);
  const room = exports.get("vedette_facts");
  if (room === undefined) return;
  const facts = constantOf(sections, exports, "vedette_facts", path);
  if (facts % 8 !== 0 || facts < 0 || facts + FACTS_SIZE > pages * PAGE)
    refuseExport(path, `the facts at ${facts} are not aligned, or not in memory`, room.offset);
}

/** Where a module measures: the region must hold what the section declares, in the initial memory. */
function metricsOf(sections: Sections, metadata: Metadata, path: string, pages: number): Examined["metrics"] {
  const exports = new Map(sections.exports.map((one) => [one.name, one]));
  const instruments = metadata.metrics ?? [];
  const stray = METRICS.map((name) => exports.get(name)).find((one) => one !== undefined);
  if (instruments.length === 0) {
    if (stray !== undefined) refuseExport(path, `${stray.name} is there, and no instrument is declared`, stray.offset);
    return null;
  }
  const [at, size] = ["vedette_metrics", "vedette_metrics_size"].map((name) =>
    constantOf(sections, exports, name, path),
  ) as [number, number];
  const dirty = exports.get("vedette_metrics_dirty");
  if (dirty === undefined || globalOf(sections, dirty)?.isMutable !== true)
    return refuseExport(path, "vedette_metrics_dirty is no mutable global i32", dirty?.offset ?? 0);
  const offset = exports.get("vedette_metrics")?.offset ?? 0;
  const needed = layoutOf(instruments).labels;
  if (size < needed || size > METRICS_MAX)
    refuseExport(
      path,
      `metrics of ${size} bytes: the instruments take ${needed}, and at most ${METRICS_MAX} are allowed`,
      offset,
    );
  if (at % 8 !== 0 || at < 0 || at + size > pages * PAGE)
    refuseExport(path, `the metrics at ${at} are not aligned, or not in memory`, offset);
  const frame = constantOf(sections, exports, "vedette_frame", path);
  if (at < frame + constantOf(sections, exports, "vedette_frame_size", path) && frame < at + size)
    refuseExport(path, `the metrics at ${at} lie in the frame`, offset);
  return { at, size };
}

/** The value of an immutable i32. */
function constantOf(sections: Sections, exports: ReadonlyMap<string, Export>, name: string, path: string): number {
  const one = exports.get(name) ?? refuseExport(path, `the global ${name} is missing`, 0);
  const global = globalOf(sections, one);
  if (global === undefined || global.type !== "i32" || global.isMutable || global.value === null)
    return refuseExport(path, `${name} is no immutable global i32`, one.offset);
  return global.value;
}

function globalOf(sections: Sections, one: Export): Global | undefined {
  return one.kind === "global" ? sections.globals[one.index] : undefined;
}

function checkSizes(sections: Sections, path: string, pages: number): void {
  if (sections.globals.length > GLOBALS_MAX) refuseGlobal(path, `there are ${sections.globals.length}`);
  if (sections.tables.length > TABLES_MAX)
    throw new VedetteError("VEDETTE_MODULE_TABLE", {
      path,
      reason: "there is more than one",
      section: "table section",
      offset: sections.tables[1]?.offset ?? 0,
    });
  for (const { address, size, offset } of sections.data) {
    if (address + size > pages * PAGE)
      throw new VedetteError("VEDETTE_MODULE_DATA", {
        path,
        reason: `${size} bytes at ${address}, and the memory has ${pages * PAGE}`,
        section: "data section",
        offset,
      });
  }
}

/** The engine checks the function bodies. */
async function compileModule(bytes: Uint8Array, path: string): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(bytes as Uint8Array<ArrayBuffer>);
  } catch (error) {
    const reason = (error as Error).message.replace(/^WebAssembly\.\w+\(\): /, "");
    throw new VedetteError("VEDETTE_MODULE_INVALID", { path, reason }, { cause: error });
  }
}

function refuseImport(path: string, reason: string, offset: number): never {
  throw new VedetteError("VEDETTE_MODULE_IMPORT", { path, reason, section: "import section", offset });
}
function refuseMemory(path: string, reason: string, offset: number): never {
  throw new VedetteError("VEDETTE_MODULE_MEMORY", { path, reason, section: "import section", offset });
}
function refuseExport(path: string, reason: string, offset: number): never {
  throw new VedetteError("VEDETTE_MODULE_EXPORT", { path, reason, section: "export section", offset });
}
function refuseGlobal(path: string, reason: string): never {
  throw new VedetteError("VEDETTE_MODULE_GLOBAL", { path, reason, section: "global section", offset: 0 });
}

/** A name of the module, fit for a terminal. */
function printable(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}...` : name);
}
