// SPDX-License-Identifier: Apache-2.0
// The meter of MySQL and MariaDB on conversations that are cut in every way: what is told is right, or it is
// not told. test/e2e/mysql-meter.test.ts asks a true server whether it is.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { cleanUp } from "../rules-wasm/shared.js";
import { cutAt, meterNamed, type Step } from "./conversation.js";
import { assertNoneWrong, DatabaseMeter, named, testConversation } from "./database.js";
import {
  ATTRIBUTES,
  COMPRESS,
  close,
  column,
  command,
  eof,
  execute,
  failed,
  GREETING,
  last,
  login,
  NO_EOFS,
  ok,
  packet,
  packets,
  prepare,
  prepared,
  query,
  result,
  row,
  TLS,
} from "./mysql-packets.js";

const POLICY = await meterNamed("mysql");

/** The meter on MariaDB. */
class Meter extends DatabaseMeter {
  constructor(snaplen?: number) {
    super(POLICY, "/usr/sbin/mariadbd", snaplen);
  }
}

const opened = (can?: number): Step[] => [
  ["accept", ""],
  ["<", GREETING],
  [">", login(can)],
  ["<", packet(2, ok())],
];

/** Each statement has an answer of its own, so a pair that is none shows. */
const CONVERSATION: readonly Step[] = [
  ["accept", ""],
  ["<", GREETING],
  [">", login()],
  ["<", packet(2, "\xfecaching_sha2_password\0salt")],
  [">", packet(3, "answer")],
  ["<", packet(4, "\x01\x03") + packet(5, ok())],
  [">", query("-- a comment\n # one more\n /* and /* one */ (select 1)")],
  ["<", result(1, row("\xfe\0\0\x02\0 is text"), row(packet(0, "\x03DELETE")))],
  [">", command(0x0e)],
  ["<", packet(1, ok())],
  [">", query("/*!40101 SET NAMES utf8 */")],
  ["<", packet(1, ok())],
  [">", prepare("INSERT INTO a VALUES (?, ?)")],
  ["<", packets(1, prepared(1, 0, 2), column("?"), column("?"))],
  [">", execute(1)],
  ["<", packet(1, failed(1062))],
  [">", prepare("SELECT ?")],
  ["<", packets(1, prepared(2, 1, 1), column("?"), column("b"))],
  [">", execute(2)],
  ["<", packets(1, "\x01", column("b"), "\0\0\x05", "\0\0\x06", last())],
  [">", close(2) + query("CALL p()")],
  ["<", packets(1, "\x01", column("b"), row("x"), last(true), "\x01", column("c"), row("y"), last(true), ok())],
  [">", prepare("UPDATE nowhere SET a = 1")],
  ["<", packet(1, failed(1146))],
  [">", query("LOAD DATA LOCAL INFILE 'f' INTO TABLE a")],
  ["<", packet(1, "\xfbf")],
  [">", packet(2, query("DELETE FROM a")) + packet(0, "more rows") + packet(4, "")],
  ["<", packet(5, ok())],
  [">", query("SECRET s3cret")],
  ["<", packet(1, failed(1064))],
  [">", query("DO signals()")],
  ["<", packet(1, failed(31337))],
  [">", command(1)],
  ["close", ""],
];
const TOLD = ["CALL", "DO _OTHER", "INSERT 1062", "LOAD", "SELECT", "SELECT", "SET", "UPDATE 1146", "_OTHER 1064"];

test("a conversation with a login in parts, prepared statements, several results and a file is told whole", () => {
  const meter = new Meter().judge(CONVERSATION);
  assert.equal([meter.told, meter.unsynced], [TOLD, 0]);
});

testConversation(() => new Meter(), CONVERSATION, TOLD);

test("with every number of bytes that is kept of a buffer, no wrong statement is told", () => {
  for (let snaplen = 0; snaplen < 130; snaplen++)
    assertNoneWrong(new Meter(snaplen).judge(CONVERSATION).told, TOLD, named(TOLD), `${snaplen} bytes`);
});

test("with every number of bytes that is kept of packets in two parts, no wrong statement or error is told", () => {
  const [first, ...others] = CONVERSATION.slice(6); // behind the login, which would have to be seen
  for (let cut = 1; cut < 24; cut++)
    for (let snaplen = 5; snaplen < 24; snaplen++) {
      const meter = new Meter(snaplen).judge([[">", query("BEGIN"), "1s"]]);
      const { told } = meter.judge([[">", first![1], "3s"], ...cutAt(others, cut)]);
      assertNoneWrong(told, TOLD, named(TOLD), `${snaplen} bytes, cut at ${cut}`);
    }
});

