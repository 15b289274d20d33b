// SPDX-License-Identifier: Apache-2.0
// Time limit: 900 s.
// Runs alone.
//
// A service is upgraded from version 0.1 to this one, and back, under ECS's own rules (test/lab/ecs.ts).
// 0.1's own instrument, sidecar and agent take part, built from the repository's history. The workload writes
// down each call that it has made. Every one of them must be in the alerts of its own task, once, and in no
// other's. Then each task that has both versions in it, as docs/operations.md tells of it.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { HOST_COMMAND } from "../../host/ecs/layout.js";
import { EcsTask, type TaskDefinition } from "../lab/ecs.js";
import { firstRelease, missingFirstRelease } from "../lab/first-release.js";
import { makeRootfs, missingFor } from "../lab/rootfs.js";
import { alertsOf, fillVolume, packaged } from "../lab/sidecar.js";
import { missingForTasks, until, within } from "../lab/task.js";
import { run, scratch, VEDETTE } from "./programs.js";

const missing = missingForTasks() ?? missingFor("musl") ?? missingFirstRelease();
const END_MS_MAX = 90_000;
const SECOND_MS = 20;
/** How many calls each task makes at least beside its successor. */
const CALLS_MIN = 10;
const TASKS = 2;
const EDITED_S = 40;

/** What of a version runs in a task, and what instruments for it. */
interface Release {
  readonly name: string;
  readonly root: string;
  readonly command: readonly string[];
}

const agentOf = ({ root }: Release) => join(root, "vedette/vedette-capture");
const folder = scratch();
const tasks: EcsTask[] = [];

/** Numbered calls until SIGTERM, each written down when it has been made. */
const NUMBERED = [
  "me=$(cat /srv/name); n=0; over=; trap 'over=1' TERM",
  'while [ -z "$over" ]; do n=$((n+1))',
  "cat /etc/shadow call-$me-$n >/dev/null 2>&1; echo $n >>/srv/log; sleep 0.05",
  "done",
].join("\n");
/** Ends by itself. */
const SHORT = "cat /etc/shadow call-x-1 >/dev/null 2>&1; echo ran; exit 7";

async function instrument(release: Release, given: string, ...words: string[]): Promise<string> {
  const made = join(folder, `${release.name}-${tasks.length}-${words.length}.json`);
  const { status, stderr } = await run([...release.command, "instrument", given, ...words, "-o", made], {
    cwd: folder,
  });
  assert.is(status, 0, stderr);
  return made;
}

/** A definition without Vedette. */
function shop(script: string): string {
  const path = join(folder, "shop.json");
  const app = { name: "app", image: "registry.example/app:1", entryPoint: ["/bin/sh", "-c"], command: [script] };
  writeFileSync(path, JSON.stringify({ family: "shop", cpu: "256", memory: "1024", containerDefinitions: [app] }));
  return path;
}

const read = (path: string) => JSON.parse(readFileSync(path, "utf8")) as TaskDefinition;

/** A task of this revision begins. `sidecar` and `agent`: the versions of which they are. */
async function begin(definition: TaskDefinition, sidecar: Release, agent = sidecar): Promise<EcsTask> {
  const images = {
    app: { path: "", mounts: [] as { source: string; destination: string }[] },
    vedette: { path: sidecar.root, mounts: [], entryPoint: [HOST_COMMAND] },
  };
  const ecs = new EcsTask(definition, images, SECOND_MS);
  tasks.push(ecs);
  await ecs.task.open();
  fillVolume(ecs.task, agentOf(agent));
  const root = join(ecs.task.folder, "app");
  mkdirSync(root);
  Object.assign(images.app, makeRootfs("musl", root));
  writeFileSync(join(root, "srv/name"), nameOf(ecs));
  ecs.start();
  await ecs.sees("app STARTED");
  return ecs;
}

const nameOf = (ecs: EcsTask) => String.fromCharCode(97 + tasks.indexOf(ecs));

/** Numbers of its calls, as the workload wrote them. */
function made(ecs: EcsTask): number[] {
  const log = join(ecs.task.folder, "app/srv/log");
  return existsSync(log) ? readFileSync(log, "utf8").split("\n").slice(0, -1).map(Number) : [];
}

/** The calls that its sidecar has raised alerts about, as `TASK-NUMBER`, and the tasks that these name. */
function told(ecs: EcsTask): { calls: string[]; arns: Set<unknown> } {
  const alerts = ecs.runs("vedette").flatMap(alertsOf);
  const calls = alerts.flatMap(({ output_fields: fields }) => {
    const [, call] = /call-([a-z]-\d+)/.exec(String(fields["proc.cmdline"])) ?? [];
    return call === undefined ? [] : [call];
  });
  return { calls, arns: new Set(alerts.map(({ output_fields: fields }) => fields["ecs.task.arn"])) };
}

const eventually = (ecs: EcsTask, what: () => boolean, message: string) =>
  until(what, message, () => ecs.told(), END_MS_MAX);

async function isWatched(ecs: EcsTask, calls = 1): Promise<void> {
  await eventually(ecs, () => told(ecs).calls.length >= calls, `${nameOf(ecs)} raises no alert`);
}

async function stop(ecs: EcsTask, why: string): Promise<void> {
  await ecs.stop(why);
  const { status } = await within(ecs.container("app").ended, END_MS_MAX, ecs.told());
  assert.is(status, 0, ecs.told());
}

/**
 * As ECS rolls a revision out with a minimumHealthyPercent of 100: a task of the new one runs before one of
 * the old one is stopped, one after the other.
 */
