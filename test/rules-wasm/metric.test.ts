// SPDX-License-Identifier: Apache-2.0
// What a policy author measures with: counters, gauges, histograms, labels, and how the compiler reads them.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { LoadedPolicy } from "../../host/engine/policy.js";
import { type Metric, Totals } from "../../host/metric/totals.js";
import { openBundle } from "../../host/policy/bundle.js";
import { layoutOf } from "../../host/wasm/instruments.js";
import { cleanUp, compiler, loadError, loadSource, Running, type ShortEvent, writePolicy } from "./shared.js";

const HEAD =
  'import { counter, Event, exponential, gauge, histogram, meter, Openat, Priority, rule, Str } from "vedette";\n';
const meterOf = (body: string): string => `@meter({ name: "m" })\nexport function m(e: Openat): void {\n${body}\n}\n`;
const open = (more: object = {}): ShortEvent => ["openat", { name: "/a", flags: "O_RDONLY", ...more }];

/** What the policy has measured of these events, by the names of instruments. */
function measure(policy: LoadedPolicy, ...events: readonly ShortEvent[]): Map<string, Metric> {
  const totals = new Totals();
  const running = new Running(policy);
  running.judge(...events);
  assert.equal(running.faults, []);
  for (const one of running.takeMeasured())
    totals.add({ tenant: null, policy: "p", version: "1" }, policy.admitted.metadata.metrics ?? [], one);
  return new Map(totals.scopes().flatMap(({ metrics }) => metrics.map((one) => [one.instrument.name, one] as const)));
}

const seriesOf = (metric: Metric | undefined): [string, number][] =>
  (metric?.series ?? [])
    .map(({ labels, value }): [string, number] => [labels === null ? "(other)" : labels.join("|"), value])
    .sort(([a], [b]) => (a < b ? -1 : 1));

test("a counter counts by its labels: texts of events, texts of its own and numbers", async () => {
  const source = `${HEAD}const OPENS = counter({ name: "app.opens", unit: "{open}", doc: "opens", labels: ["app.program", "app.kind", "app.result"] });
${meterOf('OPENS.label(e.proc.name).label(e.failed ? "failed" : "good").label(e.res).add(2.5);')}`;
  const metrics = measure(
    await loadSource(source),
    open({ proc: { name: "cat" }, res: 3 }),
    open({ proc: { name: "cat" }, res: 3 }),
    open({ proc: { name: "ls" }, res: "ENOENT" }),
  );
  const { instrument } = metrics.get("app.opens") as Metric;
  assert.equal([instrument.unit, instrument.doc], ["{open}", "opens"]);
  assert.equal(seriesOf(metrics.get("app.opens")), [
    ["cat|good|3", 5],
    ["ls|failed|-2", 2.5],
  ]);
});

test("H84: a trap is told with the name of the meter that it was in, and what was measured until then counts", async () => {
  const meter = (name: string, at: number): string =>
    `@meter({ name: "${name}" })\nexport function m${at}(e: Openat): void { OPENS.add(1); if (7 / (e.res - ${at}) == 9) OPENS.add(1); }\n`;
  const policy = await loadSource(`${HEAD}const OPENS = counter({ name: "app.opens" });
${meter("first of all", 1)}${meter("second", 2)}`);
  const running = new Running(policy);
  running.judge(open({ res: 2 }), open({ res: 0 }), open({ res: 1 }));
  assert.equal(running.faults, ["1: second: divide by zero", "3: first of all: divide by zero"]);
  const counted = running.takeMeasured().flatMap(({ measurements }) => measurements.map(({ value }) => value));
  assert.is(
    counted.reduce((sum, more) => sum + more, 0),
    5,
  );
});

