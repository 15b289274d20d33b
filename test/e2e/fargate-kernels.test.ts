// SPDX-License-Identifier: Apache-2.0
// Time limit: 420 s.
// Runs alone.
//
// The same agent binary under the kernels that Fargate is known to run (5.10) and may run (6.1), real ones, in QEMU: the fixtures'
// own words are what is recorded, in both tiers.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EventJson } from "../../host/output/event-json.js";
import { openBatch } from "../../host/wire/batch.js";
import { type KernelVersion, kernelImage, missingForKernels, runUnder } from "../lab/kernel.js";
import { buildFixture, comparable, fixtures, markedRegion, multisetDifference, parseExpected } from "./fixtures.js";
import { type Event, isOwn } from "./traces.js";

const AGENT = "build/vedette-capture";
const TIERS = ["trace", "all"] as const;
const HEAD = 4;

/** Fixtures that need what the guest has not, and what that is. */
const NOT_THERE: Record<string, string> = {
  file_attributes: "a file system with user.* attributes (tmpfs has none before 6.6)",
};

const missing = missingForKernels();
const chosen = fixtures().filter(
  (fixture) => fixture.expects && /\.(c|S)$/.test(fixture.source) && !(fixture.name in NOT_THERE),
);

function script(): string {
  const one = (name: string, tier: string) =>
    `mkdir -p /tmp/${name}-${tier} && cd /tmp/${name}-${tier} && ` +
    `/vedette-capture --tiers ${tier} --host fd:3 -- /build/fixtures/${name} > /out/${name}-${tier}.txt 2> /out/${name}-${tier}.err 3> /out/${name}-${tier}.frames; ` +
    `echo $? > /out/${name}-${tier}.status`;
  return [
    "/vedette-capture --doctor > /out/doctor.json",
    ...chosen.flatMap(({ name }) => TIERS.map((tier) => one(name, tier))),
  ].join("\n");
}

/** The agent, the fixtures and the libraries that their loader names. */
function files(): Record<string, string> {
  const built = chosen.map(({ name }) => buildFixture(name));
  const libraries = built.flatMap((path) => {
    try {
      return execFileSync("ldd", [path], { encoding: "utf8", stdio: "pipe" }).match(/\/\S+(?= \(0x)/g) ?? [];
    } catch {
      return []; // static
    }
  });
  const leave = buildFixture("leave");
  return Object.fromEntries([
    ["/vedette-capture", AGENT],
    ...[...built, leave].map((path) => [`/build/fixtures/${basename(path)}`, path]),
    ...libraries.map((path) => [path, path]),
  ]);
}

function eventsIn(path: string): Event[] {
  const bytes = readFileSync(path);
  const json = new EventJson();
  const events: Event[] = [];
  for (let at = 0; at + HEAD <= bytes.length; ) {
    const frame = Uint8Array.from(bytes.subarray(at + HEAD, at + HEAD + bytes.readUInt32LE(at)));
    at += HEAD + frame.length;
    if (Buffer.from(frame.subarray(1, 9)).toString("latin1") !== "\xa7vedette") continue; // hello, end
    const batch = openBatch(frame);
    for (const offset of batch.offsets) events.push(JSON.parse(json.line(batch, offset)) as Event);
  }
  return events;
}

for (const [name, lacking] of Object.entries(NOT_THERE))
  console.log(`skip: ${name} under other kernels: ${lacking} is missing`);

for (const version of ["5.10", "6.1"] as KernelVersion[]) {
  const image = missing === null ? kernelImage(version) : null;
  if (image === null) {
    console.log(`skip: the agent under Linux ${version}: ${missing ?? "Debian's package of that kernel"} is missing`);
    continue;
  }
  const folder = mkdtempSync(join(tmpdir(), "kernel-"));
  const out = join(folder, "out");
  test.after(() => rmSync(folder, { recursive: true, force: true }));

  test(`Linux ${version} boots, and the agent says what it allows`, () => {
    runUnder(image, files(), script(), folder, out);
    assert.match(readFileSync(join(out, "doctor.json"), "utf8"), new RegExp(`"${version.replace(".", "\\.")}\\.`));
  });

  for (const { name } of chosen)
    for (const tier of TIERS)
      test(`Linux ${version}, ${name}, tiers ${tier}: what it prints is what was recorded`, () => {
        const at = (kind: string) => join(out, `${name}-${tier}.${kind}`);
        assert.ok(existsSync(at("status")), "the guest did not come so far");
        assert.is(readFileSync(at("status"), "utf8").trim(), "0", readFileSync(at("err"), "utf8"));
        const { only, lines } = parseExpected(readFileSync(at("txt"), "utf8"));
        const region = markedRegion(eventsIn(at("frames")), only).filter((event) => !isOwn(event));
        const both = comparable(lines, region);
        assert.is(multisetDifference(both.expected, both.recorded).join("\n"), "");
      });
}

test.run();
