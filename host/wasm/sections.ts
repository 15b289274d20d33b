// SPDX-License-Identifier: Apache-2.0
// What a module is made of, read from its bytes. JavaScript's reflection hides a module's own memories and
// tables, its start function and the size of its data, so the admission check reads the sections itself
// (WebAssembly core specification, "Binary Format"). Of function bodies only the cost is read (costs.ts): the
// engine checks those, and they can only use what is declared here. What no policy can have at all is refused
// here; what depends on the tenant's limits, in admission.ts.
import { Costs } from "./costs.js";
import { ModuleReader } from "./reader.js";

const MAGIC = 0x6d736100;
const VERSION = 1;
const SECTION_NAMES = [
  "custom",
  "type",
  "import",
  "function",
  "table",
  "memory",
  "global",
  "export",
  "start",
  "element",
  "code",
  "data",
  "data count",
];
const VALUE_TYPES: Readonly<Record<number, string>> = { 127: "i32", 126: "i64", 125: "f32", 124: "f64" };
const FUNCREF = 0x70;
const TABLE_MAX = 1024;
const KINDS = ["function", "table", "memory", "global"] as const;

/** Least and greatest size of a memory (pages) or a table (entries); `offset` is where the module says so. */
export interface Limits {
  readonly min: number;
  readonly max: number | null;
  readonly offset: number;
}
/** One import of a module. `memory` is null for a function. */
export interface Import {
  readonly name: string;
  readonly signature: string | null;
  readonly memory: Limits | null;
  readonly offset: number;
}
/** One global of a module. */
export interface Global {
  readonly type: string;
  readonly isMutable: boolean;
  /** Its value, when it is a plain i32 constant. */
  readonly value: number | null;
}
/** One export of a module; `index` is into the space of its kind. */
export interface Export {
  readonly name: string;
  readonly kind: (typeof KINDS)[number];
  readonly index: number;
  readonly offset: number;
}
/** What a module declares, in the order of the file. */
export interface Sections {
  readonly imports: readonly Import[];
  /** Signatures of all functions, imported ones first. */
  readonly functions: readonly string[];
  readonly globals: readonly Global[];
  readonly exports: readonly Export[];
  readonly tables: readonly Limits[];
  /** Where active data lies. */
  readonly data: readonly { readonly address: number; readonly size: number; readonly offset: number }[];
  readonly custom: readonly { readonly name: string; readonly bytes: Uint8Array; readonly offset: number }[];
}

type Building = { -readonly [K in keyof Sections]: Sections[K][number][] } & {
  types: Type[];
  /** How many parameters each function has. */
  parameters: number[];
  bodies: number;
  costs: Costs;
};
interface Type {
  readonly signature: string;
  readonly parameters: number;
}

/**
 * Reads all sections; throws a VEDETTE_MODULE_* for what is not whole, or not of a policy. `isWide`: of the
 * operator's own rule files.
 */
export function readSections(bytes: Uint8Array, path: string, isWide = false): Sections {
  const read = new ModuleReader(bytes, path);
  if (bytes.length < 8 || read.u32le() !== MAGIC) read.corrupt("it does not begin with \\0asm");
  if (read.u32le() !== VERSION) read.corrupt("it is of another version");
  const made: Building = {
    types: [],
    imports: [],
    functions: [],
    globals: [],
    exports: [],
    tables: [],
    data: [],
    custom: [],
    parameters: [],
    bodies: 0,
    costs: new Costs(read, isWide),
  };
  const seen = new Set<number>();
  while (!read.isDone) {
    const id = read.u8();
    read.section = SECTION_NAMES[id] ?? `unknown (${id})`;
    if (id !== 0 && seen.has(id)) read.corrupt("it stands twice");
    seen.add(id);
    read.within(read.u32(), () => readSection(read, id, made));
  }
  return made;
}

/** By section id. */
const SECTIONS: Readonly<Record<number, (read: ModuleReader, made: Building) => unknown>> = {
  0: (read, made) => made.custom.push(readCustom(read)),
  1: (read, made) => made.costs.each("types", () => made.types.push(readType(read, made))),
  2: (read, made) => read.each(() => readImport(read, made)),
  3: (read, made) => made.costs.each("functions", () => readFunction(read, made)),
  4: (read, made) => read.each(() => made.tables.push(readTable(read))),
  5: (read) => read.refuse("VEDETTE_MODULE_MEMORY", "it has one of its own"),
  6: (read, made) => read.each(() => made.globals.push(readGlobal(read))),
  7: (read, made) => read.each(() => made.exports.push(readExport(read))),
  8: (read) => read.refuse("VEDETTE_MODULE_START", ""),
  9: (read, made) => made.costs.each("segments", () => readElements(read, made)),
  10: (_read, made) => made.costs.each("functions", () => made.costs.body(made.parameters[made.bodies++] ?? 0)),
  11: (read, made) => made.costs.each("segments", () => readData(read, made)),
  12: (read) => read.u32(),
};

function readSection(read: ModuleReader, id: number, made: Building): void {
  const section = SECTIONS[id] ?? read.refuse("VEDETTE_MODULE_SECTION", `there is no section ${id}`);
  section(read, made);
}

function readCustom(read: ModuleReader): Sections["custom"][number] {
  const offset = read.at;
  return { name: read.name(), bytes: read.rest(), offset };
}

