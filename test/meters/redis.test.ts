// SPDX-License-Identifier: Apache-2.0
// The meter of Redis servers on conversations that are cut in every way: what is told is right, or it is not
// told. test/e2e/redis-meter.test.ts asks a true server whether it is.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { cleanUp } from "../rules-wasm/shared.js";
import { isPartOf, meterNamed, type Step } from "./conversation.js";
import { DatabaseMeter, testConversation } from "./database.js";

const POLICY = await meterNamed("redis");

/** The meter on Redis. */
class Meter extends DatabaseMeter {
  constructor(snaplen?: number) {
    super(POLICY, "/usr/bin/redis-server", snaplen);
  }
}

const ask = (...words: string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;
const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;

/** Each command has an answer of its own, so a pair that is none shows. */
const CONVERSATION: readonly Step[] = [
  ["accept", ""],
  [">", ask("HELLO", "3")],
  ["<", "%1\r\n+server\r\n+redis\r\n"],
  [">", ask("set", "k", ask("DEL", "k"))],
  ["<", "-OOM command not allowed\r\n"],
  [">", ask("MGET", "a", "b")],
  ["<", `*2\r\n${bulk("-ERR is text here\r\n+OK\r\n")}_\r\n`],
  ["<", `>2\r\n+invalidate\r\n*1\r\n${bulk("k")}`],
  [">", "\r\nPING\r\n"],
  ["<", "-NOAUTH Authentication required.\r\n"],
  [">", ask("INCR", "k") + ask("EVALSHA", "sha", "0") + ask("LPOP", "k")],
  ["<", `|1\r\n+ttl\r\n:1\r\n:42\r\n-NOSCRIPT No matching script.\r\n-WRONG`],
  ["<", "TYPE Operation\r\n"],
  [">", ask("XYZZY", "s3cret")],
  ["<", "-S3CRET of a module\r\n"],
  ["close", ""],
];
const TOLD = ["EVALSHA NOSCRIPT", "HELLO", "INCR", "LPOP WRONGTYPE", "MGET", "PING NOAUTH", "SET OOM", "_OTHER _OTHER"];

test("a conversation with values that look like requests, a push, a pipeline and errors is told whole", () => {
  const meter = new Meter().judge(CONVERSATION);
  assert.equal([meter.told, meter.unsynced], [TOLD, 0]);
});

testConversation(() => new Meter(), CONVERSATION, TOLD);

test("with every number of bytes that is kept of a buffer, nothing wrong is told", () => {
  for (let snaplen = 0; snaplen < 130; snaplen++) {
    const { told } = new Meter(snaplen).judge(CONVERSATION);
    assert.ok(isPartOf(told, TOLD), `${snaplen} bytes: ${told.join("; ")}`);
  }
});

test("what was there before, or was lost, is told again once it has rested for a second, never sooner", () => {
  const meter = new Meter().judge([
    [">", ask("GET", "k"), "1ms"],
    ["<", bulk("v"), "2ms"],
    [">", ask("INCR", "k"), "900ms"], // perhaps one of several, of which the first was not seen
    ["<", ":1\r\n", "901ms"],
    [">", ask("DECR", "k"), "2000ms"],
    ["<", ":0\r\n", "2004ms"],
  ]);
  assert.equal([meter.told, meter.unsynced, meter.seconds("DECR").toFixed(6)], [["DECR"], 2, "0.004000"]);
  meter.judge([[">", ask("LLEN", "k"), "4s"]], 7, 5);
  meter.judge(
    [
      ["<", ":0\r\n", "4001ms"],
      [">", ask("TTL", "k"), "5500ms"],
      ["<", ":0\r\n", "5501ms"],
    ],
    7,
    5,
  );
  assert.equal(meter.told, ["DECR", "TTL"]);
});

test("a request and a reply of which the end is cut are told, where the client waits", () => {
  const keys = Array.from({ length: 200 }, (_, i) => `key-${i}`);
  const meter = new Meter(512).judge([
    ["accept", ""],
    [">", ask("MGET", ...keys), "1ms"],
    ["<", `*200\r\n${keys.map(bulk).join("")}`, "5ms"],
    ["<", keys.map(bulk).join("").slice(2000), "7ms"],
    [">", ask("SET", "k", "x".repeat(2000)), "60s"],
    ["<", "+OK\r\n", "60001ms"],
    [">", ask("MGET", ...keys), "61s"],
    ["<", `*200\r\n${keys.map(bulk).join("")}`, "61001ms"],
    ["close", "", "62s"],
  ]);
  assert.equal([meter.told, meter.unsynced], [["MGET", "MGET", "SET"], 0]);
  assert.is(meter.seconds("MGET").toFixed(6), "0.007000");
});

test("behind a reply of a pipeline of which the end is cut, nothing is told", () => {
  const meter = new Meter(512).judge([
    ["accept", ""],
    [">", ask("KEYS", "*") + ask("GET", "k")],
    ["<", `*100\r\n${bulk("some key").repeat(100)}`],
    ["<", bulk("v")],
    [">", ask("LLEN", "k")],
    ["<", ":0\r\n"],
  ]);
  assert.equal(meter.told, []);
  assert.ok(meter.unsynced >= 3);
});

const LONG_PUSH = `>2\r\n+invalidate\r\n*300\r\n${bulk("key")}`.padEnd(2_000, bulk("key"));

test("of a push that is cut nothing is taken for a reply, nor behind it", () => {
  for (const steps of [
    [["<", LONG_PUSH]],
    [
      [">", ask("GET", "k")],
      ["<", LONG_PUSH],
      ["<", "-WRONGTYPE of GET\r\n"],
    ],
  ] as (readonly Step[])[]) {
    const meter = new Meter(512).judge([
      ["accept", ""],
      [">", ask("HELLO", "3")],
      ["<", "%1\r\n+server\r\n+redis\r\n"],
      ...steps,
      [">", ask("INCR", "k")],
      ["<", ":1\r\n"],
      [">", ask("LPOP", "k")],
      ["<", "-OOM of LPOP\r\n"],
    ]);
    assert.equal(meter.told, ["HELLO", "INCR", "LPOP OOM"]);
    assert.is(meter.unsynced, steps.length === 1 ? 0 : 1);
  }
});

test("a call that moved messages is no rest", () => {
  const meter = new Meter().judge([
    ["accept", "", "1ms"],
    [">>", ask("GET", "a"), "5s"],
    [">", ask("INCR", "k"), "5100ms"],
    ["<", "-WRONGTYPE of GET\r\n", "5101ms"],
    ["<", ":1\r\n", "5102ms"],
  ]);
  assert.equal([meter.told, meter.unsynced], [[], 1]);
});

test("a reply that looks like a request is none, where nobody knows which end this is", () => {
  const meter = new Meter().judge(
    [
      ["<", ask("BLPOP", "q", "0"), "1ms"],
      [">", ask("q", "GET"), "5s"],
      ["<", ask("BLPOP", "q", "0"), "5001ms"],
      [">", ask("q", "SET"), "9s"],
    ],
    7,
    0,
    { isClient: true },
  );
  assert.equal([meter.told, meter.asked], [[], []]);
});

test("a second request behind one that is cut makes the connection unsure", () => {
  const keys = Array.from({ length: 200 }, (_, i) => `key-${i}`);
  const meter = new Meter(512).judge([
    ["accept", ""],
    [">", ask("MGET", ...keys)],
    [">", ask("INCR", "b")],
    ["<", `*200\r\n${"_\r\n".repeat(200)}`],
    [">", ask("LPOP", "c")],
    ["<", ":1\r\n"],
  ]);
  assert.equal(meter.told, []);
});

test("a client of a Unix socket has a server without an address and a port", () => {
  const meter = new Meter().judge(
    [
      ["accept", ""],
      [">", ask("PING")],
      ["<", "+PONG\r\n"],
    ],
    7,
    0,
    { isUnix: true },
  );
  assert.equal(meter.asked, ["PING"]);
});

test("a client that writes no more may read on", () => {
  const meter = new Meter(64).judge(
    [
      ["accept", "", "1ms"],
      [">", ask("KEYS", "*"), "2ms"],
      ["<", `*100\r\n${bulk("some key").repeat(50)}`, "10ms"],
      ["shutdown", "SHUT_WR", "11ms"],
      ["<", bulk("some key").repeat(50), "50ms"],
      ["close", "", "51ms"],
    ],
    7,
    0,
    { isClient: true },
  );
  assert.equal([meter.asked, meter.seconds("KEYS").toFixed(3)], [["KEYS 192.0.2.1 4711"], "0.048"]);
});

for (const [what, request] of [
  ["SUBSCRIBE", ask("SUBSCRIBE", "c")],
  ["CLIENT REPLY", ask("client", "Reply", "OFF")],
  ["CLIENT by hand", "CLIENT REPLY SKIP\r\n"],
  ["MONITOR", ask("monitor")],
] as const) {
  test(`after ${what} replies are not paired with requests any more`, () => {
    const meter = new Meter().judge([
      ["accept", ""],
      [">", ask("PING")],
      ["<", "+PONG\r\n"],
      [">", request],
      [">", ask("SET", "k", "v"), "10s"],
      [">", ask("GET", "k"), "20s"],
      ["<", "-OOM of SET\r\n"],
    ]);
    assert.equal([meter.told, meter.unsynced], [["PING"], 0]);
  });
}

test("hostile lengths, depths and words are no Redis, and take no memory", () => {
  const meter = new Meter();
  const { memoryBytes } = meter;
  for (const request of [
    "*99999999999999999999\r\n",
    "*2\r\n$99999999999999999\r\n",
    "*1\r\n$-1\r\n",
    "*-1\r\n*0\r\n",
    `*1\r\n$300\r\n${"A".repeat(300)}\r\n`,
    "*1\r\n:1\r\n",
    "*x\r\n",
    `*1\r\n$4\r\nPI\0G\r\n`,
    "*\r\n".repeat(1_000),
  ])
    for (const reply of [
      "*9999999\r\n".repeat(50),
      "%4611686018427387904\r\n",
      "-\r\n",
      `-${"E".repeat(400)}\r\n`,
      "x",
      "$?\r\n",
    ])
      meter.judge([
        ["accept", ""],
        [">", request],
        ["<", reply],
        [">", ask("GET", "k")],
        ["<", bulk("v")],
      ]);
  for (const told of new Set(meter.told)) assert.ok(["_OTHER", "_OTHER _OTHER", "GET"].includes(told), told);
  assert.is(meter.memoryBytes, memoryBytes);
});

test("of a batch full of failing requests each is told, in the same memory", () => {
  const meter = new Meter(65_536);
  const { memoryBytes } = meter;
  const round: readonly Step[] = [
    [">", ask("LPOP", "k").repeat(1_000)],
    ["<", "-WRONGTYPE Operation\r\n".repeat(1_000)],
  ];
  for (const isClient of [false, true])
    meter.judge([["accept", ""], ...Array.from({ length: 20 }, () => round).flat()], isClient ? 8 : 7, 0, { isClient });
  assert.equal([meter.told.length, meter.asked.length, meter.memoryBytes], [20_000, 20_000, memoryBytes]);
});

test("a pipeline without end, and connections without end, are bounded", () => {
  const meter = new Meter(65_536);
  const { memoryBytes } = meter;
  meter.judge([
    ["accept", ""],
    [">", ask("PING").repeat(1_500)],
  ]);
  assert.is(meter.unsynced, 1_025);
  for (let ino = 100; ino < 10_100; ino++)
    meter.judge(
      [
        ["accept", ""],
        [">", ask("PING")],
      ],
      ino,
    );
  meter.judge([["<", "+PONG\r\n"]], 10_099);
  assert.equal([meter.told, meter.memoryBytes], [["PING"], memoryBytes]);
});

test.after(cleanUp);
test.run();
