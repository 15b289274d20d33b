// SPDX-License-Identifier: Apache-2.0
// The sidecar in the lab: the very root file system that `npm run package` makes, with the volume filled as
// ECS fills it, and the agent's command line as `instrument` writes it.
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { SECRET_PATH, SOCKET_PATH, VOLUME_PATH } from "../../host/ecs/layout.js";
import type { ContainerOptions, Mount } from "./bundle.js";
import type { TaskFacts } from "./metadata.js";
import { type Kind, makeRootfs, type Rootfs } from "./rootfs.js";
import { type Container, Task, until } from "./task.js";

const ROOTFS = "build/package/rootfs";
const AGENT = "build/vedette-capture";
const PACKAGE_MS_MAX = 120_000;
const LISTENING_MS_MAX = 60_000;
export const SIDECAR = { name: "vedette", image: "vedette/vedette:0.2.0", digest: "sha256:5e" };

/** Makes the package anew when the build is newer. */
export function packaged(): string {
  const made = [AGENT, "build/capture.node", "build/js/host/main.js", "build/js/host/sensor/sensor.js"];
  const policies = readdirSync("policies", { recursive: true, encoding: "utf8" }).map((path) => join("policies", path));
  const newest = Math.max(...[...made, ...policies].map(changedAt));
  if (!existsSync(join(ROOTFS, "app/package.json")) || changedAt(ROOTFS) < newest)
    execFileSync(process.execPath, ["build/js/host/image/package.js", "--arch", process.arch], {
      timeout: PACKAGE_MS_MAX,
      stdio: "pipe",
    });
  return resolve(ROOTFS);
}

function changedAt(path: string): number {
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}

/**
 * As ECS does with an image's volume: what the image holds there is copied before any container starts.
 * `agent`: another than this build's.
 */
export function fillVolume(task: Task, agent = AGENT): void {
  copyFileSync(agent, join(task.volume, "vedette-capture"));
}

export function volume(task: Task, readOnly: boolean): Mount {
  return { source: task.volume, destination: VOLUME_PATH, readOnly };
}

/**
 * A task of the sidecar and one application; `files`, of the application's image: path there, to what it is
 * copied from.
 */
export async function openTask(
  app: TaskFacts["containers"][number],
  kind: Kind,
  files: (folder: string) => Readonly<Record<string, string>> = () => ({}),
): Promise<{ task: Task; root: Rootfs }> {
  const task = new Task([SIDECAR, app]);
  await task.open();
  fillVolume(task);
  const folder = join(task.folder, kind);
  mkdirSync(folder);
  return { task, root: makeRootfs(kind, folder, files(task.folder)) };
}

export function startSidecar(
  task: Task,
  options: Partial<ContainerOptions> & { readonly words?: readonly string[] } = {},
): Container {
  const words = ["serve", "--listen", `unix:${SOCKET_PATH}`, "--secret-file", SECRET_PATH, ...(options.words ?? [])];
  return task.start({
    name: SIDECAR.name,
    rootfs: packaged(),
    readOnlyRoot: true,
    mounts: [volume(task, false)],
    memoryBytes: 512 << 20,
    ...options,
    args: ["/bin/vedette", ...words],
  });
}

export function isListening(sidecar: Container, ms = LISTENING_MS_MAX): Promise<true> {
  return until(
    () => /listening at/.test(sidecar.stderr) as true | false,
    "the sidecar does not listen",
    () => sidecar.stderr,
    ms,
  );
}

/** What stands before a container's own words. */
export function agentWords(...options: string[]): string[] {
  return [
    `${VOLUME_PATH}/vedette-capture`,
    "--host",
    `unix:${SOCKET_PATH}`,
    "--secret-file",
    SECRET_PATH,
    ...options,
    "--",
  ];
}

export interface LabAlert {
  readonly rule: string;
  readonly output: string;
  // biome-ignore lint/suspicious/noExplicitAny: fields are of any kind.
  readonly output_fields: Record<string, any>;
}

export function alertsOf(sidecar: Container): LabAlert[] {
  const lines = sidecar.stdout.split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as LabAlert);
}

/** A number of /metrics, summed over labels that hold `label`. */
export function metric(task: Task, name: string, label = ""): number {
  const url = "http://127.0.0.1:7410/metrics";
  const text = execFileSync("ip", ["netns", "exec", task.name, "curl", "-s", "--max-time", "5", url], {
    encoding: "utf8",
  });
  const rows = text.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return rows.filter((row) => row.includes(label)).reduce((sum, row) => sum + Number(row.split(" ").at(-1)), 0);
}

/** The lab's workload, linked as programs of each kind of image are. */
export function buildWorkload(kind: "distroless" | "musl" | "debian", to: string): string {
  const [compiler, ...flags] = { distroless: ["gcc", "-static"], musl: ["musl-gcc"], debian: ["gcc"] }[kind];
  execFileSync(compiler!, [...flags, "-O1", "-o", to, "test/lab/workload.c"], { stdio: "pipe" });
  return to;
}

export function readAgentPid(container: Container): number {
  return Number(readFileSync(`/proc/${container.pid()}/stat`, "utf8").split(" ")[0]);
}
