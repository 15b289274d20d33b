// SPDX-License-Identifier: Apache-2.0
// What agents send is on the bus, or in a file, or counted as lost: to the event, whatever becomes of the bus
// and of the host meanwhile. With Debian's nats-server.
// Time limit: 300 s.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { DiscardPolicy } from "@nats-io/jetstream";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Feed } from "../../../host/engine/feed.js";
import { VedetteError } from "../../../host/errors.js";
import { decodeBlock, type ForwardedBatch, MESSAGE_BYTES_MAX } from "../../../host/fleet/block.js";
import { type Bus, BusFailure } from "../../../host/fleet/bus.js";
import { Forwarder, type ForwarderOptions } from "../../../host/fleet/forwarder.js";
import { NatsBus } from "../../../host/fleet/nats-bus.js";
import { placeOfBlocks } from "../../../host/fleet/subject.js";
import type { Intake, TakeBatch } from "../../../host/intake/intake.js";
import { Taps } from "../../../host/intake/tap.js";
import { readRecording } from "../../../host/recording/recording.js";
import { type Batch, openBatch } from "../../../host/wire/batch.js";
import { EVENT_OF_NAME } from "../../../host/wire/layout.js";
import { run, scratch } from "../../e2e/programs.js";
import { nonesuch, serve } from "../../e2e/serving.js";
import { until } from "../../until.js";
import { liar } from "../output/lying-server.js";
import { missing, NatsServer } from "../output/nats-server.js";
import { BatchBuilder } from "../wire/builder.js";

if (missing !== null) throw new Error(`it needs ${missing}`);

const NEVER = new AbortController().signal;
const PLACE = placeOfBlocks("t", "task", 1);
const EXECVE = EVENT_OF_NAME.get("execve")!.id;
const STREAM = 5;
/** Each is its site's; all are closed at the end. */
const buses: NatsBus[] = [];
test.after(async () => {
  for (const bus of buses) await bus.close();
});

/** A batch of opens; `guarded`: an execve too. */
function batchOf(
  seq: number,
  first: number,
  count: number,
  { guarded = false, source = 7, isNoise = false, lost = [] as readonly number[] } = {},
): Batch {
  const name = Buffer.alloc(16, source & 255);
  name.writeUInt32LE(source, 12);
  const builder = new BatchBuilder({ source: name, seq, first, clock: BigInt(seq), lost });
  const process = builder.process({ pid: 7, name: "cat" });
  for (let i = guarded ? 1 : 0; i < count; i++)
    builder.record("openat", {
      process,
      result: i,
      params: { dirfd: -100, name: isNoise ? noise() : `/x${i}`, flags: 0 },
    });
  if (guarded) builder.record("execve", { process, result: 0, params: { filename: "/bin/id", argv: ["id"] } });
  return openBatch(builder.bytes());
}

/** What packing makes no smaller than a half. */
const noise = (): string => randomBytes(2_000).toString("hex");

/** A forwarder at a ring of its own. */
class Site {
  readonly feed = new Feed(4 << 20);
  readonly forwarder: Forwarder;
  readonly said: string[] = [];
  /** Agents have left, and nobody knows them any more. */
  areGone = false;
  readonly #taps = new Taps(this.feed.ring);
  #isKept: (stream: number, seq: number) => boolean = () => false;

  constructor(url: string, more: Partial<ForwarderOptions> = {}, creds: { user?: string; password?: string } = {}) {
    const intake = {
      tap: (take: TakeBatch) => this.#taps.open(take),
      keepBy: (isKept: (stream: number, seq: number) => boolean) => {
        this.#isKept = isKept;
      },
      peer: (number: number) => (this.areGone ? null : { number, name: "web", hostname: "h", facts: null }),
    };
    const bus = new NatsBus({ url, ...creds }, { answerMs: 1_000 });
    buses.push(bus);
    this.forwarder = new Forwarder(
      {
        ...{ bus, place: PLACE, tenant: "t", task: "task" },
        ...{ wanted: null, say: (line) => this.said.push(line), onFault: (error) => this.said.push(String(error)) },
        ...more,
      },
      intake as unknown as Intake,
    );
  }

