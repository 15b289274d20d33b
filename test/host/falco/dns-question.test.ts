// SPDX-License-Identifier: Apache-2.0
// dns.question.name and dns.question.type of hostile messages, by whichever call they are sent and however
// much of them is kept: compiled conditions, what reads fields for outputs, and the SDK give one answer, and
// it is the name that was sent or none.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { BatchBuilder } from "../../../host/wire/builder.js";
import { QUESTION_TYPES, sentQuestion } from "../../../host/wire/dns.js";
import { fieldValue } from "../../../host/wire/fields.js";
import { framed, query } from "../../meters/dns-messages.js";
import { cleanUp, loadSource, Running, type ShortEvent } from "../../rules-wasm/shared.js";
import { Judge, numberedRules, openBatch } from "./judge.js";
import { Random } from "./random.js";

const SEED = Number(process.env.VEDETTE_SEED ?? 20261129);
const CALLS = ["sendto", "sendmsg", "sendmmsg", "write", "writev"];
const bytes = (text: string): Buffer => Buffer.from(text, "latin1");
const question = (text: string, isStream = false, whole = text.length): string | null => {
  const found = sentQuestion(bytes(text), whole, isStream);
  return found === null ? null : `${found.name} ${found.type}`;
};

test("a question is read from a datagram, and from a stream with its length before it or sent before", () => {
  const one = query(1, "Api.Example.com", "AAAA", { upper: 0 });
  assert.is(question(one), "api.example.com 28");
  assert.is(question(framed(one), true), "api.example.com 28");
  assert.is(question(one, true), "api.example.com 28");
  assert.is(question(framed(one) + framed(query(2, "b")), true), "api.example.com 28");
  assert.is(question(query(1, "", "NS")), ". 2");
  assert.is(question(framed(one)), null);
});

test("with every number of bytes that is kept, there is the whole name or none", () => {
  const one = query(1, "api.example.com");
  for (let kept = 0; kept <= one.length; kept++) {
    const want = kept === one.length ? "api.example.com 1" : null;
    assert.is(question(one.slice(0, kept), false, one.length), want, `${kept} bytes`);
    assert.is(question(framed(one).slice(0, kept + 2), true, one.length + 2), want, `${kept} bytes of a stream`);
  }
});

for (const [what, text] of Object.entries({
  "a name that points to itself": query(1, "", "A", { raw: "\xc0\x0c" }),
  "a name that points into the header": query(1, "", "A", { raw: "\x01a\xc0\x00" }),
  "labels of 64 bytes": query(1, "a".repeat(64)),
  "a name of 256 bytes": query(1, `${"a.".repeat(127)}a`),
  "two questions": query(1, "a.example.com").replace("\x01\0\0\x01", "\x01\0\0\x02"),
  "no question": query(1, "a.example.com").replace("\x01\0\0\x01", "\x01\0\0\0"),
  "an answer": query(1, "a.example.com", "A", { flags: 0x8180 }),
  "an update": query(1, "a.example.com", "A", { flags: 0x2800 }),
  "a class that is none": `${query(1, "a.example.com").slice(0, -1)}\x07`,
  "a label beyond the end": query(1, "", "A", { raw: "\x3fa" }),
}))
  test(`${what} is no question`, () => {
    for (const isStream of [false, true]) {
      assert.is(question(text, isStream), null);
      assert.is(question(framed(text), isStream), null);
    }
  });

test("a point, a blank and what cannot be printed within a label are no others' labels", () => {
  assert.is(question(query(1, "", "A", { raw: "\x08evil.com\x03x\\\0\x02a \0" })), "evil\\046com.x\\092\\000.a\\032 1");
});

test("types have the names that the SDK has for them", async () => {
  const policy = await loadSource(`
import { AnySend, note, Priority, rule } from "vedette";
import { DnsQuery } from "vedette/protocols";
const QUERY = new DnsQuery();
@rule({ name: "r", priority: Priority.Debug, output: "o" })
export function r(e: AnySend): bool {
  if (QUERY.read(e)) note(QUERY.type);
  return true;
}
`);
  const numbers = [...QUESTION_TYPES.map(({ value }) => Number(value)), 4711];
  const told = new Running(policy).judge(
    ...numbers.map((type): ShortEvent => {
      const data = bytes(`${query(1, "a").slice(0, -4)}${String.fromCharCode(type >> 8, type & 0xff)}\0\x01`);
      return ["sendto", { fd: "udp 10.0.0.5:40000->10.0.0.2:53", proc: { name: "x" }, data, res: data.length }];
    }),
  );
  assert.equal(told, [...QUESTION_TYPES.map(({ name }) => `o ${name}`), "o _OTHER"]);
});

