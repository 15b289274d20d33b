// SPDX-License-Identifier: Apache-2.0
// The meter of HTTP servers on conversations that are cut in every way: what is told is right, or it is not
// told. test/e2e/http-meter.test.ts asks a true server whether it is.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { cleanUp } from "../rules-wasm/shared.js";
import { Meter as Conversation, isPartOf, meterNamed, type Step, testCuts } from "./conversation.js";
import { CHUNKED, CONVERSATION, ok } from "./http-conversation.js";

const POLICY = await meterNamed("http-server");
const DURATION = "http.server.request.duration";

/** The meter on nginx. */
class Meter extends Conversation {
  constructor(snaplen?: number) {
    super(POLICY, "/usr/sbin/nginx", snaplen);
  }

  /** As `GET 200 /users/{id}`, once for each request, sorted. */
  get told(): string[] {
    return this.series(DURATION)
      .flatMap(({ labels, buckets }) => {
        const [, method, status, route] = labels ?? [];
        return new Array<string>(buckets.reduce((sum, one) => sum + one, 0)).fill(
          `${method} ${status} ${route}`.trim(),
        );
      })
      .sort();
  }

  /** Seconds of requests with this status, all together. */
  seconds(status: number): number {
    const of = this.series(DURATION).filter(({ labels }) => labels?.[2] === `${status}`);
    return of.reduce((sum, { value }) => sum + value, 0);
  }
}

const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";
const FAKE = "GET /fake HTTP/1.1\r\n\r\n";
const COOKIE = `Cookie: ${"c".repeat(600)}\r\n`;
const UPLOAD = `POST /up HTTP/1.1\r\n${COOKIE}Expect: 100-continue\r\nContent-Length: ${FAKE.length}\r\n\r\n`;
const LATER: readonly Step[] = [
  [">", "GET /b HTTP/1.1\r\n\r\n"],
  ["<", "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"],
  [">", "GET /c HTTP/1.1\r\n\r\n"],
  ["<", ok("c")],
];

const TOLD = [
  "GET 200 /users/{id}",
  "GET 304 /cached",
  "GET 404",
  "HEAD 200 /",
  "POST 201 /upload",
  "PUT 200 /users/{id}",
];

test("a conversation with chunks, a pipeline, HEAD, 100, 304 and an end by closing is told whole", () => {
  const meter = new Meter().judge(CONVERSATION);
  assert.equal(meter.told, TOLD);
  assert.is(meter.unsynced, 0);
});

testCuts(() => new Meter(), CONVERSATION, TOLD);

/** Without the template, which a cut head may not have. */
const named = (told: readonly string[]): string[] => told.map((one) => one.split(" ").slice(0, 2).join(" "));

test("with every number of bytes that is kept of a buffer, nothing wrong is told", () => {
  for (let snaplen = 0; snaplen < 130; snaplen++) {
    const { told } = new Meter(snaplen).judge(CONVERSATION);
    assert.ok(isPartOf(named(told), named(TOLD)), `${snaplen} bytes: ${told.join("; ")}`);
    for (const one of told)
      assert.ok(TOLD.includes(one) || TOLD.some((all) => all.startsWith(`${one} `)), `${snaplen} bytes: ${one}`);
  }
});

const LONG = `HTTP/1.1 200 OK\r\n${CHUNKED}\r\n400\r\n${"x".repeat(0x400)}\r\n0\r\n\r\n`;

