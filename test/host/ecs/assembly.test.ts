// SPDX-License-Identifier: Apache-2.0
//
// What `cdk synth` wrote (assembly/cdk, made by assembly/app.mjs: a stack with a nested one, one without a
// task, and one in a stage), instrumented where it stands: `cdk deploy` finds each template under the digest
// of what is in it now.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { instrumentAssembly } from "../../../host/ecs/assembly.js";
import { readImageConfigs } from "../../../host/ecs/image-config.js";
import type { RunOptions } from "../../../host/ecs/options.js";
import type { Plain } from "./plain.js";

const GIVEN = fileURLToPath(new URL("assembly/cdk", import.meta.url));
const IMAGE = { image: "registry.example/vedette:1" };
const folder = mkdtempSync(join(tmpdir(), "instrument-assembly-"));
const COPY = join(folder, "cdk.out");
test.before.each(() => cpSync(GIVEN, COPY, { recursive: true }));
test.after.each(() => rmSync(COPY, { recursive: true, force: true }));
test.after(() => rmSync(folder, { recursive: true }));

const made = (options: RunOptions = IMAGE) => instrumentAssembly(COPY, options, async () => readImageConfigs([]));
const digestOf = (text: string) => createHash("sha256").update(text).digest("hex");
const textsIn = (where: string) =>
  new Map(
    readdirSync(where, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".json"))
      .map((path) => [path, readFileSync(join(where, path), "utf8")]),
  );

async function write(options?: RunOptions): Promise<void> {
  for (const { path, after } of (await made(options)).files) writeFileSync(path, after);
}

/** Each template that is uploaded: its path, and the digest under which it is. */
function uploadsIn(texts: ReadonlyMap<string, string>): [path: string, digest: string][] {
  return [...texts].flatMap(([name, text]) =>
    name.endsWith(".assets.json")
      ? Object.entries(JSON.parse(text).files as Plain).map(([digest, { source, destinations }]): [string, string] => {
          for (const { objectKey } of Object.values(destinations as Plain)) assert.is(objectKey, `${digest}.json`);
          return [join(dirname(name), source.path), digest];
        })
      : [],
  );
}

function stacksIn(texts: ReadonlyMap<string, string>): [path: string, url: string][] {
  return [...texts]
    .filter(([name]) => name.endsWith("manifest.json"))
    .flatMap(([name, text]) =>
      Object.values(JSON.parse(text).artifacts as Plain)
        .filter(({ type }) => type === "aws:cloudformation:stack")
        .map(({ properties: { templateFile, stackTemplateAssetObjectUrl } }): [string, string] => [
          join(dirname(name), templateFile),
          stackTemplateAssetObjectUrl,
        ]),
    );
}

test("each template is uploaded under its digest, and each stack names its own, as before", async () => {
  const before = textsIn(COPY);
  await write();
  const after = textsIn(COPY);
  for (const texts of [before, after]) {
    const uploads = uploadsIn(texts);
    assert.is(uploads.length, 4);
    if (texts === after) for (const [path, digest] of uploads) assert.is(digestOf(texts.get(path)!), digest, path);
    const digests = new Map(uploads);
    for (const [path, url] of stacksIn(texts)) assert.ok(url.endsWith(`/${digests.get(path)}.json`), path);
    const nested = uploads.find(([path]) => path.includes(".nested."))![1];
    assert.match(texts.get("Orders.template.json")!, `/${nested}.json`);
  }
  const old = uploadsIn(before).filter(([path]) => !path.startsWith("Empty"));
  for (const [path, text] of after) for (const [, digest] of old) assert.not.match(text, digest, path);
});

test("all task definitions have Vedette in them, what has none stays as it is, and twice is once", async () => {
  const before = textsIn(COPY);
  await write();
  const changed = [...textsIn(COPY)].filter(([path, text]) => text !== before.get(path)).map(([path]) => path);
  const expected = [...before.keys()].filter((path) => !path.startsWith("Empty"));
  assert.equal(changed.toSorted(), expected.toSorted());
  for (const path of changed.filter((one) => one.endsWith(".template.json")))
    assert.match(readFileSync(join(COPY, path), "utf8"), "/vedette/vedette-capture");
  assert.equal((await made({})).files, []);
});

test("--task-definition chooses among all templates; one that is nowhere is refused", async () => {
  const names = async (ids: string[]) => (await made({ ...IMAGE, taskDefinition: ids })).remarks;
  assert.is((await names(["Task79114B6B"])).length, 3);
  const error = await names(["Nothing"]).catch((cause: { code: string }) => cause);
  assert.is((error as { code: string }).code, "VEDETTE_DEFINITION_NONE");
});

const vedette = (...words: string[]) =>
  spawnSync(process.execPath, ["--import", "tsx", "host/main.ts", "instrument", ...words], { encoding: "utf8" });

test("--dry-run shows what would change and writes nothing; what is for a file is refused", () => {
  const before = textsIn(COPY);
  const dry = vedette(COPY, "--image", IMAGE.image, "--dry-run");
  assert.is(dry.status, 0, dry.stderr);
  assert.match(dry.stdout, /^\+\s+"Name": "vedette-own-1"$/m);
  const undo = vedette(COPY, "--undo");
  assert.is(undo.status, 2);
  assert.match(undo.stderr, /--undo is for a file; .* `cdk synth` writes anew.*\[VEDETTE_USAGE\]/);
  assert.equal(textsIn(COPY), before);
});

test("the line of docs/operations.md for cdk.json instruments what the app synthesised", () => {
  const page = readFileSync("docs/operations.md", "utf8");
  const { app } = JSON.parse(/```json\n(\{\s*"app": .*?\})\n```/s.exec(page)![1]!) as { app: string };
  rmSync(COPY, { recursive: true });
  const shim = (name: string, line: string) => {
    writeFileSync(join(folder, name), `#!/bin/sh\n${line}\n`);
    chmodSync(join(folder, name), 0o755);
  };
  shim("npx", `cp -r ${GIVEN} "$CDK_OUTDIR"`);
  shim("vedette", `exec ${process.execPath} --import tsx host/main.ts "$@"`);
  const line = app.replaceAll("REGISTRY", "registry.example");
  const env = { ...process.env, CDK_OUTDIR: COPY, PATH: `${folder}:${process.env.PATH}`, AWS_REGION: "eu-west-1" };
  const { status, stderr } = spawnSync("sh", ["-c", line], { encoding: "utf8", env });
  assert.is(status, 0, stderr);
  assert.match(readFileSync(join(COPY, "Orders.template.json"), "utf8"), "/vedette/vedette-capture");
});

test.run();
