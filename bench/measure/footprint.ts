// SPDX-License-Identifier: Apache-2.0
//
// A task of 0.25 CPU and 512 MiB in all, as ECS limits one: the sidecar and one static workload, under
// Docker's seccomp profile and a read-only root. What starts later than it would, what is resident, and which
// share of a CPU it takes.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { VOLUME_PATH } from "../../host/ecs/layout.js";
import type { ContainerOptions } from "../../test/lab/bundle.js";
import { makeRootfs, type Rootfs } from "../../test/lab/rootfs.js";
import { agentWords, fillVolume, isListening, metric, SIDECAR, startSidecar, volume } from "../../test/lab/sidecar.js";
import { type Container, Task, type TaskLimits, within } from "../../test/lab/task.js";
import { AlertDelays } from "./alert-delays.js";
import { median } from "./median.js";
import { ROOT } from "./programs.js";

export const CPU = 0.25;
export const MEMORY_BYTES = 512 << 20;
const MIB = 1 << 20;
const RUN_MS_MAX = 60_000;
/** Of each load. */
export const LOAD_S = 8;
/** Opens that a rule tells, where all is on. */
const ALERTS_A_SECOND = 10;
/** Left out at each end of a load. */
const EDGE_MS = 1_500;
const TICKS_A_SECOND = 100;

export interface Delay {
  /** ms, medians: from the container's first instruction to the workload's. */
  readonly plain: number;
  readonly availability: number;
  /** The sidecar is there already; and it starts at the same moment. */
  readonly security: number;
  readonly securityCold: number;
  /** Seconds of CPU that the whole task takes until then, the containers' own start included. */
  readonly coldCpu: number;
}

export interface Load {
  readonly rate: number;
  /** Evidence, a collector, Firehose, a store and responses in dry-run beside the pack. */
  readonly isEverythingOn: boolean;
  /** What the program made in the time, and what was lost of its events. */
  readonly events: number;
  readonly lost: number;
  /** MiB. The agent's rings are memory of the workload's too, and counted apart. */
  readonly agentMiB: number;
  readonly ringsMiB: number;
  readonly hostMiB: number;
  /** Of these, pages of files: node's code, mostly, which the kernel can drop and read again. */
  readonly hostFilesMiB: number;
  /** MiB that waited in the agent towards the end. */
  readonly spoolMiB: number;
  /** Of one CPU. */
  readonly agentCpu: number;
  readonly hostCpu: number;
  readonly workloadCpu: number;
  /** From a call to its alert on standard output, in ms, sorted; without those of the first EDGE_MS. */
  readonly alertMs: readonly number[];
}

/** How the sidecar is started, and with which further words. */
type More = Partial<ContainerOptions> & { readonly words?: readonly string[] };

type LoadAlone = Omit<Load, "isEverythingOn" | "alertMs">;

export type Sizes = Readonly<Record<"agent" | "root" | "layer" | "image", number>>;

/** One after another in the same task, `rounds` of each start. */
export function measureFootprint(rates: readonly number[], rounds: number) {
  return inLab({ cpu: CPU, memoryBytes: MEMORY_BYTES }, async (lab, task) => {
    const delay = await lab.delays(rounds);
    const loads: Load[] = [];
    for (const rate of rates) loads.push(await lab.load(rate));
    loads.push(await lab.load(Math.max(...rates), everything(task)));
    return { delay, loads, sizes: sizes() };
  });
}

/** Loads with all of it on alone. */
export function measureFull(rate: number, loads: number): Promise<Load[]> {
  return inLab({ cpu: CPU, memoryBytes: MEMORY_BYTES }, async (lab, task) => {
    const most = everything(task);
    const measured: Load[] = [];
    while (measured.length < loads) measured.push(await lab.load(rate, most));
    return measured;
  });
}

/** A task of this size, as long as `measure` takes. */
export async function inLab<T>(limits: TaskLimits, measure: (lab: Lab, task: Task) => Promise<T>): Promise<T> {
  const app = { name: "app", image: "registry.example/app:1", digest: "sha256:0a" };
  const task = new Task([SIDECAR, app], "footprint", limits);
  await task.open();
  try {
    fillVolume(task);
    const programs = Object.fromEntries(["stamp", "paced"].map((name) => [`srv/${name}`, staticProgram(task, name)]));
    const root = makeRootfs("distroless", join(task.folder, "root"), programs);
    return await measure(new Lab(task, root), task);
  } finally {
    await task.close();
  }
}

