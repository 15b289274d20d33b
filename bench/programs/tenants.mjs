// SPDX-License-Identifier: Apache-2.0
//
// tenants.mjs RECORDING FOLDER: measures an engine with many tenants in a process of its own, on the built code, as it is deployed;
// prints one JSON object. FOLDER holds two policies, `endless` (never returns from a record with the result -99) and `other`.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const built = (name) => import(`../../build/js/host/${name}.js`);
const { Cell } = await built("engine/cell");
const { Engine } = await built("engine/engine");
const { Feed } = await built("engine/feed");
const { readRecording } = await built("recording/recording");
const { PolicyCompiler } = await built("policy/compile");
const { openBundle } = await built("policy/bundle");
const { loadPolicies, loadPolicy } = await built("policy/load");
const { PolicyWatch } = await built("policy/watch");
const { openBatch } = await built("wire/batch");
const { BatchBuilder } = await built("wire/builder");

const TENANTS = 50;
const WORKERS = Number(process.argv[4] ?? 2);
const SWAPS = 30;
/** Between two changes of a file: chokidar does not tell of one that comes within 50 ms of another. */
const APART_MS = 250;
const PUMP_MS = 3000;
const RING = 16 << 20;
const SILENT = { onAlert: () => {}, onFault: () => {}, onLog: () => {} };

const [recording, folder] = process.argv.slice(2);
const batches = [...readRecording(recording)].filter((entry) => entry.kind === "batch").map((entry) => entry.batch);
const compiler = new PolicyCompiler();
const pack = await loadPolicies([], { compiler });
const [endless, other] = [
  await loadPolicy(openBundle(join(folder, "endless")), { compiler }),
  await loadPolicy(openBundle(join(folder, "other")), { compiler }),
];
compiler.close();
const everything = { containers: [], images: [], families: [], uids: [], executables: [] };
const tenancyOf = (tenant) => ({ tenant, scope: everything, alerts: { burst: 1000, perMinute: 1000 } });
const policies = Array.from({ length: TENANTS }, (_, i) => ({ ...pack[i % pack.length], tenancy: tenancyOf(`team-${i}`) }));

const rssMiB = () => process.memoryUsage().rss / (1 << 20);
const many = await measureEngine(policies, WORKERS);
const report = {
  tenants: TENANTS,
  workers: WORKERS,
  eventsPerSecond: many.eventsPerSecond,
  rssMiB: many.rssMiB,
  swapMs: await measureSwap(),
  restartMs: await measureRestart(),
  threadEventsPerSecond: (await measureEngine(policies.slice(0, 1), 1)).eventsPerSecond,
  ...(await measureCell(policies[0])),
};
console.log(JSON.stringify(report));
process.exit(0);

async function measureEngine(some, workers) {
  const feed = new Feed(RING);
  const readers = Array.from({ length: workers }, () => feed.reader());
  const engine = await Engine.start({ ring: feed.ring, readers, policies: some, ...SILENT });
  return pump(feed, () => engine.finished);
}

async function measureCell(policy) {
  const tenancy = tenancyOf("bench");
  const feed = new Feed(RING);
  const cell = new Cell({ tenancy, ring: feed.ring, containers: new Map(), ...SILENT });
  await cell.add({ ...policy, tenancy });
  const { eventsPerSecond, childMiB } = await pump(feed, () => cell.finished);
  return { isolatedEventsPerSecond: eventsPerSecond, isolatedRssMiB: childMiB };
}

/** Feeds the batches again and again, as fast as they are taken. */
async function pump(feed, finished) {
  let events = 0;
  let most = 0;
  let childMiB = 0;
  const begun = performance.now();
  while (performance.now() - begun < PUMP_MS) {
    for (const batch of batches) {
      await feed.put(batch);
      events += batch.count;
    }
    most = Math.max(most, rssMiB());
    childMiB = Math.max(childMiB, childRss());
  }
  feed.close();
  await finished();
  return { eventsPerSecond: (events * 1000) / (performance.now() - begun), rssMiB: most, childMiB };
}

function childRss() {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim().split(" ").filter(Boolean);
  const rss = (pid) => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  return children.reduce((sum, pid) => sum + rss(pid), 0) / 1024;
}

/** From the change of a file in policies.d, a module that is compiled, to the new version's place among the others: the median. */
async function measureSwap() {
  const feed = new Feed();
  const engine = await Engine.start({ ring: feed.ring, readers: [feed.reader()], policies, ...SILENT });
  const watched = join(folder, "policies.d");
  const live = join(watched, "team/policy");
  mkdirSync(live, { recursive: true });
  writeFileSync(join(live, "policy.yaml"), "name: swapped\n");
  const modules = [endless, other].map(({ admitted }) => admitted.bytes);
  const put = (i) => {
    writeFileSync(join(watched, ".new"), modules[i % 2]);
    renameSync(join(watched, ".new"), join(live, "policy.wasm"));
  };
  put(0);
  let onNews = () => {};
  const options = { folder: watched, engine, tenants: null, requireSigned: false, onNews: (news) => onNews(news) };
  const watch = await PolicyWatch.open(options);
  const times = [];
  for (let i = 1; i <= SWAPS; i++) {
    const begun = performance.now();
    const news = new Promise((resolve) => {
      onNews = resolve;
    });
    put(i);
    const { kind } = await news;
    if (kind !== "replaced") throw new Error(`the policy was ${kind}`);
    times.push(performance.now() - begun);
    await new Promise((resolve) => setTimeout(resolve, APART_MS));
  }
  await watch.close();
  await engine.stop();
  return times.sort((a, b) => a - b)[SWAPS >> 1];
}

/** From the report of an overrun to the alert of another policy in the worker that took over. */
async function measureRestart() {
  const feed = new Feed();
  const builder = new BatchBuilder();
  builder.record("openat", { result: -99, params: { dirfd: -100, name: "/x", flags: 0 } });
  let blamedAt = 0;
  let engine = null;
  const ms = await new Promise((resolve) => {
    const handlers = {
      onAlert: () => blamedAt > 0 && resolve(performance.now() - blamedAt),
      onFault: () => {
        blamedAt = performance.now();
      },
    };
    Engine.start({ ring: feed.ring, readers: [feed.reader()], policies: [endless, other], ...handlers }).then((started) => {
      engine = started;
      feed.offer(openBatch(builder.bytes()));
    });
  });
  await engine.stop();
  return ms;
}
