// SPDX-License-Identifier: Apache-2.0
// A small ECS: runs a task definition in the lab (task.ts) under the rules by which ECS runs one, and keeps a
// diary of what it did. A second of ECS may be shorter here: `secondMs`. The rules, and where AWS says them:
//
//   dependsOn       START, COMPLETE, SUCCESS and HEALTHY; when the task stops, the other way round
//                   docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDependency.html
//   essential       one that ends has the task stopped (.../APIReference/API_ContainerDefinition.html)
//   restartPolicy   one that ran for restartAttemptPeriod (60 to 1800 s) is started again, unless it ended with
//                   a code of ignoredExitCodes or the task stops; one that ends sooner stays away
//                   docs.aws.amazon.com/AmazonECS/latest/developerguide/container-restart-policy.html
//   healthCheck     interval 30 s, timeout 5 s, retries 3, no startPeriod unless it says so; failures within
//                   the startPeriod do not count (.../APIReference/API_HealthCheck.html)
//   stopTimeout     SIGTERM, 30 s unless it says so, SIGKILL (.../APIReference/API_ContainerDefinition.html)
//
//   service         a task is unhealthy where an essential container is, whatever the others are, and a service
//                   stops such a task and starts another (docs.aws.amazon.com/AmazonECS/latest/developerguide/
//                   healthcheck.html); `isOfService`
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type ContainerDefinition, startDefined } from "./definition.js";
import { containerId } from "./metadata.js";
import type { Rootfs } from "./rootfs.js";
import { type Container, execIn, Task, until, within } from "./task.js";

export interface TaskDefinition {
  readonly family: string;
  readonly containerDefinitions: readonly ContainerDefinition[];
}

/** What a container runs in: its image, and the image's own entryPoint. */
export interface Image extends Pick<Rootfs, "path" | "mounts"> {
  readonly entryPoint?: readonly string[];
  /** What the definition's `secrets` name, by their ARNs. */
  readonly secrets?: Readonly<Record<string, string>>;
}

type Health = "UNKNOWN" | "HEALTHY" | "UNHEALTHY";

interface Run {
  readonly container: Container;
  readonly begun: number;
  /** Null: it runs. */
  status: number | null;
}

interface State {
  readonly definition: ContainerDefinition;
  readonly runs: Run[];
  health: Health;
  /** Of its processes, for want of memory. */
  kills: number;
}

/** A check is a program that has to start: on a busy machine that takes longer than ECS's seconds here. */
const WAIT_MS_MAX = 60_000;
const LOOK_MS = 5;
/** As a shell tells SIGKILL. */
const KILLED = 137;
const LOG_BYTES_MAX = 64 << 20;
const MEMORY_GROUPS = "/sys/fs/cgroup/memory";

export class EcsTask {
  readonly task: Task;
  /** `NAME STARTED`, `NAME STOPPED STATUS`, `NAME RESTARTED`, `NAME HEALTHY`, `task STOPPING: why` ... */
  readonly diary: string[] = [];
  /** Resolves when all containers have ended. */
  readonly stopped: Promise<void>;
  /** A service looks after it: it is stopped when it is unhealthy. */
  isOfService = false;
  readonly #images: Readonly<Record<string, Image>>;
  readonly #secondMs: number;
  readonly #states: ReadonlyMap<string, State>;
  #isStopping = false;
  #over: () => void = () => undefined;

