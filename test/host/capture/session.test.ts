// SPDX-License-Identifier: Apache-2.0
// A session from the first frame to the exit status, with an agent that a script plays: order, losses, ends,
// and refusals.
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { RingReader } from "../../../host/capture/ring.js";
import { type Ending, Session } from "../../../host/capture/session.js";
import { openChecked } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../wire/builder.js";
import { end, FAKE_AGENT, frame, hello, streamFile } from "./frames.js";

interface Played {
  readonly ending: Ending;
  /** evt.num of every record that came. */
  readonly numbers: number[];
}

async function play(
  path: string,
  status: string,
  during: (session: Session) => void = () => undefined,
): Promise<Played> {
  const numbers: number[] = [];
  const drain = (): void => {
    for (let raw = reader.next(0); raw !== null; raw = reader.next(0)) {
      const batch = openChecked(raw.bytes);
      for (let i = 0; i < batch.count; i++) numbers.push(batch.first + i);
    }
  };
  const session = new Session({ onWake: drain, onHello: () => during(session) });
  const reader = new RingReader(session.capture.ring, session.capture.reader());
  session.start({ executable: FAKE_AGENT, command: [path, status] });
  const ending = await session.ending;
  drain();
  assert.is(reader.ended, true, "a ring ends with its only stream");
  return { ending, numbers };
}

/** `count` records from evt.num `first` on. */
function batch(seq: number, first: number, count: number, payload = 0): Buffer {
  const builder = new BatchBuilder({ seq, first });
  for (let i = 0; i < count; i++)
    builder.record("write", { result: 1, params: { data: Buffer.alloc(payload, `${first + i} `), size: 1 } });
  return frame(builder.bytes());
}

const range = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i);

test("every record arrives once and in order, and the status is the agent's", async () => {
  const { ending, numbers } = await play(streamFile(hello(), batch(1, 1, 3), batch(2, 4, 500), end(7)), "7");
  assert.equal(numbers, range(1, 503));
  assert.is(ending.status, 7);
  assert.is(ending.error, null);
  assert.is(ending.missing, 0);
  assert.is(ending.hello?.hostname, "box");
  assert.equal(ending.hello?.command, ["cat", "x"]);
});

test("far more than the ring holds goes through it, and wraps around", async () => {
  const frames = range(0, 60).map((i) => batch(i + 1, 1 + i * 100, 100, 4000)); // 60 x 400 kB through 8 MiB
  const { numbers } = await play(streamFile(hello(), ...frames, end(0)), "0");
  assert.equal(numbers, range(1, 6000));
});

test("gaps in the numbers are counted, and the agent's own counters are passed on", async () => {
  const { ending, numbers } = await play(
    streamFile(hello(), batch(1, 1, 2), batch(4, 13, 1), end(0, 0, [10, 0, 0, 0, 0])),
    "0",
  );
  assert.equal(numbers, [1, 2, 13]);
  assert.is(ending.missing, 10);
  assert.equal(ending.lost, [10, 0, 0, 0, 0]);
});

test("an agent that is killed is told, with what had arrived", async () => {
  const { ending, numbers } = await play(streamFile(hello(), batch(1, 1, 2)), "kill");
  assert.equal(numbers, [1, 2]);
  assert.is(ending.error?.code, "VEDETTE_AGENT_KILLED");
  assert.match(ending.error?.message ?? "", /\(pid \d+\) was ended by SIGKILL/);
  assert.is(ending.status, 122);
});

test("an agent that ends well without a word of the workload is no success", async () => {
  const { ending } = await play(streamFile(hello(), batch(1, 1, 1)), "0");
  assert.is(ending.error?.code, "VEDETTE_AGENT_LOST");
  assert.is(ending.status, 122);
});

test("an agent that could not begin has said why itself: its status is ours", async () => {
  const { ending } = await play(streamFile(), "127");
  assert.is(ending.error, null);
  assert.is(ending.status, 127);
});

