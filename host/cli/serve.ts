// SPDX-License-Identifier: Apache-2.0
// `vedette serve`: the host as a sidecar. Read aloud:
//
//   policies - monitor - listen - until SIGTERM or SIGINT - let agents finish - judge what is there - write -
// end
import { type RequestOptions, request } from "node:http";
import { dirname, resolve } from "node:path";
import { loadAddon } from "../capture/addon.js";
import { METADATA_VARIABLE, TaskMetadata } from "../ecs/metadata.js";
import { processors, workersFor } from "../engine/processors.js";
import { explain, VedetteError } from "../errors.js";
import { collectAll } from "../heap.js";
import { Agents, type IntakeCounts, type NamedFile, Secrets } from "../intake/intake.js";
import type { LogFormat } from "../log.js";
import { counted } from "../output/counted.js";
import { metricsOf, tracesOf } from "../output/registry.js";
import type { ServiceFlags } from "../policy/service.js";
import { reasonOf } from "../reason.js";
import {
  type Health,
  type MonitorDoor,
  placeOf,
  type Running,
  Sensor,
  type SensorHandlers,
  VERSION,
} from "../sensor/sensor.js";
import { becomeSmall } from "../small-task.js";
import { logAs, neverWait, say, speaking } from "./failure.js";
import { type JudgingFlags, judging } from "./falco-judging.js";
import { busOutput, type ForwardFlags, forwarding } from "./forwarding.js";
import { type Again, NEVER, Reread } from "./reread.js";

/** The command's flags, as they were typed. `drain` is in seconds. */
export interface ServeFlags extends Omit<JudgingFlags, "policy">, ServiceFlags, ForwardFlags {
  readonly listen: string;
  readonly secretFile?: string;
  readonly containerSecret?: readonly NamedFile[];
  readonly policy?: readonly string[];
  readonly http: string;
  /** How the monitor answers at `http`; of `vedette falco`. */
  readonly door?: MonitorDoor;
  readonly drain: number;
  readonly check?: boolean;
  readonly logFormat: LogFormat;
}

const CHECK_MS_MAX = 4_000;
/** The agents that wait for us have come by then. What is left of files that were read goes, 4 MiB. */
const BEGUN_MS = 700;
/**
 * By then its threads run. Most of the code in memory is of the start alone, and some is of what happens now
 * and then: V8 compiles, an agent comes. A part of it goes each time, so that no alert waits for it.
 */
const DROP = { afterMs: 1_500, everyMs: 3_000, parts: 20, betweenMs: 50 };
/** What takes this thread longest, thousands of Falco's rules, takes 6 s of processor time. */
const HANG = { lookMs: 1_000, looks: 60, cpuMs: 30_000, answerMs: 1_000 };

/** `again`: how it is told anew. Runs until SIGTERM or SIGINT. Throws where judging cannot go on. */
export async function serve(flags: ServeFlags, again: Again<ServeFlags> = NEVER): Promise<number> {
  if (flags.check) return check(flags.http);
  logAs(flags.logFormat);
  const address = addressOf(flags.listen);
  const stopped = untilStopped();
  process.on("SIGUSR1", () => undefined); // by itself Node opens its debugger on loopback, for everybody there
  neverWait();
  loadAddon().keepArenasFew();
  const toBus = busOutput(flags); // another bus is taken at the next start, as Reread says
  const reread = new Reread(flags, again, ({ policy = [], ...rest }, running) =>
    judging({ ...rest, policy, outputs: [...(rest.outputs ?? []), ...toBus] }, { running }),
  );
  const metadata = new TaskMetadata(process.env[METADATA_VARIABLE] ?? null);
  const fleet = await forwarding(flags, metadata);
  await Sensor.use(
    {
      http: flags.http,
      ...(flags.door === undefined ? {} : { door: flags.door }),
      judging: () => reread.open(),
      again: reread,
      service: flags.releases === true ? { ...flags, task: await metadata.arnOrHost() } : flags,
      intake: (handlers, counts) => agents(flags, handlers, counts),
      metrics: metricsOf(flags.outputs),
      traces: tracesOf(flags.outputs),
      snapshots: flags.metrics,
      drops: flags.drops,
      fleet,
      ...speaking,
    },
    async (sensor) => {
      const port = sensor.intake.listen(address);
      sensor.begin();
      sayWhatRuns(sensor.health);
      say(`vedette: listening at ${port > 0 ? `tcp:127.0.0.1:${port}` : flags.listen}`);
      dropIdleCode();
      endIfHung();
      const signal = await Promise.race([stopped, sensor.failed]);
      if (signal instanceof VedetteError) throw signal;
      say(`vedette: ${signal}: letting agents finish`);
      const deadline = performance.now() + flags.drain * 1000;
      sensor.hurry();
      await Promise.race([sensor.intake.drain(flags.drain * 1000), sensor.failed]);
      await sensor.finish();
      await sensor.forwarded(deadline - performance.now());
    },
  );
  return 0;
}

