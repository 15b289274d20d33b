// SPDX-License-Identifier: Apache-2.0
// JSON in events: what a path leads to, that JSON is what RFC 8259 and JSON.parse say it is, and that no text
// breaks the walk, however deep or cut.
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { LoadedPolicy } from "../../host/engine/policy.js";
import { cleanUp, inLeastMemory, loadSource, Running } from "./shared.js";

const HEAD = 'import { isJson, JsonPath, note, Openat, Priority, rule } from "vedette";\n';
const paths = ["a", "a.b", "a[1]", "[0]", "a.b.c", "größe", "a[0][1].k"];

/** `ok|` and of each path: text, raw, number, true or not. */
const SOURCE = `${HEAD}
const PATHS: JsonPath[] = [${paths.map((path) => `new JsonPath(${JSON.stringify(path)})`)}];
@rule({ name: "r", priority: Priority.Debug, output: "o" })
export function r(e: Openat): bool {
  const json = e.proc.name;
  let said = isJson(json) ? "ok" : "no";
  for (let i = 0; i < PATHS.length; i++) {
    const path = PATHS[i], text = path.text(json), raw = path.raw(json);
    said += "\\u0001" + (text.exists ? "=" + text.toString() : "-") + "\\u0002" + (raw.exists ? "=" + raw.toString() : "-") +
      "\\u0002" + path.number(json).toString() + "\\u0002" + (path.isTrue(json) ? "true" : "false");
  }
  note(said);
  return true;
}
`;

interface Said {
  readonly isJson: boolean;
  readonly at: Record<string, { text: string; raw: string; number: number; isTrue: boolean }>;
}

let policy: LoadedPolicy;
let running: Running;
/** A rule raises 1,000 alerts at once, and here they come at one time. */
let left = 0;
test.before(async () => {
  policy = await loadSource(SOURCE);
});
test.after(cleanUp);

function ask(json: string): Said {
  if (left-- === 0) {
    running = new Running(policy);
    left = 900;
  }
  const [output = ""] = running.judge(["openat", { proc: { name: json }, name: "/x", flags: 0 }]);
  assert.equal(running.faults, []);
  const [ok, ...all] = output.replace(/^o /, "").split("\u0001");
  const at = all.map((one, i) => {
    const [text = "", raw = "", number = "", isTrue] = one.split("\u0002");
    return [paths[i], { text, raw, number: Number(number), isTrue: isTrue === "true" }] as const;
  });
  return { isJson: ok === "ok", at: Object.fromEntries(at) };
}

for (const [json, path, text, raw] of [
  ['{"a":"x"}', "a", "=x", '="x"'],
  [' { "b" : 1 , "a" : { "b" : [ ] } } ', "a.b", "-", "=[ ]"],
  ['{"a":[1,"two"]}', "a[1]", "=two", '="two"'],
  ['["x"]', "[0]", "=x", '="x"'],
  ['{"a":[[0,{"k":null}]]}', "a[0][1].k", "-", "=null"],
  ['{"größe":"ü"}', "größe", "=ü", '="ü"'],
  ['{"a":1,"a":"last"}', "a", "=last", '="last"'],
  ['{"\\u0061":"hidden key"}', "a", "=hidden key", '="hidden key"'],
  [
    '{"a":"q\\"\\\\\\/\\b\\f\\n\\r\\té\\ud83d\\ude00"}',
    "a",
    '=q"\\/\b\f\n\r\té😀',
    '="q\\"\\\\\\/\\b\\f\\n\\r\\té\\ud83d\\ude00"',
  ],
  ['{"a":"\\ud83d"}', "a", "=\ufffd", '="\\ud83d"'],
  ['{"b":"a"}', "a", "-", "-"],
  ['{"a":{}}', "a.b", "-", "-"],
  ['{"a":"x","b":tru', "a", "=x", '="x"'],
  ['{"a":"cut', "a", "-", "-"],
  ['{"a":12', "a", "-", "-"],
  ['{"a":{"b":"x"', "a.b", "=x", '="x"'],
  ["", "a", "-", "-"],
] as const)
  test(`${path} in ${json}`, () => {
    const said = ask(json).at[path];
    assert.equal([said?.text, said?.raw], [text, raw]);
  });

