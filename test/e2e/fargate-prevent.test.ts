// SPDX-License-Identifier: Apache-2.0
// Runs alone.
//
// Prevention in a task as Fargate runs it: a Debian image as root and as another user, with and without
// SYS_PTRACE, rows of a policy without code at the packaged sidecar, the race harness in short; and who comes
// in from outside (ECS Exec).
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { stringify } from "yaml";
import { missingFor, type Rootfs } from "../lab/rootfs.js";
import { agentWords, alertsOf, isListening, openTask, startSidecar, volume } from "../lab/sidecar.js";
import { type Container, type Ended, isRunning, missingForTasks, type Task, until, within } from "../lab/task.js";
import { buildFixture } from "./fixtures.js";
import { ALLOWED, DENIED, type Row } from "./prevention.js";

const missing = missingForTasks() ?? missingFor("debian");
const RUN_MS_MAX = 90_000;
const APP = { name: "app", image: "registry.example/app:1", digest: `sha256:${"0a".repeat(32)}` };

/** What an agent that may not look at other users' programs can hold too. */
const BY_REGISTER_OR_COPY: Row[] = [
  { name: "connect", deny: "connect", to: [`${DENIED}/32`] },
  { name: "ptrace", deny: "ptrace" },
];
const ALL: Row[] = [...BY_REGISTER_OR_COPY, { name: "exec", deny: "exec" }, { name: "memfd", deny: "memfd-exec" }];

/** Words of prevent_calls, what they print without rows, and the rows that speak of them. */
const CALLS: [words: string, plain: string, ...rows: string[]][] = [
  [`connect ${DENIED}`, "connect ok", "connect"],
  [`connect ::ffff:${DENIED}`, "connect ok", "connect"],
  [`socketcall ${DENIED}`, "socketcall ok", "connect"],
  [`filtered ${DENIED}`, "filtered ok", "connect"],
  [`connect ${ALLOWED}`, "connect ok"],
  ["vm-write", "vm-write ok", "ptrace"],
  ["exec /srv/dropped", "", "exec"],
  ["map /srv/dropped", "map ok", "exec"],
  ["memfd /bin/true", "", "exec", "memfd"],
  ["map /bin/true", "map ok"],
];
const SCRIPT = ["cp /bin/true /srv/dropped", ...CALLS.map(([words]) => `/srv/prevent_calls ${words}`), "exit 4"].join(
  "\n",
);

/** What the script prints when these rows deny. */
const speaking = (rows: Row[], names: string[]) => rows.filter(({ name }) => names.includes(name));
const printed = (rows: Row[]): string =>
  CALLS.map(([words, plain, ...names]) => (speaking(rows, names).length > 0 ? `${words.split(" ")[0]} EPERM` : plain))
    .filter((line) => line !== "")
    .join("\n");
const denials = (rows: Row[]): string[] =>
  CALLS.flatMap(([, , ...names]) => speaking(rows, names).map(({ name }) => name));

let task: Task;
let root: Rootfs;

async function open(): Promise<void> {
  const programs = ["prevent_calls", "prevent_race"].map((name) => [`srv/${name}`, buildFixture(name)]);
  ({ task, root } = await openTask(APP, "debian", () => Object.fromEntries(programs)));
}

async function sidecarWith(rows: Row[]): Promise<Container> {
  const policies = join(task.folder, "policies");
  mkdirSync(join(policies, "rows"), { recursive: true });
  writeFileSync(join(policies, "rows/policy.yaml"), stringify({ name: "rows", prevent: rows }));
  const mounts = [volume(task, false), { source: policies, destination: "/mnt", readOnly: true }];
  const sidecar = startSidecar(task, { mounts, words: ["--policy", "/mnt"] });
  await isListening(sidecar);
  return sidecar;
}

interface Who {
  readonly user: number;
  readonly capabilities: readonly string[];
}

function app({ user, capabilities }: Who, words: readonly string[], script: string): Container {
  return task.start({
    name: "app",
    rootfs: root.path,
    mounts: [...root.mounts, volume(task, true)],
    environment: { VEDETTE_CONTAINER: "app" },
    user,
    addCapabilities: capabilities,
    args: [...words, "/bin/sh", "-c", script],
  });
}

const ended = (container: Container): Promise<Ended> => within(container.ended, RUN_MS_MAX, "it did not end");
const GUARDED = agentWords("--start", "security");

const told = async (sidecar: Container): Promise<string[]> => {
  await until(
    () => /app has left/.test(sidecar.stderr),
    "the end did not come",
    () => sidecar.stderr,
  );
  const alerts = alertsOf(sidecar).filter(({ output_fields: fields }) => "evt.arg.subject" in fields);
  assert.ok(
    alerts.every(
      ({ output_fields: fields }) => fields["container.name"] === "app" && fields["ecs.task.arn"] === task.arn,
    ),
  );
  return alerts.map(({ rule }) => rule);
};

