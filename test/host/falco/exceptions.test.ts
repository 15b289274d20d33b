// SPDX-License-Identifier: Apache-2.0
// Exceptions, in all their forms: what is left of a rule about cat's opens in a capture, where cat's command
// line is `cat /dev/null` and its parent is bash.
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { replay } from "../../../host/recording/scap/replay.js";
import { openBatch } from "../../../host/wire/batch.js";
import { Judge } from "./judge.js";
import { loadText, SHARED, withFalco } from "./shared.js";

const NAME = "cat_write.scap";
const RULE =
  "{rule: r, desc: d, condition: evt.type=open and proc.name=cat or evt.type=nanosleep, output: o, priority: INFO";

async function detections(text: string): Promise<number> {
  const loaded = loadText(text);
  assert.ok(loaded.ok, loaded.results[0]!.text(loaded.contents));
  // A rule that says of itself that it can never match is not compiled.
  const judge = await Judge.of(loaded.rules).catch((error: { code?: string }) => {
    assert.is(error.code, "VEDETTE_POLICY_NO_RULES");
    return null;
  });
  if (judge === null) return 0;
  let count = 0;
  for (const bytes of replay(readFileSync(`${SHARED}captures/${NAME}`), NAME).batches)
    count += judge.judge(openBatch(bytes)).flat().length;
  return count;
}

const ALL = 4;
const LIST = "- {list: lines, items: [cat /dev/zero, cat /dev/null]}\n";
const more = (exceptions: string, how = "override: {exceptions: append}") =>
  `- {rule: r, exceptions: ${exceptions}, ${how}}`;

for (const [what, exceptions, left, rest = "", before = ""] of [
  ["no values", "[{name: e, fields: [proc.name]}]", ALL],
  ["a value that is not there", "[{name: e, fields: [proc.name], values: [[dog]]}]", ALL],
  ["one field and one value", "[{name: e, fields: [proc.name], values: [[cat]]}]", 0],
  ["a field that is no list", "[{name: e, fields: proc.cmdline, values: [cat /dev/zero, cat /dev/null]}]", 0],
  [
    "a field that is no list, and no exception",
    "[{name: e, fields: proc.cmdline, comps: in, values: [cat /dev]}]",
    ALL,
  ],
  ["a path below", "[{name: e, fields: fd.name, comps: pmatch, values: [/lib, /usr, /etc]}]", "some"],
  ["an operator", "[{name: e, fields: [proc.name], comps: [contains], values: [[a]]}]", 0],
  [
    "an operator of several words",
    "[{name: e, fields: [proc.cmdline], comps: [startswith anyof], values: [[[dog, cat]]]}]",
    0,
  ],
  ["two fields that both fit", "[{name: e, fields: [proc.name, proc.pname], values: [[cat, bash]]}]", 0],
  [
    "two fields of which one fits",
    "[{name: e, fields: [proc.name, proc.pname], values: [[cat, sh], [dog, bash]]}]",
    ALL,
  ],
  ["the second of two tuples", "[{name: e, fields: [proc.name, proc.pname], values: [[dog, sh], [cat, bash]]}]", 0],
  [
    "the second exception",
    "[{name: e, fields: proc.name, values: [dog]}, {name: f, fields: [proc.name], values: [[cat]]}]",
    0,
  ],
  [
    "a list as a value",
    "[{name: e, fields: [proc.name, proc.cmdline], comps: [=, in], values: [[cat, [a, cat /dev/null]]]}]",
    0,
  ],
  ["the name of a list", "[{name: e, fields: [proc.cmdline], comps: [in], values: [[lines]]}]", 0, "", LIST],
  [
    "the name of a list in parentheses",
    "[{name: e, fields: [proc.cmdline], comps: [in], values: [[(lines)]]}]",
    0,
    "",
    LIST,
  ],
  ["a value with quotes of its own", `[{name: e, fields: [proc.cmdline], values: [['"cat /dev/null"']]}]`, 0],
  ["a transformed field", "[{name: e, fields: [toupper(proc.name)], values: [[CAT]]}]", 0],
  ["a value that is another field", "[{name: e, fields: [proc.name], values: [[val(proc.name)]]}]", 0],
  ["an ancestor", "[{name: e, fields: ['proc.aname[1]'], values: [[bash]]}]", 0],
  ["an appended value", "[{name: e, fields: [proc.name]}]", 0, more("[{name: e, values: [[dog], [cat]]}]")],
  [
    "an appended value, the old way",
    "[{name: e, fields: [proc.name]}]",
    0,
    more("[{name: e, values: [[cat]]}]", "append: true"),
  ],
  ["an appended exception", "[]", 0, more("[{name: e, fields: [proc.name], values: [[cat]]}]")],
  [
    "two appends",
    "[{name: e, fields: proc.name}]",
    0,
    `${more("[{name: e, values: [dog]}]")}\n${more("[{name: e, values: [cat]}]")}`,
  ],
  [
    "exceptions replaced by another",
    "[{name: e, fields: proc.name, values: [cat]}]",
    ALL,
    more("[{name: e, fields: proc.name, values: [dog]}]", "override: {exceptions: replace}"),
  ],
  [
    "a condition appended before exceptions are",
    "[{name: e, fields: proc.name, values: [cat]}]",
    "some",
    "- {rule: r, condition: or evt.type=close, override: {condition: append}}\n- {rule: r, exceptions: , override: {exceptions: replace}}",
  ],
] as const) {
  withFalco(`${what}: ${left} of ${ALL} are left`, async () => {
    const count = await detections(`${before}- ${RULE}, exceptions: ${exceptions}}\n${rest}`);
    if (left === "some") assert.ok(count > 0 && count !== ALL, `${count}`);
    else assert.is(count, left);
  });
}

test.run();
