// SPDX-License-Identifier: Apache-2.0
// Random conditions over random events: the compiled policy and the plain interpreter agree on every one. A
// failure names the condition, the event and the seed.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openBatch } from "../../../host/wire/batch.js";
import { fieldValue } from "../../../host/wire/fields.js";
import { interpret } from "./interpreter.js";
import { Judge, numberedRules } from "./judge.js";
import { Random } from "./random.js";
import { randomBatch } from "./random-batch.js";
import { EVENT_TYPES, randomCondition } from "./random-condition.js";

const SEED = Number(process.env.VEDETTE_SEED ?? 20261125);
const POLICIES = 10;
const CONDITIONS = 60;
const BATCHES = 6;
const RECORDS = 30;

test(`${POLICIES * CONDITIONS * BATCHES * RECORDS} cases agree with the interpreter`, async () => {
  let cases = 0;
  let matched = 0;
  for (let p = 0; p < POLICIES; p++) {
    const seed = SEED + p;
    const r = new Random(seed);
    // Most conditions name their events, as rules do: others are compiled for every type.
    const conditions = Array.from({ length: CONDITIONS }, () => {
      return r.chance(0.05)
        ? randomCondition(r, 1)
        : `evt.type in (${EVENT_TYPES.join(", ")}) and ${randomCondition(r)}`;
    });
    const rules = numberedRules(conditions);
    for (const isShared of [true, false].slice(0, p === 0 ? 2 : 1)) {
      const judge = await Judge.of(rules, { isShared });
      for (let b = 0; b < BATCHES; b++) {
        const batch = openBatch(randomBatch(r, RECORDS));
        const told = judge.judge(batch);
        for (const [i, at] of batch.offsets.entries()) {
          for (const [c, rule] of rules.entries()) {
            const want = interpret(rule.expr, { batch, at });
            const got = told[i]!.includes(rule.name);
            cases++;
            if (want) matched++;
            if (want === got) continue;
            assert.unreachable(explain(conditions[c]!, seed, batch, at, want));
          }
          assert.equal(
            told[i],
            [...told[i]!].sort((x, y) => Number(x) - Number(y)),
            "rules are told in their order",
          );
        }
      }
    }
  }
  assert.ok(cases >= 100_000, `${cases} cases`);
  assert.ok(
    matched > cases / 20 && matched < (cases * 19) / 20,
    `${matched} of ${cases} match: the cases prove little`,
  );
});

function explain(
  condition: string,
  seed: number,
  batch: ReturnType<typeof openBatch>,
  at: number,
  want: boolean,
): string {
  const fields = [...new Set(condition.match(/[a-z]+(?:\.[a-z0-9_]+)+(?:\[\w+\])?/g))].map((name) => {
    const value = fieldValue(name)?.(batch, at);
    return `  ${name} = ${JSON.stringify(value, (_, v) => (typeof v === "bigint" ? String(v) : v))}`;
  });
  const type = fieldValue("evt.type")!(batch, at);
  return `${condition}\nshould be ${want} for this ${type}:\n${fields.join("\n")}\nagain: VEDETTE_SEED=${seed}`;
}

test.run();
