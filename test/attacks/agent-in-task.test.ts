// SPDX-License-Identifier: Apache-2.0
//
// A workload in a task as Fargate runs it reaches for the agent, which is process 1 of its container, by
// every call that could. Beside it the same program reaches for a child of its own: what it may do there and
// not to the agent was refused for the agent's sake, and each try is told. What the container's seccomp
// profile refuses, it refuses to both, before the agent could see it.
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fieldValue } from "../../host/wire/fields.js";
import { DeafHost } from "../lab/deaf-host.js";
import { missingFor, type Rootfs } from "../lab/rootfs.js";
import { openTask, volume } from "../lab/sidecar.js";
import { missingForTasks, type Task, until, within } from "../lab/task.js";
import { answersOf } from "./attack.js";

const test = suite("the agent in a task");

const missing = missingForTasks() ?? missingFor("debian");
const RUN_MS_MAX = 90_000;
const APP = { name: "app", image: "registry.example/app:1", digest: `sha256:${"0b".repeat(32)}` };
const REFUSED = /^(Operation not permitted|Permission denied)$/;
/** Allowed: what ps and top read of every process, a signal that is passed on, and the program's own end. */
const HARMLESS = new Set(["stat", "status", "cmdline", "a signal that it passes on", "SIGIO", "end"]);
const FILES = /^(mem( |$)|environ$|maps$|auxv$|fdinfo$|root$|cwd$|pagemap$)/;
/** Lists of numbers, which the kernel shows to root; what is in them stays closed. */
const FOLDERS = new Set(["fd", "map_files"]);
const AS_USER = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"];

interface Row {
  readonly name: string;
  readonly agent: number;
  readonly added: readonly string[];
  readonly sysPtrace: "share" | "withhold";
  readonly as?: readonly string[];
  /** Its opens of the agent's files succeed where they are recorded inline, and are told. */
  readonly opens?: boolean;
}
// SYS_PTRACE is withheld where `instrument` has added it. A container that had it before keeps it.
const ROWS: readonly Row[] = [
  { name: "root", agent: 0, added: [], sysPtrace: "share" },
  { name: "root where instrument added SYS_PTRACE", agent: 0, added: ["SYS_PTRACE"], sysPtrace: "withhold" },
  { name: "root that became another user", agent: 0, added: ["SYS_PTRACE"], sysPtrace: "withhold", as: AS_USER },
  { name: "another user", agent: 1000, added: [], sysPtrace: "share" },
  { name: "another user where instrument added SYS_PTRACE", agent: 1000, added: ["SYS_PTRACE"], sysPtrace: "withhold" },
  { name: "root with SYS_PTRACE of its own", agent: 0, added: ["SYS_PTRACE"], sysPtrace: "share", opens: true },
];

const [type, kind, text] = ["evt.type", "evt.arg.kind", "evt.arg.text"].map((name) => fieldValue(name)!);

let task: Task;
let root: Rootfs;

/** What the program said, and the tries that were told. */
async function reach(row: Row, whom: "parent" | "own"): Promise<{ answers: [string, string][]; told: string[] }> {
  const path = join(task.volume, "keep.sock");
  rmSync(path, { force: true });
  const host = new DeafHost(path, { reads: true, acknowledges: true });
  try {
    await until(() => existsSync(path), "the host does not listen");
    chmodSync(path, 0o777);
    const words = [
      "/vedette/vedette-capture",
      "--host",
      "unix:/vedette/keep.sock",
      "--sys-ptrace",
      row.sysPtrace,
      "--",
    ];
    const container = task.start({
      name: APP.name,
      rootfs: root.path,
      mounts: [...root.mounts, volume(task, true)],
      user: row.agent,
      addCapabilities: row.added,
      args: [...words, "sh", "-c", 'cd /srv; exec "$@"', "sh", ...(row.as ?? []), "/srv/reach_agent", whom],
    });
    const run = await within(container.ended, RUN_MS_MAX, "the container did not end");
    const answers = Object.entries(answersOf(run));
    assert.equal([run.status, answers.at(-1)?.[0]], [0, "end"], run.stdout + run.stderr);
    const told = host.batches.flatMap((batch) =>
      [...batch.offsets]
        .filter((at) => type!(batch, at) === "vedette.notice" && kind!(batch, at) === "AGENT_ATTACKED")
        .map((at) => String(text!(batch, at))),
    );
    return { answers, told };
  } finally {
    host.close();
    rmSync(join(root.path, "srv/link"), { force: true });
  }
}

if (missing === null) {
  test.before(async () => {
    ({ task, root } = await openTask(APP, "debian", (folder) => {
      const program = join(folder, "reach_agent");
      execFileSync("gcc", ["-static", "-O1", "-w", "-o", program, "test/attacks/reach_agent.c"], { stdio: "pipe" });
      return { "srv/reach_agent": program };
    }));
  });
  test.after(() => task.close());

  for (const row of ROWS) {
    const what =
      row.opens === true ? "opens the agent's files and reaches nothing else" : "reaches nothing of the agent";
    test(`G1, G2, G3: ${row.name} ${what}, and each try is told`, async () => {
      const own = await reach(row, "own");
      assert.equal(own.told, []);
      const isFree = new Map(own.answers.map(([way, answer]) => [way, answer === "ok"]));
      const { answers, told } = await reach(row, "parent");
      const tries = answers.filter(([way]) => !HARMLESS.has(way));
      const isOpen = (way: string) => FOLDERS.has(way) || (row.opens === true && FILES.test(way));
      const passed = tries.filter(([way, answer]) => !REFUSED.test(answer) && !isOpen(way));
      assert.equal(passed, [], "what reached the agent");
      const guarded = tries.filter(([way]) => isFree.get(way));
      assert.ok(guarded.length > 40, JSON.stringify(own.answers));
      assert.ok(told.length >= guarded.length && told.length <= tries.length, JSON.stringify([guarded, told]));
    });
  }

  test("G1: programs have the capabilities that they had before SYS_PTRACE was added and withheld", async () => {
    const sets = async (words: readonly string[], added: readonly string[]) => {
      const script = "grep ^Cap /proc/self/status";
      const container = task.start({
        name: APP.name,
        rootfs: root.path,
        mounts: [...root.mounts, volume(task, true)],
        addCapabilities: added,
        args: [...words, "sh", "-c", script],
      });
      const run = await within(container.ended, RUN_MS_MAX, "the container did not end");
      assert.is(run.status, 0, run.stderr);
      return run.stdout;
    };
    const agent = ["/vedette/vedette-capture", "--sys-ptrace"];
    assert.is(await sets([...agent, "withhold", "--"], ["SYS_PTRACE"]), await sets([], []));
    assert.is(await sets([...agent, "share", "--"], ["SYS_PTRACE"]), await sets([], ["SYS_PTRACE"]));
  });
} else console.log(`skip: ${missing} is missing`);

test.run();