/** A message that may be a query, with bytes that are not. */
function hostile(r: Random): string {
  const label = (): string => {
    const size = r.of([1, 2, 3, 3, 7, 62, 63]);
    return Array.from({ length: size }, () =>
      r.chance(0.9) ? r.of([..."aZ.\\-_9"]) : String.fromCharCode(r.below(256)),
    ).join("");
  };
  const labels = Array.from({ length: r.below(5) }, label);
  let raw = `${labels.map((one) => String.fromCharCode(one.length) + one).join("")}\0`;
  if (r.chance(0.1)) raw = raw.slice(0, -1) + r.of(["\xc0\x0c", "\x40", "\x3f", ""]);
  let text = query(r.below(0x10000), "", r.of(["A", "AAAA", "TXT", "SECRET"]), {
    raw,
    ...(r.chance(0.3) ? { upper: 0 } : {}),
  });
  if (r.chance(0.5)) text = framed(text);
  if (r.chance(0.2)) text += framed(query(2, "behind.example"));
  for (let flips = r.chance(0.3) ? r.below(3) : 0; flips > 0; flips--) {
    const at = r.below(Math.min(text.length, 16));
    text = text.slice(0, at) + String.fromCharCode(r.below(256)) + text.slice(at + 1);
  }
  return text;
}

test("conditions, outputs and the SDK agree on each of thousands of hostile messages", async () => {
  const policy = await loadSource(`
import { Event, note, Priority, rule } from "vedette";
import { questionName, questionType } from "vedette/falco";
@rule({ name: "r", priority: Priority.Debug, output: "o", events: ["${CALLS.join('", "')}"] })
export function r(e: Event): bool {
  const name = questionName(e);
  note(name.exists ? name.toString() + " " + questionType(e).toString() : "none");
  return true;
}
`);
  const r = new Random(SEED);
  const [nameOf, typeOf] = [fieldValue("dns.question.name")!, fieldValue("dns.question.type")!];
  const numbers = new Map(QUESTION_TYPES.map(({ name, value }) => [name, String(value)]));
  let found = 0;
  for (let round = 0; round < 12; round++) {
    const builder = new BatchBuilder({ first: 1 });
    const own = builder.process({ pid: 1, name: "x" });
    for (let i = 0; i < 200; i++) {
      const text = hostile(r);
      const isUdp = r.chance(0.5);
      const port = r.chance(0.95) ? 53 : 54;
      const call = r.of(CALLS);
      const data = bytes(text).subarray(0, r.chance(0.8) ? text.length : r.below(text.length + 1));
      const res = call === "sendmmsg" ? r.of([-11, 1, 2]) : r.chance(0.95) ? text.length : r.of([-11, 0, r.below(20)]);
      const cip = Uint8Array.of(10, 0, 0, 5);
      const fd = { type: "4", sport: port, l4proto: isUdp ? 17 : 6, cip, sip: cip };
      const descriptor = r.chance(0.97) ? builder.descriptor(fd) : builder.descriptor({ ...fd, type: "u" });
      builder.record(call, { process: own, descriptor, fd: 3, result: res, params: { data, size: data.length } });
    }
    const batch = openBatch(builder.bytes());
    const fields = Array.from(batch.offsets, (at) => [nameOf(batch, at), typeOf(batch, at)] as const);
    const names = [...new Set(fields.flatMap(([name]) => (name === null ? [] : [String(name)])))];
    const types = [...new Set(fields.flatMap(([, type]) => (type === null ? [] : [String(type)])))];
    const quoted = (text: string): string => `"${text.replace(/[\\"]/g, "\\$&")}"`;
    const rules = [
      ...names.map((name) => `dns.question.name = ${quoted(name)}`),
      ...types.map((type) => `dns.question.type = ${quoted(type)}`),
    ];
    const judge = await Judge.of(numberedRules(rules.map((one) => `evt.type in (${CALLS.join(", ")}) and ${one}`)));
    const told = judge.judge(batch).map((places) => places.map(Number));
    for (const [i, [name, type]] of fields.entries()) {
      const want = name === null ? [] : [names.indexOf(String(name)), names.length + types.indexOf(String(type))];
      assert.equal(
        [...told[i]!].sort((a, b) => a - b),
        want,
        `message ${i} of round ${round}, seed ${SEED}`,
      );
      if (name !== null) found++;
    }
    const sdk = new Running(policy).judgeBytes(builder.bytes());
    const said = fields.map(([name, type]) =>
      name === null ? "o none" : `o ${name} ${numbers.get(String(type)) ?? type}`,
    );
    assert.equal(sdk, said, `round ${round}, seed ${SEED}`);
  }
  assert.ok(found > 500, `${found} questions: the cases prove little`);
});

test.after(cleanUp);
test.run();
