// SPDX-License-Identifier: Apache-2.0
//
// Runs programs for the end-to-end tests: bare, under Vedette, or under anything else. Every run has a time
// limit that ends its whole process group, a directory of its own, and a plain environment, so that two runs
// of a program differ only in what watches it.
import { type ChildProcess, execFileSync, type SpawnOptions, spawn, spawnSync } from "node:child_process";
import { on } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export const ROOT = resolve(import.meta.dirname, "../..");
export const AGENT = join(ROOT, "build/vedette-capture");
export const VEDETTE = [process.execPath, join(ROOT, "build/js/host/main.js")];

export interface Run {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  timedOut: boolean;
  ms: number;
}

export interface RunOptions {
  cwd?: string;
  input?: string;
  env?: Record<string, string>;
  limitMs?: number;
}

const LIMIT_MS = 60_000;

export function environment(extra: Record<string, string> = {}): Record<string, string> {
  const { PATH = "", HOME = "/", GOCACHE, GOPATH, CARGO_HOME, RUSTUP_HOME, VEDETTE_ASSUME_KERNEL } = process.env;
  const kept = Object.entries({ GOCACHE, GOPATH, CARGO_HOME, RUSTUP_HOME, VEDETTE_ASSUME_KERNEL }).filter(
    (entry) => entry[1] !== undefined,
  );
  // A bash of level 1 whose input is a socket, as Node.js makes them, would run ~/.bashrc.
  return {
    PATH,
    HOME,
    LC_ALL: "C",
    TZ: "UTC",
    SHLVL: "1",
    ...Object.fromEntries(kept as [string, string][]),
    ...extra,
  };
}

/**
 * A started program: its end as a promise, the process for those that must signal it, and what it has printed
 * and said (on stderr) so far.
 */
export function start(argv: string[], options: RunOptions = {}) {
  const begun = performance.now();
  const spawnOptions: SpawnOptions = {
    cwd: options.cwd ?? ROOT,
    env: environment(options.env),
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
  };
  const child = spawn(argv[0]!, argv.slice(1), spawnOptions);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout!.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr!.on("data", (chunk: Buffer) => stderr.push(chunk));
  child.stdin!.on("error", () => {}); // a program need not read its input
  child.stdin!.end(options.input ?? "");
  const ended = new Promise<Run>((done, fail) => {
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      endGroup(child.pid);
    }, options.limitMs ?? LIMIT_MS);
    child.on("error", fail);
    // A descendant that keeps the pipes open must not keep the test: what came within a moment is what there
    // is.
    child.on("exit", () => setTimeout(() => child.stdout!.destroy(), 3_000).unref());
    child.on("close", (status, signal) => {
      clearTimeout(timer);
      done({
        status,
        signal,
        stdout: Buffer.concat(stdout).toString("latin1"),
        stderr: textOf(stderr),
        timedOut,
        ms: performance.now() - begun,
      });
    });
  });
  return { child, ended, printed: () => textOf(stdout), said: () => textOf(stderr) };
}

/** Who of a started program's group there is, and where in the kernel each waits: for what hangs. */
export function groupOf(pid: number | undefined): string {
  const columns = ["-o", "pid,ppid,stat,wchan:24,args"];
  const { stdout } = spawnSync("ps", ["-ww", "-L", ...columns, "-g", String(pid)], { encoding: "utf8" });
  return stdout;
}

const textOf = (parts: readonly Buffer[]): string => Buffer.concat(parts).toString("utf8");

export async function run(argv: string[], options: RunOptions = {}): Promise<Run> {
  const ended = await start(argv, options).ended;
  if (ended.timedOut) {
    throw new Error(`timed out: ${argv.join(" ")}\nstdout: ${tail(ended.stdout)}\nstderr: ${tail(ended.stderr)}`);
  }
  return ended;
}

/**
 * A compiler's result, there at once or not at all: another test may be starting the same program, or
 * building it too.
 */
export function compile(compiler: string, args: (out: string) => string[], out: string): string {
  mkdirSync(dirname(out), { recursive: true });
  const unfinished = `${out}.${process.pid}`;
  execFileSync(compiler, args(unfinished), { env: environment({ CGO_ENABLED: "0" }), stdio: "pipe" });
  renameSync(unfinished, out);
  return out;
}

export function tail(text: string, size = 2_000): string {
  return text.length <= size ? text : `...${text.slice(-size)}`;
}

export function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Gone already.
  }
}

const folders: string[] = [];
process.on("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A directory for one run, by the kernel's name for it (a link in the way would show in every path). */
export function scratch(): string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), "vedette-test-"));
  folders.push(folder);
  return folder;
}

export function hasCommand(command: string): boolean {
  if (command.includes("/")) return existsSync(command);
  return environment()
    .PATH!.split(":")
    .some((folder) => existsSync(join(folder, command)));
}

/**
 * `npm test -- NAME` hands the names on: a test that is a table runs only the rows that hold one, or all when
 * none does.
 */
export function selected<T extends { name: string }>(rows: T[]): T[] {
  const names = (process.env.VEDETTE_TEST ?? "").split(",").filter((name) => name !== "");
  const chosen = rows.filter((row) => names.some((name) => row.name.includes(name)));
  return chosen.length > 0 ? chosen : rows;
}

/** Everything that a program has said until it says this word. */
export async function says(program: ChildProcess, word: string): Promise<string> {
  let text = "";
  for await (const [chunk] of on(program.stdout!, "data")) {
    text += String(chunk);
    if (text.includes(word)) return text;
  }
  throw new Error(`it ended without "${word}": ${text}`);
}

/** The agent that a `vedette` has started, once that has launched its workload. */
export async function agentOf(host: number): Promise<number> {
  for (;;) {
    const children = readFileSync(`/proc/${host}/task/${host}/children`, "utf8").trim().split(" ");
    const agent = children.find((pid) => pid !== "" && commandOf(pid).includes("vedette-capture"));
    if (agent !== undefined && readFileSync(`/proc/${agent}/task/${agent}/children`, "utf8").trim() !== "")
      return Number(agent);
    await sleep(20);
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}
