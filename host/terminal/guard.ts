// SPDX-License-Identifier: Apache-2.0
// Puts the terminal right when we are killed and cannot do it ourselves (SIGKILL, out of memory). A shell
// waits for the end of a pipe that we alone hold. At its end without a word from us, the shell leaves the
// alternate screen, and sets the terminal's modes back if they still are those that we set: a shell that
// noticed our end first has its own by then. Signals from the keyboard do not end it. Where there is no
// sh(1) or stty(1), as in a small image, there is no guard, and `reset` helps.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Writable } from "node:stream";
import { LEAVE } from "./screen.js";

const WAIT_MS = 2_000;
// Reads `raw` when the modes are set, `done` when they are set back.
const SCRIPT = `
trap '' INT TERM HUP QUIT TSTP TTIN TTOU PIPE
saved=$(stty -g <&3) || exit 0
echo ready
raw=none
while read -r word; do
  [ "$word" = done ] && exit 0
  [ "$word" = raw ] && raw=$(stty -g <&3)
done
[ "$(stty -g <&3)" = "$raw" ] && stty "$saved" <&3
printf '${LEAVE.replaceAll("\x1b", "\\033")}' >&3
`;

/** The shell that waits for our end. */
export class Guard {
  readonly #child: ChildProcess | null;

  /** Resolves when it knows the modes as they are. `fd`: the terminal. */
  static async start(fd: number): Promise<Guard> {
    try {
      const stdio = ["pipe", "pipe", "ignore", fd] as const;
      const child = spawn("/bin/sh", ["-c", SCRIPT], { stdio: [...stdio], env: { PATH: process.env.PATH ?? "" } });
      child.stdin?.on("error", () => undefined);
      const timer = AbortSignal.timeout(WAIT_MS);
      await Promise.race([once(child.stdout!, "data", { signal: timer }), once(child, "close", { signal: timer })]);
      child.unref();
      for (const stream of [child.stdin, child.stdout]) (stream as unknown as { unref(): void }).unref();
      return new Guard(child);
    } catch {
      return new Guard(null);
    }
  }

  private constructor(child: ChildProcess | null) {
    this.#child = child;
  }

  /** The terminal's modes are ours from now on. */
  onRaw(): void {
    this.#say("raw\n");
  }

  /** We put the terminal right ourselves. */
  onDone(): void {
    this.#say("done\n");
  }

  #say(word: string): void {
    const stdin: Writable | null | undefined = this.#child?.stdin;
    if (stdin !== undefined && stdin !== null && !stdin.destroyed) stdin.write(word);
  }
}