test("the status of a signal is 128 and its number", async () => {
  const { ending } = await play(streamFile(hello(), end(0, 9)), "137");
  assert.is(ending.status, 137);
});

const corrupt = Buffer.from(batch(2, 3, 1));
corrupt[60] = 0xff;
const oversized = Buffer.from([0xff, 0xff, 0xff, 0x7f]);
const forgedFact = frame(
  new BatchBuilder({ seq: 2, first: 3 }).record("vedette.fact", { params: { kind: "k", key: "k" } }).bytes(),
);
const REFUSED: Readonly<Record<string, readonly [frames: Buffer[], code: string, arrived: number[]]>> = {
  "a corrupt batch": [[hello(), batch(1, 1, 2), corrupt], "VEDETTE_BATCH_CORRUPT", [1, 2]],
  "H79: a fact from an agent": [[hello(), batch(1, 1, 2), forgedFact], "VEDETTE_BATCH_CORRUPT", [1, 2]],
  "an oversized frame": [[hello(), batch(1, 1, 2), oversized], "VEDETTE_FRAME_OVERSIZED", [1, 2]],
  "an empty frame": [[hello(), Buffer.alloc(4)], "VEDETTE_FRAME_OVERSIZED", []],
  "a batch before hello": [[batch(1, 1, 2)], "VEDETTE_FRAME_UNEXPECTED", []],
  "a second hello": [[hello(), hello()], "VEDETTE_FRAME_UNEXPECTED", []],
  "a frame of an unknown name": [
    [hello(), frame(Buffer.from([0x91, 0xa3, 0x66, 0x6f, 0x6f]))],
    "VEDETTE_FRAME_UNEXPECTED",
    [],
  ],
  "a frame that is no msgpack": [[hello(), frame(Buffer.from("GET / HTTP/1.1"))], "VEDETTE_FRAME_UNEXPECTED", []],
  "an agent of another schema": [[hello(5n)], "VEDETTE_SCHEMA_MISMATCH", []],
};
for (const [what, [frames, code, arrived]] of Object.entries(REFUSED)) {
  test(`${what} ends the stream with ${code}, and what came before it stays`, async () => {
    const { ending, numbers } = await play(streamFile(...frames), "0");
    assert.is(ending.error?.code, code);
    assert.not.match(ending.error?.message ?? "{", "{", "every value of the sentence is filled");
    assert.is(ending.status, 125);
    assert.equal(numbers, arrived);
  });
}

test("a stream that is cut off in the middle of a frame keeps what was whole", async () => {
  const { numbers } = await play(streamFile(hello(), batch(1, 1, 2), batch(2, 3, 1).subarray(0, 50)), "1");
  assert.equal(numbers, [1, 2]);
});

test("a signal sent through the session reaches the agent", async () => {
  const path = streamFile(hello());
  const { ending } = await play(path, "wait", (session) => {
    const timer = setInterval(() => {
      try {
        readFileSync(`${path}.ready`);
      } catch {
        return; // its handler is not in place yet
      }
      clearInterval(timer);
      session.capture.signal("SIGTERM");
    }, 10);
  });
  assert.is(ending.error?.code, "VEDETTE_AGENT_LOST");
  assert.match(ending.error?.message ?? "", "status 43");
});

test("the agent inherits what it is given, its own stream at 3, and nothing of ours", async () => {
  const path = streamFile(hello(), end(0));
  await play(path, "fds");
  const open = [...readFileSync(`${path}.fds`, "utf8").matchAll(/ (\d+) -> (\S+)/g)].map(
    ([, fd, target]) => [Number(fd), target as string] as const,
  );
  assert.match(open.find(([fd]) => fd === 3)?.[1] ?? "", /^socket:/);
  const more = open.filter(([fd, target]) => fd > 3 && !target.endsWith("/fd")); // ls has the folder open
  assert.equal(more, []);
});

test.run();
