// SPDX-License-Identifier: Apache-2.0
// Reads the `exceptions` of a rule. Their fields may be left out where they append to an exception that is
// there already.
import type { ExceptionEntry, RuleException } from "./items.js";
import { LoadError } from "./load-result.js";
import type { Context } from "./location.js";
import { ITEM_KEYS, type Reading, refuse, requiredText, warnUnknownKeys } from "./read-value.js";
import { type MapNode, member, type Node } from "./yaml.js";

/** All exceptions of a rule; none where the key is missing. Throws LoadError. */
export function readExceptions(rule: MapNode, reading: Reading, mode: "define" | "append"): RuleException[] {
  const { context: parent } = reading;
  const list = member(rule, "exceptions");
  if (!list || list.kind === "null") return [];
  const context = parent.enter(list.at, "exceptions");
  if (list.kind !== "sequence") {
    throw new LoadError("LOAD_ERR_YAML_VALIDATE", "Rule exceptions must be a sequence", context);
  }
  const out: RuleException[] = [];
  for (const item of list.items) {
    const exception = readException(item, { ...reading, context }, mode, parent);
    if (out.some((e) => e.name === exception.name)) {
      const complaint = `Multiple definitions of exception '${exception.name}' in the same rule`;
      reading.result.warn("LOAD_EXCEPTION_NAME_NOT_UNIQUE", complaint, exception.context);
    }
    out.push(exception);
  }
  return out;
}

/** One exception. Throws LoadError where it has no name, or no fields and is not an append. */
export function readException(item: Node, reading: Reading, mode: "define" | "append", rule: Context): RuleException {
  const unnamed = reading.context.enter(item.at, "exception");
  if (item.kind !== "map") throw new LoadError("LOAD_ERR_YAML_VALIDATE", "Rule exception must be a mapping", unnamed);
  const name = requiredText(item, "name", unnamed);
  const context = rule.enter(item.at, "exception", name);
  warnUnknownKeys(item, ITEM_KEYS.exception, context, reading.result);
  const fields = member(item, "fields");
  refuse(!fields && mode === "define", "Item has no mapping for key 'fields'", context);
  return {
    name,
    fields: readWhole(item, "fields", context),
    comps: readWhole(item, "comps", context),
    values: readValues(item, reading, mode, context),
    context,
  };
}

// An empty list is as good as none.
function readWhole(item: MapNode, key: "fields" | "comps", context: Context): ExceptionEntry | null {
  const value = member(item, key);
  const entry = value ? readEntry(value, context, key) : null;
  return entry?.length === 0 ? null : entry;
}

function readValues(item: MapNode, { result }: Reading, mode: "define" | "append", parent: Context): ExceptionEntry[] {
  const values = member(item, "values");
  if (!values) {
    const complaint = "Overriding/appending exception with no values";
    if (mode === "append") result.warn("LOAD_APPEND_NO_VALUES", complaint, parent);
    return [];
  }
  const context = parent.enter(values.at, "exception values");
  if (values.kind !== "sequence") {
    throw new LoadError("LOAD_ERR_YAML_VALIDATE", "Rule exception values must be a sequence", context);
  }
  return values.items.map((value) => readEntry(value, context.enter(value.at, "exception value")) ?? "");
}

function readEntry(node: Node, parent: Context, key = ""): ExceptionEntry | null {
  const context = parent.enter(node.at, "value for", key);
  if (node.kind === "sequence") {
    return node.items.map((item) => readEntry(item, context.enter(item.at, "exception")) ?? "");
  }
  if (node.kind !== "scalar") return null;
  refuse(node.text === "", "Value must be non-empty", context);
  return node.text;
}
