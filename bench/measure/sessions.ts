// SPDX-License-Identifier: Apache-2.0
//
// What it takes to see who comes into a container from outside (capture/outsiders/lookout.h): the agent's
// processor time while nobody does, how many of those who are over at once are found, and what a call costs
// one whose calls stop one by one.
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fieldValue } from "../../host/wire/fields.js";
import { DeafHost } from "../../test/lab/deaf-host.js";
import { makeRootfs, type Rootfs } from "../../test/lab/rootfs.js";
import { fillVolume, SIDECAR, volume } from "../../test/lab/sidecar.js";
import { type Container, Task, until, within } from "../../test/lab/task.js";
import { median } from "./median.js";

const APP = { name: "app", image: "registry.example/app:1", digest: "sha256:0a" };
const RUN_MS_MAX = 60_000;
const READS = 20_000;
const LOOK_MS = 2;

export interface SessionCost {
  /** Of a CPU, medians: the whole agent of an idle container that looks for nobody, and of one that looks. */
  readonly idleWithout: number;
  readonly idle: number;
  /** Of so many programs that end at once, each way: found by a session.start, or only counted. */
  readonly entered: number;
  readonly runtime: Found;
  readonly namespaces: Found;
  /** ns a read of one byte: without an agent, and of a session that can be given no filter. */
  readonly nativeRead: number;
  readonly stoppedRead: number;
}

export interface Found {
  readonly found: number;
  readonly unseen: number;
}

export async function measureSessions(seconds: number, entered: number, rounds: number): Promise<SessionCost> {
  const task = new Task([SIDECAR, APP], "sessions");
  await task.open();
  try {
    fillVolume(task);
    const waits = join(task.folder, "waits");
    execFileSync("gcc", ["-static", "-O2", "-o", waits, "test/lab/waits.c"], { stdio: "pipe" });
    const lab = new Lab(task, makeRootfs("musl", join(task.folder, "root"), { "usr/waits": waits }));
    const idle: Record<"off" | "container", number[]> = { off: [], container: [] };
    for (let round = 0; round < rounds; round++)
      for (const scope of ["off", "container"] as const) idle[scope].push(await lab.idle(scope, seconds));
    return {
      idleWithout: median(idle.off),
      idle: median(idle.container),
      entered,
      runtime: await lab.entered(entered, (container) => void container.exec(["/bin/true"])),
      namespaces: await lab.entered(entered, (container) =>
        execFileSync("nsenter", ["-t", String(container.pid()), "-m", "-p", "-u", "-i", "-n", "/bin/true"]),
      ),
      nativeRead: await lab.reads([]),
      stoppedRead: await lab.reads(lab.agent("container")),
    };
  } finally {
    await task.close();
  }
}

class Lab {
  #runs = 0;
  #host: DeafHost | null = null;
  readonly #task: Task;
  readonly #root: Rootfs;

  constructor(task: Task, root: Rootfs) {
    this.#task = task;
    this.#root = root;
  }

  agent(scope: string): string[] {
    return ["/vedette/vedette-capture", "--host", "unix:/vedette/keep.sock", "--strangers", scope, "--"];
  }

  /** Share of a CPU that the agent takes while its workload sleeps. */
  async idle(scope: string, seconds: number): Promise<number> {
    return this.#within(async () => {
      const container = this.#start([...this.agent(scope), "/bin/sh", "-c", "echo up; exec sleep 60"]);
      await until(() => container.stdout === "up\n", "it did not start");
      const agent = container.pid();
      await sleep(500);
      const [before, from] = [cpuNs(agent), performance.now()];
      await sleep(seconds * 1000);
      const share = (cpuNs(agent) - before) / 1e6 / (performance.now() - from);
      container.kill("KILL");
      await within(container.ended, RUN_MS_MAX, "it did not end");
      return share;
    });
  }

  async entered(count: number, enter: (container: Container) => void): Promise<Found> {
    return this.#within(async (host) => {
      const over = `/srv/over-${this.#runs}`;
      const script = `echo up; while [ ! -e ${over} ]; do sleep 0.05; done`;
      const container = this.#start([...this.agent("container"), "/bin/sh", "-c", script]);
      await until(() => container.stdout === "up\n", "it did not start");
      for (let i = 0; i < count; i++) enter(container);
      writeFileSync(join(this.#root.path, over), "");
      await within(container.ended, RUN_MS_MAX, "it did not end");
      return foundIn(host);
    });
  }

  /** ns a read, by the time from a signal to the program's end. */
  async reads(agent: readonly string[]): Promise<number> {
    return this.#within(async () => {
      const [go, gone] = [`/srv/go-${this.#runs}`, `/srv/gone-${this.#runs}`];
      const words = `{ /usr/waits ${go} ${READS}; echo > ${gone}; } & sleep 0.3; exec ${[...agent, "/bin/sleep", "20"].join(" ")}`;
      const container = this.#start(["/bin/sh", "-c", words]);
      await sleep(2000);
      const from = performance.now();
      writeFileSync(join(this.#root.path, go), "");
      while (!existsSync(join(this.#root.path, gone))) await sleep(LOOK_MS);
      const ns = ((performance.now() - from) * 1e6) / READS;
      container.kill("KILL");
      await within(container.ended, RUN_MS_MAX, "it did not end");
      return ns;
    });
  }

  async #within<T>(run: (host: DeafHost) => Promise<T>): Promise<T> {
    this.#runs++;
    const path = join(this.#task.volume, "keep.sock");
    this.#host = new DeafHost(path, { reads: true, acknowledges: true });
    chmodSync(path, 0o777);
    try {
      return await run(this.#host);
    } finally {
      this.#host.close();
    }
  }

  #start(args: readonly string[]): Container {
    return this.#task.start({
      name: "app",
      rootfs: this.#root.path,
      mounts: [...this.#root.mounts, volume(this.#task, true)],
      addCapabilities: ["SYS_PTRACE"],
      environment: { VEDETTE_CONTAINER: "app" },
      args,
    });
  }
}

/** Of all its threads, from the scheduler. */
function cpuNs(pid: number): number {
  return readdirSync(`/proc/${pid}/task`)
    .map((thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]))
    .reduce((sum, ns) => sum + ns, 0);
}

function foundIn(host: DeafHost): Found {
  const [type, args] = ["evt.type", "evt.args"].map((name) => fieldValue(name)!);
  let [found, unseen] = [0, 0];
  for (const batch of host.batches) {
    for (const at of batch.offsets) {
      if (type!(batch, at) === "session.start") found++;
      unseen += Number(/UNSEEN.*value=(\d+)/.exec(String(args!(batch, at)))?.[1] ?? 0);
    }
  }
  return { found, unseen };
}
