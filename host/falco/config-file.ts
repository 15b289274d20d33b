// SPDX-License-Identifier: Apache-2.0
// Falco's configuration file (falco.yaml) as the tree that `--option` changes, with the files that
// `config_files` adds to it. Later files add to lists and replace everything else (`append`), replace whole
// keys (`override`), or give only keys that nobody gave (`add-only`). `${NAME}` in a value is a variable of
// the environment.
import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parse } from "yaml";
import { VedetteError } from "../errors.js";
import { readGivenFile } from "../plain-file.js";
import { reasonOf } from "../reason.js";
import { type Config, type ConfigNode, textsOf } from "./config-tree.js";

/**
 * Where Falco looks for its configuration when nobody names one. Not in the current folder: whoever may write
 * there would choose the rules, and files to write to.
 */
export const CONFIG_PLACE = "/etc/falco/falco.yaml";

/** One configuration with all that it includes. `text` is the first file alone. */
export interface ConfigFile {
  readonly config: Config;
  readonly text: string;
  /** Files and folders of rules that it names and that are there. */
  readonly rules: string[];
}

const BYTES_MAX = 4 << 20;

type Merge = (config: Config, more: Config) => void;

/**
 * Reads the file and those that it adds. Throws VEDETTE_FALCO_OPTION where one cannot be read or is no YAML
 * mapping. `named` gets what it is read from, also where something is wrong: files and folders, and those
 * that are not there yet.
 */
export function readConfigFile(path: string, named: string[] = []): ConfigFile {
  named.push(path);
  const text = contentOf(path);
  const config = configIn(path, text);
  const places = addedPlaces(config, dirname(path));
  named.push(...places.map(({ place }) => place));
  for (const { place, merge } of places)
    for (const more of filesAt(place)) merge(config, configIn(more, contentOf(more)));
  const rules = rulesNamed(config);
  named.push(...rules);
  return { config, text, rules: rules.filter((one) => existsSync(one)) };
}

function contentOf(path: string): string {
  try {
    return readGivenFile(path, { most: BYTES_MAX }).toString();
  } catch (cause) {
    throw unreadable(path, reasonOf(cause), cause);
  }
}

function configIn(path: string, text: string): Config {
  let tree: ConfigNode;
  try {
    tree = textsOf(parse(text));
  } catch (cause) {
    throw unreadable(path, reasonOf(cause), cause);
  }
  if (tree === null) return {};
  if (typeof tree === "string" || Array.isArray(tree)) throw unreadable(path, "it is no mapping", undefined);
  return expandedIn(tree) as Config;
}

function unreadable(path: string, reason: string, cause: unknown): VedetteError {
  return new VedetteError("VEDETTE_FALCO_OPTION", { option: path, reason }, { cause });
}

/** `${NAME}` is a variable of the environment, `$${NAME}` is that text. */
export function expanded(text: string): string {
  return text.replace(/\$(\$?)\{(\w+)\}/g, (_, dollar: string, name: string) =>
    dollar === "" ? (process.env[name] ?? "") : `\${${name}}`,
  );
}

function expandedIn(node: ConfigNode): ConfigNode {
  if (typeof node === "string") return expanded(node);
  if (Array.isArray(node)) return node.map(expandedIn);
  if (node === null) return null;
  return Object.fromEntries(Object.entries(node).map(([key, one]) => [key, expandedIn(one)]));
}

// An entry of config_files is a path, or {path, strategy}.
function addedPlaces(config: Config, folder: string): { place: string; merge: Merge }[] {
  const entries = Array.isArray(config.config_files) ? config.config_files : [];
  return entries.map((entry) => {
    const { path, strategy } = (typeof entry === "string" ? { path: entry } : (entry ?? {})) as Config;
    const merge = typeof strategy === "string" ? MERGES.get(strategy) : append;
    if (typeof path !== "string" || merge === undefined || typeof (strategy ?? "") !== "string")
      throw unreadable("config_files", `an entry names no path, or the strategy ${strategy}`, undefined);
    return { place: resolve(folder, path), merge };
  });
}

function filesAt(path: string): string[] {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) return [];
    if (!found.isDirectory()) return [path];
    const names = readdirSync(path).filter((name) => /\.ya?ml$/.test(name));
    return names.sort().map((name) => join(path, name));
  } catch (cause) {
    throw unreadable(path, reasonOf(cause), cause);
  }
}

const append: Merge = (config, more) => {
  for (const [key, value] of Object.entries(more)) {
    const old = config[key];
    config[key] = Array.isArray(old) && Array.isArray(value) ? [...old, ...value] : value;
  }
};

const MERGES: ReadonlyMap<string, Merge> = new Map<string, Merge>([
  ["append", append],
  ["override", (config, more) => void Object.assign(config, more)],
  [
    "add-only",
    (config, more) => {
      for (const [key, value] of Object.entries(more)) if (!Object.hasOwn(config, key)) config[key] = value;
    },
  ],
]);

function rulesNamed({ rules_files: several, rules_file: one }: Config): string[] {
  const named = several ?? one ?? [];
  const paths = typeof named === "string" ? [named] : Array.isArray(named) ? named : [];
  return paths.filter((path): path is string => typeof path === "string");
}
