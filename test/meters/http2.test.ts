// SPDX-License-Identifier: Apache-2.0
// The meters of HTTP on HTTP/2 that is cut in every way: what is told is right, or it is not told.
// test/e2e/http2-meter.test.ts asks true servers whether it is.
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { cleanUp } from "../rules-wasm/shared.js";
import { bytewise, Meter as Conversation, cutAt, cutsOf, isPartOf, meterNamed, type Step } from "./conversation.js";
import {
  answer,
  CALL_ANSWER,
  call,
  conversation,
  data,
  END_HEADERS,
  END_STREAM,
  Encoder,
  frame,
  get,
  HELLO,
  PADDED,
  PREFACE,
  PRIORITY,
  rst,
  settings,
  TOLD,
} from "./http2-conversation.js";

const SERVER = await meterNamed("http-server");
const CLIENT = await meterNamed("http-client");

/** As `GET 200 /users/{id}` and `grpc shop.Orders/Place OK`, once for each, sorted. */
class Meter extends Conversation {
  readonly #isClient: boolean;

  constructor({ snaplen = 16_384, isClient = false } = {}) {
    super(isClient ? CLIENT : SERVER, "/usr/bin/app", snaplen);
    this.#isClient = isClient;
  }

  override judge(steps: readonly Step[], ino = 7, lost = 0): this {
    return super.judge(steps, ino, lost, { isClient: this.#isClient });
  }

  /** Seconds of requests to a server with this status, all together. */
  seconds(status: number): number {
    const of = this.series("http.server.request.duration").filter(({ labels }) => labels?.[2] === `${status}`);
    return of.reduce((sum, { value }) => sum + value, 0);
  }

  get told(): string[] {
    const side = this.#isClient ? "client" : "server";
    const names = [`http.${side}.request.duration`, `rpc.${side}.call.duration`];
    const shown = ([, first = "", second = "", third = ""]: readonly string[]): string =>
      first === "grpc" ? `${first} ${second} ${third}` : `${first} ${second} ${this.#isClient ? "" : third}`.trim();
    return names
      .flatMap((name) => this.series(name))
      .flatMap(({ labels, buckets }) =>
        new Array<string>(buckets.reduce((sum, one) => sum + one, 0)).fill(shown(labels ?? [])),
      )
      .sort();
  }
}

const CONVERSATION = conversation();
/** Without routes and methods of calls, which may be unknown. */
const unnamed = (told: readonly string[]): string[] =>
  told.map((one) => one.replace(/^grpc \S+/, "grpc _OTHER").replace(/ \/.*/, ""));
/** As a client tells it: without routes. */
const ofClient = (told: readonly string[]): string[] => told.map((one) => one.replace(/ \/.*/, "")).sort();

/** Each of them has happened, though its name may not be known. */
function assertRight(told: readonly string[], expected: readonly string[], when: string): void {
  assert.ok(isPartOf(unnamed(told), unnamed(expected)), `${when}: ${told.join("; ")}`);
  const right = new Set([...expected, ...unnamed(expected)]);
  assert.equal(
    told.filter((one) => !right.has(one)),
    [],
    when,
  );
}

for (const isClient of [false, true]) {
  const expected = isClient ? ofClient(TOLD) : TOLD;
  const side = isClient ? "client" : "server";

  test(`${side}: a conversation with all kinds of frames is told whole`, () => {
    const meter = new Meter({ isClient }).judge(CONVERSATION);
    assert.equal([meter.told, meter.unsynced], [expected, 0]);
  });

  test(`${side}: cut into reads and writes at every byte, and byte by byte, the same is told`, () => {
    for (const cut of cutsOf(CONVERSATION)) {
      const meter = new Meter({ isClient }).judge(cutAt(CONVERSATION, cut));
      assert.equal([meter.told, meter.unsynced], [expected, 0], `cut at ${cut}`);
    }
    assert.equal(new Meter({ isClient }).judge(bytewise(CONVERSATION)).told, expected);
  });

  test(`${side}: with every number of bytes that is kept of a buffer, nothing wrong is told`, () => {
    const counts: number[] = [];
    for (let snaplen = 0; snaplen < 260; snaplen++) {
      const { told } = new Meter({ snaplen, isClient }).judge(CONVERSATION);
      assertRight(told, expected, `${snaplen} bytes`);
      counts.push(told.length);
    }
    assert.is(counts[0], 0);
    assert.is(counts.at(-1), expected.length);
  });

  test(`${side}: with few bytes kept of pieces, nothing wrong is told`, () => {
    for (let snaplen = 1; snaplen < 120; snaplen += 11)
      for (let cut = 1 + (snaplen % 7); cut < 150; cut += 7)
        assertRight(
          new Meter({ snaplen, isClient }).judge(cutAt(CONVERSATION, cut)).told,
          expected,
          `${snaplen} bytes, cut at ${cut}`,
        );
  });

  test(`${side}: with any event lost, nothing wrong is told, and what comes then is told again`, () => {
    for (const steps of [CONVERSATION, cutAt(CONVERSATION, 9), cutAt(CONVERSATION, 30)])
      for (let gone = 0; gone < steps.length; gone++) {
        const meter = new Meter({ isClient }).judge(steps.slice(0, gone));
        meter.judge(steps.slice(gone + 1), 7, 1);
        assertRight(meter.told, expected, `without ${gone} of ${steps.length}`);
        const isCut = steps !== CONVERSATION;
        assert.ok(
          isCut || gone >= steps.length - 4 || meter.told.length + meter.unsynced >= 3,
          `without ${gone}: ${meter.told.join("; ")}`,
        );
        meter.judge(CONVERSATION, 7, 1);
        assert.ok(isPartOf(expected, meter.told), `a new connection after step ${gone}`);
      }
  });
}

const ok = answer(200);

test("a server may speak first, and a connection whose first bytes are no HTTP/2 behind that is something else", () => {
  const client = new Encoder();
  const begun: readonly Step[] = [
    ["accept", ""],
    ["<", settings()],
  ];
  const asked = PREFACE + settings() + client.headers(1, get("/a"), END_STREAM);
  const meter = new Meter().judge([
    ...begun,
    [">", asked],
    ["<", settings(1) + new Encoder().headers(1, ok, END_STREAM)],
  ]);
  assert.equal([meter.told, meter.unsynced], [["GET 200 /a"], 0]);
  const other = new Meter().judge([
    ...begun,
    [">", "GET / HTTP/1.1\r\n\r\n"],
    ["<", "HTTP/1.1 200 OK\r\n\r\n"],
    ["close", ""],
  ]);
  assert.equal(other.told, []);
});

const UPGRADE =
  "GET /old HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n";
const SWITCHING = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";

for (const isClient of [false, true])
  test(`an upgraded connection tells its first request by its first stream: ${isClient ? "client" : "server"}`, () => {
    const client = new Encoder();
    const server = new Encoder();
    const steps: readonly Step[] = [
      ["accept", ""],
      [">", "GET /before HTTP/1.1\r\n\r\n"],
      ["<", "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"],
      [">", UPGRADE],
      ["<", SWITCHING + settings()],
      ["<", server.headers(1, answer(418))],
      [">", PREFACE + settings() + client.headers(3, get("/new"), END_STREAM)],
      ["<", settings(1) + data(1, "tea", END_STREAM) + server.headers(3, ok, END_STREAM)],
    ];
    const expected = ["GET 200 /new", "GET 404", "GET 418"];
    const told = isClient ? ofClient(expected) : expected;
    const meter = new Meter({ isClient }).judge(steps);
    assert.equal([meter.told, meter.unsynced], [told, 0]);
    for (let cut = 1; cut < 150; cut++)
      assert.equal(new Meter({ isClient }).judge(cutAt(steps, cut)).told, told, `cut at ${cut}`);
    for (let snaplen = 0; snaplen < 150; snaplen += 3)
      // Where it is not seen what follows, the answer is 101.
      assertRight(
        new Meter({ snaplen, isClient }).judge(steps).told,
        [...told, isClient ? "GET 101" : "GET 101 /old"],
        `${snaplen} bytes`,
      );
  });

test("an upgrade to something else is told as before, and nothing behind it", () => {
  for (const word of ["websocket", "h2cx", "foo\r\nX-Upgrade: h2c"]) {
    const meter = new Meter().judge([
      ["accept", ""],
      [">", UPGRADE],
      ["<", `HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${word}\r\n\r\n`],
      [">", PREFACE + settings() + new Encoder().headers(3, get("/new"), END_STREAM)],
      ["<", settings() + new Encoder().headers(3, ok, END_STREAM)],
    ]);
    assert.equal(meter.told, ["GET 101 /old"], word);
  }
});

test("a connection that was there before is followed, and names from before are unknown", () => {
  const client = new Encoder();
  const server = new Encoder();
  const before = [client.headers(1, call("/shop.Orders/Place"), END_STREAM), server.headers(1, CALL_ANSWER)];
  assert.is(before.length, 2);
  server.headers(1, { "grpc-status": "0" }, END_STREAM);
  const meter = new Meter().judge([
    [">", client.headers(3, call("/shop.Orders/Place"), END_STREAM)],
    ["<", server.headers(3, CALL_ANSWER) + server.headers(3, { "grpc-status": "0" }, END_STREAM)],
    [">", client.headers(5, call("/shop.Orders/Cancel"), END_STREAM)],
    ["<", server.headers(5, CALL_ANSWER) + server.headers(5, { "grpc-status": "9" }, END_STREAM)],
    [">", client.headers(7, get("/late"), END_STREAM)],
    ["<", server.headers(7, { ":status": "200", "content-type": "text/html" }, END_STREAM)],
  ]);
  // Of the second, that it is gRPC is from before. Its status is not, and neither is all of the third.
  assertRight(meter.told, ["GET 200 /late"], "late");
  assert.is(meter.told.length + meter.unsynced, 3);
});

test("an answer of which the end is cut ends with the last write before something else, and takes no time of that", () => {
  const client = new Encoder();
  const server = new Encoder();
  const body = "x".repeat(3000);
  const meter = new Meter({ snaplen: 512 }).judge([
    ["accept", "", "1ms"],
    [">", PREFACE + settings() + client.headers(1, get("/big"), END_STREAM), "10ms"],
    ["<", HELLO + server.headers(1, ok) + data(1, body) + data(1, body), "20ms"],
    ["<", data(1, body) + data(1, body), "30ms"],
    ["<", body, "35ms"],
    ["<", data(1, body) + data(1, body, END_STREAM), "40ms"],
    [">", client.headers(3, get("/next"), END_STREAM), "100ms"],
    ["<", server.headers(3, answer(404), END_STREAM), "101ms"],
  ]);
  assert.equal([meter.told, meter.unsynced], [["GET 200 /big", "GET 404"], 0]);
  assert.is(meter.seconds(200).toFixed(6), "0.030000");
  assert.is(meter.seconds(404).toFixed(6), "0.001000");
});

test("an answer of which the end is cut ends when the connection is closed, and a call of which the status is cut is not told", () => {
  for (const [asked, begun, told] of [
    [get("/big"), ok, ["GET 200 /big"]],
    [call("/shop.Orders/Place"), CALL_ANSWER, []],
  ] as const) {
    const server = new Encoder();
    const meter = new Meter({ snaplen: 512 }).judge([
      ["accept", ""],
      [">", PREFACE + settings() + new Encoder().headers(1, asked, END_STREAM)],
      [
        "<",
        HELLO +
          server.headers(1, begun) +
          data(1, "x".repeat(3000)) +
          server.headers(1, { "grpc-status": "0" }, END_STREAM),
      ],
      ["close", ""],
    ]);
    assert.equal([meter.told, meter.unsynced], [told, 1 - told.length]);
  }
});

test("what looks like a request inside a body, where frames were not seen, is told of nobody", () => {
  const client = new Encoder();
  const server = new Encoder();
  const fake = new Encoder().headers(3, { ":method": "DELETE", ":path": "/fake" }, END_STREAM);
  const meter = new Meter({ snaplen: 512 }).judge([
    ["accept", ""],
    [">", PREFACE + settings() + client.headers(1, { ...get("/up"), ":method": "POST" })],
    [">", data(1, "x".repeat(3000)) + data(1, "y".repeat(100)) + data(1, "z").slice(0, 9)],
    [">", fake],
    ["<", HELLO + server.headers(1, ok, END_STREAM)],
    [">", client.headers(3, get("/true"), END_STREAM)],
    ["<", server.headers(3, answer(404), END_STREAM)],
    [">", client.headers(5, get("/next"), END_STREAM)],
    ["<", server.headers(5, ok, END_STREAM)],
  ]);
  assert.not.match(meter.told.join(), /DELETE|fake/);
  assert.equal([meter.told.length, meter.unsynced], [2, 2], "the fake one and the true one are not told");
});

test("more streams than are followed at once: the oldest are not told, and the count of them is exact", () => {
  const client = new Encoder();
  const server = new Encoder();
  const ids = Array.from({ length: 200 }, (_, i) => 2 * i + 1);
  const meter = new Meter().judge([
    ["accept", ""],
    [">", PREFACE + settings()],
    ...ids.map((id): Step => [">", client.headers(id, get("/a"), END_STREAM)]),
    ["<", HELLO],
    ...ids.map((id): Step => ["<", server.headers(id, ok, END_STREAM)]),
  ]);
  assert.equal([meter.told.length, meter.unsynced], [128, 72]);
});

const number4 = (value: number): string =>
  [24, 16, 8, 0].map((shift) => String.fromCharCode((value >>> shift) & 255)).join("");
/** Said by a client in the middle of a connection. */
const HOSTILE: readonly (readonly [what: string, said: string])[] = [
  ["the greatest stream", `\x00\x00\x01\x01\x05\xff\xff\xff\xff\x82`],
  ["a request of the server's streams", frame(1, END_HEADERS | END_STREAM, 2, "\x82")],
  ["a request of no stream", frame(1, END_HEADERS | END_STREAM, 0, "\x82")],
  ["the greatest length", `\xff\xff\xff\x00\x00${number4(1)}`],
  ["more padding than there is", frame(1, END_HEADERS | PADDED, 3, "\xff\x82")],
  ["padding and no byte", frame(1, END_HEADERS | PADDED, 3)],
  ["a priority that is cut", frame(1, END_HEADERS | PRIORITY, 3, "\x00")],
  ["a block that nothing ends, with another in it", frame(1, 0, 3, "\x82") + frame(1, END_HEADERS, 5, "\x82")],
  ["a block that goes on without a begin", frame(9, END_HEADERS, 3, "\x82")],
  ["a block that goes on for another stream", frame(1, 0, 3, "\x82") + frame(9, END_HEADERS, 5, "\x82")],
  [
    "a block that goes on ten thousand times",
    frame(1, 0, 3, "\x82") + frame(9, 0, 3).repeat(10_000) + frame(9, END_HEADERS, 3, "\x84"),
  ],
  [
    "a block of ten thousand parts",
    frame(1, 0, 3, "\x82") + frame(9, 0, 3, "\x84\x84").repeat(10_000) + frame(9, END_HEADERS, 3),
  ],
  [
    "a block that names large fields",
    frame(1, END_HEADERS, 3, `\x40\x01a\x7f\x00${"b".repeat(127)}`) + frame(1, END_HEADERS, 5, "\xbe".repeat(16_000)),
  ],
  ["frames of no type that is known", frame(200, 255, 3, "abc").repeat(1000)],
  [
    "a thousand streams that are reset at once",
    Array.from(
      { length: 1000 },
      (_, i) => frame(1, END_HEADERS | END_STREAM, 2 * i + 3, "\x82\x84") + rst(2 * i + 3, 8),
    ).join(""),
  ],
];
for (const [what, said] of HOSTILE)
  test(`${what} makes nothing wrong, takes no memory, and spoils no other connection`, () => {
    const meter = new Meter();
    const begin: readonly Step[] = [
      ["accept", ""],
      [">", PREFACE + settings() + new Encoder().headers(1, get("/a"), END_STREAM)],
      ["<", HELLO],
    ];
    meter.judge(begin, 8);
    const before = meter.memoryBytes;
    meter.judge([...begin, [">", said], ["<", new Encoder().headers(1, ok, END_STREAM)], ["close", ""]]);
    for (const one of meter.told) assert.is(one, "GET 200 /a");
    meter.judge([["<", new Encoder().headers(1, ok, END_STREAM)]], 8);
    assert.ok(meter.told.length >= 1);
    assert.is(meter.memoryBytes, before);
  });

test("any bytes behind the preface are read to an end, in both directions", () => {
  const any = fc.array(fc.tuple(fc.constantFrom(">" as const, "<" as const), fc.uint8Array({ maxLength: 60 })), {
    maxLength: 12,
  });
  const likely = fc.tuple(fc.nat(9), fc.nat(63), fc.nat(7), fc.uint8Array({ maxLength: 20 }));
  const meter = new Meter();
  const latin = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
  fc.assert(
    fc.property(any, fc.array(likely, { maxLength: 20 }), (noise, frames) => {
      const talk = frames.map(
        ([type, flags, stream, body]): Step => [type % 2 === 0 ? ">" : "<", frame(type, flags, stream, latin(body))],
      );
      meter.judge([["accept", ""], [">", PREFACE + settings()], ["<", HELLO], ...talk]);
      meter.judge(noise.map(([way, bytes]): Step => [way, latin(bytes)]));
    }),
    { numRuns: 300 },
  );
  const before = meter.memoryBytes;
  meter.judge(CONVERSATION);
  assert.ok(isPartOf(TOLD, meter.told));
  assert.is(meter.memoryBytes, before);
});

test("of more connections than are followed in HTTP/2 the silent ones are forgotten, and what is told stays right", () => {
  const meter = new Meter();
  const all = Array.from({ length: 600 }, (_, i) => ({ ino: i + 100, client: new Encoder(), server: new Encoder() }));
  const before = meter.memoryBytes;
  for (const { ino, client } of all)
    meter.judge(
      [
        ["accept", ""],
        [">", PREFACE + settings() + client.headers(1, get("/a"), END_STREAM)],
      ],
      ino,
    );
  for (const { ino, server } of all) meter.judge([["<", HELLO + server.headers(1, answer(404), END_STREAM)]], ino);
  for (const { ino, client, server } of all)
    meter.judge(
      [
        [">", client.headers(3, get("/b"), END_STREAM)],
        ["<", server.headers(3, ok, END_STREAM)],
      ],
      ino,
    );
  const kinds = [...new Set(meter.told)];
  assert.equal(
    kinds.filter((one) => !["GET 200 /b", "GET 200", "GET 404"].includes(one)),
    [],
  );
  assert.ok(meter.told.length >= 700, `${meter.told.length}`);
  assert.is(meter.memoryBytes, before);
});

test.after(cleanUp);
test.run();
