// SPDX-License-Identifier: Apache-2.0
// Runs alone.
//
// An instrumented task under ECS's own rules (test/lab/ecs.ts): a sidecar that is killed, by somebody or for
// want of memory, or hangs. The workload goes on, ECS starts the sidecar again as its restartPolicy says,
// what was missed is counted and told, and a stop takes both in the right order. A sidecar that has ECS stop
// the task ends with it.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { stringify } from "yaml";
import { readImageConfigs } from "../../host/ecs/image-config.js";
import { instrument } from "../../host/ecs/instrument.js";
import { HOST_COMMAND } from "../../host/ecs/layout.js";
import type { RunOptions } from "../../host/ecs/options.js";
import { parseDocument } from "../../host/ecs/read.js";
import { EcsTask, type TaskDefinition } from "../lab/ecs.js";
import { ADDRESS } from "../lab/metadata.js";
import { makeRootfs, missingFor } from "../lab/rootfs.js";
import { alertsOf, fillVolume, isListening, metric, packaged } from "../lab/sidecar.js";
import { type Container, missingForTasks, until, within } from "../lab/task.js";

const missing = missingForTasks() ?? missingFor("musl");
const END_MS_MAX = 90_000;
/** Of ECS: its 60 s are 1.2 here, unless a test would be quicker than they. */
const SECOND_MS = 20;
const SLOW_SECOND_MS = 10_000;
/** Of memory: for a small program of Node's, and less than what /dev/shm takes beside it. */
const ROOM_BYTES = 64 << 20;
const PERIOD_MS = 60 * SECOND_MS;
/** Calls of a workload that is busy: more than the agent keeps. */
const COUNT = 40_000;

let ecs: EcsTask;

/** One application beside the sidecar, instrumented with these options; it runs `script`. */
async function open(script: string, options: Omit<RunOptions, "image"> = {}, secondMs = SECOND_MS): Promise<void> {
  const definition = {
    family: "shop",
    cpu: "256",
    memory: "1024",
    containerDefinitions: [
      { name: "app", image: "registry.example/app:1", entryPoint: ["/bin/sh", "-c"], command: [script] },
    ],
  };
  const given = parseDocument("shop.json", JSON.stringify(definition));
  const { text } = instrument(given, { image: "registry.example/vedette:1", ...options }, readImageConfigs([]));
  const made = JSON.parse(text) as TaskDefinition;
  // A check of a sidecar that hangs takes 4 s: one is enough here.
  for (const { healthCheck } of made.containerDefinitions) if (healthCheck) Object.assign(healthCheck, { retries: 1 });
  const images = {
    app: { path: "", mounts: [] as { source: string; destination: string }[] },
    vedette: { path: packaged(), mounts: [], entryPoint: [HOST_COMMAND] },
  };
  ecs = new EcsTask(made, images, secondMs);
  await ecs.task.open();
  fillVolume(ecs.task);
  const folder = join(ecs.task.folder, "app");
  mkdirSync(folder);
  Object.assign(images.app, makeRootfs("musl", folder));
  ecs.start();
}

/** Alerts over all runs of the sidecar, by the mark in the program's arguments. */
function marks(): string[] {
  const all = ecs.runs("vedette").flatMap(alertsOf);
  return all.flatMap(
    ({ output_fields: fields }) => /mark-([\w-]+)/.exec(String(fields["proc.cmdline"]))?.[1] ?? ([] as string[]),
  );
}

const sidecarRuns = () => ecs.runs("vedette").length;
const mark = (name: string) => `cat /etc/shadow mark-${name} >/dev/null 2>&1`;
/** Until the test says so, by a file in the container. */
const waits = (file: string) => `while [ ! -e /srv/${file} ]; do sleep 0.05; done`;
const letGo = (file: string) => writeFileSync(join(ecs.task.folder, "app/srv", file), "");
const eventually = (what: () => boolean, message: string) => until(what, message, () => ecs.told(), END_MS_MAX);

async function begun(): Promise<Container> {
  await ecs.sees("app STARTED");
  return ecs.container("vedette");
}

async function ends(): Promise<number | null> {
  const { status } = await within(ecs.container("app").ended, END_MS_MAX, `the workload does not end\n${ecs.told()}`);
  await within(ecs.stopped, END_MS_MAX, `the task does not stop\n${ecs.told()}`);
  return status;
}

/** It has run so long that ECS starts it again. */
async function isOldEnough(): Promise<void> {
  const begun = performance.now();
  await eventually(() => performance.now() - begun > PERIOD_MS, "time stands still");
}

/**
 * Leaves a container's memory little room, and has a small program in it take that for files: the kernel
 * ends the largest process then.
 */
