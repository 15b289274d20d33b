// SPDX-License-Identifier: Apache-2.0
// No policy can tell the tiers apart: a program makes the same calls once in the trace tier and once in the
// default ones, and every field of every event is the same. What the kernel chooses anew for each run (pids,
// ports, inodes, addresses) is numbered in the order of its appearance, anew for each round, which begins
// with a seek in nothing; times are left out. Ports are numbered apart: by chance the kernel chooses one that
// is a size or an inode as well.
//
// VEDETTE_TIER_EVENTS=1000000 asks for so many events, and says how many were compared; VEDETTE_SEED=N for
// another beginning. Longer runs have longer programs, of which each starts the agent less often.
// Runs alone.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readRecording } from "../../host/recording/recording.js";
import { FIELD_NAMES, fieldValue } from "../../host/wire/fields.js";
import { valueText } from "../../host/wire/value.js";
import { buildFixture } from "./fixtures.js";
import { run, scratch, VEDETTE } from "./programs.js";

const EVENTS = Number(process.env.VEDETTE_TIER_EVENTS ?? 3_900);
const SEED = Number(process.env.VEDETTE_SEED ?? 1);
const ROUNDS = EVENTS > 100_000 ? 600 : 150;
const EVENTS_A_ROUND = 13; // mostly a few more

// When it happened, how long it took, by which tier it came and why, and what a field is made of that nobody
// can know twice.
const TIMES =
  /^(?:evt\.(?:num|time|rawtime|datetime|reltime|deltatime|latency|wait_latency|outputtime|cpu)|vedette\.(?:tier|integrity|latency)|proc\.(?:duration|ppid\.duration|pidns_init_start_ts|pid\.clone_ts|ppid\.clone_ts|exe_ino)|container\.(?:start_ts|duration)|thread\.(?:exectime|totexectime))(?:\.|$)/;
const FIELDS = FIELD_NAMES.filter((name) => !TIMES.test(name)).flatMap((name) => {
  const get = fieldValue(name);
  return get === undefined ? [] : [[name, get] as const];
});
const type = fieldValue("evt.type")!;
const name = fieldValue("proc.name")!;
const descriptor = fieldValue("fd.num")!;
const tier = fieldValue("vedette.tier")!;

interface Told {
  readonly tier: string;
  readonly text: string; // all fields, a line each
}

let compared = 0;
for (let seed = SEED, planned = 0; planned < EVENTS; seed++) {
  const program = buildFixture("random_calls");
  test(`random calls ${seed}: every field is the same in both tiers`, async () => {
    const traced = await recorded(program, seed, "trace");
    const usual = await recorded(program, seed, "all");
    assert.ok(usual.filter((one) => one.tier === "inline").length > usual.length / 2, "little was recorded inline");
    for (let i = 0; i < Math.max(traced.length, usual.length); i++)
      if (traced[i]?.text !== usual[i]?.text) assert.unreachable(difference(traced[i], usual[i], i, seed));
    compared += usual.length;
    if (process.env.VEDETTE_TIER_EVENTS !== undefined) console.log(`${compared} events, 0 differing fields`);
  });
  planned += ROUNDS * EVENTS_A_ROUND;
}

async function recorded(program: string, seed: number, tiers: "all" | "trace"): Promise<Told[]> {
  const folder = scratch();
  const cwd = join(folder, "in");
  mkdirSync(cwd);
  const path = join(folder, "recording");
  const command = ["--", program, String(seed), String(ROUNDS)];
  const ended = await run([...VEDETTE, "record", "--tiers", tiers, "-o", path, ...command], { cwd });
  assert.is(ended.status, 0, ended.stderr);
  const labels: Labels = { process: new Map(), event: new Map(), port: new Map() };
  const told: Told[] = [];
  let isBegun = false;
  for (const entry of readRecording(path)) {
    if (entry.kind !== "batch") continue;
    for (const at of entry.batch.offsets) {
      const kind = String(type(entry.batch, at));
      if (kind === "vedette.notice")
        assert.unreachable(`a notice: ${valueText(fieldValue("evt.args")!(entry.batch, at))}`);
      // Until the first socket, the dynamic linker is at work.
      if (kind === "lseek" && descriptor(entry.batch, at) === -1)
        for (const table of Object.values(labels)) table.clear();
      isBegun ||= kind === "socket" && name(entry.batch, at) === "random_calls";
      if (!isBegun) continue;
      const lines = FIELDS.map(([field, get]) => {
        const text = valueText(get(entry.batch, at))
          .replaceAll(folder, "")
          .replace(/--tiers (?:all|trace)/g, "");
        // The environment of who runs this may hold any number.
        const own = /port$/.test(field) ? labels.port : /^(?:evt|fd|fs)\./.test(field) ? labels.event : labels.process;
        return `${field}=${labelled(labelled(text, labels.port, PORT), own, NUMBER)}`;
      });
      const text = lines.join("\n");
      told.push({ tier: String(tier(entry.batch, at)), text });
    }
  }
  return told;
}

// Long numbers are the kernel's choice: each is told by when it came up first.
const NUMBER = /0x[0-9a-f]{6,}|\d{4,}/g;
const PORT = /(?<=(?:\d|\]):)\d{4,5}\b/g;

type Labels = Readonly<Record<"process" | "event" | "port", Map<string, string>>>;

function labelled(text: string, labels: Map<string, string>, which: RegExp): string {
  return text.replace(which, (number) => {
    const known = labels.get(number) ?? `#${labels.size}`;
    labels.set(number, known);
    return known;
  });
}

function difference(traced: Told | undefined, usual: Told | undefined, place: number, seed: number): string {
  const [a, b] = [traced?.text.split("\n") ?? [], usual?.text.split("\n") ?? []];
  const lines = FIELDS.flatMap(([field], i) =>
    a[i] === b[i] ? [] : [`${field}: traced ${a[i]}, ${usual?.tier} ${b[i]}`],
  );
  const args = b.find((line) => line.startsWith("evt.args=")) ?? "";
  const kind = b.find((line) => line.startsWith("evt.type=")) ?? "";
  return `event ${place} ${kind} (${args})\n${lines.join("\n")}\nagain: VEDETTE_SEED=${seed} npm test -- tiers-alike`;
}

test.run();
