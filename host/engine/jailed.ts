// SPDX-License-Identifier: Apache-2.0
// A process in the jail that does one thing for the host and answers: it tries policies (trial-house.ts), or
// explains them (../policy/ways-house.ts). Its memory is bounded; its time is whoever's started it.
import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { builtFile } from "../paths.js";
import { HostEnd } from "./cell-wire.js";
import { jailCommand } from "./jail.js";

/** A module of 512 KiB as Falco's rules make it needs 150 of it; Node itself some 100. */
const MEMORY_MIB = 512;
/** Of what it says before it ends. */
const SAID_MAX = 8192;

/** How its starter hears from it. */
export interface JailedEars<From> {
  /** The only form in which its words are taken; throws at another. */
  readonly read: (bytes: Uint8Array) => From;
  readonly onMessage: (message: From) => void;
  /** It has ended by itself, or says what it may not. Not called behind end(). */
  readonly onEnd: (reason: string) => void;
}

/** Starts it. Until keepsUsWaiting(true) our process may end meanwhile. */
export class Jailed<To, From> {
  readonly #child: ChildProcess;
  readonly #host: HostEnd<To, From>;
  #isOver = false;

  /** `script`: a built file. */
  constructor(script: string, { read, onMessage, onEnd }: JailedEars<From>) {
    const { execPath, execArgv } = jailCommand(MEMORY_MIB);
    const child = spawn(execPath, [...execArgv, builtFile(script)], {
      env: {},
      stdio: ["ignore", "ignore", "pipe", "pipe"],
    });
    let said = "";
    child.stderr?.on("data", (text: Buffer) => {
      said = (said + text).slice(-SAID_MAX);
    });
    const over = (reason: string): void => {
      if (this.#isOver) return;
      this.end();
      onEnd(reason);
    };
    child.on("error", (error) => over(error.message));
    child.on("close", (status, signal) => over(causeOf(said, `${signal ?? status}`)));
    this.#child = child;
    this.#host = new HostEnd(child.stdio[3] as Socket, {
      read,
      onMessage: (message) => {
        if (!this.#isOver) onMessage(message);
      },
      onNonsense: over,
    });
    this.keepsUsWaiting(false);
  }

  tell(message: To): void {
    this.#host.tell(message);
  }

  /** At once. */
  end(): void {
    this.#isOver = true;
    this.#child.kill("SIGKILL");
  }

  keepsUsWaiting(isKept: boolean): void {
    for (const one of [this.#child, this.#child.stderr as Socket | null, this.#child.stdio[3] as Socket | null])
      if (isKept) one?.ref();
      else one?.unref();
  }
}

/** Of its last words: V8 says that it has no memory, and where. */
function causeOf(said: string, end: string): string {
  if (/out of memory|bad_alloc|[Aa]llocation failed|Cannot allocate/.test(said))
    return `it needed more than ${MEMORY_MIB} MiB`;
  return /^\w*Error.*/m.exec(said)?.[0].slice(0, 500) ?? `it ended (${end})`;
}
