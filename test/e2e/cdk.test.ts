// SPDX-License-Identifier: Apache-2.0
//
// The aspect of docs/cdk against aws-cdk-lib itself: what an app synthesizes with it is what `instrument`
// makes of the templates that the app synthesizes without it, key for key, and it is played in the simulator.
// aws-cdk-lib has 180 MB, so it is no dependency: the test installs it into a folder of its own, once.
import { execFile } from "node:child_process";
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readImageConfigs } from "../../host/ecs/image-config.js";
import { instrument } from "../../host/ecs/instrument.js";
import { parseDocument } from "../../host/ecs/read.js";
import type { Any } from "../host/ecs/plain.js";
import { APP, asApi, missingForRecipes, play } from "../lab/recipe.js";
import { blocksOf } from "../pages.js";
import { hasLibrary } from "./npm-library.js";
import { scratch, VEDETTE } from "./programs.js";

const PACKAGES = ["aws-cdk-lib@2.276.0", "constructs@10.8.1"];
const KEPT = resolve("build/cdk");
const SYNTH_MS_MAX = 100_000;
const folder = scratch();
const bare = join(folder, "bare.json");
writeFileSync(bare, JSON.stringify([{ Config: { Entrypoint: ["/bare"] } }]));
const PROPS = {
  image: "registry.example/vedette:1",
  logGroup: "/vedette",
  imageConfigs: { app: bare },
  set: { workers: "2", "container.cpu": "64" },
};
const GIVEN = { image: PROPS.image, logGroup: PROPS.logGroup, set: ["workers=2", "container.cpu=64"] };
const PLAYED = JSON.stringify({ entryPoint: APP.entryPoint, command: APP.command });

/** What the app synthesizes: templates by their names. */
async function synthesized(name: string, props?: object): Promise<Map<string, Record<string, unknown>>> {
  for (const [from, to] of [
    ["docs/cdk/vedette.ts", "vedette.ts"],
    ["test/e2e/cdk/app.mjs", "app.mjs"],
  ] as const)
    copyFileSync(from, join(KEPT, to));
  const out = join(folder, name);
  const env = {
    ...process.env,
    PLAYED,
    CDK_OUTDIR: out,
    ...(props === undefined ? {} : { ASPECT: JSON.stringify(props) }),
  };
  const argv = ["--import", resolve("node_modules/tsx/dist/loader.mjs"), join(KEPT, "app.mjs")];
  await promisify(execFile)(process.execPath, argv, { cwd: KEPT, env, timeout: SYNTH_MS_MAX });
  const paths = readdirSync(out, { recursive: true, encoding: "utf8" });
  const templates = paths.filter((path) => /\.template\.json$/.test(path)).toSorted();
  return new Map(templates.map((path) => [path, JSON.parse(readFileSync(join(out, path), "utf8"))]));
}

const missing = hasLibrary(KEPT, PACKAGES) ? null : "npm's registry, for aws-cdk-lib,";
if (missing === null) {
  const plain = await synthesized("plain");
  const props = { ...PROPS, command: VEDETTE };

  test("each template is what instrument makes of it, and one without Fargate tasks is as it was", async () => {
    const watched = await synthesized("watched", props);
    assert.equal([...watched.keys()], [...plain.keys()]);
    let instrumented = 0;
    for (const [path, template] of plain) {
      const hasTasks = /"AWS::ECS::TaskDefinition"/.test(JSON.stringify(template)) && !/Others/.test(path);
      const given = parseDocument(path, JSON.stringify(template));
      const images = readImageConfigs([`app=${bare}`]);
      const expected = hasTasks ? (JSON.parse(instrument(given, GIVEN, images).text) as object) : template;
      assert.equal(withoutDigests(watched.get(path)!), withoutDigests(expected), path);
      if (hasTasks) instrumented++;
    }
    assert.is(instrumented, 5);
    assert.match(JSON.stringify(watched.get("Several.template.json")), /Fn::ImportValue/, "a reference between stacks");
  });

  if (missingForRecipes() === null)
    test("what the aspect makes is played in the simulator", async () => {
      const template = (await synthesized("played", props)).get("Played.template.json") as Any;
      const [made] = Object.values<Any>(template.Resources).filter(({ Type }) => Type === "AWS::ECS::TaskDefinition");
      await play(asApi(made.Properties.ContainerDefinitions) as unknown[]);
    });
  else console.log(`skip: what the aspect makes in the simulator: ${missingForRecipes()} is missing`);

  test("what instrument refuses ends the synthesis with its words", async () => {
    const failed = await synthesized("refused", { ...props, imageConfigs: {} }).catch((error: Error) => error);
    assert.match(String((failed as { stderr?: string }).stderr), /VEDETTE_IMAGE_CONFIG_NEEDED/);
  });

  test("the aspect's types hold against the library's, and so does the line of docs/operations.md", async () => {
    const [line] = blocksOf("operations.md").filter(({ language }) => language === "ts");
    const lib = 'import { Aspects, type Stack } from "aws-cdk-lib";\nimport { Vedette } from "./vedette.js";';
    writeFileSync(join(KEPT, "line.ts"), `${lib}\ndeclare const stack: Stack;\n${line!.text}`);
    const tsc = [
      "--ignoreConfig",
      "--strict",
      "--noEmit",
      "--skipLibCheck",
      "--target",
      "es2023",
      "--module",
      "nodenext",
      "--types",
      "node",
    ];
    const roots = [
      "--typeRoots",
      resolve("node_modules/@types"),
      ...["vedette.ts", "line.ts"].map((name) => join(KEPT, name)),
    ];
    await promisify(execFile)(resolve("node_modules/.bin/tsc"), [...tsc, ...roots], { cwd: KEPT }).catch(
      ({ stdout }: { stdout: string }) => assert.unreachable(stdout),
    );
  });
} else console.log(`skip: the aspect of docs/cdk: ${missing} is missing`);

/** Nested templates are named by their digests, and the journal has the digest of the text that was given. */
function withoutDigests(template: object): object {
  const text = JSON.stringify(template).replaceAll(/[0-9a-f]{64}\.json/g, "DIGEST.json");
  return JSON.parse(text.replaceAll(/("vedette\.undo":"\d+ )[0-9a-f]{16}/g, "$1DIGEST")) as object;
}

test.run();
