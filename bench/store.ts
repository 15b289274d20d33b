// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- store [--json] [--findings N] [--rate N] [--seconds N] [--mib N] [--postgres]`: a store
// of 1,000,000 findings, to which 2,000 a second are added while questions are asked. How long does each kind
// of question take (p50, p95), what does a finding cost to write, how large do the files get, and does a
// limit of bytes hold while the store is written to? Times are of whole questions, from the first thread and
// back. CPU times are of the same questions asked on this thread, and say what a question costs where others
// keep the machine busy. With --postgres it is a store in PostgreSQL, in a server of its own, without CPU
// times of questions and without a limit of bytes.
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openStore } from "../host/store/open.js";
import { SqliteReads } from "../host/store/sqlite-reads.js";
import type { FindingQuery, Store } from "../host/store/store.js";
import { alertOf } from "../test/host/incident/shared.js";
import { PostgresServer } from "../test/host/store/postgres-server.js";

const number = (name: string, usual: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? usual : Number(process.argv[at + 1]);
};
const [all, rate, seconds, mib] = [
  number("findings", 1_000_000),
  number("rate", 2_000),
  number("seconds", 30),
  number("mib", 256),
];
const DAY_MS = 86_400_000;
const MIB = 1 << 20;
const TURN_MS = 50;

/**
 * A finding of the last day, of 40 rules, 20 tenants and 200 containers; one in 5,000 is critical, and one in
 * 20,000 is of another tenant, which has few.
 */
function tell(store: Store, index: number, agoMs: number): void {
  const alert = alertOf({
    pid: index,
    rule: `rule ${index % 40}`,
    tenant: index % 20_000 === 7 ? "small" : `tenant-${index % 20}`,
    container: `web-${index % 200}`,
  });
  const time = BigInt(Math.round(Date.now() - agoMs)) * 1_000_000n + BigInt(index % 1_000_000);
  const finding = { ...alert.finding!, event: { ...alert.finding!.event, time } };
  const output = `sensitive file read /etc/secret-${index % 5_000} by process ${index}`;
  store.append({ ...alert, time, finding, output, priority: index % 5_000 === 0 ? "Critical" : "Warning" });
}

async function empty(store: Store, least: number): Promise<void> {
  while (store.stats().queued > least) await store.flush();
}

async function fill(store: Store, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    tell(store, i, DAY_MS * (1 - i / count));
    if (i % 5_000 === 4_999) await empty(store, 2_000);
  }
  await empty(store, 0);
}

const sizeOf = (folder: string): number =>
  readdirSync(folder).reduce(
    (sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
/** Of the database. */
async function sizeIn(server: PostgresServer, place: string): Promise<number> {
  return Number((await server.sql(place, "SELECT pg_database_size(current_database()) AS n"))[0]!.n);
}
const onFault = (error: Error): void => void process.stderr.write(`${error.message}\n`);
const folders: string[] = [];
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "vedette-bench-store-"));
  folders.push(folder);
  return join(folder, "store");
}

const server = process.argv.includes("--postgres") ? await PostgresServer.start(["fsync=on", "autovacuum=on"]) : null;
const folder = newFolder();
const place = server === null ? folder : await server.database();
const store = await openStore({ place, limits: { findings: 1e9, bytes: 64 * 1024 * MIB, days: 90 }, onFault });
const [filling, cpu] = [performance.now(), process.cpuUsage()];
await fill(store, all);
const { user, system } = process.cpuUsage(cpu);
const filled = {
  seconds: (performance.now() - filling) / 1000,
  cpuUsPerFinding: (user + system) / all,
  bytesPerFinding: (server === null ? sizeOf(folder) : await sizeIn(server, place)) / all,
};

