// SPDX-License-Identifier: Apache-2.0
// Header blocks of HTTP/2: the examples of RFC 7541, appendix C, what node's encoder makes, blocks that are
// cut behind every byte or were not seen, and what is no block. Whose traceparent is told, and whose is not.
import { connect } from "node:http2";
import { Duplex } from "node:stream";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { cleanUp, loadSource, Running } from "./shared.js";

/** A block from port 1 comes behind a gap. Of one from port 2 traceparents are not read. */
const POLICY = await loadSource(`import { note, Priority, Read, rule } from "vedette";
import { forget, grpc, grpcStatus, hasTrace, Hpack, isComplete, method, NONE, pathSize, pathText, status, TABLE, trace, TRACES } from "vedette/http/hpack";
import { METHODS } from "vedette/http/head";
import { u32At } from "vedette/network-order";
const hpack = new Hpack();
const table = memory.data(1032);
const traces = memory.data(2056);
function half(at: usize): string { return bswap<u32>(u32At(at)).toString(16).padStart(8, "0"); }
function hex(at: usize): string { return half(at + 4) + half(at); }
function shown(name: string, value: u32): string { return value == NONE ? "" : " " + name + value.toString(); }
@rule({ name: "block", priority: Priority.Debug })
export function block(e: Read): bool {
  assert(TABLE == 1032 && TRACES == 2056);
  if (e.fd.sport == 1) forget(table);
  const isRead = hpack.read(table, e.data.address, e.data.size, e.time, e.fd.sport == 2 ? 0 : traces);
  let text = method == NONE ? "" : " " + METHODS[method];
  if (pathSize > 0) text += " " + pathText();
  if (status != 0) text += " " + status.toString();
  text += shown("grpc=", grpc) + shown("grpc-status=", grpcStatus);
  if (hasTrace()) text += " " + hex(trace) + hex(trace + 8) + "-" + hex(trace + 16) + "-" + bswap<u32>(u32At(trace + 24)).toString();
  note(text + (isComplete ? "" : " ...") + (isRead ? "" : " cut"));
  return true;
}
`);

/** What is read of blocks, one after the other. Each is in a batch of its own. */
class Reader {
  readonly #running = new Running(POLICY);

