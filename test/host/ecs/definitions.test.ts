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
import { type Any, definitionsOf, type Plain, plainOf } from "./plain.js";

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

function compare(before: Plain, after: Plain): void {
  const [olds, news] = [flat(before.containerDefinitions), flat(after.containerDefinitions)];
  const sidecar = news.find((one) => one.name === "vedette")!;
  const others = news.filter((one) => one !== sidecar);
  assert.is(others.length, olds.length);
  assert.equal(sidecar.healthCheck.command.slice(0, 1), ["CMD"]);
  assert.ok(flat(after.volumes).some((volume) => volume.name === "vedette"));
  const watched = others.filter((one, index) => compareContainer(olds[index]!, one));
  assert.ok(watched.length > 0);
  compareSecrets(after, sidecar, watched);
  for (const key of Object.keys(before))
    if (!/^(containerDefinitions|volumes)$/.test(key)) assert.equal(after[key], before[key]);
}

/** Each container has a volume with the sidecar that no other has, and the sidecar knows whose it is. */
function compareSecrets(after: Plain, sidecar: Plain, watched: readonly Plain[]): void {
  const ofSidecar = sidecar.mountPoints.slice(1);
  assert.equal(
    ofSidecar.map((mount: Plain) => mount.sourceVolume),
    watched.map((_, index) => `vedette-own-${index + 1}`),
  );
  for (const [index, one] of watched.entries()) {
    const [volume, path] = [`vedette-own-${index + 1}`, `/vedette-own/${index + 1}`];
    assert.equal(ofSidecar[index], { sourceVolume: volume, containerPath: path, readOnly: false });
    for (const mounts of choices(one.mountPoints))
      assert.equal(mounts.at(-1), { sourceVolume: volume, containerPath: path, readOnly: true });
    for (const words of choices(one.entryPoint)) assert.is(words[words.indexOf("--secret-file") + 1], `${path}/secret`);
    assert.is(flat(after.volumes).filter((each) => each.name === volume).length, 1);
    const end = `=${path}/secret`;
    const said = typeof one.name === "string" ? `${one.name}${end}` : { "fn::Join": ["", [one.name, end]] };
    assert.ok(hasPair(sidecar.command, "--container-secret", said), JSON.stringify(sidecar.command));
  }
}

function hasPair(words: Any[], option: string, value: Any): boolean {
  return words.some((word, index) => word === option && JSON.stringify(words[index + 1]) === JSON.stringify(value));
}

/** True when the container was wrapped; one that was not must be as it was. */
function compareContainer(before: Plain, after: Plain): boolean {
  if (!JSON.stringify(after).includes("vedette-capture")) {
    assert.equal(after, before);
    return false;
  }
  for (const entryPoint of choices(after.entryPoint)) assert.is(entryPoint[0], "/vedette/vedette-capture");
  for (const [index, words] of choices(before.entryPoint ?? []).entries()) {
    const now = choices(after.entryPoint)[index]!;
    if (words.length > 0) assert.equal(now.slice(now.indexOf("--") + 1), words);
  }
  for (const key of ["mountPoints", "environment", "dependsOn"]) {
    const [was, is] = [choices(before[key] ?? []), choices(after[key])];
    const more = key === "mountPoints" ? 2 : 1;
    for (const [index, list] of is.entries()) assert.equal(list.slice(0, -more), was[index] ?? []);
    for (const list of is) assert.match(JSON.stringify(list.at(-1)), /vedette/i);
  }
  const capabilities = after.linuxParameters.capabilities;
  assert.ok(capabilities.add.includes("SYS_PTRACE"));
  assert.equal(capabilities.drop, before.linuxParameters?.capabilities?.drop);
  const changed = /^(entryPoint|command|mountPoints|environment|dependsOn|linuxParameters)$/;
  for (const key of Object.keys(before)) if (!changed.test(key)) assert.equal(after[key], before[key]);
  return true;
}

/** The lists that a value may be: itself, or the branches of an Fn::If; nothing for NoValue. */
function choices(value: Any): Any[][] {
  if (Array.isArray(value)) return [value];
  if (value === null || value?.ref === "AWS::NoValue") return [[]];
  return value["fn::If"].slice(1).flatMap(choices);
}

function flat(list: Any): Plain[] {
  const items = choices(list ?? []).flat();
  return items.flatMap((item: Any) =>
    "fn::If" in item ? item["fn::If"].slice(1).filter((one: Any) => one.ref !== "AWS::NoValue") : [item],
  );
}

/** Keys with a small first letter, so that both spellings compare alike. */
function lower(value: Any): Any {
  if (Array.isArray(value)) return value.map(lower);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key.charAt(0).toLowerCase() + key.slice(1), lower(item)]),
  );
}

test.run();