if (missing === null) {
  test.before.each(open);
  test.after.each(() => task.close());

  const COMBINATIONS: [who: Who, rows: Row[]][] = [
    [{ user: 0, capabilities: ["SYS_PTRACE"] }, ALL],
    [{ user: 0, capabilities: [] }, BY_REGISTER_OR_COPY],
    [{ user: 1000, capabilities: ["SYS_PTRACE"] }, ALL],
    [{ user: 1000, capabilities: [] }, ALL],
  ];
  for (const [who, rows] of COMBINATIONS) {
    const title = `uid ${who.user} ${who.capabilities.length > 0 ? "with" : "without"} SYS_PTRACE`;
    test(`${title}: what a row speaks of is denied and told of, the rest goes as without Vedette`, async () => {
      const plain = await ended(app(who, [], SCRIPT));
      assert.equal([plain.stdout.trim(), plain.status], [printed([]), 4], plain.stderr);
      const sidecar = await sidecarWith(rows);
      const watched = await ended(app(who, GUARDED, SCRIPT));
      assert.equal([watched.stdout.trim(), watched.status], [printed(rows), 4], watched.stderr + sidecar.stderr);
      assert.equal(await told(sidecar), denials(rows));
    });

    test(`${title}: no race gets through`, async () => {
      const races = [`connect 1000 ${ALLOWED} ${DENIED}`, `socketcall 1000 ${ALLOWED} ${DENIED}`];
      if (rows === ALL) races.push("exec 60 /bin/true /srv/dropped", "link 60 /bin/true /srv/dropped");
      const script = ["cd /tmp; cp /bin/false /srv/dropped", ...races.map((race) => `/srv/prevent_race ${race}`)];
      await sidecarWith(rows);
      const { stdout, stderr } = await ended(app(who, GUARDED, script.join("\n")));
      const lines = stdout.trim().split("\n");
      assert.is(lines.length, races.length, stdout + stderr);
      for (const line of lines) {
        assert.match(line, / through=0$/, stdout);
        assert.match(line, / allowed=[1-9]/, stdout);
        assert.match(line, / (refused|killed)=[1-9]/, stdout);
      }
    });
  }

  test("an agent of root that may not look at other users' programs takes no row about programs, and does not begin", async () => {
    const sidecar = await sidecarWith(ALL);
    const words = agentWords("--start", "security", "--start-timeout", "5");
    const { stdout, status } = await ended(app({ user: 0, capabilities: [] }, words, "echo began"));
    assert.is(stdout, "");
    assert.ok(status !== 0);
    await until(
      () => /VEDETTE_PREVENT_TABLE/.test(sidecar.stderr),
      "it was not said why",
      () => sidecar.stderr,
    );
  });

  // ECS Exec: who is attached is held to the rows as the workload is; who is not, is not, and that is said.
  const WAIT = "echo up; while [ ! -e /srv/over ]; do sleep 0.05; done";
  const SESSIONS: [who: Who, rows: Row[], session: number, isDenied: boolean][] = [
    [{ user: 0, capabilities: ["SYS_PTRACE"] }, ALL, 0, true],
    [{ user: 0, capabilities: ["SYS_PTRACE"] }, ALL, 1000, true],
    [{ user: 0, capabilities: [] }, BY_REGISTER_OR_COPY, 0, true],
    [{ user: 0, capabilities: [] }, BY_REGISTER_OR_COPY, 1000, false],
    [{ user: 1000, capabilities: [] }, ALL, 1000, true],
    [{ user: 1000, capabilities: [] }, ALL, 0, false],
  ];
  for (const [who, rows, session, isDenied] of SESSIONS) {
    const whose = `an agent of uid ${who.user} ${who.capabilities.length > 0 ? "with" : "without"} SYS_PTRACE`;
    test(`${whose}: a session of uid ${session} is ${isDenied ? "" : "not "}held to the rows`, async () => {
      const sidecar = await sidecarWith(rows);
      const workload = app(who, GUARDED, WAIT);
      await until(
        () => workload.stdout === "up\n",
        "the workload did not start",
        () => workload.stderr,
      );
      const calls = [`filtered ${DENIED}`, `connect ${DENIED}`, `connect ${ALLOWED}`, "vm-write"];
      const script = ["sleep 0.2", ...calls.map((words) => `/srv/prevent_calls ${words}`)].join("\n");
      const { stdout, stderr } = await workload.exec(["/bin/sh", "-c", script], session);
      const says = isDenied
        ? ["filtered EPERM", "connect EPERM", "connect ok", "vm-write EPERM"]
        : ["filtered ok", "connect ok", "connect ok", "vm-write ok"];
      assert.equal(stdout.trim().split("\n"), says, stderr);
      writeFileSync(join(root.path, "srv/over"), "");
      await ended(workload);
      assert.equal(await told(sidecar), isDenied ? ["connect", "connect", "ptrace"] : []);
      if (!isDenied) assert.match(sidecar.stderr, /VEDETTE_STRANGER_REFUSED/);
    });
  }

  test("a program put into the image's file system from outside does not run in a session either", async () => {
    const sidecar = await sidecarWith(ALL);
    const workload = app({ user: 0, capabilities: ["SYS_PTRACE"] }, GUARDED, WAIT);
    await until(() => workload.stdout === "up\n", "the workload did not start");
    const { stdout } = await workload.exec(["/bin/sh", "-c", "cp /bin/true /srv/dropped; /srv/dropped; echo $?"], 0);
    assert.is(stdout, "126\n");
    writeFileSync(join(root.path, "srv/over"), "");
    await ended(workload);
    assert.equal(await told(sidecar), ["exec"]);
  });

  test("who was there before and is stopped call by call is held to the rows too; what cannot be judged is denied", async () => {
    const sidecar = await sidecarWith(ALL);
    const later = (address: string) => `/srv/prevent_calls later /srv/go ${address} >> /srv/said &`;
    const script = `${later(DENIED)} ${later(ALLOWED)} sleep 0.3; exec ${GUARDED.join(" ")} /bin/sh -c '${WAIT}'`;
    const workload = app({ user: 0, capabilities: ["SYS_PTRACE"] }, [], script);
    await until(() => workload.stdout === "up\n", "the workload did not start");
    await sleep(300);
    writeFileSync(join(root.path, "srv/go"), "");
    const said = await until(
      async () => {
        const { stdout } = await workload.exec(["/bin/cat", "/srv/said"]);
        return stdout.trim().split("\n").length === 2 && stdout;
      },
      "they did not connect",
      () => sidecar.stderr,
    );
    // They have filters of their own, which would judge our call that attaches the sealed memory.
    assert.is(said, "later EPERM\nlater EPERM\n");
    writeFileSync(join(root.path, "srv/over"), "");
    await ended(workload);
    assert.equal(await told(sidecar), ["connect", "connect"]);
    assert.match(sidecar.stdout, /other threads cannot be kept from its address here/);
  });

  test("a neighbour's processes are held to no rows, though the agent watches them", async () => {
    const rows = speaking(ALL, ["ptrace", "exec"]);
    const sidecar = await sidecarWith(rows);
    const pause = task.start({ name: "pause", rootfs: root.path, mounts: root.mounts, args: ["/bin/sleep", "60"] });
    await until(() => isRunning(pause), "the pause container did not start");
    const pidNamespace = `/proc/${pause.pid()}/ns/pid`;
    const words = agentWords("--start", "security", "--strangers", "task");
    const workload = task.start({
      name: "app",
      rootfs: root.path,
      mounts: [...root.mounts, volume(task, true)],
      environment: { VEDETTE_CONTAINER: "app" },
      pidNamespace,
      addCapabilities: ["SYS_PTRACE"],
      args: [...words, "/bin/sh", "-c", WAIT],
    });
    await until(() => workload.stdout === "up\n", "the workload did not start");
    const isWatched = "while grep -q 'TracerPid:.0$' /proc/$$/status; do sleep 0.02; done";
    const calls = `${isWatched}; cp /bin/true /srv/$0; /srv/prevent_calls vm-write; /srv/$0; echo $?`;
    const denied = await workload.exec(["/bin/sh", "-c", calls, "own"], 0);
    assert.is(denied.stdout, "vm-write EPERM\n126\n", "control: a session of its own container");
    const { stdout } = await pause.exec(["/bin/sh", "-c", calls, "neighbours"], 0);
    assert.is(stdout, "vm-write ok\n0\n");
    writeFileSync(join(root.path, "srv/over"), "");
    await ended(workload);
    assert.equal((await told(sidecar)).sort(), ["exec", "ptrace"]);
  });

  test("a session can install filters, but no listener that would hide calls", async () => {
    await sidecarWith(BY_REGISTER_OR_COPY);
    const workload = app({ user: 0, capabilities: ["SYS_PTRACE"] }, GUARDED, WAIT);
    await until(() => workload.stdout === "up\n", "the workload did not start");
    const { stdout } = await workload.exec(["/bin/sh", "-c", "sleep 0.2; /srv/prevent_calls listener"], 0);
    assert.is(stdout, "listener EBUSY\n");
    writeFileSync(join(root.path, "srv/over"), "");
    await ended(workload);
  });
} else console.log(`skip: prevention in a task: ${missing} is missing`);

test.run();
