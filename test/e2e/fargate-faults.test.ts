// SPDX-License-Identifier: Apache-2.0
// Runs alone.
//
// A task in which things go wrong: the sidecar is killed and comes back, cannot write, never comes; a
// workload crashes again and again, is stopped, loses its agent; a stranger poses as an agent, a shell comes
// in by ECS Exec.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { missingFor, type Rootfs } from "../lab/rootfs.js";
import { agentWords, alertsOf, isListening, metric, openTask, startSidecar, volume } from "../lab/sidecar.js";
import { type Container, execIn, missingForTasks, type Task, until, within } from "../lab/task.js";

const missing = missingForTasks() ?? missingFor("musl");
const RUN_MS_MAX = 90_000;
const APP = { name: "app", image: "registry.example/app:1", digest: `sha256:${"0a".repeat(32)}` };

let task: Task;
let root: Rootfs;

async function open(): Promise<void> {
  ({ task, root } = await openTask(APP, "musl"));
}

function app(words: readonly string[], script: string, more: object = {}): Container {
  return task.start({
    name: "app",
    rootfs: root.path,
    mounts: [...root.mounts, volume(task, true)],
    readOnlyRoot: true,
    environment: { VEDETTE_CONTAINER: "app" },
    ...more,
    args: [...words, "/bin/sh", "-c", script],
  });
}

const ended = (container: Container) => within(container.ended, RUN_MS_MAX, "the container did not end");

