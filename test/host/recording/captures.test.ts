// SPDX-License-Identifier: Apache-2.0
// Falco's regression cases on captures: rules judge what is read from a .scap file, and detect as often as
// Falco does.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { loadRules } from "../../../host/falco/load.js";
import { EventJson } from "../../../host/output/event-json.js";
import { replay, replayFile } from "../../../host/recording/scap/replay.js";
import { openBatch } from "../../../host/wire/batch.js";
import { fieldValue } from "../../../host/wire/fields.js";
import { eventOf, processAt, tidOf, timeOf } from "../../../host/wire/record.js";
import { Judge } from "../falco/judge.js";
import { Random } from "../falco/random.js";
import { CASES, type Case, fixture, GIVEN, placeOf, withFalco } from "../falco/shared.js";

const CAPTURES: Record<string, string> = { CatWrite: "cat_write.scap", OpenMultipleFiles: "open-multiple-files.scap" };

function read(name: string): Buffer {
  return readFileSync(placeOf(name, `captures/${name}`));
}

// The suite is of October 2025, when Falco still judged the entries of opens and of calls on descriptors,
// too. Today's Falco, and we, have one event of a call.
const WITHOUT_ENTRIES: Record<string, Record<number, number>> = {
  Legacy_DetectSkipUnknownNoevt: { 8: 4 },
  Legacy_CatchallOrder: { 6: 3 },
};

for (const c of CASES) {
  const [named, ...others] = c.capture ?? [];
  if (named === undefined || others.length > 0 || (c.exit ?? 0) !== 0) continue;
  const name = CAPTURES[named] ?? (GIVEN === null ? undefined : `${named}.scap`);
  if (!name) continue;
  withFalco(`${c.name} detects what Falco detects in ${name}`, async () => {
    const counts = await detect(c, name);
    for (const { count, of } of c.detections ?? []) {
      const found = counts.filter((d) =>
        of.every(([key, value]) => d[key as "Rule" | "Priority"].toLowerCase() === alike(value)),
      );
      const what = `${found.length} of ${JSON.stringify(of)} in ${JSON.stringify(counts)}`;
      if (count === ">0") assert.ok(found.length > 0, what);
      else assert.is(found.length, WITHOUT_ENTRIES[c.name]?.[Number(count)] ?? count, what);
    }
  });
}

function alike(value: string): string {
  return value.toLowerCase() === "info" ? "informational" : value.toLowerCase();
}

async function detect(c: Case, capture: string): Promise<{ Rule: string; Priority: string }[]> {
  const loaded = loadRules(c.rules.map(fixture));
  assert.ok(loaded.ok);
  const selected = select(c, loaded.rules);
  const out: { Rule: string; Priority: string }[] = [];
  if (!selected.some((rule) => rule.enabled)) return out;
  const judge = await Judge.of(selected, { matching: "first" }).catch((error: { code?: string }) => {
    if (error.code === "VEDETTE_POLICY_NO_RULES") return null;
    throw error;
  });
  for (const bytes of judge ? replay(read(capture), capture).batches : []) {
    for (const names of judge!.judge(openBatch(bytes))) {
      for (const rule of names) out.push({ Rule: rule, Priority: selected.find((r) => r.name === rule)!.priority });
    }
  }
  return out;
}

// The cases about tags are run with Falco's -t and -T, which their names tell.
function select<T extends { tags: string[]; enabled: boolean }>(c: Case, rules: T[]): T[] {
  const found = /^Legacy_(RunTags|DisabledTags)([A-Z][a-z]*)$/.exec(c.name);
  if (!found) return rules;
  const tags = [...found[2]!.toLowerCase()];
  const has = (rule: T) => rule.tags.some((tag) => tags.includes(tag));
  return rules.map((rule) => ({ ...rule, enabled: found[1] === "RunTags" ? has(rule) : !has(rule) }));
}

