// SPDX-License-Identifier: Apache-2.0
// The meter of TLS on handshakes that are cut in every way: what is told is right, or it is not told.
// test/e2e/tls-meter.test.ts asks a true server whether it is.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { cleanUp } from "../rules-wasm/shared.js";
import { bytewise, cutAt, cutsOf, meterNamed, Meter as OneMeter, type Step } from "./conversation.js";
import {
  alert,
  change,
  clientHello,
  data,
  encrypted,
  extension,
  GREASE,
  protocols,
  RECORD,
  record,
  records,
  serverHello,
  serverName,
} from "./tls-messages.js";

const POLICY = await meterNamed("tls");

class Meter extends OneMeter {
  constructor(snaplen?: number) {
    super(POLICY, "/usr/sbin/nginx", snaplen);
  }

  /** As `api.example.com 1.3 h2 unknown_ca`, once for each handshake, sorted; `-` for what is empty. */
  told(side: "server" | "client" = "server"): string[] {
    return this.series(`tls.${side}.handshake.duration`)
      .flatMap(({ labels, buckets }) => {
        const shown = (labels ?? []).slice(1, 5).map((one) => (one === "" ? "-" : one));
        return new Array<string>(buckets.reduce((sum, one) => sum + one, 0)).fill(shown.join(" "));
      })
      .sort();
  }

  seconds(): string {
    return this.series("tls.server.handshake.duration")
      .reduce((sum, { value }) => sum + value, 0)
      .toFixed(3);
  }
}

const HELLO = clientHello([
  extension(0x3a3a, ""),
  extension(51, "k".repeat(1_200)),
  serverName("API.example.com"),
  protocols(GREASE, "h2", "http/1.1"),
  extension(43, "\x04\x03\x04\x03\x03"),
]);
const FLIGHT = records(serverHello(0x0304)) + change + data(900);
const CERTIFICATE = record(RECORD.handshake, "\x0b".repeat(3_000));

const NEW: readonly Step[] = [
  ["accept", ""],
  [">", records(HELLO)],
  ["<", FLIGHT],
  [">", change + data(53)],
  ["<", data(200)],
  [">", data(100)],
  ["close", ""],
];
const OLD: readonly Step[] = [
  ["accept", ""],
  [">", records(HELLO)],
  ["<", records(serverHello(0x0303, 0xc02f)) + CERTIFICATE],
  [">", record(RECORD.handshake, "\x10".repeat(70)) + change + encrypted],
  ["<", change + encrypted],
  [">", data(100)],
  ["close", ""],
];
/** Each handshake that ends in its own way, and what is told of it. */
const ENDS: readonly (readonly [what: string, steps: readonly Step[], told: string])[] = [
  ["TLS 1.3", NEW, "api.example.com 1.3 h2 -"],
  ["TLS 1.2", OLD, "api.example.com 1.2 h2 -"],
  ["a session of TLS 1.2 that is resumed", resumed(), "api.example.com 1.2 h2 -"],
  [
    "a name that the server does not know",
    [...NEW.slice(0, 2), ["<", alert(2, 112)], ["close", ""]],
    "_OTHER - h2 unrecognized_name",
  ],
  [
    "a warning, and then success",
    [...OLD.slice(0, 2), ["<", alert(1, 112) + OLD[2]![1]], ...OLD.slice(3)],
    "api.example.com 1.2 h2 -",
  ],
  [
    "a certificate that the client refuses in the open",
    [...OLD.slice(0, 3), [">", alert(2, 48)], ["close", ""]],
    "_OTHER 1.2 h2 unknown_ca",
  ],
  [
    "one that it refuses behind encryption",
    [...NEW.slice(0, 3), [">", data(19)], ["close", ""]],
    "_OTHER 1.3 h2 encrypted_alert",
  ],
  [
    "keys that do not fit",
    [...OLD.slice(0, 4), ["<", record(RECORD.alert, "\xfe".repeat(26))], ["close", ""]],
    "_OTHER 1.2 h2 encrypted_alert",
  ],
  ["an alert of no list", [...NEW.slice(0, 2), ["<", alert(2, 199)]], "_OTHER - h2 _OTHER"],
  ["a server that speaks something else", [...NEW.slice(0, 2), ["<", "HTTP/1.1 400 Bad\r\n"]], "_OTHER - h2 no_tls"],
  ["a client that goes", [...NEW.slice(0, 3), ["close", ""]], "_OTHER 1.3 h2 closed"],
  [
    "early data, and then success",
    [NEW[0]!, [">", records(HELLO) + change + data(19)], ["<", FLIGHT], [">", data(53)]],
    "api.example.com 1.3 h2 -",
  ],
  [
    "a second hello, since the first had not what the server wants",
    [...NEW.slice(0, 2), ["<", records(serverHello(0x0304)) + change], [">", change + records(HELLO)], ...NEW.slice(2)],
    "api.example.com 1.3 h2 -",
  ],
];

