// SPDX-License-Identifier: Apache-2.0
//
// What an event of real programs costs on its way: bytes on the bus, and CPU time of the sidecar that
// forwards all, of the bus and of the judge. The programs run under the agent, each for itself. A sidecar
// that forwards nothing runs the same ones: the difference is what forwarding costs. Times are from the start
// of a program until its last event was judged, so what a process takes while nothing comes is a part of
// them: how much that is, is measured first.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ask } from "../../test/ask.js";
import { freePort } from "../../test/e2e/free-port.js";
import { run } from "../../test/e2e/programs.js";
import { Program } from "../../test/fleet/programs.js";
import { until } from "../../test/until.js";
import { inMeasuredFleet, type Judge, type MeasuredFleet } from "./fleet.js";
import { median } from "./median.js";
import { cpuSecondsOf } from "./processes.js";
import { AGENT, ROOT, VEDETTE } from "./programs.js";

const LIMIT_MS = 120_000;
const LOOK_MS = 100;
const REST_MS = 6_000;
const REQUESTS = 300;
const INSERTS = 2_000;
const READS = 10_000;
let names = 0;

interface Work {
  readonly name: string;
  readonly script: string;
  /** Of which the bytes of an event are measured: what programs do, not one call again and again. */
  readonly isReal: boolean;
}

/** Medians of the rounds, of an event. CPU times in us. */
export interface ProgramCost {
  readonly name: string;
  readonly isReal: boolean;
  readonly events: number;
  readonly bytes: number;
  readonly sidecarUs: number;
  /** Of the sidecar that forwards nothing. */
  readonly withoutUs: number;
  readonly busUs: number;
  readonly judgeUs: number;
  /** Events that did not come, in all rounds: the agent lost them, or they never got to the bus. */
  readonly lost: number;
}

/** What a process takes while nothing comes, share of a core. */
export interface AtRest {
  readonly sidecar: number;
  readonly without: number;
  readonly bus: number;
  readonly judge: number;
}

/** `together`: of all real programs, by their events. */
export interface ProgramCosts {
  readonly rounds: number;
  readonly atRest: AtRest;
  readonly programs: readonly ProgramCost[];
  readonly together: Omit<ProgramCost, "name" | "isReal">;
}

