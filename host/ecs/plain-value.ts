// SPDX-License-Identifier: Apache-2.0
// What a value means, however it is written: `"1"` and '1' are one text, `!Sub x` and {"Fn::Sub": "x"} one
// function.
import { intrinsicOf } from "./intrinsic.js";
import { entryOf, type Node } from "./node.js";
import { readYaml } from "./read-yaml.js";
import { isValueMap, Tagged, type Value, Written } from "./value.js";

/** The value of `instrument` or of a copy, as JSON.parse would give it. */
export function parsedValue(value: Value): unknown {
  if (value instanceof Written) return value.text.startsWith("*") ? { "*": value.text.slice(1) } : written(value.text);
  if (value instanceof Tagged) return tagged(value.tag, parsedValue(value.value));
  if (Array.isArray(value)) return value.map(parsedValue);
  if (!isValueMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, parsedValue(item)]));
}

/** JSON's words are YAML's too. A file says the same words often, and each is compared several times. */
function written(text: string): unknown {
  if (/^"[\w ./:=-]*"$/.test(text)) return text.slice(1, -1);
  if (!known.has(text)) {
    if (known.size > KNOWN_MAX) known.clear();
    known.set(text, plain(entryOf(readYaml("", `v: ${text}`), "v")!.node));
  }
  return known.get(text);
}

const KNOWN_MAX = 10_000;
const known = new Map<string, unknown>();

function plain(node: Node): unknown {
  const tag = node.tag === "" ? null : node.tag;
  const bare = bareOf(node);
  return tag === null ? bare : tagged(tag, bare);
}

function bareOf(node: Node): unknown {
  if (node.kind === "list") return node.items.map(plain);
  if (node.kind === "map") return Object.fromEntries(node.entries.map((entry) => [entry.key, plain(entry.node)]));
  if (node.kind === "alias") return { "*": node.name };
  return typeof node.value === "bigint" ? node.value.toString() : node.value;
}

function tagged(tag: string, argument: unknown): unknown {
  const name = intrinsicOf({ kind: "scalar", start: 0, end: 0, tag, shared: false, value: "", block: false })!.name;
  return { [name]: argument };
}