/** What is asked, in turn: of whom, and which findings; null: the overview. */
const page = (query: Partial<FindingQuery>, owner: string | null = null) => ({
  owner,
  query: { limit: 100, ...query },
});
let cursor: string | null = null;
const QUESTIONS: Readonly<Record<string, { readonly owner: string | null; readonly query: FindingQuery | null }>> = {
  "first page": page({}),
  "a tenant's first page": page({}, "tenant-7"),
  "a page far behind": page({ limit: 1_000 }),
  "by rule": page({ rule: "rule 3" }),
  "by rule and container": page({ rule: "rule 3", container: "web-43" }),
  "by priority (1 in 5,000)": page({ priority: 2 }),
  "by words": page({ text: "secret-77" }),
  "by words, of a tenant": page({ text: "sensitive file" }, "tenant-7"),
  "by words, of a small tenant": page({ text: "sensitive file" }, "small"),
  "by rare words, of a tenant": page({ text: "secret-7" }, "tenant-7"),
  "a filter that nothing passes": page({ priority: 0 }),
  "overview, 24 h": { owner: null, query: null },
  "overview of a tenant": { owner: "tenant-7", query: null },
};
const reads =
  server === null
    ? new SqliteReads(new DatabaseSync(join(folder, "vedette.db"), { readOnly: true, timeout: 5_000 }))
    : null;

let added = all;
const begun = performance.now();
const adding = setInterval(() => {
  const due = all + ((performance.now() - begun) / 1000) * rate;
  while (added < due) tell(store, added++, 0);
}, TURN_MS);
const taken = new Map(Object.keys(QUESTIONS).map((name) => [name, { wall: [] as number[], cpu: [] as number[] }]));
while (performance.now() - begun < seconds * 1000)
  for (const [name, { owner, query }] of Object.entries(QUESTIONS)) {
    const asked: FindingQuery | null =
      query === null || name !== "a page far behind" ? query : { ...query, before: cursor };
    const from = performance.now();
    const answer: object = await (asked === null ? store.overview(owner, 24) : store.page(owner, asked));
    taken.get(name)!.wall.push(performance.now() - from);
    const before = process.threadCpuUsage();
    if (asked === null) reads?.overview(owner, 24);
    else reads?.page(owner, asked);
    const { user: ours, system: kernels } = process.threadCpuUsage(before);
    taken.get(name)!.cpu.push((ours + kernels) / 1_000);
    if (name === "a page far behind" && "next" in answer) cursor = answer.next as string | null;
  }
clearInterval(adding);
const { dropped } = store.stats();
await empty(store, 0);
await store.close();

await server?.end();

const small = newFolder();
const limits = { findings: 1e9, bytes: mib * MIB, days: 90 };
const bounded = await openStore({ place: small, limits, onFault });
let most = 0;
for (let i = 0; server === null && i < (mib * MIB) / 1_000; i++) {
  tell(bounded, i, 0);
  if (i % 2_000 !== 1_999) continue;
  await empty(bounded, 1_000);
  most = Math.max(most, sizeOf(small));
}
await empty(bounded, 0);
const { held } = await bounded.overview(null, 24);
await bounded.close();
for (const one of folders) rmSync(one, { recursive: true });

const quantile = (times: readonly number[], part: number): number =>
  [...times].sort((a, b) => a - b)[Math.floor(times.length * part)] ?? 0;
const questions = [...taken].map(([name, { wall, cpu: own }]) => ({
  ...{ name, asked: wall.length, p50: quantile(wall, 0.5), p95: quantile(wall, 0.95) },
  ...{ cpuP50: quantile(own, 0.5), cpuP95: quantile(own, 0.95) },
}));
const limit = { mib, mostMib: most / MIB, held: held.findings, isKept: most <= mib * MIB };
const report = { findings: all, rate, ...filled, added: added - all, dropped: dropped.full, questions, limit };
if (process.argv.includes("--json")) console.log(JSON.stringify(report));
else {
  console.log(
    `filled with   ${all} findings in ${filled.seconds.toFixed(0)} s: ${filled.cpuUsPerFinding.toFixed(0)} us of CPU and ${filled.bytesPerFinding.toFixed(0)} bytes each`,
  );
  console.log(`added         ${added - all} more at ${rate}/s meanwhile; ${dropped.full} dropped`);
  for (const { name, asked, ...times } of questions) {
    const [p50, p95, cpuP50, cpuP95] = [times.p50, times.p95, times.cpuP50, times.cpuP95].map((ms) => ms.toFixed(1));
    const cost = reads === null ? "" : `; CPU p50 ${cpuP50} ms, p95 ${cpuP95} ms`;
    console.log(`${name.padEnd(30)} p50 ${p50} ms, p95 ${p95} ms${cost} (${asked} times)`);
  }
  if (server === null)
    console.log(
      `limit         ${mib} MiB; at most ${(most / MIB).toFixed(1)} MiB while it was written to, with ${held.findings} findings at the end`,
    );
}
process.exit(0);
