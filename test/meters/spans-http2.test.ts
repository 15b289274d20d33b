// SPDX-License-Identifier: Apache-2.0
// Which requests over HTTP/2 and calls of gRPC become spans (H94): each of its own traceparent or of none,
// however its bytes are cut or lost, and whatever a client makes of HPACK.
// test/e2e/spans-http2.test.ts asks true servers whether it is so.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Span, takeSpans } from "../../host/metric/spans.js";
import { cleanUp } from "../rules-wasm/shared.js";
import { bytewise, Meter as Conversation, cutAt, cutsOf, isPartOf, meterNamed, type Step } from "./conversation.js";
import {
  answer,
  CALL_ANSWER,
  call,
  data,
  END_HEADERS,
  END_STREAM,
  Encoder,
  type Fields,
  frame,
  get,
  HELLO,
  PREFACE,
  rst,
  settings,
} from "./http2-conversation.js";

const OFF = { server: await meterNamed("http-server"), client: await meterNamed("http-client") } as const;
const ON = {
  server: { ...OFF.server, parameters: { ...OFF.server.parameters, spans: true } },
  client: { ...OFF.client, parameters: { ...OFF.client.parameters, spans: true } },
} as const;
type Side = keyof typeof ON;
const SIDES: readonly Side[] = ["server", "client"];

class Meter extends Conversation {
  readonly #side: Side;

  constructor(side: Side = "server", { snaplen = 16_384, isOn = true } = {}) {
    super((isOn ? ON : OFF)[side], "/usr/bin/app", snaplen);
    this.#side = side;
  }

