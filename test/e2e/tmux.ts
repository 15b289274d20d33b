// SPDX-License-Identifier: Apache-2.0
//
// A terminal that a test can look at: tmux with one window, on a socket of its own. What is seen is the
// screen as tmux understands it, so sequences that are wrong are seen too.
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { environment, scratch } from "./programs.js";

const LIMIT_MS = 60_000;
const LOOK_MS = 50;

const open = new Set<Tmux>();
process.on("exit", () => {
  for (const tmux of open) tmux.close();
});

export class Tmux {
  readonly folder = scratch();
  readonly #socket = join(this.folder, "tmux.sock");

  /** Starts dash, which leaves a terminal as a program that was killed left it. */
  constructor(width: number, height: number, env: Record<string, string> = {}) {
    const shell = "exec sh";
    const options = { LC_ALL: "C.UTF-8", PS1: "$ ", ENV: "", ...env };
    const size = ["-x", String(width), "-y", String(height)];
    execFileSync("tmux", ["-S", this.#socket, "-f", "/dev/null", "new-session", "-d", ...size, shell], {
      cwd: this.folder,
      env: environment(options),
    });
    open.add(this);
  }

  #ask(...words: readonly string[]): string {
    return execFileSync("tmux", ["-S", this.#socket, ...words], { encoding: "utf8", env: environment() });
  }

  /** Keys by tmux's names: `Enter`, `C-c`, `F2`; a text of blanks and letters is typed. */
  press(...keys: readonly string[]): void {
    this.#ask("send-keys", ...keys);
  }

  /** A line for the shell. */
  type(line: string): void {
    this.#ask("send-keys", "-l", line);
    this.#ask("send-keys", "Enter");
  }

  resize(width: number, height: number): void {
    this.#ask("resize-window", "-x", String(width), "-y", String(height));
  }

  /** Lines without blanks at their ends. */
  get screen(): string[] {
    return this.#ask("capture-pane", "-p")
      .replace(/\n$/, "")
      .split("\n")
      .map((line) => line.trimEnd());
  }

  /** `1` for each that is so: the alternate screen is shown, the cursor is. */
  get modes(): { isAlternate: boolean; hasCursor: boolean } {
    const [alternate, cursor] = this.#ask("display-message", "-p", "#{alternate_on} #{cursor_flag}").trim().split(" ");
    return { isAlternate: alternate === "1", hasCursor: cursor === "1" };
  }

  /** What the terminal's window is called. */
  get title(): string {
    return this.#ask("display-message", "-p", "#{pane_title} #{window_name}").trim();
  }

  /** Waits until the screen is like that; gives it. */
  async see(what: string, is: (screen: string) => boolean): Promise<string> {
    for (const end = performance.now() + LIMIT_MS; ; await sleep(LOOK_MS)) {
      const screen = this.screen.join("\n");
      if (is(screen)) return screen;
      if (performance.now() > end) throw new Error(`expected: ${what}; the screen is\n${screen}`);
    }
  }

  /** What is wrong with the terminal that the shell has again; empty: nothing. */
  async faults(): Promise<string[]> {
    this.type("clear; stty -a | tr ' ' '\\n' | grep -x -e -icanon -e -echo -e -isig -e -onlcr; echo told $((6 * 7))");
    const screen = await this.see("stty's answer", (screen) => screen.includes("told 42"));
    const { isAlternate, hasCursor } = this.modes;
    return [
      ...["-icanon", "-echo", "-isig", "-onlcr"].filter((mode) => screen.split("\n").includes(mode)),
      ...(isAlternate ? ["the alternate screen is shown"] : []),
      ...(hasCursor ? [] : ["the cursor is hidden"]),
    ];
  }

  close(): void {
    try {
      open.delete(this);
      this.#ask("kill-server");
    } catch {
      // It is gone already.
    }
    rmSync(this.#socket, { force: true });
  }
}
