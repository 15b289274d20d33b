// SPDX-License-Identifier: Apache-2.0
// What each bus must do (host/fleet/bus.ts). A test of its own gives a bus to busContract().
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Bus, BusFailure, type BusMessage, type StreamForm } from "../../../host/fleet/bus.js";

const NEVER = new AbortController().signal;
const HOUR_MS = 3_600_000;

/** A server for the suite. `open`: another client of it. */
export interface BusServer {
  readonly open: (answerMs?: number) => Bus;
  readonly kill: () => Promise<void>;
  readonly resume: () => Promise<void>;
  readonly freeze: () => Promise<void>;
  readonly thaw: () => void;
}

/** Adds its tests. `server` is asked when they run. */
export function busContract(name: string, server: () => BusServer): void {
  const titled = (title: string, work: (bus: Bus) => Promise<void>): void => {
    test(`${name}: ${title}`, async () => {
      const bus = server().open();
      try {
        await work(bus);
      } finally {
        await bus.close();
      }
    });
  };

  titled("a stream numbers what it is given, from 1, and gives it back in that order", async (bus) => {
    await bus.ensure(form("C1"), NEVER);
    await bus.ensure(form("C1"), NEVER); // it is there
    const seqs: number[] = [];
    for (const text of ["a", "b", "c"]) seqs.push(await bus.publish("vd.C1.x", Buffer.from(text), NEVER));
    assert.equal(seqs, [1, 2, 3]);
    assert.equal(texts(await all(bus, "C1", 1)), ["a", "b", "c"]);
    assert.equal(texts(await all(bus, "C1", 3)), ["c"]);
    assert.equal(await all(bus, "C1", 4), []);
    const [first] = await all(bus, "C1", 1);
    assert.ok(Math.abs(Date.now() - first!.time) < 60_000);
    assert.is(first!.subject, "vd.C1.x");
    assert.equal(
      (await all(bus, "C1", 1)).map(({ pending }) => pending),
      [2, 1, 0],
    );
  });

  titled("two messages of the same bytes are two", async (bus) => {
    await bus.ensure(form("C2"), NEVER);
    for (let i = 0; i < 2; i++) await bus.publish("vd.C2.x", Buffer.from("same"), NEVER);
    assert.equal(texts(await all(bus, "C2", 1)), ["same", "same"]);
  });

  titled("a stream that is full drops its oldest, and says by the numbers that it did", async (bus) => {
    await bus.ensure({ ...form("C3"), maxMessages: 2 }, NEVER);
    for (let i = 0; i < 5; i++) await bus.publish("vd.C3.x", Buffer.from(String(i)), NEVER);
    const left = await all(bus, "C3", 1);
    assert.equal(
      left.map(({ seq }) => seq),
      [4, 5],
    );
    assert.equal(await bus.edges("C3", NEVER), { first: 4, last: 5 });
    assert.is(await bus.edges("NONE", NEVER), null);
    await bus.ensure(form("C8"), NEVER);
    const { first, last } = (await bus.edges("C8", NEVER))!;
    assert.equal([last, first <= 1], [0, true]);
  });

  titled("a subject that no stream takes is told, and a message that is too large", async (bus) => {
    assert.is(await failure(bus.publish("vd.nobody.x", Buffer.from("a"), NEVER)), "nobody");
    await bus.ensure(form("C4"), NEVER);
    assert.is(await failure(bus.publish("vd.C4.x", Buffer.alloc(64 << 20), NEVER)), "large");
    await bus.publish("vd.C4.x", Buffer.from("a"), NEVER);
  });

  titled("a server that is killed is away; what it had acknowledged is there when it is back", async (bus) => {
    await bus.ensure(form("C5"), NEVER);
    await bus.publish("vd.C5.x", Buffer.from("a"), NEVER);
    await server().kill();
    assert.is(await failure(bus.publish("vd.C5.x", Buffer.from("b"), NEVER)), "away");
    await server().resume();
    await bus.publish("vd.C5.x", Buffer.from("c"), NEVER);
    const got = texts(await all(bus, "C5", 1));
    assert.is(got[0], "a");
    assert.is(got.at(-1), "c");
  });

  test(`${name}: a server that says nothing is away, and a signal ends the wait at once`, async () => {
    const bus = server().open(500);
    try {
      await bus.ensure(form("C6"), NEVER);
      await server().freeze();
      const stop = new AbortController();
      const waiting = failure(bus.publish("vd.C6.x", Buffer.from("a"), stop.signal));
      stop.abort();
      assert.is(await waiting, "away");
      assert.is(await failure(bus.publish("vd.C6.x", Buffer.from("a"), NEVER)), "away");
      server().thaw();
      await bus.publish("vd.C6.x", Buffer.from("b"), NEVER);
    } finally {
      server().thaw();
      await bus.close();
    }
  });

  titled("who reads on is given what comes", async (bus) => {
    await bus.ensure(form("C7"), NEVER);
    const stop = new AbortController();
    const got: string[] = [];
    const reading = (async () => {
      for await (const { body } of bus.read("C7", { from: 1, isOnce: false, signal: stop.signal })) {
        got.push(Buffer.from(body).toString());
        if (got.length === 3) stop.abort();
      }
    })();
    for (const text of ["a", "b", "c"]) await bus.publish("vd.C7.x", Buffer.from(text), NEVER);
    await reading;
    assert.equal(got, ["a", "b", "c"]);
  });

  titled("whoever is stopped while its reading begins reads no more", async (bus) => {
    await bus.ensure(form("C9"), NEVER);
    for (let wait = 0; wait < 20; wait++) {
      const stop = new AbortController();
      const reading = (async () => {
        for await (const { seq } of bus.read("C9", { from: 1, isOnce: false, signal: stop.signal })) return seq;
        return "stopped";
      })().catch((error: unknown) => (error instanceof BusFailure ? "stopped" : error));
      if (wait > 0) await sleep(wait / 4);
      stop.abort();
      const end = await Promise.race([reading, sleep(5_000, "it reads on", { ref: false })]);
      assert.is(end, "stopped", `after ${wait / 4} ms`);
    }
  });
}

const form = (name: string): StreamForm => ({
  name,
  subjects: [`vd.${name}.*`],
  maxAgeMs: HOUR_MS,
  maxBytes: 16 << 20,
});

async function all(bus: Bus, stream: string, from: number): Promise<BusMessage[]> {
  const got: BusMessage[] = [];
  for await (const message of bus.read(stream, { from, isOnce: true, signal: NEVER })) got.push(message);
  return got;
}

const texts = (messages: readonly BusMessage[]): string[] => messages.map(({ body }) => Buffer.from(body).toString());

async function failure(asked: Promise<unknown>): Promise<string> {
  try {
    await asked;
    return "none";
  } catch (error) {
    if (error instanceof BusFailure) return error.kind;
    throw error;
  }
}
