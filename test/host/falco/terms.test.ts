// SPDX-License-Identifier: Apache-2.0
// `policy explain`: what it says of a rule and an event is what the engine says, and the terms that it names
// decide: answered the other way, they change the engine's verdict, and no fewer of them do. Random rules and
// events show it. VEDETTE_SEED=N begins elsewhere.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { bind } from "../../../host/falco/bind.js";
import type { Expr } from "../../../host/falco/condition.js";
import type { LoadedRule } from "../../../host/falco/load.js";
import { RuleTerms, termText, type Verdict } from "../../../host/falco/terms.js";
import { ShortEvents } from "../../../host/policy/short-event.js";
import { type Batch, openBatch } from "../../../host/wire/batch.js";
import { eventOf } from "../../../host/wire/record.js";
import { interpret } from "./interpreter.js";
import { Judge, rulesOf } from "./judge.js";
import { Random } from "./random.js";
import { randomBatch } from "./random-batch.js";
import { EVENT_TYPES, randomCondition } from "./random-condition.js";

const SEED = Number(process.env.VEDETTE_SEED ?? 20261127);
const RULES = 30;
const RECORDS = 8;

function openOf(name: string, path: string): Batch {
  const events = new ShortEvents();
  events.add("openat", { proc: { name }, name: path });
  return openBatch(events.bytes());
}

async function explained(condition: string, batch: Batch): Promise<Verdict> {
  const [rule] = rulesOf([condition]) as [LoadedRule];
  const terms = await RuleTerms.of(rule);
  terms.look(batch);
  return terms.verdict(batch.offsets[0]!);
}

const named = ({ decisive }: Verdict): string[] => decisive.map(({ term, isTrue }) => `${term.text} is ${isTrue}`);

test("the term that was false is named, and a term behind `not` that was true", async () => {
  const condition =
    "evt.type in (open, openat) and fd.name startswith /etc and proc.name != sshd and not proc.name in (cat, less)";
  assert.equal(named(await explained(condition, openOf("cat", "/etc/shadow"))), ["proc.name in (cat, less) is true"]);
  assert.equal(named(await explained(condition, openOf("vi", "/tmp/x"))), ["fd.name startswith /etc is false"]);
  assert.equal(named(await explained(condition, openOf("less", "/tmp/x"))), [
    "fd.name startswith /etc is false",
    "proc.name in (cat, less) is true",
  ]);
});

test("of what fired, the term is named without which it would not have", async () => {
  const verdict = await explained('evt.type = openat and (fd.name = /a or fd.name = "/b b")', openOf("vi", "/b b"));
  assert.is(verdict.isMatch, true);
  assert.equal(named(verdict), ["evt.type = openat is true"]);
});

test("a term is written as a rule writes it", () => {
  const conditions = [
    "proc.aname[2] exists",
    'fd.name startswith "/with blank"',
    "tolower(proc.name) in (a, b)",
    "fd.name contains anyof (x, y)",
    "evt.arg.flags contains val(proc.name)",
  ];
  for (const condition of conditions) {
    const [rule] = rulesOf([`evt.type = openat and ${condition}`]) as [LoadedRule];
    const leaf = (rule.expr as Extract<Expr, { kind: "and" }>).children.at(-1) as Parameters<typeof termText>[0];
    assert.is(termText(leaf), condition);
  }
});

test(`of ${RULES * RECORDS} random rules and events, verdicts are the engine's, and the named terms decide`, async () => {
  const r = new Random(SEED);
  let decided = 0;
  for (let rules = 0; rules < RULES; rules++) {
    const condition = `evt.type in (${EVENT_TYPES.join(", ")}) and ${randomCondition(r, 2)}`;
    const [rule] = rulesOf([condition]) as [LoadedRule];
    const batch = openBatch(randomBatch(r, RECORDS, { types: EVENT_TYPES }));
    const fired = (await Judge.of([rule])).judge(batch).map((names) => names.length > 0);
    const terms = await RuleTerms.of(rule, { types: EVENT_TYPES });
    terms.look(batch);
    for (const [place, at] of batch.offsets.entries()) {
      const { isMatch, decisive } = terms.verdict(at);
      const texts = decisive.map(({ term }) => term.text);
      const told = `${condition}\nrecord ${place}, terms: ${texts.join("; ")}\nagain: VEDETTE_SEED=${SEED} npm test -- falco/terms`;
      assert.is(isMatch, fired[place], told);
      assert.is(isMatch, interpret(rule.expr, { batch, at }), told);
      if (texts.length === 0) continue;
      decided++;
      assert.is(await firesWith(rule, texts, batch, place), !isMatch, told);
      const fewer = texts.map((one) => texts.filter((text) => text !== one)).filter(({ length }) => length > 0);
      for (const some of fewer) assert.is(await firesWith(rule, some, batch, place), isMatch, told);
    }
  }
  assert.ok(decided > 0.95 * RULES * RECORDS, `${decided} verdicts can be changed: the cases prove little`);
});

/** What the engine says of the rule with these terms answered the other way. */
async function firesWith(rule: LoadedRule, changed: readonly string[], batch: Batch, place: number): Promise<boolean> {
  const expr = turned(rule.expr, changed);
  const events = [eventOf(batch, batch.offsets[place]!).name];
  const engine = await Judge.of([{ ...rule, expr, bound: bind(expr), events }]);
  return engine.judge(batch)[place]!.length > 0;
}

function turned(expr: Expr, changed: readonly string[]): Expr {
  if (expr.kind === "and" || expr.kind === "or")
    return { ...expr, children: expr.children.map((child) => turned(child, changed)) };
  if (expr.kind === "not") return { ...expr, child: turned(expr.child, changed) };
  if (expr.kind === "macro" || !changed.includes(termText(expr))) return expr;
  return { kind: "not", child: expr, at: expr.at };
}

test.run();
