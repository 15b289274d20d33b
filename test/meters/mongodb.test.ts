// SPDX-License-Identifier: Apache-2.0
// The meter of MongoDB on conversations that are cut in every way: what is told is right, or it is not told.
// test/e2e/mongodb-meter.test.ts asks the driver that MongoDB makes.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { cleanUp } from "../rules-wasm/shared.js";
import { meterNamed, type Step } from "./conversation.js";
import { DatabaseMeter, testConversation } from "./database.js";
import { bson, compressed, message, oldQuery, oldReply, op, opWith } from "./mongodb-messages.js";

const POLICY = await meterNamed("mongodb");

/** The meter on a server. Told as `find orders 59`. */
class Meter extends DatabaseMeter {
  constructor(snaplen?: number) {
    super(POLICY, "/usr/bin/mongod", snaplen);
  }
}

const OK = { ok: 1 };
const failed = (code: number) => ({ ok: 0, errmsg: "s3cret is no such thing", code, codeName: "NoSuchThing" });
const cursor = (rows: number) => ({
  cursor: {
    firstBatch: Array.from({ length: rows }, (_, i) => ({ _id: i, name: "s3cret insert" })),
    id: 0n,
    ns: "d.c",
  },
  ok: 1,
});

/** Each command has a reply of its own, so a pair that is none shows. */
const CONVERSATION: readonly Step[] = [
  ["accept", ""],
  [">", oldQuery(1, { ismaster: 1, helloOk: true })],
  ["<", oldReply(100, 1, { ismaster: true, ok: 1 })],
  [">", op(2, { saslStart: 1, mechanism: "PLAIN", payload: "s3cret" })],
  ["<", op(101, failed(18), 2)],
  [">", opWith(3, { insert: "orders", $db: "shop" }, "documents", [bson({ update: "s3cret" }), bson({ _id: 2 })])],
  ["<", op(102, { n: 1, writeErrors: [{ index: 0, code: 11000, errmsg: "s3cret" }], ok: 1 }, 3)],
  [">", opWith(4, { update: "orders", $db: "shop" }, "updates", [bson({ q: {}, u: {} })], true)],
  ["<", op(103, { n: 1, nModified: 1, ok: 1 }, 4)],
  [">", op(5, { delete: "customers", deletes: [{ q: { a: "s3cret" }, limit: 1 }], $db: "shop" })],
  ["<", op(104, failed(13), 5)],
  [">", op(6, { aggregate: 1, pipeline: [] }) + op(7, { count: "orders", query: {} }) + op(8, { xyzzy: "s3cret" })],
  ["<", op(105, failed(31337), 6) + op(106, failed(26), 7) + op(107, failed(72), 8)],
  [">", op(9, { ping: 1 }, 0, 2)],
  [">", compressed(10)],
  ["<", compressed(108, 10)],
  [">", op(11, { hello: 1, maxAwaitTimeMS: 10_000 }, 0, 0x10000)],
  ["<", op(109, OK, 11, 2)],
  ["<", op(110, OK, 109, 2)],
  ["<", op(111, OK, 110)],
  [">", op(12, { distinct: "orders", key: "a" })],
  ["<", op(112, failed(59), 12)],
  ["close", ""],
];
const TOLD = [
  "_OTHER",
  "_OTHER 72",
  "aggregate _OTHER",
  "count orders 26",
  "delete _OTHER 13",
  "distinct orders 59",
  "hello",
  "insert _OTHER 11000",
  "ismaster",
  "saslStart 18",
  "update orders",
];

test("commands, in one write too, are told by name, collection and error, and others' texts are not", () => {
  const meter = new Meter().judge(CONVERSATION);
  assert.equal([meter.told, meter.unsynced], [TOLD, 0]);
});

testConversation(() => new Meter(), CONVERSATION, TOLD);