async function takeMemory(name: string): Promise<void> {
  const group = ecs.memoryGroup(name);
  const used = Number(/^total_rss (\d+)$/m.exec(readFileSync(join(group, "memory.stat"), "utf8"))![1]);
  writeFileSync(join(group, "memory.limit_in_bytes"), String(used + ROOM_BYTES));
  const script = `for (let at = 0; ; at++) fs.writeFileSync("/dev/shm/" + at, Buffer.alloc(${1 << 20}))`;
  await ecs.container(name).exec(["/bin/node", "-e", script]);
}

if (missing === null) {
  test.after.each(() => ecs.close());

  test("killed, also for want of memory: ECS starts it again, nothing is missed, and the task stops as if nothing had been", async () => {
    await open(
      [
        mark("before"),
        waits("killed"),
        mark("after-kill"),
        waits("full"),
        mark("after-memory"),
        waits("again"),
        "exit 7",
      ].join("; "),
    );
    await ecs.sees("app STARTED");
    const isJudging = async (name: string) => {
      await isListening(ecs.container("vedette"), END_MS_MAX);
      await eventually(() => marks().includes(name), `mark-${name} raised no alert`);
    };
    await isJudging("before");
    await isOldEnough();
    ecs.container("vedette").kill("KILL");
    letGo("killed");
    await ecs.sees("vedette STOPPED 137");
    await eventually(() => sidecarRuns() === 2, "ECS does not start it again");
    await isJudging("after-kill");
    await isOldEnough();
    await takeMemory("vedette");
    letGo("full");
    await ecs.sees("vedette STOPPED 137 OutOfMemoryError");
    await eventually(() => sidecarRuns() === 3, "ECS does not start it again");
    await isJudging("after-memory");
    letGo("again");
    assert.is(await ends(), 7);
    assert.equal([...new Set(marks())], ["before", "after-kill", "after-memory"]);
    assert.match(ecs.container("vedette").stderr, /app has left: \d+ events, 0 lost/);
    assert.equal(
      ecs.diary.filter((line) => !/HEALTHY/.test(line)),
      [
        "vedette STARTED",
        "app STARTED",
        "vedette STOPPED 137",
        "vedette RESTARTED",
        "vedette STOPPED 137 OutOfMemoryError",
        "vedette RESTARTED",
        "app STOPPED 7",
        "task STOPPING: essential container app exited",
        "vedette STOPPED 0",
      ],
    );
  });

  test("hangs: the workload goes on, ECS finds it unhealthy, what found no room is counted, and told", async () => {
    const busy = `dd if=/dev/zero of=/dev/null bs=1 count=${COUNT} 2>/dev/null; touch /srv/done`;
    // Where the agent has no room yet, it drops opens too.
    const after = `while [ ! -e /srv/over ]; do ${mark("after")}; sleep 0.2; done`;
    await open(`${mark("before")}; ${waits("hung")}; ${busy}; ${waits("woken")}; ${after}; exit 3`, {
      set: ["agent.spool=2097152"],
    });
    const isHealth = (health: string) =>
      eventually(() => ecs.health("vedette") === health, `the sidecar is not ${health}`);
    await isListening(await begun(), END_MS_MAX);
    await isHealth("HEALTHY");
    await eventually(() => marks().includes("before"), "no alert came");
    const pid = ecs.container("vedette").pid();
    process.kill(pid, "SIGSTOP");
    letGo("hung");
    try {
      const done = join(ecs.task.folder, "app/srv/done");
      await eventually(() => existsSync(done), "the workload waits for a sidecar that hangs");
      await isHealth("UNHEALTHY");
      assert.throws(() => metric(ecs.task, "vedette_judging"));
      assert.not.ok(
        ecs.diary.some((line) => /STOPPING/.test(line)),
        "an unhealthy sidecar is nobody's end",
      );
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await isHealth("HEALTHY");
    letGo("woken");
    await eventually(() => marks().includes("after"), "it judges no more");
    const lost = metric(ecs.task, "vedette_lost_events_total", 'reason="spool"');
    assert.ok(lost > 0 && lost < 3 * COUNT, `${lost} lost`);
    letGo("over");
    assert.is(await ends(), 3);
    const told = Number(/app has left: \d+ events, (\d+) lost/.exec(ecs.container("vedette").stderr)?.[1]);
    assert.ok(told >= lost, `${told} told, ${lost} lost`);
    assert.is(sidecarRuns(), 1, "ECS starts nobody again who has not ended");
  });

  test("hangs and is killed: ECS starts it again, and the next one counts and tells what found no room", async () => {
    const busy = `dd if=/dev/zero of=/dev/null bs=1 count=${COUNT} 2>/dev/null; touch /srv/done`;
    const after = `while [ ! -e /srv/over ]; do ${mark("after")}; sleep 0.2; done`;
    await open(`${mark("before")}; ${waits("hung")}; ${busy}; ${after}; exit 6`, { set: ["agent.spool=2097152"] });
    await isListening(await begun(), END_MS_MAX);
    await eventually(() => marks().includes("before"), "no alert came");
    await isOldEnough();
    process.kill(ecs.container("vedette").pid(), "SIGSTOP");
    letGo("hung");
    const done = join(ecs.task.folder, "app/srv/done");
    await eventually(() => existsSync(done), "the workload waits for a sidecar that hangs");
    ecs.container("vedette").kill("KILL");
    await ecs.sees("vedette STOPPED 137");
    await eventually(() => sidecarRuns() === 2, "ECS does not start it again");
    await isListening(ecs.container("vedette"), END_MS_MAX);
    await eventually(() => marks().includes("after"), "the next one judges nothing");
    const lost = metric(ecs.task, "vedette_lost_events_total", 'reason="spool"');
    assert.ok(lost > 0 && lost < 3 * COUNT, `${lost} lost`);
    letGo("over");
    assert.is(await ends(), 6);
    const told = Number(/app has left: \d+ events, (\d+) lost/.exec(ecs.container("vedette").stderr)?.[1]);
    assert.ok(told >= lost, `${told} told, ${lost} lost`);
  });

  test("killed before ECS would start it again: it stays away, the workload goes on, and the agent tells what was missed", async () => {
    await open(`${waits("killed")}; ${mark("alone")}; exit 5`, {}, SLOW_SECOND_MS);
    await ecs.sees("app STARTED");
    await isListening(ecs.container("vedette"), END_MS_MAX);
    ecs.container("vedette").kill("KILL");
    await ecs.sees("vedette STOPPED 137");
    letGo("killed");
    assert.is(await ends(), 5);
    assert.is(sidecarRuns(), 1);
    assert.match(ecs.container("app").stderr, /\d+ events could not be delivered: the host was gone/);
  });

  test("security: the sidecar is essential, and its end before ECS would start it again is the task's", async () => {
    await open("trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done", { start: "security" }, SLOW_SECOND_MS);
    await ecs.sees("app STARTED");
    await eventually(() => ecs.container("app").stdout === "up\n", "the workload does not start");
    ecs.container("vedette").kill("KILL");
    await ecs.sees("task STOPPING: essential container vedette exited");
    assert.is(await ends(), 9);
  });

  test("security: a sidecar that is stopped makes the task unhealthy, a service stops it, and the agent tells what was missed", async () => {
    // ECS's own seconds: a sidecar that begins is not yet unhealthy.
    const options = { start: "security", set: ["container.stopTimeout=2"] } as const;
    await open("trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done", options, 1000);
    ecs.isOfService = true;
    await ecs.sees("app STARTED");
    await eventually(() => ecs.container("app").stdout === "up\n", "the workload does not start");
    process.kill(ecs.container("vedette").pid(), "SIGSTOP");
    await ecs.sees("task STOPPING: Task failed container health checks");
    assert.is(await ends(), 9);
    assert.match(ecs.container("app").stderr, /[1-9]\d* events could not be delivered: the host was gone/);
    assert.equal(ecs.diary.slice(-2), ["vedette KILLED: it outlived its stopTimeout", "vedette STOPPED 137"]);
  });

  test("an alert has the sidecar ask ECS to stop the task, and ECS stops it", async () => {
    const config = join(mkdtempSync(join(tmpdir(), "vedette-stop-")), "settings.yaml");
    const variables = { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/v2/credentials/role" };
    const rows = [{ rules: ["Sensitive file read"], action: "stop-task", mode: "enforce" }];
    const environment = { ...variables, AWS_ENDPOINT_URL_ECS: `http://${ADDRESS}/` };
    writeFileSync(config, stringify({ container: { environment }, respond: rows }));
    await open(`trap 'exit 6' TERM; ${waits("begun")}; ${mark("stop")}; while :; do sleep 0.05; done`, { config });
    await isListening(await begun(), END_MS_MAX);
    letGo("begun");
    await ecs.sees(/^task STOPPING: StopTask: Vedette: Sensitive file read \([0-9a-f-]{36}\)$/);
    assert.is(await ends(), 6);
    const steps = ecs
      .runs("vedette")
      .flatMap(alertsOf)
      .filter(({ rule }) => rule === "Response");
    assert.equal(
      steps.map(({ output_fields: fields }) => fields["response.status"]),
      ["requested", "done"],
      ecs.told(),
    );
    assert.is(ecs.diary.at(-1), "vedette STOPPED 0");
  });
} else console.log(`skip: tasks under ECS's rules: ${missing} is missing`);

test.run();