function resumed(): Step[] {
  return [
    ["accept", ""],
    [">", records(HELLO)],
    ["<", records(serverHello(0x0303, 0xc02f)) + change + encrypted],
    [">", change + encrypted],
    [">", data(100)],
  ];
}

for (const [what, steps, told] of ENDS)
  test(`${what}: told alike by both ends, whole and cut at every byte`, () => {
    for (const cut of [...cutsOf(steps).filter((at) => at < 200 || at % 61 === 0), 1e6]) {
      const meter = new Meter().judge(cutAt(steps, cut)),
        client = new Meter();
      client.judge(cutAt(steps, cut), 7, 0, { isClient: true });
      assert.equal([meter.told(), meter.told("client"), meter.unsynced], [[told], [], 0], `cut at ${cut}`);
      assert.equal([client.told("client"), client.told(), client.unsynced], [[told], [], 0], `cut at ${cut}`);
    }
    assert.equal(new Meter().judge(bytewise(steps)).told(), [told]);
  });

test("a hello in records of every size is one", () => {
  for (let most = 1; most < 120; most++) {
    const steps: Step[] = [NEW[0]!, [">", records(HELLO, most)], ...NEW.slice(2)];
    assert.equal(new Meter(65_536).judge(steps).told(), ["api.example.com 1.3 h2 -"], `${most} bytes`);
  }
});

/** What may be told of a handshake of which a part is unknown. */
function isLess(one: string, whole: string): boolean {
  const [words, wanted] = [one.split(" "), whole.split(" ")];
  return (
    (words[0] === wanted[0] || words[0] === "_OTHER") &&
    (words[1] === wanted[1] || words[1] === "-") &&
    (words[2] === wanted[2] || words[2] === "-") &&
    (words[3] === wanted[3] || words[3] === "closed")
  );
}

test("with every number of bytes that is kept, nothing wrong is told", () => {
  for (const [what, steps, whole] of ENDS)
    for (let kept = 0; kept < 1_500; kept += kept < 200 ? 1 : 53) {
      const { length } = steps,
        last = steps[length - 1]![0] === "close" ? length - 1 : length;
      const meter = new Meter(kept).judge(steps.slice(0, last));
      for (const one of meter.told())
        assert.ok(
          isLess(one, whole) && (!one.endsWith("closed") || whole.endsWith("closed")),
          `${what}, ${kept}: ${one}`,
        );
      assert.ok(meter.told().length + meter.unsynced <= 1, `${what}, ${kept}`);
    }
});

test("with any step lost and counted, nothing wrong is told, and a new connection is followed", () => {
  for (const [what, steps, whole] of ENDS)
    for (let gone = 0; gone < steps.length; gone++) {
      const meter = new Meter().judge(steps.slice(0, gone)).judge(steps.slice(gone + 1), 7, 1);
      for (const one of meter.told()) assert.is(one, whole, `${what}, without step ${gone}`);
      assert.ok(meter.told().length + meter.unsynced <= 1);
      meter.judge(NEW, 8, 1);
      assert.ok(meter.told().includes("api.example.com 1.3 h2 -"));
    }
});

test("the time is from the hello's first byte to what shows that it is over", () => {
  const at = ["1ms", "2ms", "5ms", "42ms", "100ms", "200ms", "300ms"];
  assert.is(new Meter().judge(NEW.map(([way, text], i): Step => [way, text, at[i]!])).seconds(), "0.040");
});

test("half a hello is over with its connection, though the next one has the same process and descriptor", () => {
  const half = (name: string): string =>
    records(clientHello([serverName(name), extension(51, "k".repeat(1_200))])).slice(0, 300);
  for (const end of [[], [["close", ""]]] as const)
    for (const ino of [0, 7]) {
      const client = new Meter();
      client.judge([NEW[0]!, [">", half("old.example")], ...end], ino, 0, { isClient: true });
      client.judge(NEW, ino, 0, { isClient: true });
      assert.equal([client.told("client"), client.unsynced], [["api.example.com 1.3 h2 -"], 0], `inode ${ino}`);
    }
});

