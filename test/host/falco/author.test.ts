// SPDX-License-Identifier: Apache-2.0
// Policies made of Falco's rules judge as the rules do: Falco's own default rules and those in the style of
// others, each told as a policy, compiled, and asked about the events of Falco's captures and about random
// events that have what the rules ask for. What cannot be told is counted, with its reason.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { LoadedPolicy } from "../../../host/engine/policy.js";
import { policySource, UntoldError } from "../../../host/falco/author/source.js";
import { type Loaded, type LoadedRule, loadRules } from "../../../host/falco/load.js";
import { openRecorded } from "../../../host/intake/intake.js";
import { PolicyInstance } from "../../../host/wasm/instance.js";
import { type Batch, openBatch } from "../../../host/wire/batch.js";
import { fieldValue } from "../../../host/wire/fields.js";
import { cleanUp, loadSource } from "../../rules-wasm/shared.js";
import { Judge } from "./judge.js";
import { Random } from "./random.js";
import { randomBatch, wantedBy } from "./random-batch.js";
import { factsOf, OFFICIAL, ruleFile, SHARED, withFalco } from "./shared.js";

const SEED = Number(process.env.VEDETTE_SEED ?? 20261129);
/** Rules of one module: each has its own, and the compiler reads the SDK for each. */
const TOGETHER = 20;
const BATCHES = 4;
const RECORDS = 90;
const CAPTURES = [
  "cat_write",
  "connect_localhost",
  "curl_google",
  "open-multiple-files",
  "single_ipv6_conn",
  "syscall",
];
const FACTS = factsOf({
  id: "f00d",
  name: "web",
  type: "ecs",
  image: "docker.io/library/redis:7",
  imageRepository: "docker.io/library/redis",
  imageTag: "7",
});

interface Told {
  readonly rule: LoadedRule;
  readonly source: string;
}

/** Rules as sources, and the reasons of those that cannot be told. */
function toldOf({ rules, words }: Loaded): { told: Told[]; untold: Map<string, string> } {
  const untold = new Map<string, string>();
  const told = rules.flatMap((one) => {
    const rule = { ...one, enabled: true };
    try {
      return [{ rule, source: policySource(rule, words).text }];
    } catch (error) {
      if (!(error instanceof UntoldError)) throw error;
      untold.set(rule.name, error.message);
      return [];
    }
  });
  return { told, untold };
}

/** One policy of several sources. */
async function compiled(told: readonly Told[]): Promise<LoadedPolicy> {
  const files = Object.fromEntries(told.map(({ source }, i) => [`r${i}.ts`, source]));
  return loadSource(told.map((_, i) => `import "./r${i}";`).join("\n"), "", files);
}

/** What a policy says of each record, in the order of the records: names of rules, sorted. */
function saidOf(policy: LoadedPolicy, batches: readonly Batch[]): string[][] {
  let said: [string, number][] = [];
  const onAlert = (rule: number, record: number): void => void said.push([policy.rules[rule]!.name, record]);
  const instance = PolicyInstance.start(policy.admitted, {}, { onAlert, onLog: () => {} });
  return batches.flatMap((batch) => {
    said = [];
    const trap = instance.judge(batch, { index: 0, offset: 0 });
    if (trap !== null) throw trap;
    return Array.from(batch.offsets, (at) => said.flatMap(([name, record]) => (record === at ? [name] : [])).sort());
  });
}

/** Asks both about all batches; gives how many records matched a rule. */
async function compare(told: readonly Told[], batches: readonly Batch[], met: Set<string>): Promise<number> {
  let matched = 0;
  for (let i = 0; i < told.length; i += TOGETHER) {
    const some = told.slice(i, i + TOGETHER);
    const judge = await Judge.of(some.map(({ rule }) => rule));
    const want = batches.flatMap((batch) => judge.judge(batch).map((names) => [...names].sort()));
    const got = saidOf(await compiled(some), batches);
    const records = batches.flatMap((batch) => Array.from(batch.offsets, (at) => ({ batch, at })));
    for (const [k, { batch, at }] of records.entries()) {
      for (const name of want[k]!) met.add(name);
      matched += want[k]!.length;
      if (JSON.stringify(want[k]) !== JSON.stringify(got[k]))
        assert.unreachable(explain(some, want[k]!, got[k]!, batch, at));
    }
  }
  return matched;
}