export class Lab {
  readonly #task: Task;
  readonly #root: Rootfs;

  constructor(task: Task, root: Rootfs) {
    this.#task = task;
    this.#root = root;
  }

  async delays(rounds: number): Promise<Delay> {
    const [cold, coldCpu]: number[][] = [[], []];
    for (let round = 0; round < rounds; round++) {
      const before = this.#task.cpuSeconds();
      const sidecar = startSidecar(this.#task);
      cold!.push(await this.#delay(agentWords("--start", "security")));
      coldCpu!.push(this.#task.cpuSeconds() - before);
      await stop(sidecar);
    }
    const sidecar = startSidecar(this.#task);
    await isListening(sidecar);
    const [plain, availability, security]: number[][] = [[], [], []];
    for (let round = 0; round < rounds; round++) {
      plain!.push(await this.#delay([]));
      availability!.push(await this.#delay(agentWords("--start", "availability")));
      security!.push(await this.#delay(agentWords("--start", "security")));
    }
    await stop(sidecar);
    return {
      plain: median(plain!),
      availability: median(availability!),
      security: median(security!),
      securityCold: median(cold!),
      coldCpu: median(coldCpu!),
    };
  }

  async #delay(words: readonly string[]): Promise<number> {
    const { stdout } = await within(this.#start(["/srv/stamp", ...words, "/srv/stamp"]).ended, RUN_MS_MAX, "no stamps");
    const [first, last] = stdout.trim().split("\n").map(BigInt);
    return Number(last! - first!) / 1e6;
  }

  /** `calls`: of the workload, as paced.c knows them. */
  async load(rate: number, more: More = {}, calls: "read" | "open" = "read"): Promise<Load> {
    const isEverythingOn = more.words !== undefined;
    const receiver = isEverythingOn ? startReceiver(this.#task) : null;
    const delays = isEverythingOn ? new AlertDelays(this.#task.folder) : null;
    const sidecar = startSidecar(this.#task, { ...more, ...(delays === null ? {} : { output: delays.output }) });
    delays?.given();
    let since = 0;
    let isStopped = false;
    const stopOnce = async (): Promise<void> => {
      if (!isStopped) await stop(sidecar);
      isStopped = true;
    };
    try {
      await isListening(sidecar);
      since = Date.now() + EDGE_MS;
      const load = await this.#measured(sidecar, rate, isEverythingOn ? ["also", String(ALERTS_A_SECOND)] : [calls]);
      if (isEverythingOn && metric(this.#task, "vedette_output_sent_total", '"lake"') === 0)
        throw new Error(`Firehose got nothing: ${sidecar.stderr}`);
      await stopOnce();
      return { ...load, isEverythingOn, alertMs: (await delays?.since(since)) ?? [] };
    } finally {
      await stopOnce();
      receiver?.kill();
    }
  }

  async #measured(sidecar: Container, rate: number, calls: readonly string[]): Promise<LoadAlone> {
    const container = this.#start([...agentWords(), "/srv/paced", String(rate), String(LOAD_S), ...calls]);
    await sleep(EDGE_MS);
    const agent = container.pid();
    const host = sidecar.pid();
    const workload = Number(readFileSync(`/proc/${agent}/task/${agent}/children`, "utf8").trim().split(" ")[0]);
    const pids = [agent, host, workload];
    const [before, from] = [pids.map(cpuSeconds), performance.now()];
    await sleep(LOAD_S * 1000 - 2 * EDGE_MS);
    const seconds = (performance.now() - from) / 1000;
    const [agentCpu, hostCpu, workloadCpu] = pids.map((pid, i) => (cpuSeconds(pid) - before[i]!) / seconds);
    const memory = {
      agentMiB: resident(agent, "VmRSS") - resident(agent, "RssShmem"),
      ringsMiB: resident(agent, "RssShmem"),
      hostMiB: resident(host, "VmRSS"),
      hostFilesMiB: resident(host, "RssFile"),
    };
    const spoolMiB = metric(this.#task, "vedette_agent_spool_usage_bytes") / MIB;
    const { stdout, stderr } = await within(container.ended, RUN_MS_MAX, "the workload did not end");
    if (stdout === "") throw new Error(`the workload printed nothing: ${stderr}`);
    const lost = metric(this.#task, "vedette_lost_events_total", `"app"`);
    const shares = { agentCpu: agentCpu!, hostCpu: hostCpu!, workloadCpu: workloadCpu! };
    return { rate, events: Number(stdout), lost, spoolMiB, ...memory, ...shares };
  }

  #start(args: readonly string[]): Container {
    return this.#task.start({
      name: "app",
      rootfs: this.#root.path,
      mounts: [...this.#root.mounts, volume(this.#task, true)],
      readOnlyRoot: true,
      addCapabilities: ["SYS_PTRACE"],
      environment: { VEDETTE_CONTAINER: "app" },
      args,
    });
  }
}

const RECEIVER_PORT = 4318;
/** Answers a collector's questions and Firehose's: it has taken all. */
const RECEIVER = `require("http").createServer((request, answer) => request.resume().on("end",
  () => answer.end('{"FailedPutCount":0}'))).listen(${RECEIVER_PORT}, "127.0.0.1")`;

function startReceiver(task: Task): ChildProcess {
  return spawn("ip", ["netns", "exec", task.name, process.execPath, "-e", RECEIVER], { stdio: "ignore" });
}

/** What the sidecar is started with so that all of it is on. The workload's opens are findings then. */
function everything(task: Task): More {
  const put = (name: string, text: string): string => {
    writeFileSync(join(task.volume, name), text);
    return `${VOLUME_PATH}/${name}`;
  };
  const rule = "condition: evt.type=openat and fd.name=/dev/zero, output: opened, desc: d, priority: WARNING";
  const rules = put("rules.yaml", `- {rule: Opened, ${rule}}\n`);
  const respond = put("respond.yaml", "respond: [{rules: [Opened], action: kill-tree, mode: dry-run}]\n");
  const at = `http://127.0.0.1:${RECEIVER_PORT}`;
  const outputs = [
    `  siem: {type: otlp, url: "${at}", metrics: true, metrics_every_s: 5}`,
    `  lake: {type: firehose, stream: alerts, region: eu-west-1, endpoint: "${at}"}`,
  ];
  const config = put("vedette.yaml", `outputs:\n${outputs.join("\n")}\n`);
  const kept = ["--evidence", `${VOLUME_PATH}/evidence`, "--store", `${VOLUME_PATH}/store`];
  const environment = { AWS_ACCESS_KEY_ID: "AKIDONE", AWS_SECRET_ACCESS_KEY: "secret" };
  const words = ["--policy", "pack", "--falco-rules", rules, "--respond", respond, "--config", config, ...kept];
  return { words, environment };
}

async function stop(sidecar: Container): Promise<void> {
  sidecar.kill("TERM");
  await within(sidecar.ended, RUN_MS_MAX, "the sidecar did not end");
}

function staticProgram(task: Task, name: string): string {
  const out = join(task.folder, name);
  execFileSync("gcc", ["-O2", "-Wall", "-static", "-o", out, join(ROOT, "bench/programs", `${name}.c`)]);
  return out;
}

function resident(pid: number, name: string): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)![1]) / 1024;
}

/** User and system time of all its threads. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

/** MiB, of what `npm run package` made. */
function sizes(): Sizes {
  const folder = join(ROOT, "build/package");
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const sum = (keep: (path: string) => boolean) =>
    files
      .map((entry) => join(entry.parentPath, entry.name))
      .filter(keep)
      .reduce((total, path) => total + statSync(path).size, 0) / MIB;
  return {
    agent: sum((path) => path.endsWith("rootfs/vedette/vedette-capture")),
    root: sum((path) => path.startsWith(join(folder, "rootfs"))),
    layer: sum((path) => path.startsWith(join(folder, "image/blobs"))),
    image: sum((path) => path.endsWith("-image.tar")),
  };
}
