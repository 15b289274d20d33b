// SPDX-License-Identifier: Apache-2.0
// Falco's configuration as a tree, changed by `--option KEY=VALUE` as Falco changes it: KEY is a path of
// names and places (`a.b`, `a[2].b`, `a[].b` for a new entry at the end), VALUE a text, or YAML where it
// begins like a mapping or a list.
import { parse } from "yaml";

/** A mapping of the configuration. */
export type Config = { [key: string]: ConfigNode };
/** A part of the configuration. Every scalar is a text. */
export type ConfigNode = string | null | ConfigNode[] | Config;

/** What is wrong with an option, or null. */
export function setOption(config: Config, key: string, text: string): string | null {
  const path = pathOf(key);
  if (path === null) return `${key} is no path of names and places`;
  const value = readValue(text);
  if (value === undefined) return "the value is no YAML";
  return set(config, path, value);
}

/** A setting: where it stands, as an option would name it, and its text; of lists each entry whole. */
export interface Setting {
  readonly key: string;
  readonly value: ConfigNode;
}

/** All settings in the tree. `isWhole`: what stands at this key is not taken apart. */
export function settingsIn(config: Config, isWhole: (key: string) => boolean): Setting[] {
  const out: Setting[] = [];
  const visit = (key: string, value: ConfigNode): void => {
    if (isWhole(key) || value === null || typeof value === "string") out.push({ key, value });
    else if (Array.isArray(value)) for (const [i, one] of value.entries()) visit(`${key}[${i}]`, one);
    else for (const [name, one] of Object.entries(value)) visit(key === "" ? name : `${key}.${name}`, one);
  };
  visit("", config);
  return out;
}

/** Names and places; -1 is a new one at the end. */
function pathOf(key: string): (string | number)[] | null {
  const path: (string | number)[] = [];
  for (const part of key.split(".")) {
    const [, name, places] = /^([\w-]+)((?:\[\d*\])*)$/.exec(part) ?? [];
    if (name === undefined || name === "__proto__") return null;
    path.push(
      name,
      ...Array.from(places!.matchAll(/\[(\d*)\]/g), ([, digits]) => (digits === "" ? -1 : Number(digits))),
    );
  }
  return path;
}

const PLACES_MAX = 10_000;

function set(config: Config, path: readonly (string | number)[], value: ConfigNode): string | null {
  let at: Config | ConfigNode[] = config;
  for (const [i, step] of path.entries()) {
    const next = path[i + 1];
    const isLast = next === undefined;
    const isList = Array.isArray(at);
    // `append_output.suggested_output` is of the first entry.
    const inList: string | number = isList && typeof step === "string" ? 0 : step;
    const key: string | number = isList
      ? inList === -1
        ? (at as ConfigNode[]).length
        : (inList as number)
      : String(step);
    if (isList && (key as number) > PLACES_MAX)
      return `${key} is beyond the ${PLACES_MAX} entries that a list may have`;
    const holder = at as Record<string | number, ConfigNode>;
    if (isList && typeof step === "string") {
      if (typeof holder[0] !== "object" || holder[0] === null) holder[0] = {};
      at = holder[0] as Config;
      if (isLast) {
        (at as Config)[step] = value;
        return null;
      }
      if (!fits((at as Config)[step], next)) (at as Config)[step] = typeof next === "number" ? [] : {};
      at = (at as Config)[step] as Config | ConfigNode[];
      continue;
    }
    if (isLast) holder[key] = value;
    else if (!fits(holder[key], next)) holder[key] = typeof next === "number" ? [] : {};
    if (!isLast) at = holder[key] as Config | ConfigNode[];
  }
  return null;
}

/** Whether a step further can be taken from here. */
function fits(node: ConfigNode | undefined, next: string | number | undefined): boolean {
  if (typeof node !== "object" || node === null) return false;
  return Array.isArray(node) || typeof next === "string";
}

/** Undefined for what is no YAML. */
function readValue(text: string): ConfigNode | undefined {
  if (!/^\s*[{[]/.test(text)) return text;
  try {
    return textsOf(parse(text));
  } catch {
    return undefined;
  }
}

/** YAML with each scalar as its text. */
export function textsOf(value: unknown): ConfigNode {
  if (Array.isArray(value)) return value.map(textsOf);
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, textsOf(one)]));
  return value === null || value === undefined ? null : String(value);
}
