// SPDX-License-Identifier: Apache-2.0
// Reads the values of an item's keys, each with the complaint that Falco makes when it is not of the right
// form.
import type { Collector } from "./collector.js";
import { LoadError, type LoadResult } from "./load-result.js";
import type { Context } from "./location.js";
import { type MapNode, member, type Node } from "./yaml.js";

/** What every reader of an item gets. */
export interface Reading {
  result: LoadResult;
  readonly collector: Collector;
  readonly context: Context;
}

/** Throws LoadError LOAD_ERR_YAML_VALIDATE where `isWrong`. */
export function refuse(isWrong: boolean, message: string, context: Context): void {
  if (isWrong) fail(message, context);
}

/** Throws LoadError LOAD_ERR_YAML_VALIDATE. */
export function fail(message: string, context: Context): never {
  throw new LoadError("LOAD_ERR_YAML_VALIDATE", message, context);
}

/** The text at `key`; undefined where the key is missing. Throws LoadError where it is empty or no scalar. */
export function text(item: MapNode, key: string, context: Context): string | undefined {
  return member(item, key) ? requiredText(item, key, context) : undefined;
}

/** As text(), and the key must be there. */
export function requiredText(item: MapNode, key: string, context: Context): string {
  const value = requiredMember(item, key, context);
  refuse(value.kind === "null", `Mapping for key '${key}' is empty`, context);
  const place = context.enter(value.at, "value for", key);
  if (value.kind !== "scalar") throw new LoadError("LOAD_ERR_YAML_VALIDATE", "Value is not a scalar value", place);
  refuse(value.text === "", "Value must be non-empty", place);
  return value.text;
}

function requiredMember(item: MapNode, key: string, context: Context): Node {
  const value = member(item, key);
  if (value) return value;
  throw new LoadError("LOAD_ERR_YAML_VALIDATE", `Item has no mapping for key '${key}'`, context);
}

/** yaml-cpp's words for true and false, which are those of YAML 1.1. */
export function flag(item: MapNode, key: string, context: Context): boolean | undefined {
  const given = text(item, key, context);
  if (given === undefined) return undefined;
  const isTrue = TRUE.test(given);
  const place = context.enter(member(item, key)!.at, "value for", key);
  refuse(!isTrue && !FALSE.test(given), "Can't decode YAML scalar value", place);
  return isTrue;
}

/** A number of milliseconds; null where the key is not there. Throws LoadError for anything else. */
export function duration(item: MapNode, key: string, context: Context): number | null {
  const given = text(item, key, context);
  if (given === undefined) return null;
  const place = context.enter(member(item, key)!.at, "value for", key);
  refuse(!/^\+?\d+$/.test(given) || Number(given) > UINT32_MAX, "Can't decode YAML scalar value", place);
  return Number(given);
}

const UINT32_MAX = 2 ** 32 - 1;
const TRUE = /^(y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON)$/;
const FALSE = /^(n|N|no|No|NO|false|False|FALSE|off|Off|OFF)$/;

/** The texts of a sequence. Throws LoadError where it is none. */
export function texts(item: MapNode, key: string, context: Context, need: "required" | "optional"): string[] {
  if (need === "optional" && !member(item, key)) return [];
  const list = requiredMember(item, key, context);
  const place = context.enter(list.at, "value for", key);
  if (list.kind !== "sequence") throw new LoadError("LOAD_ERR_YAML_VALIDATE", "Value is not a sequence", place);
  return list.items.map((value) => {
    if (value.kind === "scalar") return value.text;
    const at = place.enter(value.at, "list item");
    throw new LoadError("LOAD_ERR_YAML_VALIDATE", "sequence value is not scalar", at);
  });
}

/** Which keys `override` appends to, and which it replaces. */
export interface Overrides {
  readonly append: Set<string>;
  readonly replace: Set<string>;
}

/** Reads `override`. Throws LoadError where a key cannot be overridden so. */
export function overrides(
  item: MapNode,
  appendable: Set<string>,
  replaceable: Set<string>,
  parent: Context,
): Overrides {
  const out: Overrides = { append: new Set(), replace: new Set() };
  const given = member(item, "override");
  if (!given || given.kind === "null") return out;
  const context = parent.enter(item.at, "overrides");
  if (given.kind !== "map")
    throw new LoadError("LOAD_ERR_YAML_VALIDATE", "Value of override must be a mapping", context);
  for (const { key, value } of given.entries) {
    const place = context.enter(key.at, "overrides", key.text);
    const operation = value.kind === "scalar" ? value.text : "";
    if (operation === "append") {
      const complaint = `Key '${key.text}' cannot be appended to, use 'replace' instead`;
      refuse(!appendable.has(key.text), complaint, place);
      out.append.add(key.text);
    } else if (operation === "replace") {
      refuse(!replaceable.has(key.text), `Key '${key.text}' cannot be replaced`, place);
      out.replace.add(key.text);
    } else {
      const allowed = [
        ...(appendable.has(key.text) ? ["append"] : []),
        ...(replaceable.has(key.text) ? ["replace"] : []),
      ];
      const complaint = `Invalid override operation for key '${key.text}': '${operation}'. Allowed values are: `;
      refuse(true, complaint + allowed.join(" "), context.enter(value.at, "value for", key.text));
    }
  }
  return out;
}

/** Falco's warning about `append: true`. */
export const APPEND_DEPRECATED =
  "'append' key is deprecated. Add an 'append' entry (e.g. 'condition: append') under 'override' instead.";
/** Falco's error about both keys in one item. */
export const APPEND_AND_OVERRIDE =
  "Keys 'override' and 'append: true' cannot be used together. " +
  "Add an 'append' entry (e.g. 'condition: append') under 'override' instead.";

/** The keys that each kind of item knows. Others are told and ignored. */
export const ITEM_KEYS = {
  required_engine_version: new Set(["required_engine_version"]),
  required_plugin_versions: new Set(["required_plugin_versions"]),
  list: new Set(["list", "items", "append", "override"]),
  macro: new Set(["macro", "condition", "append", "override"]),
  rule: new Set([
    "rule",
    "condition",
    "output",
    "desc",
    "priority",
    "source",
    "enabled",
    "tags",
    "warn_evttypes",
    "skip-if-unknown-filter",
    "exceptions",
    "append",
    "override",
    "capture",
    "capture_duration",
    "customs",
  ]),
  exception: new Set(["name", "fields", "comps", "values"]),
};

/** Warns of each key that Falco does not know there. */
export function warnUnknownKeys(item: MapNode, known: Set<string>, context: Context, result: LoadResult): void {
  for (const { key } of item.entries) {
    if (known.has(key.text)) continue;
    result.warn("LOAD_UNKNOWN_KEY", `Unknown key '${key.text}'`, context.enter(key.at, "value for", key.text));
  }
}
