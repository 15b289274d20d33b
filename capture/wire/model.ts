// SPDX-License-Identifier: Apache-2.0
// The contract as data: events.yaml, flags.yaml and errors.yaml read, checked and given slot numbers. The
// emitters (generate-*.ts) see only this. A mistake in a table ends the build with the row's name.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { parse } from "yaml";

/** One value of an event, process or descriptor. */
export interface Field {
  readonly name: string;
  /**
   * int uint hex fd pid uid gid errno sig mode flags enum bool time path relpath str bytes strlist sockaddr
   * tuple addr process descriptor
   */
  readonly type: string;
  /** name of the flags.yaml table, for `flags` and `enum` */
  readonly table: string | null;
  /** the field that gives the value when it has no slot, as `proc.exe` or `res` */
  readonly from: string | null;
  /** index of its 8-byte slot, -1 when `from` is set */
  readonly slot: number;
  readonly doc: string;
}

export interface EventType {
  readonly name: string;
  readonly id: number;
  readonly calls: readonly string[];
  readonly tier: "guarded" | "hot" | "warm" | "cold";
  /** whether a record of it may come from the inline tier */
  readonly mayBeInline: boolean;
  readonly doc: string;
  readonly params: readonly Field[];
  /** slots a record of it has */
  readonly slots: number;
}

export interface Table {
  readonly name: string;
  readonly kind: "flags" | "enum";
  /** what 0 renders as, for flags */
  readonly zero: string | null;
  readonly rows: readonly { name: string; value: bigint; mask: bigint }[];
}

export interface ErrorRow {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly exit: number;
}

export interface Model {
  readonly major: number;
  readonly minor: number;
  /** first 8 bytes of the SHA-256 of the layout, big-endian */
  readonly schema: bigint;
  readonly lost: readonly { name: string; doc: string }[];
  readonly process: readonly Field[];
  readonly descriptor: readonly Field[];
  readonly events: readonly EventType[];
  readonly tables: readonly Table[];
  readonly errors: readonly ErrorRow[];
}

const SPANS = new Set(["path", "relpath", "str", "bytes", "strlist", "sockaddr", "addr"]);
const INTEGERS = new Set(
  "int uint hex fd pid uid gid errno sig mode flags enum bool time process descriptor".split(" "),
);

const EVENT_KEYS = new Set(["id", "calls", "tier", "inline", "doc", "params"]);

/** Whether a slot of this type holds a span into the string arena; otherwise it holds an integer. */
export function isSpan(type: string): boolean {
  return SPANS.has(type);
}

/** Reads the three tables that stand in `folder`. Throws an Error that names the row when one is wrong. */
export function readModel(folder: string): Model {
  const read = (file: string) => parse(readFileSync(`${folder}/${file}`, "utf8"));
  const contract = read("events.yaml");
  const tables = readTables(read("flags.yaml"));
  const known = new Set(tables.map((table) => table.name));
  const events = Object.entries<RawEvent>(contract.events).map(([name, raw]) => readEvent(name, raw, known));
  checkUnique(
    "event id",
    events.map((event) => event.id),
  );
  const withoutSchema = {
    major: contract.version.major,
    minor: contract.version.minor,
    lost: contract.lost,
    process: contract.process.map((row: RawField, slot: number) => readField(`process.${row.name}`, row, slot, known)),
    descriptor: contract.descriptor.map((row: RawField, slot: number) =>
      readField(`descriptor.${row.name}`, row, slot, known),
    ),
    events,
    tables,
    errors: Object.entries<Omit<ErrorRow, "code">>(read("errors.yaml")).map(([code, row]) => ({ code, ...row })),
  };
  return { ...withoutSchema, schema: digest(withoutSchema) };
}

interface RawField {
  name: string;
  type: string;
  doc?: string;
}
interface RawEvent {
  id: number;
  calls?: string[];
  tier: EventType["tier"];
  inline?: true;
  doc: string;
  params: Record<string, string>[];
}

function readEvent(name: string, raw: RawEvent, known: Set<string>): EventType {
  if (!["guarded", "hot", "warm", "cold"].includes(raw.tier))
    throw new Error(`events.yaml: ${name}: unknown tier ${raw.tier}`);
  for (const key of Object.keys(raw)) {
    if (!EVENT_KEYS.has(key)) throw new Error(`events.yaml: ${name}: unknown key ${key} (a comma in an unquoted doc?)`);
  }
  let slots = 0;
  const params = raw.params.map((entry) => {
    const [param, spec] = Object.entries(entry)[0] as [string, string];
    const [type, from] = spec.split(" <- ") as [string, string?];
    const row = { name: param, type };
    return from
      ? { ...readField(`${name}.${param}`, row, -1, known), from }
      : readField(`${name}.${param}`, row, slots++, known);
  });
  checkUnique(
    `parameter of ${name}`,
    params.map((param) => param.name),
  );
  const mayBeInline = raw.tier === "hot" || raw.tier === "warm" || raw.inline === true;
  return { name, id: raw.id, calls: raw.calls ?? [name], tier: raw.tier, mayBeInline, doc: raw.doc, params, slots };
}

function readField(where: string, row: RawField, slot: number, known: Set<string>): Field {
  const [type, table = null] = row.type.split(" ") as [string, string?];
  if (!SPANS.has(type) && !INTEGERS.has(type) && !(type === "tuple" && slot < 0)) {
    throw new Error(`events.yaml: ${where}: unknown type ${type}`);
  }
  if ((type === "flags" || type === "enum") !== (table !== null)) throw new Error(`events.yaml: ${where}: table?`);
  if (table !== null && !known.has(table)) throw new Error(`events.yaml: ${where}: no table ${table} in flags.yaml`);
  return { name: row.name, type, table, from: null, slot, doc: row.doc ?? "" };
}

function readTables(raw: {
  flags: Record<string, { zero?: string; bits: Record<string, number | [number, number]> }>;
  enums: Record<string, Record<string, number>>;
}): Table[] {
  const flags = Object.entries(raw.flags).map(([name, table]) => ({
    name,
    kind: "flags" as const,
    zero: table.zero ?? null,
    rows: Object.entries(table.bits).map(([bit, spec]) => {
      const [value, mask] = Array.isArray(spec) ? spec : [spec, spec];
      return { name: bit, value: BigInt(value), mask: BigInt(mask) };
    }),
  }));
  const enums = Object.entries(raw.enums).map(([name, values]) => ({
    name,
    kind: "enum" as const,
    zero: null,
    rows: Object.entries(values).map(([word, value]) => ({ name: word, value: BigInt(value), mask: -1n })),
  }));
  return [...flags, ...enums];
}

function checkUnique(what: string, values: readonly (string | number)[]): void {
  const seen = new Set<string | number>();
  for (const value of values) {
    if (seen.has(value)) throw new Error(`events.yaml: ${what} ${value} stands twice`);
    seen.add(value);
  }
}

/** A digest of what a reader relies on: ids, slots and types, not words of documentation. */
function digest(model: Pick<Model, "major" | "process" | "descriptor" | "events" | "lost">): bigint {
  const field = (row: Field) => `${row.name}:${row.type}:${row.table ?? ""}:${row.from ?? ""}:${row.slot}`;
  const text = [
    `major ${model.major}`,
    `lost ${model.lost.map((row) => row.name).join(",")}`,
    `process ${model.process.map(field).join(",")}`,
    `descriptor ${model.descriptor.map(field).join(",")}`,
    ...model.events.map((event) => `${event.id} ${event.name} ${event.params.map(field).join(",")}`),
  ].join("\n");
  return createHash("sha256").update(text).digest().readBigUInt64BE(0);
}