test("an address and any whole number are labels, and none takes memory of the batch", async () => {
  const source = `${HEAD}const OPENS = counter({ name: "app.opens", labels: ["app.address", "app.number", "app.wide"] });
${meterOf("for (let i = 0; i < 50_000; i++) OPENS.label(e.fd.sip).label(e.res).label(<u64>1 << 62).add(1);")}`;
  const fd = (sip: string) => ({ type: sip.includes(":") ? "6" : "4", sip });
  const of = await loadSource(source);
  const metrics = measure(
    of,
    open({ fd: fd("192.0.2.255"), res: -9 }),
    open({ fd: fd("::ffff:10.0.0.1"), res: 0 }),
    open({ fd: fd("2001:db8::ff00:1"), res: 1234567890123 }),
    open({ fd: { type: "f" }, res: 1 }),
  );
  assert.equal(seriesOf(metrics.get("app.opens")), [
    ["10.0.0.1|0|4611686018427387904", 50_000],
    ["192.0.2.255|-9|4611686018427387904", 50_000],
    ["2001:db8:0:0:0:0:ff00:1|1234567890123|4611686018427387904", 50_000],
    ["|1|4611686018427387904", 50_000],
  ]);
});

test("a gauge shows its last number, and what is none is refused", async () => {
  const source = `${HEAD}const LAST = gauge({ name: "app.last", doc: "d" });\n${meterOf("LAST.set(e.failed ? <f64>NaN : <f64>e.res);")}`;
  const metrics = measure(await loadSource(source), open({ res: 7 }), open({ res: 4 }), open({ res: "ENOENT" }));
  assert.equal(seriesOf(metrics.get("app.last")), [["", 4]]);
});

test("labels that are known by a key count where they belong, also after the host has emptied the region", async () => {
  const source = `${HEAD}const OPENS = counter({ name: "app.opens", labels: ["app.path", "app.kind"], slots: 4 });
${meterOf('if (!OPENS.labelled(<u64>e.res)) OPENS.label(e.name).label("made");\nOPENS.add(1);')}`;
  const running = new Running(await loadSource(source));
  const takeLabels = (): unknown[] =>
    running
      .takeMeasured()
      .flatMap(({ measurements }) => measurements.map(({ labels, value }) => [labels?.[0], value]).sort());
  // Key 129 has the place of key 1 among those that are remembered.
  const of = (key: number): ShortEvent => open({ name: `/${key}`, res: key });
  running.judge(of(1), of(2), of(1), of(129), of(1));
  assert.equal(takeLabels(), [
    ["/1", 3],
    ["/129", 1],
    ["/2", 1],
  ]);
  for (const [first, second] of [
    [2, 1],
    [129, 2],
    [1, 129],
  ] as const) {
    running.judge(of(first), of(second), of(first));
    assert.equal(
      takeLabels(),
      [
        [`/${first}`, 2],
        [`/${second}`, 1],
      ].sort(),
    );
  }
  running.judge(of(1), of(2), of(3), of(4), of(5), of(4), of(5));
  assert.is(
    running
      .takeMeasured()
      .flatMap(({ measurements }) => measurements)
      .reduce((sum, { value }) => sum + value, 0),
    7,
    "those without a slot are counted together",
  );
  assert.equal(running.faults, []);
});

for (const [kind, call, bounds] of [
  ["counter", "add", ""],
  ["gauge", "set", ""],
  ["histogram", "record", "bounds: [1], "],
  ["exponential", "record", ""],
])
  test(`a ${kind} that is given no number takes no slot for it, forgets the labels and counts it`, async () => {
    const source = `${HEAD}const A = ${kind}({ name: "app.a", ${bounds}labels: ["app.path"] });\n${meterOf(`A.label(e.name).${call}(e.failed ? <f64>NaN : 2);`)}`;
    const running = new Running(await loadSource(source));
    const wrong = open({ name: "/wrong", res: "ENOENT" });
    running.judge(wrong, wrong);
    assert.equal(running.takeMeasured(), [{ measurements: [], refused: 2 }]);
    running.judge(wrong, open({ name: "/right" }));
    const [taken] = running.takeMeasured();
    assert.equal(
      [taken?.refused, taken?.measurements.map(({ labels, value }) => [labels, value])],
      [1, [[["/right"], 2]]],
    );
    assert.equal(running.faults, []);
  });

