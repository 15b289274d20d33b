// SPDX-License-Identifier: Apache-2.0
// What a module measures, by docs/abi/v1.md alone: a region in hand-written WebAssembly, what the host takes
// out of it, and what it does not believe.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type ErrorCode, VedetteError } from "../../../host/errors.js";
import { admit } from "../../../host/wasm/admission.js";
import { PolicyInstance } from "../../../host/wasm/instance.js";
import { layoutOf, type SlotLayout } from "../../../host/wasm/instruments.js";
import type { Measured } from "../../../host/wasm/metrics-region.js";
import { openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import { assemble, changed, METADATA } from "./shared.js";

const START = { index: 0, offset: 0 };
const AT = 1_120_000;
const SIZE = 4096;
const EXPORT = '(global (export "vedette_abi") i32 (i32.const 1))';
const region = (at = String(AT), size = String(SIZE), dirty = "(mut i32)"): string =>
  `${EXPORT}(global (export "vedette_metrics") i32 (i32.const ${at}))(global (export "vedette_metrics_size") i32 (i32.const ${size}))(global $dirty (export "vedette_metrics_dirty") ${dirty} (i32.const 0))`;

const OPENS = { name: "app.opens", kind: "counter", unit: "{open}", doc: "opens", labels: ["app.kind"], slots: 4 };
const TIMES = { name: "app.times", kind: "histogram", unit: "s", doc: "", labels: [], slots: 2, bounds: [1, 2] };
const METRICS = [OPENS, TIMES];
const METER = [{ name: "opens", events: ["openat"] }];
const metadata = (more: object = {}): object => ({ ...METADATA, metrics: METRICS, meters: METER, ...more });

const [opens, times] = layoutOf(METRICS as never).slots as unknown as [SlotLayout, SlotLayout];
const TEXT = layoutOf(METRICS as never).labels;
const at = (offset: number): string => `(i32.const ${AT + offset})`;
const slot = (from: number, label: number, size: number, value: string): string =>
  `(i32.store ${at(from)} (i32.const 1)) (i32.store ${at(from + 8)} (i32.const ${label})) (i32.store ${at(from + 12)} (i32.const ${size})) (f64.store ${at(from + 16)} (f64.const ${value}))`;
const SECOND = opens.at + opens.size;

/** A module that does this to its region at every batch. */
const writing = (code: string): string =>
  changed(
    [EXPORT, region()],
    ["    (local.get $raised)))", `${code} (global.set $dirty (i32.const 1)) (i32.const 0)))`],
  );

async function measured(code: string): Promise<Measured | null> {
  const admitted = await admit(assemble(writing(code), metadata()), "policies/x");
  const instance = PolicyInstance.start(admitted, {}, { onAlert: () => undefined, onLog: () => undefined });
  const batch = openBatch(new BatchBuilder({ first: 1 }).record("close", { result: 0 }).bytes());
  assert.is(instance.judge(batch, START), null);
  const taken = instance.takeMeasured();
  assert.is(instance.takeMeasured(), null, "it is taken once");
  instance.judge(batch, START);
  assert.equal(instance.takeMeasured(), taken, "the policy goes on in an empty region");
  return taken;
}

const GET = `(i32.store8 ${at(TEXT)} (i32.const 71))`;

test("a counter and a histogram are taken, and the region is empty then", async () => {
  const histogram = `(i32.store ${at(times.at + times.size)} (i32.const 1)) (f64.store ${at(times.at + times.size + 8)} (f64.const 3.5)) (i32.store ${at(times.at + times.size + 16)} (i32.const 1)) (i32.store ${at(times.at + times.size + 24)} (i32.const 2))`;
  assert.equal(await measured(`${GET} ${slot(SECOND, TEXT, 1, "7")} ${histogram}`), {
    measurements: [
      { instrument: 0, labels: ["G"], value: 7, buckets: [] },
      { instrument: 1, labels: [], value: 3.5, buckets: [1, 0, 2] },
    ],
    refused: 0,
  });
});

test("the first slot is that of all labels that have none", async () => {
  const taken = await measured(slot(opens.at, 0, 0, "2"));
  assert.equal(taken?.measurements, [{ instrument: 0, labels: null, value: 2, buckets: [] }]);
});

const NONSENSE: readonly (readonly [title: string, code: string])[] = [
  ["a counter that would go back", slot(SECOND, TEXT, 1, "-1")],
  ["a counter that is no number", slot(SECOND, TEXT, 1, "nan")],
  ["a counter without an end", slot(SECOND, TEXT, 1, "inf")],
  ["a label behind the region", slot(SECOND, SIZE, 1, "1")],
  ["a label before it", slot(SECOND, -64, 1, "1")],
  ["a label among the slots", slot(SECOND, 16, 1, "1")],
  ["a label that is too long", slot(SECOND, TEXT, 129, "1")],
  ["a label that is longer than memory", slot(SECOND, TEXT, -1, "1")],
];
for (const [title, code] of NONSENSE)
  test(`${title} is counted and dropped`, async () => {
    assert.equal(await measured(code), { measurements: [], refused: 1 });
  });

test("what a policy refused itself is counted, and a count beyond all counts as one", async () => {
  assert.is((await measured(`(i64.store ${at(8)} (i64.const 5))`))?.refused, 5);
  assert.is((await measured(`(i64.store ${at(8)} (i64.const -1))`))?.refused, 1);
});

test("a label that is no UTF-8 is shown as what it is not", async () => {
  const taken = await measured(`(i32.store8 ${at(TEXT)} (i32.const 255)) ${slot(SECOND, TEXT, 1, "1")}`);
  assert.equal(taken?.measurements[0]?.labels, ["\ufffd"]);
});

test("what was measured before a trap is taken after it", async () => {
  const code = `${GET} ${slot(SECOND, TEXT, 1, "7")} (global.set $dirty (i32.const 1)) (unreachable)`;
  const admitted = await admit(assemble(writing(code), metadata()), "policies/x");
  const instance = PolicyInstance.start(admitted, {}, { onAlert: () => undefined, onLog: () => undefined });
  const batch = openBatch(new BatchBuilder({ first: 1 }).record("close", { result: 0 }).bytes());
  assert.is(instance.judge(batch, START)?.name, "Trap");
  assert.is(instance.takeMeasured()?.measurements[0]?.value, 7);
});

const CLOSES = metadata({ rules: [] });
const REFUSED: readonly (readonly [title: string, wat: string, metadata: object, code: ErrorCode, words: RegExp])[] = [
  ["no region", changed([EXPORT, EXPORT]), CLOSES, "VEDETTE_MODULE_EXPORT", /vedette_metrics is missing/],
  ["no room", changed([EXPORT, region(String(AT), "64")]), CLOSES, "VEDETTE_MODULE_EXPORT", /take \d+/],
  ["one outside of memory", changed([EXPORT, region("1179640")]), CLOSES, "VEDETTE_MODULE_EXPORT", /not in memory/],
  ["one that is not aligned", changed([EXPORT, region("1120001")]), CLOSES, "VEDETTE_MODULE_EXPORT", /not aligned/],
  ["one in the frame", changed([EXPORT, region("2048")]), CLOSES, "VEDETTE_MODULE_EXPORT", /lie in the frame/],
  [
    "one that is larger than any",
    changed([EXPORT, region(String(AT), "1048584")]),
    CLOSES,
    "VEDETTE_MODULE_EXPORT",
    /1048576/,
  ],
  [
    "a mark that cannot be set",
    changed([EXPORT, region(String(AT), "4096", "i32")]),
    CLOSES,
    "VEDETTE_MODULE_EXPORT",
    /mutable/,
  ],
  [
    "a region without instruments",
    changed([EXPORT, region()]),
    METADATA,
    "VEDETTE_MODULE_EXPORT",
    /no instrument is declared/,
  ],
  [
    "no rule and no meter",
    changed([EXPORT, region()]),
    metadata({ rules: [], meters: [] }),
    "VEDETTE_POLICY_NO_RULES",
    /no rule/,
  ],
  [
    "a meter of no event",
    changed([EXPORT, region()]),
    metadata({ meters: [{ name: "m", events: ["opening"] }] }),
    "VEDETTE_MODULE_METADATA",
    /no event "opening"/,
  ],
  ...(
    [
      ["two of a name", [OPENS, OPENS], /same name/],
      [
        "two of a name for Prometheus",
        [
          { ...OPENS, name: "a.b" },
          { ...OPENS, name: "a_b" },
        ],
        /same name/,
      ],
      ["a name that is none", [{ ...OPENS, name: "App Opens" }], /small letters/],
      ["a name of the host's", [{ ...OPENS, name: "policy.web" }], /the host's to give/],
      ["a label of the host's", [{ ...OPENS, labels: ["vedette.tenant"] }], /the host's to give/],
      ["a label of OpenTelemetry's", [{ ...OPENS, labels: ["otel.scope.name"] }], /the host's to give/],
      ["a label of Prometheus'", [{ ...OPENS, labels: ["le"] }], /the host's to give/],
      ["a label twice", [{ ...OPENS, labels: ["a.b", "a_b"] }], /two labels are the same/],
      ["a unit with a line in it", [{ ...OPENS, unit: "s\n# TYPE x" }], /unit/],
      ["bounds that do not grow", [{ ...TIMES, bounds: [1, 1] }], /bounds grow/],
      ["bounds of a counter", [{ ...OPENS, bounds: [1] }], /[Uu]nrecognized/],
      ["too many slots", Array.from({ length: 5 }, (_, i) => ({ ...OPENS, name: `a${i}`, slots: 2000 })), /8192 slots/],
      ["65 instruments", Array.from({ length: 65 }, (_, i) => ({ ...OPENS, name: `a${i}` })), /64/],
    ] as const
  ).map(
    ([title, metrics, words]) =>
      [title, changed([EXPORT, region()]), metadata({ metrics }), "VEDETTE_MODULE_METADATA", words] as const,
  ),
];
for (const [title, wat, json, code, words] of REFUSED)
  test(`a module is refused: ${title}`, async () => {
    const error = await admit(assemble(wat, json), "policies/x").then(
      () => null,
      (reason: unknown) => reason,
    );
    assert.instance(error, VedetteError);
    assert.is((error as VedetteError).code, code, (error as VedetteError).message);
    assert.match((error as VedetteError).message, words);
  });

test("a module of ABI 1.0, which says nothing of metrics, is let in as before", async () => {
  const admitted = await admit(assemble(changed([EXPORT, EXPORT])), "policies/x");
  assert.is(admitted.metrics, null);
});

test.run();
