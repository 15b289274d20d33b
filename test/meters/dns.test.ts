// SPDX-License-Identifier: Apache-2.0
// The meter of DNS on conversations that are cut, lost, and made up: what is told is right, or it is not
// told. test/e2e/dns-meter.test.ts asks a true server whether it is.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShortEvents } from "../../host/policy/short-event.js";
import { cleanUp } from "../rules-wasm/shared.js";
import { bytewise, cutAt, cutsOf, isPartOf, meterNamed, Meter as OneMeter, type Step } from "./conversation.js";
import { answer, framed, query } from "./dns-messages.js";

const POLICY = await meterNamed("dns");
const SERVER = "192.0.2.53:53";
const OTHER = "192.0.2.54:53";

/** A call of UDP: `data` is its first message's, `res` of several how many. */
interface Call {
  readonly call: "sendto" | "recvfrom" | "sendmsg" | "recvmsg" | "sendmmsg" | "recvmmsg" | "write" | "read" | "close";
  readonly data?: string;
  readonly addr?: string;
  readonly several?: number;
  readonly ino?: number;
  readonly flags?: string;
  readonly at?: string;
}

class Meter extends OneMeter {
  readonly #kept: number;

  constructor(snaplen = 4096) {
    super(POLICY, "/usr/bin/app", snaplen);
    this.#kept = snaplen;
  }

