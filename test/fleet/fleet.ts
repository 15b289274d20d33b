// SPDX-License-Identifier: Apache-2.0
//
// `npm run fleet`: a whole fleet on one machine, and a break-in that it finds twice. Three servers of the bus
// keep what 51 tasks forward: fifty that are played, and a real one, a web server under the agent with its
// sidecar. Two judges share the work and write findings to PostgreSQL. An attacker breaks into the real task
// (test/demo/attacker.ts); then the judge that found it is killed, and he comes again. Ends with status 0
// only if both break-ins are in PostgreSQL. Runs inside a network namespace that .ci/fleet makes.
import { spawnSync } from "node:child_process";
import { inject, isListening, listenForShell, serveCredentials, THEFTS, type } from "../demo/attacker.js";
import { AGENT, ROOT, VEDETTE } from "../e2e/programs.js";
import { Cluster } from "../host/fleet/cluster.js";
import { PostgresServer } from "../host/store/postgres-server.js";
import { until } from "../until.js";
import { PlayedTasks } from "./played-tasks.js";
import { folder, Program } from "./programs.js";

const TASKS = 50;
const PARTITIONS = 4;
/** In a network namespace of our own it is free. */
const PORT = 8080;
const MUST_SEE = [
  "Shell spawned by a server",
  "Shell on a socket",
  "Sensitive file read",
  "Task credentials requested",
];
const BY_RULE = `SELECT word.text AS rule, count(*)::int AS count FROM vedette.finding
  JOIN vedette.word ON word.id = finding.rule GROUP BY word.text`;

/** Of what a judge says of itself. */
interface Health {
  readonly partitions: readonly { readonly partition: number }[];
  readonly blocks: number;
  readonly events: number;
  readonly findings: number;
}

function say(step: string, ...details: string[]): void {
  console.log(`\n${step}`);
  for (const detail of details) console.log(`     ${detail}`);
}

const cluster = await Cluster.start();
const database = await PostgresServer.start();
const place = await database.database();
say("1. The bus and the store are up:", `3 nats-servers at ${cluster.url}`, "PostgreSQL");

const judges = ["first", "second"].map((name) => {
  const words = ["--bus", cluster.url, "--store", place, "--partitions", `${PARTITIONS}`, "--replicas", "3"];
  return { name, program: new Program(name, [...VEDETTE, "judge", ...words, "--http", `unix:${folder}/${name}.sock`]) };
});
for (const { program } of judges) await program.says("judging");
const owned = async (): Promise<number[]> =>
  Promise.all(judges.map(async ({ program }) => (await program.health<Health>()).partitions.length));
await until("both judges have partitions", async () => (await owned()).every((count) => count === 2), {
  everyMs: 200,
});
say("2. Two judges share the partitions, two for each:", "vedette judge --bus ... --store postgres://... --replicas 3");

const played = new PlayedTasks(TASKS, PARTITIONS, cluster.url);
played.start();
const listen = `unix:${folder}/agents.sock`;
const bus = ["--bus", cluster.url, "--bus-tenant", "shop", "--forward", "all", "--partitions", `${PARTITIONS}`];
const sidecar = new Program("sidecar", [...VEDETTE, "serve", "--listen", listen, ...bus]);
await sidecar.says("listening at");
const server = ["/usr/bin/python3", `${ROOT}/test/demo/victim.py`, `${PORT}`];
// As in a container: an agent also watches what comes into its process namespace from outside.
const container = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
const task = new Program("task", [...container, AGENT, "--host", listen, "--", ...server]);
await until("the web server listens", () => isListening(PORT), { everyMs: 100 });
say(
  `3. ${TASKS} tasks are played, and one is real: a web server under the agent, and its sidecar:`,
  "vedette serve --bus ... --forward all",
  `vedette-capture --host ... -- ${server.join(" ")}`,
);

const closeCredentials = await serveCredentials();
say("4. An attacker breaks into the web server of the real task.");
await breakIn();
const found = await findings(1);
say("   PostgreSQL has it:", ...found);

const last = await Promise.all(judges.map(({ program }) => program.health<Health>()));
const finder = last.findIndex(({ findings }) => findings > 0);
const { name, program } = judges[finder] as (typeof judges)[number];
await program.end("SIGKILL");
say(`5. The ${name} judge found it. It is killed, and the attacker comes again.`);
await breakIn();
const again = await findings(2);
const other = judges[1 - finder] as (typeof judges)[number];
const now = await other.program.health<Health>();
say(`   The ${other.name} judge has all ${now.partitions.length} partitions now, and PostgreSQL has:`, ...again);

const [command = "", ...words] = VEDETTE;
const roll = spawnSync(command, [...words, "fleet", "sensors", "--bus", cluster.url], { encoding: "utf8" });
say("6. Sensors that beat (`vedette fleet sensors`):", ...roll.stdout.trim().split("\n"));
const [first, second] = [last[finder] as Health, now];
say(
  "What each did:",
  `${played.sent} blocks of played tasks came to the bus`,
  `judged until it was killed: ${first.events} events of ${first.blocks} blocks`,
  `judged by the other: ${second.events} events of ${second.blocks} blocks`,
);

await played.end();
closeCredentials();
await task.end("SIGKILL"); // unshare lets no other signal through
await sidecar.end("SIGTERM");
await other.program.end("SIGTERM");
await Promise.all([cluster.end(), database.end()]);
console.log("\nThe fleet found both break-ins, though the judge of the first was killed before the second.");
process.exit(0);

/** A shell calls back, and steals. */
async function breakIn(): Promise<void> {
  const listener = await listenForShell();
  const injected = inject(PORT, listener.port);
  const shell = await listener.shell;
  for (const { command: typed } of THEFTS) await type(shell, typed);
  shell.end("exit\n");
  await injected;
  listener.close();
}

/** Waits until the store has so many findings of each rule; gives a line of each. */
async function findings(least: number): Promise<string[]> {
  let counts = new Map<unknown, number>();
  const areThere = async (): Promise<boolean> => {
    const rows = await database.sql(place, BY_RULE);
    counts = new Map(rows.map(({ rule, count }) => [rule, Number(count)]));
    return MUST_SEE.every((rule) => (counts.get(rule) ?? 0) >= least);
  };
  const lines = (): string[] => [...counts].map(([rule, count]) => `${count} ${rule}`).sort();
  await until("the break-in is in the store", areThere, {
    everyMs: 200,
    tell: () => [...lines(), ...judges.map(({ program }) => program.told), sidecar.told, task.told].join("\n"),
  });
  return lines();
}
