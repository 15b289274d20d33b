// SPDX-License-Identifier: Apache-2.0
//
// What an event costs each meter, if it is the meter's own and if it is another protocol's, and what it costs
// all meters of the pack together. Streams are 64 connections of one protocol that talk by turns.
import { join } from "node:path";
import { typesIn } from "../../host/engine/feed.js";
import { PolicyRunner } from "../../host/engine/runner.js";
import { METERS } from "../../host/paths.js";
import { openBundle } from "../../host/policy/bundle.js";
import { PolicyCompiler } from "../../host/policy/compile.js";
import { loadPolicy } from "../../host/policy/load.js";
import { ShortEvents } from "../../host/policy/short-event.js";
import { type Batch, openBatch } from "../../host/wire/batch.js";
import { DescriptorFlag } from "../../host/wire/layout.js";
import { answer as dnsAnswer, query as dnsQuery } from "../../test/meters/dns-messages.js";
import { answer as kafkaAnswer, request as kafkaRequest } from "../../test/meters/kafka-messages.js";
import { op } from "../../test/meters/mongodb-messages.js";
import { GREETING, login, ok, packet, query } from "../../test/meters/mysql-packets.js";
import { data } from "../../test/meters/tls-messages.js";
import { cpuMs } from "./cpu.js";

const CONNECTIONS = 64;
const TURNS = 16;
const ROUND_MS = 60;

type Written = Readonly<Record<string, unknown>>;

/** Who speaks, by which calls, and what is said. */
interface Conversation {
  /** Its meters; with none it is foreign to all. */
  readonly meters: readonly string[];
  readonly exepath: string;
  readonly isClient?: boolean;
  readonly isUdp?: boolean;
  readonly opening?: readonly (readonly [">" | "<", string])[];
  /** What is asked, and what is answered, in a connection's turn of this number. */
  readonly turn: (number: number) => readonly [string, string];
}

