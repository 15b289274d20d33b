// SPDX-License-Identifier: Apache-2.0
//
// Everything that a stranger or a tenant can reach of a `vedette serve`, fed with chance for a given time: the agents' socket, HTTP, the
// control API, tenants' folders and tenants.yaml. Meanwhile an honest agent opens /etc/shadow again and again, and the host's memory,
// descriptors, threads and health are looked at.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assemble, HAND_WRITTEN } from "../host/wasm/shared.js";
import { Chance } from "./chance.js";
import { joined, stacked } from "./costly.js";
import { frame, HandAgent, Host, until } from "./host.js";

/** The container of the honest agent, which has a secret of its own. */
const CONTAINER = "shop";
const HONEST_EVERY_MS = 200;
const LOOK_EVERY_MS = 250;
/** How long a thing may take to come to rest when nobody attacks any more. */
const REST_MS_MAX = 30_000;
const GOOD = assemble(HAND_WRITTEN);
const COSTLY = [joined(GOOD, 1_900, 20_000), stacked(GOOD, 1_000, 20_000)];

export interface Look {
  readonly rssMib: number;
  readonly descriptors: number;
  readonly threads: number;
}
export interface FuzzReport {
  readonly seed: number;
  /** What was done, by attacker. */
  readonly done: Readonly<Record<string, number>>;
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
  const place = new Place(folder);
  const host = await Host.start(folder, place.words);
  try {
    const [secret, own] = [place.secret, place.own].map((path) => readFileSync(path, "utf8").trim());
    if (secret === undefined || own === undefined) throw new Error("the host made no secrets");
    const target: Target = { host, place, secret, deadline: performance.now() + ms, done: {}, peers: [] };
    const honest = await Honest.start(host, own);
    const before = lookAt(host);
    const watch = new Watch(host);
    await Promise.all(
      ATTACKERS.map(({ name, attack, pause }, index) =>
        keepOn(name, attack, pause, new Chance(seed * 31 + index), target),
      ),
    );
    for (const peer of target.peers) peer.close();
    await honest.stop();
    await watch.stop();
    const after = await rested(host, before);
    const { end, stderr } = host;
    return {
      seed,
      done: target.done,
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

/** Where things of the host lie. */
class Place {
  readonly policies: string;
  readonly tenants: string;
  readonly status: string;
  /** The task's. */
  readonly secret: string;
  /** The honest agent's container's. */
  readonly own: string;
  readonly words: readonly string[];

  constructor(readonly folder: string) {
    this.policies = join(folder, "policies.d");
    this.tenants = join(folder, "tenants.yaml");
    this.status = join(folder, "status.sock");
    this.secret = join(folder, "secret");
    this.own = join(folder, "own");
    mkdirSync(this.policies);
    writeFileSync(this.tenants, TENANTS);
    const options = { "policies-d": this.policies, tenants: this.tenants, control: this.status };
    this.words = [
      "--secret-file",
      this.secret,
      "--container-secret",
      `${CONTAINER}=${this.own}`,
      ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]),
    ];
  }
}

const TENANTS = "tenants:\n  team: {limits: {policies: 5}}\n  other: {isolation: process, limits: {policies: 2}}\n";

interface Target {
  readonly host: Host;
  readonly place: Place;
  readonly secret: string;
  readonly deadline: number;
  readonly done: Record<string, number>;
  /** Who never left. */
  readonly peers: HandAgent[];
}

type Attack = (chance: Chance, target: Target) => Promise<void> | void;

/** `pause`: ms between two, on average. */
const ATTACKERS: readonly { readonly name: string; readonly attack: Attack; readonly pause: number }[] = [
  { name: "stranger", attack: stranger, pause: 5 },
  { name: "stranger again", attack: stranger, pause: 5 },
  { name: "agent", attack: agent, pause: 20 },
  { name: "http", attack: http, pause: 10 },
  { name: "status", attack: status, pause: 20 },
  { name: "folder", attack: folders, pause: 100 },
  { name: "tenants", attack: tenants, pause: 1_500 },
];

async function keepOn(name: string, attack: Attack, pause: number, chance: Chance, target: Target): Promise<void> {
  while (performance.now() < target.deadline && target.host.end === null) {
    await attack(chance, target);
    target.done[name] = (target.done[name] ?? 0) + 1;
    await sleep(chance.below(2 * pause));
  }
}

/** Who does not know the secret. */
async function stranger(chance: Chance, { host, peers }: Target): Promise<void> {
  const peer = await reached(() =>
    HandAgent.silent(host.socket, { secret: "wrong", container: chance.bytes(40).toString("latin1") }),
  );
  if (peer === null) return;
  const size = Buffer.alloc(4);
  size.writeUInt32LE(chance.one([0, 1, 65_536, 65_537, 0x7fffffff, 0xffffffff]));
  const words = [
    () => peer.write(chance.bytes(200)),
    () => peer.write(chance.spoilt(peer.hello())),
    () => peer.write(peer.hello(), peer.shadow("stranger")),
    () => peer.write(size, chance.bytes(2_000)),
    () => peer.write(frame(chance.bytes(500))),
    () => undefined,
  ];
  chance.one(words)();
  if (chance.below(4) > 0) setTimeout(() => peer.close(), chance.below(300));
  else peers.push(peer);
}

/** Who knows the task's, and means harm all the same; now and then in the honest agent's name, whose container's secret it lacks. */
async function agent(chance: Chance, { host, secret, peers }: Target): Promise<void> {
  const container = chance.below(10) === 0 ? CONTAINER : `bad-${chance.below(20)}`;
  const peer = await reached(() => HandAgent.silent(host.socket, { secret, container }));
  if (peer === null) return;
  peer.write(chance.below(4) === 0 ? chance.spoilt(peer.hello()) : peer.hello());
  for (let i = chance.below(6); i >= 0; i--) {
    const batch = chance.below(8) === 0 ? peer.bulk() : peer.shadow("bad", { count: 1 + chance.below(50) });
    const isWhole = chance.below(3) === 0;
    // Most keep their frame, so that what is inside is read.
    peer.write(isWhole ? batch : chance.below(3) > 0 ? frame(chance.spoilt(batch.subarray(4))) : chance.spoilt(batch));
    if (chance.below(3) === 0) peer.write(peer.alive());
  }
  if (chance.below(4) > 0) setTimeout(() => peer.close(), chance.below(300));
  else peers.push(peer);
}

async function http(chance: Chance, { host }: Target): Promise<void> {
  const [name = "", port = ""] = host.http.split(":");
  const path = chance.one([
    "/healthz",
    "/metrics",
    "/",
    `/${"x".repeat(chance.below(9_000))}`,
    "/../../etc/passwd",
    "/%00",
  ]);
  const request = Buffer.from(
    `${chance.one(["GET", "POST", "PUT", "HEAD", "BREW"])} ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${chance.below(1e9)}\r\n\r\n`,
  );
  await say(chance, () => connect(Number(port), name), request);
}

async function status(chance: Chance, { place }: Target): Promise<void> {
  const path = chance.one([place.status, `${place.status}.team`, `${place.status}.other`]);
  const asked = chance.one([
    "policies",
    "findings?limit=5",
    "events",
    "events?filter=proc.name=x",
    "processes",
    "../health",
  ]);
  await say(chance, () => connect(path), Buffer.from(`GET /api/v1/${asked} HTTP/1.1\r\nHost: x\r\n\r\n`));
}

/** Something like `words`, in pieces or at once, and then leaves, or stays until it is sent away. */
async function say(chance: Chance, open: () => Socket, words: Buffer): Promise<void> {
  const socket = open();
  socket.on("error", () => undefined);
  socket.resume();
  await new Promise<void>((resolve) => socket.once("connect", resolve).once("close", () => resolve()));
  const bytes = chance.one([
    words,
    chance.spoilt(words),
    chance.bytes(4_000),
    words.subarray(0, chance.below(words.length)),
  ]);
  if (chance.below(3) > 0) socket.write(bytes);
  else for (const byte of bytes.subarray(0, 20)) socket.write(Uint8Array.of(byte));
  if (chance.below(3) > 0) setTimeout(() => socket.destroy(), chance.below(200));
}

const SOURCES = [
  "name: x\n",
  "name: x\nprevent: [{deny: mount}]\n",
  "name: [\n",
  `name: ${"y".repeat(100_000)}\n`,
  "a: &a [1]\nb: [*a, *a]\n",
  "",
];

function folders(chance: Chance, { place }: Target): void {
  const tenant = join(place.policies, chance.one(["team", "team", "other", "nobody", ".hidden", "team/deep"]));
  const path = join(tenant, `p${chance.below(6)}`);
  if (chance.below(4) === 0) rmSync(path, { recursive: true, force: true });
  else {
    mkdirSync(path, { recursive: true });
    chance.one(chance.below(3) > 0 ? PLAIN : ODD)(path, chance);
  }
}

type Fill = (path: string, chance: Chance) => void;

const PLAIN: readonly Fill[] = [
  (path) => put(path, "policy.yaml", "name: x\n"),
  (path) => put(path, "policy.wasm", GOOD),
  (path, chance) => {
    put(path, "policy.yaml", "name: x\n");
    put(path, "policy.wasm", chance.one([GOOD, chance.spoilt(GOOD), ...COSTLY]));
  },
];
const ODD: readonly Fill[] = [
  (path, chance) => put(path, "policy.wasm", chance.bytes(3_000)),
  (path, chance) => put(path, "policy.yaml", chance.one(SOURCES)),
  (path, chance) => put(path, "tests.yaml", chance.spoilt(Buffer.from("tests: []\n"))),
  (path, chance) => symlinkSync("/etc/shadow", cleared(path, chance.one(FILES))),
  (path, chance) => mkdirSync(cleared(path, chance.one(FILES))),
  (path, chance) => execFileSync("mkfifo", [cleared(path, chance.one(FILES))]),
];
const FILES = ["policy.wasm", "policy.yaml", "tests.yaml"];

function put(path: string, name: string, bytes: string | Uint8Array): void {
  writeFileSync(cleared(path, name), bytes);
}

function cleared(path: string, name: string): string {
  rmSync(join(path, name), { recursive: true, force: true });
  return join(path, name);
}

function tenants(chance: Chance, { place, host }: Target): void {
  const text = Buffer.from(TENANTS);
  writeFileSync(place.tenants, chance.below(2) === 0 ? text : chance.spoilt(text));
  host.child.kill("SIGHUP");
}

async function reached(open: () => Promise<HandAgent>): Promise<HandAgent | null> {
  return open().catch(() => null);
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
      const { rssMib, descriptors, threads } = lookAt(host);
      this.most = {
        rssMib: Math.max(rssMib, this.most.rssMib),
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
  return { rssMib: host.rssMib, descriptors: host.descriptors, threads: host.threads };
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
      (await host.health()) === 200
    );
  };
  await until("it is at rest", isAtRest, REST_MS_MAX).catch(() => undefined);
  return look;
}

/** What may stay: a tenant's process and its pipes, threads that try policies. */
export const REST = { descriptors: 24, threads: 8, rssMib: 250 };
/** What may be there meanwhile: 256 agents and 32 strangers, 64 HTTP connections, 32 a door of the control API, each agent's thread. */
export const BOUNDS = { descriptors: 480, threads: 330, rssMib: 500 };

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