function readType(read: ModuleReader, { costs }: Building): Type {
  const offset = read.at;
  if (read.u8() !== 0x60) return read.refuse("VEDETTE_MODULE_TYPE", "it is no function type", offset);
  const parameters = read.list(() => readValueType(read));
  const results = read.list(() => readValueType(read));
  costs.type("parameters", parameters.length);
  costs.type("results", results.length);
  return { signature: `(${parameters.join(" ")}) -> (${results.join(" ")})`, parameters: parameters.length };
}

function readFunction(read: ModuleReader, made: Building): void {
  const { signature, parameters } = typeOf(read, made);
  made.functions.push(signature);
  made.parameters.push(parameters);
}

function readValueType(read: ModuleReader): string {
  const offset = read.at;
  return VALUE_TYPES[read.u8()] ?? read.refuse("VEDETTE_MODULE_TYPE", "a value is no number", offset);
}

function readImport(read: ModuleReader, made: Building): void {
  const offset = read.at;
  const name = `${read.name()}.${read.name()}`;
  const kind = KINDS[read.u8()];
  if (kind === "function") {
    const { signature } = typeOf(read, made);
    made.functions.push(signature);
    made.imports.push({ name, signature, memory: null, offset });
  } else if (kind === "memory") made.imports.push({ name, signature: null, memory: readMemory(read), offset });
  else read.refuse("VEDETTE_MODULE_IMPORT", `${name} is a ${kind ?? "thing of unknown kind"}`, offset);
}

function typeOf(read: ModuleReader, made: Building): Type {
  const index = read.u32();
  return made.types[index] ?? read.corrupt(`there is no type ${index}`);
}

function readMemory(read: ModuleReader): Limits {
  const offset = read.at;
  const flags = read.u8();
  if (flags > 1) read.refuse("VEDETTE_MODULE_MEMORY", "it is shared, or of 64 bits", offset);
  return { min: read.u32(), max: flags === 1 ? read.u32() : null, offset };
}

function readTable(read: ModuleReader): Limits {
  const offset = read.at;
  if (read.u8() !== FUNCREF) read.refuse("VEDETTE_MODULE_TABLE", "it holds no functions", offset);
  const flags = read.u8();
  if (flags > 1) read.refuse("VEDETTE_MODULE_TABLE", "its limits are of an unknown kind", offset);
  const min = read.u32();
  const max = flags === 1 ? read.u32() : null;
  if (min > TABLE_MAX || (max !== null && max > TABLE_MAX))
    read.refuse("VEDETTE_MODULE_TABLE", `it has ${Math.max(min, max ?? 0)} entries`, offset);
  if (max !== min) read.refuse("VEDETTE_MODULE_TABLE", "its size is not fixed: minimum and maximum differ", offset);
  return { min, max, offset };
}

function readGlobal(read: ModuleReader): Global {
  const type = readValueType(read);
  const mutable = read.u8();
  if (mutable > 1) read.corrupt("a global is neither mutable nor not");
  return { type, isMutable: mutable === 1, value: readConstant(read) };
}

/** A constant expression: one instruction and `end`. Gives its value when that is an i32. */
function readConstant(read: ModuleReader): number | null {
  const offset = read.at;
  let value: number | null = null;
  switch (read.u8()) {
    case 0x41:
      value = read.i32();
      break; // i32.const
    case 0x42:
      while (read.u8() >= 0x80);
      break; // i64.const
    case 0x43:
      read.bytes(4);
      break; // f32.const
    case 0x44:
      read.bytes(8);
      break; // f64.const
    default:
      read.refuse("VEDETTE_MODULE_GLOBAL", "its value is no plain constant", offset);
  }
  if (read.u8() !== 0x0b) read.refuse("VEDETTE_MODULE_GLOBAL", "its value is no plain constant", offset);
  return value;
}

function readExport(read: ModuleReader): Export {
  const offset = read.at;
  const name = read.name();
  const kind = KINDS[read.u8()] ?? read.refuse("VEDETTE_MODULE_EXPORT", `${name} is of an unknown kind`, offset);
  return { name, kind, index: read.u32(), offset };
}

/** Only the form for table 0 with an offset and function indices: what compilers write. */
function readElements(read: ModuleReader, made: Building): void {
  const offset = read.at;
  if (read.u32() !== 0) read.refuse("VEDETTE_MODULE_ELEMENTS", "a segment is not of the plain form", offset);
  const first = readConstant(read);
  const count = read.each(() => read.u32());
  const size = made.tables[0]?.min ?? 0;
  if (first === null || first < 0 || first + count > size)
    read.refuse("VEDETTE_MODULE_ELEMENTS", `${count} elements at ${first} in a table of ${size}`, offset);
}

function readData(read: ModuleReader, made: Building): void {
  const offset = read.at;
  const kind = read.u32();
  if (kind > 1) read.refuse("VEDETTE_MODULE_DATA", "a segment is not for memory 0", offset);
  const address = kind === 0 ? readConstant(read) : 0;
  if (address === null) throw read.refuse("VEDETTE_MODULE_DATA", "a segment's address is no constant", offset);
  const { length } = read.bytes(read.count());
  if (kind === 0) made.data.push({ address: address >>> 0, size: length, offset }); // passive data has no place yet
}
