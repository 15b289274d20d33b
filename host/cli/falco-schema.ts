// SPDX-License-Identifier: Apache-2.0
// JSON schemas of the files that `vedette falco` reads, as `--config-schema` and `--rule-schema` print them.
// A configuration may have more keys: those of Falco that mean nothing here.
import { PRIORITIES, SETTINGS } from "../falco/falco.js";
import { print } from "./print.js";

const DRAFT = "http://json-schema.org/draft-07/schema#";
const text = { type: "string" };
const truth = { type: "boolean" };
const count = { type: "integer", minimum: 1 };
const texts = { type: "array", items: text };

type Schema = { properties?: Record<string, Schema>; [key: string]: unknown };

/** Prints the schema of the keys that mean something here. Gives status 0. */
export function printConfigSchema(): number {
  const root: Schema = { $schema: DRAFT, type: "object", properties: {} };
  for (const key of [...SETTINGS, "rules_files", "config_files", "append_output", "rules", "static_fields"]) {
    let at = root;
    for (const name of key.split(".")) {
      at.properties ??= {};
      at.type = "object";
      at.properties[name] ??= {};
      at = at.properties[name];
    }
  }
  print([JSON.stringify(root, null, 2)]);
  return 0;
}

const value = { anyOf: [text, { type: "array" }] };
const exception = {
  type: "object",
  required: ["name"],
  properties: { name: text, fields: value, comps: value, values: { type: "array" } },
};
const ITEM: Schema = {
  type: "object",
  properties: {
    required_engine_version: { type: ["string", "integer"] },
    required_plugin_versions: { type: "array", items: { type: "object", properties: { name: text, version: text } } },
    list: text,
    items: { type: "array" },
    macro: text,
    rule: text,
    desc: text,
    condition: text,
    output: text,
    priority: { enum: [...PRIORITIES, "INFO", ...PRIORITIES.map((one) => one.toUpperCase())] },
    source: text,
    enabled: truth,
    tags: texts,
    exceptions: { type: "array", items: exception },
    warn_evttypes: truth,
    "skip-if-unknown-filter": truth,
    append: truth,
    override: { type: "object", additionalProperties: { enum: ["append", "replace"] } },
    capture: truth,
    capture_duration: { type: "integer" },
    customs: { type: "object", properties: { dedup: texts, threshold: count, window: count, runbook: text } },
  },
};

/** Prints the schema of a rule file. Gives status 0. */
export function printRuleSchema(): number {
  print([JSON.stringify({ $schema: DRAFT, type: "array", items: ITEM }, null, 2)]);
  return 0;
}
