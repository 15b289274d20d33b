// SPDX-License-Identifier: Apache-2.0
//
// Started by fuzzer.ts, as a process of its own: all attackers at once, for a given time. Then it tells how
// often each attacked, and ends. A process of its own, so that what keeps an attacker busy is not taken for
// what keeps the honest agent waiting.
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { assemble, HAND_WRITTEN } from "../host/wasm/shared.js";
import { Chance } from "./chance.js";
import { joined, stacked } from "./costly.js";
import { frame, HandAgent } from "./host.js";
import { CONTAINER, type Place, TENANTS } from "./place.js";

const GOOD = assemble(HAND_WRITTEN);
const COSTLY = [joined(GOOD, 1_900, 20_000), stacked(GOOD, 1_000, 20_000)];

/** What fuzzer.ts says to us, as JSON. */
export interface Orders {
  readonly seed: number;
  readonly ms: number;
  readonly place: Place;
  /** Of the host. */
  readonly pid: number;
  readonly socket: string;
  readonly http: string;
  /** The task's. */
  readonly secret: string;
}
/** What was done, by attacker. */
export type Done = Record<string, number>;

interface Target extends Orders {
  readonly deadline: number;
  readonly done: Done;
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
  while (performance.now() < target.deadline) {
    await attack(chance, target);
    target.done[name] = (target.done[name] ?? 0) + 1;
    await sleep(chance.below(2 * pause));
  }
}

/** Who does not know the secret. */
async function stranger(chance: Chance, { socket, peers }: Target): Promise<void> {
  const peer = await reached(() =>
    HandAgent.silent(socket, { secret: "wrong", container: chance.bytes(40).toString("latin1") }),
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

/**
 * Who knows the task's, and means harm all the same; now and then in the honest agent's name, whose
 * container's secret it lacks.
 */
async function agent(chance: Chance, { socket, secret, peers }: Target): Promise<void> {
  const container = chance.below(10) === 0 ? CONTAINER : `bad-${chance.below(20)}`;
  const peer = await reached(() => HandAgent.silent(socket, { secret, container }));
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

async function http(chance: Chance, { http: address }: Target): Promise<void> {
  const [name = "", port = ""] = address.split(":");
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
  const path = chance.one([place.control, `${place.control}.team`, `${place.control}.other`]);
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

function tenants(chance: Chance, { place, pid }: Target): void {
  const text = Buffer.from(TENANTS);
  writeFileSync(place.tenants, chance.below(2) === 0 ? text : chance.spoilt(text));
  process.kill(pid, "SIGHUP");
}

async function reached(open: () => Promise<HandAgent>): Promise<HandAgent | null> {
  return open().catch(() => null);
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const orders = JSON.parse(process.argv[2] ?? "") as Orders;
const target: Target = { ...orders, deadline: performance.now() + orders.ms, done: {}, peers: [] };
await Promise.all(
  ATTACKERS.map(({ name, attack, pause }, index) =>
    keepOn(name, attack, pause, new Chance(orders.seed * 31 + index), target),
  ),
);
process.send?.(target.done, () => process.exit());
