// SPDX-License-Identifier: Apache-2.0
// Programs that a fleet runs on this machine. All of them end with this process.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ask } from "../ask.js";
import { until } from "../until.js";

/** For sockets and the like; it goes with this process. */
export const folder = mkdtempSync(join(tmpdir(), "vedette-fleet-"));
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));

/** One of ours, which answers at a socket of its own. */
export class Program {
  readonly child: ChildProcess;
  readonly #name: string;
  #said = "";

  constructor(name: string, argv: readonly string[]) {
    const [command = "", ...words] = argv;
    this.#name = name;
    this.child = spawn(command, words, { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, HOME: folder } });
    running.add(this.child);
    this.child.stderr?.setEncoding("utf8").on("data", (part: string) => {
      this.#said = `${this.#said}${part}`.slice(-8_000);
    });
    this.child.once("exit", () => running.delete(this.child));
  }

  /** Where it answers, if it is told to. */
  get socket(): string {
    return join(folder, `${this.#name}.sock`);
  }

  /** Waits until it says so on stderr. */
  async says(words: string): Promise<void> {
    const isOver = (): boolean => this.child.exitCode !== null || this.child.signalCode !== null;
    await until(`${this.#name} says "${words}"`, () => this.#said.includes(words) || isOver(), {
      tell: () => this.#said,
    });
    if (isOver()) throw new Error(`${this.#name} ended: ${this.#said}`);
  }

  /** What it said last. */
  get told(): string {
    return `${this.#name}: ${this.#said}`;
  }

  /** What it says of itself. */
  async health<T>(): Promise<T> {
    return (await ask(this.socket, "/api/v1/health")).json as T;
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (!running.has(this.child)) return;
    this.child.kill(signal);
    await once(this.child, "exit");
  }
}
