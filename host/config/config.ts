// SPDX-License-Identifier: Apache-2.0
// vedette.yaml and the environment, as one: what the options of commands are where the command line does not
// say, and which outputs there are. A variable wins over the file. What is wrong is told with its place: line
// and column in the file, or the variable's name.
//
//   alerts_detail: true
//   outputs:
//     siem: {type: http, url: "https://siem.example/alerts", headers: {authorization: "Bearer ${TOKEN}"}}
import * as z from "zod";
import { VedetteError } from "../errors.js";
import type { NamedOutput } from "../output/registry.js";
import { readPlainFile } from "../plain-file.js";
import type { ResponseRow } from "../policy/respond.js";
import { firstIssue, plainYaml, YAML_BYTES_MAX } from "../policy/yaml.js";
import { type Environment, readEnvironment } from "./environment.js";
import { KEYS } from "./keys.js";
import { namedOutput, OUTPUT_TYPES, OutputEntry, OutputName, withVariables } from "./output-kinds.js";
import { suggested } from "./suggest.js";

export { kindOf, variableName } from "./environment.js";
export { KEYS } from "./keys.js";
export { OUTPUT_TYPES } from "./output-kinds.js";
export { suggested } from "./suggest.js";

/** What was configured. */
export interface Configuration {
  /** By the option's name without its dashes, as the command takes it. */
  readonly options: ReadonlyMap<string, unknown>;
  readonly outputs: readonly NamedOutput[];
}

const Options = Object.fromEntries(Object.entries(KEYS).map(([key, { schema }]) => [key, schema.optional()]));
const ConfigFile = z.strictObject({ ...Options, outputs: z.record(OutputName, OutputEntry).optional() });

/** For editors: JSON Schema of 2020-12. */
export function configSchema(): object {
  return { title: "vedette.yaml", ...z.toJSONSchema(ConfigFile, { io: "input" }) };
}

/**
 * Reads both. `path`: the file; null: there is none. `only`: keys that are asked for; what others say is left
 * alone; null: all are. Throws VEDETTE_CONFIG_UNREADABLE, and for what is wrong VEDETTE_CONFIG_KEY,
 * VEDETTE_CONFIG_VALUE or VEDETTE_CONFIG_VARIABLE.
 */
export function readConfiguration(
  path: string | null,
  environment: NodeJS.ProcessEnv,
  only: ReadonlySet<string> | null = null,
): Configuration {
  const read = () => (path === null ? Buffer.from("{}\n") : readPlainFile(path, { most: YAML_BYTES_MAX }));
  const { json, wrong } = plainYaml(path ?? "", read, "VEDETTE_CONFIG_UNREADABLE");
  const file = asked(json ?? {}, only);
  const variables = readEnvironment(environment, Object.keys(mapping(mapping(file)?.outputs) ?? {}));
  const parsed = ConfigFile.safeParse(merged(file, variables));
  if (parsed.success) return configurationOf(parsed.data);
  const { path: at, reason, key } = firstIssue(parsed.error.issues);
  const variable = variables.variableOf(at);
  if (variable !== null)
    throw new VedetteError("VEDETTE_CONFIG_VARIABLE", { name: variable, reason: withoutPath(reason, at), hint: "" });
  if (key === undefined) throw wrong(at, reason, "VEDETTE_CONFIG_VALUE");
  throw wrong(at, reason, "VEDETTE_CONFIG_KEY", { hint: suggested(key, keysAt(at.slice(0, -1), file)) });
}

/** What `instrument` looks at of its settings. */
export interface SidecarParts {
  readonly outputs: readonly NamedOutput[];
  readonly responses: readonly ResponseRow[];
}

/**
 * The outputs and the rows of `respond` of a file that is not ours as a whole, such as the settings of
 * `instrument`; its other keys are left alone. `given`: the environment of whoever opens the outputs.
 * Throws as readConfiguration() does.
 */
export function sidecarParts(path: string, given: NodeJS.ProcessEnv): SidecarParts {
  const read = () => readPlainFile(path, { most: YAML_BYTES_MAX });
  const { json, wrong } = plainYaml(path, read, "VEDETTE_CONFIG_UNREADABLE");
  const { outputs, respond } = mapping(json) ?? {};
  const file = { outputs, ...(Array.isArray(respond) ? { respond } : {}) };
  return withVariables(given, () => {
    const parsed = ConfigFile.safeParse(file);
    if (parsed.success) {
      const { outputs, options } = configurationOf(parsed.data);
      return { outputs, responses: (options.get("respond") as ResponseRow[] | undefined) ?? [] };
    }
    const { path: at, reason, key } = firstIssue(parsed.error.issues);
    if (key === undefined) throw wrong(at, reason, "VEDETTE_CONFIG_VALUE");
    throw wrong(at, reason, "VEDETTE_CONFIG_KEY", { hint: suggested(key, keysAt(at.slice(0, -1), file)) });
  });
}

/** Without keys that nobody asks for. A key that is none stays, and is told. */
function asked(file: unknown, only: ReadonlySet<string> | null): unknown {
  const top = mapping(file);
  if (top === null || only === null) return file;
  const isLeft = (key: string): boolean => only.has(key) || !Object.hasOwn(ConfigFile.shape, key);
  return Object.fromEntries(Object.entries(top).filter(([key]) => isLeft(key)));
}

/** The environment over the file; a file that holds no mapping is left to the schema. */
function merged(file: unknown, { values, outputs }: Environment): unknown {
  const top = mapping(file);
  if (top === null) return file;
  const named = top.outputs ?? {};
  const entries = mapping(named);
  if (entries === null) return { ...top, ...values };
  const all: Record<string, unknown> = { ...entries };
  for (const [name, said] of Object.entries(outputs)) all[name] = { ...mapping(all[name]), ...said };
  return { ...top, ...values, outputs: all };
}

function mapping(value: unknown): Record<string, unknown> | null {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}

/** What may stand there. */
function keysAt(path: readonly (string | number)[], file: unknown): string[] {
  if (path.length === 0) return [...Object.keys(KEYS), "outputs"];
  const entry = mapping(mapping(mapping(file)?.outputs)?.[String(path[1])]);
  const type = OUTPUT_TYPES[entry?.type as keyof typeof OUTPUT_TYPES];
  return Object.keys(type?.shape ?? {});
}

/** A variable has no path. */
function withoutPath(reason: string, at: readonly (string | number)[]): string {
  const name = at.map((step) => (typeof step === "number" ? `item ${step + 1}` : step)).join(".");
  return reason.startsWith(name) ? `it${reason.slice(name.length).replace(/^: it/, "")}` : reason;
}

function configurationOf({ outputs = {}, ...rest }: z.infer<typeof ConfigFile>): Configuration {
  const options = new Map<string, unknown>();
  for (const [key, value] of Object.entries(rest as Record<string, unknown>)) {
    const { option, optionValue } = KEYS[key] as (typeof KEYS)[string];
    if (value !== undefined) options.set(option, optionValue === undefined ? value : optionValue(value as never));
  }
  return { options, outputs: Object.entries(outputs).map(([name, entry]) => namedOutput(name, entry)) };
}
