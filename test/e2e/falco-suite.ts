// SPDX-License-Identifier: Apache-2.0
// Reads one of Falco's declarative suites: tests with resources, steps, a context of processes and an expected outcome, each for a
// number of cases. A case becomes a scene (falco-stage.ts).
import { constants, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { type Node, readYaml } from "../../host/falco/yaml.js";
import type { Line, Wings } from "./falco-stage.js";

type Plain = string | null | Plain[] | { [key: string]: Plain };

interface Step {
  syscall: string;
  args: Record<string, Plain>;
}
interface ProcessSpec {
  name: string;
  exe?: string;
  args?: string;
}
interface Resource {
  type: string;
  subtype?: string;
  filePath?: string;
  name: string;
  fileLess?: string;
}
interface Spec {
  rule: string;
  runIf?: { arch?: { op: string; val: string } } | null;
  before?: string;
  resources?: Resource[];
  steps?: Step[];
  context?: { container?: Plain; processes?: ProcessSpec[] };
  expectedOutcome: { priority: string; outputFields?: Record<string, string> };
}

export interface Case {
  test: string;
  title: string;
  rule: string;
  priority: string;
  fields: Record<string, string>;
  isInContainer: boolean;
  before: string | null;
  files: string[]; // that must be there
  scene(wings: Wings): Line[];
}

export function readSuite(path: string): Case[] {
  const read = readYaml(readFileSync(path, "utf8"));
  if (!("documents" in read)) throw new Error(`${path}: ${JSON.stringify(read.failure)}`);
  const { tests } = plain(read.documents[0]!) as { tests: Record<string, Plain>[] };
  return tests.flatMap(casesOf);
}

function casesOf(test: Record<string, Plain>): Case[] {
  const { name, cases = [{ strategy: "vector", values: {} }], ...rest } = test as { name: string; cases?: Plain };
  const items = (cases as { strategy: string; values: Record<string, Plain> }[]).flatMap(itemsOf);
  return items.flatMap((item) => {
    const spec = filled(rest as Plain, item) as unknown as Spec;
    return runsHere(spec) ? [caseOf(name, item, spec)] : [];
  });
}

// Of a matrix every combination; a vector is one item.
function itemsOf({ strategy, values }: { strategy: string; values: Record<string, Plain> }): Record<string, Plain>[] {
  if (strategy !== "matrix") return [values];
  return Object.entries(values).reduce<Record<string, Plain>[]>(
    (items, [key, choices]) =>
      items.flatMap((item) => (choices as Plain[]).map((choice) => ({ ...item, [key]: choice }))),
    [{}],
  );
}

function runsHere({ runIf }: Spec): boolean {
  if (!runIf?.arch) return true;
  const isThat = runIf.arch.val === (process.arch === "x64" ? "amd64" : process.arch);
  return runIf.arch.op === "ne" ? !isThat : isThat;
}

function caseOf(test: string, item: Record<string, Plain>, spec: Spec): Case {
  const { resources = [], steps = [], context = {}, expectedOutcome, rule, before } = spec;
  const unknown = resources.find((one) => !(one.type === "process" || (one.type === "fd" && one.subtype === "file")));
  if (unknown) throw new Error(`${test}: a resource of type ${unknown.type} ${unknown.subtype ?? ""}`);
  return {
    test,
    title: `${test} ${JSON.stringify(item)}`,
    rule,
    priority: expectedOutcome.priority,
    fields: expectedOutcome.outputFields ?? {},
    isInContainer: context.container != null,
    before: before ?? null,
    files: resources.flatMap((one) => one.filePath ?? []),
    scene: (wings) => {
      const chain = context.processes ?? (resources.some((one) => one.type === "process") ? [] : [{ name: "eg_case" }]);
      return [
        ...chain.map((one) => processLine(wings, one)),
        ...resources.flatMap(processResource),
        ...steps.map(callLine),
      ];
    },
  };
}

function processLine(wings: Wings, { name, exe, args }: ProcessSpec): Line {
  const path = wings.program(name);
  return ["proc", path, exe ?? path, ...(args ? args.split(" ") : [])];
}

function processResource({ type, name, fileLess }: Resource): Line[] {
  if (type !== "process") return [];
  if (fileLess !== "true") throw new Error(`a process resource ${name} that is not fileLess`);
  return [["memory", name]];
}

// Number and parameters of each call that a step may make. `how` is an openat2's struct.
const CALLS: Record<string, [number: number, ...params: string[]]> = {
  open: [2, "pathname", "flags", "mode"],
  openat: [257, "dirfd", "pathname", "flags", "mode"],
  openat2: [437, "dirfd", "pathname", "how", "size"],
  link: [86, "oldPath", "newPath"],
  linkat: [265, "oldDirFd", "oldPath", "newDirFd", "newPath", "flags"],
  symlink: [88, "target", "linkPath"],
  symlinkat: [266, "target", "newDirFd", "linkPath"],
  socket: [41, "domain", "type", "protocol"],
  dup: [32, "oldFd"],
  dup2: [33, "oldFd", "newFd"],
  dup3: [292, "oldFd", "newFd", "flags"],
  kill: [62, "pid", "sig"],
  read: [0, "fd", "buffer", "len"],
};
const DEFAULTS: Record<string, string> = {
  dirfd: "-100",
  oldDirFd: "-100",
  newDirFd: "-100",
  size: "24",
  mode: "0",
  flags: "0",
};
const PATHS = new Set(["pathname", "oldPath", "newPath", "target", "linkPath"]);
const NAMES: Record<string, number> = {
  ...constants,
  O_CLOEXEC: 0x80000,
  O_PATH: 0x200000,
  AF_UNIX: 1,
  AF_INET: 2,
  AF_INET6: 10,
  AF_PACKET: 17,
  SOCK_STREAM: 1,
  SOCK_DGRAM: 2,
  SOCK_RAW: 3,
};

function callLine({ syscall, args }: Step): Line {
  const call = CALLS[syscall];
  if (!call) throw new Error(`a step that calls ${syscall}`);
  const [number, ...params] = call;
  const unknown = Object.keys(args).find((name) => !params.includes(name));
  if (unknown !== undefined) throw new Error(`${syscall} has no argument ${unknown}`);
  return ["call", number, ...params.map((param) => word(param, args[param] ?? DEFAULTS[param] ?? "0"))];
}

function word(param: string, value: Plain): string | number {
  if (param === "how") {
    const { flags, mode = "0" } = value as Record<string, string>;
    return `h${bits(flags ?? "0")},${bits(mode)}`;
  }
  return PATHS.has(param) ? `s${value}` : bits(String(value));
}

// `O_WRONLY|O_CREAT`, `0644`, `-100`
function bits(text: string): number {
  return text.split("|").reduce((sum, name) => {
    const value = NAMES[name.trim()] ?? (/^0[0-7]+$/.test(name) ? Number.parseInt(name, 8) : Number(name));
    if (Number.isNaN(value)) throw new Error(`no number is called ${name}`);
    return sum | value;
  }, 0);
}

// `%{ item.x }` alone is the value, within a text its text.
function filled(value: Plain, item: Record<string, Plain>): Plain {
  if (typeof value === "string") {
    const whole = /^%\{\s*item\.(\w+)\s*\}$/.exec(value);
    if (whole) return item[whole[1]!] ?? null;
    return value.replace(/%\{\s*item\.(\w+)\s*\}/g, (_, name: string) => String(item[name]));
  }
  if (Array.isArray(value)) return value.map((one) => filled(one, item));
  if (value === null) return null;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, filled(one, item)]));
}

function plain(node: Node): Plain {
  switch (node.kind) {
    case "null":
      return null;
    case "scalar":
      return node.text === "null" ? null : node.text;
    case "sequence":
      return node.items.map(plain);
    case "map":
      return Object.fromEntries(node.entries.map(({ key, value }) => [key.text, plain(value)]));
  }
}

// Makes files that are not there; gives what takes away again what was made.
export function makeFiles(paths: readonly string[]): () => void {
  const made: string[] = [];
  for (const path of new Set(paths)) {
    if (existsSync(path)) continue;
    made.push(mkdirSync(dirname(path), { recursive: true }) ?? path);
    writeFileSync(path, "");
  }
  return () => {
    for (const path of made) rmSync(path, { recursive: true, force: true });
  };
}