test("an error's number and a status are not put together from what stands around an unseen byte", () => {
  const duplicate = packet(1, failed(1062));
  const first = packet(1, "\0\xfc\x01\x01\0\x0a\0\0\0"); // 257 rows; more results follow
  const meter = new Meter(5).judge([
    [">", query("SELECT 1"), "1s"],
    ["<", packet(1, ok()), "1001ms"],
    [">", query("INSERT INTO a VALUES (1)"), "3s"],
    ["<", duplicate.slice(0, 6), "3001ms"],
    ["<", duplicate.slice(6), "3002ms"],
    [">", query("CALL p()"), "4s"],
    ["<", first.slice(0, 4), "4001ms"],
    ["<", first.slice(4, 10), "4002ms"],
    ["<", first.slice(10), "4003ms"],
    ["<", packet(2, ok()), "4010ms"],
    [">", query("BEGIN"), "5s"],
  ]);
  assert.equal([meter.told, meter.unsynced], [["_OTHER", "_OTHER _OTHER"], 1]);
  assert.is(meter.seconds("_OTHER").toFixed(6), "0.012000");
});

test("where columns and definitions have an end of their own, statements end behind their rows", () => {
  const meter = new Meter().judge([
    ...opened(0),
    [">", query("SELECT 1"), "100ms"],
    ["<", packets(1, "\x01", column("a"), eof()), "101ms"],
    ["<", packets(4, row("x"), eof()), "103ms"],
    [">", prepare("SHOW TABLES"), "200ms"],
    ["<", packets(1, prepared(5, 1, 1), column("?"), eof(), column("a")), "201ms"],
    ["<", packet(5, eof()), "202ms"],
    [">", execute(5, "\x01"), "203ms"],
    ["<", packets(1, "\x01", column("a"), eof(0x42)), "204ms"], // a cursor
    [">", command(0x1c, "\x05\0\0\0\x01\0\0\0"), "300ms"],
    ["<", packets(1, "\0\0x", eof(0x82)), "310ms"],
    [">", query("ANALYZE TABLE a"), "400ms"],
    ["<", packets(1, "\x01", column("a"), eof(), row("x"), failed(1317)), "401ms"],
  ]);
  assert.equal([meter.told, meter.unsynced], [["ANALYZE 1317", "SELECT", "SHOW"], 0]);
  assert.equal(
    ["SELECT", "SHOW"].map((one) => meter.seconds(one).toFixed(6)),
    ["0.003000", "0.001000"],
  );
});

test("a text behind attributes is found, and is not where these have values", () => {
  const meter = new Meter().judge([
    ...opened(NO_EOFS | ATTRIBUTES),
    [">", query("\0\x01DELETE FROM a")],
    ["<", packet(1, ok())],
    [">", query("\x01\x01\0\x01\x03\0\x01a\x05INSERT INTO a")],
    ["<", packet(1, ok())],
    [">", prepare("DROP TABLE a")],
    ["<", packet(1, failed(1051))],
  ]);
  assert.equal(meter.told, ["DELETE", "DROP 1051", "_OTHER"]);
});

test("the statement that was prepared last is executed without its number, in one write with that", () => {
  const meter = new Meter().judge([
    ...opened(),
    [">", prepare("REPLACE INTO a VALUES (1)") + execute(-1)],
    ["<", packet(1, prepared(9, 0, 0)) + packet(1, ok())],
    [">", execute(9)],
    ["<", packet(1, failed(1213))],
  ]);
  assert.equal([meter.told, meter.unsynced], [["REPLACE", "REPLACE 1213"], 0]);
});

test("the statement that was prepared last is not known once bytes were lost", () => {
  const meter = new Meter().judge([
    ...opened(),
    [">", prepare("REPLACE INTO a VALUES (1)"), "1s"],
    ["<", packet(1, prepared(9, 0, 0)), "1001ms"],
  ]);
  meter.judge(
    [
      [">", execute(-1), "2s"], // of another, which was prepared by what was lost
      ["<", packet(1, ok()), "2001ms"],
    ],
    7,
    1,
  );
  meter.judge(
    [
      [">", execute(-1), "4s"],
      ["<", packet(1, ok()), "4001ms"],
      [">", execute(9), "4002ms"],
      ["<", packet(1, ok()), "4003ms"],
    ],
    7,
    1,
  );
  assert.equal(meter.told, ["REPLACE", "_OTHER"]);
});

