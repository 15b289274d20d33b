// SPDX-License-Identifier: Apache-2.0
// Reads one of Falco's declarative suites: tests with resources, steps, a context of processes and an
// expected outcome, each for a number of cases. A case becomes a scene (falco-scene.ts).
import { readFileSync } from "node:fs";
import { type Node, readYaml } from "../../host/falco/yaml.js";

export type Plain = string | null | Plain[] | { [key: string]: Plain };

export interface Step {
  name: string;
  syscall: string;
  args?: Record<string, Plain>;
}

export interface ProcessSpec {
  name?: string;
  procName?: string; // what `name` is called where it is a resource
  exe?: string;
  exePath?: string;
  args?: string;
  env?: Record<string, string>;
  user?: string;
  capabilities?: string;
}

export interface Resource extends ProcessSpec {
  type: string;
  name: string;
  subtype?: string;
  filePath?: string;
  dirPath?: string;
  fileName?: string;
  l4Proto?: string;
  address?: string;
  fileLess?: string;
}

export interface Case {
  test: string;
  title: string;
  rule: string | null;
  expected: Expected | null;
  isInContainer: boolean;
  spec: Spec;
}

export interface Spec {
  before?: string;
  after?: string;
  resources?: Resource[];
  steps?: Step[];
  context?: { container?: Plain; processes?: ProcessSpec[] };
}

interface Expected {
  source?: string;
  hostname?: string;
  priority?: string;
  outputFields?: Record<string, string>;
}

interface Alert {
  rule: string;
  priority: string;
  source?: string;
  hostname?: string;
  output_fields: Record<string, unknown>;
}

/** Whether a file is a suite, and not rules. */
export function isSuite(path: string): boolean {
  return /^tests:/m.test(readFileSync(path, "utf8"));
}

export function readSuite(path: string): Case[] {
  const read = readYaml(readFileSync(path, "utf8"));
  if (!("documents" in read)) throw new Error(`${path}: ${JSON.stringify(read.failure)}`);
  const { tests } = plain(read.documents[0]!) as { tests: Record<string, Plain>[] };
  return tests.flatMap(casesOf);
}

/** Whether an alert is what a case expects: what it does not name is not asked. */
export function isExpected({ rule, expected }: Case, alert: Alert): boolean {
  if (alert.rule !== rule) return false;
  const { source, hostname, priority, outputFields = {} } = expected ?? {};
  return (
    (source === undefined || alert.source === source) &&
    (hostname === undefined || alert.hostname === hostname) &&
    (priority === undefined || alert.priority.toLowerCase() === priority.toLowerCase()) &&
    Object.entries(outputFields).every(([name, value]) => String(alert.output_fields[name]) === value)
  );
}

function casesOf(test: Record<string, Plain>): Case[] {
  const { name, cases = [{ strategy: "vector", values: {} }], ...rest } = test as { name: string; cases?: Plain };
  const items = (cases as { strategy: string; values: Record<string, Plain> }[]).flatMap(itemsOf);
  return items.flatMap((item) => {
    const filledIn = filled(rest as Plain, item) as Record<string, Plain>;
    const { runIf, rule, expectedOutcome, ...spec } = filledIn;
    if (!runsHere(runIf)) return [];
    const isInContainer = (spec as Spec).context?.container !== undefined;
    return {
      test: name,
      title: `${name} ${JSON.stringify(item)}`,
      rule: (rule as string | undefined) ?? null,
      expected: (expectedOutcome as Expected | undefined) ?? null,
      isInContainer,
      spec: spec as Spec,
    };
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

function runsHere(runIf: Plain | undefined): boolean {
  const { arch } = (runIf ?? {}) as { arch?: { op: string; val: string } };
  if (!arch) return true;
  const isThat = arch.val === (process.arch === "x64" ? "amd64" : process.arch);
  return arch.op === "ne" ? !isThat : isThat;
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