const SHAPES: [string, Record<string, number>][] = [
  ["cat_write.scap", { open: 4, execve: 1, access: 3, mmap: 10, procexit: 1 }],
  ["open-multiple-files.scap", { open: 13, procexit: 1 }],
  ["connect_localhost.scap", { socket: 3, connect: 1 }],
  ["curl_google.scap", { execve: 1, mmap: 110, connect: 4, sendto: 2, recvfrom: 4 }],
  ["single_ipv6_conn.scap", { socket: 4, bind: 2, listen: 1, connect: 3, accept: 1 }],
  ["syscall.scap", { open: 4 }],
];
for (const [name, shape] of SHAPES) {
  withFalco(`${name} gives its events`, () => {
    const { batches, summary } = replay(read(name), name);
    const counts: Record<string, number> = {};
    for (const bytes of batches) {
      const batch = openBatch(bytes);
      for (const at of batch.offsets) {
        const type = String(fieldValue("evt.type")!(batch, at));
        counts[type] = (counts[type] ?? 0) + 1;
      }
    }
    for (const [type, count] of Object.entries(shape)) assert.is(counts[type], count, type);
    assert.equal(
      { ...summary(), events: 0, skipped: 0 },
      { events: 0, skipped: 0, unknownBlocks: 0, isTruncated: false },
    );
  });
}

withFalco("a connection of a capture are what the capture says", () => {
  const seen: string[] = [];
  for (const bytes of replay(read("single_ipv6_conn.scap"), "x").batches) {
    const batch = openBatch(bytes);
    for (const at of batch.offsets) {
      const get = (name: string) => fieldValue(name)!(batch, at);
      if (get("evt.type") === "accept") seen.push(`${get("fd.name")} ${get("fd.l4proto")} ${get("fd.is_server")}`);
    }
  }
  assert.equal(seen, ["2001:db8::4:54405->2001:db8::3:1234 tcp true"]);
});

withFalco("the list of users tells where they live, and kinds of calls come out as of live ones", () => {
  const seen = new Set<string>();
  for (const bytes of replay(read("open-multiple-files.scap"), "x").batches) {
    const batch = openBatch(bytes);
    const get = (at: number) => (name: string) => String(fieldValue(name)!(batch, at));
    for (const at of batch.offsets) seen.add("user.name user.homedir user.shell".split(" ").map(get(at)).join(" "));
  }
  const name = "mstemm";
  assert.equal([...seen], [`${name} ${join("/", "home", name)} /bin/bash`]);
  const failures = new Set<string>();
  const names = "evt.type evt.res evt.category evt.count.error.net fd.sproto".split(" ");
  for (const bytes of replay(read("connect_localhost.scap"), "x").batches) {
    const batch = openBatch(bytes);
    const get = (at: number) => (name: string) => String(fieldValue(name)!(batch, at));
    for (const at of batch.offsets) failures.add(names.map(get(at)).join(" "));
  }
  assert.ok(failures.has("connect EINPROGRESS net 1 80"), [...failures].join("\n"));
});

withFalco("a capture cut off at any byte gives what came before, and says so", () => {
  const whole = read("syscall.scap");
  const plain = whole[0] === 0x1f ? undefined : whole;
  const count = (file: Buffer) => {
    const { batches, summary } = replay(file, "cut.scap");
    let records = 0;
    for (const bytes of batches) records += openBatch(bytes).count;
    return { records, isTruncated: summary().isTruncated };
  };
  const full = count(whole);
  for (const part of [0.3, 0.6, 0.9, 0.99]) {
    const cut = count((plain ?? whole).subarray(0, Math.floor(whole.length * part)));
    assert.ok(cut.records <= full.records);
    assert.ok(cut.isTruncated, `at ${part}`);
  }
});

for (const [name] of SHAPES) {
  withFalco(`damage to ${name} is refused or read around, whatever it hits`, () => {
    const r = new Random(20261125);
    const file = read(name);
    const plain = file[0] === 0x1f ? gunzipSync(file) : file;
    const damaged = (change: (bytes: Buffer) => Buffer) => {
      try {
        for (const bytes of replay(change(Buffer.from(plain)), name).batches) openBatch(bytes);
      } catch (error) {
        assert.is((error as { code?: string }).code, "VEDETTE_SCAP_UNREADABLE", (error as Error).stack);
      }
    };
    for (let i = 0; i < 25; i++) {
      damaged((bytes) => bytes.subarray(0, r.below(bytes.length)));
      damaged((bytes) => {
        for (let k = r.below(8); k >= 0; k--) bytes[r.below(bytes.length)] = r.below(256);
        return bytes;
      });
      damaged((bytes) => {
        bytes.writeUInt32LE(r.of([0, 1, 12, 0x7fffffff, 0xffffffff]), r.below(bytes.length - 4));
        return bytes;
      });
    }
  });
}

