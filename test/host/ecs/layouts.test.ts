// SPDX-License-Identifier: Apache-2.0
//
// `instrument` on made-up task definitions in made-up layouts: JSON with any blanks between its tokens, YAML
// in block and flow style with comments and blank lines, either line ending, with and without one at the end.
// Whatever the layout: undone to the byte, twice is once, and every value is where it was.
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { stringify } from "yaml";
import { unifiedDiff } from "../../../host/ecs/diff.js";
import { readImageConfigs } from "../../../host/ecs/image-config.js";
import { instrument } from "../../../host/ecs/instrument.js";
import { parseDocument } from "../../../host/ecs/read.js";
import { undo } from "../../../host/ecs/undo.js";
import { type Any, type Plain, plainOf } from "./plain.js";

const NONE = readImageConfigs([]);
const GIVEN = { image: "registry.example/vedette:1" };
const RUNS = { numRuns: 150, includeErrorInReport: true } as const;

const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/).filter((name) => name !== "vedette");
const text = fc.oneof(
  word,
  fc.string({ unit: "grapheme", maxLength: 12 }),
  fc.constantFrom("yes", "1", "# no", "a: b", "- c", "~", "null", ""),
);
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(fc.option(value, { nil: null }), { nil: undefined });
const pair = fc.record({ name: word, value: text });

const container = fc
  .record({
    name: word,
    image: text.filter((image) => image !== ""),
    entryPoint: fc.array(text, { minLength: 1, maxLength: 3 }),
    command: optional(fc.array(text, { maxLength: 3 })),
    environment: optional(fc.array(pair, { maxLength: 3 })),
    mountPoints: optional(fc.array(fc.record({ sourceVolume: word, containerPath: text }), { maxLength: 2 })),
    dependsOn: optional(
      fc.array(fc.record({ containerName: word, condition: fc.constant("START") }), { maxLength: 2 }),
    ),
    linuxParameters: optional(
      fc.record(
        {
          initProcessEnabled: fc.boolean(),
          capabilities: fc.option(
            fc.record({ add: fc.array(word, { maxLength: 2 }), drop: fc.array(word) }, { requiredKeys: [] }),
            { nil: null },
          ),
        },
        { requiredKeys: [] },
      ),
    ),
    "x-other": optional(fc.jsonValue({ maxDepth: 2 })),
  })
  .map(withoutUndefined);

const definition = fc
  .record({
    family: text,
    memory: fc.constant("512"),
    volumes: optional(fc.array(fc.record({ name: word }), { maxLength: 2 })),
    containerDefinitions: fc.uniqueArray(container, { minLength: 1, maxLength: 3, selector: (one) => one.name }),
    tags: optional(fc.array(pair, { maxLength: 1 })),
  })
  .chain((value) => fc.shuffledSubarray(Object.entries(value), { minLength: 5 }))
  .map((entries) => withoutUndefined(Object.fromEntries(entries)));

test("JSON in any layout", () => {
  fc.assert(
    fc.property(
      definition,
      fc.infiniteStream(fc.constantFrom("", "", " ", "\n", "\n  ", "\t", "\r\n    ", " \n\n")),
      (value, blanks) => {
        holds(
          "task.json",
          scatter(JSON.stringify(value), () => blanks.next().value),
          value,
        );
      },
    ),
    RUNS,
  );
});

test("JSON as JSON.stringify lays it out", () => {
  fc.assert(
    fc.property(definition, fc.constantFrom(undefined, 1, 2, 4, "\t"), (value, indent) =>
      holds("task.json", JSON.stringify(value, null, indent), value),
    ),
    RUNS,
  );
});

const look = fc.record({
  indent: fc.constantFrom(2, 4),
  indentSeq: fc.boolean(),
  flow: fc.boolean(),
  newline: fc.constantFrom("\n", "\r\n"),
  endless: fc.boolean(),
  comments: fc.infiniteStream(fc.constantFrom("", "", "", "# a: comment", "    # - deep", " ")),
});

test("YAML in block and flow style, with comments", () => {
  fc.assert(
    fc.property(definition, look, (value, { indent, indentSeq, flow, newline, endless, comments }) => {
      const properties = pascal(value);
      const template = { Resources: { Task: { Type: "AWS::ECS::TaskDefinition", Properties: properties } } };
      const plain = stringify(template, {
        indent,
        indentSeq,
        lineWidth: 0,
        collectionStyle: flow ? "flow" : "any",
        blockQuote: false,
      });
      const lines = plain
        .trimEnd()
        .split("\n")
        .flatMap((line) => [comments.next().value!, line].filter((one) => one !== ""));
      holds("task.yaml", lines.join(newline) + (endless ? "" : newline), template);
    }),
    RUNS,
  );
});

test("a diff, applied, is the result", () => {
  const lines = fc.array(fc.constantFrom("a\n", "b\n", "c\n", "\n", "x"), { maxLength: 30 }).map((all) => all.join(""));
  fc.assert(
    fc.property(lines, lines, (before, after) => assert.is(patched(before, unifiedDiff("f", before, after)), after)),
    { numRuns: 1000 },
  );
});

function holds(name: string, source: string, value: Plain): void {
  const document = parseDocument(name, source);
  const { text: result } = instrument(document, GIVEN, NONE);
  const undone = undo(parseDocument(name, result));
  assert.is(undone.text, source);
  assert.ok(undone.isExact);
  assert.is(instrument(parseDocument(name, result), {}, NONE).text, result);
  keeps(value, plainOf(name, result), "");
}

/** Every value is there still; lists may have got more, and what was null or empty anything. */
function keeps(before: Any, after: Any, at: string): void {
  if (before === null || (Array.isArray(before) && before.length === 0)) return;
  if (Array.isArray(before)) {
    const offset = /entryPoint$/i.test(at) ? after.indexOf("--") + 1 : 0;
    for (const [index, item] of before.entries()) keeps(item, after[index + offset], `${at}[${index}]`);
  } else if (typeof before === "object") {
    for (const [key, item] of Object.entries(before)) keeps(item, after[key], `${at}.${key}`);
  } else assert.equal(after, before, at);
}

/** Puts blanks between the tokens of JSON. */
function scatter(json: string, blank: () => string): string {
  const tokens = json.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^"{}[\],:]+/g)!;
  return tokens.map((token) => token + blank()).join("");
}

function pascal(value: Any): Any {
  if (Array.isArray(value)) return value.map(pascal);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key.charAt(0).toUpperCase() + key.slice(1),
      key === "x-other" ? item : pascal(item),
    ]),
  );
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as T;
}

/** A small `patch`. */
function patched(before: string, diff: string): string {
  const old = before.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const result: string[] = [];
  let [at, sign] = [0, ""];
  for (const line of diff.match(/[^\n]*\n/g)?.slice(2) ?? []) {
    const header = /^@@ -(\d+),(\d+) /.exec(line);
    if (header !== null) while (at < Number(header[1]) - (header[2] === "0" ? 0 : 1)) result.push(old[at++]!);
    else if (line[0] === "\\" && sign === "+") result.push(result.pop()!.slice(0, -1));
    else if (line[0] === "+") result.push(line.slice(1));
    else if (line[0] !== "\\") {
      if (line[0] === " ") result.push(old[at]!);
      at++;
    }
    sign = line[0]!;
  }
  return [...result, ...old.slice(at)].join("");
}

test.run();
