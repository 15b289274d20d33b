// SPDX-License-Identifier: Apache-2.0
// Reads one rule file: a sequence of items, each a map whose first known key tells its kind. What is not of
// the form of a rule file is an error that ends the reading; unknown keys and kinds are warnings.
import type { Collector } from "./collector.js";
import { LoadError, type LoadResult } from "./load-result.js";
import { Context } from "./location.js";
import { readPlainYaml } from "./plain-yaml.js";
import { readRule } from "./read-rule.js";
import {
  APPEND_AND_OVERRIDE,
  APPEND_DEPRECATED,
  fail,
  flag,
  ITEM_KEYS,
  overrides,
  type Reading,
  refuse,
  requiredText,
  texts,
  warnUnknownKeys,
} from "./read-value.js";
import { parseVersion } from "./version.js";
import { type MapNode, member, type Node, readYaml } from "./yaml.js";

/** Whether the file was read to its end. */
export function readRules(content: string, result: LoadResult, collector: Collector): boolean {
  const context = Context.file(result.name);
  const plain = readPlainYaml(content);
  const yaml = plain === null ? readYaml(content) : { documents: [plain] };
  if ("failure" in yaml) {
    const { message, at } = yaml.failure;
    result.error("LOAD_ERR_YAML_PARSE", message, context.enter(at, "value for"));
    return false;
  }
  try {
    for (const document of yaml.documents) readDocument(document, { result, collector, context });
    return true;
  } catch (error) {
    if (!(error instanceof LoadError)) throw error;
    result.error(error.code, error.message, error.context);
    return false;
  }
}

function readDocument(document: Node, reading: Reading): void {
  if (document.kind === "null") return;
  refuse(document.kind === "scalar", "Rules content is not yaml", reading.context);
  if (document.kind !== "sequence") fail("Rules content is not yaml array of objects", reading.context);
  for (const item of document.items) if (item.kind !== "null") readItem(item, reading);
}

function readItem(item: Node, reading: Reading): void {
  const { context } = reading;
  if (item.kind !== "map") {
    const complaint = "Unexpected element type. Each element should be a yaml associative array.";
    fail(complaint, context.enter(item.at, "rules content item"));
  }
  const kind = [...KINDS].find(([key]) => member(item, key));
  if (kind) kind[1](item, reading);
  else reading.result.warn("LOAD_UNKNOWN_ITEM", "Unknown top level item", context.enter(item.at, "rules content item"));
}

// In the order in which the keys are looked for.
const KINDS: [string, (item: MapNode, reading: Reading) => void][] = [
  ["required_engine_version", readEngineVersion],
  ["required_plugin_versions", readPluginVersions],
  ["list", readList],
  ["macro", readMacro],
  ["rule", readRule],
];

// A whole number N is the engine's old numbering and means 0.N.0.
function readEngineVersion(item: MapNode, { context: parent, collector, result }: Reading): void {
  const context = parent.enter(item.at, "required_engine_version");
  warnUnknownKeys(item, ITEM_KEYS.required_engine_version, context, result);
  const given = requiredText(item, "required_engine_version", context);
  const version = parseVersion(/^\d+$/.test(given) ? `0.${given}.0` : given);
  const complaint = `Unable to parse engine version '${given}' as a semver string. Expected "x.y.z" semver format.`;
  refuse(!version, complaint, context);
  collector.requireEngine(version!, context);
}

function readPluginVersions(item: MapNode, { context: parent, collector, result }: Reading): void {
  const list = member(item, "required_plugin_versions")!;
  const context = parent.enter(list.at, "required plugin versions");
  warnUnknownKeys(item, ITEM_KEYS.required_plugin_versions, context, result);
  if (list.kind !== "sequence") fail("Value of required_plugin_versions must be a sequence", context);
  for (const plugin of list.items) {
    const entry = context.enter(plugin.at, "required plugin versions entry");
    if (plugin.kind !== "map") fail("Plugin version must be a mapping", entry);
    const name = requiredText(plugin, "name", entry);
    const named = context.enter(plugin.at, "required plugin versions entry", name);
    const needs = [{ name, version: requiredText(plugin, "version", named) }];
    const alternatives = member(plugin, "alternatives");
    if (alternatives && alternatives.kind !== "sequence") {
      fail("Value of plugin version alternatives must be a sequence", named);
    }
    for (const other of alternatives?.items ?? []) {
      const place = named.enter(other.at, "required plugin versions alternative");
      if (other.kind !== "map") fail("Plugin version alternative must be a mapping", place);
      needs.push({ name: requiredText(other, "name", place), version: requiredText(other, "version", place) });
    }
    collector.requirePlugin(needs, named);
  }
}

// A character that a condition's bare text may hold.
const LIST_NAME = /^[^()"'\s=,]+$/;
const MACRO_NAME = /^[a-zA-Z]+[a-zA-Z0-9_]*$/;

function readList(item: MapNode, reading: Reading): void {
  const { context: parent, collector, result } = reading;
  const name = requiredText(item, "list", parent.enter(item.at, "list"));
  const context = parent.enter(item.at, "list", name);
  if (!LIST_NAME.test(name)) {
    const complaint = `List has an invalid name. List names should match a regular expression: ${LIST_NAME.source}`;
    result.warn("LOAD_INVALID_LIST_NAME", complaint, context);
  }
  warnUnknownKeys(item, ITEM_KEYS.list, context, result);
  const items = texts(item, "items", context, "required");
  const isAppend = readAppend(item, new Set(["items"]), context, result);
  const list = { name, items, context, index: 0, visibility: 0 };
  if (isAppend) collector.appendList(list);
  else collector.defineList(list);
}

function readMacro(item: MapNode, reading: Reading): void {
  const { context: parent, collector, result } = reading;
  const name = requiredText(item, "macro", parent.enter(item.at, "macro"));
  const context = parent.enter(item.at, "macro", name);
  if (!MACRO_NAME.test(name)) {
    const complaint = `Macro has an invalid name. Macro names should match a regular expression: ${MACRO_NAME.source}`;
    result.warn("LOAD_INVALID_MACRO_NAME", complaint, context);
  }
  warnUnknownKeys(item, ITEM_KEYS.macro, context, result);
  const condition = requiredText(item, "condition", context);
  const conditionContext = context.enter(member(item, "condition")!.at, "macro condition");
  const isAppend = readAppend(item, new Set(["condition"]), context, result);
  const macro = { name, condition, context, conditionContext, index: 0, visibility: 0 };
  if (isAppend) collector.appendMacro(macro);
  else collector.defineMacro(macro);
}

// A list or macro has one thing to append to, so `append` and `override` say the same.
function readAppend(item: MapNode, keys: Set<string>, context: Context, result: LoadResult): boolean {
  const isAppend = flag(item, "append", context) ?? false;
  if (isAppend) result.warn("LOAD_DEPRECATED_ITEM", APPEND_DEPRECATED, context);
  const over = overrides(item, keys, keys, context);
  refuse(isAppend && over.append.size + over.replace.size > 0, APPEND_AND_OVERRIDE, context);
  return isAppend || over.append.size > 0;
}