for (const number of ["1", "NaN"])
  test(`a file that measures ${number} at its top does not start, and is told why`, async () => {
    const source = `${HEAD}const A = gauge({ name: "app.a" });\nA.set(<f64>${number});\n${meterOf("A.set(1);")}`;
    let said = "";
    try {
      new Running(await loadSource(source));
    } catch (error) {
      said = (error as Error).message;
    }
    assert.match(said, "a file measures nothing at its top");
  });

test("a histogram's bounds are the largest numbers of their buckets", async () => {
  const source = `${HEAD}const SIZES = histogram({ name: "app.sizes", unit: "By", bounds: [-1.5, 1, 10] });\n${meterOf("SIZES.record(<f64>e.res);")}`;
  const events = [-2, 0, 1, 2, 10, 11].map((res) => open({ res }));
  const sizes = measure(await loadSource(source), ...events).get("app.sizes");
  assert.equal(sizes?.series[0]?.buckets, [1, 2, 2, 1]);
  assert.is(sizes?.series[0]?.value, 22);
});

test("an exponential histogram knows a number to an eighth of a power of two", async () => {
  const source = `${HEAD}const SIZES = exponential({ name: "app.sizes" });\n${meterOf("SIZES.record(<f64>e.res);")}`;
  const numbers = [0, 1, 2, 3, 64, 1000];
  const sizes = measure(await loadSource(source), ...numbers.map((res) => open({ res }))).get("app.sizes");
  const buckets = [...(sizes?.series[0]?.buckets ?? []).entries()].filter(([, count]) => count > 0);
  // Bucket i - 161 holds what is more than 2^(i/8) and at most 2^((i+1)/8); what is beyond is in the last.
  const place = (value: number): number => (value === 0 ? 0 : 161 + Math.min(47, Math.ceil(Math.log2(value) * 8) - 1));
  const expected = new Map<number, number>();
  for (const value of numbers) expected.set(place(value), (expected.get(place(value)) ?? 0) + 1);
  assert.equal(
    buckets,
    [...expected].sort(([a], [b]) => a - b),
  );
});

test("more sets of labels than slots count together, and none is lost", async () => {
  const source = `${HEAD}const OPENS = counter({ name: "app.opens", labels: ["app.path"], slots: 8 });\n${meterOf("OPENS.label(e.name).add(1);")}`;
  const events = Array.from({ length: 100 }, (_, i) => open({ name: `/file-${i}` }));
  const metric = measure(await loadSource(source), ...events).get("app.opens");
  const sum = (metric?.series ?? []).reduce((all, { value }) => all + value, 0);
  assert.is(sum, 100);
  assert.is(metric?.series.length, 8);
  assert.is(metric?.series.find(({ labels }) => labels === null)?.value, 93);
});

test("a long label is cut at 128 bytes, and labels are told apart by where they end", async () => {
  const source = `${HEAD}const OPENS = counter({ name: "app.opens", labels: ["app.a", "app.b"] });\n${meterOf("const n = e.name; OPENS.label(n.slice(0, <u32>e.res)).label(n.slice(<u32>e.res)).add(1);")}`;
  const policy = await loadSource(source);
  const metric = measure(policy, open({ name: "abc", res: 1 }), open({ name: "abc", res: 2 })).get("app.opens");
  assert.equal(seriesOf(metric), [
    ["ab|c", 1],
    ["a|bc", 1],
  ]);
  const long = measure(policy, open({ name: "x".repeat(1000), res: 0 })).get("app.opens");
  assert.is(long?.series[0]?.labels?.[1], "x".repeat(128));
});

test("a label too few stops the policy, and says so", async () => {
  const source = `${HEAD}const OPENS = counter({ name: "app.opens", labels: ["app.a", "app.b"] });\n${meterOf('OPENS.label("x").add(1);')}`;
  const running = new Running(await loadSource(source));
  running.judge(open());
  assert.match(running.faults[0] ?? "", /"app\.opens" was given 1 labels, and has 2/);
});