function explain(
  told: readonly Told[],
  want: readonly string[],
  got: readonly string[],
  batch: Batch,
  at: number,
): string {
  const odd = [...want.filter((name) => !got.includes(name)), ...got.filter((name) => !want.includes(name))];
  const told1 = told.find(({ rule }) => rule.name === odd[0]);
  const fields = ["evt.type", "evt.args", "evt.rawres", "proc.cmdline", "proc.pname", "fd.name", "fd.typechar"];
  const shown = fields.map((name) => `${name}=${String(fieldValue(name)!(batch, at))}`).join(" ");
  return `should be [${want}] and is [${got}] for ${shown}\nagain: VEDETTE_SEED=${SEED}\n${told1?.source}`;
}

/** Random events for each rule alone, every other batch in a container of an orchestrator. */
function randomFor(told: readonly Told[], seed: number): Batch[] {
  const r = new Random(seed);
  return told.flatMap(({ rule }) =>
    Array.from({ length: BATCHES }, (_, i) => {
      const batch = openBatch(randomBatch(r, RECORDS, wantedBy([rule])));
      if (i % 2 === 1) batch.container = FACTS;
      return batch;
    }),
  );
}

async function captured(): Promise<Batch[]> {
  const batches: Batch[] = [];
  for (const name of CAPTURES) {
    for await (const entry of openRecorded(join(SHARED, `captures/${name}.scap`)).entries)
      if (entry.kind === "batch") batches.push(entry.batch);
  }
  return batches;
}

withFalco("Falco's own rules, told as policies, judge Falco's captures and random events as the rules do", async () => {
  const loaded = loadRules(OFFICIAL.map(ruleFile));
  const { told, untold } = toldOf(loaded);
  const batches = await captured();
  const recorded = batches.reduce((sum, batch) => sum + batch.count, 0);
  const met = new Set<string>();
  const matched = await compare(told, batches, met);
  const random = randomFor(told, SEED);
  const guessed = await compare(told, random, met);
  const numbers = `${told.length} of ${loaded.rules.length} rules told; ${recorded} recorded events, ${matched} matches; ${RECORDS * random.length} random, ${guessed} matches of ${met.size} rules`;
  console.log(
    `${numbers}\nnot told: ${[...untold].map(([name, reason]) => `${name}: ${reason}`).join("\n          ")}`,
  );
  assert.ok(recorded > 400, numbers);
  assert.ok(told.length >= 89, numbers);
  assert.ok(met.size >= 60, numbers);
});

const FIELD = fileURLToPath(new URL("../../fixtures/falco-field/", import.meta.url));

test("rules in the style of others', told as policies, judge random events as the rules do", async () => {
  const untold: string[] = [];
  const told = readdirSync(FIELD)
    .sort()
    .flatMap((name) => {
      const all = toldOf(loadRules([{ name, content: readFileSync(FIELD + name, "utf8") }]));
      untold.push(...[...all.untold].map(([rule, reason]) => `${rule}: ${reason}`));
      return all.told;
    });
  const met = new Set<string>();
  const batches = randomFor(told, SEED + 1);
  const matched = await compare(told, batches, met);
  const numbers = `${told.length} rules told, ${untold.length} not; ${matched} matches of ${met.size} rules`;
  console.log(`${numbers}\nnot told: ${untold.join("\n          ")}`);
  assert.ok(told.length >= 35 && untold.length <= 4, numbers);
  assert.ok(met.size >= 20, numbers);
});

test.after(cleanUp);
test.run();
