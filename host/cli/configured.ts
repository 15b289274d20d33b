// SPDX-License-Identifier: Apache-2.0
// What a command is told by its command line, by the environment and by vedette.yaml, the first of these that
// says it. A key that is no option of the command is left alone: `run` and `serve` may share one file.
import type { Command } from "commander";
import type { Configuration } from "../config/config.js";
import type { LogFormat } from "../log.js";
import { beQuiet, logAs, say } from "./failure.js";

/** Where the file is, when `--config` does not say. */
export const CONFIG_VARIABLE = "VEDETTE_CONFIG";

/**
 * The command's options, complete, with `outputs` and `configFile`, the file's path. Each call reads anew.
 * What reads files and the environment is loaded only where there is something to read.
 */
export async function configured<Flags>(command: Command): Promise<Flags> {
  const { config: said, ...flags } = command.opts<{ config?: string; quiet?: boolean }>();
  const path = said ?? process.env[CONFIG_VARIABLE] ?? null;
  if (path === null && !Object.keys(process.env).some((name) => name.startsWith("VEDETTE_"))) return flags as Flags;
  const { readConfiguration } = await import("../config/config.js");
  const configuration = readConfiguration(path, process.env);
  const { outputs } = configuration;
  const where = path === null ? {} : { configFile: path };
  return { ...flags, ...configuredIn(command, configuration), ...where, outputs } as Flags;
}

/** The same for a command's start: from here on it is quiet, where the file says so. */
export async function configuredAtStart<Flags extends object>(command: Command): Promise<Flags> {
  const flags = await configured<Flags & { readonly quiet?: boolean }>(command);
  if (flags.quiet === true) beQuiet();
  return flags;
}

/** How a command speaks. */
const OF_SPEECH = ["quiet", "log-format"];
/** How a command captures. */
const OF_CAPTURE = ["snaplen", "tiers", "integrity", "site-cache", "io-uring", "on-overload"];
/** Those that capture, and read no vedette.yaml. */
const CAPTURING = ["record", "trace", "top"];

/** Before any command: from here on it speaks as the command line and the environment say. */
export async function heedEnvironment(command: Command): Promise<void> {
  const heeded = CAPTURING.includes(command.name()) ? [...OF_SPEECH, ...OF_CAPTURE] : OF_SPEECH;
  const options = command.options.filter((option) => heeded.includes(option.name()));
  // Of the others only vedette.yaml may say what they mean, and `run` and `serve` read them beside it.
  const names = options.map((option) => variableOf(option.name()));
  const heard = Object.fromEntries(Object.entries(process.env).filter(([name]) => names.includes(name)));
  if (Object.keys(heard).length > 0) {
    const { options: said } = (await import("../config/config.js")).readConfiguration(null, heard);
    for (const option of options) {
      const [attribute, value] = [option.attributeName(), said.get(option.name())];
      if (value === undefined || command.getOptionValueSource(attribute) === "cli") continue;
      command.setOptionValueWithSource(attribute, value, "env");
    }
  }
  const { quiet, logFormat } = command.opts<{ quiet?: boolean; logFormat?: LogFormat }>();
  if (quiet === true) beQuiet();
  const isAsked = command.getOptionValueSource("logFormat") !== "default"; // `serve --check` is no log
  if (logFormat !== undefined && isAsked) logAs(logFormat);
}

const variableOf = (option: string): string => `VEDETTE_${option.toUpperCase().replaceAll("-", "_")}`;

/** What the command line leaves to the others. */
function configuredIn(command: Command, { options }: Configuration): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const option of command.options) {
    const value = options.get(option.name());
    if (value === undefined || option.negate) continue;
    const attribute = option.attributeName();
    if (command.getOptionValueSource(attribute) !== "cli") values[attribute] = value;
  }
  return values;
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
