// SPDX-License-Identifier: Apache-2.0
//
// Three hundred files (kinds.ts): what `instrument` makes of each is right for AWS's model of ECS, holds all
// that was there, is undone to the byte, and is the same when it is made twice; and an upgrade keeps an edit
// in each, so that all kinds of edits are kept in many kinds of files.
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { stringify } from "yaml";
import { readImageConfigs } from "../../../host/ecs/image-config.js";
import { instrument } from "../../../host/ecs/instrument.js";
import type { RunOptions } from "../../../host/ecs/options.js";
import { parseDocument } from "../../../host/ecs/read.js";
import { undo } from "../../../host/ecs/undo.js";
import { faultsOf } from "./ecs-model.js";
import { EDITS, type Edit, sidecarOf } from "./edits.js";
import { compare } from "./held.js";
import { FEATURES, fileOf, type Generated, generated, KINDS } from "./kinds.js";
import { definitionsOf, lower, type Plain, plainOf, raise } from "./plain.js";

const IMAGES = readImageConfigs([]);
const FIRST = { image: "registry.example/vedette:1" };
const NEXT = { image: "registry.example/vedette:2" };
const ALL = generated();
const kept = new Map<string, number>();

function run({ name }: Generated, text: string, options: object): string {
  return instrument(parseDocument(name, text), options, IMAGES).text;
}

function definitionsIn({ name }: Generated, text: string): { definitions: Plain[]; isTemplate: boolean } {
  const plain = plainOf(name, text);
  if (Array.isArray(plain)) return { definitions: [{ containerDefinitions: plain }], isTemplate: false };
  return definitionsOf(plain);
}

function faults(one: Generated, text: string): string[] {
  const { definitions, isTemplate } = definitionsIn(one, text);
  return definitions.flatMap((definition) => faultsOf(definition, isTemplate));
}

/** As a person would, by another parser, in each definition of the file. */
function edited(one: Generated, text: string, edit: Edit): string {
  const plain = plainOf(one.name, text);
  const isTemplate = "Resources" in plain;
  const holders: { Properties: Plain }[] = isTemplate
    ? (Object.values(plain.Resources as Record<string, Plain>).filter(
        ({ Type }) => Type === "AWS::ECS::TaskDefinition",
      ) as never)
    : [{ Properties: Array.isArray(plain) ? { containerDefinitions: plain } : (plain.taskDefinition ?? plain) }];
  for (const holder of holders) {
    const definition = isTemplate ? lower(holder.Properties) : holder.Properties;
    edit.apply(sidecarOf(definition), definition);
    if (isTemplate) holder.Properties = raise(definition);
  }
  return one.name.endsWith(".json") ? JSON.stringify(plain, null, 2) : stringify(plain, { lineWidth: 0 });
}

test("there are three hundred files", () => {
  assert.ok(ALL.length >= 300, String(ALL.length));
  assert.is(new Set(ALL.map(({ text }) => text)).size, ALL.length - repeated());
});

/** What a feature puts beside the containers does not stand in a list of containers. */
function repeated(): number {
  const lists = ALL.filter(({ name }) => name === "containers.json").map(({ text }) => text);
  return lists.length - new Set(lists).size;
}

for (const kind of Object.keys(KINDS))
  test(`${kind}: right, whole, undone to the byte, and twice is once`, () => {
    for (const one of ALL.filter(({ title }) => title.startsWith(`${kind}, with `))) {
      const once = run(one, one.text, FIRST);
      assert.equal(faults(one, once), faults(one, one.text), one.title);
      const [before, after] = [one.text, once].map((text) => definitionsIn(one, text).definitions);
      assert.is(after!.length, before!.length, one.title);
      for (const [index, definition] of after!.entries())
        compare(lower(before![index]!), lower(definition), one.name !== "containers.json");
      assert.is(run(one, once, {}), once, `${one.title}: twice is once`);
      const undone = undo(parseDocument(one.name, once));
      assert.ok(undone.text === one.text && undone.isExact, `${one.title}: undone`);
    }
  });

for (const [kindIndex, kind] of Object.keys(KINDS).entries())
  test(`${kind}: an upgrade keeps an edit, and undo takes out all but it`, () => {
    const files = ALL.filter(({ title }) => title.startsWith(`${kind}, with `));
    for (const [index, one] of files.entries()) {
      const isList = one.name === "containers.json";
      const hasVolumes = !isList && !/empty lists|volumes of its own/.test(one.title);
      const edits = EDITS.filter(({ title }) => hasVolumes || !title.startsWith("a volume"));
      const edit = edits[(kindIndex * 7 + index) % edits.length]!;
      const said = `${one.title}, ${edit.title}`;
      const text = edited(one, run(one, one.text, FIRST), edit);
      const next = run(one, text, NEXT);
      for (const definition of definitionsIn(one, next).definitions.map(lower)) {
        assert.is(sidecarOf(definition).image, NEXT.image, said);
        assert.ok(edit.holds(sidecarOf(definition), definition), said);
      }
      assert.is(run(one, next, {}), next, `${said}: twice is once`);
      kept.set(edit.title, (kept.get(edit.title) ?? 0) + 1);
      if (edit.title.startsWith("a volume")) continue; // it stays
      const undone = undo(parseDocument(one.name, next)).text;
      assert.equal(plainOf(one.name, undone), plainOf(one.name, one.text), `${said}: undone`);
    }
  });

test("each kind of edit was kept in five files at least", () => {
  for (const { title } of EDITS) assert.ok((kept.get(title) ?? 0) >= 5, `${title}: ${kept.get(title) ?? 0}`);
  assert.ok(Object.keys(FEATURES).length * Object.keys(KINDS).length >= 300);
});

/** Options, any two of which may be given together. */
const OPTIONS: readonly RunOptions[] = [
  { start: "security" },
  { onOverload: "block" },
  { logGroup: "/vedette", logRegion: "eu-west-1" },
  { alertsTo: ["https://siem.example/in"] },
  { container: ["queue"] },
  { policy: ["/policies/a", "pack"] },
  { falcoRules: ["/rules/a,b.yaml", "/rules/c.yaml"] },
  { set: ["workers=2", "container.memory=300", "agent.snaplen=99"] },
  { set: ["container.environment.A=b,c=d", "container.secrets.T=arn:aws:ssm:x"] },
  { set: ["container.name=guard"] },
];

test("any things together, under any options, and upgraded under others: right, undone to the byte, twice is once", () => {
  const options = fc.uniqueArray(fc.constantFrom(...OPTIONS), { maxLength: 2 }).map((all) => Object.assign({}, ...all));
  const features = fc.uniqueArray(fc.constantFrom(...Object.keys(FEATURES)), { minLength: 2, maxLength: 4 });
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(KINDS)), features, options, options, (kind, things, first, next) => {
      const one = fileOf(kind, things);
      const once = run(one, one.text, { ...FIRST, ...first });
      const later = run(one, once, { ...NEXT, ...next });
      for (const text of [once, later]) {
        assert.equal(faults(one, text), faults(one, one.text));
        assert.is(run(one, text, {}), text, "twice is once");
        const undone = undo(parseDocument(one.name, text));
        assert.ok(undone.text === one.text && undone.isExact, "undone");
      }
    }),
    { numRuns: 60 },
  );
});

test.run();
