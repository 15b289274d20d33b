// SPDX-License-Identifier: Apache-2.0
// Regular expressions: over characters they agree with JavaScript's own, which is no automaton; over bytes
// that are no characters, and in what they refuse, they are as RE2 in its POSIX mode.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isMatch, matchTable } from "../../../host/falco/compile/automaton.js";
import { toBytes } from "../../../host/falco/condition.js";
import { parseRegex } from "../../../host/falco/regex.js";
import { Random } from "./random.js";

const matches = (pattern: string, subject: string): boolean =>
  isMatch(matchTable(parseRegex(toBytes(pattern))), subject);

const PATTERNS = [
  "caf[à-ü]",
  "caf[^à-ü]",
  "[^a]*",
  "[^aé]+",
  "[é]",
  "é+x",
  "é{2}",
  ".",
  "..",
  "[a-é]+",
  "[\\x{80}-\\x{10FFFF}]*",
  "[^\\x{100}-\\x{ffff}]+",
  "\\x{e9}",
  "\\x41[\\x42-\\x44]",
  "[]-]+",
  "[^]a-]",
  "a|é|😀*",
  "[😀-😎]",
];
const SUBJECTS = [
  "",
  "a",
  "é",
  "éé",
  "éx",
  "ééx",
  "café",
  "cafè",
  "cafz",
  "caf€",
  "€",
  "😀",
  "😀😀",
  "😆",
  "AB",
  "]-",
  "z",
  "\n",
  "ÿ",
];

for (const pattern of PATTERNS) {
  test(`${pattern} matches the characters that it says`, () => {
    const model = pattern
      .replace(/\\x\{(\w+)\}/g, "\\u{$1}")
      .replace(/\[(\^?)\]/g, "[$1\\]")
      .replace(/-\]/g, "\\-]");
    const expected = SUBJECTS.filter((subject) => new RegExp(`^(?:${model})$`, "u").test(subject));
    assert.equal(
      SUBJECTS.filter((subject) => matches(pattern, toBytes(subject))),
      expected,
    );
  });
}

test("random ranges hold the characters between their ends and no others", () => {
  const r = new Random(7);
  const ends = [
    0x20, 0x7f, 0x80, 0xbf, 0xc0, 0xff, 0x7ff, 0x800, 0xfff, 0x1000, 0xd7ff, 0xe000, 0xfffd, 0xffff, 0x10000, 0x3ffff,
    0x10ffff,
  ];
  const near = () => Math.min(0x10ffff, Math.max(0x20, r.of(ends) + r.below(5) - 2));
  const isCharacter = (code: number) => code < 0xd800 || code > 0xdfff;
  for (let i = 0; i < 200; i++) {
    const [from, to] = [near(), near()].filter(isCharacter).sort((a, b) => a - b);
    if (from === undefined || to === undefined) continue;
    const pattern = `\\x{${from.toString(16)}}-\\x{${to.toString(16)}}`;
    const [within, without] = [`[${pattern}]`, `[^${pattern}]`].map((one) => matchTable(parseRegex(one)));
    for (const code of [from - 1, from, to, to + 1, near(), near()].filter(isCharacter)) {
      if (code > 0x10ffff) continue;
      const subject = toBytes(String.fromCodePoint(code));
      const isIn = from <= code && code <= to;
      assert.is(isMatch(within!, subject), isIn, `[${pattern}] and U+${code.toString(16)}`);
      assert.is(isMatch(without!, subject), !isIn, `[^${pattern}] and U+${code.toString(16)}`);
    }
  }
});

test("a byte that is no character is matched as what stands for such", () => {
  for (const pattern of [".", "[^a]", "[^é]", "[^a-é]"]) assert.ok(matches(pattern, "\xff"), pattern);
  for (const pattern of ["é", "[a-é]", "[^\\x{fffd}]", "\\x{ff}"]) assert.not.ok(matches(pattern, "\xff"), pattern);
});

for (const [pattern, reason] of [
  ["\xff", "invalid UTF-8"],
  ["[é-a]", "invalid character class range"],
  ["\\x{110000}", "invalid escape sequence"],
  ["\\d", "invalid escape sequence"],
  ["\\1", "invalid escape sequence"],
  ["(?i)a", "invalid perl operator"],
  ["[a", "missing ]"],
  ["*", "no argument for repetition operator"],
] as const) {
  test(`${JSON.stringify(pattern)} is refused`, () =>
    assert.throws(() => parseRegex(pattern === "\xff" ? pattern : toBytes(pattern)), reason));
}

test.run();
