// SPDX-License-Identifier: Apache-2.0
// Explains a policy that somebody else may have written: in a process of its own, in the jail in which
// tenants' policies are tried, with a bound of memory and of time. A policy that says its way counts no
// instructions, so one that does not come to an end is ended with its process.
import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { HostEnd } from "../engine/cell-wire.js";
import { jailCommand } from "../engine/jail.js";
import { causeOf, MEMORY_MIB } from "../engine/trial-house.js";
import { VedetteError } from "../errors.js";
import { builtFile } from "../paths.js";
import type { Explained } from "./nearest.js";
import type { TracedPolicy } from "./ways.js";
import { type AskedBatch, type FromWays, readWays, type ToWays } from "./ways-messages.js";

/** Of the process's start, which compiles the policy: a second of CPU, on a machine that may be busy. */
const START_MS_MAX = 20_000;

/** One process, which explains once. close() ends it. */
export class WaysHouse {
  readonly #child: ChildProcess;
  readonly #host: HostEnd<ToWays, FromWays>;
  #said = "";
  #hear: (answer: FromWays) => void = () => undefined;
  #end: string | null = null;

  constructor() {
    const { execPath, execArgv } = jailCommand(MEMORY_MIB);
    const child = spawn(execPath, [...execArgv, builtFile("js/host/policy/ways-child.js")], {
      env: {},
      stdio: ["ignore", "ignore", "pipe", "pipe"],
    });
    child.stderr?.on("data", (text: Buffer) => {
      this.#said = (this.#said + text).slice(-8192);
    });
    child.on("error", (error) => this.#fail(error.message));
    child.on("close", (status, signal) => this.#fail(causeOf(this.#said, `${signal ?? status}`)));
    this.#child = child;
    this.#host = new HostEnd(child.stdio[3] as Socket, {
      read: readWays,
      onMessage: (answer) => this.#hear(answer),
      onNonsense: (reason) => this.#fail(reason),
    });
  }

  /**
   * What each rule that is switched on says of the batches, from a new state. Throws VEDETTE_POLICY_TRIAL,
   * also where it takes longer than `ms` behind the start, and where close() comes first.
   */
  async explain(traced: TracedPolicy, batches: readonly AskedBatch[], ms: number): Promise<readonly Explained[]> {
    const answer = await new Promise<FromWays>((resolve) => {
      const lasts = START_MS_MAX + ms;
      const timer = setTimeout(() => this.#fail(`it took longer than ${lasts / 1000} s`), lasts);
      this.#hear = (said) => {
        clearTimeout(timer);
        resolve(said);
      };
      if (this.#end !== null) return this.#hear({ kind: "failed", reason: this.#end });
      this.#host.tell({ kind: "policy", traced });
      for (const batch of batches) this.#host.tell({ kind: "batch", batch });
      this.#host.tell({ kind: "end" });
    });
    if (answer.kind === "explained") return answer.rules;
    throw new VedetteError("VEDETTE_POLICY_TRIAL", { path: traced.policy.place, reason: answer.reason });
  }

  close(): void {
    this.#child.kill("SIGKILL");
    this.#fail("it was ended");
  }

  #fail(reason: string): void {
    this.#end ??= reason;
    this.#child.kill("SIGKILL");
    this.#hear({ kind: "failed", reason: this.#end });
  }
}