  read(block: Buffer, isBehindGap = false, isOff = false): string {
    const sport = isOff ? 2 : isBehindGap ? 1 : 0;
    const [said = ""] = this.#running.judge(["read", { fd: { type: "4", sport }, data: block, res: block.length }]);
    assert.equal(this.#running.faults, []);
    return said.replace(/^block */, "");
  }

  get memoryBytes(): number {
    return this.#running.memoryBytes;
  }
}

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(" ", ""), "hex");
const literal = (name: string, value: string, first = 0x40): Buffer =>
  Buffer.concat([
    Buffer.from([first, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);

const traceparentOf = (i: number): string =>
  `00-${(i + 1).toString(16).padStart(32, "c")}-${(i + 1).toString(16).padStart(16, "d")}-${i % 2 === 0 ? "01" : "00"}`;
/** As the reader tells it. */
const shown = (traceparent: string): string => traceparent.replace(/^00-/, "").replace(/-0(\d)$/, "-$1");

/** Of appendix C: each group is of one connection. */
const EXAMPLES: Readonly<Record<string, readonly (readonly [hex: string, read: string])[]>> = {
  "C.2": [
    ["400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", ""],
    ["040c 2f73 616d 706c 652f 7061 7468", "/sample/path"],
    ["1008 7061 7373 776f 7264 0673 6563 7265 74", ""],
    ["82", "GET"],
  ],
  "C.3": [
    ["8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", "GET /"],
    ["8286 84be 5808 6e6f 2d63 6163 6865", "GET /"],
    ["8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65", "GET /index.html"],
  ],
  "C.4": [
    ["8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", "GET /"],
    ["8286 84be 5886 a8eb 1064 9cbf", "GET /"],
    ["8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf", "GET /index.html"],
  ],
  "C.5": [
    [
      "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
      "302",
    ],
    ["4803 3330 37c1 c0bf", "307"],
    [
      "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
      "200",
    ],
  ],
  "C.6": [
    [
      "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
      "302",
    ],
    ["4883 640e ffc1 c0bf", "307"],
    [
      "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
      "200",
    ],
  ],
};

for (const [name, blocks] of Object.entries(EXAMPLES))
  test(`the examples of ${name} say what the RFC says they do`, () => {
    const reader = new Reader();
    for (const [hex, read] of blocks) assert.is(reader.read(bytes(hex)), read, hex);
  });

test("a block that is cut tells what came before, and never something else", () => {
  for (const blocks of Object.values(EXAMPLES))
    for (const [i, [hex, read]] of blocks.entries())
      for (let size = 0; size < bytes(hex).length; size++) {
        const reader = new Reader();
        for (const [before] of blocks.slice(0, i)) reader.read(bytes(before));
        const told = reader.read(bytes(hex).subarray(0, size)).replace(/ ?(\.\.\.)? ?(cut)?$/, "");
        assert.ok(read.startsWith(told), `${size} bytes of ${hex}: ${told}`);
      }
});

const PATH = literal(":path", "/users/4711");
const NEWEST = bytes("be");
const SECOND = bytes("bf");

test("what was added before a gap is not known, and what is added then is", () => {
  const reader = new Reader();
  assert.is(reader.read(PATH), "/users/4711");
  assert.is(reader.read(NEWEST), "/users/4711");
  assert.is(reader.read(NEWEST, true), "...");
  assert.is(reader.read(literal("grpc-status", "5")), "grpc-status=5");
  assert.is(reader.read(NEWEST), "grpc-status=5");
  assert.is(reader.read(SECOND), "...", "from before the gap");
  // The name of a field that is not known, with a value: neither is known, nor when it is named again.
  assert.is(reader.read(Buffer.concat([bytes("7f 00"), bytes("01 61")])), "...");
  assert.is(reader.read(NEWEST), "...");
  assert.is(reader.read(SECOND), "grpc-status=5");
});

test("a field by a name of the table, never added, or that an encoder forbids to add", () => {
  const reader = new Reader();
  reader.read(PATH);
  assert.is(reader.read(Buffer.concat([bytes("7e 02"), Buffer.from("/b")])), "/b", "added");
  assert.is(reader.read(NEWEST), "/b");
  assert.is(reader.read(Buffer.concat([bytes("0f 2f 02"), Buffer.from("/c")])), "/c", "not added");
  assert.is(reader.read(Buffer.concat([bytes("1f 2f 02"), Buffer.from("/d")])), "/d", "never to be added");
  assert.is(reader.read(NEWEST), "/b");
});

test("of more fields than a table has the newest are known", () => {
  const reader = new Reader();
  for (let i = 0; i < 300; i++) reader.read(literal(":path", `/${i}`));
  assert.is(reader.read(NEWEST), "/299");
  assert.is(reader.read(bytes("ff 3e")), "/172", "index 189, the 128th newest");
  assert.is(reader.read(bytes("ff 3f")), "...", "index 190");
});

test("a table's size may change, and what is too large for it is no field of it", () => {
  const reader = new Reader();
  reader.read(PATH);
  assert.is(reader.read(Buffer.concat([bytes("20 3f e1 1f"), literal(":path", "/new")])), "/new");
  assert.is(reader.read(NEWEST), "/new");
});

test("methods, statuses and kinds of content that are not listed are told as that", () => {
  const reader = new Reader();
  for (const [name, value, read] of [
    [":method", "PATCH", "PATCH"],
    [":method", "BREW", "_OTHER"],
    [":method", "get", "_OTHER"],
    [":status", "418", "418"],
    [":status", "4x8", ""],
    [":status", "", ""],
    ["grpc-status", "16", "grpc-status=16"],
    ["grpc-status", "17", "grpc-status=17"],
    ["grpc-status", "1000", "grpc-status=17"],
    ["content-type", "application/grpc", "grpc=1"],
    ["content-type", "application/grpc+proto", "grpc=1"],
    ["content-type", "application/grpc-web", "grpc=0"],
    ["content-type", "text/html", "grpc=0"],
    [":path", "/a?token=s3cret", "/a"],
    [":path", `/${"x".repeat(115)}`, `/${"x".repeat(115)}`],
    [":path", `/${"x".repeat(116)}`, ""],
    [":path", "*", ""],
    ["cookie", "/s3cret", ""],
  ] as const)
    assert.is(reader.read(literal(name, value)), read, `${name}: ${value}`);
});

for (const [what, hex] of [
  ["the index 0", "80"],
  ["an index without an end", "ff ff ff ff ff ff ff ff 01"],
  ["a length without an end", "40 7f ff ff ff ff ff"],
  ["a length beyond the block", "40 0a 61"],
  ["a text with the end's code in it", "04 84 ff ff ff ff"],
  ["a text with an end of zeros", "04 81 60 82"],
] as const)
  test(`${what} ends the reading, with all that came before it`, () => {
    assert.match(new Reader().read(bytes(`82 ${hex}`)), /^GET(?: \/\w*)?(?: \.\.\. cut)?$/);
  });

/** The header blocks that node sends for requests of one connection. */
async function blocksOfNode(requests: readonly Readonly<Record<string, string>>[]): Promise<Buffer[]> {
  let sent = Buffer.alloc(0);
  const wire = new Duplex({
    read: () => {},
    write: (chunk: Buffer, _encoding, done) => {
      sent = Buffer.concat([sent, chunk]);
      done();
    },
  });
  const session = connect("http://a", { createConnection: () => wire });
  session.on("error", () => {});
  wire.push(bytes("000000 04 00 00000000")); // the server's settings
  for (const one of requests) session.request(one).on("error", () => {});
  const blocks = (): Buffer[] => {
    const found: Buffer[] = [];
    for (let at = 24; at + 9 <= sent.length; at += 9 + sent.readUIntBE(at, 3))
      if (sent[at + 3] === 1) found.push(sent.subarray(at + 9, at + 9 + sent.readUIntBE(at, 3)));
    return found;
  };
  await until("node has sent all requests", () => blocks().length === requests.length);
  session.destroy();
  return blocks();
}

test("what node's encoder makes of any path is read, and from any block on never wrong", async () => {
  const visible = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)).filter(
    (one) => !"?#".includes(one),
  );
  const part = fc.string({ unit: fc.constantFrom(...visible), maxLength: 60 });
  const one = fc.record({ path: part, method: fc.constantFrom("GET", "POST", "PUT", "DELETE"), query: part });
  const sample = fc.sample(one, { numRuns: 90, seed: 7 });
  const all = [...sample, ...sample].map(({ path, method, query }, i) => ({
    ":path": `/${path}?${query}`,
    ...(i % 5 === 0 ? {} : { traceparent: traceparentOf(i % 3 === 0 ? i : i % 7) }), // some come again and again
    ":method": method,
    cookie: `a=${query}`,
    "content-type": method === "POST" ? "application/grpc" : "text/plain",
  }));
  const blocks = await blocksOfNode(all);
  const told = all.map(({ ":path": path, ":method": method, traceparent = "" }) =>
    `${method} ${path.split("?")[0]} grpc=${method === "POST" ? 1 : 0} ${shown(traceparent)}`.trim(),
  );
  const whole = new Reader();
  for (const [i, block] of blocks.entries()) assert.is(whole.read(block), told[i], `request ${i}`);
  const before = whole.memoryBytes;
  for (let from = 1; from < 90; from += 8) {
    const reader = new Reader();
    for (const [i, block] of blocks.entries()) {
      if (i < from) continue;
      const words = reader.read(block, i === from).split(" ");
      const known = words.filter((word) => word !== "...");
      const right = (told[i] as string).split(" ");
      assert.ok(
        known.every((word) => right.includes(word)),
        `request ${i} from ${from} on: ${words.join(" ")}`,
      );
      if (words.length === known.length) assert.equal(known, right, `request ${i} from ${from} on`);
    }
  }
  assert.is(whole.memoryBytes, before);
});

test("a traceparent is read in each form that a field has, and from the table again", () => {
  const reader = new Reader();
  const [first, second, third] = [traceparentOf(1), traceparentOf(2), traceparentOf(3)];
  assert.is(reader.read(literal("traceparent", first)), shown(first), "added");
  assert.is(reader.read(NEWEST), shown(first), "from the table");
  assert.is(reader.read(Buffer.concat([bytes("7e 37"), Buffer.from(second)])), shown(second), "by the table's name");
  assert.is(reader.read(SECOND), shown(first), "the one before");
  assert.is(reader.read(Buffer.concat([bytes("0f 2f 37"), Buffer.from(third)])), shown(third), "not added");
  assert.is(reader.read(literal("traceparent", third, 0x10)), shown(third), "never to be added");
  assert.is(reader.read(NEWEST), shown(second), "neither of which is in the table");
  assert.is(reader.read(PATH), "/users/4711", "nobody's own");
});

test("H94: what is no traceparent is none, alone or from the table, and what else the block says stands", () => {
  const good = traceparentOf(1);
  for (const value of [
    "",
    good.slice(1),
    good.slice(0, -1),
    `${good} `,
    ` ${good}`,
    `${good}-more`,
    good.toUpperCase(),
    good.replace("00-", "01-"),
    good.replace("00-", "ff-"),
    good.replaceAll("-", "_"),
    good.replace("c", "g"),
    `${good}, ${good}`,
    `00-${"0".repeat(32)}-${"1".repeat(16)}-01`,
    `00-${"1".repeat(32)}-${"0".repeat(16)}-01`,
    "\0".repeat(55),
    "x".repeat(120),
  ]) {
    const reader = new Reader();
    assert.is(reader.read(Buffer.concat([literal("traceparent", value), bytes("82")])), "GET", value);
    assert.is(reader.read(Buffer.concat([NEWEST, bytes("84")])), "/", `${value} from the table`);
    assert.is(reader.read(literal("traceparent", good)), shown(good), "the next one");
  }
  for (const name of ["Traceparent", "TRACEPARENT", "traceparent2", "raceparent", "x-traceparent", "tracestate"])
    assert.is(new Reader().read(literal(name, good)), "", name);
});

test("H94: a packed value that is no text is no traceparent, and ends nothing", () => {
  const reader = new Reader();
  for (const [what, hex] of [
    ["the end's code", "84 ff ff ff ff"],
    ["an end of zeros", "81 60"],
    ["nothing", "80"],
    ["more than it can be", `ff 01 ${"08 ".repeat(128)}`], // 204 times 1
  ] as const)
    assert.is(
      reader.read(Buffer.concat([bytes("40 0b"), Buffer.from("traceparent"), bytes(hex), bytes("82")])),
      "GET",
      what,
    );
});

test("H94: two traceparents in a block contradict one another, wherever they come from", () => {
  const [first, second] = [traceparentOf(1), traceparentOf(2)];
  const [one, other, bad] = [
    literal("traceparent", first, 0),
    literal("traceparent", second, 0),
    literal("traceparent", "x"),
  ];
  for (const block of [
    [one, other],
    [one, one],
    [one, bad],
    [bad, one],
    [one, NEWEST],
    [NEWEST, one],
    [NEWEST, NEWEST],
  ]) {
    const reader = new Reader();
    reader.read(literal("traceparent", second));
    assert.is(reader.read(Buffer.concat(block)), "");
    assert.is(reader.read(one), shown(first), "the next block has its own");
  }
});

test("H94: where a block has a field that is not known, or is cut, none is told", () => {
  const one = literal("traceparent", traceparentOf(1));
  const reader = new Reader();
  assert.is(reader.read(PATH), "/users/4711");
  assert.is(reader.read(Buffer.concat([one, NEWEST]), true), "", "two of them, for it was added");
  assert.is(reader.read(Buffer.concat([one, SECOND]), true), "...", "from before the gap");
  assert.is(reader.read(Buffer.concat([one, bytes("7f 05 01 61")])), "...", "a name from before the gap");
  assert.is(reader.read(Buffer.concat([one, bytes("40 0a 61")])), "... cut");
  for (let size = 1; size < one.length; size++) assert.not.match(new Reader().read(one.subarray(0, size)), /-/);
  assert.is(reader.read(NEWEST, true), "...", "a traceparent from before the gap");
});

test("H94: of more traceparents than are kept, an older one is none and never another's", () => {
  const reader = new Reader();
  for (let i = 0; i < 200; i++) reader.read(literal("traceparent", traceparentOf(i)));
  for (let age = 1; age <= 128; age++) {
    const index = 61 + age;
    const block =
      index < 127 ? Buffer.from([0x80 | index]) : bytes(`ff ${(index - 127).toString(16).padStart(2, "0")}`);
    assert.is(reader.read(block), age <= 64 ? shown(traceparentOf(200 - age)) : "", `${age} ago`);
  }
  assert.is(reader.read(bytes("ff 3f")), "...", "from outside the table");
});

test("H94: where traceparents are not asked for, none is looked at or kept", () => {
  const reader = new Reader();
  const one = literal("traceparent", traceparentOf(1));
  for (const block of [one, NEWEST, literal("traceparent", "x")]) assert.is(reader.read(block, false, true), "");
});

test("H94: a block of nothing but traceparents takes no memory", () => {
  const reader = new Reader();
  const one = literal("traceparent", traceparentOf(1));
  reader.read(one);
  const before = reader.memoryBytes;
  const parts = [one, NEWEST, bytes("0f 2f 00"), Buffer.concat([bytes("0f 2f ff 80 7d"), Buffer.alloc(16_127)])];
  for (const part of parts)
    assert.is(reader.read(Buffer.concat(new Array<Buffer>(Math.floor(16_384 / part.length)).fill(part))), "");
  assert.is(reader.memoryBytes, before);
  assert.is(reader.read(one), shown(traceparentOf(1)));
});

test("any bytes are read to an end", () => {
  const reader = new Reader();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (block, isBehindGap) => {
      reader.read(Buffer.from(block), isBehindGap);
    }),
    { numRuns: 300 },
  );
});

test("a block of a few bytes that names large fields a thousand times takes no memory", () => {
  const reader = new Reader();
  reader.read(Buffer.concat([bytes("40 01 61 7f 80 19"), Buffer.alloc(3327, "x")]));
  const before = reader.memoryBytes;
  for (let i = 0; i < 10; i++) reader.read(Buffer.alloc(16_000, 0xbe));
  assert.is(reader.memoryBytes, before);
});

test.after(cleanUp);
test.run();