  /** Calls on a socket of UDP; what has no address is connected. */
  datagrams(calls: readonly Call[], lost = 0): this {
    const short = new ShortEvents();
    for (const { call, data = "", addr, several, ino = 7, flags, at } of calls) {
      const fd = { type: "4", l4proto: 17, ino, flags: 0, sip: "192.0.2.53", sport: 53 };
      const all = { fd, proc: { name: "app", exepath: "/usr/bin/app" }, at };
      short.add(call, {
        ...all,
        res: several ?? data.length,
        ...(call === "close" ? { res: 0 } : { data: Buffer.from(data.slice(0, this.#kept), "latin1") }),
        ...(addr === undefined ? {} : { addr }),
        ...(flags === undefined ? {} : { flags }),
      });
    }
    return this.take(short, lost);
  }

  /** As `A api.example.com NXDOMAIN`, once for each lookup, sorted. */
  told(metric: "dns.lookup.duration" | "dns.server.lookup.duration" = "dns.lookup.duration"): string[] {
    return this.series(metric)
      .flatMap(({ labels, buckets }) => {
        const [, name, type, code] = labels ?? [];
        return new Array<string>(buckets.reduce((sum, one) => sum + one, 0)).fill(`${type} ${name} ${code}`);
      })
      .sort();
  }

  get served(): string[] {
    return this.told("dns.server.lookup.duration");
  }

  labels(): (string | undefined)[][] {
    return this.series("dns.lookup.duration").map(({ labels }) => [...(labels ?? [])]);
  }

  seconds(): string {
    return this.series("dns.lookup.duration")
      .reduce((sum, { value }) => sum + value, 0)
      .toFixed(6);
  }
}

/** What glibc does for one name: A and AAAA in one call, and the answers in two. */
const LOOKUP: readonly Call[] = [
  { call: "sendmmsg", data: query(1, "api.example.com"), several: 2 },
  { call: "recvfrom", data: answer(2, "api.example.com", "AAAA", 0, { answers: 0 }), addr: SERVER },
  { call: "recvfrom", data: answer(1, "API.example.com"), addr: SERVER },
  { call: "sendto", data: query(3, "no.example.com", "HTTPS"), addr: SERVER },
  { call: "recvmsg", data: answer(3, "no.example.com", "HTTPS", 3), addr: SERVER },
  { call: "write", data: query(4, "", "NS") },
  { call: "read", data: answer(4, "", "NS") },
  { call: "sendmsg", data: query(5, "x.example.com", "SECRET"), addr: OTHER },
  { call: "recvfrom", data: answer(5, "x.example.com", "SECRET", 5), addr: OTHER },
];
const TOLD = [
  "A api.example.com NOERROR",
  "AAAA _OTHER NOERROR",
  "HTTPS _OTHER NXDOMAIN",
  "NS . NOERROR",
  "_OTHER _OTHER REFUSED",
];

test("lookups in all forms of a client are told by type, name and code", () => {
  const meter = new Meter().datagrams(LOOKUP);
  assert.equal([meter.told(), meter.served, meter.unsynced], [TOLD, [], 0]);
  const [labels] = meter.labels().filter(([, , type]) => type === "HTTPS");
  assert.equal(labels, ["app", "_OTHER", "HTTPS", "NXDOMAIN", "NXDOMAIN", "udp", "192.0.2.53", "53"]);
});

test("a name is known once it was found, for other types and for errors, too", () => {
  const meter = new Meter().datagrams([...LOOKUP, ...LOOKUP]);
  assert.ok(meter.told().includes("AAAA api.example.com NOERROR"), meter.told().join("; "));
});

test("with every number of bytes that is kept, nothing wrong is told, and a query that is cut is counted", () => {
  for (let kept = 0; kept < 80; kept++) {
    const meter = new Meter(kept).datagrams(LOOKUP),
      told = meter.told();
    assert.ok(isPartOf(told, TOLD), `${kept} bytes: ${told.join("; ")}`);
    assert.is(meter.unsynced, TOLD.length - told.length, `${kept} bytes: ${told.join("; ")}`);
  }
});

test("with any call lost, nothing wrong is told, and an answer without its query is counted", () => {
  for (let gone = 0; gone < LOOKUP.length; gone++) {
    const meter = new Meter().datagrams(LOOKUP.slice(0, gone)).datagrams(LOOKUP.slice(gone + 1), 1);
    const told = meter.told();
    assert.ok(isPartOf(told, TOLD), `without call ${gone}: ${told.join("; ")}`);
    const isQuery = LOOKUP[gone]!.call.startsWith("send") || LOOKUP[gone]!.call === "write";
    assert.is(told.length + meter.unsynced, isQuery ? TOLD.length : TOLD.length - 1, `without call ${gone}`);
  }
});

for (const [what, wrong] of [
  ["another id", { data: answer(9, "api.example.com"), addr: SERVER }],
  ["another question", { data: answer(1, "evil.example.com"), addr: SERVER }],
  ["another type", { data: answer(1, "api.example.com", "TXT"), addr: SERVER }],
  ["another server", { data: answer(1, "api.example.com", "A", 3), addr: OTHER }],
  ["another socket", { data: answer(1, "api.example.com", "A", 3), addr: SERVER, ino: 8 }],
] as const)
  test(`an answer with ${what} belongs to no query`, () => {
    const meter = new Meter().datagrams([
      { call: "sendto", data: query(1, "api.example.com"), addr: SERVER },
      { call: "recvfrom", ...wrong },
      { call: "recvfrom", data: answer(1, "api.example.com"), addr: SERVER },
      { call: "recvfrom", data: answer(1, "api.example.com"), addr: SERVER },
    ]);
    assert.equal([meter.told(), meter.unsynced], [["A api.example.com NOERROR"], 1]);
  });

test("of messages that nobody saw, an answer for another name is none, nor is one too many", () => {
  const meter = new Meter().datagrams([
    { call: "sendmmsg", data: query(1, "api.example.com"), several: 2 },
    { call: "recvfrom", data: answer(2, "evil.example.com", "AAAA"), addr: SERVER },
    { call: "recvfrom", data: answer(3, "api.example.com", "AAAA"), addr: SERVER },
    { call: "recvfrom", data: answer(3, "api.example.com", "AAAA"), addr: SERVER },
    { call: "recvfrom", data: answer(4, "api.example.com", "TXT"), addr: SERVER },
  ]);
  assert.equal([meter.told(), meter.unsynced], [["AAAA api.example.com NOERROR"], 2]);
});

test("a query that is sent again is one lookup, from when it was sent first", () => {
  const meter = new Meter().datagrams([
    { call: "sendto", data: query(1, "api.example.com"), addr: SERVER, at: "1ms" },
    { call: "sendto", data: query(1, "api.example.com"), addr: SERVER, at: "5s" },
    { call: "recvfrom", data: answer(1, "api.example.com"), addr: SERVER, at: "5002ms" },
  ]);
  assert.equal([meter.told(), meter.seconds(), meter.unsynced], [["A api.example.com NOERROR"], "5.001001", 0]);
});

test("what is only looked at, and calls that fail, are no answers", () => {
  const meter = new Meter().datagrams([
    { call: "sendto", data: query(1, "api.example.com"), addr: SERVER },
    { call: "recvfrom", data: answer(1, "api.example.com", "A", 3), addr: SERVER, flags: "MSG_PEEK" },
    { call: "recvfrom", data: answer(1, "api.example.com"), addr: SERVER },
  ]);
  assert.equal([meter.told(), meter.unsynced], [["A api.example.com NOERROR"], 0]);
});

test("the response code has its upper bits in OPT, and is not told where these were not seen", () => {
  const calls: readonly Call[] = [
    { call: "sendto", data: query(1, "a.example", "A", { upper: 0 }), addr: SERVER },
    { call: "recvfrom", data: answer(1, "a.example", "A", 0, { answers: 0, upper: 1 }), addr: SERVER },
  ];
  assert.equal(new Meter().datagrams(calls).told(), ["A _OTHER BADVERS"]);
  for (let kept = 12; kept < 45; kept++) {
    const meter = new Meter(kept).datagrams(calls),
      told = meter.told();
    assert.ok(isPartOf(told, ["A _OTHER BADVERS"]), `${kept} bytes: ${told.join("; ")}`);
    assert.is(told.length + meter.unsynced, 1);
  }
});

test("a server's clients are told apart, though they ask alike", () => {
  const [one, other] = ["192.0.2.7:4000", "192.0.2.8:4000"];
  const meter = new Meter().datagrams([
    { call: "recvmsg", data: query(1, "api.example.com"), addr: one, at: "1ms" },
    { call: "recvmsg", data: query(1, "api.example.com"), addr: other, at: "2ms" },
    { call: "sendmsg", data: answer(1, "api.example.com"), addr: other, at: "3ms" },
    { call: "sendmsg", data: answer(1, "api.example.com", "A", 2), addr: one, at: "9ms" },
    { call: "sendmsg", data: answer(1, "api.example.com", "A", 2), addr: "192.0.2.9:4000", at: "10ms" },
  ]);
  assert.equal(meter.served, ["A api.example.com NOERROR", "A api.example.com SERVFAIL"]);
  assert.equal([meter.told(), meter.unsynced], [[], 1]);
});

/** Each lookup has a type and a code of its own, so an answer to another shows. */
const STREAM: readonly Step[] = [
  ["accept", ""],
  [">", framed(query(1, "api.example.com"))],
  ["<", framed(answer(1, "api.example.com"))],
  [">", framed(query(2, "api.example.com", "AAAA")) + framed(query(3, "api.example.com", "TXT"))],
  ["<", framed(answer(3, "api.example.com", "TXT", 3)) + framed(answer(2, "api.example.com", "AAAA", 5))],
  [">", framed(query(4, "api.example.com", "SOA", { flags: 0x2000 })) + framed(query(5, "api.example.com", "PTR"))],
  ["<", framed(answer(5, "api.example.com", "PTR", 2, { upper: 0 }))],
  [">", framed(query(6, "api.example.com", "AXFR"))],
  ["<", framed(answer(6, "api.example.com", "AXFR", 0, { answers: 9 }))],
  ["<", framed(answer(6, "api.example.com", "AXFR", 0, { answers: 9 }))],
  ["close", ""],
];
const STREAMED = [
  "A api.example.com NOERROR",
  "AAAA api.example.com REFUSED",
  "AXFR api.example.com NOERROR",
  "PTR api.example.com SERVFAIL",
  "TXT api.example.com NXDOMAIN",
];

test("on TCP, cut into reads and writes at every byte, both ends tell the same", () => {
  for (const cut of cutsOf(STREAM)) {
    const meter = new Meter().judge(cutAt(STREAM, cut)),
      client = new Meter();
    client.judge(cutAt(STREAM, cut), 7, 0, { isClient: true });
    assert.equal([meter.served, meter.told(), meter.unsynced], [STREAMED, [], 0], `cut at ${cut}`);
    assert.equal([client.told(), client.served, client.unsynced], [STREAMED, [], 0], `cut at ${cut}`);
  }
  assert.equal(new Meter().judge(bytewise(STREAM)).served, STREAMED);
});

test("on TCP, with every number of bytes that is kept, nothing wrong is told", () => {
  for (let kept = 0; kept < 120; kept++) {
    const { served } = new Meter(kept).judge(STREAM);
    assert.ok(isPartOf(served, STREAMED), `${kept} bytes: ${served.join("; ")}`);
  }
});

test("on TCP, with any step lost, nothing wrong is told, and a new connection is followed", () => {
  for (let gone = 1; gone < STREAM.length - 1; gone++) {
    const meter = new Meter().judge(STREAM.slice(0, gone)).judge(STREAM.slice(gone + 1), 7, 1);
    assert.ok(isPartOf(meter.served, STREAMED), `without step ${gone}: ${meter.served.join("; ")}`);
    meter.judge(STREAM, 7, 1);
    assert.ok(isPartOf(STREAMED, meter.served), `a new connection after step ${gone}`);
  }
});

test("what was lost on TCP is told again once it has rested for a second", () => {
  const meter = new Meter().judge([...STREAM.slice(0, 2)]).judge(
    [
      ["<", framed(answer(1, "api.example.com")), "10ms"],
      [">", framed(query(2, "api.example.com", "AAAA")), "20ms"],
      ["<", framed(answer(2, "api.example.com", "AAAA")), "30ms"],
      [">", framed(query(3, "api.example.com", "TXT")), "2s"],
      ["<", framed(answer(3, "api.example.com", "TXT")), "2001ms"],
    ],
    7,
    1,
  );
  assert.equal([meter.served, meter.unsynced], [["TXT api.example.com NOERROR"], 1]);
});

test("on TCP, a length of which one byte was kept loses the connection, until it has rested", () => {
  const first = framed(query(1, `${"a".repeat(51)}.example`)),
    [second, third] = [framed(query(2, "b.example", "AAAA")), framed(query(3, "c.example", "TXT"))];
  assert.is(first.length, 79);
  const meter = new Meter(80).judge([
    ["accept", "", "1ms"],
    [">", first + second, "2ms"],
    [">", third, "3ms"],
    ["<", framed(answer(3, "c.example", "TXT", 3)), "4ms"],
    [">", framed(query(4, "d.example", "SOA")), "2s"],
    ["<", framed(answer(4, "d.example", "SOA", 5)), "2001ms"],
  ]);
  assert.equal([meter.served, meter.unsynced], [["SOA _OTHER REFUSED"], 1]);
});

test("other protocols on TCP, whoever speaks first, are no DNS", () => {
  const meter = new Meter();
  for (const steps of [
    [">GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", "<HTTP/1.1 200 OK\r\n\r\n"],
    ["<SSH-2.0-OpenSSH_9.9\r\n", ">SSH-2.0-x\r\n"],
    [">\0\0\0\x01", "<\0\0"],
    [`>${framed(answer(1, "api.example.com"))}`, `<${framed(query(1, "api.example.com"))}`],
  ])
    meter.judge([["accept", ""], ...steps.map((one): Step => [one[0] as ">" | "<", one.slice(1)]), ...STREAM.slice(1)]);
  assert.equal([meter.served, meter.told(), meter.unsynced], [[], [], 0]);
});

test("pointers, loops, long names and lengths of lies in a question are no names, and take no memory", () => {
  const meter = new Meter();
  const { memoryBytes } = meter;
  const label = (text: string): string => String.fromCharCode(text.length) + text;
  for (const raw of [
    "\xc0\x0c",
    "\xc0\x0e\xc0\x0c",
    `${label("api")}\xc0\x0c`,
    `\x40${"a".repeat(64)}\0`,
    "\x80\0",
    `${label("a".repeat(63)).repeat(4)}\0`,
    label("a").repeat(128),
    "\x3fshort\0",
    "\xff",
    "",
  ])
    for (const bytes of [query(1, "", "A", { raw }), answer(1, "", "A", 0, { raw })])
      meter
        .datagrams([
          { call: "sendto", data: bytes, addr: SERVER },
          { call: "recvfrom", data: bytes, addr: SERVER },
        ])
        .judge([
          ["accept", ""],
          [">", framed(bytes)],
          ["<", framed(bytes)],
          [">", `\xff\xff${bytes}`],
        ]);
  assert.equal([meter.told(), meter.served, meter.memoryBytes], [[], [], memoryBytes]);
});

test("a name of other bytes than those of hosts is told as _OTHER", () => {
  const meter = new Meter();
  for (const raw of ['\x03a"b\0', "\x04a/b\x01\0", "\x01\0\0", "\x03a.b\0", "\x02\xc3\xa4\0"])
    meter.datagrams([
      { call: "write", data: query(1, "", "A", { raw }) },
      { call: "read", data: answer(1, "", "A", 0, { raw }) },
    ]);
  assert.equal(meter.told(), Array(5).fill("A _OTHER NOERROR"));
});

test("names are few, however many are asked for, and those that are not found are none", () => {
  const meter = new Meter();
  const { memoryBytes } = meter;
  for (let i = 0; i < 5_000; i += 100)
    meter.datagrams(
      Array.from({ length: 100 }, (_, k): Call[] => {
        const name = [`h${i + k}x.tunnel.example`, `${"q".repeat(40)}.x.example`, `no${i + k}.example`][k % 3]!;
        return [
          { call: "write", data: query(k, name) },
          { call: "read", data: answer(k, name, "A", k % 3 === 2 ? 3 : 0) },
        ];
      }).flat(),
    );
  const names = new Set(meter.told().map((one) => one.split(" ")[1]));
  assert.is(meter.told().length, 5_000);
  assert.ok(names.has("{any}.tunnel.example") && names.has("{id}.x.example") && names.has("_OTHER"));
  assert.ok(names.size <= 55, `${names.size} names`);
  assert.is(meter.memoryBytes, memoryBytes);
});

test("queries without answers, and connections without end, are bounded", () => {
  const meter = new Meter();
  const { memoryBytes } = meter;
  for (let i = 0; i < 200; i++)
    meter.datagrams(
      Array.from({ length: 100 }, (_, k): Call => ({ call: "write", data: query(k, `n${i}.example`), ino: 100 + i })),
    );
  for (let ino = 1_000; ino < 3_000; ino++)
    meter.judge(
      [
        ["accept", ""],
        [">", framed(query(1, "api.example.com"))],
      ],
      ino,
    );
  meter.datagrams([{ call: "read", data: answer(99, "n199.example"), ino: 299 }]);
  meter.judge([["<", framed(answer(1, "api.example.com"))]], 2_999);
  assert.equal([meter.told().length, meter.served.length, meter.memoryBytes], [1, 1, memoryBytes]);
});

test("bytes at random are no names", () => {
  const meter = new Meter();
  const { memoryBytes } = meter;
  let state = 42;
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const good = [
    query(1, "api.example.com"),
    answer(1, "api.example.com"),
    answer(1, "api.example.com", "A", 3, { upper: 1 }),
  ];
  for (let round = 0; round < 300; round++) {
    const mutated = Array.from({ length: 20 }, () => {
      const bytes = Buffer.from(good[random(3)]!, "latin1");
      for (let k = random(4); k >= 0; k--) bytes[random(bytes.length)] = random(256);
      return bytes.toString("latin1").slice(0, random(4) === 0 ? random(40) : 100);
    });
    meter.datagrams(
      mutated
        .map((data, i): Call => ({ call: i % 2 === 0 ? "write" : "read", data: `${data}` }))
        .filter(({ data }) => data !== ""),
    );
    meter.judge([["accept", ""], ...mutated.map((data, i): Step => [i % 2 === 0 ? ">" : "<", framed(data)])]);
  }
  for (const one of new Set([...meter.told(), ...meter.served]))
    assert.match(one, /^\w+ [a-z0-9_.{}-]+ \w+$|^\w+ _OTHER \w+$/);
  assert.is(meter.memoryBytes, memoryBytes);
});

test.after(cleanUp);
test.run();
