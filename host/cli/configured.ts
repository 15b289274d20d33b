// SPDX-License-Identifier: Apache-2.0
// What a command is told by its command line, by the environment and by vedette.yaml, the first of these
// that says it. One file, and one environment, may serve all commands: each command reads the keys that
// are options of it, and nothing else, so what is wrong in a key of another command's stops nobody.
//
//   flag (--policy mine)  >  variable (VEDETTE_POLICIES=mine)  >  file (policies: [mine])  >  default
//
// The tables below say where a key's name is not that of its option, and where an option is no key. What
// reads files and the environment is loaded only where there is something to read.
import { type Command, Option } from "commander";
import type { LogFormat } from "../log.js";
import { pathOf } from "./command-tree.js";
import { beQuiet, logAs, say } from "./failure.js";

/** Where the file is, when `--config` does not say. */
const CONFIG_VARIABLE = "VEDETTE_CONFIG";
const VARIABLES = "VEDETTE_";
const OUTPUTS = "outputs";
/** The option that names the file; its attribute, since `config` is Falco's file in flags of its rules. */
const FILE = "configFile";
/** Where an option's value comes from: the environment, or the file. */
const CONFIGURED = "config";

/**
 * Keys of options, by the option's name: of lists, and of the socket that commands ask and hosts answer
 * at.
 */
const KEY_OF: Readonly<Record<string, string>> = {
  policy: "policies",
  option: "falco_options",
  tag: "tags",
  "without-tag": "without_tags",
  "without-rule": "without_rules",
  "container-secret": "container_secrets",
  socket: "control",
};
/** How a command speaks: of those that read no file, too. */
const OF_SPEECH: ReadonlySet<string> = new Set(["quiet", "log-format"]);
/** Options that a file and a variable do not set, by the command's path. */
const TYPED_ALONE: Readonly<Record<string, readonly string[]>> = {
  // What happened long ago goes to no receiver again, unless whoever types the command wants that.
  "vedette replay": ["alerts", "syslog", "syslog-ca"],
  // It must be typed.
  "vedette fleet collect": ["bus"],
  "vedette fleet sensors": ["bus"],
};
/** Commands that open outputs. */
const SENDING: ReadonlySet<string> = new Set(["vedette run", "vedette serve", "vedette outputs test"]);

/** Where options may stand, too. */
export function configOption(): Option {
  const option = new Option(
    "--config <file>",
    "vedette.yaml: a file of such options, and of outputs; the command line and VEDETTE_* variables win over it",
  );
  option.attributeName = () => FILE;
  return option;
}

/** Whether it reads vedette.yaml. */
export const readsConfig = (command: Command): boolean =>
  command.options.some((option) => option.attributeName() === FILE);

/**
 * The command's options that are keys, by what the file calls them; other options have no key of that
 * name.
 */
export function keysOf(command: Command): ReadonlyMap<string, Option> {
  const alone = TYPED_ALONE[pathOf(command)] ?? [];
  const isKey = (option: Option): boolean =>
    !option.negate && !option.hidden && (readsConfig(command) ? !alone.includes(option.name()) : isOfSpeech(option));
  return new Map(command.options.filter(isKey).map((option) => [keyOf(option), option]));
}

const isOfSpeech = (option: Option): boolean => OF_SPEECH.has(option.name());
const keyOf = (option: Option): string => KEY_OF[option.name()] ?? option.name().replaceAll("-", "_");
const variableOf = (key: string): string => `${VARIABLES}${key.toUpperCase()}`;

/** Before any command: from here on its options are complete, and it speaks as it was told. */
export async function heedConfiguration(command: Command): Promise<void> {
  // First what the environment says of speech: what is wrong elsewhere is told in that form.
  const all = keysOf(command);
  const ofSpeech = new Map([...all].filter(([, option]) => isOfSpeech(option)));
  for (const how of [
    { keys: ofSpeech, path: null, sends: false },
    { keys: all, path: fileOf(command), sends: SENDING.has(pathOf(command)) },
  ]) {
    for (const [attribute, value] of Object.entries(await told(command, how)))
      command.setOptionValueWithSource(attribute, value, CONFIGURED);
    speak(command);
  }
}

