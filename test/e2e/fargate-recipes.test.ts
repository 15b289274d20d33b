// SPDX-License-Identifier: Apache-2.0
//
// Each way of deploying that docs/operations.md has, up to ECS: what it makes of one application is played in
// the simulator. (The CDK's aspect is played in cdk.test.ts, the pod of EKS in eks-recipe.test.ts, rules from
// S3 and SSM in rules-recipes.test.ts.)
import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import type { Operation } from "../../host/ecs/patch.js";
import { applied } from "../host/ecs/apply-patch.js";
import type { Any } from "../host/ecs/plain.js";
import { APP, asApi, missingForRecipes, play } from "../lab/recipe.js";
import { scratch, VEDETTE } from "./programs.js";

const folder = scratch();
const IMAGE = ["--image", "registry.example/vedette:1"];
const { name, image, entryPoint, command } = APP;
const CONTAINER = { Name: name, Image: image, EntryPoint: entryPoint, Command: command };
const task = (more = {}) => ({
  ...more,
  Resources: {
    Task: {
      Type: "AWS::ECS::TaskDefinition",
      Properties: {
        Family: "shop",
        Cpu: "256",
        Memory: "1024",
        NetworkMode: "awsvpc",
        RequiresCompatibilities: ["FARGATE"],
        ContainerDefinitions: [CONTAINER],
      },
    },
  },
});

/** What `vedette` writes on its standard output. */
function vedette(words: readonly string[], input?: string): string {
  const [program, ...rest] = VEDETTE;
  const run = spawnSync(program!, [...rest, ...words], { encoding: "utf8", ...(input === undefined ? {} : { input }) });
  assert.is(run.status, 0, run.stderr);
  return run.stdout;
}

function kept(file: string, value: unknown): string {
  writeFileSync(join(folder, file), JSON.stringify(value));
  return join(folder, file);
}

const containersOf = (template: Any): unknown[] =>
  asApi(template.Resources.Task.Properties.ContainerDefinitions) as unknown[];

const missing = missingForRecipes();
if (missing === null) {
  test("a definition for register-task-definition", () => {
    const definition = { family: "shop", cpu: "256", memory: "1024", containerDefinitions: [APP] };
    return play(JSON.parse(vedette(["instrument", kept("shop.json", definition), ...IMAGE])).containerDefinitions);
  });

  for (const [kind, more] of [
    ["CloudFormation", {}],
    ["SAM", { Transform: "AWS::Serverless-2016-10-31" }],
  ] as const)
    test(`a template of ${kind}`, () =>
      play(containersOf(JSON.parse(vedette(["instrument", kept(`${kind}.json`, task(more)), ...IMAGE])))));

  test("Copilot's overrides", () => {
    const patch = vedette(["instrument", kept("copilot.json", task()), ...IMAGE, "--patch"]);
    return play(containersOf(applied(task() as Any, parse(patch) as Operation[])));
  });

  test("Terraform's list of containers, by the script of docs/terraform", () => {
    const script = /<<-SCRIPT\n(.*?)\n\s*SCRIPT\n/s.exec(readFileSync("docs/terraform/main.tf", "utf8"))![1]!;
    const shim = join(folder, "vedette");
    writeFileSync(shim, `#!/bin/sh\nexec ${VEDETTE.map((word) => `'${word}'`).join(" ")} "$@"\n`);
    chmodSync(shim, 0o755);
    const { status, stdout, stderr } = spawnSync("sh", ["-c", script, "vedette", ...IMAGE], {
      encoding: "utf8",
      input: JSON.stringify({ container_definitions: JSON.stringify([APP]) }),
      env: { ...process.env, PATH: `${folder}:${process.env.PATH}` },
    });
    assert.is(status, 0, stderr);
    return play(JSON.parse(JSON.parse(stdout).container_definitions));
  });
} else console.log(`skip: recipes in the simulator: ${missing} is missing`);

test.run();