  /** Something stands in the ring. */
  wake(): void {
    this.#taps.onWake();
  }

  async give(batch: Batch, stream = STREAM): Promise<void> {
    await until("there is room in the ring", () => {
      const isIn = this.feed.offer(batch, stream);
      this.#taps.onWake();
      return isIn;
    });
  }

  isKept(seq: number, stream = STREAM): boolean {
    return this.#isKept(stream, seq);
  }

  async kept(seq: number): Promise<void> {
    await until(`batch ${seq} is kept`, () => this.isKept(seq), { tell: () => this.said.join("; ") });
  }
}

async function all(url: string, stream = "VB_0"): Promise<ForwardedBatch[]> {
  const bus = new NatsBus({ url });
  const got: ForwardedBatch[] = [];
  try {
    for await (const { body } of bus.read(stream, { from: 1, isOnce: true, signal: NEVER })) {
      got.push(...decodeBlock(body).batches);
    }
  } finally {
    await bus.close();
  }
  return got;
}

const seqs = (batches: readonly ForwardedBatch[]): number[] => batches.map(({ batch }) => batch.seq);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);
const onServer = (work: (nats: NatsServer) => Promise<void>) => async () => {
  const nats = await NatsServer.start("max_payload: 2MB\n");
  try {
    await work(nats);
  } finally {
    await nats.end();
  }
};

test(
  "100,000 events at once are on the bus in their order, and only then may their agent forget them",
  onServer(async (nats) => {
    const site = new Site(nats.url);
    for (let seq = 1; seq <= 100; seq++) await site.give(batchOf(seq, (seq - 1) * 1_000, 1_000));
    await site.kept(100);
    const got = await all(nats.url);
    assert.equal(seqs(got), upTo(100));
    assert.is(
      got.reduce((sum, { count }) => sum + count, 0),
      100_000,
    );
    const { lost, events, waiting } = site.forwarder.stats();
    assert.equal([lost, events, waiting], [{ full: 0, damaged: 0, ended: 0 }, 100_000, 0]);
    await site.forwarder.close();
  }),
);

test(
  "of what --forward types= leaves out, the numbers say how much it was",
  onServer(async (nats) => {
    const site = new Site(nats.url, { wanted: new Set([EXECVE]) });
    await site.give(batchOf(1, 0, 10, { guarded: true }));
    await site.give(batchOf(2, 10, 5));
    await site.kept(2);
    const [one, two] = await all(nats.url);
    assert.equal([one!.count, one!.numbers, two!.count, two!.numbers], [10, [9], 5, []]);
    assert.equal([site.forwarder.stats().events, site.forwarder.stats().leftOut], [1, 14]);
    await site.forwarder.close();
  }),
);

test(
  "a bus that is killed under load and comes back costs no event",
  onServer(async (nats) => {
    const site = new Site(nats.url, { spool: { folder: join(scratch(), "s"), bytes: 64 << 20 } });
    for (let seq = 1; seq <= 150; seq++) {
      await site.give(batchOf(seq, seq * 100, 100));
      if (seq === 50) {
        await site.kept(1);
        await nats.kill();
      }
      if (seq === 100) {
        await site.kept(100); // in files
        assert.ok(site.forwarder.stats().problem !== null);
        assert.ok(site.forwarder.stats().spoolBytes > 0);
        await nats.resume();
      }
    }
    await site.kept(150);
    await site.forwarder.finish(60_000);
    assert.equal([...new Set(seqs(await all(nats.url)))], upTo(150));
    const { lost, problem, spoolBytes } = site.forwarder.stats();
    assert.equal([lost.full + lost.damaged + lost.ended, problem, spoolBytes], [0, null, 0]);
    await site.forwarder.close();
  }),
);