  override judge(steps: readonly Step[], ino = 7, lost = 0): this {
    return super.judge(steps, ino, lost, { isClient: this.#side === "client" });
  }

  /** What became spans, as the host takes them. */
  get spans(): readonly Span[] {
    const instruments = OFF[this.#side].admitted.metadata.metrics ?? [];
    const measurements = [`vedette.spans.${this.#side}`, `vedette.spans.${this.#side}.grpc`].flatMap((name) =>
      this.series(name).map((one) => ({ ...one, instrument: instruments.findIndex((each) => each.name === name) })),
    );
    const { spans, rest } = takeSpans({ measurements, refused: 0 }, instruments);
    assert.is(rest.refused, 0);
    return spans;
  }

  /** Those with a parent: as `1 b1 GET /users/{id} 200`, sorted. */
  get told(): string[] {
    return this.spans
      .filter(({ parentSpanId }) => parentSpanId !== "")
      .map(shown)
      .sort();
  }

  /** What is counted of requests and calls. */
  get counted(): object {
    const names = [`http.${this.#side}.request.duration`, `rpc.${this.#side}.call.duration`];
    return names.map((name) => this.series(name).map(({ labels, buckets }) => ({ labels, buckets })));
  }
}

const traceOf = (i: number): string => `${i}`.padStart(32, "a");
const parentOf = (i: number): string => `${i}`.padStart(16, "b");
const traceparent = (i: number, flags = "01"): { readonly traceparent: string } => ({
  traceparent: `00-${traceOf(i)}-${parentOf(i)}-${flags}`,
});

function shown({ traceId, parentSpanId, name, isError, attributes }: Span): string {
  const status = attributes["http.response.status_code"] ?? attributes["rpc.response.status_code"];
  const [trace, parent] = [traceId, parentSpanId].map((one) => Number(one.replace(/^[ab]*/, "")));
  return `${trace}${parent === trace ? "" : `/${parent}`} ${name} ${status}${isError ? " error" : ""}`;
}

/** Requests and calls, several underway together, to be recorded or not. Each has a status of its own. */
function conversation(): Step[] {
  const client = new Encoder();
  const server = new Encoder();
  const ask = (stream: number, fields: Fields, flags = END_STREAM): string => client.headers(stream, fields, flags);
  const say = (stream: number, fields: Fields): string => server.headers(stream, fields, END_STREAM);
  return [
    ["accept", ""],
    [">", PREFACE + settings() + ask(1, { ...get("/users/11?token=s3cret"), ...traceparent(1) })],
    ["<", HELLO + say(1, answer(201))],
    [
      ">",
      ask(3, { ...get("/users/12"), ...traceparent(2) }) +
        ask(5, { ...get("/users/13"), ...traceparent(3, "00") }) +
        ask(7, { ...call("/shop.Orders/Place"), ...traceparent(4) }) +
        ask(9, { ...get("/fail"), ...traceparent(5, "00") }) +
        ask(11, { ...get("/users/14"), ...traceparent(2) }),
    ],
    ["<", say(11, answer(404)) + server.headers(7, CALL_ANSWER)],
    ["<", data(7, "\0\0\0\0\0") + say(7, { "grpc-status": "0" }) + say(9, answer(503)) + say(3, answer(202))],
    ["<", say(5, answer(200))],
    [
      ">",
      client.headers(13, { ...call("/shop.Orders/Place"), ...traceparent(6) }) + data(13, "\0\0\0\0\0", END_STREAM),
    ],
    ["<", say(13, { ...CALL_ANSWER, "grpc-status": "5" })],
    [">", client.pieces(15, { ...call("/shop.Orders/Place"), ...traceparent(7, "00") }, 13, END_STREAM)],
    ["<", say(15, { ...CALL_ANSWER, "grpc-status": "13" })],
    [">", client.pieces(17, { ...get("/users/15"), ...traceparent(8) }, 9, END_STREAM)],
    ["<", say(17, answer(203))],
    [">", ask(19, { ...call("/shop.Orders/Place"), ...traceparent(9) })],
    ["<", server.headers(19, CALL_ANSWER) + rst(19, 7)],
    ["close", ""],
  ];
}

const TOLD: Readonly<Record<Side, readonly string[]>> = {
  server: [
    "1 GET /users/{id} 201",
    "2 GET /users/{id} 202",
    "2 GET /users/{id} 404",
    "4 shop.Orders/Place OK",
    "5 GET 503 error",
    "6 shop.Orders/Place NOT_FOUND",
    "7 shop.Orders/Place INTERNAL error",
    "8 GET /users/{id} 203",
    "9 shop.Orders/Place UNAVAILABLE error",
  ],
  client: [
    "1 GET 201",
    "2 GET 202",
    "2 GET 404 error",
    "4 shop.Orders/Place OK",
    "5 GET 503 error",
    "6 shop.Orders/Place NOT_FOUND error",
    "7 shop.Orders/Place INTERNAL error",
    "8 GET 203",
    "9 shop.Orders/Place UNAVAILABLE error",
  ],
};
const STEPS = conversation();

/** As `1 201`, without names: where a begin was not seen, no path was learned. */
const bare = (told: readonly string[]): string[] =>
  told.map((one) => one.replace(/^(\S+) .* ([A-Z_\d]+)(?: error)?$/, "$1 $2"));

function assertRight(meter: Meter, side: Side, when: string): void {
  assert.ok(isPartOf(bare(meter.told), bare(TOLD[side])), `${when}: ${meter.told.join("; ")}`);
  assert.not.match(JSON.stringify(meter.spans.map(({ name, attributes }) => [name, attributes])), /s3cret|users\/1/);
}

for (const side of SIDES) {
  test(`${side}: requests and calls of one connection are spans of their own traces`, () => {
    const meter = new Meter(side).judge(STEPS);
    assert.equal(meter.told, [...TOLD[side]].sort());
    assert.is(meter.unsynced, 0);
    const kind = side === "server" ? 2 : 3;
    assert.ok(meter.spans.every((one) => one.kind === kind));
    assert.is(new Set(meter.spans.map(({ spanId }) => spanId)).size, meter.spans.length);
  });

  test(`${side}: cut into reads and writes at every byte, and byte by byte, they are the same`, () => {
    for (const cut of cutsOf(STEPS))
      assert.equal(new Meter(side).judge(cutAt(STEPS, cut)).told, [...TOLD[side]].sort(), `cut at ${cut}`);
    assert.equal(new Meter(side).judge(bytewise(STEPS)).told, [...TOLD[side]].sort());
  });

  test(`H94: ${side}: with every number of bytes that is kept of a buffer, none has another's trace`, () => {
    let most = 0;
    for (let snaplen = 0; snaplen < 700; snaplen++) {
      const meter = new Meter(side, { snaplen }).judge(STEPS);
      assertRight(meter, side, `${snaplen} bytes`);
      most = meter.told.length;
    }
    assert.is(most, TOLD[side].length);
  });

  test(`H94: ${side}: with few bytes kept of pieces, and with any event lost, none has another's trace`, () => {
    for (let snaplen = 1; snaplen < 160; snaplen += 11)
      for (let cut = 1 + (snaplen % 7); cut < 200; cut += 7)
        assertRight(new Meter(side, { snaplen }).judge(cutAt(STEPS, cut)), side, `${snaplen} bytes, cut at ${cut}`);
    for (const steps of [STEPS, cutAt(STEPS, 9), cutAt(STEPS, 40)])
      for (let gone = 0; gone < steps.length; gone++) {
        const meter = new Meter(side).judge(steps.slice(0, gone)).judge(steps.slice(gone + 1), 7, 1);
        assertRight(meter, side, `without ${gone} of ${steps.length}`);
      }
  });

  test(`${side}: off means off, and what is counted is the same`, () => {
    const off = new Meter(side, { isOn: false }).judge(STEPS);
    assert.equal(off.spans, []);
    assert.equal(off.counted, new Meter(side).judge(STEPS).counted);
  });
}

test("a call is named by its method and its status, and has none of a request's attributes", () => {
  const { spans } = new Meter("client").judge(STEPS);
  const [span] = spans.filter(({ traceId }) => traceId === traceOf(6));
  assert.equal(span?.attributes, {
    "process.executable.name": "app",
    "rpc.system.name": "grpc",
    "rpc.method": "shop.Orders/Place",
    "rpc.response.status_code": "NOT_FOUND",
    "server.address": "192.0.2.1",
    "server.port": "4711",
  });
});

test("a call of a method that is not known has the system's name", () => {
  const steps: Step[] = [
    ["accept", ""],
    [">", PREFACE + settings() + new Encoder().headers(1, { ...call("/s3cret/x"), ...traceparent(1) }, END_STREAM)],
    ["<", HELLO + new Encoder().headers(1, { ...CALL_ANSWER, "grpc-status": "12" }, END_STREAM)],
  ];
  const meter = new Meter().judge(steps);
  assert.equal(meter.told, ["1 grpc UNIMPLEMENTED error"]);
  assert.is(meter.spans[0]?.attributes["rpc.method"], "_OTHER");
});

/** One request, whose block is this, and the answer to it. */
const only = (block: string, status = 500): Step[] => [
  ["accept", ""],
  [">", PREFACE + settings() + frame(1, END_HEADERS | END_STREAM, 1, block)],
  ["<", HELLO + new Encoder().headers(1, answer(status), END_STREAM)],
];

test("the request that asks for HTTP/2 has the traceparent of its head", () => {
  const head = (field: string): string =>
    `GET /old HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n${field}HTTP2-Settings: AAMAAABk\r\n\r\n`;
  for (const [field, told] of [
    [`traceparent: ${traceparent(1).traceparent}\r\n`, ["1 GET 500 error", "2 GET 500 error"]],
    ["", ["2 GET 500 error"]],
  ] as const) {
    const server = new Encoder();
    const steps: Step[] = [
      ["accept", ""],
      [">", head(field)],
      ["<", `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n${settings()}`],
      ["<", server.headers(1, answer(500), END_STREAM)],
      [">", PREFACE + settings() + new Encoder().headers(3, { ...get("/new"), ...traceparent(2) }, END_STREAM)],
      ["<", settings(1) + server.headers(3, answer(500), END_STREAM)],
    ];
    for (const side of SIDES)
      for (let cut = 1; cut < 200; cut++)
        assert.equal(new Meter(side).judge(cutAt(steps, cut)).told, told, `${side}, cut at ${cut}`);
  }
});

test("H94: only a request's own block says its trace: not what follows a body, an answer or a promise", () => {
  const client = new Encoder();
  const server = new Encoder();
  const promised = `\0\0\0\x02${server.block({ ...get("/pushed"), ...traceparent(3) })}`;
  const meter = new Meter().judge([
    ["accept", ""],
    [">", PREFACE + settings() + client.headers(1, { ...get("/a"), ":method": "POST" })],
    [">", data(1, "x") + client.headers(1, traceparent(1), END_STREAM)],
    ["<", HELLO + frame(5, END_HEADERS, 1, promised) + server.headers(1, { ...answer(500), ...traceparent(2) })],
    ["<", data(1, "y") + server.headers(1, traceparent(4), END_STREAM)],
  ]);
  assert.equal(
    meter.spans.map(({ parentSpanId, isError }) => [parentSpanId, isError]),
    [["", true]],
  );
});

const good = `00-${traceOf(1)}-${parentOf(1)}-01`;
const field = (name: string, value: string, first = "\x40"): string =>
  `${first}${String.fromCharCode(name.length)}${name}${String.fromCharCode(value.length)}${value}`;
const GET = new Encoder().block(get("/"));
/** What a client makes of the field. In its block two fields were added before. */
const HOSTILE: Readonly<Record<string, string>> = {
  "twice the same": field("traceparent", good) + field("traceparent", good),
  "one, and the same from the table": `${field("traceparent", good)}\xbe`,
  "one, and another that does not read": field("traceparent", "x") + field("traceparent", good),
  "capitals in its name": field("Traceparent", good),
  "capitals in its value": field("traceparent", good.toUpperCase()),
  "too short": field("traceparent", good.slice(0, -1)),
  "too long": field("traceparent", `${good}0`),
  empty: field("traceparent", ""),
  "another version": field("traceparent", good.replace("00", "01")),
  "a text that is none, packed": "\x40\x0btraceparent\x84\xff\xff\xff\xff",
  "one, and a field of a table that is empty": `${field("traceparent", good)}\xff\x20`,
  "one, and a value for a name of a table that is empty": `${field("traceparent", good)}\x7f\x20\x01x`,
  "one, and a field that is cut": `${field("traceparent", good)}\x40\x7fx`,
  "the index 0": `${field("traceparent", good)}\x80`,
};
for (const [what, block] of Object.entries(HOSTILE))
  test(`H94: no trace is told of a request with ${what}, and nothing is counted otherwise`, () => {
    const steps = only(GET + block);
    const meter = new Meter().judge(steps);
    for (const { traceId, parentSpanId } of meter.spans) {
      assert.is(parentSpanId, "");
      assert.not.equal(traceId, traceOf(1));
    }
    assert.equal(meter.counted, new Meter("server", { isOn: false }).judge(steps).counted);
  });

test("H94: a traceparent in the table of a connection is of no other one, also of one with its inode", () => {
  const added = only(GET + field("traceparent", good));
  const named = only(`${GET}\xbe`); // its own newest: the authority
  const meter = new Meter().judge(added, 7);
  assert.equal(meter.told, ["1 GET 500 error"]);
  for (const ino of [7, 8]) {
    meter.judge(named, ino).judge(only("\x82\x86\x84\xbe"), ino); // names what is not there
    assert.equal(meter.told, ["1 GET 500 error"], `${ino}`);
  }
});

test("H94: a traceparent in the table is forgotten at a gap, and the next one is told again", () => {
  const client = new Encoder();
  const server = new Encoder();
  const ask = (stream: number, more: Fields): Step[] => [
    [">", client.headers(stream, { ...get("/"), ...more }, END_STREAM)],
    ["<", server.headers(stream, answer(500), END_STREAM)],
  ];
  const meter = new Meter().judge([
    ["accept", ""],
    [">", PREFACE + settings()],
    ["<", HELLO],
    ...ask(1, traceparent(1)),
  ]);
  assert.equal(meter.told, ["1 GET 500 error"]);
  meter.judge(ask(3, traceparent(1)), 7, 1); // all of it from before the gap
  assert.equal(meter.told, ["1 GET 500 error"]);
  const anew = `\x82\x86\x84${field("traceparent", `00-${traceOf(2)}-${parentOf(2)}-01`)}`;
  const reply = new Encoder();
  meter.judge(
    [
      [">", frame(1, END_HEADERS | END_STREAM, 5, anew)],
      ["<", reply.headers(5, answer(500), END_STREAM)],
      [">", frame(1, END_HEADERS | END_STREAM, 7, "\x82\x86\x84\xbe")],
      ["<", reply.headers(7, answer(500), END_STREAM)],
    ],
    7,
    1,
  );
  assert.equal(meter.told, ["1 GET 500 error", "2 GET 500 error", "2 GET 500 error"]);
});

test("H94: a request that nobody answered leaves no trace to one with its connection's inode and its number", () => {
  const asked = PREFACE + settings() + new Encoder().headers(1, { ...get("/"), ...traceparent(1) }, END_STREAM);
  const meter = new Meter().judge([
    ["accept", ""],
    [">", asked],
    ...only(GET), // nobody saw the end of that
  ]);
  assert.equal(
    meter.spans.map(({ parentSpanId, isError }) => [parentSpanId, isError]),
    [["", true]],
  );
});

test("H94: a head that is longer than what is read of one has no trace: another may come behind that", () => {
  const begin = GET + field("traceparent", good);
  const head = begin + "\x20".repeat(16_384 - begin.length); // sizes of its table
  for (let more = 0; more < 3; more++) {
    const parts = frame(1, END_STREAM, 1, head) + frame(9, END_HEADERS, 1, field("traceparent", good).repeat(more));
    const meter = new Meter("server", { snaplen: 40_000 }).judge([
      ["accept", ""],
      [">", PREFACE + settings() + parts],
      ["<", HELLO + new Encoder().headers(1, answer(500), END_STREAM)],
    ]);
    assert.equal(meter.told, more === 0 ? ["1 GET 500 error"] : [], `${more} more`);
  }
});

test("H94: what looks like a request inside a body gives its trace to nobody", () => {
  const client = new Encoder();
  const fake = new Encoder().headers(3, { ...get("/fake"), ...traceparent(66) }, END_STREAM);
  const meter = new Meter("server", { snaplen: 512 }).judge([
    ["accept", ""],
    [">", PREFACE + settings() + client.headers(1, { ...get("/up"), ":method": "POST" })],
    [">", data(1, "x".repeat(3000)) + data(1, "y".repeat(100)) + data(1, "z").slice(0, 9)],
    [">", fake],
    ["<", HELLO + new Encoder().headers(1, answer(500), END_STREAM)],
    [">", client.headers(3, { ...get("/true"), ...traceparent(3) }, END_STREAM)],
    ["<", new Encoder().headers(3, answer(500), END_STREAM)],
  ]);
  assert.not.match(meter.told.join(), /^66 /);
});

test("H94: a thousand streams that ask for spans at once get the share of one second, and take no memory", () => {
  const meter = new Meter().judge([
    ["accept", ""],
    [">", PREFACE + settings()],
    ["<", HELLO],
  ]);
  const burst = (from: number, count: number): Step[] => {
    const streams = Array.from({ length: count }, (_, i) => 2 * (from + i) + 1);
    const blockOf = (one: number): string => `\x82\x86\x84${field("traceparent", traceparent(one).traceparent)}`;
    return [
      ...streams.map((one): Step => [">", frame(1, END_HEADERS | END_STREAM, one, blockOf(one))]),
      ...streams.map((one): Step => ["<", frame(1, END_HEADERS | END_STREAM, one, "\x88")]),
    ];
  };
  meter.judge(burst(0, 100));
  const before = meter.memoryBytes;
  for (let i = 1; i < 10; i++) meter.judge(burst(100 * i, 100));
  assert.is(meter.memoryBytes, before);
  const { told } = meter;
  assert.equal(told, Array.from({ length: 20 }, (_, i) => `${2 * i + 1} GET / 200`).sort());
});

test.after(cleanUp);
test.run();
