// SPDX-License-Identifier: Apache-2.0
//
// `instrument` on task definitions as people write them: the result is valid, holds what it should, keeps the
// rest, and can be undone to the byte. Values are compared as other parsers read them.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readImageConfigs } from "../../../host/ecs/image-config.js";
import { type Instrumented, instrument } from "../../../host/ecs/instrument.js";
import { parseDocument } from "../../../host/ecs/read.js";
import { undo } from "../../../host/ecs/undo.js";
import { type Sample, samples } from "./definitions-folder.js";
import { faultsOf } from "./ecs-model.js";
import { compare } from "./held.js";
import { definitionsOf, lower, plainOf } from "./plain.js";

const NONE = readImageConfigs([]);
const GIVEN = { image: "registry.example/vedette:1" };

function run(sample: Sample): Instrumented {
  return instrument(sample.document, GIVEN, readImageConfigs(sample.imageConfigs));
}

test("there are thirty definitions and more", () => {
  assert.ok(samples().length >= 30, `${samples().length}`);
});

test("the model finds an unknown member, a wrong kind and a list that is none", () => {
  const bad = { containerDefinitions: [{ name: 1, imagge: "a", environment: {} }] };
  const expected = ["name: a number, not a string", "imagge: unknown", "environment: not a list"];
  assert.equal(
    faultsOf(bad, false),
    expected.map((fault) => `.containerDefinitions[0].${fault}`),
  );
});

for (const sample of samples()) {
  test(`${sample.name}: --undo gives back every byte`, () => {
    const undone = undo(parseDocument(sample.name, run(sample).text));
    assert.is(undone.text, sample.document.text);
    assert.ok(undone.isExact);
  });

  test(`${sample.name}: twice is once, and needs no --image-config again`, () => {
    const once = run(sample).text;
    assert.is(instrument(parseDocument(sample.name, once), {}, NONE).text, once);
  });

  test(`${sample.name}: AWS's model of ECS finds no fault that was not there`, () => {
    const faults = (text: string) => {
      const { definitions, isTemplate } = definitionsOf(plainOf(sample.name, text));
      return definitions.flatMap((definition) => faultsOf(definition, isTemplate));
    };
    assert.equal(faults(run(sample).text), faults(sample.document.text));
  });

  test(`${sample.name}: every line stays, but those that hold a list we add to`, () => {
    const after = new Set(
      run(sample)
        .text.split(/\r?\n/)
        .map((line) => line.trim().replace(/,$/, "")),
    );
    const gone = sample.document.text.split(/\r?\n/).filter((line) => !after.has(line.trim().replace(/,$/, "")));
    for (const line of gone)
      assert.match(line, /[[{}]|Volumes:|Environment:|MountPoints:|null|~|NoValue|^\s*- (- )?(Name|\/)/, line);
  });

  test(`${sample.name}: containers hold what they held, and what the agent needs`, () => {
    const before = definitionsOf(plainOf(sample.name, sample.document.text)).definitions;
    const after = definitionsOf(plainOf(sample.name, run(sample).text)).definitions;
    assert.is(after.length, before.length);
    for (const [index, definition] of after.entries()) compare(lower(before[index]!), lower(definition));
  });
}

test.run();
