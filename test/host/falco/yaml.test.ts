// SPDX-License-Identifier: Apache-2.0
// Places in a rule file are counted in bytes, also behind thousands of characters that take several.
// Time limit: 60 s.
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

test.run();