if (missing === null) {
  test.before.each(open);
  test.after.each(() => task.close());

  test("a sidecar that is killed and started again misses no alert", async () => {
    const COUNT = 120;
    const first = startSidecar(task);
    await isListening(first);
    const script = `i=0; while [ $i -lt ${COUNT} ]; do cat /etc/shadow mark-$i 2>/dev/null >/dev/null; i=$((i+1)); sleep 0.02; done; echo over`;
    const workload = app(agentWords("--start", "security"), script);
    await until(
      () => alertsOf(first).length >= 15,
      "no alerts came",
      () => first.stderr,
    );
    first.kill("KILL");
    await ended(first);
    await sleep(500);
    const second = startSidecar(task);
    const { stdout, status } = await ended(workload);
    assert.equal([stdout, status], ["over\n", 0]);
    await until(
      () => /app has left/.test(second.stderr),
      "the end did not come",
      () => second.stderr,
    );
    const marks = (container: Container) =>
      alertsOf(container).flatMap(({ output_fields: fields }) => /mark-(\d+)/.exec(fields["proc.cmdline"])?.[1] ?? []);
    const seen = new Set([...marks(first), ...marks(second)]);
    assert.is(seen.size, COUNT);
    assert.ok(marks(first).length > 0 && marks(second).length > 0);
    const twice = marks(first).length + marks(second).length - COUNT;
    assert.ok(twice < 30, `${twice} alerts came twice`);
    assert.match(second.stderr, /app has left: \d+ events, 0 lost/);
  });

  test("a sidecar that never comes does not keep the workload", async () => {
    const { stdout, status } = await ended(app(agentWords("--start", "availability"), "echo done; exit 5"));
    assert.equal([stdout, status], ["done\n", 5]);
  });

  test("a volume that cannot be written is said in one sentence", async () => {
    const sidecar = startSidecar(task, { mounts: [volume(task, true)] });
    const { status, stderr } = await ended(sidecar);
    assert.is(status, 125);
    assert.match(
      stderr,
      /secret cannot be kept at \/vedette\/secret: read-only file system\. \[VEDETTE_SECRET_UNUSABLE\]/,
    );
    assert.not.match(stderr, /\n\s+at /);
  });

  test("a socket whose folder cannot be written is said in one sentence", async () => {
    const { status, stderr } = await ended(startSidecar(task, { words: ["--listen", "unix:/app/host.sock"] }));
    assert.is(status, 125);
    assert.match(stderr, /cannot be accepted at \/app\/host\.sock: .*\. \[VEDETTE_LISTEN_REFUSED\]/);
    assert.not.match(stderr, /\n\s+at /);
  });

  test("a workload that crashes again and again is seen each time", async () => {
    const sidecar = startSidecar(task);
    await isListening(sidecar);
    for (let run = 1; run <= 5; run++) {
      const { status, stderr } = await ended(
        app(agentWords("--start", "availability"), "cat /etc/shadow >/dev/null; kill -SEGV $$"),
      );
      assert.is(status, 139, stderr);
      await until(
        () => alertsOf(sidecar).length === run,
        `run ${run} raised no alert`,
        () => sidecar.stderr,
      );
    }
    assert.is(metric(task, "vedette_lost_events_total"), 0);
  });

  test("a task that is stopped delivers everything before the sidecar ends", async () => {
    const sidecar = startSidecar(task);
    await isListening(sidecar);
    const script = "trap 'cat /etc/shadow >/dev/null; echo stopped; exit 0' TERM; echo up; while :; do sleep 0.1; done";
    const workload = app(agentWords("--start", "security"), script);
    await until(
      () => workload.stdout === "up\n",
      "the workload did not start",
      () => workload.stderr,
    );
    sidecar.kill("TERM");
    workload.kill("TERM");
    const [of, sidecars] = [await ended(workload), await ended(sidecar)];
    assert.equal([of.stdout, of.status], ["up\nstopped\n", 0]);
    assert.is(sidecars.status, 0, sidecars.stderr);
    assert.match(sidecars.stderr, /app has left: \d+ events, 0 lost/);
    assert.is(alertsOf(sidecar).length, 1);
  });

  test("an agent that is killed takes the workload with it, and the sidecar says so", async () => {
    const sidecar = startSidecar(task);
    await isListening(sidecar);
    const workload = app(agentWords("--start", "security"), "echo up; sleep 30");
    await until(
      () => workload.stdout === "up\n",
      "the workload did not start",
      () => workload.stderr,
    );
    process.kill(workload.pid(), "SIGKILL");
    assert.is((await ended(workload)).status, 137);
    await until(
      () => /app is gone without a word/.test(sidecar.stderr),
      "nothing was said",
      () => sidecar.stderr,
    );
  });

  test("an agent that the kernel kills for want of memory takes the workload with it, and the sidecar says so", async () => {
    const MEMORY = 48 << 20;
    const sidecar = startSidecar(task);
    await isListening(sidecar);
    const host = sidecar.pid();
    // More may wait for a slow host than the container has memory, and the host stands still.
    const words = agentWords(
      "--start",
      "security",
      "--spool",
      String(512 << 20),
      "--on-overload",
      "block",
      "--snaplen",
      "4096",
    );
    const script =
      "echo up; while [ ! -e /srv/go ]; do sleep 0.05; done; dd if=/dev/zero of=/dev/null bs=4096 count=1000000";
    const workload = app(words, script, { memoryBytes: MEMORY, readOnlyRoot: false });
    await until(
      () => workload.stdout === "up\n",
      "the workload did not start",
      () => workload.stderr,
    );
    const group = /:memory:(\S+)/.exec(readFileSync(`/proc/${workload.pid()}/cgroup`, "utf8"))![1]!;
    process.kill(host, "SIGSTOP");
    writeFileSync(join(root.path, "srv/go"), "");
    let kills = 0;
    const watch = setInterval(() => {
      try {
        const text = readFileSync(join("/sys/fs/cgroup/memory", group, "memory.oom_control"), "utf8");
        kills = Math.max(kills, Number(/oom_kill (\d+)/.exec(text)?.[1]));
      } catch {} // the group is gone with its container
    }, 5);
    const { status } = await ended(workload).finally(() => {
      clearInterval(watch);
      process.kill(host, "SIGCONT");
    });
    assert.is(status, 137);
    assert.ok(kills >= 1, "it was not for want of memory");
    await until(
      () => /app is gone without a word/.test(sidecar.stderr),
      "nothing was said",
      () => sidecar.stderr,
    );
  });

  test("who poses as a container's agent must know the secret, and is told of even then", async () => {
    const sidecar = startSidecar(task);
    await isListening(sidecar);
    const workload = app(agentWords("--start", "security"), "echo up; read word");
    await until(
      () => workload.stdout === "up\n",
      "the workload did not start",
      () => workload.stderr,
    );
    // A session that is over before the agent of the container has seen it is nobody's.
    const traced =
      'traced() { while read -r key pid; do if [ "$key" = TracerPid: ]; then [ "$pid" != 0 ]; return; fi; done </proc/$$/status; }';
    const onceTraced = `${traced}; until traced; do sleep 0.1; done; exec "$@"`;
    const ask = (...options: string[]) =>
      workload.exec([
        ...["sh", "-c", onceTraced, "sh"],
        "env",
        "VEDETTE_CONTAINER=app",
        "/vedette/vedette-capture",
        "--host",
        "unix:/vedette/host.sock",
        "--start",
        "security",
        "--start-timeout",
        "1",
        ...options,
        "--",
        "/bin/true",
      ]);
    assert.is((await ask()).status, 125);
    // It comes in, and cannot watch what is watched already.
    assert.is((await ask("--secret-file", "/vedette/secret")).status, 125);
    await until(
      () => /VEDETTE_SECRET_WRONG/.test(sidecar.stderr) && /Two agents for one container/.test(sidecar.stdout),
      "nothing was said",
      () => sidecar.stderr + sidecar.stdout,
    );
    workload.say("over\n");
    await ended(workload);
    await until(
      () => /app has left: \d+ events, 0 lost/.test(sidecar.stderr),
      "it did not leave",
      () => sidecar.stderr,
    );
  });

  test("it fits a quarter of a CPU and half a gibibyte", async () => {
    const sidecar = startSidecar(task, { cpu: 0.25, memoryBytes: 512 << 20 });
    await isListening(sidecar);
    assert.equal(await execIn(sidecar.id, "/bin/vedette", "serve", "--check"), { status: 0, stdout: "", stderr: "" });
    const workload = app(
      agentWords("--start", "security"),
      "i=0; while [ $i -lt 50 ]; do /bin/true; i=$((i+1)); done",
      { cpu: 0.25 },
    );
    assert.is((await ended(workload)).status, 0);
    await until(
      () => /app has left: \d+ events, 0 lost/.test(sidecar.stderr),
      "it did not leave",
      () => sidecar.stderr,
    );
  });
} else console.log(`skip: a task's faults: ${missing} is missing`);

test.run();