test("numbers and true", () => {
  for (const [json, number] of [
    ['{"a":-1.5e3}', -1500],
    ['{"a":0}', 0],
    ['{"a":"1"}', Number.NaN],
    ['{"a":123456789}', 123456789],
  ] as const)
    assert.equal(ask(json).at.a?.number, number);
  assert.is(ask('{"a":true}').at.a?.isTrue, true);
  assert.is(ask('{"a":"true"}').at.a?.isTrue, false);
});

test("64 levels are JSON, and 65 are none; a million brackets are walked once", () => {
  const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
  assert.is(ask(nested(64)).isJson, true);
  assert.is(ask(nested(65)).isJson, false);
  assert.is(ask('{"a":'.repeat(10_000)).isJson, false);
  assert.is(ask("[".repeat(60_000)).isJson, false);
});

test("keys with escapes take no room that stays", () => {
  const keys = Array.from({ length: 2000 }, (_, i) => `"\\u0061${"x".repeat(20)}${i}":0`);
  const json = `{${keys}}`;
  for (let i = 0; i < 40; i++) assert.is(ask(json).isJson, true);
  const many = Array.from({ length: 100 }, () => ["openat", { proc: { name: json }, name: "/x", flags: 0 }] as const);
  running.judge(...many);
  assert.equal(running.faults, []);
});

test("values of any kind take no room that stays, in the memory that the policy starts with", async () => {
  const policy = inLeastMemory(
    await loadSource(`${HEAD}
const PATHS: JsonPath[] = [new JsonPath("a"), new JsonPath("b"), new JsonPath("c")];
@rule({ name: "r", priority: Priority.Debug, output: "o" })
export function r(e: Openat): bool {
  const json = e.proc.name;
  for (let i = 0; i < PATHS.length; i++) {
    const path = PATHS[i];
    if (path.text(json) == "no" || path.raw(json) == "no" || path.number(json) == 5 || path.isTrue(json) || path.text(json) == "a\\n1") return true;
  }
  return false;
}
`),
  );
  const running = new Running(policy);
  const event = (i: number) =>
    ["openat", { proc: { name: `{"a":"\\n${i}","b":${i + 6}.25}`, pid: i + 2 }, name: "/x", flags: 0 }] as const;
  running.judge(...Array.from({ length: 2_000 }, (_, i) => event(i)));
  assert.equal(running.faults, []);
});

const isParsed = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

test("is JSON what JSON.parse takes, and finds what it finds", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), fc.boolean(), (value, isSpread) => {
      const json = JSON.stringify({ a: { b: value } }, null, isSpread ? 2 : 0);
      const said = ask(json);
      assert.is(said.isJson, true, json);
      assert.equal(JSON.parse(said.at["a.b"]?.raw.slice(1) ?? ""), JSON.parse(json).a.b);
    }),
    { numRuns: 300 },
  );
});

test("what was changed in one place is JSON where JSON.parse says so", () => {
  const pieces = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"',
    "\\",
    "u",
    "0",
    "-",
    ".",
    "e",
    "+",
    "t",
    "n",
    " ",
    "\u0000",
    "1",
    "/",
  ];
  fc.assert(
    fc.property(
      fc.jsonValue({ maxDepth: 3 }),
      fc.nat(),
      fc.constantFrom(...pieces),
      fc.constantFrom(0, 1),
      (value, place, piece, cut) => {
        const json = JSON.stringify(value);
        const at = place % (json.length + 1);
        const changed = json.slice(0, at) + piece + json.slice(at + cut);
        assert.is(ask(changed).isJson, isParsed(changed), JSON.stringify(changed));
      },
    ),
    { numRuns: 1000 },
  );
});

test("a path that leads nowhere is refused at the start", async () => {
  const pathed = (path: string): string =>
    `${HEAD}const P = new JsonPath(${JSON.stringify(path)});\n@rule({ name: "r", priority: Priority.Debug })\nexport function r(e: Openat): bool { return P.isIn(e.proc.name); }\n`;
  for (const path of ["", "a..b", "a[]", "a[x]", "a.".repeat(20) + "b"]) {
    const loaded = await loadSource(pathed(path));
    assert.throws(() => new Running(loaded), /is no path into JSON|has more than 16 levels/, path);
  }
});

test.run();
