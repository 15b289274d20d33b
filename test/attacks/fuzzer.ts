// SPDX-License-Identifier: Apache-2.0
//
// Everything that a stranger or a tenant can reach of a `vedette serve`, fed with chance for a given time:
// the agents' socket, HTTP, the control API, tenants' folders and tenants.yaml (attackers.ts). Meanwhile an
// honest agent opens /etc/shadow again and again, and the host's memory, descriptors, threads and health are
// looked at.
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { until } from "../until.js";
import type { Done, Orders } from "./attackers.js";
import { HandAgent, Host } from "./host.js";
import { CONTAINER, makePlace, wordsOf } from "./place.js";

const HONEST_EVERY_MS = 200;
const LOOK_EVERY_MS = 250;
/** How long a thing may take to come to rest when nobody attacks any more. */
const REST_MS_MAX = 30_000;

export interface Look {
  readonly ownMib: number;
  readonly descriptors: number;
  readonly threads: number;
}
export interface FuzzReport {
  readonly seed: number;
  /** What was done, by attacker. */
  readonly done: Done;
  readonly before: Look;
  /** The most of each that was seen. */
  readonly most: Look;
  readonly after: Look;
  /** Answers of /healthz but 200 and none. */
  readonly unwell: readonly number[];
  readonly sent: number;
  /** Alerts in the name of the honest agent's container that are not its own. */
  readonly forged: readonly string[];
  /** ms until each honest alert came, in order of size. */
  readonly waits: readonly number[];
  /** How the host ended; null: it did not. */
  readonly end: Host["end"];
  readonly stderr: string;
}

/** Attacks a host of its own for so long. */
export async function fuzzHost(seed: number, ms: number): Promise<FuzzReport> {
  const folder = mkdtempSync(join(tmpdir(), "fuzz-"));
  const place = makePlace(folder);
  const host = await Host.start(folder, wordsOf(place));
  try {
    const [secret, own] = [place.secret, place.own].map((path) => readFileSync(path, "utf8").trim());
    if (secret === undefined || own === undefined) throw new Error("the host made no secrets");
    const honest = await Honest.start(host, own);
    const before = lookAt(host);
    const watch = new Watch(host);
    const { socket, http } = host;
    const done = await attacked({ seed, ms, place, pid: host.child.pid as number, socket, http, secret }, host);
    await honest.stop();
    await watch.stop();
    const after = await rested(host, before);
    const { end, stderr } = host;
    return {
      seed,
      done,
      before,
      most: watch.most,
      after,
      unwell: watch.unwell,
      ...honest.result,
      end,
      stderr,
    };
  } finally {
    await host.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Resolves when the attackers have had their time, or the host ends. */
async function attacked(orders: Orders, host: Host): Promise<Done> {
  const attackers = fork(fileURLToPath(new URL("./attackers.ts", import.meta.url)), [JSON.stringify(orders)]);
  const onHostEnd = (): void => void attackers.kill();
  host.child.once("exit", onHostEnd);
  let done: Done = {};
  attackers.on("message", (message) => {
    done = message as Done;
  });
  const [status] = await once(attackers, "exit");
  host.child.off("exit", onHostEnd);
  if (status !== 0 && host.end === null) throw new Error(`the attackers ended with ${status}`);
  return done;
}

/** The agent whose alerts must come. */
class Honest {
  readonly #host: Host;
  readonly #agent: HandAgent;
  readonly #sent = new Map<string, number>();
  readonly #waits: number[] = [];
  #number = 0;
  #seen = 0;
  readonly #forged: string[] = [];
  readonly #timer: NodeJS.Timeout;

  private constructor(host: Host, peer: HandAgent) {
    this.#host = host;
    this.#agent = peer;
    host.child.stdout?.on("data", () => this.#onAlerts());
    this.#timer = setInterval(() => this.#open(), HONEST_EVERY_MS);
  }

  static async start(host: Host, secret: string): Promise<Honest> {
    return new Honest(host, await HandAgent.honest(host.socket, { secret, container: CONTAINER }));
  }

  #open(): void {
    const name = `honest${this.#number++}`;
    this.#sent.set(name, performance.now());
    this.#agent.write(this.#agent.shadow(name));
  }

  #onAlerts(): void {
    const { alerts } = this.#host;
    for (; this.#seen < alerts.length; this.#seen++) {
      const alert = alerts[this.#seen];
      if (alert?.output_fields["container.name"] !== CONTAINER) continue;
      const name = /process=(honest\d+) /.exec(alert.output)?.[1] ?? "";
      if (name === "") this.#forged.push(`${alert.rule}: ${alert.output}`);
      const at = this.#sent.get(name);
      if (at === undefined) continue;
      this.#waits.push(performance.now() - at);
      this.#sent.delete(name);
    }
  }

  /** Sends no more, and waits for what is under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await until("all honest alerts", () => this.#sent.size === 0 || this.#host.end !== null).catch(() => undefined);
  }

  get result(): Pick<FuzzReport, "sent" | "forged" | "waits"> {
    return { sent: this.#number, forged: this.#forged, waits: this.#waits.toSorted((a, b) => a - b) };
  }
}

class Watch {
  most: Look;
  readonly unwell: number[] = [];
  readonly #timer: NodeJS.Timeout;
  #asked: Promise<void> = Promise.resolve();

  constructor(host: Host) {
    this.most = lookAt(host);
    this.#timer = setInterval(() => {
      if (host.end !== null) return;
      const { ownMib, descriptors, threads } = lookAt(host);
      this.most = {
        ownMib: Math.max(ownMib, this.most.ownMib),
        descriptors: Math.max(descriptors, this.most.descriptors),
        threads: Math.max(threads, this.most.threads),
      };
      this.#asked = host.health().then((code) => void (code === 200 || code === 0 || this.unwell.push(code)));
    }, LOOK_EVERY_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#asked;
  }
}

function lookAt(host: Host): Look {
  return { ownMib: host.ownMib, descriptors: host.descriptors, threads: host.threads };
}

/** When what the attackers left has gone, and health is green; what it is by the end of the time if not. */
async function rested(host: Host, before: Look): Promise<Look> {
  if (host.end !== null) return before;
  let look = lookAt(host);
  const isAtRest = async (): Promise<boolean> => {
    look = lookAt(host);
    return (
      look.descriptors <= before.descriptors + REST.descriptors &&
      look.threads <= before.threads + REST.threads &&
      look.ownMib <= before.ownMib + REST.ownMib &&
      (await host.health()) === 200
    );
  };
  await until("it is at rest", isAtRest, { ms: REST_MS_MAX }).catch(() => undefined);
  return look;
}

/** What may stay: a tenant's process and its pipes, threads that try policies. */
export const REST = { descriptors: 24, threads: 8, ownMib: 250 };
/**
 * What may be there meanwhile: 256 agents and 32 strangers, 64 HTTP connections, 32 a door of the control
 * API, each agent's thread.
 */
export const BOUNDS = { descriptors: 480, threads: 330, ownMib: 500 };
