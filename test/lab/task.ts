// SPDX-License-Identifier: Apache-2.0
// A task as Fargate runs one, on this machine: a network namespace with the metadata endpoint in it, a shared
// volume, and containers under runc. Everything is named after the task and is gone when it is closed, also
// after a failure.
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { type ContainerOptions, writeBundle } from "./bundle.js";
import { ADDRESS, containerId, type TaskFacts, taskArn } from "./metadata.js";
import { missingSeccomp } from "./seccomp.js";

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const CONTROLLERS = "cpu cpuacct cpuset memory devices freezer blkio pids".split(" ");
const NETWORKS = "/run/netns";
const PERIOD_US = 100_000;
const READY_MS_MAX = 60_000;
const STARTS_MAX = 5;
/**
 * runc 1.1 runs from a sealed copy of itself. On a busy machine the kernel may hold a page of the copy just
 * then, and refuses the seal with EBUSY (fcntl(2), F_ADD_SEALS). Nothing of the container has begun when runc
 * says this.
 */
const NOT_SEALED = "could not ensure we are a cloned binary";

/** What this machine lacks to run a task; null when it can. */
export function missingForTasks(): string | null {
  if (process.getuid?.() !== 0) return "root";
  for (const command of ["runc", "ip"]) {
    try {
      execFileSync("sh", ["-c", `command -v ${command}`], { stdio: "ignore" });
    } catch {
      return `the command ${command}`;
    }
  }
  return missingSeccomp();
}

/** Runs one program of a container from start to end. */
export class Container {
  readonly ended: Promise<Ended>;
  readonly #begin: () => ChildProcess;
  readonly #said: string[] = [];
  #stdout = "";
  #stderr = "";
  #starts = 0;
  #process!: ChildProcess;

