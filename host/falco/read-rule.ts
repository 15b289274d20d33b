// SPDX-License-Identifier: Apache-2.0
// Reads a `rule`. The same key means four things: a new rule, an `append: true` to an earlier one, an
// `override` of some of its keys, or (with `enabled` alone) a switch.
import type { Priority } from "../finding/priority.js";
import { readCustoms } from "./customs.js";
import { parsePriority, type RuleUpdate } from "./items.js";
import type { Context } from "./location.js";
import { readExceptions } from "./read-exception.js";
import {
  APPEND_AND_OVERRIDE,
  APPEND_DEPRECATED,
  duration,
  flag,
  ITEM_KEYS,
  type Overrides,
  overrides,
  type Reading,
  refuse,
  requiredText,
  text,
  texts,
  warnUnknownKeys,
} from "./read-value.js";
import { type MapNode, member } from "./yaml.js";

const APPENDABLE = new Set(["condition", "output", "desc", "tags", "exceptions"]);
const REPLACEABLE = new Set([
  ...APPENDABLE,
  "priority",
  "enabled",
  "warn_evttypes",
  "skip-if-unknown-filter",
  "capture",
  "capture_duration",
  "customs",
]);

/** Hands one `rule` item to the collector. Throws LoadError. */
export function readRule(item: MapNode, reading: Reading): void {
  const { context: parent, result } = reading;
  const name = requiredText(item, "rule", parent.enter(item.at, "rule"));
  const context = parent.enter(item.at, "rule", name);
  const inRule = { ...reading, context };
  warnUnknownKeys(item, ITEM_KEYS.rule, context, result);
  const isAppend = flag(item, "append", context) ?? false;
  if (isAppend) result.warn("LOAD_DEPRECATED_ITEM", APPEND_DEPRECATED, context);
  const over = overrides(item, APPENDABLE, REPLACEABLE, context);
  const isOverride = over.append.size + over.replace.size > 0;
  refuse(isAppend && isOverride, APPEND_AND_OVERRIDE, context);
  const isWhole = ["condition", "output", "desc", "priority"].some((key) => member(item, key));
  if (isOverride) overrideRule(item, name, over, inRule);
  else if (isAppend) appendRule(item, name, inRule);
  else if (isWhole) defineRule(item, name, inRule);
  else enableRule(item, name, inRule);
}

function defineRule(item: MapNode, name: string, reading: Reading): void {
  const { context, collector, result } = reading;
  const condition = requiredText(item, "condition", context);
  const output = requiredText(item, "output", context).trim();
  const desc = requiredText(item, "desc", context);
  const rule = {
    name,
    context,
    index: 0,
    visibility: 0,
    condition,
    conditionContext: context.enter(member(item, "condition")!.at, "rule condition"),
    output,
    outputContext: context.enter(member(item, "output")!.at, "rule output"),
    desc,
    priority: readPriority(item, context),
    source: text(item, "source", context) ?? "syscall",
    isSourceKnown: true,
    enabled: flag(item, "enabled", context) ?? true,
    warnEventTypes: flag(item, "warn_evttypes", context) ?? true,
    skipIfUnknownFilter: flag(item, "skip-if-unknown-filter", context) ?? false,
    captureMs: duration(item, "capture_duration", context),
    captures: flag(item, "capture", context) ?? false,
    tags: new Set(texts(item, "tags", context, "optional")),
    exceptions: readExceptions(item, reading, "define"),
    customs: readCustoms(item, reading),
  };
  collector.defineRule(rule, result);
}

function appendRule(item: MapNode, name: string, reading: Reading): void {
  const { context, collector } = reading;
  const update: RuleUpdate = { name, context };
  const condition = text(item, "condition", context);
  if (condition !== undefined) update.condition = condition;
  if (member(item, "exceptions")) update.exceptions = readExceptions(item, reading, "append");
  collector.appendRule(update);
}

function enableRule(item: MapNode, name: string, { context, collector, result }: Reading): void {
  requiredText(item, "enabled", context);
  const enabled = flag(item, "enabled", context)!;
  const complaint =
    "The standalone 'enabled' key usage is deprecated. The correct approach requires also a 'replace' entry under the " +
    "'override' key (i.e. 'enabled: replace').";
  result.warn("LOAD_DEPRECATED_ITEM", complaint, context);
  collector.enableRule(name, enabled, context);
}

function overrideRule(item: MapNode, name: string, over: Overrides, reading: Reading): void {
  const { context, collector } = reading;
  const unused = new Set([...REPLACEABLE].filter((key) => member(item, key)));
  const change = (keys: Set<string>, kind: "append" | "replace") => {
    const update: RuleUpdate = { name, context };
    for (const key of keys) {
      const complaint = `An ${kind} override for '${key}' was specified but '${key}' is not defined`;
      refuse(!member(item, key), complaint, context);
      unused.delete(key);
      readInto(update, key, item, reading, kind);
    }
    return update;
  };
  if (over.append.size > 0) collector.appendRule(change(over.append, "append"));
  if (over.replace.size > 0) collector.replaceInRule(change(over.replace, "replace"));
  for (const key of [...unused].sort()) {
    const complaint = `Unexpected key '${key}': no corresponding entry under 'override' is defined.`;
    refuse(true, complaint, context.enter(member(item, key)!.at, "overrides", key));
  }
}

function readInto(update: RuleUpdate, key: string, item: MapNode, reading: Reading, kind: "append" | "replace"): void {
  const { context } = reading;
  const required = () => requiredText(item, key, context);
  const readers: Record<string, () => void> = {
    condition: () => (update.condition = required()),
    output: () => (update.output = required()),
    desc: () => (update.desc = required()),
    tags: () => (update.tags = new Set(texts(item, "tags", context, "required"))),
    exceptions: () => (update.exceptions = readExceptions(item, reading, kind === "append" ? "append" : "define")),
    priority: () => (update.priority = readPriority(item, context)),
    enabled: () => (update.enabled = required() !== "" && flag(item, key, context)!),
    warn_evttypes: () => (update.warnEventTypes = required() !== "" && flag(item, key, context)!),
    capture: () => (update.captures = required() !== "" && flag(item, key, context)!),
    customs: () => (update.customs = readCustoms(item, reading)),
    capture_duration: () => (update.captureMs = duration(item, key, context)),
    "skip-if-unknown-filter": () => (update.skipIfUnknownFilter = required() !== "" && flag(item, key, context)!),
  };
  readers[key]?.();
}

function readPriority(item: MapNode, context: Context): Priority {
  const priority = parsePriority(requiredText(item, "priority", context));
  refuse(!priority, "Invalid priority", context.enter(member(item, "priority")!.at, "rule priority"));
  return priority!;
}