test(
  "a bus that says nothing holds no agent up: blocks go to files, and on when it is awake",
  onServer(async (nats) => {
    const site = new Site(nats.url, { spool: { folder: join(scratch(), "s"), bytes: 64 << 20 } });
    await site.give(batchOf(1, 0, 10));
    await site.kept(1);
    await nats.freeze();
    await site.give(batchOf(2, 10, 10));
    await site.kept(2);
    assert.is(site.forwarder.stats().spoolBytes, 4096);
    nats.signal("SIGCONT");
    await site.forwarder.finish(60_000);
    assert.equal([...new Set(seqs(await all(nats.url)))], [1, 2]);
    await site.forwarder.close();
  }),
);

test(
  "what a host leaves in its spool, the next one sends first, in its order",
  onServer(async (nats) => {
    const spool = { folder: join(scratch(), "s"), bytes: 64 << 20 };
    await nats.kill(); // it is away from the start
    const before = new Site(nats.url, { spool });
    for (let seq = 1; seq <= 3; seq++) {
      await before.give(batchOf(seq, seq * 10, 10));
      await before.kept(seq);
    }
    await before.forwarder.close();
    const files = readdirSync(spool.folder).filter((name) => name.endsWith(".vdrec"));
    assert.is(files.length, 3);
    const [entry] = [...readRecording(join(spool.folder, files[0]!))].filter(({ kind }) => kind === "batch");
    assert.ok(entry !== undefined, "a file of the spool is a recording");
    await nats.resume();
    const after = new Site(nats.url, { spool });
    await after.give(batchOf(4, 40, 10));
    await after.kept(4);
    await after.forwarder.finish(60_000);
    assert.equal(seqs(await all(nats.url)), [1, 2, 3, 4]);
    await after.forwarder.close();
  }),
);

test("H69: a flood that fills the spool pushes out its own blocks, not those with guarded events; each is counted", async () => {
  const folder = join(scratch(), "s");
  const site = new Site("nats://127.0.0.1:1", { spool: { folder, bytes: 40_960 } }); // ten files of a page
  let [seq, first, given] = [0, 0, 0];
  const give = async (guarded: boolean): Promise<void> => {
    await site.give(batchOf(++seq, first, 7, { guarded }));
    first += 7;
    given += 7;
    await site.kept(seq);
  };
  site.forwarder.hurry();
  for (let i = 0; i < 4; i++) await give(true);
  for (let i = 0; i < 30; i++) await give(false);
  // One that is given up while it is on its way is counted when the bus has not taken it.
  const counted = () => until("each is counted", () => site.forwarder.stats().lost.full === given - 70);
  await counted();
  assert.is(site.forwarder.stats().spoolBytes, 40_960);
  const names = readdirSync(folder).filter((name) => name.endsWith(".vdrec"));
  assert.is(names.filter((name) => name.includes("-g-")).length, 4);
  for (let i = 0; i < 12; i++) await give(true); // none but guarded ones are left: then the oldest goes
  await counted();
  assert.ok(readdirSync(folder).every((name) => !name.includes("-p-")));
  await site.forwarder.close();
});

test(
  "H68: what is no block of this task in the spool is not sent, is counted, and stops nothing",
  onServer(async (nats) => {
    const spool = { folder: join(scratch(), "s"), bytes: 64 << 20 };
    const before = new Site("nats://127.0.0.1:1", { spool });
    before.forwarder.hurry();
    await before.give(batchOf(1, 0, 10));
    await before.kept(1);
    await before.forwarder.close();
    const [name = ""] = readdirSync(spool.folder).filter((one) => one.endsWith(".vdrec"));
    const good = readFileSync(join(spool.folder, name));
    const source = `${"07".repeat(13)}000000`;
    const put = (turn: number, bytes: Uint8Array, of = source): void =>
      writeFileSync(join(spool.folder, `${String(turn).padStart(12, "0")}-${of}-p-3.vdrec`), bytes);
    put(900, Buffer.from("rubbish"));
    put(901, good.subarray(0, good.length - 40));
    put(902, Buffer.alloc(20 << 20));
    put(903, good, "ab".repeat(16)); // of another source than its name says
    writeFileSync(join(spool.folder, "000000000904-x-g-1.vdrec"), "x");
    writeFileSync(join(spool.folder, "half.vdrec.new"), "x");
    const after = new Site(nats.url, { spool });
    await after.forwarder.finish(60_000);
    assert.equal(seqs(await all(nats.url)), [1]);
    assert.is(after.forwarder.stats().lost.damaged, 12);
    await after.forwarder.close();
    const other = new Site("nats://127.0.0.1:1", { spool });
    other.forwarder.hurry();
    await other.give(batchOf(2, 10, 10));
    await other.kept(2);
    await other.forwarder.close();
    const moved = new Site(nats.url, { spool, task: "another" });
    await moved.forwarder.finish(60_000);
    assert.is(moved.forwarder.stats().lost.damaged, 10, "a file of another task is not sent in this one's name");
    await moved.forwarder.close();
  }),
);

