// SPDX-License-Identifier: Apache-2.0
// Whoever has broken in and wants no evidence of it (H30): findings without end, so that a container's files
// are used up or the oldest go; a tenant whose rule matches everything; a container's name that leads
// elsewhere; and another user who reads what is kept. The honest control is a neighbour whose finding has its
// file.
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Capture } from "../../host/capture/agent.js";
import { Capturer } from "../../host/evidence/capturer.js";
import { type Asked, Evidence, USUAL_EVIDENCE } from "../../host/evidence/evidence.js";
import { EvidenceFolder } from "../../host/evidence/evidence-folder.js";
import { type CaptureFacts, EVIDENCE_BOUNDS, type EvidenceFacts } from "../../host/evidence/parts.js";
import type { Alert } from "../../host/output/alert.js";
import { RecordingWriter } from "../../host/recording/recording.js";
import { BatchBuilder } from "../../host/wire/builder.js";
import { alertOf } from "../host/incident/shared.js";
import { until } from "../until.js";

const scratch = mkdtempSync(join(tmpdir(), "vedette-test-"));
const capture = new Capture({ ringBytes: 1 << 20 });
test.after(() => {
  capture.close();
  rmSync(scratch, { recursive: true });
});
let folders = 0;
const peer = (number: number, name: string) => ({ number, hostname: "box", facts: { id: name, name } as never });

async function withEvidence(
  bounds: Partial<typeof EVIDENCE_BOUNDS>,
  work: (evidence: Evidence, folder: string, told: Alert[]) => Promise<void>,
  asked: ReadonlyMap<string, Asked> = new Map(),
): Promise<void> {
  const folder = join(scratch, `${folders++}`);
  const told: Alert[] = [];
  const onFault = (error: Error): never => {
    throw error;
  };
  const all = { ...EVIDENCE_BOUNDS, ...bounds };
  const evidence = Evidence.open({
    ...USUAL_EVIDENCE,
    asked,
    folder,
    bounds: all,
    ring: capture.ring,
    onAlert: (one) => void told.push(one),
    onFault,
  });
  try {
    evidence.begin();
    await work(evidence, folder, told);
  } finally {
    await evidence.close();
  }
}

const keptIn = (folder: string): string[] => readdirSync(folder).filter((name) => name.endsWith(".vedette"));

test("H30: a container that raises findings without end uses up its own files, which is told, and nobody else's", async () => {
  await withEvidence({ filesAnHour: 3 }, async (evidence, folder, told) => {
    // Its agent connects anew each time: findings of one connection share a file.
    const marked = Array.from({ length: 500 }, (_, i) =>
      evidence.mark(alertOf({ file: i }, { priority: "Warning" }), peer(100 + i, "intruder")),
    );
    assert.is(marked.filter(({ evidence: file }) => file !== undefined).length, 3);
    assert.is(evidence.stats().refused.limit, 497);
    assert.equal(told.filter(({ rule }) => rule === "Evidence not kept").length, 1, "told once");
    const grave = evidence.mark(alertOf({ file: 900 }, { priority: "Critical" }), peer(1, "intruder"));
    assert.ok(grave.evidence !== undefined, "what is grave has files of its own");
    const honest = evidence.mark(alertOf({ file: 901 }, { priority: "Warning" }), peer(2, "neighbour"));
    await evidence.finish();
    assert.ok(existsSync(join(folder, honest.evidence!)));
    assert.is(keptIn(folder).length, 5);
  });
});

test("H30: findings whose rule asks for a moment alone share a file, and use up none of the others", async () => {
  const RULE = alertOf({ file: 0 }).rule;
  const asked = new Map([[RULE, { afterMs: 1 }]]);
  await withEvidence(
    { filesAnHour: 3 },
    async (evidence, folder) => {
      const begun = performance.now();
      const names = new Set<string | undefined>();
      for (let i = 0; performance.now() < begun + 50; i++)
        names.add(evidence.mark(alertOf({ file: i }, { priority: "Warning" }), peer(1, "hasty")).evidence);
      await evidence.finish();
      assert.is(evidence.stats().refused.limit, 0);
      assert.is(evidence.stats().refused.full, 0);
      assert.equal(keptIn(folder).sort(), [...names].sort());
    },
    asked,
  );
});

test("H30: a folder that is full of young files keeps them, and what is not kept is told", async () => {
  await withEvidence({ afterMs: 0, folderBytes: 100_000, fileBytes: 100_000 }, async (evidence, folder, told) => {
    evidence.mark(alertOf({ file: 1 }, { priority: "Critical" }), peer(1, "first"));
    await until("the first is kept", () => keptIn(folder).length === 1 || told.length > 0);
    evidence.mark(alertOf({ file: 2 }, { priority: "Critical" }), peer(2, "second"));
    await evidence.finish();
    assert.is(keptIn(folder).length, 1, "the first is still there");
    assert.ok(told.some(({ rule, output }) => rule === "Evidence not kept" && output.includes("older than a day")));
    assert.is(evidence.stats().refused.full, 1);
  });
});

