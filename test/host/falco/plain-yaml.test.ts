// SPDX-License-Identifier: Apache-2.0
// What host/falco/plain-yaml.ts reads is what the library reads, places included: rule files as they are, and
// pieces of them with random mistakes. What it leaves to the library may be anything.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readPlainYaml } from "../../../host/falco/plain-yaml.js";
import { readYaml } from "../../../host/falco/yaml.js";
import { SAMPLE_RULES } from "../../../host/image/sample.js";
import { FALCO, withFalco } from "../../falco-files.js";
import { Random } from "./random.js";

const SEED = Number(process.env.VEDETTE_SEED ?? 1);
const PIECES = 40_000;

const FORMS = `
# a comment
- list: names   # another
  items: [
    a, "b \\"c\\" \\\\", 'it''s',   # and one more
    [d, -e, /f*], null, ~
  ]
- list:
    none
  items: []

- macro: long
  condition: >
    a = 1
      and b = 2

    or c
  other: >-
    cut
  literal: |
    one
      two

    three
- rule: r

  desc: a plain text
    of three lines

    and an empty one
  tags:
  - x
  -   y
  - k: v
    l:
      - - deep
        - er
# the end
`;

/** Whether it was read, and then as the library does. */
function isRead(text: string): boolean {
  const plain = readPlainYaml(text);
  if (plain === null) return false;
  const read = readYaml(text);
  assert.ok("documents" in read, `seed ${SEED}: the library refuses ${JSON.stringify(text)}`);
  assert.equal(read.documents, [plain], `seed ${SEED}: ${JSON.stringify(text)}`);
  return true;
}

const MARKS = [
  ...[" ", "\n", ":", "#", "-", "[", "]", "{", "}", ",", "'", '"', "|", ">", "?", "%", "&", "*", "!", "\\", "a"],
  ...["  ", "\n\n", ": ", " #", "- ", "null", "~", "\n  ", "\n    ", "|\n", ">-\n", "\t", "\r\n", "é", "\n---\n"],
];

/** Some lines, indented as they were or not, with up to three mistakes. */
function pieceOf(text: string, random: Random): string {
  const lines = text.split("\n");
  const from = random.below(Math.max(1, lines.length - 12));
  const some = lines.slice(from, from + 3 + random.below(16));
  const indent = random.chance(0.5) ? (some.find((line) => line !== "")?.search(/\S/) ?? 0) : 0;
  let piece = some.map((line) => line.slice(Math.min(indent, line.length - line.trimStart().length))).join("\n");
  for (let mistakes = random.below(4); mistakes > 0; mistakes--) {
    const at = random.below(piece.length + 1);
    const mark = random.chance(0.3) ? "" : random.of(MARKS);
    piece = piece.slice(0, at) + mark + piece.slice(at + random.below(3));
  }
  return piece;
}

function tryPieces(texts: readonly string[]): void {
  const random = new Random(SEED);
  let read = 0;
  for (let i = 0; i < PIECES; i++) if (isRead(pieceOf(random.of(texts), random))) read++;
  assert.ok(read > PIECES / 10, `only ${read} of ${PIECES} were read`);
}

test("all forms of a plain file are read", () => {
  assert.ok(isRead(FORMS));
  assert.ok(isRead(SAMPLE_RULES));
});

test("a file that is not plain is left to the library", () => {
  for (const text of ["", "- é", "a: &b c", "a: {b: c}", "---\n- a", "a:", "a: b: c", "a: 'b", "\t- a", "- a\r\n"])
    assert.is(readPlainYaml(text), null, text);
  assert.is(readPlainYaml(`a: ${"[".repeat(100)}${"]".repeat(100)}`), null);
  assert.is(readPlainYaml(`- ${"a".repeat(2_000_000)}`), null);
});

test("pieces of a plain file are read as the library reads them", () => tryPieces([FORMS, SAMPLE_RULES]));

withFalco("Falco's official rules are plain, and pieces of them are read as the library reads them", () => {
  const folder = join(FALCO, "rules");
  const texts = readdirSync(folder)
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => readFileSync(join(folder, name), "utf8"));
  for (const text of texts) assert.ok(isRead(text));
  tryPieces(texts);
});

test.run();