test("an answer of which the end is cut ends at its last write, and takes no time of the next one", () => {
  const meter = new Meter(512).judge([
    ["accept", "", "1ms"],
    [">", `GET /a HTTP/1.1\r\n${COOKIE}\r\n`, "100ms"],
    ["<", LONG, "110ms"],
    [">", "GET /b HTTP/1.1\r\n\r\n", "60s"],
    ["<", "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "60002ms"],
  ]);
  assert.equal(meter.told, ["GET 200 /a", "GET 404"]);
  assert.equal(
    [meter.seconds(200), meter.seconds(404)].map((one) => one.toFixed(6)),
    ["0.010000", "0.002000"],
  );
});

test("the end of an answer does not move once a request was read that is not told", () => {
  const upload = `POST /up HTTP/1.1\r\n${CHUNKED}\r\n`;
  const meter = new Meter(512).judge([
    ["accept", "", "1ms"],
    [">", upload, "100ms"],
    ["<", LONG, "110ms"], // before the body is read, of which then nobody sees where it ends
    [">", `400\r\n${"x".repeat(0x400)}\r\n0\r\n\r\n`, "120ms"],
    [">", "GET /b HTTP/1.1\r\n\r\n", "60s"],
    ["<", "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "60002ms"],
    ["close", "", "60003ms"],
  ]);
  assert.equal([meter.told, meter.unsynced], [["POST 200 /up"], 1]);
  assert.is(meter.seconds(200).toFixed(6), "0.010000");
});

test("answers of a pipeline behind one of which the end is cut are told of nobody", () => {
  const get = (path: string) => `GET ${path} HTTP/1.1\r\n\r\n`;
  const meter = new Meter(512).judge([
    ["accept", ""],
    [">", get("/a") + get("/b") + get("/c")],
    ["<", LONG],
    ["<", "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"],
    ["<", "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"],
    [">", get("/d")],
    ["<", "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"],
  ]);
  assert.equal([meter.told, meter.unsynced], [[], 3]);
});

test("with any step lost and counted, nothing wrong is told, and the connection is followed again", () => {
  for (let gone = 1; gone < CONVERSATION.length; gone++) {
    const meter = new Meter().judge(CONVERSATION.slice(0, gone)).judge(CONVERSATION.slice(gone + 1), 7, 1);
    const { told } = meter;
    assert.ok(isPartOf(told, TOLD), `without step ${gone}: ${told.join("; ")}`);
    assert.ok(
      told.length === TOLD.length || meter.unsynced > 0 || gone >= CONVERSATION.length - 2,
      `without step ${gone}`,
    );
    // Of six requests. A body, or a part of a pipeline, may look like another.
    assert.ok(told.length + meter.unsynced <= TOLD.length + 1, `without step ${gone}: ${meter.unsynced} of ${told}`);
    meter.judge(CONVERSATION, 7, 1);
    assert.ok(isPartOf(TOLD, meter.told), `a new connection after step ${gone}`);
  }
});

test("a connection that was there before is told from the first request after an answer's begin on", () => {
  const meter = new Meter().judge([
    ["<", "some of a body"],
    [">", "GET /a HTTP/1.1\r\n\r\n"],
    ["<", ok("a")],
    [">", "GET /b HTTP/1.1\r\n\r\n"],
    ["<", ok("b")],
  ]);
  assert.equal([meter.told, meter.unsynced], [["GET 200 /b"], 1]);
});

for (const [what, ways] of [
  ["after 100 Continue", [CONTINUE, ok("")]],
  ["after 102 and 100 in pieces", ["HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 10", "0 Continue\r\n\r\n", ok("")]],
  ["before anything is written", [ok("")]],
] as const)
  test(`of a request with a cut head, a body that looks like a request is none: ${what}`, () => {
    const steps = [
      [">", UPLOAD],
      ...ways.slice(0, -1).map((text) => ["<", text] as const),
      [">", FAKE],
      ["<", ways.at(-1) as string],
      ...LATER,
    ] as const;
    const meter = new Meter(512).judge([["accept", ""], ...steps]);
    assert.equal(meter.told, ["GET 200 /c", "GET 404", "POST 200 /up"]);
    // Nothing tells what the head was where its connection was there before.
    assert.equal(new Meter(512).judge(steps).told, ["GET 200 /c", "GET 404"]);
  });

test("a body that comes after the answer to a cut head shows when the next request is there, and ends the telling", () => {
  const { told } = new Meter(512).judge([
    ["accept", ""],
    [">", UPLOAD],
    ["<", "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"],
    [">", FAKE],
    ...LATER,
  ]);
  assert.equal(told, ["POST 401"]);
});

test("a body after 100 Continue is no request on a connection that was there before, whose head nobody saw", () => {
  for (const steps of [
    [["<", CONTINUE], [">", FAKE], ["<", ok("")], ...LATER],
    [[">", FAKE], ["<", CONTINUE + ok("")], ...LATER],
  ] as const)
    assert.equal(new Meter().judge(steps).told, ["GET 200 /c", "GET 404"]);
});

for (const [way, text] of [
  ["shutdown", "SHUT_RD"],
  ["shutdown", "-SHUT_RDWR"],
  ["close", "2000"],
] as const)
  test(`an answer without a length goes on after ${way} ${text}, and ends at the writer's close`, () => {
    const meter = new Meter().judge([
      ["accept", "", "1ms"],
      [">", "GET /a HTTP/1.0\r\n\r\n", "10ms"],
      ["<", "HTTP/1.0 200 OK\r\n\r\nsome", "11ms"],
      [way, text, "12ms"],
      ["<", "HTTP/1.0 500 more", "40ms"],
    ]);
    assert.equal(meter.told, []);
    meter.judge([["close", "", "1s"]]);
    assert.equal([meter.told, meter.unsynced], [["GET 200 /a"], 0]);
    assert.is(meter.seconds(200).toFixed(6), "0.030000");
  });

for (const how of ["SHUT_WR", "SHUT_RDWR"])
  test(`an answer without a length ends at ${how}`, () => {
    const meter = new Meter().judge([
      ["accept", ""],
      [">", "GET /a HTTP/1.0\r\n\r\n"],
      ["<", "HTTP/1.0 200 OK\r\n\r\nsome"],
      ["shutdown", how],
    ]);
    assert.equal(meter.told, ["GET 200 /a"]);
  });

test("calls that say how many messages they moved, and not how many bytes, make the connection unsure", () => {
  const received = new Meter().judge([["accept", ""], [">>", FAKE], ["<", ok("")], ...LATER]);
  assert.equal([received.told, received.unsynced], [["GET 200 /c", "GET 404"], 1]);
  const sent = new Meter().judge([["accept", ""], [">", FAKE], ["<<", ok("hello")], ...LATER]);
  assert.equal([sent.told, sent.unsynced], [["GET 200 /c"], 2]);
});

test("what goes through a tunnel, or after an upgrade, is not told though the connection was there before", () => {
  for (const steps of [
    [[">", "CONNECT a:443 HTTP/1.1\r\n\r\n"], ["<", "HTTP/1.1 200 OK\r\n\r\n"], ...LATER],
    [["<", "HTTP/1.1 101 Switching\r\n\r\n"], ["<", ok("")], ...LATER],
  ] as const)
    assert.equal(new Meter().judge(steps).told, []);
});

test("a connection that was upgraded, or is a tunnel, is told once and is silent then", () => {
  const steps: readonly Step[] = [
    ["accept", ""],
    [">", "GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"],
    ["<", "HTTP/1.1 101 Switching\r\n\r\n"],
    [">", "GET /fake HTTP/1.1\r\n\r\n"],
    ["<", ok("")],
  ];
  assert.equal(new Meter().judge(steps).told, ["GET 101 /chat"]);
  const tunnel = new Meter().judge([
    ["accept", ""],
    [">", "CONNECT a:443 HTTP/1.1\r\n\r\n"],
    ["<", "HTTP/1.1 200 OK\r\n\r\n"],
    [">", "GET /fake HTTP/1.1\r\n\r\n"],
    ["<", ok("")],
  ]);
  assert.equal(tunnel.told, ["CONNECT 200"]);
});

test("what was lost of a connection that is idle, or speaks something else, is no request", () => {
  const get: readonly Step[] = [
    [">", "GET /a HTTP/1.1\r\n\r\n"],
    ["<", ok("a")],
  ];
  const idle = new Meter().judge([["accept", ""], ...get]).judge([...get, ...get], 7, 1);
  assert.equal([idle.told.length, idle.unsynced], [2, 1]);
  for (const talk of [
    [
      [">", "SSH-2.0-x\r\n"],
      ["<", "SSH-2.0-x\r\n"],
    ],
    [...get, [">", "GET /chat HTTP/1.1\r\n\r\n"], ["<", "HTTP/1.1 101 Switching\r\n\r\n"]],
  ] as const) {
    const other = new Meter().judge([["accept", ""], ...talk]);
    for (let lost = 1; lost < 4; lost++)
      other.judge(
        [
          [">", "abc"],
          ["<", "def"],
        ],
        7,
        lost,
      );
    assert.is(other.unsynced, 0);
  }
});

test("what is no HTTP request and is answered in HTTP is _OTHER, and other protocols are silent", () => {
  assert.equal(
    new Meter().judge([
      ["accept", ""],
      [">", "nonsense\r\n\r\n"],
      ["<", "HTTP/1.1 400 Bad\r\n\r\nx"],
      ["close", ""],
    ]).told,
    ["_OTHER 400"],
  );
  for (const talk of [
    "SSH-2.0-x\r\n",
    "*1\r\n$4\r\nPING\r\n",
    "\u0016\u0003\u0001\u0002\u0000\u0001",
    "\u0000\u0000\u0000\u0008",
    "HTTPSTER",
  ]) {
    const meter = new Meter().judge([
      ["accept", ""],
      [">", talk],
      ["<", talk],
      [">", "GET / HTTP/1.1\r\n\r\n"],
      ["<", ok("")],
      ["close", ""],
    ]);
    assert.equal(meter.told, [], talk);
  }
});

test("two lengths, or a length that is none, make the connection unsure and not the host", () => {
  for (const head of [
    "Content-Length: 1\r\nContent-Length: 2",
    "Content-Length: -5",
    "Content-Length: 99999999999999999999",
    "Transfer-Encoding: x",
  ]) {
    const { told } = new Meter().judge([
      ["accept", ""],
      [">", `POST /a HTTP/1.1\r\n${head}\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n`],
      ["<", ok("")],
      [">", "GET /b HTTP/1.1\r\n\r\n"],
      ["<", ok("")],
    ]);
    assert.equal(told, ["GET 200 /b", "POST 200 /a"], head);
  }
});

const ROUTES: readonly (readonly [path: string, route: string])[] = [
  ["/", "/"],
  ["/users/4711/orders", "/users/{id}/orders"],
  ["/o/0b7c6d1e-33c4-4f0e-9d5c-2f7b6f1f8a11", "/o/{id}"],
  ["/o/deadbeef01", "/o/{id}"],
  ["/u/jane@example.com", "/u/{id}"],
  ["/u/a%20b", "/u/{id}"],
  ["/facade", "/facade"],
  [`/${"x".repeat(40)}`, "/{id}"],
  ["/v1/users?token=s3cret", "/v1/users"],
  ["http://host/abs/path", "/abs/path"],
];
for (const [path, route] of ROUTES)
  test(`${path} is ${route}`, () => {
    const { told } = new Meter().judge([
      ["accept", ""],
      [">", `GET ${path} HTTP/1.1\r\n\r\n`],
      ["<", ok("")],
    ]);
    assert.equal(told, [`GET 200 ${route}`]);
  });

test("a place with more than ten names is {any}, and what fails is no route", () => {
  const meter = new Meter().judge([["accept", ""]]);
  const names = Array.from({ length: 30 }, (_, i) => `page-${String.fromCharCode(97 + (i % 26))}${i > 25 ? "x" : ""}`);
  for (const name of names)
    meter.judge([
      [">", `GET /scan/${name} HTTP/1.1\r\n\r\n`],
      ["<", "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"],
    ]);
  assert.equal([...new Set(meter.told)], ["GET 404"]);
  for (const name of names)
    meter.judge([
      [">", `GET /pages/${name} HTTP/1.1\r\n\r\n`],
      ["<", ok("")],
    ]);
  const routes = new Set(meter.told.filter((one) => one.startsWith("GET 200")));
  assert.is(routes.size, 11);
  assert.is(meter.told.filter((one) => one === "GET 200 /pages/{any}").length, 20);
});

const LETTERS = [..."abcdefghij"];
/** A hundred paths that succeed, in places of ten. */
const HUNDRED: readonly Step[] = LETTERS.flatMap((one) =>
  LETTERS.flatMap((other): Step[] => [
    [">", `GET /${one}/${other} HTTP/1.1\r\n\r\n`],
    ["<", ok("")],
  ]),
);

test("templates of one server are not another's, nor another agent's, and one cannot use up the others' room", () => {
  const ask = (path: string): readonly Step[] => [
    ["accept", ""],
    [">", `GET ${path} HTTP/1.1\r\n\r\n`],
    ["<", ok("")],
  ];
  const meter = new Meter().judge([["accept", ""], ...HUNDRED]);
  assert.is(new Set(meter.told).size, 100);
  meter.judge(ask("/a/new"));
  assert.is(meter.told.filter((one) => one === "GET 200").length, 1, "the hundred and first template is none");
  meter.judge(ask("/a/new"), 8, 0, { exepath: "/usr/bin/other" });
  assert.is(meter.told.filter((one) => one === "GET 200 /a/new").length, 1);
  meter.judge(ask("/a/newer"), 7, 0, { agent: 1 });
  assert.is(meter.told.filter((one) => one === "GET 200 /a/newer").length, 1);
});

test("when many servers have many templates all are forgotten and learned anew, in the same memory", () => {
  const meter = new Meter();
  const serve = (i: number) => meter.judge([["accept", ""], ...HUNDRED], 7, 0, { exepath: `/srv/${i}/nginx` });
  const before = serve(0).memoryBytes;
  for (let i = 1; i < 30; i++) serve(i);
  assert.equal([...new Set(meter.told)].length, 100);
  assert.is(meter.told.length, 3000, "each has its template");
  assert.is(meter.told.filter((one) => one === "GET 200").length, 0);
  assert.is(meter.memoryBytes, before);
});

test.after(cleanUp);
test.run();
