// SPDX-License-Identifier: Apache-2.0
//
// `vedette instrument` as a command: what goes to stdout and what to stderr, files, standard input, mistakes.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { stopStatements } from "../../../host/cli/task-role.js";
import { readConfiguration, sidecarParts } from "../../../host/config/config.js";
import { typed } from "../cli/typed.js";
import { rowOf } from "../response/stage.js";
import { FOLDER } from "./definitions-folder.js";

const folder = mkdtempSync(join(tmpdir(), "instrument-command-"));
test.after(() => rmSync(folder, { recursive: true }));

const SAMPLE = join(FOLDER, "cfn-comments.yaml");
const IMAGE = ["--image", "registry.example/vedette:1"];
const original = readFileSync(SAMPLE, "utf8");
const TASK = join(FOLDER, "arm64-ephemeral.json");

interface Definition {
  readonly name: string;
  readonly environment: readonly { readonly name: string; readonly value: string }[];
  readonly secrets: readonly { readonly name: string }[];
}

const vedette = (words: string[]) => typed("instrument", ...words);

/** The same in a process of its own, which reads this on its standard input. */
function reading(input: string, words: string[]) {
  const argv = ["--import", "tsx", "host/main.ts", "instrument", ...words];
  return spawnSync(process.execPath, argv, { encoding: "utf8", input, timeout: 50_000 });
}

