// SPDX-License-Identifier: Apache-2.0
// `vedette serve`: the host as a sidecar. Read aloud:
//
//   policies - monitor - listen - until SIGTERM or SIGINT - let agents finish - judge what is there - write - end
import { chmodSync } from "node:fs";
import { resolve } from "node:path";
import { METADATA_VARIABLE, TaskMetadata } from "../ecs/metadata.js";
import { processors, workersFor } from "../engine/processors.js";
import { VedetteError } from "../errors.js";
import { Monitor } from "../intake/monitor.js";
import { type NamedFile, Secrets } from "../intake/secret.js";
import { Station } from "../intake/station.js";
import { PolicyService, type ServiceFlags } from "../policy/service.js";
import { reasonOf } from "../reason.js";
import { neverWait, say } from "./failure.js";
import { type Judging, type JudgingFlags, judging } from "./falco-judging.js";
import { counted } from "./print.js";

export interface ServeFlags extends Omit<JudgingFlags, "policy">, ServiceFlags {
  readonly listen: string;
  readonly secretFile?: string;
  readonly containerSecret?: readonly NamedFile[];
  readonly policy?: readonly string[];
  readonly http: string;
  readonly drain: number;
  readonly check?: boolean;
}

const CHECK_MS_MAX = 4_000;
/** Containers run as users of their own; the secret, not the file's mode, decides who is heard. */
const SOCKET_MODE = 0o666;

export async function serve(flags: ServeFlags): Promise<number> {
  if (flags.check) return check(flags.http);
  const address = addressOf(flags.listen);
  const stopped = untilStopped();
  neverWait();
  const monitor = new Monitor();
  await monitor.listen(flags.http);
  let judged: Judging | null = null;
  let service: PolicyService | null = null;
  const onHangup = (): void => {
    judged?.outputs.reopen();
    service?.reopen();
  };
  process.on("SIGHUP", onHangup);
  try {
    judged = await judging({ ...flags, policy: flags.policy ?? [] });
    const { policies, outputs, host } = judged;
    service = new PolicyService(flags, (line) => say(`vedette: ${line}`));
    monitor.outputs = () => [...outputs.stats(), ...(service?.outputs() ?? [])];
    const secrets = Secrets.atPaths(flags.secretFile, flags.containerSecret ?? []);
    const metadata = new TaskMetadata(process.env[METADATA_VARIABLE] ?? null);
    const station = await Station.open({
      policies,
      workers: flags.workers ?? (await workersHere(metadata)),
      service,
      secrets,
      metadata,
      monitor,
      say: (line) => say(`vedette: ${line}`),
      onAlert: (alert) => outputs.write(host === undefined ? alert : { ...alert, hostname: host }),
    });
    const port = await station.listen(address);
    if (address.startsWith("/") && !secrets.areNone) chmodSync(address, SOCKET_MODE);
    say(`vedette: listening at ${port > 0 ? `tcp:127.0.0.1:${port}` : flags.listen}`);
    const signal = await Promise.race([stopped, station.failed]);
    if (signal instanceof VedetteError) throw signal;
    say(`vedette: ${signal}: letting agents finish`);
    await station.drain(flags.drain * 1000);
  } finally {
    monitor.close();
    const undelivered = (await judged?.outputs.close()) ?? 0;
    process.off("SIGHUP", onHangup);
    if (undelivered > 0) say(`vedette: ${counted(undelivered, "alert")} could not be sent`);
  }
  return 0;
}

/** ECS is asked only where we see more than a small machine: the start waits for the answer. */
async function workersHere(metadata: TaskMetadata): Promise<number> {
  const count = workersFor(processors());
  return count === 1 ? 1 : workersFor(processors(await metadata.processors()));
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
  const signal = AbortSignal.timeout(CHECK_MS_MAX);
  const response = await fetch(`http://${address}/healthz`, { signal }).catch((error: unknown) => {
    throw unhealthy(reasonOf((error as Error).cause ?? error), error);
  });
  if (!response.ok) throw unhealthy(`it says "${(await response.text()).trim()}"`);
  return 0;
}