async function deploy(old: readonly EcsTask[], definition: TaskDefinition, release: Release): Promise<EcsTask[]> {
  const next: EcsTask[] = [];
  for (const one of old) {
    next.push(await begin(definition, release));
    await stop(one, "deployment");
  }
  for (const one of next) await isWatched(one, CALLS_MIN);
  return next;
}

/** Each call, once, with this task's name on it, and nothing lost. */
function isWhole(ecs: EcsTask): void {
  const calls = made(ecs).map((number) => `${nameOf(ecs)}-${number}`);
  assert.ok(calls.length >= CALLS_MIN, `${calls.length} calls\n${ecs.told()}`);
  const { calls: seen, arns } = told(ecs);
  assert.equal(seen.toSorted(), calls.toSorted(), ecs.told());
  assert.equal([...arns], [ecs.task.arn]);
  assert.match(ecs.container("vedette").stderr, /app has left: \d+ events, 0 lost/);
  assert.is(ecs.container("app").stderr, "");
}

/** What comes of a task whose app has one version's agent, beside another version's sidecar. */
async function mixed(definition: TaskDefinition, sidecar: Release, agent: Release): Promise<EcsTask> {
  const ecs = await begin(definition, sidecar, agent);
  await within(ecs.stopped, END_MS_MAX, `the task does not stop\n${ecs.told()}`);
  assert.equal(told(ecs).calls, []);
  return ecs;
}

const statusOf = async (ecs: EcsTask) => (await ecs.container("app").ended).status;

if (missing === null) {
  const first: Release = {
    name: "0.1",
    root: firstRelease(),
    command: [process.execPath, join(firstRelease(), "app/build/js/host/start.cjs")],
  };
  const now: Release = { name: "this one", root: packaged(), command: VEDETTE };
  const OLD = "registry.example/vedette:0.1.0";
  const NEW = "registry.example/vedette:0.2.0";

  test.after.each(async () => {
    for (const ecs of tasks.splice(0)) await ecs.close();
  });

  test("task by task, and back: every call is in the alerts of its own task, and what was edited stays", async () => {
    const old = await instrument(first, shop(NUMBERED), "--image", OLD);
    const edited = read(old);
    const sidecar = edited.containerDefinitions.find(({ name }) => name === "vedette")!;
    Object.assign(sidecar, { stopTimeout: EDITED_S });
    writeFileSync(old, JSON.stringify(edited));
    const upgraded = read(await instrument(now, old, "--upgrade", "--image", NEW));
    const kept = upgraded.containerDefinitions.find(({ name }) => name === "vedette")!;
    assert.equal([kept.image, kept.stopTimeout], [NEW, EDITED_S]);

    const begun: EcsTask[] = [];
    while (begun.length < TASKS) begun.push(await begin(edited, first));
    for (const one of begun) await isWatched(one, CALLS_MIN);
    const upgradedTasks = await deploy(begun, upgraded, now);
    const rolledBack = await deploy(upgradedTasks, edited, first);
    for (const one of rolledBack) await stop(one, "end");
    assert.is(tasks.length, 3 * TASKS);
    for (const one of tasks) isWhole(one);
  });

  test("hosts first, in one task: the host says why it does not listen, the workload runs, and the agent counts", async () => {
    const ecs = await mixed(read(await instrument(first, shop(SHORT), "--image", OLD)), now, first);
    assert.is(await statusOf(ecs), 7);
    assert.is(ecs.container("app").stdout, "ran\n");
    assert.match(ecs.container("app").stderr, /^vedette-capture: [1-9]\d* events could not be delivered/);
    assert.match(ecs.container("vedette").stderr, /The agent speaks schema .*VEDETTE_SCHEMA_MISMATCH/);
  });

  test("agents first, in one task: the agent says who refuses it, and how many events that cost", async () => {
    const ecs = await mixed(read(await instrument(first, shop(SHORT), "--image", OLD)), first, now);
    assert.is(await statusOf(ecs), 7);
    assert.is(ecs.container("app").stdout, "ran\n");
    const why = /^vedette-capture: [1-9]\d* events could not be delivered: the host refuses .*VEDETTE_SCHEMA_MISMATCH/;
    assert.match(ecs.container("app").stderr, why);
    assert.match(ecs.container("vedette").stderr, /VEDETTE_SCHEMA_MISMATCH/);
  });

  for (const [order, sidecar, agent] of [
    ["hosts", now, first],
    ["agents", first, now],
  ] as const)
    test(`${order} first, where the workload waits for Vedette: it does not start, and the agent says why`, async () => {
      const words = ["--image", OLD, "--start", "security"];
      const ecs = await mixed(read(await instrument(first, shop(SHORT), ...words)), sidecar, agent);
      assert.is(await statusOf(ecs), 125);
      assert.is(ecs.container("app").stdout, "");
      assert.match(ecs.container("app").stderr, /VEDETTE_(AGENT_REFUSED|HOST_\w+)/);
    });

  test("0.1's image in a definition of this version: sidecar and agent say what they do not know, and nothing starts", async () => {
    const ecs = await mixed(read(await instrument(now, shop(SHORT), "--image", OLD)), first, first);
    assert.is(await statusOf(ecs), 2);
    assert.match(ecs.container("app").stderr, /--sys-ptrace/);
    assert.match(ecs.container("vedette").stderr, /--container-secret/);
    assert.not.match(ecs.diary.join("\n"), /RESTARTED/);
  });
} else console.log(`skip: an upgrade of version 0.1 under ECS's rules: ${missing} is missing`);

test.run();