test("the result goes to stdout, who is watched to stderr", async () => {
  const { stdout, stderr, status } = await vedette([SAMPLE, ...IMAGE]);
  assert.is(status, 0);
  assert.match(stdout, /^# Owner: platform team\n/);
  assert.match(stdout, /- Name: vedette\n/);
  assert.match(stderr, /^vedette: watched in Task: app\nvedette: Task: alerts go nowhere: .*--log-group NAME.*\n$/);
});

test("--check ends with 1 where something is to be done, and with 0 where nothing is; --upgrade wants something there", async () => {
  const path = join(folder, "checked.yaml");
  const words = [...IMAGE, "--log-group", "alerts"];
  const before = await vedette([SAMPLE, ...words, "--check"]);
  assert.equal([before.status, before.stdout], [1, ""]);
  assert.match(before.stderr, /is not as this run would write it/);
  assert.is((await vedette([SAMPLE, ...words, "-o", path])).status, 0);
  assert.is((await vedette([path, "--check"])).status, 0);
  assert.is((await vedette([path, "--upgrade", "--image", "registry.example/vedette:2", "-o", path])).status, 0);
  assert.match(readFileSync(path, "utf8"), /vedette:2/);
  const none = await vedette([SAMPLE, "--upgrade", ...IMAGE]);
  assert.is(none.status, 2);
  assert.match(none.stderr, /there is nothing to upgrade. \[VEDETTE_DEFINITION_NONE\]/);
  rmSync(path);
});

const OUTPUTS = `container:
  secrets: {SIEM_TOKEN: "arn:aws:secretsmanager:eu-west-1:111122223333:secret:siem-AbCdEf:token::"}
outputs:
  siem-a: {type: http, url: "https://siem.example/x?a=1,2", headers: {authorization: "Bearer \${SIEM_TOKEN}"}, queue_count: 50}
  lake: {type: s3, bucket: logs, region: cn-north-1, format: ocsf, incidents: false}
  stream: {type: firehose, stream: alerts, region: eu-west-1, priority: Warning}
`;

test("outputs of --config become variables that the sidecar reads as the file says, and IAM's statements are told", async () => {
  const config = join(folder, "settings.yaml");
  writeFileSync(config, OUTPUTS);
  const { stdout, stderr, status } = await vedette([TASK, ...IMAGE, "--config", config]);
  assert.is(status, 0, stderr);
  const { containerDefinitions } = JSON.parse(stdout) as { containerDefinitions: Definition[] };
  const { environment, secrets } = containerDefinitions.find(({ name }) => name === "vedette")!;
  const variables = Object.fromEntries(environment.map(({ name, value }) => [name, value]));
  assert.is(variables.VEDETTE_OUTPUTS_LAKE_FORMAT, "ocsf");
  assert.equal(
    secrets.map(({ name }) => name),
    ["SIEM_TOKEN"],
  );
  process.env.SIEM_TOKEN = "t";
  assert.equal(readConfiguration(null, variables).outputs, sidecarParts(config, { SIEM_TOKEN: "t" }).outputs);
  delete process.env.SIEM_TOKEN;
  const statements = (role: string): string =>
    stderr.split("\n").find((line) => line.startsWith(`vedette: ${role} needs `)) ?? "";
  assert.match(
    statements("the task's role"),
    '{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws-cn:s3:::logs/vedette/*"}',
  );
  assert.match(statements("the task's role"), "arn:aws:firehose:eu-west-1:*:deliverystream/alerts");
  assert.match(
    statements("the task's execution role"),
    'secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:eu-west-1:111122223333:secret:siem-AbCdEf"',
  );
  rmSync(config);
});

test("a row that has ECS stop the task needs a statement that allows nothing until its cluster is named", async () => {
  const config = join(folder, "settings.yaml");
  writeFileSync(config, "respond:\n  - {rules: [Crypto miner], action: stop-task, mode: enforce}\n");
  const { stderr, status } = await vedette([TASK, ...IMAGE, "--config", config]);
  assert.is(status, 0, stderr);
  const said = '{"Effect":"Allow","Action":"ecs:StopTask","Resource":"arn:aws:ecs:*:*:task/CLUSTER/*"}';
  assert.match(stderr, `vedette: the task's role needs [${said}]\n`);
  const row = rowOf({ action: "stop-task" });
  assert.is(stopStatements([row], "cn-north-1")[0]!.Resource, "arn:aws-cn:ecs:cn-north-1:*:task/CLUSTER/*");
  assert.equal(stopStatements([{ ...row, mode: "dry-run" }, rowOf({ action: "kill-tree" })]), []);
  rmSync(config);
});

test("an output that the file has no more is taken out of the sidecar", async () => {
  const [config, path] = [join(folder, "settings.yaml"), join(folder, "task.json")];
  const variables = (): string[] => {
    const { containerDefinitions } = JSON.parse(readFileSync(path, "utf8")) as { containerDefinitions: Definition[] };
    return containerDefinitions.find(({ name }) => name === "vedette")!.environment.map(({ name }) => name);
  };
  writeFileSync(config, "outputs: {one: {type: file, path: /a}, two: {type: file, path: /b}}\n");
  assert.is((await vedette([TASK, ...IMAGE, "--config", config, "-o", path])).status, 0);
  assert.is(variables().length, 4);
  writeFileSync(config, "outputs: {two: {type: file, path: /b}}\n");
  assert.is((await vedette([path, "--config", config, "-o", path])).status, 0);
  assert.equal(variables().sort(), ["VEDETTE_OUTPUTS_TWO_PATH", "VEDETTE_OUTPUTS_TWO_TYPE"]);
  for (const one of [config, path]) rmSync(one);
});

test("what is wrong in outputs or respond of --config is told with its place, and a variable that the task lacks by its name", async () => {
  const config = join(folder, "settings.yaml");
  for (const [text, reason] of [
    ["outputs:\n  a: {type: s3, buckt: logs, region: eu-west-1}\n", /settings\.yaml:2:\d+: .*buckt/],
    [
      `outputs:\n  a: {type: http, url: 'https://x', headers: {authorization: '$\{TOKEN_OF_X}'}}\n`,
      /no variable TOKEN_OF_X/,
    ],
    ["outputs:\n  a: {type: s3, bucket: logs}\n", /it needs a region/],
    ["respond:\n  - {rules: [Reverse shell], action: shoot}\n", /settings\.yaml:2:\d+: .*action/],
  ] as const) {
    writeFileSync(config, text);
    const { stdout, stderr, status } = await vedette([TASK, ...IMAGE, "--config", config]);
    assert.equal([status, stdout], [2, ""], stderr);
    assert.match(stderr, reason);
  }
  rmSync(config);
});

test("standard input is read, and --undo gives it back", async () => {
  const { stdout } = reading(original, ["-", ...IMAGE]);
  assert.is(reading(stdout, ["--undo", "-"]).stdout, original);
});

test("-o replaces a file as a whole, also the one it read", async () => {
  const path = join(folder, "template.yaml");
  writeFileSync(path, original);
  assert.is((await vedette([path, ...IMAGE, "-o", path])).status, 0);
  assert.match(readFileSync(path, "utf8"), /vedette-capture/);
  assert.is((await vedette([path, "--undo", "-o", path])).status, 0);
  assert.is(readFileSync(path, "utf8"), original);
  assert.equal(readdirSync(folder), ["template.yaml"]);
});

test("--dry-run prints a diff and writes nothing", async () => {
  const output = join(folder, "never.yaml");
  const { stdout } = await vedette([SAMPLE, ...IMAGE, "--dry-run", "-o", output]);
  assert.match(stdout, /^--- .*\n\+\+\+ .*\n@@ -\d+,\d+ \+\d+,\d+ @@\n/);
  assert.equal(
    stdout.split("\n").filter((line) => line.startsWith("-") && !line.startsWith("---")),
    [],
  );
  assert.not.ok(readdirSync(folder).includes("never.yaml"));
});

const MISTAKES: [string, string[], RegExp][] = [
  ["no file", [], /Missing required argument 'file'\. \[VEDETTE_USAGE\]\n {2}See `vedette instrument --help`/],
  ["an unknown word", [SAMPLE, "--start", "later"], /Allowed choices are availability, security\. \[VEDETTE_USAGE\]/],
  [
    "a missing file",
    ["none.json"],
    /none\.json cannot be read: no such file or directory\. \[VEDETTE_DEFINITION_UNREADABLE\]/,
  ],
  [
    "a folder that is not there",
    [SAMPLE, ...IMAGE, "-o", "none/out.yaml"],
    /Nothing can be written to none\/out\.yaml: no such file or directory/,
  ],
];

for (const [title, words, sentence] of MISTAKES) {
  test(`${title}: a sentence, a hint, status 2, no stack`, async () => {
    const { stdout, stderr, status } = await vedette(words);
    assert.is(status, 2);
    assert.is(stdout, "");
    assert.match(stderr, sentence);
    assert.not.match(stderr, /\n\s+at /);
  });
}

test.run();
