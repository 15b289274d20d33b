// SPDX-License-Identifier: Apache-2.0
// Places in a rule file are counted in bytes, also behind thousands of characters that take several.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Node, readYaml } from "../../../host/falco/yaml.js";

test("a value's place is where its bytes begin", () => {
  const names = Array.from({ length: 3_000 }, (_, i) => ["a", "é", "☃", "𝒳"][i % 4]!.repeat(1 + (i % 7)) + i);
  const text = names.map((name) => `- ${name}\n`).join("");
  const read = readYaml(text);
  assert.ok("documents" in read);
  const [list] = read.documents as Extract<Node, { kind: "sequence" }>[];
  let offset = 0;
  for (const [i, { at, kind, ...rest }] of list!.items.entries()) {
    assert.is(kind === "scalar" ? (rest as { text: string }).text : kind, names[i]);
    assert.equal(at, { line: i, column: 2, offset: offset + 2 });
    offset += Buffer.byteLength(`- ${names[i]}\n`);
  }
});

/** Its texts as nested lists, or why it is none. */
function read(text: string): unknown {
  const read = readYaml(text);
  if ("failure" in read) return read.failure.message;
  const plain = (node: Node): unknown => {
    if (node.kind === "sequence") return node.items.map(plain);
    if (node.kind === "map") return Object.fromEntries(node.entries.map(({ key, value }) => [key.text, plain(value)]));
    return node.kind === "null" ? null : node.text;
  };
  return read.documents.map(plain)[0];
}

test("an alias is the latest node of its name before it, as it was read there", () => {
  assert.equal(read("[&a x, *a, &a y, *a]"), ["x", "x", "y", "y"]);
  assert.equal(read("[&b x, &a [*b], &b y, *a, *b]"), ["x", ["x"], "y", ["x"], "y"]);
  assert.equal(read("[&a [&b x], &b y, *a, *b]"), [["x"], "y", ["x"], "y"]);
  assert.equal(read("[&a [&a x], *a]"), [["x"], "x"]);
  assert.equal(read("{&k a: 1, b: *k}"), { a: "1", b: "a" });
});

test("an alias of nothing, of itself, of too much and of what is too deep is refused", () => {
  assert.match(read("[*a, &a x]") as string, /'\*a' names no anchor/);
  assert.match(read("&a [*a]") as string, /nested deeper than 128 levels/);
  const chain = Array.from({ length: 200 }, (_, i) => `&a${i + 1} [*a${i}]`).join(", ");
  assert.match(read(`[&a0 x, ${chain}]`) as string, /nested deeper than 128 levels/);
  const more = Array.from({ length: 7 }, (_, i) => `&a${i + 1} [${Array(10).fill(`*a${i}`)}]`).join(", ");
  assert.match(read(`[&a0 x, ${more}]`) as string, /more than 1000000 values/);
});

test("400,000 aliases are read, each at the cost of one value", () => {
  const many = read(`[&a x, ${Array(400_000).fill("*a")}]`) as unknown[];
  assert.is(many.length, 400_001);
});

test.run();
