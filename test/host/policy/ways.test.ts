// SPDX-License-Identifier: Apache-2.0
//
// Why a rule of code did not fire: the policies of the pack, asked about 200 random pairs of an event and
// a rule. What is said agrees with the engine, and the terms that are named change the verdict: a set of
// them is answered the other way in the policy's source, which is compiled as any policy and judged by the
// engine.
// Time limit: 900 s.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { LoadedPolicy } from "../../../host/engine/policy.js";
import { PolicyRunner } from "../../../host/engine/runner.js";
import { PACK } from "../../../host/paths.js";
import { openBundle } from "../../../host/policy/bundle.js";
import { PolicyCompiler } from "../../../host/policy/compile.js";
import { findPolicies } from "../../../host/policy/discover.js";
import { loadPolicy } from "../../../host/policy/load.js";
import { ShortEvents } from "../../../host/policy/short-event.js";
import { readTests } from "../../../host/policy/test-file.js";
import { waysOf } from "../../../host/policy/trace.js";
import type { PolicyWays, WayTerm } from "../../../host/policy/ways.js";
import { type Batch, openBatch } from "../../../host/wire/batch.js";

const PAIRS = 200;
const COMPILED_MAX = 24;
const compiler = new PolicyCompiler();
const scratch = mkdtempSync(join(tmpdir(), "vedette-ways-"));
test.after(() => {
  compiler.close();
  rmSync(scratch, { recursive: true });
});

type Written = Readonly<Record<string, unknown>>;
let seed = Number(process.env.SEED ?? 21);
function below(count: number): number {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
  return Math.floor(((seed >>> 8) / 2 ** 24) * count);
}
const oneOf = <T>(all: readonly T[]): T => all[below(all.length)]!;

function batchOf(type: string, written: Written): Batch | null {
  const events = new ShortEvents();
  try {
    events.add(type, written);
  } catch {
    return null; // what does not go together
  }
  return openBatch(events.bytes());
}

const firesIn = (policy: LoadedPolicy, batch: Batch, rule: string): boolean =>
  new PolicyRunner(policy).judge(batch).alerts.some((alert) => alert.rule === rule);

/**
 * The policy with each of these terms answered the other way, and still asked; null: a term does not stand
 * in one line.
 */
async function changed(folder: string, terms: readonly WayTerm[]): Promise<LoadedPolicy | null> {
  const copy = mkdtempSync(join(scratch, "p-"));
  cpSync(folder, copy, { recursive: true });
  for (const { text, at, is } of terms) {
    const [file = "", line = "1"] = at.split(":");
    const lines = readFileSync(join(copy, file), "utf8").split("\n");
    const was = lines[Number(line) - 1]!;
    const places = was.split(text).length - 1;
    if (places !== 1) return null;
    lines[Number(line) - 1] = text.startsWith("return ")
      ? was.replace(text, `return ${!is}`)
      : was.replace(text, () => `((${text}) ? ${!is} : ${!is})`);
    writeFileSync(join(copy, file), lines.join("\n"));
  }
  return loadPolicy(openBundle(copy), { compiler });
}

test("agrees with the engine, and names terms that change the verdict", async () => {
  const folders = findPolicies(PACK);
  const known = folders.flatMap((folder) => readTests(openBundle(folder)).tests.flatMap(({ events }) => events));
  const all: { folder: string; ways: PolicyWays<LoadedPolicy> }[] = [];
  for (const folder of folders) all.push({ folder, ways: await waysOf(openBundle(folder), compiler) });
  const sets = new Map<string, () => Promise<void>>();
  let [pairs, fired, decided] = [0, 0, 0];
  while (pairs < PAIRS) {
    const { folder, ways } = oneOf(all);
    const { policy } = ways;
    const index = below(policy.rules.length);
    const { name, events } = policy.rules[index]!;
    const like = known.filter(({ type }) => events.includes(type));
    if (like.length === 0) continue;
    const { type, written } = oneOf(like);
    const others = [
      {},
      {},
      { proc: oneOf(known).written.proc ?? {} },
      { fd: oneOf(known).written.fd ?? null },
      { res: "EACCES" },
    ];
    const batch = batchOf(type, { ...written, at: "0s", ...oneOf(others) });
    if (batch === null) continue;
    pairs++;
    ways.forget();
    ways.look(batch);
    const verdict = ways.verdict(index, 0);
    assert.ok(verdict !== null, `${name}: nothing is said`);
    const isFired = firesIn(policy, batch, name);
    assert.is(verdict.isMatch, isFired, `${name}: ${JSON.stringify(written)}`);
    if (isFired) fired++;
    assert.ok(verdict.decisive.length > 0, `${name}: ${JSON.stringify(written)}`);
    if (!verdict.isEnd) decided++;
    sets.set(`${name} ${verdict.decisive.map(({ text, at }) => text + at)}`, async () => {
      const other = await changed(folder, verdict.decisive);
      if (other === null) return;
      assert.is(firesIn(other, batch, name), !isFired, `${name}: ${JSON.stringify(verdict.decisive)}`);
      compiled++;
    });
  }
  let compiled = 0;
  for (const check of sets.values()) if (compiled < COMPILED_MAX) await check();
  console.log(`${pairs} pairs, ${fired} fired, ${decided} by a term, ${sets.size} sets, ${compiled} compiled`);
  assert.ok(fired > 10 && fired < PAIRS - 10, `${fired} fired`);
  assert.ok(decided >= PAIRS * 0.9, `in ${decided} of ${PAIRS} a term decides, and not the end of a function`);
  assert.ok(compiled >= Math.min(COMPILED_MAX, sets.size / 2), `${compiled} of ${sets.size}`);
});

test.run();