export async function measurePrograms(rounds: number, servers: number): Promise<ProgramCosts> {
  const folder = mkdtempSync(join(tmpdir(), "vedette-bench-fleet-"));
  try {
    const works = worksIn(folder, await freePort());
    const taken = new Map(works.map(({ name }) => [name, { with: [] as Seen[], without: [] as Seen[] }]));
    const atRest = await inMeasuredFleet(servers, async (fleet) => {
      await fleet.makeStreams();
      const judge = await fleet.judge();
      await fleet.shared([judge]);
      const bus = ["--bus", fleet.url, "--bus-tenant", "shop", "--forward", "all"];
      const sidecars = { with: await sidecarIn(folder, bus), without: await sidecarIn(folder, []) };
      const pool = { fleet, judge };
      const rest = await atRestOf(sidecars, pool);
      // Once for what is compiled and patched at the first time.
      for (let round = 0; round <= rounds; round++)
        for (const work of works)
          for (const which of ["without", "with"] as const) {
            const one = await costOf(work, sidecars[which], which === "with" ? pool : null);
            if (round > 0) taken.get(work.name)?.[which].push(one);
          }
      for (const { program } of Object.values(sidecars)) await program.end("SIGTERM");
      return rest;
    });
    const programs = works.map(({ name, isReal }) => {
      const { with: forwarded, without } = taken.get(name) as { with: Seen[]; without: Seen[] };
      const of = (what: keyof Seen, from = forwarded): number => median(from.map((one) => one[what] / one.events));
      const costs = { bytes: of("bytes"), sidecarUs: of("sidecarUs"), withoutUs: of("sidecarUs", without) };
      const events = median(forwarded.map((one) => one.events));
      const lost = forwarded.reduce((sum, one) => sum + one.lost, 0);
      return { name, isReal, events, ...costs, busUs: of("busUs"), judgeUs: of("judgeUs"), lost };
    });
    return { rounds, atRest, programs, together: together(programs.filter(({ isReal }) => isReal)) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function together(programs: readonly ProgramCost[]): Omit<ProgramCost, "name" | "isReal"> {
  const events = programs.reduce((sum, one) => sum + one.events, 0);
  const of = (what: (one: ProgramCost) => number): number =>
    programs.reduce((sum, one) => sum + what(one) * one.events, 0) / events;
  const lost = programs.reduce((sum, one) => sum + one.lost, 0);
  return {
    ...{ events, lost, bytes: of((one) => one.bytes), sidecarUs: of((one) => one.sidecarUs) },
    ...{ withoutUs: of((one) => one.withoutUs), busUs: of((one) => one.busUs), judgeUs: of((one) => one.judgeUs) },
  };
}

/** Of one run of a program. */
interface Seen {
  readonly events: number;
  readonly lost: number;
  readonly bytes: number;
  readonly sidecarUs: number;
  readonly busUs: number;
  readonly judgeUs: number;
}

interface Pool {
  readonly fleet: MeasuredFleet;
  readonly judge: Judge;
}

interface Sidecar {
  readonly program: Program;
  readonly listen: string;
  readonly port: number;
}

async function sidecarIn(folder: string, words: readonly string[]): Promise<Sidecar> {
  const [name, port] = [`sidecar-${process.pid}-${names++}`, await freePort()];
  const listen = `unix:${folder}/${name}`;
  const http = ["--listen", listen, "--http", `127.0.0.1:${port}`];
  const program = new Program(name, [...VEDETTE, "serve", ...http, ...words]);
  await program.says("listening at");
  return { program, listen, port };
}

async function atRestOf(sidecars: { with: Sidecar; without: Sidecar }, { fleet, judge }: Pool): Promise<AtRest> {
  const look = (): AtRest => ({
    sidecar: cpuSecondsOf(pidOf(sidecars.with)),
    without: cpuSecondsOf(pidOf(sidecars.without)),
    ...{ bus: fleet.cpu.bus, judge: judge.cpuSeconds },
  });
  await sleep(REST_MS / 2);
  const before = look();
  await sleep(REST_MS);
  const after = look();
  const of = (who: keyof AtRest): number => (after[who] - before[who]) / (REST_MS / 1000);
  return { sidecar: of("sidecar"), without: of("without"), bus: of("bus"), judge: of("judge") };
}

const pidOf = ({ program }: Sidecar): number => program.child.pid as number;

/** `pool`: null where nothing is forwarded. */
async function costOf({ name, script }: Work, sidecar: Sidecar, pool: Pool | null): Promise<Seen> {
  const look = async (): Promise<Seen> => ({
    ...(await countsOf(sidecar, pool !== null)),
    bytes: (await pool?.fleet.streamBytes()) ?? 0,
    sidecarUs: cpuSecondsOf(pidOf(sidecar)) * 1e6,
    busUs: (pool?.fleet.cpu.bus ?? 0) * 1e6,
    judgeUs: (pool?.judge.cpuSeconds ?? 0) * 1e6,
  });
  const before = await look();
  const judged = (await pool?.judge.health())?.events ?? 0;
  const argv = [AGENT, "--host", sidecar.listen, "--", "sh", "-c", script];
  const { status, stderr } = await run(argv, { limitMs: LIMIT_MS });
  if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr.slice(-2_000)}`);
  await settled(sidecar, pool, { events: before.events, judged });
  const after = await look();
  const keys = Object.keys(before) as (keyof Seen)[];
  return Object.fromEntries(keys.map((key) => [key, after[key] - before[key]])) as unknown as Seen;
}

/** What has come: events that the bus has, or that were judged where nothing is forwarded. */
async function countsOf({ port }: Sidecar, isForwarded: boolean): Promise<Pick<Seen, "events" | "lost">> {
  const { text } = await ask(port, "/metrics");
  const of = (metric: string): number =>
    text
      .split("\n")
      .filter((line) => line.startsWith(metric))
      .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  return {
    events: of(isForwarded ? "vedette_forward_events_total" : "vedette_events_total"),
    lost: of("vedette_lost_events_total") + of("vedette_forward_lost_events_total"),
  };
}

/** All that came is judged: by the judge, or by the sidecar, where two looks see the same. */
async function settled(sidecar: Sidecar, pool: Pool | null, before: { events: number; judged: number }): Promise<void> {
  let last = -1;
  const isSettled = async (): Promise<boolean> => {
    const { events } = await countsOf(sidecar, pool !== null);
    const isStill = events === last && events > before.events;
    last = events;
    if (!isStill || pool === null) return isStill;
    return (await pool.judge.health()).events - before.judged === events - before.events;
  };
  await until("all is judged", isSettled, { everyMs: LOOK_MS });
}

function worksIn(folder: string, port: number): Work[] {
  const at = (name: string): string => join(folder, name);
  const places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((one) => `${one}_temp_path ${at(one)};`);
  const listen = `server { listen 127.0.0.1:${port}; root ${ROOT}/docs; }`;
  writeFileSync(
    at("nginx.conf"),
    `user root; pid ${at("nginx.pid")}; error_log ${at("error.log")} crit; events {}
http { access_log ${at("access.log")}; ${places.join(" ")} ${listen} }\n`,
  );
  const insert = (i: number): string => `insert into t values(${i},'x');\n`;
  const inserts = Array.from({ length: INSERTS }, (_, i) => insert(i)).join("");
  writeFileSync(at("inserts.sql"), `create table t(a,b);\n${inserts}select count(*), sum(a) from t;\n`);
  const git = `git -C ${at("repository")} -c user.name=a -c user.email=a@example.com`;
  const real = {
    tar: `tar czf ${at("a.tar.gz")} -C ${ROOT} docs host policies test && rm -rf ${at("out")} && mkdir ${at("out")} &&
      tar xzf ${at("a.tar.gz")} -C ${at("out")}`,
    git: `rm -rf ${at("repository")} && mkdir ${at("repository")} && cp -r ${ROOT}/host ${ROOT}/docs ${at("repository")} &&
      ${git} init -q && ${git} add -A && ${git} commit -qm all && ${git} status > /dev/null && ${git} log --stat > /dev/null &&
      ${git} grep -c import > /dev/null`,
    "nginx and curl": `nginx -c ${at("nginx.conf")}; for i in $(seq ${REQUESTS}); do
      curl -s http://127.0.0.1:${port}/fleet.md > /dev/null; done; nginx -c ${at("nginx.conf")} -s stop`,
    sqlite: `rm -f ${at("db")} && sqlite3 ${at("db")} ".read ${at("inserts.sql")}" > /dev/null`,
  };
  // As many as a sidecar bears on two cores that the bus and the judge have, too.
  const dd = `for i in $(seq 40); do dd if=/dev/zero of=/dev/null bs=1 count=${READS} 2> /dev/null; sleep 0.1; done`;
  return [
    ...Object.entries(real).map(([name, script]) => ({ name, script, isReal: true })),
    { name: "dd, one byte at a time", script: dd, isReal: false },
  ];
}