  /** `begin` starts runc, and starts it again when runc could not seal itself. */
  constructor(
    readonly id: string,
    begin: () => ChildProcess,
  ) {
    this.#begin = begin;
    this.ended = new Promise((done) => this.#start(done));
  }

  #start(done: (ended: Ended) => void): void {
    this.#starts++;
    this.#stdout = "";
    this.#stderr = "";
    const child = this.#begin();
    this.#process = child;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.#stdout += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
    });
    child.on("close", (status) => {
      if (this.#stderr.includes(NOT_SEALED) && this.#starts < STARTS_MAX) this.#start(done);
      else done({ status, stdout: this.#stdout, stderr: this.#stderr });
    });
    for (const text of this.#said) child.stdin!.write(text);
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Writes to its stdin. */
  say(text: string): void {
    this.#said.push(text);
    this.#process.stdin!.write(text);
  }

  /** The pid of its first process, as the machine sees it. */
  pid(): number {
    return (JSON.parse(execFileSync("runc", ["state", this.id], { encoding: "utf8" })) as { pid: number }).pid;
  }

  kill(signal: string): void {
    execFileSync("runc", ["kill", this.id, signal], { stdio: "ignore" });
  }

  /**
   * ECS Exec: another process in the container, no child of its first one. What this test serves meanwhile, a
   * host or the metadata endpoint, goes on answering.
   */
  async exec(args: readonly string[], user = 0): Promise<Ended> {
    return execIn("-u", String(user), this.id, ...args);
  }
}

/** Runs `runc exec` with these words. A status of null: the limit of time ended it. */
export async function execIn(...words: readonly string[]): Promise<Ended> {
  for (let starts = 1; ; starts++) {
    const ended = await endOf(["exec", ...words]);
    if (!ended.stderr.includes(NOT_SEALED) || starts === STARTS_MAX) return ended;
  }
}

async function endOf(words: readonly string[]): Promise<Ended> {
  try {
    const { stdout, stderr } = await promisify(execFile)("runc", words, { encoding: "utf8", timeout: READY_MS_MAX });
    return { status: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number | null; stdout: string; stderr: string };
    return { status: code, stdout, stderr };
  }
}

/** Of all containers together, as a task definition's own `cpu` and `memory`. */
export interface TaskLimits {
  /** Of a CPU. */
  readonly cpu: number;
  readonly memoryBytes: number;
}

export class Task {
  readonly folder = mkdtempSync(join(tmpdir(), "vedette-task-"));
  readonly volume = join(this.folder, "volume");
  readonly name: string;
  readonly facts: TaskFacts;
  readonly #containers: Container[] = [];
  #endpoint: ChildProcess | null = null;
  readonly #limits: TaskLimits | undefined;
  /** Somebody has asked ECS's API to stop the task, and says why. */
  onStopTask: (reason: string) => void = () => undefined;

  constructor(containers: TaskFacts["containers"], family = "lab", limits?: TaskLimits) {
    this.#limits = limits;
    const taskId = randomBytes(16).toString("hex");
    this.name = `lab-${process.pid}-${taskId.slice(0, 6)}`;
    this.facts = { taskId, cluster: "lab", family, revision: "7", containers };
    mkdirSync(this.volume, { mode: 0o755 });
  }

  get arn(): string {
    return taskArn(this.facts);
  }

  /** The network, and the endpoint in it. */
  async open(): Promise<void> {
    sweep();
    const ip = (...args: string[]) => execFileSync("ip", args, { stdio: "pipe" });
    ip("netns", "add", this.name);
    ip("-n", this.name, "link", "set", "lo", "up");
    ip("-n", this.name, "addr", "add", `${ADDRESS}/32`, "dev", "lo");
    const server = ["--import", "tsx", resolve("test/lab/metadata.ts"), JSON.stringify(this.facts)];
    this.#endpoint = spawn("ip", ["netns", "exec", this.name, process.execPath, ...server], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const said = createInterface({ input: this.#endpoint.stdout! });
    const isReady = new Promise<void>((done) => said.once("line", () => done()));
    said.on("line", (line) => {
      const [, reason] = /^StopTask (.*)/.exec(line) ?? [];
      if (reason !== undefined) this.onStopTask(reason);
    });
    await within(isReady, READY_MS_MAX, "the metadata endpoint did not start");
    if (this.#limits !== undefined) this.#limit(this.#limits);
  }

  /** Starts a container; one that stands in the facts gets the endpoint's address in its environment. */
  start(options: ContainerOptions): Container {
    const bundle = join(this.folder, `bundle-${options.name}-${this.#containers.length}`);
    const index = this.facts.containers.findIndex(({ name }) => name === options.name);
    const uri =
      index < 0 ? {} : { ECS_CONTAINER_METADATA_URI_V4: `http://${ADDRESS}/v4/${containerId(this.facts, index)}` };
    const environment = { ...uri, ...options.environment };
    const group = `/ecs/${this.facts.taskId}/${containerId(this.facts, index < 0 ? this.#containers.length + 100 : index)}`;
    writeBundle(bundle, group, join(NETWORKS, this.name), { ...options, environment });
    const id = `${this.name}-${options.name}-${this.#containers.length}`;
    const container = new Container(id, () =>
      spawn("runc", ["run", "-b", bundle, id], { stdio: ["pipe", options.output ?? "pipe", "pipe"] }),
    );
    this.#containers.push(container);
    return container;
  }

  #limit({ cpu, memoryBytes }: TaskLimits): void {
    const set = (controller: string, name: string, value: number) => {
      const group = `/sys/fs/cgroup/${controller}/ecs/${this.facts.taskId}`;
      mkdirSync(group, { recursive: true });
      writeFileSync(join(group, name), String(value));
    };
    set("cpu", "cpu.cfs_period_us", PERIOD_US);
    set("cpu", "cpu.cfs_quota_us", Math.round(cpu * PERIOD_US));
    set("memory", "memory.limit_in_bytes", memoryBytes);
    mkdirSync(`/sys/fs/cgroup/cpuacct/ecs/${this.facts.taskId}`, { recursive: true });
  }

  /** What all its containers have taken so far, the start of each included. */
  cpuSeconds(): number {
    return Number(readFileSync(`/sys/fs/cgroup/cpuacct/ecs/${this.facts.taskId}/cpuacct.usage`, "utf8")) / 1e9;
  }

  async close(): Promise<void> {
    for (const { id } of this.#containers) {
      try {
        execFileSync("runc", ["delete", "-f", id], { stdio: "ignore" });
      } catch {} // it is gone already
    }
    await Promise.race([
      Promise.all(this.#containers.map((container) => container.ended)),
      sleep(READY_MS_MAX, undefined, { ref: false }),
    ]);
    this.#endpoint?.kill("SIGKILL");
    try {
      execFileSync("ip", ["netns", "del", this.name], { stdio: "ignore" });
    } catch {} // it was never made
    for (const controller of CONTROLLERS) removeGroup(`/sys/fs/cgroup/${controller}/ecs/${this.facts.taskId}`);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

type Awaitable<T> = T | Promise<T>;

/** Waits until `what` gives something, looking often; fails with `message` and what `tell` says. */
export async function until<T>(
  what: () => Awaitable<T | undefined | false | null>,
  message: string,
  tell: () => string = () => "",
  ms = READY_MS_MAX,
): Promise<T> {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = await what();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`${message}\n${tell()}`);
    await sleep(20);
  }
}

export function within<T>(promise: Promise<T>, ms: number, message: string): Promise<T> {
  const late = sleep(ms, undefined, { ref: false }).then(() => Promise.reject(new Error(message)));
  return Promise.race([promise, late]);
}

/** Resident memory of a process, in bytes. */
export function residentBytes(pid: number): number {
  return Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
}

/** Tasks whose test was killed before it could close them: their names say which process made them. */
function sweep(): void {
  const isDead = (name: string) => name.startsWith("lab-") && !existsSync(`/proc/${name.split("-")[1]}`);
  for (const id of execFileSync("runc", ["list", "-q"], { encoding: "utf8" }).split("\n").filter(isDead))
    execFileSync("runc", ["delete", "-f", id], { stdio: "ignore" });
  const names = existsSync(NETWORKS) ? readdirSync(NETWORKS).filter(isDead) : [];
  for (const name of names) execFileSync("ip", ["netns", "del", name], { stdio: "ignore" });
}

function removeGroup(path: string): void {
  try {
    rmdirSync(path);
  } catch {} // not made, or a container's group is in it still
}

export function isRunning(container: Container): boolean {
  try {
    return container.pid() > 0;
  } catch {
    return false;
  }
}