  constructor(definition: TaskDefinition, images: Readonly<Record<string, Image>>, secondMs: number) {
    const facts = definition.containerDefinitions.map(({ name, image }) => ({ name, image, digest: "sha256:0a" }));
    this.task = new Task(facts, definition.family);
    this.task.onStopTask = (reason) => void this.stop(`StopTask: ${reason}`);
    this.#images = images;
    this.#secondMs = secondMs;
    this.#states = new Map(
      definition.containerDefinitions.map((one) => [
        one.name,
        { definition: one, runs: [], health: "UNKNOWN", kills: 0 },
      ]),
    );
    this.stopped = new Promise((done) => {
      this.#over = done;
    });
  }

  /**
   * Starts the containers, each when what it depends on allows it. The task is open by then (`task.open()`).
   */
  start(): void {
    for (const state of this.#states.values()) void this.#startInTurn(state);
  }

  /** Its latest run. */
  container(name: string): Container {
    return this.#states.get(name)!.runs.at(-1)!.container;
  }

  /** All runs of it, the first one first. */
  runs(name: string): Container[] {
    return this.#states.get(name)!.runs.map(({ container }) => container);
  }

  health(name: string): Health {
    return this.#states.get(name)!.health;
  }

  /** Waits until the diary has this line. */
  async sees(line: string | RegExp): Promise<void> {
    const isIt = (one: string) => (typeof line === "string" ? one === line : line.test(one));
    await until(
      () => this.diary.some(isIt),
      `ECS did not see: ${line}`,
      () => this.told(),
      WAIT_MS_MAX,
    );
  }

  /** For a failure's message. */
  told(): string {
    const texts = [...this.#states.values()].flatMap(({ definition, runs }) =>
      runs.map(({ container }, index) => `--- ${definition.name} ${index + 1}\n${container.stderr}`),
    );
    return [...this.diary, ...texts].join("\n");
  }

  /** As a deployment or StopTask does: those that others depend on end last. */
  async stop(why: string): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.diary.push(`task STOPPING: ${why}`);
    const left = new Set(this.#states.values());
    while (left.size > 0) {
      const isNeeded = ({ definition }: State) =>
        [...left].some((one) =>
          one.definition.dependsOn?.some(({ containerName }) => containerName === definition.name),
        );
      const next = [...left].filter((state) => !isNeeded(state));
      await Promise.all(next.map((state) => this.#stopOne(state)));
      for (const state of next) left.delete(state);
    }
    this.#over();
  }

  async close(): Promise<void> {
    this.#isStopping = true;
    await this.task.close();
  }

  async #startInTurn(state: State): Promise<void> {
    for (const { containerName, condition } of state.definition.dependsOn ?? [])
      while (!this.#isMet(containerName, condition)) {
        if (this.#isStopping) return;
        await sleep(LOOK_MS);
      }
    if (!this.#isStopping) this.#run(state);
  }

  #isMet(name: string, condition: string): boolean {
    const { runs, health } = this.#states.get(name)!;
    const [first] = runs;
    if (first === undefined) return false;
    switch (condition) {
      case "START":
        return true;
      case "COMPLETE":
        return first.status !== null;
      case "SUCCESS":
        return first.status === 0;
      default:
        return health === "HEALTHY";
    }
  }

  #run(state: State): void {
    const { definition, runs } = state;
    const image = this.#images[definition.name]!;
    const container = startDefined(this.task, definition, image, {
      entryPoint: image.entryPoint ?? [],
      secrets: image.secrets ?? {},
    });
    const run: Run = { container, begun: performance.now(), status: null };
    runs.push(run);
    this.diary.push(`${definition.name} ${runs.length === 1 ? "STARTED" : "RESTARTED"}`);
    void container.ended.then(({ status }) => this.#onEnded(state, run, status ?? -1));
    if (definition.healthCheck !== undefined) void this.#check(state, run);
  }

  async #onEnded(state: State, run: Run, status: number): Promise<void> {
    const { definition } = state;
    run.status = status;
    const kills = killsIn(this.memoryGroup(definition.name));
    const isOutOfMemory = status === KILLED && kills > state.kills;
    state.kills = kills;
    this.diary.push(`${definition.name} STOPPED ${status}${isOutOfMemory ? " OutOfMemoryError" : ""}`);
    if (this.#isStopping) return;
    const { enabled = false, ignoredExitCodes = [], restartAttemptPeriod = 300 } = definition.restartPolicy ?? {};
    const ranMs = performance.now() - run.begun;
    if (enabled && !ignoredExitCodes.includes(status) && ranMs >= restartAttemptPeriod * this.#secondMs) {
      await this.#isGone(definition.name);
      if (!this.#isStopping) this.#run(state);
    } else if (definition.essential !== false) await this.stop(`essential container ${definition.name} exited`);
  }

  /** Its control group is removed a moment after its end. */
  async #isGone(name: string): Promise<void> {
    const group = this.memoryGroup(name);
    await until(() => !existsSync(group), `${group} is still there`, undefined, WAIT_MS_MAX);
  }

  async #check(state: State, run: Run): Promise<void> {
    const { command, interval = 30, retries = 3, startPeriod = 0 } = state.definition.healthCheck!;
    let failures = 0;
    while (run.status === null && !this.#isStopping) {
      await sleep(interval * this.#secondMs, undefined, { ref: false });
      if (run.status !== null || this.#isStopping) return;
      const isWell = (await execIn(run.container.id, ...command.slice(1))).status === 0;
      if (run.status !== null || this.#isStopping) return;
      const isEarly = performance.now() - run.begun < startPeriod * this.#secondMs;
      if (isWell) failures = 0;
      else if (!isEarly) failures++;
      const health = isWell ? "HEALTHY" : failures >= retries ? "UNHEALTHY" : state.health;
      if (health === state.health) continue;
      state.health = health;
      this.diary.push(`${state.definition.name} ${health}`);
      if (this.isOfService && health === "UNHEALTHY" && state.definition.essential !== false)
        void this.stop("Task failed container health checks");
    }
  }

  async #stopOne({ definition, runs }: State): Promise<void> {
    const run = runs.at(-1);
    if (run === undefined || run.status !== null) return;
    const kill = (signal: string) => {
      try {
        run.container.kill(signal);
      } catch {} // it has ended meanwhile
    };
    kill("TERM");
    const late = sleep((definition.stopTimeout ?? 30) * 1000, true, { ref: false });
    const isLate = await Promise.race([run.container.ended.then(() => false), late]);
    if (isLate) this.diary.push(`${definition.name} KILLED: it outlived its stopTimeout`);
    if (isLate) kill("KILL");
    await within(run.container.ended, WAIT_MS_MAX, `${definition.name} does not end`);
  }

  /** The folder of its control group of memory. */
  memoryGroup(name: string): string {
    const { facts } = this.task;
    const index = facts.containers.findIndex((one) => one.name === name);
    return join(MEMORY_GROUPS, "ecs", facts.taskId, containerId(facts, index));
  }
}

/**
 * How many processes the kernel's log says it has killed there for want of memory. The group itself is gone
 * with its last process.
 */
function killsIn(group: string): number {
  const { stdout } = spawnSync("dmesg", { encoding: "utf8", maxBuffer: LOG_BYTES_MAX });
  return stdout.split(`oom_memcg=${group.slice(MEMORY_GROUPS.length)},`).length - 1;
}