test("with every number of bytes that is kept of a buffer, no wrong command, collection or error is told", () => {
  for (let snaplen = 0; snaplen < 330; snaplen++) {
    const { told } = new Meter(snaplen).judge(CONVERSATION);
    const left = TOLD.map((one) => one.split(" "));
    for (const one of told.map((text) => text.split(" "))) {
      // What was not seen is _OTHER, and an error that was not seen is none.
      const isLike = (all: readonly string[]): boolean =>
        [all, ["_OTHER", ...all.slice(1)], ["_OTHER"], all.slice(0, -1), all.slice(0, 1), [all[0]!, "_OTHER"]].some(
          (like) =>
            [
              like,
              [...like, "_OTHER"],
              [like[0]!, "_OTHER", ...like.slice(2)],
              [like[0]!, "_OTHER", ...like.slice(1)],
            ].some((form) => form.join(" ") === one.join(" ")),
        );
      const at = left.findIndex(isLike);
      assert.ok(at >= 0, `${snaplen} bytes: ${told.join("; ")}`);
    }
    assert.ok(told.length <= TOLD.length, `${snaplen} bytes: ${told.join("; ")}`);
  }
});

test("a reply with many rows is told, and its time is until its last byte", () => {
  const reply = op(101, cursor(500), 1);
  const meter = new Meter(512).judge([
    ["accept", ""],
    [">", op(1, { find: "orders", filter: { name: "s3cret" } }), "100ms"],
    ["<", reply.slice(0, 600), "101ms"],
    ["<", reply.slice(600), "105ms"],
    [">", op(2, { getMore: 7n, collection: "orders" }), "200ms"],
    ["<", op(102, cursor(1), 2), "201ms"],
  ]);
  assert.equal([meter.told, meter.unsynced], [["find orders", "getMore"], 0]);
  assert.is(meter.seconds("find").toFixed(6), "0.005000");
});

test("names of collections have few forms: identifiers are templates, and those that failed are none", () => {
  const ask = (id: number, name: string, reply = op(100 + id, OK, id)): Step[] => [
    [">", op(id, { find: name })],
    ["<", reply],
  ];
  const meter = new Meter().judge([
    ["accept", ""],
    ...ask(1, "orders"),
    ...ask(2, "0123456789abcdef01234567"),
    ...ask(3, "nosuch", op(103, failed(26), 3)),
    ...ask(4, "x".repeat(200)),
    ...ask(5, "system.users"),
  ]);
  assert.equal(meter.told, ["find _OTHER", "find _OTHER 26", "find orders", "find system.users", "find {id}"]);
});

test("what was there before is told once it has rested for a second", () => {
  const meter = new Meter().judge([
    [">", op(1, { find: "a" }), "1ms"],
    ["<", op(101, OK, 1), "2ms"],
    [">", op(2, { count: "a" }), "1500ms"],
    ["<", op(102, OK, 2), "1501ms"],
  ]);
  assert.equal([meter.told, meter.unsynced], [["count a"], 1]);
});

for (const [what, steps] of Object.entries<readonly Step[]>({
  "a reply to another command": [
    [">", op(1, { find: "a" })],
    ["<", op(101, OK, 9)],
  ],
  "a length that is none": [
    [">", `\xff\xff\xff\x7f${op(1, { find: "a" }).slice(4)}`],
    ["<", op(101, OK, 1)],
  ],
  "another protocol": [
    [">", "GET / HTTP/1.1\r\n\r\n"],
    ["<", "HTTP/1.1 200 OK\r\n\r\n"],
  ],
  "a message of another code": [
    [">", message(1, 0, 2013 + 1, "x".repeat(30))],
    ["<", op(101, OK, 1)],
  ],
  "a flag that nobody knows": [
    [">", op(1, { find: "a" }, 0, 0x10)],
    ["<", op(101, OK, 1)],
  ],
}))
  test(`${what} is no operation`, () => {
    assert.equal(new Meter().judge([["accept", ""], ...steps]).told, []);
  });

test("documents whose lengths lie are passed over", () => {
  const good = op(1, { find: "orders", filter: { a: 1 } });
  for (let at = 21; at < good.length; at++)
    for (const byte of ["\0", "\x01", "\x7f", "\xff"]) {
      const meter = new Meter().judge([
        ["accept", ""],
        [">", good.slice(0, at) + byte + good.slice(at + 1)],
        ["<", op(101, failed(59), 1)],
      ]);
      const allowed = ["find _OTHER 59", "_OTHER 59", "find 59"];
      assert.ok(
        meter.told.every((one) => allowed.includes(one)),
        `${at}: ${meter.told.join("; ")}`,
      );
    }
});

test.after(cleanUp);
test.run();
