// SPDX-License-Identifier: Apache-2.0
//
// What `instrument` makes of a task definition has the type that @aws-sdk/client-ecs gives to what is
// registered: members that must be there, and words that a member may be. TypeScript itself says so, of all
// results at once. (ecs-model.ts knows kinds of values and names of members alone.)
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readImageConfigs } from "../../../host/ecs/image-config.js";
import { instrument } from "../../../host/ecs/instrument.js";
import { parseDocument } from "../../../host/ecs/read.js";
import { registerable } from "../../../host/ecs/registerable.js";
import { samples } from "./definitions-folder.js";
import { generated } from "./kinds.js";
import { type Plain, plainOf } from "./plain.js";

const GIVEN = { image: "registry.example/vedette:1", logGroup: "/vedette", logRegion: "eu-west-1" };
/** In the tree, so that the compiler finds the client. */
const folder = resolve(`build/test/types-${process.pid}`);
test.before(() => void mkdirSync(folder, { recursive: true }));
test.after(() => rmSync(folder, { recursive: true }));

interface Made {
  readonly title: string;
  readonly before: Plain;
  readonly after: Plain;
}

/** Of each file that is no template and no list. */
function made(): Made[] {
  const files = [
    ...samples().map(({ name, document, imageConfigs }) => ({ title: name, name, text: document.text, imageConfigs })),
    ...generated().map((one) => ({ ...one, imageConfigs: [] })),
  ];
  return files.flatMap(({ title, name, text, imageConfigs }) => {
    const plain = plainOf(name, text);
    if ("Resources" in plain || Array.isArray(plain)) return [];
    const given = registerable(parseDocument(name, text));
    const after = instrument(given, GIVEN, readImageConfigs(imageConfigs)).text;
    return [{ title, before: plainOf(name, given.text), after: plainOf(name, after) }];
  });
}

/** What TypeScript says of each, a list for each value. */
function complaints(name: string, values: readonly unknown[]): string[] {
  const path = join(folder, `${name}.ts`);
  const lines = values.map((value) => `take(${JSON.stringify(value)});`);
  const head = `import type { RegisterTaskDefinitionCommandInput as Input } from "@aws-sdk/client-ecs"; declare const take: (one: Input) => void;`;
  writeFileSync(path, [head, ...lines].join("\n"));
  const words = ["--ignoreConfig", "--noEmit", "--strict", "--skipLibCheck", "--target", "es2023"];
  const tsc = ["node_modules/.bin/tsc", ...words, "--module", "nodenext", "--pretty", "false", path];
  const { stdout, error } = spawnSync(process.execPath, tsc, { encoding: "utf8", maxBuffer: 64 << 20 });
  assert.is(error, undefined);
  const said: string[] = values.map(() => "");
  for (const [, line, what] of stdout.matchAll(/\.ts\((\d+),\d+\): (error .*)/g)) said[Number(line) - 2] += `${what}\n`;
  return said;
}

test("the client's types find a member that is missing, one that is unknown, and a wrong word", () => {
  const base = { family: "f", containerDefinitions: [{ name: "a", image: "a" }] };
  const bad = [
    { containerDefinitions: [] },
    { ...base, containerDefinitions: [{ name: "a", imagge: "a" }] },
    { ...base, networkMode: "awsvcp" },
  ];
  const [first, second, third, good] = complaints("bad", [...bad, base]);
  assert.match(first!, "family");
  assert.match(second!, "imagge");
  assert.match(third!, "awsvcp");
  assert.is(good, "");
});

test("each definition that instrument makes has the client's type, where the given one has it", () => {
  const all = made();
  assert.ok(all.length >= 100, String(all.length));
  const [before, after] = [
    complaints(
      "before",
      all.map((one) => one.before),
    ),
    complaints(
      "after",
      all.map((one) => one.after),
    ),
  ];
  let right = 0;
  for (const [index, { title }] of all.entries()) {
    if (before[index] !== "") continue;
    assert.is(after[index], "", title);
    right++;
  }
  assert.ok(right >= 100, `${right} of ${all.length}`);
});

test.run();