test("a hello whose first half had to make room for others loses its connection", () => {
  const [steps, at] = [NEW.slice(0, 2), 60];
  const meter = new Meter().judge([...steps, ["<", FLIGHT.slice(0, at)]]);
  for (let ino = 1_000; ino < 1_300; ino++) meter.judge([...steps, ["<", FLIGHT.slice(0, at)]], ino);
  meter.judge([["<", FLIGHT.slice(at)], ...NEW.slice(3)]);
  assert.equal([meter.told(), meter.unsynced], [[], 1]);
});

test("a client without a name, and names that are none of a host", () => {
  const meter = new Meter();
  for (const extensions of [
    [],
    [protocols("acme-tls/1")],
    [serverName('a".example')],
    [serverName("")],
    [serverName(`${"a".repeat(63)}.${"b".repeat(63)}.example`)],
    [serverName("a..example"), protocols("s3cret")],
    [serverName("fine.example"), protocols(GREASE)],
  ])
    meter.judge([NEW[0]!, [">", records(clientHello(extensions))], ...NEW.slice(2)]);
  assert.equal(meter.told(), [
    "- 1.3 - -",
    "- 1.3 acme-tls/1 -",
    "_OTHER 1.3 - -",
    "_OTHER 1.3 - -",
    "_OTHER 1.3 - -",
    "_OTHER 1.3 _OTHER -",
    "fine.example 1.3 - -",
  ]);
});

test("other protocols, and connections that were there before, are no TLS", () => {
  const meter = new Meter();
  for (const steps of [
    [">GET / HTTP/1.1\r\n\r\n", "<HTTP/1.1 200 OK\r\n\r\n"],
    ["<SSH-2.0-OpenSSH_9.9\r\n", ">SSH-2.0-x\r\n"],
    [`>${change}`, "<x"],
    [`>${records(serverHello(0x0304))}`, `<${alert(2, 40)}`],
    ["<220 mail\r\n", `>${records(HELLO)}`, `<${FLIGHT}`],
  ])
    meter.judge([["accept", ""], ...steps.map((one): Step => [one[0] as ">" | "<", one.slice(1)]), ["close", ""]]);
  meter.judge(NEW.slice(1), 99);
  assert.equal([meter.told(), meter.unsynced], [[], 0]);
});

test("lengths of lies and bytes at random tell no name, and take no memory", () => {
  const meter = new Meter();
  const { memoryBytes } = meter;
  let state = 7;
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const short = records(clientHello([serverName("api.example.com"), protocols("h2")]));
  for (let round = 0; round < 3_000; round++) {
    const bytes = Buffer.from(round % 3 === 0 ? FLIGHT : short, "latin1");
    for (let k = random(5); k >= 0; k--)
      bytes[random(Math.min(bytes.length, 200))] = [0, 0xff, random(256)][random(3)]!;
    const mutated = bytes.toString("latin1");
    const steps: Step[] =
      round % 3 === 0
        ? [
            [">", short],
            ["<", mutated],
          ]
        : [
            [">", mutated],
            ["<", FLIGHT],
          ];
    meter.judge([["accept", ""], ...steps, [">", change + data(53)], ["close", ""]]);
  }
  for (const one of new Set(meter.told()))
    assert.match(one, /^(-|_OTHER|[a-z0-9_.{}-]+) (-|1\.\d|_OTHER) (-|_OTHER|h2) (-|\w+)$/);
  assert.is(meter.memoryBytes, memoryBytes);
});

test("names are few, however many are asked for, and handshakes without end are bounded", () => {
  const meter = new Meter();
  const { memoryBytes } = meter;
  for (let i = 0; i < 400; i++) {
    const hello = records(clientHello([serverName(`x${i}y.example`)]));
    meter.judge([NEW[0]!, [">", hello], ...NEW.slice(2)], 10 + (i % 5));
    meter.judge([NEW[0]!, [">", records(clientHello([serverName(`f${i}g.fail`)]))], ["<", alert(2, 112)]], 3);
  }
  for (let ino = 1_000; ino < 5_000; ino++) meter.judge([NEW[0]!, [">", records(HELLO, 500).slice(0, 700)]], ino);
  const names = new Set(meter.told().map((one) => one.split(" ")[0]));
  assert.equal([names.has("{any}.example"), names.has("_OTHER"), names.size], [true, true, 52]);
  assert.equal([meter.told().length, meter.memoryBytes], [800, memoryBytes]);
});

test.after(cleanUp);
test.run();