test("how far a long statement is, is no error", () => {
  const meter = new Meter().judge([
    ...opened(),
    [">", query("ALTER TABLE a FORCE")],
    ["<", packet(1, "\xff\xff\xff\x01\x01\x02\0\0\0\x04copy")],
    ["<", packet(2, ok())],
  ]);
  assert.equal(meter.told, ["ALTER"]);
});

test("an answer of which the end is cut is told by its statement, and ends at its last write", () => {
  const much = packets(1, "\x01", column("a"), ...new Array<string>(20).fill(row("x".repeat(100))));
  const meter = new Meter(512).judge([
    ...opened(),
    [">", query("SELECT * FROM much"), "100ms"],
    ["<", much, "105ms"],
    ["<", much.slice(30), "109ms"],
    [">", query("BEGIN"), "60s"],
    ["<", packet(1, ok()), "60001ms"],
  ]);
  assert.equal([meter.told, meter.unsynced, meter.seconds("SELECT").toFixed(6)], [["BEGIN", "SELECT"], 0, "0.009000"]);
});

test("a statement of more than 16 MiB is one, and its packets are no others", () => {
  const head = packet(0, `\x03INSERT INTO a VALUES ('${"x".repeat(0xffffff - 24)}`).slice(0, 0xffffff + 4);
  const meter = new Meter(256).judge([
    ...opened(),
    [">", head],
    [">", packet(1, "DELETE FROM a')")],
    ["<", packet(2, ok())],
    [">", query("SELECT 1")],
    ["<", result(1, row("1"))],
  ]);
  assert.equal([meter.told, meter.unsynced], [["INSERT", "SELECT"], 0]);
});

test("an answer that nobody waits for makes the connection unsure, and is counted", () => {
  const meter = new Meter().judge([
    ...opened(),
    ["<", packet(1, ok())], // of a request that another thread writes, recorded later
    [">", query("SELECT 1")],
    [">", query("BEGIN"), "10s"],
    ["<", packet(1, ok()), "10001ms"],
  ]);
  assert.equal([meter.told, meter.unsynced], [["BEGIN"], 2]);
});

for (const [what, steps] of Object.entries<readonly Step[]>({
  "TLS that is asked for": [
    ["accept", ""],
    ["<", GREETING],
    [
      ">",
      login(NO_EOFS | TLS)
        .replace(/^.{4}/s, packet(1, "x".repeat(32)).slice(0, 4))
        .slice(0, 36),
    ],
    ["<", packet(2, ok())],
    [">", query("SELECT 1")],
    ["<", packet(1, ok())],
  ],
  "what is compressed": [...opened(NO_EOFS | COMPRESS), [">", query("SELECT 1")], ["<", packet(1, ok())]],
  "a login that fails": [
    ["accept", ""],
    ["<", GREETING],
    [">", login()],
    ["<", packet(2, failed(1045))],
    ["close", ""],
  ],
  replication: [...opened(), [">", command(0x12, "\0\0\0\0\0\0\0\0\0\0")], ["<", packet(1, "\0event")]],
  "a greeting of another protocol": [
    ["accept", ""],
    ["<", "SSH-2.0-OpenSSH\r\n"],
    [">", query("SELECT 1")],
    ["<", packet(1, ok())],
  ],
  "a client that speaks first": [
    ["accept", ""],
    [">", query("SELECT 1")],
    ["<", packet(1, ok())],
  ],
  "an end that the server tells unasked": [...opened(), ["<", packet(0, failed(1927))], ["close", ""]],
  "a ping, a change of the database and the list of fields": [
    ...opened(),
    [">", command(0x0e)],
    ["<", packet(1, ok())],
    [">", command(2, "nowhere")],
    ["<", packet(1, failed(1049))],
    [">", command(4, "a\0")],
    ["<", packets(1, column("a"), eof())],
  ],
}))
  test(`${what} is no statement`, () => {
    assert.equal(new Meter().judge(steps).told, []);
  });

test("what was there before is told once it has rested for a second", () => {
  const meter = new Meter().judge([
    [">", query("SELECT 1"), "1ms"],
    ["<", result(1, row("1")), "2ms"],
    [">", prepare("INSERT INTO a VALUES (1)"), "1500ms"],
    ["<", packets(1, prepared(1, 0, 1), column("?"), eof()), "1501ms"],
    [">", execute(1), "1502ms"],
    ["<", packet(1, failed(1062)), "1503ms"],
  ]);
  assert.equal([meter.told, meter.unsynced], [["INSERT 1062"], 1]);
});

test.after(cleanUp);
test.run();
