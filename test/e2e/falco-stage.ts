// SPDX-License-Identifier: Apache-2.0
// Plays scenes under `vedette run` with Falco's rules, on the machine or in a container as Fargate makes one,
// and gives the alerts of each scene. Every process of a scene has SCENE=N in its environment, which the
// alerts are made to tell.
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, copyFileSync, existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { FALCO } from "../falco-files.js";
import type { Task } from "../lab/task.js";
import { buildFixture } from "./fixtures.js";
import { ROOT, run, scratch, tail, VEDETTE } from "./programs.js";

export type Word = string | number;

/** A line of a scene, as test/fixtures/stage.c reads it. */
export type Line = readonly Word[];

export interface FalcoAlert {
  rule: string;
  priority: string;
  output_fields: Record<string, unknown>;
}

const SCENE = "proc.env[SCENE]";
const LIMIT_MS = 120_000;

export const RULES = ["falco_rules", "falco-incubating_rules", "falco-sandbox_rules"].map((name) =>
  join(FALCO, `rules/${name}.yaml`),
);

/** Where programs of a scene stand: one file under as many names as it takes. */
export class Wings {
  readonly folder = scratch();
  readonly #made = new Set<string>();
  readonly #outside: string[] = [];
  #rooms = 0;

  constructor() {
    chmodSync(this.folder, 0o755); // scenes may have another user
  }

  /** The path of the stage, or of another fixture, under a name of its own. */
  program(name: string, fixture = "stage"): string {
    const [path, original] = [join(this.folder, "bin", name), join(this.folder, fixture)];
    if (this.#made.has(name)) return path;
    this.#made.add(name);
    mkdirSync(dirname(path), { recursive: true });
    if (!existsSync(original)) copyFileSync(buildFixture(fixture), original);
    linkSync(original, path);
    return path;
  }

  /** A name that nothing else has. */
  unused(): string {
    return `eg-${this.folder.split("-").at(-1)}-${this.#rooms++}`;
  }

  /** A path below a folder of the machine that nothing has; what is made of it is removed in the end. */
  outside(folder: string): string {
    if (!existsSync(folder)) {
      mkdirSync(folder);
      this.#outside.push(folder);
    }
    const path = join(folder, this.unused());
    this.#outside.push(path);
    return path;
  }

  clear(): void {
    for (const path of this.#outside.splice(0).reverse()) rmSync(path, { recursive: true, force: true });
  }

  /** A folder for one scene to write in. */
  room(): string {
    const path = join(this.folder, `room-${this.#rooms++}`);
    mkdirSync(path);
    return path;
  }

  /** The command that plays the scenes. */
  command(scenes: readonly (readonly Line[])[]): string[] {
    const plan = join(this.folder, "plan");
    const text = scenes.flatMap((lines, i) => [`scene\t${i}`, ...lines.map((line) => line.join("\t"))]).join("\n");
    writeFileSync(plan, `${text}\n`);
    return [this.program("eg_stage"), plan];
  }
}

export interface PlayOptions {
  rules?: readonly string[];
  options?: readonly string[];
  isFalcoExact?: boolean;
  task?: Task; // in a container of this task
  network?: string; // on the machine, in a network of its own
  capabilities?: readonly string[]; // that the container has beside Docker's own
  isPrivileged?: boolean; // the container
  isUnconfined?: boolean; // the container has no seccomp profile
  passwd?: string; // a file that is /etc/passwd where the scenes are played
}

/** The alerts of each scene, by its place. */
export async function play(
  wings: Wings,
  scenes: readonly (readonly Line[])[],
  options: PlayOptions = {},
): Promise<FalcoAlert[][]> {
  const found: FalcoAlert[][] = scenes.map(() => []);
  for (const alert of await raise(wings, wings.command(scenes), options))
    found[Number(alert.output_fields[SCENE] ?? -1)]?.push(alert);
  return found;
}

/** The alerts that a command raises. */
export async function raise(
  wings: Wings,
  command: readonly string[],
  options: PlayOptions = {},
): Promise<FalcoAlert[]> {
  const alerts = join(wings.folder, "alerts");
  writeFileSync(alerts, "");
  const rules = (options.rules ?? RULES.slice(0, 1)).flatMap((path) => ["--falco-rules", path]);
  const extra = [
    "--option",
    `append_output[].extra_output=scene=%${SCENE}`,
    ...(options.options ?? []).flatMap((one) => ["--option", one]),
  ];
  const exact = options.isFalcoExact ? ["--falco-exact"] : [];
  const argv = [...VEDETTE, "run", ...rules, ...extra, ...exact, "--alerts", alerts, "--", ...command];
  const { status, stderr } = options.task
    ? await inContainer(options.task, wings, argv, options)
    : await run(inNetwork(options.network, withUsers(options.passwd, argv)), { limitMs: LIMIT_MS });
  if (status !== 0) throw new Error(`vedette run ended with ${status}\n${tail(stderr)}`);
  const lines = readFileSync(alerts, "utf8").split("\n").filter(Boolean);
  return lines.map((line) => JSON.parse(line) as FalcoAlert);
}

function inNetwork(network: string | undefined, argv: readonly string[]): string[] {
  return network === undefined ? [...argv] : ["ip", "netns", "exec", network, ...argv];
}

// In a mount namespace of its own.
function withUsers(passwd: string | undefined, argv: readonly string[]): string[] {
  if (passwd === undefined) return [...argv];
  return ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/passwd && exec "$@"', passwd, ...argv];
}

async function inContainer(
  task: Task,
  wings: Wings,
  args: readonly string[],
  { capabilities = [], isPrivileged = false, isUnconfined = false, passwd }: PlayOptions,
): Promise<{ status: number | null; stderr: string }> {
  const { makeRootfs } = await import("../lab/rootfs.js");
  const { path, mounts } = makeRootfs("debian", join(wings.folder, "rootfs"));
  const own = [ROOT, join(ROOT, "../shared"), wings.folder].map((source) => ({ source, destination: source }));
  for (const { destination } of own) mkdirSync(join(path, destination), { recursive: true });
  const layers = new Layers(path);
  try {
    const container = task.start({
      name: randomBytes(32).toString("hex"), // a container's id is known by its group
      rootfs: layers.merged,
      args,
      isPrivileged,
      isUnconfined,
      addCapabilities: ["SYS_PTRACE", ...capabilities],
      mounts: [...mounts, ...own, ...(passwd ? [{ source: passwd, destination: "/etc/passwd" }] : [])],
    });
    return await container.ended;
  } finally {
    layers.close();
  }
}

// As images are: what a container writes stands in a layer above them.
class Layers {
  readonly merged: string;

  constructor(lower: string) {
    const [upper, work, merged] = ["upper", "work", "merged"].map((name) => `${lower}-${name}`) as [
      string,
      string,
      string,
    ];
    for (const folder of [upper, work, merged]) mkdirSync(folder);
    execFileSync("mount", [
      "-t",
      "overlay",
      "overlay",
      "-o",
      `lowerdir=${lower},upperdir=${upper},workdir=${work}`,
      merged,
    ]);
    this.merged = merged;
  }

  close(): void {
    execFileSync("umount", [this.merged]);
  }
}