/** Whoever started a host starts it again when it has ended; nobody does so when it hangs. */
function endIfHung(): void {
  const { lookMs, looks, cpuMs, answerMs } = HANG;
  const error = new VedetteError("VEDETTE_HOST_HUNG", { seconds: (lookMs * looks) / 1000 });
  loadAddon().watchForHang(lookMs, looks, cpuMs, `vedette: ${explain(error)}\n`, error.exit);
  setInterval(() => loadAddon().answerWatch(), answerMs).unref();
}

function dropIdleCode(): void {
  const { afterMs, everyMs, parts, betweenMs } = DROP;
  const drop = (part: number): void => {
    loadAddon().dropIdleCode(part, parts);
    const [next, ms] = part + 1 < parts ? [part + 1, betweenMs] : [0, everyMs];
    setTimeout(drop, ms, next).unref();
  };
  setTimeout(collectAll, BEGUN_MS).unref();
  setTimeout(drop, afterMs, 0).unref();
}

/** One line. The pack has a folder for each tactic, and in it one for each policy. */
function sayWhatRuns(health: Health): void {
  const runs = health.runs();
  const folderOf = ({ from }: Running): string => dirname(dirname(from));
  const said = [...new Set(runs.map(folderOf))].map((folder) => {
    const all = runs.filter((run) => folderOf(run) === folder);
    const [first] = all;
    if (all.length > 1) return `${all.length} policies from ${folder}`;
    return `${first!.policy} ${first!.version} (${counted(first!.rules, "rule")}) from ${first!.from}`;
  });
  say(`vedette: version ${VERSION} judges with ${said.join(", ") || "no policy of the operator's own"}`);
}

/**
 * ECS is asked once for our processors. The start waits for the answer only where we see more than a small
 * machine.
 */
async function agents(flags: ServeFlags, handlers: SensorHandlers, counts: IntakeCounts | null): Promise<Agents> {
  const secrets = Secrets.atPaths(flags.secretFile, flags.containerSecret ?? []);
  const metadata = new TaskMetadata(process.env[METADATA_VARIABLE] ?? null);
  const limit = metadata.processors();
  void limit.then((task) => processors(task) < 1 && becomeSmall());
  const seen = flags.workers ?? workersFor(processors());
  const isAsked = flags.workers === undefined && seen > 1;
  const workers = isAsked ? workersFor(processors(await limit)) : seen;
  return new Agents({ workers, secrets, metadata, counts, say: handlers.say }, handlers);
}

/** As the addon takes it. */
function addressOf(listen: string): string {
  const [, kind, rest = ""] = /^(unix|abstract|tcp):(.+)$/s.exec(listen) ?? [];
  if (kind === "unix") return resolve(rest);
  if (kind === "abstract") return `@${rest}`;
  if (kind === "tcp") return rest;
  const reason = "it is none of unix:PATH, abstract:NAME and tcp:127.0.0.1:PORT";
  throw new VedetteError("VEDETTE_LISTEN_REFUSED", { address: listen, reason });
}

function untilStopped(): Promise<NodeJS.Signals> {
  return new Promise((done) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, done);
  });
}

async function check(address: string): Promise<number> {
  const unhealthy = (reason: string, cause?: unknown) =>
    new VedetteError("VEDETTE_UNHEALTHY", { address, reason }, { cause });
  const place = placeOf(address);
  const where = "path" in place ? { socketPath: place.path } : place;
  const { status, text } = await ask(where).catch((error: unknown) => {
    throw unhealthy(reasonOf(error), error);
  });
  if (status !== 200) throw unhealthy(`it says "${text.trim()}"`);
  return 0;
}

/** `fetch` asks at no Unix socket. */
function ask(where: RequestOptions): Promise<{ status: number; text: string }> {
  return new Promise((done, failed) => {
    const signal = AbortSignal.timeout(CHECK_MS_MAX);
    const asked = request({ ...where, path: "/healthz", signal }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.on("error", failed).on("end", () => done({ status: response.statusCode ?? 0, text }));
    });
    asked.on("error", failed).end();
  });
}