test("a server that takes smaller messages than a block may need is told at the start, and nothing is lost by it", async () => {
  const nats = await NatsServer.start(); // its max_payload is 1 MiB
  try {
    const site = new Site(nats.url, { spool: { folder: join(scratch(), "s"), bytes: 64 << 20 } });
    await until("it is told", () => site.said.length > 0);
    assert.match(site.said[0]!, /takes messages of 1048064 bytes, and a block may need 1114112/);
    assert.match(site.forwarder.stats().problem ?? "", /takes messages of 1048064 bytes/);
    await site.give(batchOf(1, 0, 10));
    await site.kept(1); // in a file
    assert.ok(site.forwarder.stats().spoolBytes > 0);
    assert.is(site.said.length, 1, "it is told once");
    await nats.end();
    await site.forwarder.close();
    assert.is(new VedetteError("VEDETTE_BUS_PAYLOAD", { most: 1, least: 2 }).exit, 1);
  } finally {
    await nats.end();
  }
});

test("a bus that is well again is told, also where nothing waits for it", async () => {
  const nats = await NatsServer.start("max_payload: 1MB\n");
  try {
    const site = new Site(nats.url);
    await until("it is told", () => site.forwarder.stats().problem !== null);
    await nats.kill();
    await nats.resume("max_payload: 2MB\n");
    await until("it is well", () => site.forwarder.stats().problem === null);
    assert.is(site.said.at(-1), "the bus takes blocks again");
    await site.forwarder.close();
  } finally {
    await nats.end();
  }
});

/** A bus on which a message is taken at once, or never answered. */
function stubBus(isFrozen: boolean): Bus {
  let seq = 0;
  return {
    publish: (_subject, _body, signal) =>
      isFrozen
        ? once(signal, "abort").then(() => Promise.reject(new BusFailure("away", "it ends")))
        : Promise.resolve(++seq),
    edges: async () => null,
    largest: () => Promise.resolve(MESSAGE_BYTES_MAX),
    ensure: () => Promise.resolve(),
    read: () => assert.unreachable() as never,
    close: () => Promise.resolve(),
  };
}

test("what agents would have to keep for a bus that does not answer goes to files by its size, before its age", async () => {
  const spool = { folder: join(scratch(), "s"), bytes: 64 << 20 };
  const site = new Site("", { spool, bus: stubBus(true) });
  let size = 0;
  // In one turn of the loop: no timer can have moved a block to a file.
  for (let seq = 1; size < 4 << 20; seq++) {
    const batch = batchOf(seq, seq * 1_000, 1_000);
    size += batch.bytes.length;
    assert.ok(site.feed.offer(batch, STREAM));
    site.wake();
  }
  assert.ok(site.isKept(1), "the first of 4 MiB is in a file");
  assert.ok(site.forwarder.stats().spoolBytes > 0);
  assert.is(site.forwarder.stats().problem, null);
  await site.forwarder.close();
});

