// SPDX-License-Identifier: Apache-2.0
// The meter of Kafka on conversations that are cut in every way: what is told is right, or it is not told.
// test/e2e/kafka-meter.test.ts asks a true client.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { cleanUp } from "../rules-wasm/shared.js";
import { meterNamed, type Step } from "./conversation.js";
import { DatabaseMeter, testConversation } from "./database.js";
import { answer, i16, i32, partition, request, shortPartition, text } from "./kafka-messages.js";

const POLICY = await meterNamed("kafka");

/** The meter on a broker. Told as `Fetch 3`. */
class Meter extends DatabaseMeter {
  constructor(snaplen?: number) {
    super(POLICY, "/opt/kafka/broker", snaplen, {
      server: "messaging.server.operation.duration",
      client: "messaging.client.operation.duration",
    });
  }
}

const TIME = i32(0);
/** Each request has an answer of its own, so a pair that is none shows. */
const CONVERSATION: readonly Step[] = [
  ["accept", ""],
  [">", request(18, 3, 1, "\x02a\x021\0")],
  ["<", answer(1, i16(35) + i32(0))],
  [">", request(17, 1, 2, text("PLAIN"))],
  ["<", answer(2, i16(33) + i32(0))],
  [">", request(3, 5, 3, i32(1) + text("s3cret-topic"))],
  ["<", answer(3, TIME + i32(1) + i32(0) + text("10.0.0.1") + i32(9092))],
  [">", request(0, 7, 4, i16(-1) + i16(0) + i32(1000) + i32(0))], // no answer is wanted
  [">", request(0, 7, 5, i16(-1) + i16(1) + i32(1000) + "rows".repeat(200)) + request(1, 11, 6) + request(12, 3, 7)],
  ["<", answer(5, partition(29) + TIME)],
  ["<", answer(6, TIME + i16(0) + i32(0) + partition(1, "rows".repeat(300))) + answer(7, TIME + i16(27))],
  [">", request(1, 12, 8)],
  ["<", answer(8, `\0${TIME}${i16(70)}${i32(0)}\x01`)],
  [">", request(1, 13, 9)],
  ["<", answer(9, `\0${TIME}${i16(0)}${i32(0)}${shortPartition(100, "topic-id".repeat(2))}`)],
  [">", request(0, 9, 10)],
  ["<", answer(10, `\0${shortPartition(87)}`)],
  [">", request(99, 0, 11, "", null)],
  ["<", answer(11, i16(5))],
  [">", request(10, 2, 12)],
  ["<", answer(12, TIME + i16(-1) + i16(-1))],
  [">", request(11, 5, 13)],
  ["<", answer(13, TIME + i16(0x7000))],
  [">", request(8, 7, 14)],
  ["<", answer(14, TIME + partition(22))],
  ["close", ""],
];
const TOLD = [
  "ApiVersions 35",
  "Fetch 1",
  "Fetch 100",
  "Fetch 70",
  "FindCoordinator -1",
  "Heartbeat 27",
  "JoinGroup _OTHER",
  "Metadata",
  "OffsetCommit 22",
  "Produce 29",
  "Produce 87",
  "SaslHandshake 33",
  "_OTHER",
];

test("requests, of which one is not answered, are told by API and error, and no topic, client or row is", () => {
  const meter = new Meter().judge(CONVERSATION);
  assert.equal([meter.told, meter.unsynced], [TOLD, 0]);
});

testConversation(() => new Meter(), CONVERSATION, TOLD);

test("with every number of bytes that is kept of a buffer, no wrong API or error is told", () => {
  for (let snaplen = 0; snaplen < 120; snaplen++) {
    const { told } = new Meter(snaplen).judge(CONVERSATION);
    const left = [...TOLD];
    for (const one of told) {
      // An error that was not seen is none.
      const at = left.findIndex((all) => all === one || all.split(" ")[0] === one);
      assert.ok(at >= 0, `${snaplen} bytes: ${told.join("; ")}`);
      left.splice(at, 1);
    }
  }
});

test("an answer belongs to its request, whichever came before, and its time is until its last byte", () => {
  const rows = answer(2, TIME + i16(0) + i32(0) + partition(0, "rows".repeat(1000)));
  const meter = new Meter(512).judge([
    ["accept", ""],
    [">", request(0, 3, 1), "100ms"],
    [">", request(1, 11, 2), "200ms"],
    ["<", rows.slice(0, 700), "201ms"],
    ["<", rows.slice(700), "209ms"],
    [">", request(3, 1, 3), "300ms"],
    ["<", answer(3), "301ms"],
  ]);
  assert.equal([meter.told, meter.unsynced], [["Fetch", "Metadata"], 0]);
  assert.is(meter.seconds("Fetch").toFixed(6), "0.009000");
});

test("what was there before is told once it has rested for a second", () => {
  const meter = new Meter().judge([
    [">", request(3, 1, 1), "1ms"],
    ["<", answer(1), "2ms"],
    [">", request(12, 0, 2), "1500ms"],
    ["<", answer(2, i16(25)), "1501ms"],
  ]);
  assert.equal([meter.told, meter.unsynced], [["Heartbeat 25"], 1]);
});

for (const [what, steps] of Object.entries<readonly Step[]>({
  "an answer to another request": [
    [">", request(3, 1, 1)],
    ["<", answer(2)],
  ],
  "a length that is none": [
    [">", `\x7f\xff\xff\xff${request(3, 1, 1).slice(4)}`],
    ["<", answer(1)],
  ],
  "another protocol": [
    [">", "GET / HTTP/1.1\r\n\r\n"],
    ["<", "HTTP/1.1 200 OK\r\n\r\n"],
  ],
  "an API that cannot be": [
    [">", request(300, 1, 1)],
    ["<", answer(1)],
  ],
  "a client's name beyond its end": [
    [">", request(3, 1, 1, "", null).slice(0, 12) + i16(100)],
    ["<", answer(1)],
  ],
  "what follows a handshake of the first version": [
    [">", request(17, 0, 1, text("PLAIN"))],
    ["<", answer(1, i16(0) + i32(0))],
    [">", request(3, 1, 2)],
    ["<", answer(2)],
  ],
}))
  test(`${what} is no operation`, () => {
    assert.equal(new Meter().judge([["accept", ""], ...steps]).told, []);
  });

test.after(cleanUp);
test.run();
