// SPDX-License-Identifier: Apache-2.0
// The meter of PostgreSQL on conversations that are cut in every way: what is told is right, or it is not
// told. test/e2e/postgresql-meter.test.ts asks a true server whether it is.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { cleanUp } from "../rules-wasm/shared.js";
import { meterNamed, type Step } from "./conversation.js";
import { assertNoneWrong, DatabaseMeter, named, testConversation } from "./database.js";

const POLICY = await meterNamed("postgresql");

/** The meter on PostgreSQL. */
class Meter extends DatabaseMeter {
  constructor(snaplen?: number) {
    super(POLICY, "/usr/lib/postgresql/17/bin/postgres", snaplen);
  }
}

const u32 = (value: number): string =>
  String.fromCharCode(value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255);
const message = (tag: string, body = ""): string => `${tag}${u32(body.length + 4)}${body}`;
const startup = (code: number, body = ""): string => u32(body.length + 8) + u32(code) + body;
const begin = startup(0x00030000, "user\0postgres\0\0");
const SSL = startup(80877103);
const query = (text: string): string => message("Q", `${text}\0`);
const parse = (name: string, text: string): string => message("P", `${name}\0${text}\0\0\0`);
const bind = (name: string): string => message("B", `\0${name}\0\0\0\0\0\0\0`);
const EXECUTE = message("E", "\0\0\0\0\0");
const SYNC = message("S");
const done = (tag: string): string => message("C", `${tag}\0`);
const row = (text: string): string => message("D", `\0\x01${u32(text.length)}${text}`);
const failed = (code: string): string => message("E", `SERROR\0VERROR\0C${code}\0MC0000 is text here\0\0`);
const READY = message("Z", "I");
const OPENED: readonly Step[] = [
  ["accept", ""],
  [">", begin],
  ["<", message("R", u32(0)) + message("S", "a\0b\0") + message("K", u32(1) + u32(2)) + READY],
];

/** Each statement has an answer of its own, so a pair that is none shows. */
const CONVERSATION: readonly Step[] = [
  ["accept", ""],
  [">", SSL],
  ["<", "N"],
  [">", begin],
  ["<", message("R", u32(0)) + message("S", "a\0b\0")],
  ["<", message("N", "SNOTICE\0\0") + READY],
  [">", query("-- a comment\n /* one /* more */ */ (select 'Q\0\0\0\x09DELETE'")],
  ["<", message("T", "\0\0") + row(`${done("DELETE 1")}${READY}`) + done("SELECT 1") + READY],
  [">", query("INSERT INTO a VALUES (1); UPDATE a SET b = 1; DROP TABLE c")],
  ["<", done("INSERT 0 1") + done("UPDATE 1") + failed("42P01") + READY],
  [">", parse("s1", "VALUES ($1)") + message("D", "Ss1\0") + SYNC],
  ["<", message("1") + message("t", "\0\0") + message("n") + READY],
  [">", bind("s1") + EXECUTE + SYNC],
  ["<", message("2") + failed("23505") + READY],
  [">", bind("s1") + EXECUTE + SYNC + query("truncate a")],
  ["<", message("2") + row("1") + done("SELECT 1") + READY],
  ["<", failed("57014") + READY],
  [">", query("COPY a FROM STDIN")],
  ["<", message("G", "\0\0\0")],
  [">", message("d", query("DELETE")) + message("c")],
  ["<", done("COPY 1") + message("S", "x\0y\0") + READY],
  [">", query("SECRET s3cret")],
  ["<", failed("42601") + READY],
  [">", message("X")],
  ["close", ""],
];
const TOLD = [
  "COPY",
  "INSERT",
  "SELECT",
  "SELECT",
  "TRUNCATE 57014",
  "UPDATE",
  "VALUES 23505",
  "_OTHER 42601",
  "_OTHER 42P01",
];

test("a conversation with comments, several statements, prepared ones, a pipeline and a copy is told whole", () => {
  const meter = new Meter().judge(CONVERSATION);
  assert.equal([meter.told, meter.unsynced], [TOLD, 0]);
});

testConversation(() => new Meter(), CONVERSATION, TOLD);

test("with every number of bytes that is kept of a buffer, no wrong statement is told", () => {
  // A statement whose completion was not seen has its first word: VALUES, which the server calls SELECT.
  for (let snaplen = 0; snaplen < 130; snaplen++)
    assertNoneWrong(new Meter(snaplen).judge(CONVERSATION).told, TOLD, named([...TOLD, "VALUES"]), `${snaplen} bytes`);
});

test("an answer of which the end is cut is told by its statement, and ends at its last write", () => {
  const meter = new Meter(512).judge([
    ...OPENED,
    [">", query("SELECT * FROM much"), "100ms"],
    ["<", row("x".repeat(100)).repeat(20), "105ms"],
    ["<", row("x".repeat(100)).repeat(20).slice(30), "109ms"],
    [">", query("BEGIN"), "60s"],
    ["<", done("BEGIN") + READY, "60001ms"],
  ]);
  assert.equal([meter.told, meter.unsynced, meter.seconds("SELECT").toFixed(6)], [["BEGIN", "SELECT"], 0, "0.009000"]);
});

test("a statement is as long as from its first byte to its own end, with Flush, too", () => {
  const meter = new Meter().judge([
    ...OPENED,
    [">", parse("", "SELECT 1") + message("D", "S\0") + message("H"), "100ms"],
    ["<", message("1") + message("t", "\0\0") + message("n"), "101ms"],
    [">", bind("") + EXECUTE + SYNC, "110ms"],
    ["<", message("2") + done("SELECT 1") + READY, "112ms"],
  ]);
  assert.equal([meter.told, meter.seconds("SELECT").toFixed(6)], [["SELECT"], "0.012000"]);
});