test("a policy with rules and meters raises alerts and measures", async () => {
  const source = `${HEAD}const OPENS = counter({ name: "app.opens" });
@rule({ name: "r", priority: Priority.Debug }) export function r(e: Openat): bool { return e.failed; }
${meterOf("OPENS.add(1);")}`;
  const policy = await loadSource(source);
  const running = new Running(policy);
  assert.is(running.judge(open(), open({ res: "ENOENT" })).length, 1);
  assert.equal(policy.admitted.metadata.meters, [{ name: "m", events: ["openat"] }]);
});

test("what the compiler lays out is what the host reads", async () => {
  const source = `${HEAD}const A = counter({ name: "b", labels: ["app.a"], slots: 5 });
const B = histogram({ name: "a", bounds: [1, 2], labels: ["app.a", "app.b"], slots: 3 });
const C = exponential({ name: "c" });
${meterOf('A.label("x").add(1); B.label("y").label("z").record(2); C.record(1);')}`;
  const policy = await loadSource(source);
  const { metrics, metadata } = policy.admitted;
  assert.ok((metrics?.size ?? 0) >= layoutOf(metadata.metrics ?? []).labels);
  assert.equal(
    [...measure(policy, open()).values()].map((metric) => [metric.instrument.name, ...seriesOf(metric)]),
    [
      ["b", ["x", 1]],
      ["a", ["y|z", 2]],
      ["c", ["", 1]],
    ],
  );
});

const WRONG: readonly (readonly [title: string, source: string, words: RegExp])[] = [
  [
    "a name that is no constant",
    'const N: string = "a";\nconst A = counter({ name: N });',
    /"name" must be a text between quotes/,
  ],
  ["an instrument without a name", 'const A = counter({ unit: "s" });', /An instrument needs a name/],
  [
    "a word that it does not know",
    'const A = counter({ name: "a", bounds: [1] });',
    /counter\(\) does not know "bounds"/,
  ],
  ["a histogram without bounds", 'const A = histogram({ name: "a" });', /A histogram needs bounds/],
  [
    "bounds that are no numbers",
    'const A = histogram({ name: "a", bounds: ["1"] });',
    /"bounds" must be a list of numbers/,
  ],
  [
    "two of a name",
    'const A = counter({ name: "a" });\nconst B = gauge({ name: "a" });',
    /two instruments of the name "a"/,
  ],
];
for (const [title, source, words] of WRONG)
  test(`the compiler refuses ${title}`, async () => {
    const error = await loadError(`${HEAD}${source}\n${meterOf("")}`);
    assert.is(error.code, "VEDETTE_POLICY_COMPILE");
    assert.match(error.message, words);
  });

test("the compiler refuses a meter that answers", async () => {
  const error = await loadError(`${HEAD}@meter({ name: "m" })\nexport function m(e: Openat): bool { return true; }`);
  assert.match(error.message, /A meter answers with void/);
});

test("a check warns of labels without a bound, and of no other", async () => {
  const source = `${HEAD}const A = counter({ name: "a", labels: ["app.x"] });\n${meterOf("A.label(e.proc.pid).add(1); A.label(e.fd.name).add(1); A.label(e.proc.cmdline).add(1); A.label(e.proc.name).add(1); A.label(e.res).add(1);")}`;
  const bundle = openBundle(writePolicy(source));
  const { errors, warnings } = await compiler.check(bundle, { name: "p", version: "1", parameters: [] });
  assert.equal(errors, []);
  assert.equal(
    warnings.map(({ message }) => /"(\w+)" can have a new value/.exec(message)?.[1]),
    ["pid", "name", "cmdline"],
  );
});

test("an instrument that is made in a meter stops the policy", async () => {
  const running = new Running(
    await loadSource(
      `${HEAD}const B = counter({ name: "b" });\n${meterOf('const a = counter({ name: "a" }); a.add(1); B.add(1);')}`,
    ),
  );
  running.judge(open());
  assert.match(running.faults[0] ?? "", /declare it at the top of the file/);
});

test.after(cleanUp);
test.run();