test("the last word of an agent is sealed when its workload ends, and what comes behind it, too", async () => {
  const site = new Site("", { bus: stubBus(false) });
  assert.ok(site.feed.offer(batchOf(1, 0, 10), STREAM)); // still in the ring
  site.forwarder.ending(STREAM);
  assert.is(site.forwarder.stats().waiting, 1);
  assert.ok(site.feed.offer(batchOf(2, 10, 10), STREAM));
  site.wake();
  assert.is(site.forwarder.stats().waiting, 2);
  site.forwarder.ending(99); // of an agent that sent nothing
  await site.kept(2);
  await site.forwarder.close();
});

test("an agent that is connected hears what is kept, however many others came and went", async () => {
  const site = new Site("", { bus: stubBus(false) });
  const sources = 1_200;
  for (let source = 1; source <= sources; source++) {
    await site.give(batchOf(1, 0, 1, { source }), source);
    site.forwarder.ending(source);
  }
  await until("all are on the bus", () => site.forwarder.stats().waiting === 0);
  for (let source = 1; source <= sources; source++) assert.ok(site.isKept(1, source), String(source));
  site.areGone = true;
  for (let source = sources + 1; source <= 2 * sources; source++) {
    await site.give(batchOf(1, 0, 1, { source }), source);
    site.forwarder.ending(source);
  }
  await until("all are on the bus", () => site.forwarder.stats().waiting === 0);
  assert.not(site.isKept(1, 1), "who is gone is forgotten");
  await site.forwarder.close();
});

test(
  "a stream that is full takes nothing and loses nothing; what an agent lost is in the sum",
  onServer(async (nats) => {
    await nats.stream("VB_0", [...PLACE.subjects], { max_msgs: 1, discard: DiscardPolicy.New });
    const spool = { folder: join(scratch(), "s"), bytes: 64 << 20 };
    const site = new Site(nats.url, { spool });
    await site.give(batchOf(1, 0, 10));
    await site.kept(1);
    // The agent has lost the events from 10 on; 8 of them in its spool, and 2 in its rings.
    await site.give(batchOf(2, 20, 10, { lost: [8, 2] }));
    await until("the stream is full", () => site.forwarder.stats().problem !== null);
    assert.match(site.forwarder.stats().problem ?? "", /maximum messages exceeded/);
    await site.kept(2); // in a file
    await nats.removeStream("VB_0"); // and another is made
    await site.forwarder.finish(60_000);
    const [last] = await all(nats.url);
    const { lost, events, leftOut } = site.forwarder.stats();
    assert.is(
      last!.batch.first + last!.count,
      events + leftOut + lost.full + lost.damaged + lost.ended + last!.batch.lost.reduce((sum, one) => sum + one, 0),
    );
    assert.is(events, 20);
    await site.forwarder.close();
  }),
);