withFalco("a mapping has its flags by the kernel's numbers, and a process its streams", () => {
  const told = (capture: string, name: string): Set<unknown> => {
    const values = new Set<unknown>();
    for (const bytes of replay(read(capture), capture).batches) {
      const batch = openBatch(bytes);
      for (const at of batch.offsets) values.add(fieldValue(name)!(batch, at));
    }
    return values;
  };
  assert.ok(told("cat_write.scap", "evt.arg.flags").has("MAP_PRIVATE|MAP_ANONYMOUS"));
  const streams = ["single_ipv6_conn.scap", "connect_localhost.scap", "curl_google.scap"].flatMap((capture) => [
    ...told(capture, "proc.stdin.name"),
  ]);
  assert.ok(streams.includes("/dev/null"), streams.join(" "));
});

withFalco("a file is read piece by piece, gzipped or not, and gives what it gives in memory", async () => {
  const plain = gunzipSync(read("curl_google.scap"));
  const events = plain.subarray(firstEvent(plain));
  const long = Buffer.concat([plain, ...Array.from({ length: 40 }, () => events)]); // several pieces
  const folder = mkdtempSync(join(tmpdir(), "vedette-capture-"));
  try {
    for (const [name, bytes] of [
      ["plain", long],
      ["zipped", gzipSync(long)],
      ["cut", long.subarray(0, long.length - 3)],
    ] as const) {
      const path = join(folder, name);
      writeFileSync(path, bytes);
      const [inMemory, fromFile] = [replay(bytes as Buffer, path), replayFile(path)];
      const expected = [...inMemory.batches];
      const got: Uint8Array[] = [];
      for await (const batch of fromFile.batches) got.push(batch);
      const lending = replayFile(path);
      lending.lend();
      const lent: Buffer[] = [];
      const memories = new Set<ArrayBufferLike>();
      for await (const batch of lending.batches) {
        lent.push(Buffer.from(batch));
        memories.add(batch.buffer);
      }
      assert.ok(Buffer.concat(lent).equals(Buffer.concat(expected)), `${name}, lent`);
      assert.ok(memories.size < expected.length, "memory is used again");
      assert.ok(expected.length > 1);
      assert.ok(Buffer.concat(got).equals(Buffer.concat(expected)), name);
      assert.equal(fromFile.summary(), inMemory.summary());
      assert.is(fromFile.summary().isTruncated, name === "cut");
    }
    assert.throws(
      () => replayFile(join(folder, "none")),
      (error: { code: string }) => error.code === "VEDETTE_SCAP_UNREADABLE",
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

withFalco("who asks for some events only gets these as they are, at the same places", () => {
  const asked = new Set(["openat", "open", "execve", "connect"]);
  const json = new EventJson();
  for (const name of ["curl_google.scap", "syscall.scap", "connect_localhost.scap"]) {
    const [whole, some] = [replay(read(name), name), replay(read(name), name)];
    some.tellOnly(asked);
    const [all, few] = [whole, some].map(({ batches }) => [...batches].map(openBatch));
    assert.is(few!.length, all!.length);
    let told = 0;
    for (const [i, batch] of all!.entries()) {
      const other = few![i]!;
      assert.equal([other.first, other.offsets], [batch.first, batch.offsets]);
      for (const at of batch.offsets) {
        const isAsked = asked.has(eventOf(batch, at).name);
        if (isAsked) told++;
        for (const get of [eventOf, timeOf, tidOf]) assert.is(get(other, at), get(batch, at));
        if (isAsked) assert.is(json.line(other, at), json.line(batch, at));
        else assert.is(processAt(other, at), -1);
      }
    }
    assert.ok(told > 0, name);
    assert.equal(some.summary(), whole.summary());
  }
});

function firstEvent(capture: Buffer): number {
  let at = 0;
  while (![0x204, 0x216, 0x221].includes(capture.readUInt32LE(at))) at += capture.readUInt32LE(at + 4);
  return at;
}

withFalco("what is no capture is refused with a reason", () => {
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.from("not a capture at all, but long enough to look"),
    gzipSync(Buffer.from("x")),
  ]) {
    assert.throws(
      () => replay(bytes, "x.scap"),
      (error: { code: string }) => error.code === "VEDETTE_SCAP_UNREADABLE",
    );
  }
});

test.run();
