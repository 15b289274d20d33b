// SPDX-License-Identifier: Apache-2.0
// Large rules: lists with thousands of entries of each kind, thousands of rules, a long condition, load and
// judge as small ones do. The plain interpreter is the judge. What most files have is tested with 100,000
// entries and 5,000 rules, the rest with fewer: VEDETTE_FALCO_SIZE=100000 asks for that length everywhere.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compilePolicy } from "../../../host/falco/compile/policy.js";
import type { LoadedRule } from "../../../host/falco/load.js";
import { admit, WIDE_LIMITS } from "../../../host/wasm/admission.js";
import { type Batch, openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import { interpret } from "./interpreter.js";
import { Judge, numberedRules } from "./judge.js";
import { loadText } from "./shared.js";

const FULL = 100_000;
const SIZE = Number(process.env.VEDETTE_FALCO_SIZE ?? 2_000);
/** Of this process, whatever it has loaded. */
const MIB_MAX = 1_536;
/** Of a condition of a megabyte, which has nothing else. */
const PARTS_MAX = 24_000;
const ENDS = (size: number): number[] => [size - 2, size - 1, size, size * 2, size * 7];
const PLACES = [0, 1, 2, 3, 4, 5, 6, 7, 48, 97, 999, ...ENDS(SIZE)];
/** The interpreter looks at one entry after the other. */
const FEW_PLACES = [0, 3, 48, ...ENDS(FULL)];
const many = (make: (i: number) => string, size = SIZE): string[] => Array.from({ length: size }, (_, i) => make(i));
const v4 = (i: number): string => `${11 + (i % 90)}.${(i >> 3) & 255}.${(i * 7) & 255}.${(i * 13) & 255}`;
const v6 = (i: number): string => `2001:db8:${(i % 65535).toString(16)}::${((i * 31) % 65535).toString(16)}`;

const LISTS: Record<string, [check: string, item: (i: number) => string, ...others: string[]]> = {
  "addresses of IPv4": ["fd.sip in", v4],
  "addresses of both kinds": ["fd.ip in", (i) => (i % 2 === 0 ? v4(i) : v6(i))],
  networks: ["fd.snet in", (i) => (i % 3 === 0 ? `${v6(i)}/${48 + (i % 80)}` : `${v4(i)}/${16 + (i % 17)}`)],
  ports: ["fd.sport in", (i) => String(i % 65536)],
  numbers: ["proc.pid in", (i) => String(i * 3)],
  names: ["proc.name in", (i) => `n${i * 2}`],
  ancestors: ["proc.aname in", (i) => `n${i * 2}`],
  paths: ["fd.name in", (i) => `/data/${i % 97}/${i * 2}`],
  "paths by prefix": ["fd.name pmatch", (i) => `/data/${i % 97}/${i * 2}`, "/opt/*/bin", "relative//part"],
  "command lines": ["proc.cmdline in", (i) => `"n${i * 2} -x ${i}"`],
};

for (const what of Object.keys(LISTS)) testList(what, SIZE, PLACES);
if (SIZE !== FULL)
  for (const what of ["addresses of both kinds", "networks", "names", "paths"]) testList(what, FULL, FEW_PLACES);

function testList(what: string, size: number, places: readonly number[]): void {
  test(`a list of ${size} ${what} is judged as its entries say`, async () => {
    const [check, item, ...others] = LISTS[what]!;
    const items = [...many(item, size), ...others].map((one) => JSON.stringify(one)).join(", ");
    const text =
      `- list: many\n  items: [${items}]\n` +
      `- rule: in\n  desc: d\n  condition: evt.type in (connect, openat, write) and ${check} (many)\n  output: o\n  priority: INFO\n` +
      `- rule: out\n  desc: d\n  condition: evt.type in (connect, openat) and not ${check} (many)\n  output: o\n  priority: INFO\n`;
    const loaded = loadText(text);
    assert.ok(loaded.ok, loaded.results[0]!.summary());
    await compare(loaded.rules, batchOf(places));
  });
}

test(`${FULL / 20} rules judge as each of them says`, async () => {
  const count = FULL / 20;
  const conditions = Array.from({ length: count }, (_, i) => {
    const asked = [`proc.name=n${i}`, `fd.name startswith /data/${i % 97}/${i}`, `proc.cmdline contains "-x ${i}"`];
    return `evt.type in (openat, connect) and proc.pid>${i} and ${asked[i % 3]} and not proc.aname in (x${i}, y${i % 7})`;
  });
  await compare(numberedRules(conditions), batchOf());
});

test("more rules than one function takes are told in their order, or the first alone", async () => {
  const rules = numberedRules(Array.from({ length: 600 }, (_, i) => `evt.type=openat and proc.pid>=${i % 3}`));
  const b = new BatchBuilder();
  const process = b.process({ pid: 1, name: "sh", args: [], parent: 0xffffffff });
  const batch = openBatch(b.record("openat", { process }).bytes());
  const all = (await Judge.of(rules)).judge(batch)[0]!;
  assert.equal(
    all,
    rules.filter((_, i) => i % 3 < 2).map((rule) => rule.name),
  );
  assert.equal((await Judge.of(rules, { matching: "first" })).judge(batch)[0], ["0"]);
  const late = rules.filter((_, i) => i % 3 === 2 || i > 500);
  assert.equal((await Judge.of(late, { matching: "first" })).judge(batch)[0], ["501"]);
});

test("a condition of a megabyte judges as it says", async () => {
  const parts = many((i) => `(fd.name=/data/${i % 97}/${i * 2} and proc.name=n${i})`).slice(0, PARTS_MAX);
  const long = [
    `proc.name=n${SIZE}`,
    ...parts,
    ...Array.from({ length: 40_000 - parts.length }, (_, i) => `proc.name=word${i}-${"x".repeat(20)}`),
  ];
  const condition = `evt.type=openat and (${long.join(" or ")})`;
  assert.ok(condition.length > 1 << 20);
  await compare(numberedRules([condition, `evt.type=openat and (${parts.join(" and ")})`]), batchOf([0, SIZE]));
});

test("what Falco bounds nowhere is bound by the size of all: names, outputs and tags", async () => {
  const tags = Array.from({ length: 200 }, (_, i) => `tag${i}`).join(", ");
  const output = `${"x".repeat(20_000)} %proc.name`;
  const loaded = loadText(
    `- {rule: ${"r".repeat(3000)}, desc: d, condition: evt.type=open, output: "${output}", priority: INFO, tags: [${tags}]}`,
  );
  const { wasm } = compilePolicy(loaded.rules, { name: "wide" });
  const { metadata } = await admit(wasm, "wide", WIDE_LIMITS);
  assert.is(metadata.rules[0]!.tags.length, 200);
  assert.is(metadata.rules[0]!.output, output);
});

test("more texts than an event has room for are refused with the bound", () => {
  const conditions = Array.from({ length: 1000 }, (_, i) => `evt.type=openat and concat("${i}", proc.name)=x`);
  try {
    compilePolicy(numberedRules(conditions), { name: "texts" });
    assert.unreachable("compiled");
  } catch (error) {
    assert.is((error as { code?: string }).code, "VEDETTE_FALCO_TOO_MUCH");
    assert.match((error as Error).message, "more than 960 texts");
  }
});

test(`all that took at most ${MIB_MAX} MiB`, () => {
  const mib = Math.round(process.resourceUsage().maxRSS / 1024);
  assert.ok(mib < MIB_MAX, `${mib} MiB`);
});

// Events that the lists have, miss by little, and do not have.
function batchOf(places: readonly number[] = PLACES): Batch {
  const b = new BatchBuilder();
  const bytes4 = (i: number) => Uint8Array.from(v4(i).split("."), Number);
  const bytes6 = (i: number) =>
    Buffer.from(
      `20010db8${(i % 65535).toString(16).padStart(4, "0")}${"0".repeat(16)}${((i * 31) % 65535).toString(16).padStart(4, "0")}`,
      "hex",
    );
  for (const i of places) {
    const parent = b.process({ pid: 1, name: `n${i}`, args: [], parent: 0xffffffff });
    const process = b.process({ pid: i * 3 + (i % 2), name: `n${i}`, args: ["-x", String(i >> 1)], parent });
    const path = i % 5 === 0 ? `//data//${(i >> 1) % 97}/${i}/below` : `/data/${(i >> 1) % 97}/${i}`;
    const file = b.descriptor({ type: "f", name: path });
    const [v4End, v6End] = [
      b.descriptor({ type: "4", sip: bytes4(i), cip: bytes4(i + 1), sport: i % 65536, cport: 1, name: "x" }),
      b.descriptor({ type: "6", sip: bytes6(i), cip: bytes6(i + 1), sport: 443, cport: i % 65536, name: "y" }),
    ];
    for (const descriptor of [v4End, v6End]) b.record("connect", { process, descriptor, fd: 3 });
    b.record("openat", { process, descriptor: file, fd: 3, result: 3 });
    b.record("write", { process, descriptor: b.descriptor({ type: "f", name: "/opt/x/bin/y" }), fd: 4 });
    b.record("openat", { process, descriptor: b.descriptor({ type: "f", name: "relative/part/z" }), fd: 4 });
  }
  return openBatch(b.bytes());
}

async function compare(rules: readonly LoadedRule[], batch: Batch): Promise<void> {
  const told = (await Judge.of(rules)).judge(batch).map((names) => new Set(names));
  let matched = 0;
  for (const [i, at] of [...batch.offsets].entries()) {
    for (const rule of rules) {
      const want = interpret(rule.expr, { batch, at });
      if (want) matched++;
      assert.is(told[i]!.has(rule.name), want, `${rule.name.slice(0, 80)} of record ${i}`);
    }
  }
  assert.ok(matched > 0);
}

test.run();
