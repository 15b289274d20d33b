// SPDX-License-Identifier: Apache-2.0
// The ring's readers: each sees every batch once, the slowest holds the writers, one that dies in the middle
// of a batch leaves it to its successor.

import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Capture, type CaptureHandlers } from "../../../host/capture/agent.js";
import { RingReader } from "../../../host/capture/ring.js";
import { VedetteError } from "../../../host/errors.js";
import { until } from "../../until.js";
import { BatchBuilder } from "../wire/builder.js";
import { end, frame, hello } from "./frames.js";

const folder = mkdtempSync(join(tmpdir(), "vedette-ring-"));
test.after(() => rmSync(folder, { recursive: true }));

function batch(seq: number, bytes: number): Buffer {
  const builder = new BatchBuilder({ seq, first: seq });
  for (let i = 0; i * 4096 < bytes; i++)
    builder.record("write", { params: { data: Buffer.alloc(4096, `${seq}.${i};`) } });
  return frame(builder.bytes());
}

/** A capture with a small ring that listens, and an agent's connection to it. */
async function listening(
  ringBytes: number,
  handlers: CaptureHandlers = {},
): Promise<{ capture: Capture; send: (...frames: Buffer[]) => Promise<void> }> {
  const capture = new Capture({ ringBytes, ...handlers });
  const path = join(folder, `socket-${Math.random()}`);
  capture.listen(path);
  const socket = connect(path);
  socket.on("error", () => undefined);
  const send = (...frames: Buffer[]): Promise<void> =>
    new Promise((resolve) => void socket.write(Buffer.concat(frames), () => resolve()));
  return { capture, send };
}

