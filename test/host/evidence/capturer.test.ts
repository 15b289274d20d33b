// SPDX-License-Identifier: Apache-2.0
// Captures beside recordings: what is in one, its digest, and what becomes of it where it cannot be made. The
// threads are real.
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Capturer } from "../../../host/evidence/capturer.js";
import { EvidenceFolder } from "../../../host/evidence/evidence-folder.js";
import {
  type CaptureFacts,
  type CaptureForm,
  EVIDENCE_BOUNDS,
  type EvidenceBounds,
  type EvidenceFacts,
} from "../../../host/evidence/parts.js";
import { RecordingWriter } from "../../../host/recording/recording.js";
import { replay } from "../../../host/recording/scap/replay.js";
import { openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import { fieldValue } from "../../../host/wire/fields.js";
import { until } from "../../until.js";

const scratch = mkdtempSync(join(tmpdir(), "vedette-test-"));
test.after(() => rmSync(scratch, { recursive: true }));
let folders = 0;

/** A folder with recordings `a`, `b` ... of so many events each, and what ended them. */
function folderOf(bounds: Partial<EvidenceBounds>, ...events: readonly number[]) {
  const all = { ...EVIDENCE_BOUNDS, ...bounds };
  const folder = new EvidenceFolder(join(scratch, `${folders++}`), all);
  const recordings = events.map((count, i): EvidenceFacts => {
    const name = String.fromCharCode(97 + i);
    const writer = new RecordingWriter(folder.part(name));
    writer.host(1, "box");
    for (let n = 0; n < count; n += 100) {
      const builder = new BatchBuilder({ seq: n, first: n + 1 });
      const process = builder.process({ pid: 7, name: "sh", exepath: "/bin/sh" });
      for (let k = 0; k < Math.min(100, count - n); k++)
        builder.record("openat", { process, tid: 7, result: -2, params: { dirfd: -100, name: `/file-${n + k}` } });
      writer.batch(1, builder.bytes(), Math.min(100, count - n));
    }
    writer.close();
    const ids = { incident: "i", findings: ["f"], executables: [], hostname: "box", container: null };
    const counts = { from: null, to: null, batches: 1, events: count, missed: 0, state: "whole" as const };
    return folder.end(name, { file: `${name}.vedette`, ...ids, ...counts });
  });
  return { folder, all, recordings };
}

interface Told {
  readonly made: [EvidenceFacts, CaptureFacts][];
  readonly refused: string[];
}

async function captured(
  { folder, all, recordings }: ReturnType<typeof folderOf>,
  form: CaptureForm = "scap",
): Promise<Told> {
  const told: Told = { made: [], refused: [] };
  const capturer = new Capturer(folder.path, all, form, {
    onMade: (recording, capture) => void told.made.push([recording, capture]),
    onRefused: ({ file }, reason) => void told.refused.push(`${file}: ${reason}`),
  });
  for (const one of recordings) capturer.add(one);
  await capturer.finish(60_000);
  await capturer.close();
  return told;
}

function namesIn(path: string): unknown[] {
  const { batches, summary } = replay(readFileSync(path), path);
  const names = [...batches].map(openBatch).flatMap((batch) => [...batch.offsets].map((at) => NAME(batch, at)));
  assert.is(summary().isTruncated, false);
  return names;
}
const NAME = fieldValue("evt.arg.name")!;

test("a capture has the recording's events, and its digest stands beside the recording's", async () => {
  for (const form of ["scap", "scap.gz"] as const) {
    const made = folderOf({}, 250, 3);
    const told = await captured(made, form);
    assert.equal(told.refused, []);
    assert.equal(
      told.made.map(([{ file }, capture]) => [file, capture.file, capture.events, capture.state]),
      [
        ["a.vedette", `a.${form}`, 250, "whole"],
        ["b.vedette", `b.${form}`, 3, "whole"],
      ],
    );
    for (const [recording, capture] of told.made) {
      const path = join(made.folder.path, capture.file);
      const bytes = readFileSync(path);
      assert.equal([capture.sha256, capture.bytes], [createHash("sha256").update(bytes).digest("hex"), bytes.length]);
      assert.is(statSync(path).mode & 0o777, 0o600);
      const beside = JSON.parse(readFileSync(path.replace(`.${form}`, ".json"), "utf8"));
      assert.equal(beside, { ...recording, capture });
      assert.is(namesIn(path).length, capture.events);
    }
    assert.is(namesIn(join(made.folder.path, `b.${form}`))[2], "/file-2");
    assert.equal(
      readdirSync(made.folder.path).sort(),
      ["a.json", `a.${form}`, "a.vedette", "b.json", `b.${form}`, "b.vedette"].sort(),
    );
  }
});

test("a capture that comes to its bound ends there, and says so", async () => {
  const made = folderOf({ fileBytes: 20_000 }, 2_000);
  const { made: one } = await captured(made);
  const [, capture] = one[0]!;
  assert.is(capture.state, "full");
  assert.ok(capture.events > 0 && capture.events < 2_000, `${capture.events}`);
  assert.is(namesIn(join(made.folder.path, capture.file)).length, capture.events);
});

test("what cannot be made is told, and the recordings after it have theirs", async () => {
  const made = folderOf({ capturesWaiting: 2 }, 5, 5, 5, 5);
  writeFileSync(join(made.folder.path, "a.scap"), "somebody else's");
  const told = await captured(made);
  assert.match(told.refused[0]!, /^d\.vedette: too many others wait/);
  assert.match(told.refused[1]!, /^a\.vedette: .*already/);
  assert.equal(
    told.made.map(([{ file }]) => file),
    ["b.vedette", "c.vedette"],
  );
  assert.is(readFileSync(join(made.folder.path, "a.scap"), "utf8"), "somebody else's");
});

test("one that takes too long is ended, and the recording stays without any part of it", async () => {
  const made = folderOf({ captureMs: 1 }, 5_000);
  // What a thread without memory leaves: it runs no `finally`.
  for (const name of ["a", "b"]) writeFileSync(join(made.folder.path, `${name}.scap.0123456789abcdef.part`), "half");
  const told = await captured(made);
  assert.equal(told.refused, ["a.vedette: it took more than 0.001 s"]);
  assert.equal(readdirSync(made.folder.path).sort(), ["a.json", "a.vedette", "b.scap.0123456789abcdef.part"]);
});

test("a thread that is ended midway leaves no part, and the next start removes what a killed host left", async () => {
  for (const form of ["scap", "scap.gz"] as const) {
    const { folder, all, recordings } = folderOf({}, 100_000);
    const held = (): string[] => readdirSync(folder.path).sort();
    const told: string[] = [];
    const capturer = new Capturer(folder.path, all, form, {
      onMade: (_recording, { file }) => void told.push(file),
      onRefused: (_recording, reason) => void told.push(reason),
    });
    capturer.add(recordings[0]!);
    const isPart = (name: string): boolean => name.startsWith(`a.${form}.`) && name.endsWith(".part");
    const part = await until("the thread has begun the file", () => held().find(isPart), { everyMs: 1 });
    await capturer.close();
    assert.equal([told, held()], [["Vedette ended before it was made"], ["a.json", "a.vedette"]]);
    writeFileSync(join(folder.path, part), "half"); // as if the host had been killed with it
    assert.equal([[...folder.left()], held()], [[], ["a.json", "a.vedette"]]);
  }
});

test("a capture is made only where the folder has room for the largest that it may be", async () => {
  const most = { fileBytes: 20_000, captureListBytes: 10_000 };
  const room = most.fileBytes + most.captureListBytes;
  const withRoom = (bytes: number, { folder, recordings }: ReturnType<typeof folderOf>) => {
    const all = { ...EVIDENCE_BOUNDS, ...most, folderBytes: bytes };
    return { folder: new EvidenceFolder(folder.path, all), all, recordings: recordings.slice(0, 1) };
  };
  const held = ({ folder }: ReturnType<typeof folderOf>): string[] => readdirSync(folder.path).sort();
  const two = folderOf(most, 200, 200);
  const [{ bytes: first }, { bytes: second }] = two.recordings as [EvidenceFacts, EvidenceFacts];
  const both = ["a.json", "a.vedette", "b.json", "b.vedette"];
  const tight = withRoom(first + second + room - 1, two);
  const { refused } = await captured(tight);
  assert.equal(refused, ["a.vedette: the folder has no room, and none of its files is older than a day"]);
  assert.equal(held(two), both);
  const long = new Date(Date.now() - 2 * EVIDENCE_BOUNDS.youngMs);
  utimesSync(join(two.folder.path, "a.vedette"), long, long);
  assert.is((await captured(tight)).refused.length, 1);
  assert.equal(held(two), both, "the recording itself does not make room for its capture");
  utimesSync(join(two.folder.path, "b.vedette"), long, long);
  assert.equal((await captured(tight)).refused, []);
  assert.equal(held(two), ["a.json", "a.scap", "a.vedette"], "the old one has made room");
  const enough = folderOf(most, 200, 200);
  assert.equal((await captured(withRoom(first + second + room, enough))).refused, []);
});

test("one that is being made counts with the largest that it may be, and its recording does not go", () => {
  const { folder, all, recordings } = folderOf(
    { folderBytes: 100_000, fileBytes: 20_000, captureListBytes: 70_000 },
    5,
  );
  assert.is(folder.obstacle(Date.now()), null);
  for (const form of ["scap", "scap.gz"]) {
    const part = join(folder.path, `a.${form}.0123456789abcdef.part`);
    writeFileSync(part, "");
    const long = new Date(Date.now() - 2 * all.youngMs);
    for (const path of [part, join(folder.path, recordings[0]!.file)]) utimesSync(path, long, long);
    assert.match(folder.obstacle(Date.now()) ?? "", /no room/, form);
    rmSync(part);
    assert.equal(readdirSync(folder.path).sort(), ["a.json", "a.vedette"]);
  }
});

test("captures count in the folder's bytes, and go with their recordings", async () => {
  const made = folderOf({ folderBytes: 60_000, fileBytes: 20_000, captureListBytes: 5_000 }, 200, 200);
  await captured(made);
  const long = new Date(Date.now() - 2 * made.all.youngMs);
  const held = (): string[] => readdirSync(made.folder.path).sort();
  assert.match(made.folder.obstacle(Date.now()) ?? "", /no room/, "with their captures, young files are too many");
  for (const name of ["a.vedette", "a.scap"]) utimesSync(join(made.folder.path, name), long, long);
  assert.is(made.folder.obstacle(Date.now()), null);
  assert.equal(held(), ["b.json", "b.scap", "b.vedette"]);
});

test.run();
