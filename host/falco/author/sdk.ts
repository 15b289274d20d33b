// SPDX-License-Identifier: Apache-2.0
// What the printer may say of the SDK: classes of events, their members, and what a source imports.
import { readFileSync } from "node:fs";
import { EVENTS, type EventType, type Field } from "../../../build/generated/events.js";
import { TABLES } from "../../../build/generated/flags.js";
import { builtFile } from "../../paths.js";

/** Members of the SDK's Event: a parameter of the same name is `arg_NAME`. */
const TAKEN = new Set(["evt_type", "evt_num", "time", "tid", "res", "latency", "fd", "proc", "failed", "tier"]);
/** What a family has although a member of it lacks it. */
const FILLED: Readonly<Record<string, readonly string[]>> = { AnyOpen: ["flags", "mode"] };
const UNSIGNED = new Set(["uint", "hex", "mode", "flags", "enum", "time"]);
const TEXTS = new Set(["path", "relpath", "str", "bytes"]);

const FALCO = `cmdline exeline joinedArgs joinedEnv cwdWithSlash durationOf loginUid ownerName isFirstProcess directory
  fileName fdType typeChar l4proto sockFamily clientPort serverPort localPort remotePort containerId containerFullId
  containerName containerType containerImage containerImageId containerRepository containerTag containerDigest
  containerIp questionName questionType pathFrom pathFromDirectory containsAnyCase isIn isKnown opensToRead opensToWrite PathPrefixes`.split(
  /\s+/,
);

/** `process_vm_readv` as ProcessVmReadv. */
const classOf = (name: string): string =>
  name
    .split(/[_.]/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("");
const nameIn = (name: string): string => name.replace(/[^A-Za-z0-9_]/g, "_");

/** The namespace of a table of names, as the SDK's generated/flags has it. */
export function tableName(name: string): string {
  if (TABLES[name]?.kind === "flags") return `${classOf(name)}Flag`;
  return EVENTS.some((event) => event.name === name) ? `${classOf(name)}Enum` : classOf(name);
}

/** A name of a table. */
export const rowName = (table: string, name: string): string => `${tableName(table)}.${nameIn(name)}`;
/** `EventId.openat` */
export const idOf = (event: string): string => `EventId.${nameIn(event)}`;

let classes: Readonly<Record<string, readonly string[]>> | undefined;

function classesOf(): Readonly<Record<string, readonly string[]>> {
  classes ??= (JSON.parse(readFileSync(builtFile("generated/as/classes.json"), "utf8")) as { classes: typeof classes })
    .classes!;
  return classes;
}

/** What a rule of these events takes: a class of just these, or Event. */
export class EventClass {
  readonly name: string;

  constructor(readonly events: readonly EventType[]) {
    const names = new Set(events.map((event) => event.name));
    const found = Object.entries(classesOf()).find(
      ([, members]) => members.length === names.size && members.every((member) => names.has(member)),
    );
    this.name = found?.[0] ?? "Event";
  }

  /** How a rule reads a parameter of one of the events. */
  read(event: EventType, { name }: Field): string {
    const member = TAKEN.has(name) ? `arg_${name}` : name;
    return this.#has(name) ? `e.${member}` : `changetype<${classOf(event.name)}>(e).${member}`;
  }

  #has(name: string): boolean {
    if (this.name === "Event") return false;
    const found = this.events.map((event) => event.params.find((one) => one.name === name && one.slot >= 0));
    const kinds = new Set(found.flatMap((one) => (one === undefined ? [] : [kindOf(one)])));
    return kinds.size === 1 && (!found.includes(undefined) || FILLED[this.name]?.includes(name) === true);
  }
}

/** The type of a parameter's getter, as far as two of them can be one. */
function kindOf({ type }: Field): string {
  if (UNSIGNED.has(type)) return "u64";
  return TEXTS.has(type) ? "Str" : type === "strlist" || type === "sockaddr" || type === "bool" ? type : "i64";
}

/** Whether the getter of a parameter gives an u64. */
export const isUnsigned = ({ type }: Field): boolean => UNSIGNED.has(type);

const SDK = ["CidrSet", "Event", "EventId", "Glob", "Priority", "Regex", "StringSet", "has", "hasAny", "holds", "rule"];

function modules(): readonly [path: string, names: readonly string[]][] {
  const tables = Object.keys(TABLES).map(tableName);
  return [
    ["vedette", [...SDK, ...Object.keys(classesOf()), ...tables]],
    ["vedette/falco", FALCO],
  ];
}

/** Every name that a source may import. */
export const importable = (): string[] => modules().flatMap(([, names]) => names);

/** The imports of a source: the names that stand in it, outside of literals and comments. */
export function importsOf(source: string): string {
  const code = source.replace(/"(?:[^"\\]|\\.)*"|\/\/.*/g, '""');
  const used = new Set([...code.matchAll(/(?<![.\w])[A-Za-z_]\w*/g)].map(([name]) => name));
  return modules()
    .map(([path, names]) => [path, names.filter((name) => used.has(name)).sort()] as const)
    .filter(([, names]) => names.length > 0)
    .map(([path, names]) => importLine(names, path))
    .join("\n");
}

function importLine(names: readonly string[], path: string): string {
  const line = `import { ${names.join(", ")} } from "${path}";`;
  return line.length <= 110 ? line : `import {\n${names.map((name) => `  ${name},`).join("\n")}\n} from "${path}";`;
}