test("two readers see every batch, each at its own pace, and the slower one stops the writer", async () => {
  const { capture, send } = await listening(1 << 20);
  const [quick, slow] = [
    new RingReader(capture.ring, capture.reader()),
    new RingReader(capture.ring, capture.reader()),
  ];
  void send(hello(), ...Array.from({ length: 40 }, (_, i) => batch(i + 1, 100_000)));
  let seen = 0;
  const read = (reader: RingReader): boolean => reader.next(0) !== null;
  await until("nine batches for the quick reader", () => {
    while (read(quick)) seen++;
    return seen >= 9;
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  while (read(quick)) seen++;
  assert.ok(seen < 12, `the ring holds about ten batches for the slow reader, but ${seen} came through`);
  let slowSeen = 0;
  await until("all 40 for both", () => {
    while (read(slow)) slowSeen++;
    while (read(quick)) seen++;
    return seen === 40 && slowSeen === 40;
  });
  capture.close();
  assert.is(quick.ended, true);
});

test("a ring of which all is read begins again at its start, and takes no more memory than it had to", async () => {
  const { capture, send } = await listening(4 << 20);
  const readers = [1, 2].map(() => new RingReader(capture.ring, capture.reader()));
  await send(hello());
  for (let number = 1; number <= 100; number++) {
    await send(batch(number, 100_000));
    for (const reader of readers) {
      await until(`batch ${number}`, () => reader.next(0)?.number === number);
      reader.release();
    }
  }
  const beyond = new Uint8Array(capture.ring, (1 << 20) + 200_000);
  assert.is(
    beyond.findIndex((byte) => byte !== 0),
    -1,
  );
  capture.close();
});

test("a reader that leaves no longer holds the writer", async () => {
  const { capture, send } = await listening(1 << 20);
  const [reader, leaver] = [
    new RingReader(capture.ring, capture.reader()),
    new RingReader(capture.ring, capture.reader()),
  ];
  leaver.detach();
  void send(hello(), ...Array.from({ length: 40 }, (_, i) => batch(i + 1, 100_000)));
  let seen = 0;
  await until("all 40", () => {
    while (reader.next(0) !== null) seen++;
    return seen === 40;
  });
  capture.close();
});

test("a batch that was not released is seen again by whoever takes the place", async () => {
  const { capture, send } = await listening(1 << 20);
  const index = capture.reader();
  const first = new RingReader(capture.ring, index);
  await send(hello(), batch(1, 10), batch(2, 10));
  let held = first.next(0);
  await until("a batch", () => {
    held = held ?? first.next(0);
    return held !== null;
  });
  const again = new RingReader(capture.ring, index).next(0);
  assert.equal(Buffer.from(again?.bytes ?? []), Buffer.from(held?.bytes ?? []));
  capture.close();
});

test("what was written before a reader came is not for it", async () => {
  const { capture, send } = await listening(1 << 20);
  await send(hello(), batch(1, 10), batch(2, 10));
  await until("two batches", () => capture.counts(1)?.batches === 2);
  const late = new RingReader(capture.ring, capture.reader());
  assert.is(late.next(0), null);
  await send(batch(3, 10));
  await until("a batch for the late reader", () => late.next(0) !== null);
  capture.close();
});

test("a batch says which event types it holds and where it came from", async () => {
  const { capture, send } = await listening(1 << 20);
  const reader = new RingReader(capture.ring, capture.reader());
  const mixed = new BatchBuilder().record("openat").record("close").record("openat");
  await send(hello(), frame(mixed.bytes()));
  let raw = reader.next(0);
  await until("its batch", () => {
    raw = raw ?? reader.next(0);
    return raw !== null;
  });
  const holds = (id: number): boolean => (((raw?.types[id >> 5] ?? 0) >>> (id & 31)) & 1) === 1;
  assert.equal([40, 41, 44, 50].map(holds), [false, true, true, false]);
  assert.is(raw?.count, 3);
  assert.is(raw?.stream, 1);
  capture.close();
});

test("several agents share a ring, and one that lies does not harm the others", async () => {
  const closed: [number, string | undefined][] = [];
  const capture = new Capture({ onClosed: (stream, error) => void closed.push([stream, error?.code]) });
  const path = join(folder, "many");
  capture.listen(path);
  const reader = new RingReader(capture.ring, capture.reader());
  const sockets = [0, 1, 2].map(() => connect(path).on("error", () => undefined)); // the refused one is reset
  const write = (index: number, ...frames: Buffer[]): void => void sockets[index]?.write(Buffer.concat(frames));
  write(0, hello(), batch(1, 10));
  write(1, hello(), Buffer.from("nonsense that is no frame at all"));
  write(2, hello(), batch(1, 10), batch(2, 10), end(0));
  let seen = 0;
  await until("three batches and an end", () => {
    while (reader.next(0) !== null) seen++;
    return seen === 3 && closed.length === 1;
  });
  assert.is(closed[0]?.[1], "VEDETTE_FRAME_OVERSIZED");
  assert.is(reader.ended, false, "a listener's ring stays open");
  for (const socket of sockets) socket.destroy();
  await until("three ends", () => closed.length === 3);
  capture.close();
});

test("another user's connection is refused, unless that user was named", async () => {
  if (process.getuid?.() !== 0) {
    console.log(
      "skip: another user's connection is refused, unless that user was named: only root can be somebody else",
    );
    return;
  }
  const nobody = 65_534;
  chmodSync(folder, 0o755);
  const path = join(folder, "shared");
  const dial = `require("net").connect(${JSON.stringify(path)}).on("error", () => {}).end(Buffer.from("${hello().toString("hex")}", "hex"))`;
  for (const users of [[], [nobody]]) {
    const said: string[] = [];
    const capture = new Capture({
      onRefused: (error) => void said.push(error.code),
      onHello: () => void said.push("hello"),
    });
    capture.listen(path, users);
    chmodSync(path, 0o666);
    spawn(process.execPath, ["-e", dial], { uid: nobody, stdio: "ignore" });
    await until("its refusal or its hello", () => said.length > 0);
    assert.equal(said, [users.length === 0 ? "VEDETTE_PEER_REFUSED" : "hello"]);
    capture.close();
  }
});

test("the 257th agent is refused with a sentence, and gets in when another has left", async () => {
  const refused: string[] = [];
  const greeted: string[] = [];
  const capture = new Capture({
    onHello: ({ hostname }) => void greeted.push(hostname),
    onClosed: (_stream, error) => void refused.push(error?.code ?? ""),
  });
  const path = join(folder, "many");
  capture.listen(path);
  const dial = (): Socket => {
    const socket = connect(path).on("error", () => undefined);
    socket.write(hello());
    return socket;
  };
  const sockets: Socket[] = [];
  while (capture.state().agents < 256) {
    const wanted = Math.min(256, sockets.length + 16);
    while (sockets.length < wanted) sockets.push(dial());
    await until("each agent", () => capture.state().agents === sockets.length);
  }
  dial();
  await until("the first refusal", () => refused.length === 1);
  assert.equal(refused, ["VEDETTE_AGENTS_FULL"]);
  sockets[0]?.destroy();
  await until("the second refusal", () => refused.length === 2);
  dial();
  await until("256 agents", () => capture.state().agents === 256);
  for (const socket of sockets) socket.destroy();
  capture.close();
});

test("an abstract name and a loopback port are listened on; any other address is refused", async () => {
  const abstract = new Capture();
  assert.is(abstract.listen(`@vedette-test-${process.pid}`), 0);
  abstract.close();
  const greeted: string[] = [];
  const tcp = new Capture({ onHello: ({ hostname }) => void greeted.push(hostname) });
  const socket = connect(tcp.listen("127.0.0.1:0"), "127.0.0.1");
  socket.write(hello());
  await until("its greeting", () => greeted.length === 1);
  socket.destroy();
  tcp.close();
  for (const address of ["0.0.0.0:0", "10.0.0.1:80", "127.0.0.1:port", "/nowhere/at/all"]) {
    const capture = new Capture();
    assert.throws(
      () => capture.listen(address),
      (error: unknown) => error instanceof VedetteError && error.code === "VEDETTE_LISTEN_REFUSED",
      address,
    );
    capture.close();
  }
});

test.run();