function speak(command: Command): void {
  const { quiet, logFormat } = command.opts<{ quiet?: boolean; logFormat?: LogFormat }>();
  if (quiet === true) beQuiet();
  const isAsked = command.getOptionValueSource("logFormat") !== "default"; // `serve --check` is no log
  if (logFormat !== undefined && isAsked) logAs(logFormat);
}

/** The command's options, complete, read anew. */
export async function configured<Flags>(command: Command): Promise<Flags> {
  const attributes = [...command.options.map((option) => option.attributeName()), OUTPUTS];
  const how = { keys: keysOf(command), path: fileOf(command), sends: SENDING.has(pathOf(command)) };
  return { ...withoutConfigured<Flags>(command, attributes), ...(await told(command, how)) };
}

/** Its options; those of `attributes` that nobody typed are at their defaults. */
export function withoutConfigured<Flags>(command: Command, attributes: readonly string[]): Flags {
  const flags: Record<string, unknown> = { ...command.opts() };
  for (const attribute of attributes) {
    if (command.getOptionValueSource(attribute) !== CONFIGURED) continue;
    flags[attribute] = command.options.find((one) => one.attributeName() === attribute)?.defaultValue;
  }
  return flags as Flags;
}

/**
 * Its options, and of `attributes`, which exclude one another, those that were typed, else the first that is
 * configured. `isTyped`: something else was typed in their place.
 */
export function withOneOf<Flags>(command: Command, attributes: readonly string[], isTyped = false): Flags {
  const typed = attributes.filter((one) => command.getOptionValueSource(one) === "cli");
  const [first] = attributes.filter((one) => command.getOptionValue(one) !== undefined);
  const left = typed.length > 0 || isTyped ? typed : [first];
  return withoutConfigured(
    command,
    attributes.filter((one) => !left.includes(one)),
  );
}

function fileOf(command: Command): string | null {
  if (!readsConfig(command)) return null;
  return command.getOptionValue(FILE) ?? (process.env[CONFIG_VARIABLE] || null);
}

/** What is read. `path`: the file; null: there is none. `sends`: outputs, too. */
interface Reading {
  readonly keys: ReadonlyMap<string, Option>;
  readonly path: string | null;
  readonly sends: boolean;
}

/** What the command line leaves to the others, by the attributes of options. */
async function told(command: Command, { keys, path, sends }: Reading): Promise<Record<string, unknown>> {
  const heard = heardBy([...keys.keys()], sends);
  if (path === null && Object.keys(heard).length === 0) return {};
  const { KEYS, readConfiguration } = await import("../config/config.js");
  const { options, outputs } = readConfiguration(path, heard, new Set([...keys.keys(), ...(sends ? [OUTPUTS] : [])]));
  const flags: Record<string, unknown> = {};
  for (const [key, option] of keys) {
    const value = options.get(KEYS[key]?.option ?? "");
    const attribute = option.attributeName();
    if (value !== undefined && command.getOptionValueSource(attribute) !== "cli") flags[attribute] = value;
  }
  return { ...flags, ...(path === null ? {} : { [FILE]: path }), ...(sends ? { outputs } : {}) };
}

/** Of the environment, what concerns these keys. */
function heardBy(keys: readonly string[], sends: boolean): NodeJS.ProcessEnv {
  const names = new Set(keys.map(variableOf));
  const isHeard = (name: string): boolean => names.has(name) || (sends && name.startsWith(variableOf(`${OUTPUTS}_`)));
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => isHeard(name)));
}

/** Variables that may hold the secret of an output or a store: a workload under `run` is not to have them. */
const SECRET = /^VEDETTE_(OUTPUTS_|STORE$)/;

/** The environment that a workload gets. */
export function environmentForWorkload(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const names = Object.keys(environment).filter((name) => SECRET.test(name));
  if (names.length === 0) return environment;
  say(`vedette: the workload does not get ${names.join(", ")}`);
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !SECRET.test(name)));
}