test("H30: a container that fills its files uses up its own bytes, and leaves the folder's room to others", async () => {
  await withEvidence({ afterMs: 0, containerBytes: 1 }, async (evidence, folder, told) => {
    evidence.mark(alertOf({ file: 1 }, { priority: "Warning" }), peer(1, "intruder"));
    await until("its first file has ended", () => told.some(({ rule }) => rule === "Evidence kept"));
    assert.is(evidence.mark(alertOf({ file: 2 }, { priority: "Warning" }), peer(1, "intruder")).evidence, undefined);
    assert.ok(
      evidence.mark(alertOf({ file: 3 }, { priority: "Warning" }), peer(2, "neighbour")).evidence !== undefined,
    );
    await evidence.finish();
    assert.is(keptIn(folder).length, 2);
  });
});

test("H30: a tenant's findings make no files, however many there are", async () => {
  await withEvidence({}, async (evidence, folder) => {
    for (let i = 0; i < 100; i++)
      assert.is(
        evidence.mark(alertOf({ file: i, tenant: "mine" }, { priority: "Critical" }), peer(1, "web")).evidence,
        undefined,
      );
    await evidence.finish();
    assert.equal(keptIn(folder), []);
  });
});

test("H30: a container's name leads nowhere else, and no other user may read what is kept", async () => {
  await withEvidence({}, async (evidence, folder) => {
    const name = `../../${"x".repeat(300)}/etc\u0000\n;`;
    const { evidence: file = "" } = evidence.mark(alertOf({ file: 1 }, { priority: "Critical" }), peer(1, name));
    await evidence.finish();
    assert.match(file, /^\d{8}T\d{6}Z-\.\._\.\._x{34}-\d+\.\d+\.vedette$/);
    assert.equal(keptIn(folder), [file]);
    assert.is(statSync(folder).mode & 0o777, 0o700);
    for (const one of readdirSync(folder)) assert.is(statSync(join(folder, one)).mode & 0o777, 0o600, one);
  });
});

/** A recording of one container, named as evidence names them. */
function recorded(folder: EvidenceFolder, name: string, batches: number, records: number, args: Buffer): EvidenceFacts {
  const writer = new RecordingWriter(folder.part(name));
  let pid = 100;
  for (let seq = 0; seq < batches; seq++) {
    const builder = new BatchBuilder({ seq, first: 1 + seq * records });
    const process = builder.process({ pid: 7, name: "sh", exe: "sh", exepath: "/bin/sh", args });
    for (let i = 0; i < records; i++) builder.record("clone", { process, tid: 7, result: ++pid, params: { flags: 0 } });
    writer.batch(1, builder.bytes(), records);
  }
  writer.close();
  const ids = {
    file: `${name}.vedette`,
    incident: null,
    findings: [],
    executables: [],
    hostname: name,
    container: null,
  };
  const counts = { batches, events: batches * records, missed: 0, from: null, to: null, state: "whole" as const };
  return folder.end(name, { ...ids, ...counts });
}

test("H30: a family that grows without end, with arguments as long as can be, makes no capture beyond its bounds", async () => {
  const bounds = { ...EVIDENCE_BOUNDS, fileBytes: 4 << 20, captureListBytes: 1 << 20 };
  const folder = new EvidenceFolder(join(scratch, `${folders++}`), bounds);
  // What takes 60 bytes in a recording takes 60 KiB in a capture: it tells a child's arguments each time.
  const storm = recorded(folder, "intruder", 50, 2_000, Buffer.alloc(60_000, "a"));
  assert.ok(storm.bytes < bounds.fileBytes);
  const honest = recorded(folder, "neighbour", 1, 3, Buffer.from("a\0"));
  const told = new Map<string, CaptureFacts | string>();
  const capturer = new Capturer(folder.path, bounds, "scap", {
    onMade: ({ hostname }, facts) => void told.set(hostname, facts),
    onRefused: ({ hostname }, reason) => void told.set(hostname, reason),
  });
  capturer.add(storm);
  capturer.add(honest);
  await capturer.finish(2 * bounds.captureMs);
  await capturer.close();
  const one = told.get("intruder");
  assert.ok(typeof one === "object" && one.state === "full", `it ends by the bound, and says so: ${one}`);
  const { size } = statSync(join(folder.path, one.file));
  const EVENT = 1 << 16; // one beyond the bound
  assert.ok(size > bounds.fileBytes - EVENT && size <= bounds.fileBytes + EVENT, `${size} bytes`);
  const other = told.get("neighbour");
  assert.ok(typeof other === "object" && other.state === "whole" && other.events === 3, `${other}`);
});

test.run();
