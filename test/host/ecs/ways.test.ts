// SPDX-License-Identifier: Apache-2.0
//
// The ways by which people deploy: describe-task-definition to register-task-definition and back, Terraform's
// container_definitions and the module of docs/terraform.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readImageConfigs } from "../../../host/ecs/image-config.js";
import { instrument } from "../../../host/ecs/instrument.js";
import { parseDocument, readDocument } from "../../../host/ecs/read.js";
import { registerable } from "../../../host/ecs/registerable.js";
import { undo } from "../../../host/ecs/undo.js";
import { FOLDER } from "./definitions-folder.js";
import { faultsOf } from "./ecs-model.js";
import type { Any, Plain } from "./plain.js";

const folder = mkdtempSync(join(tmpdir(), "instrument-ways-"));
test.after(() => rmSync(folder, { recursive: true }));

const NONE = readImageConfigs([]);
const FIRST = { image: "registry.example/vedette:1" };
const NEXT = { image: "registry.example/vedette:2" };
const DESCRIBED = readDocument(join(FOLDER, "aws-cli-describe.json"));
const ANSWERS = [
  "taskDefinitionArn",
  "revision",
  "status",
  "requiresAttributes",
  "compatibilities",
  "registeredAt",
  "registeredBy",
];

/** What ECS makes of a definition when it is registered, and answers when it is described. */
function described(registered: Plain): Plain {
  const { tags, ...definition } = registered;
  const containers = definition.containerDefinitions.map((one: Plain) => ({
    cpu: 0,
    portMappings: [],
    essential: true,
    environment: [],
    mountPoints: [],
    volumesFrom: [],
    systemControls: [],
    ...one,
  }));
  const volumes = (definition.volumes ?? []).map((one: Plain) => ({ host: {}, ...one }));
  const answers = {
    revision: 2,
    status: "ACTIVE",
    registeredBy: "arn:me",
    requiresAttributes: [{ name: "a" }],
    compatibilities: ["EC2"],
  };
  const taskDefinition = {
    taskDefinitionArn: "arn:t",
    ...definition,
    containerDefinitions: containers,
    volumes,
    ...answers,
  };
  return { taskDefinition, tags: tags ?? [] };
}

test("P14: what describe prints becomes what register takes, tags included, and is instrumented and undone as such", () => {
  const tagged = parseDocument(
    "d.json",
    JSON.stringify({ ...JSON.parse(DESCRIBED.text), tags: [{ key: "team", value: "x" }] }, null, 4),
  );
  for (const document of [DESCRIBED, tagged, parseDocument("d.json", JSON.stringify(JSON.parse(tagged.text)))]) {
    const given = registerable(document);
    const { text } = instrument(given, FIRST, NONE);
    const plain = JSON.parse(text);
    const was = JSON.parse(document.text);
    for (const key of ANSWERS) assert.not.ok(key in plain, key);
    assert.ok(!("taskDefinition" in plain));
    assert.equal(faultsOf(plain, false), []);
    const { taskDefinition } = was;
    const expected = Object.fromEntries(Object.entries(taskDefinition).filter(([key]) => !ANSWERS.includes(key)));
    const tags = was.tags?.length > 0 ? { tags: was.tags } : {};
    assert.equal(JSON.parse(given.text), { ...expected, ...tags });
    const back = undo(parseDocument("r.json", text));
    assert.is(back.text, given.text);
    assert.ok(back.isExact);
    assert.is(registerable(given).text, given.text, "twice is once");
  }
});

test("P14: what was registered and is described again is upgraded: what ECS adds is no edit, what a person adds is", () => {
  const registered = JSON.parse(instrument(registerable(DESCRIBED), FIRST, NONE).text);
  const again = (change: (definition: Plain) => void) => {
    const value = described(registered);
    change(value.taskDefinition);
    return instrument(registerable(parseDocument("d.json", JSON.stringify(value, null, 4))), NEXT, NONE);
  };
  const kept = (remarks: readonly string[]) => remarks.filter((one) => one.startsWith("kept"));
  const plain = again(() => {});
  assert.equal(kept(plain.remarks), []);
  assert.equal(faultsOf(JSON.parse(plain.text), false), []);
  const edited = again((definition) => {
    definition.containerDefinitions.find((one: Any) => one.name === "vedette").cpu = 64;
  });
  assert.equal(kept(edited.remarks), ["kept as edited: vedette/cpu"]);
});

const LIST = [
  {
    name: "web",
    image: "web:1",
    essential: true,
    entryPoint: ["/web"],
    mountPoints: [{ sourceVolume: "data", containerPath: "/data" }],
  },
  { name: "job", image: "job:1", essential: false, entryPoint: ["/job"] },
];

test("P14: Terraform's list of containers is instrumented, its volumes are named, and it is undone to the byte", () => {
  for (const indent of [undefined, 2]) {
    const text = JSON.stringify(LIST, null, indent);
    const done = instrument(parseDocument("c.json", text), FIRST, NONE);
    const [web, job, sidecar] = JSON.parse(done.text);
    assert.is(web.entryPoint[0], "/vedette/vedette-capture");
    assert.equal(job, LIST[1]);
    assert.is(sidecar.name, "vedette");
    assert.match(
      done.remarks.join("\n"),
      /these volumes:\n {4}volume {\n {6}name = "vedette"\n {4}}\n {4}volume {\n {6}name = "vedette-own-1"/,
    );
    assert.is(undo(parseDocument("c.json", done.text)).text, text);
    assert.is(instrument(parseDocument("c.json", done.text), {}, NONE).text, done.text);
  }
});

test("P14: the module of docs/terraform gives Terraform the containers and the volumes", () => {
  const module = readFileSync("docs/terraform/main.tf", "utf8");
  const script = /<<-SCRIPT\n(.*?)\n\s*SCRIPT\n/s.exec(module)![1]!;
  const shim = join(folder, "vedette");
  writeFileSync(
    shim,
    `#!/bin/sh\nexec ${process.execPath} --import ${import.meta.resolve("tsx")} ${process.cwd()}/host/main.ts "$@"\n`,
  );
  chmodSync(shim, 0o755);
  const run = (definitions: unknown) =>
    spawnSync("sh", ["-c", script, "vedette", "--image", "r/v:1", "--log-group", "v", "--log-region", "r"], {
      encoding: "utf8",
      input: JSON.stringify({ container_definitions: JSON.stringify(definitions) }),
      env: { ...process.env, PATH: `${folder}:${process.env.PATH}` },
    });
  const { status, stdout, stderr } = run(LIST);
  assert.is(status, 0, stderr);
  const result = JSON.parse(stdout);
  assert.equal(result.volumes.split(","), ["vedette", "vedette-own-1"]);
  assert.equal(
    JSON.parse(result.container_definitions).map((one: Plain) => one.name),
    ["web", "job", "vedette"],
  );
  for (const value of Object.values(result)) assert.type(value, "string", "Terraform takes texts only");
  const bad = run([{ name: "web", image: "web:1" }]);
  assert.is.not(bad.status, 0);
  assert.match(bad.stderr, /VEDETTE_IMAGE_CONFIG_NEEDED/);
});

test.run();
