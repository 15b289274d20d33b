// SPDX-License-Identifier: Apache-2.0
//
// `instrument --patch`: a JSON Patch that makes of each template what `instrument` makes of it, also of the
// next one, which Copilot makes with another image.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import { readImageConfigs } from "../../../host/ecs/image-config.js";
import { instrument } from "../../../host/ecs/instrument.js";
import { type Operation, patchOf, patchText } from "../../../host/ecs/patch.js";
import { parseDocument } from "../../../host/ecs/read.js";
import { applied, structured } from "./apply-patch.js";
import { FOLDER, samples } from "./definitions-folder.js";
import { plainOf } from "./plain.js";

const IMAGE = { image: "registry.example/vedette:1" };
const folder = mkdtempSync(join(tmpdir(), "instrument-patch-"));
test.after(() => rmSync(folder, { recursive: true }));

for (const { name, document, imageConfigs } of samples())
  test(`${name}: the patch makes of it what instrument makes of it`, () => {
    const { text } = instrument(document, IMAGE, readImageConfigs(imageConfigs));
    const operations = parse(patchText(patchOf(document, parseDocument(name, text)))) as Operation[];
    assert.ok(operations.length > 0);
    assert.equal(applied(plainOf(name, document.text), operations), structured(plainOf(name, text)));
  });

test("an operation for each thing that changes, and none for what stays", () => {
  const before = { a: [{ b: 1 }], words: ["x"], "k/~": 1, gone: 1 };
  const after = { a: [{ b: 1, c: 2 }, { d: 3 }], words: ["y", "x"], "k/~": 2 };
  const [from, to] = [before, after].map((one) => parseDocument("a.json", JSON.stringify(one)));
  assert.equal(patchOf(from!, to!), [
    { op: "remove", path: "/gone" },
    { op: "add", path: "/a/0/c", value: 2 },
    { op: "add", path: "/a/-", value: { d: 3 } },
    { op: "replace", path: "/words", value: ["y", "x"] },
    { op: "replace", path: "/k~1~0", value: 2 },
  ]);
});

test("functions are written out, and what an alias stands for is", () => {
  const head = "Resources:\n  T:\n    Logs: &logs {Group: !GetAtt [Logs, Arn], Other: !GetAtt Logs.Arn.Name}\n";
  const [from, to] = [head, `${head}    More: *logs\n    Name: !Sub A-B\n`].map((text) =>
    parseDocument("a.yaml", text),
  );
  assert.equal(patchOf(from!, to!), [
    {
      op: "add",
      path: "/Resources/T/More",
      value: { Group: { "Fn::GetAtt": ["Logs", "Arn"] }, Other: { "Fn::GetAtt": ["Logs", "Arn.Name"] } },
    },
    { op: "add", path: "/Resources/T/Name", value: { "Fn::Sub": "A-B" } },
  ]);
});

test("the commands of docs/operations.md make Copilot's overrides, which fit the next image too", () => {
  const page = readFileSync("docs/operations.md", "utf8");
  const line = /^ {4}vedette (instrument orders\.yml .*--patch .*)$/m.exec(page)![1]!;
  const patches = join(folder, "cfn.patches.yml");
  const words = line
    .replace("orders.yml", join(FOLDER, "copilot-style.yaml"))
    .replace("REGISTRY", "registry.example")
    .replace(/\S+cfn\.patches\.yml/, patches)
    .split(" ");
  words.push("--image-config", `nginx=${join(FOLDER, "images/copilot-style.nginx.json")}`);
  const run = spawnSync(process.execPath, ["--import", "tsx", "host/main.ts", ...words], { encoding: "utf8" });
  assert.is(run.status, 0, run.stderr);
  const next = plainOf("t.yaml", readFileSync(join(FOLDER, "copilot-style.yaml"), "utf8"));
  const list = next.Resources.TaskDefinition.Properties.ContainerDefinitions;
  list[0].Image = "registry.example/orders:next";
  const made = applied(next, parse(readFileSync(patches, "utf8")) as Operation[]);
  const [app] = made.Resources.TaskDefinition.Properties.ContainerDefinitions;
  assert.is(app.Image, "registry.example/orders:next");
  assert.is(app.EntryPoint[0], "/vedette/vedette-capture");
});

test.run();
