// SPDX-License-Identifier: Apache-2.0
// Fifty tenants on one stream, ten of which mean harm, in every way that gets through admission. What is asked of the
// others: all their alerts, each once. How soon, with and without the ten, is printed: it is the built engine that runs, since one
// from the sources takes a second to start a worker.
// Runs alone.
// Time limit: 120 s.
import { pathToFileURL } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { LoadedPolicy } from "../../../host/engine/policy.js";
import type { VedetteError } from "../../../host/errors.js";
import { builtFile } from "../../../host/paths.js";
import { batchOf, HOSTILE, policyOf } from "./shared.js";

const built = (name: string) => import(pathToFileURL(builtFile(`js/host/engine/${name}.js`)).href);
const { Engine } = (await built("engine")) as typeof import("../../../host/engine/engine.js");
const { Feed } = (await built("feed")) as typeof import("../../../host/engine/feed.js");

const GOOD = 40;
const BATCHES = 400;
const EVERY_MS = 15;
/** The first offences are over by then. */
const SETTLED = 150;
const RESULTS = [-1, -99, 0, 0, 0, 0, 0, 0];

interface Outcome {
  /** Of the good tenants' alerts once all had offended, in ms. */
  readonly latencies: number[];
  /** How long the good ones waited at most, ever. */
  readonly worst: number;
  readonly told: Map<string, number[]>;
  readonly faults: readonly VedetteError[];
  readonly rss: number;
}

async function run(hostile: readonly LoadedPolicy[]): Promise<Outcome> {
  const good = await Promise.all(Array.from({ length: GOOD }, (_, i) => policyOf(`good-${i}`)));
  // The hostile ones sit between the others, and judge before most of them.
  const policies = good.flatMap((policy, i) => [...(i % 4 === 0 ? hostile.slice(i / 4, i / 4 + 1) : []), policy]);
  const feed = new Feed();
  const sent: number[] = [];
  const latencies: number[] = [];
  const told = new Map<string, number[]>();
  const faults: VedetteError[] = [];
  let worst = 0;
  const engine = await Engine.start({
    ring: feed.ring,
    readers: [feed.reader()],
    policies,
    onAlert: (alert) => {
      const event = Number(alert.output.split(" ")[0]);
      const batch = Math.floor((event - 1) / RESULTS.length);
      told.set(alert.policy as string, [...(told.get(alert.policy as string) ?? []), event]);
      if (!alert.policy?.startsWith("good-")) return;
      const latency = performance.now() - (sent[batch] as number);
      worst = Math.max(worst, latency);
      if (batch >= SETTLED) latencies.push(latency);
    },
    onFault: (error) => void faults.push(error),
  });
  for (let i = 0; i < BATCHES; i++) {
    sent.push(performance.now());
    await feed.put(batchOf(RESULTS, 1 + RESULTS.length * i));
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
  const rss = process.memoryUsage().rss;
  feed.close();
  await engine.finished;
  return { latencies, worst, told, faults, rss };
}

const p99 = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? 0;

test("ten hostile tenants cost the other forty no alert", async () => {
  const hostile = await Promise.all(Object.entries(HOSTILE).map(([name, changes]) => policyOf(name, ...changes)));
  assert.is(hostile.length, 10);
  const calm = await run([]);
  const storm = await run(hostile);
  const expected = Array.from({ length: BATCHES }, (_, i) => [1, 2].map((nth) => RESULTS.length * i + nth)).flat();
  for (let i = 0; i < GOOD; i++) {
    const events = storm.told.get(`good-${i}`) ?? [];
    assert.equal(events, expected, `good-${i} was told each event once, in order`);
  }
  const [before, after] = [p99(calm.latencies), p99(storm.latencies)];
  console.log(
    `# p99 ${before.toFixed(1)} ms alone, ${after.toFixed(1)} ms with ten hostile tenants; worst ever ${storm.worst.toFixed(0)} ms; ${Math.round(calm.rss / (1 << 20))} and ${Math.round(storm.rss / (1 << 20))} MiB`,
  );
  const blamed = new Set(storm.faults.map((fault) => /policy (\S+)/.exec(fault.message)?.[1]));
  assert.ok(
    [...blamed].every((name) => Object.hasOwn(HOSTILE, name as string)),
    [...blamed].join(" "),
  );
  for (const name of ["endless", "slow", "recursive", "trapping", "outOfRange"])
    assert.ok(blamed.has(name), `${name} was found out`);
});

test.run();