test("rows that are sent with a prepared COPY end with a Sync of their own, which nobody answers", () => {
  const meter = new Meter().judge([
    ...OPENED,
    [">", parse("", "COPY a FROM STDIN") + bind("") + EXECUTE + SYNC],
    ["<", message("1") + message("2") + message("G", "\0\0\0")],
    [">", message("d", "1\n") + message("c") + SYNC],
    ["<", done("COPY 1") + READY],
    [">", query("INSERT INTO a VALUES (1)")],
    ["<", failed("23505") + READY],
    [">", query("SELECT 1")],
    ["<", done("SELECT 1") + READY],
  ]);
  assert.equal([meter.told, meter.unsynced], [["COPY", "INSERT 23505", "SELECT"], 0]);
});

test("a name that is taken keeps no word that may be another's", () => {
  const meter = new Meter().judge([
    ...OPENED,
    [">", parse("s", "SELECT 1") + SYNC],
    ["<", message("1") + READY],
    [">", parse("s", "DELETE FROM a") + SYNC],
    ["<", failed("42P05") + READY],
    [">", bind("s") + EXECUTE + SYNC],
    ["<", message("2") + failed("22012") + READY],
  ]);
  assert.equal(meter.told, ["DELETE 42P05", "_OTHER 22012"]);
});

test("rows of a COPY that go on after it has failed are no requests, though they look like some", () => {
  const meter = new Meter(256).judge([
    ...OPENED,
    [">", query("COPY a FROM STDIN")],
    ["<", message("G", "\0\0\0")],
    [">", message("d", "x".repeat(500)) + message("d", "y".repeat(500))],
    ["<", failed("22P02") + READY],
    [">", "Q1234567890 some more of a row\n"],
    [">", "B\t12\tP\n"],
    [">", query("SELECT 1")],
    ["<", done("SELECT 1") + READY],
  ]);
  assert.equal(meter.told, ["COPY 22P02", "SELECT"]);
});

test("an answer that nobody waits for makes the connection unsure, and is counted", () => {
  const meter = new Meter().judge([
    ...OPENED,
    ["<", done("SELECT 1") + READY], // of a request that another thread writes, recorded later
    [">", query("SELECT 1")],
    [">", query("BEGIN"), "10s"],
    ["<", done("BEGIN") + READY, "10001ms"],
  ]);
  assert.equal([meter.told, meter.unsynced], [["BEGIN"], 2]);
});

for (const [what, steps] of Object.entries<readonly Step[]>({
  "TLS that is agreed on": [
    ["accept", ""],
    [">", SSL],
    ["<", "S"],
    [">", query("SELECT 1")],
    ["<", done("SELECT 1") + READY],
  ],
  "a request to cancel": [
    ["accept", ""],
    [">", startup(80877102, u32(1) + u32(2))],
  ],
  replication: [
    ...OPENED,
    [">", query("START_REPLICATION SLOT s LOGICAL 0/0")],
    ["<", message("W", "\0\0\0")],
    ["<", message("d", "w")],
  ],
  HTTP: [
    ["accept", ""],
    [">", "GET / HTTP/1.1\r\n\r\n"],
    ["<", "HTTP/1.1 200 OK\r\n\r\n"],
  ],
  "an end that the server tells unasked": [...OPENED, ["<", failed("57P01")], ["close", ""]],
}))
  test(`${what} is no statement`, () => {
    assert.equal(new Meter().judge(steps).told, []);
  });

test("what was there before is told once it has rested for a second", () => {
  const meter = new Meter().judge([
    [">", query("SELECT 1"), "1ms"],
    ["<", done("SELECT 1") + READY, "2ms"],
    [">", query("INSERT INTO a VALUES (1)"), "1500ms"],
    ["<", done("INSERT 0 1") + READY, "1501ms"],
  ]);
  assert.equal([meter.told, meter.unsynced], [["INSERT"], 1]);
});

test("of a batch full of failing statements each is told, in the same memory", () => {
  const meter = new Meter(65_536);
  const { memoryBytes } = meter;
  const round: readonly Step[] = [
    [">", query("SELEC").repeat(200)],
    ["<", (failed("42601") + READY).repeat(200)],
  ];
  for (const isClient of [false, true])
    meter.judge([...OPENED, ...Array.from({ length: 50 }, () => round).flat()], isClient ? 8 : 7, 0, { isClient });
  assert.equal([meter.told.length, meter.asked.length, meter.memoryBytes], [10_000, 10_000, memoryBytes]);
});

test("hostile lengths and texts are no statements, and take no memory", () => {
  const meter = new Meter();
  const { memoryBytes } = meter;
  const deep = `${"/*".repeat(1_000)}SELECT${"*/".repeat(1_000)} DELETE`;
  for (const request of [
    `Q${u32(3)}`,
    `Q${u32(0xffffffff)}`,
    `Q${u32(4)}`,
    message("Q"),
    message("P"),
    message("B"),
    query(deep),
    query("A".repeat(300)),
    parse("n".repeat(2_000), "SELECT 1") + SYNC,
    SYNC,
    "\0\0\0\0",
  ])
    for (const reply of [
      `D${u32(0)}`,
      message("E"),
      message("E", "C"),
      failed("s3cret/".repeat(20)),
      done("\0"),
      "x",
      READY.repeat(100),
    ])
      meter.judge([...OPENED, [">", request], ["<", reply], [">", query("BEGIN")], ["<", done("BEGIN") + READY]]);
  for (const told of new Set(named(meter.told))) assert.ok(["_OTHER", "BEGIN", "SELECT"].includes(told), told);
  assert.is(meter.memoryBytes, memoryBytes);
});

test.after(cleanUp);
test.run();