test("H77: a bus that answers nonsense, closes at each message, or never ends a message frees no agent of its events", async () => {
  const answered = (answer: string) => (reply: string, socket: Socket) =>
    socket.write(`MSG ${reply} 1 ${answer.length}\r\n${answer}\r\n`);
  const manners: [reason: RegExp, manner: (reply: string, socket: Socket) => void][] = [
    [/without the message's number/, answered('{"stream":"VB_0","seq":0}')],
    [/./, answered("{}")],
    [/./, answered("[".repeat(100_000))],
    [/./, answered('{"stream":7,"seq":"9"}')],
    [
      /x{1,200}$/,
      answered(`{"error":{"code":400,"err_code":1,"description":"\\u001b[2J\\u202e${"x".repeat(90_000)}"}}`),
    ],
    [/closed/i, (_, socket) => socket.destroy()],
    [/./, (reply, socket) => socket.write(`MSG ${reply} 1 1000000000\r\n${"x".repeat(1 << 20)}`)],
    [/./, (_, socket) => socket.write(`MSG ${"y".repeat(1 << 20)}`)],
    [/./, (_, socket) => socket.write("-ERR 'Go Away'\r\n")],
  ];
  for (const [at, [reason, manner]] of manners.entries()) {
    const server = await liar({ max_payload: 2 << 20 }, (line, socket) => {
      const [, reply] = /^H?PUB \S+ (\S+) /.exec(line) ?? [];
      if (reply !== undefined) manner(reply, socket);
    });
    const site = new Site(server.url);
    await site.give(batchOf(1, 0, 10));
    await until(`manner ${at} is told`, () => site.forwarder.stats().problem !== null, {
      tell: () => site.said.join(),
    });
    const { problem, events, waiting } = site.forwarder.stats();
    assert.match(problem ?? "", reason, String(at));
    assert.ok((problem ?? "").length < 300);
    assert.not.match(problem ?? "", /[\x1b\u202e]/);
    assert.equal([events, waiting, site.isKept(1)], [0, 1, false], String(at));
    await site.forwarder.close();
    assert.is(site.forwarder.stats().lost.ended, 10);
    await server.close();
  }
});

test("a host that ends while the bus is away says what it waits for, and what stays", async () => {
  const folder = scratch();
  const bus = ["--bus", "nats://127.0.0.1:1", "--forward", "all", "--drain", "1"];
  const options = ["--policy", "pack", ...bus, "--alerts", join(folder, "alerts")];
  const host = await serve(folder, options);
  const watched = host.watches(nonesuch(5)).catch(() => undefined); // its agent gives up when the host is gone
  await until("events came", async () => /vedette_events_total.* [1-9]/.test((await host.page("/metrics")).text));
  await host.says("the bus takes nothing");
  await host.end();
  assert.match(host.said(), /\d+ blocks? still to be sent, and the bus takes nothing/);
  assert.match(host.said(), /\d+ events were not forwarded: the bus takes nothing/);
  await watched;
  const spooled = await serve(folder, [...options, "--forward-spool", join(folder, "s")]);
  await spooled.watches(nonesuch(5));
  await spooled.end();
  assert.match(spooled.said(), /\d+ blocks? left in the spool for the next start/);
});

test(
  "findings wait in the spool, too, where there is one, and come to the bus after a restart",
  onServer(async (nats) => {
    const folder = scratch();
    await nats.kill();
    const words = ["--bus", nats.url, "--forward-spool", join(folder, "s"), "--drain", "1"];
    const options = ["--policy", "pack", ...words, "--alerts", join(folder, "alerts")];
    const first = await serve(folder, options);
    await first.watches("cat /etc/shadow >/dev/null");
    await until("a finding waits", async () =>
      /vedette_output_queued[^\n]*bus[^\n]* [1-9]/.test((await first.page("/metrics")).text),
    );
    first.child.kill("SIGKILL");
    await first.ended;
    await nats.resume();
    await nats.stream("VA", ["vd.a.*.*"]);
    const second = await serve(folder, options);
    await until("it is on the bus", async () => (await nats.count("VA")) > 0);
    await second.end();
  }),
);

test("another bus in vedette.yaml is told to be taken at the next start", async () => {
  const folder = scratch();
  const file = join(folder, "vedette.yaml");
  const configured = (port: number): void =>
    writeFileSync(file, `bus: nats://127.0.0.1:${port}\nforward: all\npolicies: [pack]\nalerts: ${folder}/alerts\n`);
  configured(1);
  const host = await serve(folder, ["--config", file, "--drain", "1"]);
  configured(2);
  host.hangUp();
  await host.says("changed, and taken at the next start: bus");
  assert.not.match((await host.page("/api/v1/health")).text, /127\.0\.0\.1:2/);
  await host.end();
});

test("without a folder, what does not fit in memory is counted, and agents go on", async () => {
  const site = new Site("nats://127.0.0.1:1");
  let given = 0;
  for (let seq = 1; site.forwarder.stats().lost.full === 0 && seq < 200; seq++) {
    await site.give(batchOf(seq, given, 100, { isNoise: true }));
    given += 100;
  }
  await site.forwarder.close();
  const { lost, events } = site.forwarder.stats();
  assert.ok(lost.full > 0);
  assert.is(events + lost.full + lost.ended, given);
});

test("H67: a task's credentials publish on its own subject alone, and a refusal loses nothing", async () => {
  const permissions = `{publish: ["${PLACE.subject}"], subscribe: ["_INBOX.>"]}`;
  const other = `{publish: ["vd.b.t.0.other"], subscribe: ["_INBOX.>"]}`;
  const users = [
    `{user: admin, password: p}`,
    `{user: task, password: p, permissions: ${permissions}}`,
    `{user: other, password: p, permissions: ${other}}`,
  ];
  const nats = await NatsServer.start(`max_payload: 2MB\nauthorization: {users: [${users.join(", ")}]}\n`, {
    user: "admin",
    pass: "p",
  });
  try {
    await nats.stream("VB_0", [...PLACE.subjects]);
    for (const creds of [
      { user: "other", password: "p" },
      { user: "task", password: "wrong" },
    ]) {
      const site = new Site(nats.url, {}, creds);
      await site.give(batchOf(1, 0, 10));
      await until("the refusal is told", () => site.forwarder.stats().problem !== null);
      assert.not(site.isKept(1));
      assert.is(await nats.count("VB_0"), 0);
      await site.forwarder.close();
      assert.is(site.forwarder.stats().lost.ended, 10);
    }
    const site = new Site(nats.url, {}, { user: "task", password: "p" });
    await site.give(batchOf(1, 0, 10));
    await site.kept(1);
    assert.is(await nats.count("VB_0"), 1);
    await site.forwarder.close();
  } finally {
    await nats.end();
  }
});

test(
  "a host that is killed with blocks in its spool loses nothing, and its agent's events are all on the bus",
  onServer(async (nats) => {
    const folder = scratch();
    await nats.kill();
    const words = ["--bus", nats.url, "--forward", "all", "--forward-spool", join(folder, "s"), "--partitions", "1"];
    const options = ["--policy", "pack", ...words, "--alerts", join(folder, "alerts")];
    const first = await serve(folder, options);
    await first.watches(nonesuch(20));
    await until("the bus is told to be away", async () =>
      (await first.page("/healthz")).text.includes("the bus takes"),
    );
    assert.is((await first.page("/healthz")).code, 200);
    assert.is((await first.page("/api/v1/health")).code, 503);
    assert.match((await first.page("/metrics")).text, /vedette_forward_spool_bytes [1-9]/);
    first.child.kill("SIGKILL");
    await first.ended;
    await nats.resume();
    const second = await serve(folder, options);
    await second.watches(nonesuch(5));
    assert.is((await second.end()).status, 0);
    const got = await all(nats.url);
    const sourceOf = ({ batch }: ForwardedBatch): string => Buffer.from(batch.source).toString("hex");
    const sources = new Set(got.map(sourceOf));
    assert.is(sources.size, 2);
    for (const source of sources) {
      const batches = got.filter((one) => sourceOf(one) === source);
      let next = batches[0]!.batch.first;
      const known = new Set<number>();
      for (const { batch, count } of batches) {
        if (known.has(batch.seq)) continue;
        known.add(batch.seq);
        assert.is(batch.first, next, "no event is missing");
        next += count;
      }
      assert.equal([...known], upTo(known.size));
    }
    assert.is(readdirSync(join(folder, "s")).filter((name) => name.endsWith(".vdrec")).length, 0);
  }),
);

test("what --bus and --forward are told wrongly is told before anything is opened", async () => {
  const { VEDETTE } = await import("../../e2e/programs.js");
  for (const [words, what] of [
    [["--forward", "all"], /--forward needs --bus/],
    [["--bus", "http://x"], /--bus must be nats:/],
    [["--bus", "nats://x", "--forward", "types=nothing"], /no event of type "nothing"/],
    [["--bus", "nats://x", "--partitions", "0"], /from 1 to 4096/],
  ] as const) {
    const { status, stderr } = await run([...VEDETTE, "serve", ...words]);
    assert.is(status, 2, stderr);
    assert.match(stderr, what);
  }
});

test.run();