const http = (path: string): readonly [string, string] => [
  `GET ${path} HTTP/1.1\r\nHost: shop.example.com\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\n\r\n`,
  "HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
];
const words = (...all: string[]): string =>
  `*${all.length}\r\n${all.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;
const u32 = (value: number): string =>
  String.fromCharCode(value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255);
const tagged = (tag: string, body = ""): string => `${tag}${u32(body.length + 4)}${body}`;
const READY = tagged("Z", "I");

/** By name. */
export const CONVERSATIONS: Readonly<Record<string, Conversation>> = {
  "http server": { meters: ["http-server"], exepath: "/usr/sbin/nginx", turn: (i) => http(`/users/${i}`) },
  "http client": {
    meters: ["http-client"],
    exepath: "/usr/bin/curl",
    isClient: true,
    turn: (i) => http(`/users/${i}`),
  },
  redis: {
    meters: ["redis"],
    exepath: "/usr/bin/redis-server",
    turn: (i) =>
      i % 2 === 0 ? [words("SET", "key:12", "value"), "+OK\r\n"] : [words("GET", "key:12"), "$5\r\nvalue\r\n"],
  },
  postgresql: {
    meters: ["postgresql"],
    exepath: "/usr/lib/postgresql/17/bin/postgres",
    opening: [
      [">", `${u32(8 + 15)}${u32(0x00030000)}user\0postgres\0\0`],
      ["<", tagged("R", u32(0)) + tagged("S", "a\0b\0") + tagged("K", u32(1) + u32(2)) + READY],
    ],
    turn: () => [
      tagged("Q", "SELECT abalance FROM pgbench_accounts WHERE aid = 4711;\0"),
      tagged("T", "\0\0") + tagged("D", `\0\x01${u32(1)}7`) + tagged("C", "SELECT 1\0") + READY,
    ],
  },
  mysql: {
    meters: ["mysql"],
    exepath: "/usr/sbin/mariadbd",
    opening: [
      ["<", GREETING],
      [">", login()],
      ["<", packet(2, ok())],
    ],
    turn: () => [query("UPDATE sbtest1 SET k = k + 1 WHERE id = 4711"), packet(1, ok())],
  },
  mongodb: {
    meters: ["mongodb"],
    exepath: "/usr/bin/mongod",
    turn: (i) => [op(i + 1, { find: "orders", filter: { a: 1 }, $db: "shop" }), op(i + 5000, { n: 1, ok: 1 }, i + 1)],
  },
  kafka: {
    meters: ["kafka"],
    exepath: "/opt/kafka/broker",
    turn: (i) => [kafkaRequest(12, 3, i + 1), kafkaAnswer(i + 1, `${u32(0)}\0\0`)],
  },
  dns: {
    meters: ["dns"],
    exepath: "/usr/sbin/dnsmasq",
    isUdp: true,
    turn: (i) => [dnsQuery(i + 1, "api.example.com"), dnsAnswer(i + 1, "api.example.com")],
  },
  tls: { meters: [], exepath: "/usr/sbin/stunnel4", turn: () => [data(200), data(900)] },
  "other bytes": { meters: [], exepath: "/usr/bin/rsync", turn: (i) => [`\x01\x02${i}`.repeat(20), "\x03".repeat(64)] },
};

/** With the types of its events, which the host has from its agent. */
interface OpenedBatch {
  readonly batch: Batch;
  readonly types: Uint32Array;
}

function opened(events: ShortEvents): OpenedBatch {
  const batch = openBatch(events.bytes());
  return { batch, types: typesIn(batch) };
}

/** A stream: connections that begin, and what they say then, again and again. */
export interface Stream {
  readonly begin: readonly OpenedBatch[];
  readonly talk: readonly OpenedBatch[];
  readonly events: number;
}

/** Batches of conversations, all at the same time. */
export function streamOf(conversations: readonly Conversation[], connections = CONNECTIONS): Stream {
  const begin = new ShortEvents();
  conversations.forEach((one, kind) => {
    for (let c = 0; c < connections; c++) {
      const to = partyOf(one, kind, c);
      if (one.isUdp !== true)
        begin.add(one.isClient === true ? "connect" : "accept4", { ...to, res: one.isClient === true ? 0 : 5 });
      for (const [way, text] of one.opening ?? []) begin.add(callOf(one, way), bytes(to, text));
    }
  });
  const talk = new ShortEvents();
  let events = 0;
  for (let turn = 0; turn < TURNS; turn++)
    conversations.forEach((one, kind) => {
      for (const i of [0, 1])
        for (let c = 0; c < connections; c++) {
          talk.add(callOf(one, i === 0 ? ">" : "<"), bytes(partyOf(one, kind, c), one.turn(turn)[i] as string));
          events++;
        }
    });
  return { begin: [opened(begin)], talk: [opened(talk)], events };
}

const callOf = (one: Conversation, way: ">" | "<"): string => {
  if (one.isUdp === true) return way === ">" ? "recvfrom" : "sendto";
  return (way === ">") !== (one.isClient === true) ? "recvfrom" : "sendto";
};

function partyOf({ exepath, isClient = false, isUdp = false }: Conversation, kind: number, c: number): Written {
  const name = exepath.slice(exepath.lastIndexOf("/") + 1);
  const ino = 1000 * (kind + 1) + c;
  const proc = { name, exepath, pid: 100 + kind };
  const flags = DescriptorFlag.connected | (isClient ? 0 : DescriptorFlag.server);
  if (isUdp) return { proc, fd: { type: "4", l4proto: 17, ino, flags: 0, sip: "192.0.2.53", sport: 53 } };
  return { proc, fd: { type: "4", ino, flags, sip: "192.0.2.1", sport: 80 } };
}

const bytes = (to: Written, text: string): Written => ({ ...to, data: Buffer.from(text, "latin1"), res: text.length });

/** A meter, and what of it is asked. */
export interface Side {
  readonly name: string;
  readonly runners: readonly PolicyRunner[];
  readonly stream: Stream;
}

/** One side's ns of processor time an event, in the quickest of many rounds; sides take turns. */
export function timeSides(sides: readonly Side[], rounds: number): Map<string, number> {
  const best = new Map<string, number>();
  for (const { runners, stream } of sides) judge(runners, stream.begin);
  for (let round = 0; round < rounds + 1; round++)
    for (const { name, runners, stream } of sides) {
      const begun = cpuMs();
      let passes = 0;
      while (cpuMs() - begun < ROUND_MS) {
        judge(runners, stream.talk);
        passes++;
      }
      const ns = ((cpuMs() - begun) * 1e6) / (passes * stream.events);
      for (const runner of runners) runner.takeMeasured();
      if (round > 0) best.set(name, Math.min(best.get(name) ?? Number.POSITIVE_INFINITY, ns)); // the first one warms
    }
  return best;
}

function judge(runners: readonly PolicyRunner[], batches: readonly OpenedBatch[]): void {
  for (const { batch, types } of batches) {
    for (const runner of runners)
      if (runner.wants(types)) {
        const { faults } = runner.judge(batch, types);
        if (faults.length > 0) throw new Error(`${runner.policy.name}: ${JSON.stringify(faults[0])}`);
      }
  }
}

/** Of `names`, each with an instance of its own each time it is asked for. */
export async function loadMeters(names: readonly string[]): Promise<(name: string) => PolicyRunner> {
  const compiler = new PolicyCompiler();
  try {
    const loaded = new Map<string, Awaited<ReturnType<typeof loadPolicy>>>();
    for (const name of names) loaded.set(name, await loadPolicy(openBundle(join(METERS, name)), { compiler }));
    return (name) => new PolicyRunner(loaded.get(name) as Awaited<ReturnType<typeof loadPolicy>>);
  } finally {
    compiler.close();
  }
}
